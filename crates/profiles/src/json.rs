//! JSON with what `serde_json` does not tell: keys that stand twice in one object.

use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Number, Value};
use std::cell::RefCell;
use std::fmt;

/// A document, and where a key stood twice (the later value is in the document).
#[derive(Debug)]
pub(crate) struct Parsed {
    /// The document.
    pub(crate) value: Value,
    /// Places below the root, outermost first.
    pub(crate) doubled: Vec<Vec<Step>>,
}

/// A step from a value to one inside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Of an object.
    Key(String),
    /// Of a list.
    Index(usize),
}

/// Reads a document. Nesting deeper than 128 is an error.
pub(crate) fn parse(bytes: &[u8]) -> Result<Parsed, serde_json::Error> {
    let doubled = RefCell::new(Vec::new());
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Seed(&doubled).deserialize(&mut reader)?;
    reader.end()?;
    let mut doubled: Vec<Vec<Step>> = doubled.into_inner();
    // Inner steps were noted first.
    for place in &mut doubled {
        place.reverse();
    }
    Ok(Parsed { value, doubled })
}

#[derive(Clone, Copy)]
struct Seed<'n>(&'n RefCell<Vec<Vec<Step>>>);

impl Seed<'_> {
    /// Adds the step to what was noted since there were so many.
    fn lead(self, before: usize, step: &dyn Fn() -> Step) {
        let mut noted = self.0.borrow_mut();
        noted.iter_mut().skip(before).for_each(|place| place.push(step()));
    }

    fn noted(self) -> usize {
        self.0.borrow().len()
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("number out of range"))?;
        Ok(Value::Number(number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        loop {
            let before = self.noted();
            let Some(value) = list.next_element_seed(self)? else {
                return Ok(Value::Array(values));
            };
            let index = values.len();
            self.lead(before, &|| Step::Index(index));
            values.push(value);
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let before = self.noted();
            let value = map.next_value_seed(self)?;
            self.lead(before, &|| Step::Key(key.clone()));
            match fields.entry(key) {
                Entry::Vacant(place) => {
                    place.insert(value);
                }
                Entry::Occupied(mut place) => {
                    self.0.borrow_mut().push(vec![Step::Key(place.key().clone())]);
                    place.insert(value);
                }
            }
        }
        Ok(Value::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doubled_key_is_told_with_its_place() {
        let parsed =
            parse(br#"{"a": [{"b": 1}, {"b": 1, "c": 2, "b": 3}], "a2": {"x": 1}, "a2": 4}"#).unwrap();
        let key = |key: &str| Step::Key(key.to_owned());
        assert_eq!(
            parsed.doubled,
            [vec![key("a"), Step::Index(1), key("b")], vec![key("a2")]]
        );
        assert_eq!(parsed.value["a"][1]["b"], 3);
    }

    #[test]
    fn what_is_no_json_and_what_is_too_deep_is_an_error() {
        assert!(parse(b"{\"a\": }").is_err());
        assert!(parse(b"{} x").is_err());
        let deep = "[".repeat(10_000);
        assert!(parse(deep.as_bytes()).is_err());
    }
}
