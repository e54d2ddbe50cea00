//! JSON that is written once: decimals keep the digits of their source, and what is empty is left out.
//!
//! `serde_json::Value` makes a binary fraction of `39.20`; a result's digits say how exact it is.

/// A JSON value in the making.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Json {
    /// Nothing: left out.
    Null,
    /// `true` or `false`.
    Flag(bool),
    /// A number as its text; see [`Json::number`].
    Number(String),
    /// A text; an empty one is left out.
    Text(String),
    /// A list; an empty one is left out.
    List(Vec<Json>),
    /// An object; an empty one is left out.
    Object(Vec<(&'static str, Json)>),
}

impl Json {
    /// A number with the digits as they are; nothing when JSON does not know such a number.
    pub(crate) fn number(digits: &str) -> Self {
        match serde_json::from_str::<serde_json::Number>(digits) {
            Ok(_) => Self::Number(digits.to_owned()),
            Err(_) => Self::Null,
        }
    }

    /// Whether it would be left out.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Text(text) => text.is_empty(),
            Self::List(list) => list.iter().all(Self::is_empty),
            Self::Object(fields) => fields.iter().all(|(_, value)| value.is_empty()),
            Self::Flag(_) | Self::Number(_) => false,
        }
    }

    /// A list of one.
    pub(crate) fn one(self) -> Self {
        Self::List(vec![self])
    }

    /// Adds fields to an object.
    pub(crate) fn with(mut self, added: impl IntoIterator<Item = (&'static str, Json)>) -> Self {
        if let Self::Object(fields) = &mut self {
            fields.extend(added);
        }
        self
    }

    /// The bytes.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(512);
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Flag(flag) => out.extend_from_slice(if *flag { b"true" } else { b"false" }),
            Self::Number(digits) => out.extend_from_slice(digits.as_bytes()),
            Self::Text(text) => quote(text, out),
            Self::List(list) => {
                out.push(b'[');
                let mut is_first = true;
                for value in list.iter().filter(|value| !value.is_empty()) {
                    separate(&mut is_first, out);
                    value.write(out);
                }
                out.push(b']');
            }
            Self::Object(fields) => {
                out.push(b'{');
                let mut is_first = true;
                for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
                    separate(&mut is_first, out);
                    quote(name, out);
                    out.push(b':');
                    value.write(out);
                }
                out.push(b'}');
            }
        }
    }
}

fn separate(is_first: &mut bool, out: &mut Vec<u8>) {
    if !*is_first {
        out.push(b',');
    }
    *is_first = false;
}

fn quote(text: &str, out: &mut Vec<u8>) {
    // Writing a str into a Vec cannot fail.
    let _ = serde_json::to_writer(out, text);
}

/// An object of these fields.
pub(crate) fn object<const N: usize>(fields: [(&'static str, Json); N]) -> Json {
    Json::Object(fields.into())
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Json {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<Vec<Json>> for Json {
    fn from(list: Vec<Json>) -> Self {
        Self::List(list)
    }
}

impl<T: Into<Json>> From<Option<T>> for Json {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_stay_and_what_is_empty_goes() {
        let value = object([
            ("value", Json::number("39.20")),
            ("wrong", Json::number("+1")),
            ("empty", object([("text", "".into())])),
            ("list", Json::List(vec![Json::Null, "a\"b".into()])),
        ]);
        assert_eq!(value.bytes(), br#"{"value":39.20,"list":["a\"b"]}"#);
    }
}
