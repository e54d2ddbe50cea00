//! The form of a request, asked of the very type that reads it: `Deserialize` is run with a reader that notes what is
//! asked for and gives the smallest value of that kind.

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Error as _, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};
use serde::{Deserializer, forward_to_deserialize_any};
use serde_json::{Map, Value, json};

/// The form of a value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Shape {
    /// Whatever JSON can say.
    #[default]
    Any,
    /// Text.
    Text,
    /// True or false.
    Truth,
    /// A whole number, within these bounds (both inside).
    Whole(i128, i128),
    /// A number.
    Number,
    /// A value that may be absent or null.
    Optional(Box<Shape>),
    /// Values of one form.
    List(Box<Shape>),
    /// Values of these forms, in this order.
    Row(Vec<Shape>),
    /// Values of one form under any name.
    Map(Box<Shape>),
    /// Named values.
    Fields(Vec<Field>),
}

/// A named value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its form.
    pub(crate) shape: Shape,
    /// Whether the request is refused without it.
    pub(crate) required: bool,
}

impl Shape {
    /// The form that a type reads.
    ///
    /// # Errors
    /// The type's own refusal, when it does not take the smallest value of what it asks for.
    pub(crate) fn of<T: DeserializeOwned>() -> Result<Self, String> {
        let mut shape = Self::Any;
        let run = |shape: &mut Self, without: Option<&[usize]>| {
            T::deserialize(Probe { shape, without })
                .map(|_| ())
                .map_err(|error| error.to_string())
        };
        run(&mut shape, None)?;
        for path in shape.paths() {
            let required = run(&mut Self::Any, Some(&path)).is_err();
            shape.require(&path, required);
        }
        Ok(shape)
    }

    /// The ways to all fields, each a number of a field a level.
    fn paths(&self) -> Vec<Vec<usize>> {
        match self {
            Self::Fields(fields) => {
                let mut paths = Vec::new();
                for (number, field) in fields.iter().enumerate() {
                    paths.push(vec![number]);
                    paths.extend(
                        field
                            .shape
                            .paths()
                            .into_iter()
                            .map(|path| [vec![number], path].concat()),
                    );
                }
                paths
            }
            _ => Vec::new(),
        }
    }

    fn require(&mut self, path: &[usize], required: bool) {
        let (Self::Fields(fields), [number, rest @ ..]) = (self, path) else {
            return;
        };
        let Some(field) = fields.get_mut(*number) else {
            return;
        };
        if rest.is_empty() {
            field.required = required;
        } else {
            field.shape.require(rest, required);
        }
    }

    /// The fields, where it has any.
    pub(crate) fn fields(&self) -> &[Field] {
        match self {
            Self::Fields(fields) => fields,
            _ => &[],
        }
    }

    /// The same as JSON Schema (2020-12). In a form or a query there is no null: what is optional is left out.
    pub(crate) fn schema(&self, in_json: bool) -> Value {
        match self {
            Self::Any => json!({}),
            Self::Text => json!({"type": "string"}),
            Self::Truth => json!({"type": "boolean"}),
            Self::Number => json!({"type": "number"}),
            Self::Whole(low, high) => {
                json!({"type": "integer", "minimum": whole(*low), "maximum": whole(*high)})
            }
            Self::Optional(inner) if in_json => {
                json!({"oneOf": [inner.schema(in_json), {"type": "null"}]})
            }
            Self::Optional(inner) => inner.schema(in_json),
            Self::List(inner) => json!({"type": "array", "items": inner.schema(in_json)}),
            Self::Row(row) => {
                let row: Vec<Value> = row.iter().map(|one| one.schema(in_json)).collect();
                json!({"type": "array", "prefixItems": row})
            }
            Self::Map(inner) => json!({"type": "object", "additionalProperties": inner.schema(in_json)}),
            Self::Fields(fields) => {
                let properties: Map<String, Value> = fields
                    .iter()
                    .map(|field| (field.name.to_owned(), field.shape.schema(in_json)))
                    .collect();
                let required: Vec<&str> = fields
                    .iter()
                    .filter(|field| field.required)
                    .map(|field| field.name)
                    .collect();
                let mut schema = json!({"type": "object", "properties": properties});
                if !required.is_empty()
                    && let Some(object) = schema.as_object_mut()
                {
                    object.insert("required".to_owned(), json!(required));
                }
                schema
            }
        }
    }
}

/// A bound as JSON: whole numbers of JSON Schema are those of 64 bits here.
fn whole(number: i128) -> Value {
    i64::try_from(number).map_or_else(
        |_| json!(u64::try_from(number).unwrap_or(u64::MAX)),
        |number| json!(number),
    )
}

/// Notes what is asked for. `without` is the way to a field that is left out.
struct Probe<'s> {
    shape: &'s mut Shape,
    without: Option<&'s [usize]>,
}

type Refused = serde::de::value::Error;

/// Methods that note a form and give a value.
macro_rules! notes {
    ($($method:ident => $shape:expr, $visit:ident($value:expr);)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
            *self.shape = $shape;
            visitor.$visit($value)
        }
    )*};
}

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = Refused;

    notes! {
        deserialize_bool => Shape::Truth, visit_bool(false);
        deserialize_i8 => Shape::Whole(i8::MIN.into(), i8::MAX.into()), visit_i64(0);
        deserialize_i16 => Shape::Whole(i16::MIN.into(), i16::MAX.into()), visit_i64(0);
        deserialize_i32 => Shape::Whole(i32::MIN.into(), i32::MAX.into()), visit_i64(0);
        deserialize_i64 => Shape::Whole(i64::MIN.into(), i64::MAX.into()), visit_i64(0);
        deserialize_u8 => Shape::Whole(0, u8::MAX.into()), visit_u64(0);
        deserialize_u16 => Shape::Whole(0, u16::MAX.into()), visit_u64(0);
        deserialize_u32 => Shape::Whole(0, u32::MAX.into()), visit_u64(0);
        deserialize_u64 => Shape::Whole(0, u64::MAX.into()), visit_u64(0);
        deserialize_f32 => Shape::Number, visit_f64(0.0);
        deserialize_f64 => Shape::Number, visit_f64(0.0);
        deserialize_char => Shape::Text, visit_char('a');
        deserialize_str => Shape::Text, visit_str("");
        deserialize_string => Shape::Text, visit_string(String::new());
    }

    forward_to_deserialize_any! { bytes byte_buf unit unit_struct enum identifier ignored_any i128 u128 }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        *self.shape = Shape::Any;
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        *self.shape = Shape::Optional(Box::default());
        let Shape::Optional(shape) = self.shape else {
            return Err(Refused::custom("no form"));
        };
        visitor.visit_some(Probe { shape, without: None })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        let mut row = vec![Shape::Any];
        let read = visitor.visit_seq(Row {
            row: &mut row,
            next: 0,
        });
        *self.shape = Shape::List(Box::new(row.pop().unwrap_or_default()));
        read
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Refused> {
        let mut row = vec![Shape::Any; length];
        let read = visitor.visit_seq(Row {
            row: &mut row,
            next: 0,
        });
        *self.shape = Shape::Row(row);
        read
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.deserialize_tuple(length, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        let mut shape = Shape::Any;
        let read = visitor.visit_map(Entry {
            shape: &mut shape,
            given: false,
        });
        *self.shape = Shape::Map(Box::new(shape));
        read
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        let mut fields: Vec<Field> = names
            .iter()
            .map(|name| Field {
                name,
                shape: Shape::Any,
                required: false,
            })
            .collect();
        let read = visitor.visit_map(Fields {
            list: &mut fields,
            next: 0,
            without: self.without,
        });
        *self.shape = Shape::Fields(fields);
        read
    }
}

/// One value of each.
struct Row<'s> {
    row: &'s mut Vec<Shape>,
    next: usize,
}

impl<'de> SeqAccess<'de> for Row<'_> {
    type Error = Refused;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Refused> {
        let Some(shape) = self.row.get_mut(self.next) else {
            return Ok(None);
        };
        self.next += 1;
        seed.deserialize(Probe { shape, without: None }).map(Some)
    }
}

/// One entry, whose name is text.
struct Entry<'s> {
    shape: &'s mut Shape,
    given: bool,
}

impl<'de> MapAccess<'de> for Entry<'_> {
    type Error = Refused;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Refused> {
        if std::mem::replace(&mut self.given, true) {
            return Ok(None);
        }
        let key: StrDeserializer<'_, Refused> = "a".into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Refused> {
        seed.deserialize(Probe {
            shape: self.shape,
            without: None,
        })
    }
}

/// Each field once, but for the one that is left out.
struct Fields<'s> {
    list: &'s mut Vec<Field>,
    next: usize,
    without: Option<&'s [usize]>,
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = Refused;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Refused> {
        if matches!(self.without, Some([only]) if *only == self.next) {
            self.next += 1;
        }
        let Some(field) = self.list.get(self.next) else {
            return Ok(None);
        };
        let key: StrDeserializer<'_, Refused> = field.name.into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Refused> {
        let number = self.next;
        self.next += 1;
        let without = match self.without {
            Some([first, rest @ ..]) if *first == number && !rest.is_empty() => Some(rest),
            _ => None,
        };
        let Some(field) = self.list.get_mut(number) else {
            return Err(Refused::custom("no such field"));
        };
        seed.deserialize(Probe {
            shape: &mut field.shape,
            without,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use std::collections::BTreeMap;

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its form is read")]
    struct Inner {
        name: String,
        #[serde(default)]
        size: u32,
    }

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its form is read")]
    struct Outer {
        inner: Inner,
        #[serde(rename = "n")]
        number: Option<i64>,
        many: Vec<String>,
        #[serde(default)]
        part: f64,
    }

    #[test]
    fn a_type_tells_its_form_and_what_must_be_there() {
        let shape = Shape::of::<Outer>().unwrap();
        let schema = shape.schema(true);
        assert_eq!(schema["required"], json!(["inner", "many"]));
        let properties = &schema["properties"];
        assert_eq!(properties["inner"]["required"], json!(["name"]));
        assert_eq!(
            properties["inner"]["properties"]["size"]["maximum"],
            json!(u32::MAX)
        );
        assert_eq!(properties["n"]["oneOf"][1], json!({"type": "null"}));
        assert_eq!(
            properties["many"],
            json!({"type": "array", "items": {"type": "string"}})
        );
        assert_eq!(properties["part"], json!({"type": "number"}));
        assert_eq!(shape.schema(false)["properties"]["n"]["type"], "integer");
    }

    #[test]
    fn maps_and_rows_tell_theirs() {
        let of = |shape: Result<Shape, String>| shape.unwrap().schema(true);
        assert_eq!(
            of(Shape::of::<BTreeMap<String, String>>()),
            json!({"type": "object", "additionalProperties": {"type": "string"}})
        );
        assert_eq!(
            Shape::of::<(i64, String)>().unwrap(),
            Shape::Row(vec![Shape::Whole(i64::MIN.into(), i64::MAX.into()), Shape::Text])
        );
    }
}
