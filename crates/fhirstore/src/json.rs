//! JSON as a FHIR body has it: numbers keep their digits, a key stands once, objects keep their order.
//!
//! A search by quantity asks how exactly a number was written (5.40 is not 5.4), which a binary fraction no longer tells.
//! The text is read in one walk and mostly borrowed: this is the larger part of the cost of indexing a resource.

use std::borrow::Cow;

/// How deep lists and objects may stand inside each other.
const MAX_DEPTH: usize = 64;

/// A JSON value that borrows from its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node<'t> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Flag(bool),
    /// A number, with the digits as written.
    Number(&'t str),
    /// A text.
    Text(Cow<'t, str>),
    /// A list.
    List(Vec<Node<'t>>),
    /// An object.
    Object(Vec<(Cow<'t, str>, Node<'t>)>),
}

/// Why a text is no JSON that FHIR allows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// It is no JSON from this byte on.
    #[error("no JSON from byte {0} on")]
    At(usize),
    /// An object has a key twice.
    #[error("the key {0} stands twice in one object")]
    Twice(String),
    /// Lists and objects stand too deep inside each other.
    #[error("more than {MAX_DEPTH} levels inside each other")]
    Deep,
}

impl<'t> Node<'t> {
    /// Reads a text.
    ///
    /// # Errors
    /// What is no JSON, has a key twice, or more than 64 levels.
    pub fn parse(text: &'t str) -> Result<Self, JsonError> {
        let mut reader = Reader { text, at: 0 };
        let node = reader.value(0)?;
        reader.blanks();
        if reader.at == text.len() {
            Ok(node)
        } else {
            Err(JsonError::At(reader.at))
        }
    }

    /// Sets a key of an object, at its place or as the last.
    pub fn set(&mut self, key: &'static str, value: Self) {
        let Self::Object(fields) = self else { return };
        match fields.iter_mut().find(|(name, _)| name == key) {
            Some((_, old)) => *old = value,
            None => fields.push((Cow::Borrowed(key), value)),
        }
    }

    /// A text that owns its characters.
    pub fn owned(text: impl Into<String>) -> Self {
        Self::Text(Cow::Owned(text.into()))
    }

    /// Lets each literal reference inside be replaced.
    pub fn redirect(&mut self, to: &dyn Fn(&str) -> Option<String>) {
        match self {
            Self::Object(fields) => {
                for (key, value) in fields {
                    match value {
                        Self::Text(text) if key == "reference" => {
                            if let Some(new) = to(text) {
                                *text = Cow::Owned(new);
                            }
                        }
                        value => value.redirect(to),
                    }
                }
            }
            Self::List(members) => members.iter_mut().for_each(|member| member.redirect(to)),
            _ => {}
        }
    }

    /// Writes it as JSON; numbers with their digits.
    pub fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Flag(flag) => out.push_str(if *flag { "true" } else { "false" }),
            Self::Number(digits) => out.push_str(digits),
            Self::Text(text) => quote(text, out),
            Self::List(members) => {
                for (place, member) in members.iter().enumerate() {
                    out.push(if place == 0 { '[' } else { ',' });
                    member.write(out);
                }
                out.push_str(if members.is_empty() { "[]" } else { "]" });
            }
            Self::Object(fields) => {
                for (place, (key, value)) in fields.iter().enumerate() {
                    out.push(if place == 0 { '{' } else { ',' });
                    quote(key, out);
                    out.push(':');
                    value.write(out);
                }
                out.push_str(if fields.is_empty() { "{}" } else { "}" });
            }
        }
    }

    /// The value of a key of an object.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Object(fields) => fields
                .iter()
                .find(|(name, _)| name == key)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// A text.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The text of a key of an object.
    pub fn text_of(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Node::text)
    }

    /// The members of a list; itself where it is none.
    pub fn each(&self) -> &[Self] {
        match self {
            Self::List(list) => list,
            Self::Null => &[],
            other => std::slice::from_ref(other),
        }
    }

    /// The members of a key, one or many.
    pub fn all(&self, key: &str) -> &[Self] {
        self.get(key).map_or(&[], Self::each)
    }
}

/// A text in quotes.
fn quote(text: &str, out: &mut String) {
    // Writing a text as JSON does not fail.
    out.push_str(&serde_json::to_string(text).unwrap_or_default());
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Reader<'t> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn wrong<T>(&self) -> Result<T, JsonError> {
        Err(JsonError::At(self.at))
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_it = self.peek() == Some(byte);
        self.at += usize::from(is_it);
        is_it
    }

    fn slice(&self, from: usize, to: usize) -> &'t str {
        self.text.get(from..to).unwrap_or_default()
    }

    fn value(&mut self, depth: usize) -> Result<Node<'t>, JsonError> {
        if depth > MAX_DEPTH {
            return Err(JsonError::Deep);
        }
        self.blanks();
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.list(depth),
            Some(b'"') => Ok(Node::Text(self.string()?)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => {
                for (word, node) in [
                    ("true", Node::Flag(true)),
                    ("false", Node::Flag(false)),
                    ("null", Node::Null),
                ] {
                    if self
                        .text
                        .get(self.at..)
                        .is_some_and(|rest| rest.starts_with(word))
                    {
                        self.at += word.len();
                        return Ok(node);
                    }
                }
                self.wrong()
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Node<'t>, JsonError> {
        self.at += 1;
        let mut fields: Vec<(Cow<'t, str>, Node<'t>)> = Vec::new();
        self.blanks();
        if self.take(b'}') {
            return Ok(Node::Object(fields));
        }
        loop {
            self.blanks();
            if self.peek() != Some(b'"') {
                return self.wrong();
            }
            let key = self.string()?;
            if fields.iter().any(|(name, _)| *name == key) {
                return Err(JsonError::Twice(key.into_owned()));
            }
            self.blanks();
            if !self.take(b':') {
                return self.wrong();
            }
            let value = self.value(depth + 1)?;
            fields.push((key, value));
            self.blanks();
            if self.take(b'}') {
                return Ok(Node::Object(fields));
            }
            if !self.take(b',') {
                return self.wrong();
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Node<'t>, JsonError> {
        self.at += 1;
        let mut members = Vec::new();
        self.blanks();
        if self.take(b']') {
            return Ok(Node::List(members));
        }
        loop {
            members.push(self.value(depth + 1)?);
            self.blanks();
            if self.take(b']') {
                return Ok(Node::List(members));
            }
            if !self.take(b',') {
                return self.wrong();
            }
        }
    }

    fn digits(&mut self) -> bool {
        let from = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at > from
    }

    fn number(&mut self) -> Result<Node<'t>, JsonError> {
        let from = self.at;
        self.take(b'-');
        let leads_with_zero = self.take(b'0');
        if !leads_with_zero && !self.digits() {
            return self.wrong();
        }
        if self.take(b'.') && !self.digits() {
            return self.wrong();
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if !self.digits() {
                return self.wrong();
            }
        }
        Ok(Node::Number(self.slice(from, self.at)))
    }

    fn string(&mut self) -> Result<Cow<'t, str>, JsonError> {
        self.at += 1;
        let from = self.at;
        let mut built: Option<String> = None;
        let mut since = from;
        loop {
            match self.peek() {
                Some(b'"') => {
                    let rest = self.slice(since, self.at);
                    self.at += 1;
                    return Ok(match built {
                        None => Cow::Borrowed(rest),
                        Some(mut text) => {
                            text.push_str(rest);
                            Cow::Owned(text)
                        }
                    });
                }
                Some(b'\\') => {
                    let text = built.get_or_insert_default();
                    text.push_str(self.text.get(since..self.at).unwrap_or_default());
                    self.at += 1;
                    let character = self.escaped()?;
                    built.get_or_insert_default().push(character);
                    since = self.at;
                }
                Some(0x20..) => self.at += 1,
                _ => return self.wrong(),
            }
        }
    }

    fn escaped(&mut self) -> Result<char, JsonError> {
        let letter = self.peek();
        self.at += 1;
        Ok(match letter {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unit(),
            _ => return self.wrong(),
        })
    }

    fn unit(&mut self) -> Result<char, JsonError> {
        let first = self.four()?;
        if let Some(character) = char::from_u32(first) {
            return Ok(character);
        }
        // A pair of halves; a half alone is no character.
        if !(self.take(b'\\') && self.take(b'u')) {
            return self.wrong();
        }
        let second = self.four()?;
        let pair = [first as u16, second as u16];
        match char::decode_utf16(pair).next() {
            Some(Ok(character)) => Ok(character),
            _ => self.wrong(),
        }
    }

    fn four(&mut self) -> Result<u32, JsonError> {
        let digits = self.text.get(self.at..self.at + 4).unwrap_or_default();
        let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        match u32::from_str_radix(digits, 16) {
            Ok(number) if is_hex => {
                self.at += 4;
                Ok(number)
            }
            _ => self.wrong(),
        }
    }
}

#[cfg(test)]
#[expect(clippy::non_ascii_literal, reason = "test texts are Japanese")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn digits_stay_as_written_and_escapes_are_read() {
        let node = Node::parse(r#" {"a": [5.40, -1e-3, true, null], "b": "\u5c71\ud83d\ude00\n"} "#).unwrap();
        assert_eq!(node.all("a").first(), Some(&Node::Number("5.40")));
        assert_eq!(node.all("a").get(1), Some(&Node::Number("-1e-3")));
        assert_eq!(node.text_of("b"), Some("山\u{1F600}\n"));
        assert_eq!(node.all("c"), &[]);
    }

    #[test]
    fn what_is_no_json_is_refused_at_its_place() {
        for text in [
            "",
            "{",
            "{\"a\":}",
            "[1,]",
            "01",
            "1.",
            "\"\\ud800\"",
            "\"\\u00é0\"",
            "\"a",
            "nul",
            "{} x",
            "\"\n\"",
        ] {
            assert!(matches!(Node::parse(text), Err(JsonError::At(_))), "{text}");
        }
        let twice = Node::parse(r#"{"a":{"b":1,"b":1}}"#);
        assert_eq!(twice, Err(JsonError::Twice("b".to_owned())));
        let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
        assert_eq!(Node::parse(&deep), Err(JsonError::Deep));
    }

    #[test]
    fn what_is_written_is_what_was_read() {
        let text =
            r#"{"a":[5.40,{},[],null,true],"b":"山\"\n","reference":"Patient/1","c":{"reference":"x"}}"#;
        let mut node = Node::parse(text).unwrap();
        let mut out = String::new();
        node.write(&mut out);
        assert_eq!(out, text);
        node.redirect(&|to| (to == "x").then(|| "y".to_owned()));
        node.set("b", Node::owned("z"));
        node.set("d", Node::Flag(false));
        out.clear();
        node.write(&mut out);
        let changed =
            r#"{"a":[5.40,{},[],null,true],"b":"z","reference":"Patient/1","c":{"reference":"y"},"d":false}"#;
        assert_eq!(out, changed);
    }

    fn same(node: &Node<'_>, value: &serde_json::Value) -> bool {
        use serde_json::Value;
        match (node, value) {
            (Node::Null, Value::Null) => true,
            (Node::Flag(a), Value::Bool(b)) => a == b,
            (Node::Number(a), Value::Number(b)) => a.parse::<f64>().ok() == b.as_f64(),
            (Node::Text(a), Value::String(b)) => a == b,
            (Node::List(a), Value::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
            }
            (Node::Object(a), Value::Object(b)) => {
                a.len() == b.len()
                    && a.iter()
                        .all(|(key, a)| b.get(key.as_ref()).is_some_and(|b| same(a, b)))
            }
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn reads_what_serde_reads(text in r#"[\[\]{}",:0-9a\\untrueb.e\-山 ]{0,24}"#) {
            let ours = Node::parse(&text);
            match (&ours, serde_json::from_str::<serde_json::Value>(&text)) {
                (Ok(node), Ok(value)) => prop_assert!(same(node, &value)),
                (Err(JsonError::Twice(_)), Ok(_)) | (Err(_), Err(_)) => {}
                // A number that is too large for a binary fraction is still a number.
                (Ok(_), Err(error)) => prop_assert!(error.to_string().contains("out of range"), "{text}: {error}"),
                (Err(error), Ok(_)) => prop_assert!(false, "{text}: {error}"),
            }
        }
    }
}
