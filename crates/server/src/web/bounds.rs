//! What a body may hold, whatever its length: four megabytes of brackets or of `a&b&c` would become hundreds once read.

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;

/// Most values in a JSON body: five thousand resources of forty values each. A named value takes some 230 bytes.
const MOST_VALUES: usize = 200_000;
/// Deepest JSON: twice what a resource in a bundle in a request needs.
const DEEPEST: usize = 64;
/// Most fields of a form: a review of a long note has some hundreds.
const MOST_FIELDS: usize = 10_000;

/// Why a body is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TooMuch {
    /// Too many values.
    #[error("it holds more than {MOST_VALUES} values")]
    Values,
    /// Too deep.
    #[error("it is nested more than {DEEPEST} levels deep")]
    Depth,
}

/// Looks over JSON before it is read, without keeping anything of it. What is no JSON is the reader's affair.
///
/// # Errors
/// When it is too deep, or holds too many values.
pub(crate) fn weighed(json: &[u8]) -> Result<(), TooMuch> {
    let (mut values, mut depth, mut in_text, mut escaped) = (1_usize, 0_usize, false, false);
    for byte in json {
        if in_text {
            (in_text, escaped) = match byte {
                _ if escaped => (true, false),
                b'\\' => (true, true),
                b'"' => (false, false),
                _ => (true, false),
            };
            continue;
        }
        match byte {
            b'"' => in_text = true,
            b',' => values += 1,
            b'[' | b'{' => {
                values += 1;
                depth += 1;
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST {
            return Err(TooMuch::Depth);
        }
        if values > MOST_VALUES {
            return Err(TooMuch::Values);
        }
    }
    Ok(())
}

/// The fields of a form whose names are not known beforehand; of a name that comes twice the last.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Fields(BTreeMap<String, String>);

impl Fields {
    /// Fields that a page fills in itself.
    pub(crate) fn of(fields: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(fields.into_iter().collect())
    }
}

impl Deref for Fields {
    type Target = BTreeMap<String, String>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reads;
        impl<'de> Visitor<'de> for Reads {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "at most {MOST_FIELDS} fields")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = BTreeMap::new();
                let mut count = 0;
                while let Some((name, value)) = map.next_entry::<String, String>()? {
                    count += 1;
                    if count > MOST_FIELDS {
                        return Err(A::Error::custom(format!(
                            "the form has more than {MOST_FIELDS} fields"
                        )));
                    }
                    fields.insert(name, value);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Reads)
    }
}

/// Whether a form that is read by hand has too many fields.
pub(crate) fn has_too_many_fields(form: &[u8]) -> bool {
    form.split(|byte| *byte == b'&').count() > MOST_FIELDS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_grow_is_refused_before_it_is_read() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        let many = |count: usize| format!("[{}0]", "0,".repeat(count - 1));
        for (json, want) in [
            (r#"{"a": [1, "]]][[[,,,", {"b": "\"[,"}]}"#.to_owned(), Ok(())),
            (nested(DEEPEST), Ok(())),
            (nested(DEEPEST + 1), Err(TooMuch::Depth)),
            (nested(100_000), Err(TooMuch::Depth)),
            (r#"{"a":"#.repeat(100_000), Err(TooMuch::Depth)),
            (many(MOST_VALUES - 1), Ok(())),
            (many(MOST_VALUES + 1), Err(TooMuch::Values)),
            (format!("[{}]", "[],".repeat(MOST_VALUES)), Err(TooMuch::Values)),
            ("no JSON at all ]]]".to_owned(), Ok(())),
            (format!("\"{}\"", "[,".repeat(1_000_000)), Ok(())),
        ] {
            let start: String = json.chars().take(40).collect();
            assert_eq!(weighed(json.as_bytes()), want, "{start}");
        }
    }

    #[test]
    fn a_form_has_so_many_fields_and_no_more() {
        let form = |count: usize| -> Result<Fields, serde_json::Error> {
            let fields: Vec<String> = (0..count).map(|number| format!("\"{number}\":\"\"")).collect();
            serde_json::from_str(&format!("{{{}}}", fields.join(",")))
        };
        assert_eq!(form(MOST_FIELDS).unwrap().len(), MOST_FIELDS);
        assert!(
            form(MOST_FIELDS + 1)
                .unwrap_err()
                .to_string()
                .contains("10000 fields")
        );
        assert!(!has_too_many_fields(b"a=1&b=2"));
        assert!(has_too_many_fields(&vec![b'&'; MOST_FIELDS]));
    }
}
