//! Looking into a resource.

use serde_json::Value;

/// A member that is there.
pub(super) fn at<'v>(value: &'v Value, key: &str) -> Option<&'v Value> {
    value.get(key).filter(|value| !value.is_null())
}

/// A member that is text, without blanks around it.
pub(super) fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    at(value, key)
        .and_then(Value::as_str)
        .map(str::trim)
        .filter(|text| !text.is_empty())
}

/// The elements of a member: of a list, or the one where the list is left out.
pub(super) fn list<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> + use<'v> {
    let member = at(value, key);
    let items = member.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    items.iter().chain(member.filter(|member| member.is_object()))
}

/// The first code of a member that is a `CodeableConcept`.
pub(super) fn code_of<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    let concept = at(value, key)?;
    let coded = list(concept, "coding").find_map(|coding| text(coding, "code"));
    coded.or_else(|| text(concept, "text"))
}

/// The words of a `CodeableConcept`: as the source wrote it, then as its codes are called; each once.
pub(super) fn words(concept: &Value) -> Vec<&str> {
    let displays = list(concept, "coding").filter_map(|coding| text(coding, "display"));
    let mut words: Vec<&str> = Vec::new();
    for word in text(concept, "text").into_iter().chain(displays) {
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words
}

/// What stands behind `value[x]` of an element: the type, and the value.
pub(super) fn value_of<'v>(element: &'v Value, stem: &str) -> Option<(&'v str, &'v Value)> {
    element.as_object()?.iter().find_map(|(key, value)| {
        let kind = key.strip_prefix(stem)?;
        let is_type = kind.starts_with(|first: char| first.is_ascii_uppercase());
        (is_type && !value.is_null()).then_some((kind, value))
    })
}

/// Decimal text of a number, whether JSON holds it as a number or as text.
pub(super) fn decimal(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => text.trim().parse::<f64>().ok().map(|_| text.trim().to_owned()),
        _ => None,
    }
}

/// How a thing is called in a remark: `system|code text`.
pub(super) fn label(concept: &Value) -> String {
    let coding = list(concept, "coding").next();
    let code = coding.map(|coding| {
        format!(
            "{}|{}",
            text(coding, "system").unwrap_or(""),
            text(coding, "code").unwrap_or("")
        )
    });
    let words = words(concept).first().map(|words| (*words).to_owned());
    code.into_iter().chain(words).collect::<Vec<_>>().join(" ")
}
