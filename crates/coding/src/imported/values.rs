//! Values of resources: decimal text, units of sources in UCUM, and the usual unit of the test.

use super::Import;
use super::look::{at, code_of, decimal, list, text, words};
use super::tables::Scale;
use serde_json::Value;
use std::sync::Arc;
use tsumugi_clinical::{Comparator, Event, Interpretation, Quantity};
use tsumugi_terminology::Concept;

/// UCUM, as a code system.
const UCUM: &str = "http://unitsofmeasure.org";

impl Import<'_> {
    /// A FHIR Quantity.
    pub(super) fn quantity(&self, value: &Value) -> Option<Quantity> {
        let number = at(value, "value").and_then(decimal)?;
        let is_ucum =
            text(value, "system").is_some_and(|system| tsumugi_terminology::canonical(system) == UCUM);
        let code = text(value, "code").filter(|_| is_ucum);
        Some(Quantity {
            number: Some(number),
            comparator: text(value, "comparator").and_then(comparator),
            unit: code
                .or_else(|| text(value, "unit"))
                .or_else(|| text(value, "code"))
                .map(|unit| self.unit(unit)),
            ..Quantity::default()
        })
    }

    /// The unit in the form of our tables; one that they do not hold stays as it is written.
    pub(super) fn unit(&self, written: &str) -> Arc<str> {
        let imports = &self.coder.imports;
        let plain = written.trim();
        imports
            .unit(plain)
            .or_else(|| self.coder.reader.unit(plain))
            .or_else(|| imports.spelled(plain))
            .unwrap_or_else(|| plain.into())
    }

    /// A value in words: a number with sign and unit, a qualitative result, else the words.
    pub(super) fn worded(&self, written: &str) -> Option<Quantity> {
        let written = written.trim();
        if written.is_empty() {
            return None;
        }
        let words = Quantity {
            text: Some(written.to_owned()),
            ..Quantity::default()
        };
        match self.coder.imports.answer(written) {
            Some("yes") => return Some(qualitative("+", Interpretation::Positive)),
            Some("no") => return Some(qualitative("-", Interpretation::Negative)),
            Some("unknown") => return None,
            Some(other) => return self.coder.reader.value(other),
            None => {}
        }
        // Laboratories write the degree apart (` 1 +`, `+ 1`).
        let together: String = written.chars().filter(|c| !c.is_whitespace()).collect();
        let read = self
            .coder
            .reader
            .value(written)
            .or_else(|| self.coder.reader.value(&together));
        Some(read.unwrap_or(words))
    }

    /// The value of an element, whatever its type; sampled data are read elsewhere.
    pub(super) fn any(&self, kind: &str, value: &Value) -> Option<Quantity> {
        match kind {
            "Quantity" | "Age" | "Duration" => self.quantity(value),
            "Integer" | "Decimal" | "PositiveInt" | "UnsignedInt" => Some(Quantity {
                number: Some(decimal(value)?),
                ..Quantity::default()
            }),
            "String" | "Code" | "Markdown" => self.worded(value.as_str()?),
            "Boolean" => Some(if value.as_bool()? {
                qualitative("+", Interpretation::Positive)
            } else {
                qualitative("-", Interpretation::Negative)
            }),
            "CodeableConcept" => self.coded(
                value,
                list(value, "coding").filter_map(|coding| text(coding, "code")),
            ),
            "Coding" => self.coded(
                &serde_json::json!({ "coding": [value] }),
                text(value, "code").into_iter(),
            ),
            "Range" => {
                let end = |key| at(value, key).and_then(|end| self.quantity(end));
                match (end("low"), end("high")) {
                    (Some(low), Some(high)) => Some(Quantity {
                        high: high.number,
                        ..low
                    }),
                    (Some(low), None) => Some(Quantity {
                        comparator: Some(Comparator::AtLeast),
                        ..low
                    }),
                    (None, Some(high)) => Some(Quantity {
                        comparator: Some(Comparator::AtMost),
                        ..high
                    }),
                    (None, None) => None,
                }
            }
            "Ratio" => {
                let part = |key| {
                    at(value, key)
                        .and_then(|part| at(part, "value"))
                        .and_then(decimal)
                };
                let text = format!("{}:{}", part("numerator")?, part("denominator")?);
                Some(Quantity {
                    text: Some(text),
                    ..Quantity::default()
                })
            }
            _ => None,
        }
    }

    fn coded<'v>(&self, concept: &'v Value, mut codes: impl Iterator<Item = &'v str>) -> Option<Quantity> {
        let by_code = codes.find_map(|code| self.coder.imports.answer(code).and_then(|_| self.worded(code)));
        by_code.or_else(|| words(concept).first().and_then(|word| self.worded(word)))
    }

    /// The value in the usual unit of its test, where it can be converted; the number keeps its digits where only the
    /// point moves.
    pub(super) fn usual(&mut self, concept: &Concept, mut value: Quantity) -> Quantity {
        let units = self.coder.derivations.units();
        // A number without a unit is in the one in which it is plausible.
        let _ = units.in_usual_unit(concept, &mut value);
        let (Some(usual), Some(unit)) = (concept.unit.clone(), value.unit.clone()) else {
            return value;
        };
        if usual == unit {
            return value;
        }
        let scale = self.coder.imports.scale(concept.id.as_str(), &unit);
        let factor = units
            .factor(&unit, &usual)
            .map(|factor| Scale { factor, offset: 0.0 });
        let Some(scale) = factor.or(scale) else {
            if value.number.is_some() {
                self.remark("unit", format!("{unit} {}", concept.id));
            }
            return value;
        };
        let convert = |number: &str| times(number, scale.factor, scale.offset);
        let number = value.number.as_deref().and_then(convert);
        if let Some(number) = number {
            value.high = value.high.as_deref().and_then(convert);
            value.number = Some(number);
            value.unit = Some(usual);
        }
        value
    }

    /// Judges and derives as the text engine does; `event` is of the test.
    pub(super) fn measured(
        &mut self,
        mut event: Event,
        concept: &Concept,
        value: Quantity,
        element: &Value,
    ) -> Event {
        let mut value = self.usual(concept, value);
        value.interpretation = flag(element)
            .or(value.interpretation)
            .or_else(|| self.by_range(concept, element, &value));
        let patient = self.context.patient;
        let age = patient.age_at(self.context.date);
        let derivations = &self.coder.derivations;
        event.value = Some(derivations.interpret(concept, patient.sex, &value));
        derivations.derive(&self.coder.vocabulary, patient.sex, age, &mut event);
        event
    }

    /// The judgement by the reference range of the source, in the usual unit.
    fn by_range(&mut self, concept: &Concept, element: &Value, value: &Quantity) -> Option<Interpretation> {
        let number = value.as_f64().filter(|_| value.comparator.is_none())?;
        let range = list(element, "referenceRange").find(|range| {
            let kind = code_of(range, "type");
            kind.is_none_or(|kind| kind == "normal")
                && (at(range, "low").is_some() || at(range, "high").is_some())
        })?;
        let mut limit = |key: &str| {
            let mut limit = self.quantity(at(range, key)?)?;
            limit.unit = limit.unit.or_else(|| {
                let own = at(element, "valueQuantity").and_then(|value| self.quantity(value));
                own.and_then(|own| own.unit)
            });
            let limit = self.usual(concept, limit);
            (limit.unit == value.unit).then(|| limit.as_f64()).flatten()
        };
        let (low, high) = (limit("low"), limit("high"));
        match (low, high) {
            (Some(low), _) if number < low => Some(Interpretation::Low),
            (_, Some(high)) if number > high => Some(Interpretation::High),
            (None, None) => None,
            _ => Some(Interpretation::Normal),
        }
    }
}

fn qualitative(text: &str, interpretation: Interpretation) -> Quantity {
    Quantity {
        text: Some(text.to_owned()),
        interpretation: Some(interpretation),
        ..Quantity::default()
    }
}

/// The flag of the source (HL7 v3 `ObservationInterpretation`, v2 table 0078).
pub(super) fn flag(element: &Value) -> Option<Interpretation> {
    list(element, "interpretation").find_map(|concept| {
        let code = list(concept, "coding")
            .find_map(|coding| text(coding, "code"))
            .or_else(|| text(concept, "text"))?;
        Some(match code {
            "H" | "HH" | "HU" | ">" | "HX" => Interpretation::High,
            "L" | "LL" | "LU" | "<" | "LX" => Interpretation::Low,
            "N" => Interpretation::Normal,
            "POS" | "DET" | "RR" | "WR" => Interpretation::Positive,
            "NEG" | "ND" | "NR" => Interpretation::Negative,
            _ => return None,
        })
    })
}

fn comparator(sign: &str) -> Option<Comparator> {
    Some(match sign {
        "<" => Comparator::Less,
        "<=" => Comparator::AtMost,
        ">=" => Comparator::AtLeast,
        ">" => Comparator::More,
        _ => return None,
    })
}

/// `number * factor + offset`. A power of ten moves the point and keeps the digits; anything else is rounded to four
/// significant digits, finer than any clinical value is measured.
pub(super) fn times(number: &str, factor: f64, offset: f64) -> Option<String> {
    if offset.abs() < f64::EPSILON {
        let power = factor.log10().round();
        if (factor.log10() - power).abs() < 1e-9 && power.abs() <= 12.0 {
            return moved(number, power as i32);
        }
    }
    let value = number.parse::<f64>().ok()? * factor + offset;
    if !value.is_finite() {
        return None;
    }
    let digits = 4 - (value.abs().max(1e-9).log10().floor() as i32 + 1);
    let rounded = format!("{value:.*}", usize::try_from(digits.clamp(0, 9)).unwrap_or(0));
    Some(if rounded.contains('.') {
        rounded.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        rounded
    })
}

/// Moves the point of decimal text, exactly; text with an exponent is written out first.
fn moved(number: &str, power: i32) -> Option<String> {
    let plain = if number.contains(['e', 'E']) {
        format!("{}", number.parse::<f64>().ok()?)
    } else {
        number.to_owned()
    };
    let (sign, digits) = match plain.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", plain.trim_start_matches('+')),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if !digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    let mut all: String = format!("{whole}{fraction}");
    let shift = power.unsigned_abs() as usize;
    let point = if power >= 0 {
        whole.len() + shift
    } else if whole.len() > shift {
        whole.len() - shift
    } else {
        all = format!("{}{all}", "0".repeat(shift - whole.len() + 1));
        1
    };
    while all.len() < point {
        all.push('0');
    }
    let (whole, fraction) = all.split_at_checked(point)?;
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    Some(if fraction.is_empty() {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{fraction}")
    })
}

#[cfg(test)]
mod tests {
    use super::times;

    #[test]
    fn a_power_of_ten_moves_the_point_and_keeps_the_digits() {
        let cases = [
            ("5600", 0.001, "5.600"),
            ("22.0", 10.0, "220"),
            ("0.05", 10.0, "0.5"),
            ("1200", 0.0001, "0.1200"),
            ("-1.5", 0.1, "-0.15"),
            ("1e3", 0.1, "100.0"),
        ];
        for (number, factor, wanted) in cases {
            assert_eq!(
                times(number, factor, 0.0).as_deref(),
                Some(wanted),
                "{number} x {factor}"
            );
        }
    }

    #[test]
    fn other_factors_are_rounded_to_four_digits() {
        assert_eq!(
            times("102.56", 0.555_555_6, -17.777_777_8).as_deref(),
            Some("39.2")
        );
        assert_eq!(times("5.5", 18.016, 0.0).as_deref(), Some("99.09"));
        assert_eq!(times("88.42", 1.0 / 88.42, 0.0).as_deref(), Some("1"));
        assert_eq!(times("x", 2.0, 0.0), None);
    }
}
