//! Values of criteria.

use super::{Context, Prefix, QueryError, Unit, Want};
use crate::definitions::{Kind, Parameter};
use crate::path::{Literal, is_id};
use crate::time;

/// How far `ap` reaches: a tenth.
const ABOUT: f64 = 0.1;

/// Parts of a value at a sign that is not escaped; the parts keep their escapes.
pub(super) fn split(value: &str, sign: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut from, mut is_escaped) = (0, false);
    for (at, letter) in value.char_indices() {
        if letter == sign && !is_escaped {
            parts.push(value.get(from..at).unwrap_or_default());
            from = at + letter.len_utf8();
        }
        is_escaped = letter == '\\' && !is_escaped;
    }
    parts.push(value.get(from..).unwrap_or_default());
    parts
}

/// A part without its escapes.
pub(super) fn plain(part: &str) -> String {
    let mut text = String::with_capacity(part.len());
    let mut letters = part.chars();
    while let Some(letter) = letters.next() {
        text.push(if letter == '\\' {
            letters.next().unwrap_or(letter)
        } else {
            letter
        });
    }
    text
}

/// Reads one value of a parameter; a reference without a type is one for each type that it may be of.
pub(super) fn read(
    context: Context<'_>,
    (parameter, only): (&Parameter, Option<&str>),
    written: &str,
    wants: &mut Vec<Want>,
) -> Result<(), QueryError> {
    let name = &parameter.name;
    if written.is_empty() {
        return Err(QueryError::invalid(format!("{name}: a value is wanted")));
    }
    if parameter.kind == Kind::Composite {
        let parts = split(written, '$');
        if parts.len() != parameter.parts.len() {
            let text = format!("{name}: {} values are wanted, parted by $", parameter.parts.len());
            return Err(QueryError::invalid(text));
        }
        let parts = parts.iter().zip(&parameter.parts);
        let parts = parts.map(|(part, (kind, _))| one(context, name, *kind, part));
        wants.push(Want::Parts(parts.collect::<Result<_, _>>()?));
        return Ok(());
    }
    if parameter.kind == Kind::Reference {
        return references(context, (parameter, only), &plain(written), wants);
    }
    wants.push(one(context, name, parameter.kind, written)?);
    Ok(())
}

fn one(context: Context<'_>, name: &str, kind: Kind, written: &str) -> Result<Want, QueryError> {
    match kind {
        Kind::Token if written == "|" => Err(QueryError::invalid(format!(
            "{name}: a code or a system is wanted"
        ))),
        Kind::Token => Ok(token(context, written)),
        Kind::Date => date(context, name, written),
        Kind::Number | Kind::Quantity => amount(context, name, kind, written),
        Kind::String => Ok(Want::Text(plain(written))),
        Kind::Uri => Ok(Want::Uri(plain(written))),
        Kind::Reference => {
            let text = plain(written);
            Literal::parse(&text)
                .map(|literal| reference(context, literal))
                .ok_or_else(|| QueryError::invalid(format!("{name}: a reference is wanted, e.g. Patient/7")))
        }
        Kind::Composite => Err(QueryError::not_supported(format!(
            "{name}: a composite inside another"
        ))),
    }
}

/// `code`, `system|code`, `|code`, `system|`.
pub(super) fn token(context: Context<'_>, written: &str) -> Want {
    let parts = split(written, '|');
    let canonical = |system: &str| context.definitions.canonical(&plain(system)).to_owned();
    match parts.as_slice() {
        [system, code, ..] => Want::Token {
            system: Some(canonical(system)),
            code: Some(plain(code)).filter(|code| !code.is_empty()),
        },
        _ => Want::Token {
            system: None,
            code: Some(plain(written)),
        },
    }
}

fn prefix(written: &str) -> (Prefix, &str) {
    let all = [
        ("eq", Prefix::Eq),
        ("ne", Prefix::Ne),
        ("gt", Prefix::Gt),
        ("lt", Prefix::Lt),
        ("ge", Prefix::Ge),
        ("le", Prefix::Le),
        ("sa", Prefix::Sa),
        ("eb", Prefix::Eb),
        ("ap", Prefix::Ap),
    ];
    let found = all
        .iter()
        .find_map(|(word, prefix)| Some((*prefix, written.strip_prefix(word)?)));
    found.unwrap_or((Prefix::Eq, written))
}

/// A date with its prefix.
pub(super) fn date(context: Context<'_>, name: &str, written: &str) -> Result<Want, QueryError> {
    let (prefix, text) = prefix(written);
    // A plus that was not escaped in the address is a blank here.
    let text = text.replace(' ', "+");
    let Some((low, high)) = time::range(&text) else {
        let text = format!("{name}: a date is wanted, e.g. ge2026-11-29 or 2026-11-29T10:00:00+09:00");
        return Err(QueryError::invalid(text));
    };
    let margin = if prefix == Prefix::Ap {
        (context.now - low).abs() / 10
    } else {
        0
    };
    Ok(Want::Date {
        prefix,
        low,
        high,
        margin,
    })
}

fn amount(context: Context<'_>, name: &str, kind: Kind, written: &str) -> Result<Want, QueryError> {
    let parts = split(written, '|');
    let (prefix, digits) = prefix(parts.first().copied().unwrap_or_default());
    let Some((at, half)) = number(digits) else {
        return Err(QueryError::invalid(format!(
            "{name}: a number is wanted, e.g. gt5.4"
        )));
    };
    let unit = match parts.as_slice() {
        [_] => Unit::Any,
        [_, system, code] if kind == Kind::Quantity => match (plain(system), plain(code)) {
            (system, code) if system.is_empty() && code.is_empty() => Unit::Any,
            (system, code) if system.is_empty() => Unit::Written(code),
            (system, code) => Unit::Coded(context.definitions.canonical(&system).to_owned(), code),
        },
        _ => {
            let text =
                format!("{name}: number, system and unit are wanted, e.g. 5.4|http://unitsofmeasure.org|mg");
            return Err(QueryError::invalid(text));
        }
    };
    let half = if prefix == Prefix::Ap {
        (at * ABOUT).abs()
    } else {
        half
    };
    Ok(Want::Amount {
        prefix,
        at,
        half,
        unit,
    })
}

/// A number as JSON writes it, and half of its last digit.
fn number(digits: &str) -> Option<(f64, f64)> {
    let is_plain = digits
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b".-+eE".contains(&byte));
    let at: f64 = digits
        .parse()
        .ok()
        .filter(|at: &f64| is_plain && at.is_finite())?;
    let (mantissa, exponent) = digits.split_once(['e', 'E']).unwrap_or((digits, "0"));
    let decimals = mantissa.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    let last = exponent.parse::<i32>().ok()? - i32::try_from(decimals).ok()?;
    Some((at, 0.5 * 10_f64.powi(last)))
}

fn references(
    context: Context<'_>,
    (parameter, only): (&Parameter, Option<&str>),
    text: &str,
    wants: &mut Vec<Want>,
) -> Result<(), QueryError> {
    match Literal::parse(text) {
        Some(Literal::Address(_)) if is_id(text) && !text.starts_with("urn:") => {
            let of = |kind: &str| Want::Reference {
                kind: kind.to_owned(),
                id: text.to_owned(),
            };
            match (only, parameter.targets.as_slice()) {
                (Some(only), _) => wants.push(of(only)),
                (None, []) => {
                    let all = context.definitions.resource_types().map(|kind| of(&kind.name));
                    wants.extend(all);
                }
                (None, some) => wants.extend(some.iter().map(|kind| of(kind))),
            }
            Ok(())
        }
        Some(literal) => {
            let want = reference(context, literal);
            let fits = match (&want, only) {
                (Want::Reference { kind, .. }, Some(only)) => kind == only,
                _ => true,
            };
            // A reference to another type than the modifier says leads nowhere.
            if fits {
                wants.push(want);
            } else {
                wants.push(Want::Reference {
                    kind: String::new(),
                    id: String::new(),
                });
            }
            Ok(())
        }
        None => {
            let text = format!("{}: a reference is wanted, e.g. Patient/7", parameter.name);
            Err(QueryError::invalid(text))
        }
    }
}

fn reference(context: Context<'_>, literal: Literal<'_>) -> Want {
    let elsewhere = |id: String| Want::Reference {
        kind: String::new(),
        id,
    };
    match literal {
        Literal::Resource { base, kind, id } if base.is_empty() || base == context.base => {
            if context.definitions.resource_type(kind).is_some() {
                Want::Reference {
                    kind: kind.to_owned(),
                    id: id.to_owned(),
                }
            } else {
                elsewhere(format!("{kind}/{id}"))
            }
        }
        Literal::Resource { base, kind, id } => elsewhere(format!("{base}/{kind}/{id}")),
        Literal::Address(text) => elsewhere(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_signs_part_nothing() {
        assert_eq!(split(r"a\,b,c\\,d", ','), [r"a\,b", r"c\\", "d"]);
        assert_eq!(plain(r"a\,b\\"), r"a,b\");
    }

    #[test]
    fn the_last_digit_says_how_exact_a_number_is() {
        let check = |digits: &str, half: f64| {
            let (_, read) = number(digits).unwrap();
            assert!((read - half).abs() < 1e-12, "{digits}: {read}");
        };
        check("100", 0.5);
        check("100.00", 0.005);
        check("5.40", 0.005);
        check("1e2", 50.0);
        for wrong in ["", "x", "inf", "NaN", "1e999", "--1"] {
            assert_eq!(number(wrong), None, "{wrong}");
        }
    }
}
