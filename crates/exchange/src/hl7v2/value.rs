//! Values of results as laboratories write them (OBX-5): numbers with bounds, qualitative values, both in one, or words.
//!
//! Hospitals write ` 1 +`, `  +-`, `:<0.5`, `2.3(±)`, `集菌:(-)` into fields meant for numbers. What can be read for sure
//! is given its form; everything else stays a text as it is written.

use super::tables::{Role, TABLES};

/// Longest text that is tried as a number or a qualitative value, in characters.
const LONGEST_SHORT: usize = 40;

/// A value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Value {
    /// Its digits, a JSON number.
    pub(crate) number: Option<String>,
    /// The bound that the number is: `<`, `<=`, `>=`, `>`.
    pub(crate) comparator: Option<&'static str>,
    /// A qualitative value, or words as they are written.
    pub(crate) text: Option<String>,
    /// What stands beside a number: a qualitative value or a flag.
    pub(crate) beside: Option<String>,
    /// How it was examined, where the value says so.
    pub(crate) method: Option<&'static str>,
    /// Why there is none (FHIR data-absent-reason).
    pub(crate) absent: Option<&'static str>,
}

/// Reads a value of OBX-2 type `kind`.
pub(crate) fn value(kind: &str, written: &str) -> Value {
    value_with(kind, written, &|_| false)
}

/// As [`value`]. `is_flag` says whether letters that are glued to the number (`12.3H`) are a flag, by what stands in other
/// fields: alone, `3L` may be three litres and `2H` two hours, and stays words.
pub(crate) fn value_with(kind: &str, written: &str, is_flag: &dyn Fn(&str) -> bool) -> Value {
    let folded = fold(written);
    let plain = folded.trim();
    if plain.is_empty() {
        return Value::default();
    }
    if plain.chars().count() > LONGEST_SHORT {
        return words(written);
    }
    let (method, rest) = behind_method(plain);
    let rest = rest.trim_start_matches(':').trim();
    let tight: String = rest.chars().filter(|letter| !letter.is_whitespace()).collect();
    if let Some((_, reason)) = find(Role::Absent, &tight) {
        return Value {
            absent: Some(reason),
            text: Some(written.trim().to_owned()),
            ..Value::default()
        };
    }
    // A number field says a plus sign; everywhere else +1 is a grade.
    let unsigned = if kind == "NM" {
        tight.strip_prefix('+').unwrap_or(&tight)
    } else {
        &tight
    };
    let is_grade = kind != "NM" && tight.starts_with('+');
    let number = if is_grade { None } else { number(unsigned) };
    let letters = glued(rest);
    let is_clear = |number: &Value| number.beside.is_none() || letters.is_none_or(is_flag);
    if let Some(number) = number.filter(is_clear) {
        return Value { method, ..number };
    }
    if let Some((_, meant)) = find(Role::Qualitative, &tight) {
        return Value {
            text: Some(meant.to_owned()),
            method,
            ..Value::default()
        };
    }
    words(written)
}

/// Letters at the end that nothing separates from what stands before them.
fn glued(written: &str) -> Option<&str> {
    let before = written.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let letters = written
        .get(before.len()..)
        .filter(|letters| !letters.is_empty())?;
    (!before.ends_with(char::is_whitespace)).then_some(letters)
}

/// Reads a structured number (SN): comparator, number, separator, number.
pub(crate) fn structured(parts: &[String]) -> Value {
    let part = |index: usize| parts.get(index).map_or("", String::as_str);
    let (first, second) = (part(1), part(3));
    if second.is_empty() && matches!(part(2), "" | "+") {
        return value("SN", &format!("{}{}{}", part(0), first, part(2)));
    }
    words(&format!("{}{}{}{}", part(0), first, part(2), second))
}

/// A range of reference (`3.5-5.0`, `3.5～5.0`, `<=40`): low and high, as JSON numbers.
pub(crate) fn range(written: &str) -> (Option<String>, Option<String>) {
    let folded = fold(written);
    let tight: String = folded.chars().filter(|letter| !letter.is_whitespace()).collect();
    for separator in ['~', '\u{301C}', '-', '\u{2212}'] {
        if let Some((low, high)) = tight.split_once(separator)
            && (is_number(low) || is_number(high))
        {
            return (digits(low), digits(high));
        }
    }
    match number(&tight) {
        Some(Value {
            number,
            comparator: Some("<" | "<="),
            ..
        }) => (None, number),
        Some(Value {
            number,
            comparator: Some(">" | ">="),
            ..
        }) => (number, None),
        _ => (None, None),
    }
}

/// A word with the ending that says a disease is only suspected; the disease without it.
pub(crate) fn suspected(name: &str) -> Option<&str> {
    let name = name.trim();
    let forms = TABLES.words(Role::Suspected).iter();
    forms
        .filter_map(|(form, _)| name.strip_suffix(form))
        .min_by_key(|rest| rest.len())
        .map(str::trim)
        .filter(|rest| !rest.is_empty())
}

fn words(written: &str) -> Value {
    Value {
        text: Some(written.trim().to_owned()),
        ..Value::default()
    }
}

fn find(role: Role, form: &str) -> Option<(&'static str, &'static str)> {
    TABLES
        .words(role)
        .iter()
        .find(|(known, _)| *known == form)
        .copied()
}

/// Full-width ASCII and blanks as ASCII.
fn fold(written: &str) -> String {
    written
        .chars()
        .map(|letter| match letter {
            '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(letter) - 0xFEE0).unwrap_or(letter),
            '\u{3000}' => ' ',
            '\u{2212}' => '-',
            other => other,
        })
        .collect()
}

fn behind_method(plain: &str) -> (Option<&'static str>, &str) {
    for (form, method) in TABLES.words(Role::Method) {
        if let Some(rest) = plain.strip_prefix(form)
            && let Some(rest) = rest.trim_start().strip_prefix([':', '(', '='])
            && !rest.is_empty()
        {
            // An opening bracket belongs to the value.
            let rest = plain.get(plain.len() - rest.len()..).unwrap_or(rest);
            return (Some(method), rest);
        }
    }
    (None, plain)
}

/// A number, with a bound before or behind it, a qualitative value or a flag behind it.
fn number(tight: &str) -> Option<Value> {
    let (before, rest) = bound_at(tight, |text, form| text.strip_prefix(form));
    let length = rest
        .char_indices()
        .take_while(|(at, letter)| {
            letter.is_ascii_digit() || matches!(letter, '.' | ',') || (*at == 0 && *letter == '-')
        })
        .count();
    let (written, behind) = rest.split_at_checked(length)?;
    let digits = digits(written)?;
    let mut value = Value {
        number: Some(digits),
        comparator: before,
        ..Value::default()
    };
    if behind.is_empty() {
        return Some(value);
    }
    let (bound, left) = bound_at(behind, |text, form| text.strip_suffix(form));
    if left.is_empty() && before.is_none() && bound.is_some() {
        value.comparator = bound;
        return Some(value);
    }
    let bracketed = behind.strip_prefix('(').and_then(|inner| inner.strip_suffix(')'));
    let flag = find(Role::Flag, bracketed.unwrap_or(behind));
    let grade = bracketed.and_then(|_| find(Role::Qualitative, behind));
    let (_, meant) = flag.or(grade)?;
    value.beside = Some(meant.to_owned());
    Some(value)
}

/// The longest bound at one end of the text, and the text without it.
fn bound_at<'t>(
    text: &'t str,
    strip: impl Fn(&'t str, &'static str) -> Option<&'t str>,
) -> (Option<&'static str>, &'t str) {
    [Role::Below, Role::Above]
        .iter()
        .flat_map(|role| TABLES.words(*role))
        .filter_map(|(form, meant)| Some((*meant, strip(text, form)?)))
        .min_by_key(|(_, rest)| rest.len())
        .map_or((None, text), |(meant, rest)| (Some(meant), rest))
}

fn is_number(written: &str) -> bool {
    digits(written).is_some()
}

/// The digits as a JSON number: `.5` gets its zero, `007` loses them, `1,234` its comma.
fn digits(written: &str) -> Option<String> {
    let (sign, unsigned) = match written.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", written),
    };
    let (whole, fraction) = unsigned
        .split_once('.')
        .map_or((unsigned, None), |(whole, fraction)| (whole, Some(fraction)));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let whole = if whole.contains(',') {
        thousands(whole)?
    } else {
        whole.to_owned()
    };
    let fraction = fraction.unwrap_or("");
    if !is_digits(&whole)
        || !is_digits(fraction)
        || whole.len() + fraction.len() > 30
        || (whole.is_empty() && fraction.is_empty())
    {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    Some(if fraction.is_empty() {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{fraction}")
    })
}

fn thousands(written: &str) -> Option<String> {
    let mut groups = written.split(',');
    let first = groups.next().filter(|first| (1..=3).contains(&first.len()))?;
    let rest: Vec<&str> = groups.collect();
    rest.iter()
        .all(|group| group.len() == 3)
        .then(|| format!("{first}{}", rest.concat()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::non_ascii_literal, reason = "the values are Japanese")]

    use super::*;

    /// number, comparator, text, beside, method
    type Row = (
        &'static str,
        &'static str,
        &'static str,
        &'static str,
        &'static str,
        &'static str,
        &'static str,
    );

    fn check((kind, written, number, comparator, text, beside, method): Row) {
        let value = value(kind, written);
        let found = (
            value.number.as_deref().unwrap_or(""),
            value.comparator.unwrap_or(""),
            value.text.as_deref().unwrap_or(""),
            value.beside.as_deref().unwrap_or(""),
            value.method.unwrap_or(""),
        );
        assert_eq!(
            found,
            (number, comparator, text, beside, method),
            "{kind} {written}"
        );
    }

    #[test]
    fn dirty_values() {
        for row in [
            ("NM", "39.20", "39.20", "", "", "", ""),
            ("NM", "+1", "1", "", "", "", ""),
            ("NM", "-0.5", "-0.5", "", "", "", ""),
            ("NM", ".5", "0.5", "", "", "", ""),
            ("NM", "１２．３", "12.3", "", "", "", ""),
            ("ST", "1,234", "1234", "", "", "", ""),
            ("ST", "1,23", "", "", "1,23", "", ""),
            ("SN", "< 0.5", "0.5", "<", "", "", ""),
            ("SN", ">= 10", "10", ">=", "", "", ""),
            ("ST", ":<0.5", "0.5", "<", "", "", ""),
            ("ST", "≦0.10", "0.10", "<=", "", "", ""),
            ("ST", "0.5未満", "0.5", "<", "", "", ""),
            ("ST", "1000以上", "1000", ">=", "", "", ""),
            ("SN", " 1 +", "", "", "1+", "", ""),
            ("SN", "  +-", "", "", "±", "", ""),
            ("ST", "+1", "", "", "1+", "", ""),
            ("ST", "(3+)", "", "", "3+", "", ""),
            ("ST", "(－)", "", "", "-", "", ""),
            ("ST", "陰性", "", "", "-", "", ""),
            ("ST", "2.3(±)", "2.3", "", "", "±", ""),
            ("ST", "12.3 H", "12.3", "", "", "H", ""),
            ("ST", "12.3(H)", "12.3", "", "", "H", ""),
            ("ST", "12.3*", "12.3", "", "", "A", ""),
            ("ST", "12.3H", "", "", "12.3H", "", ""),
            ("ST", "3L", "", "", "3L", "", ""),
            ("NM", "2H", "", "", "2H", "", ""),
            ("ST", "集菌:(-)", "", "", "-", "", "集菌"),
            ("ST", "1個～/100", "", "", "1個～/100", "", ""),
            ("ST", "(1+杆菌様)", "", "", "(1+杆菌様)", "", ""),
            ("ST", "1:80", "", "", "1:80", "", ""),
            ("ST", "10-20", "", "", "10-20", "", ""),
            ("ST", "1.2.3", "", "", "1.2.3", "", ""),
            ("ST", "NaN", "", "", "NaN", "", ""),
            ("NM", "1e400", "", "", "1e400", "", ""),
        ] {
            check(row);
        }
        assert_eq!(value("ST", "検査中").absent, Some("temp-unknown"));
    }

    #[test]
    fn letters_glued_to_a_number_are_a_flag_where_another_field_says_so() {
        let flagged = |letters: &str| letters == "H";
        let read = |written| value_with("ST", written, &flagged);
        let beside = |value: &Value| (value.number.clone(), value.beside.clone());
        assert_eq!(
            beside(&read("12.3H")),
            (Some("12.3".to_owned()), Some("H".to_owned()))
        );
        assert_eq!(beside(&read("12.3L")), (None, None));
        assert_eq!(read("3L").text.as_deref(), Some("3L"));
    }

    #[test]
    fn structured_numbers() {
        let sn =
            |parts: &[&str]| structured(&parts.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>());
        assert_eq!(sn(&["<", "0.5"]).comparator, Some("<"));
        assert_eq!(sn(&["", "1", "+"]).text.as_deref(), Some("1+"));
        assert_eq!(sn(&["", "1", ":", "80"]).text.as_deref(), Some("1:80"));
        assert_eq!(sn(&["", "7.40"]).number.as_deref(), Some("7.40"));
    }

    #[test]
    fn ranges_and_suspicions() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(range("3.5-5.0"), (some("3.5"), some("5.0")));
        assert_eq!(range("3.5 ～ 5.0"), (some("3.5"), some("5.0")));
        assert_eq!(range("<=40"), (None, some("40")));
        assert_eq!(range("40以下"), (None, some("40")));
        assert_eq!(range("陰性"), (None, None));
        assert_eq!(suspected("肺癌の疑い"), Some("肺癌"));
        assert_eq!(suspected("の疑い"), None);
        assert_eq!(suspected("肺癌"), None);
    }
}
