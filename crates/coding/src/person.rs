//! Sex and age as the head of a note says them (「65歳男性」), for notes that come without a patient.

use tsumugi_clinical::{Patient, Sex};
use tsumugi_tables::{Mistake, Source, Table};

/// Words of persons, from `lexicon/persons.tsv`; longer ones first.
#[derive(Debug, Default)]
pub(crate) struct Persons(Vec<(Vec<char>, Kind)>);

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Sex(Sex),
    /// A unit of age, in years.
    Unit(f64),
    /// A number of years rounded down to ten.
    Decade,
    /// Behind it a number of days, weeks or months is an age.
    SinceBirth,
    /// Behind it a number is an age in days.
    AgeInDays,
}

/// The patient stands in the first sentences; an age further on is somebody else's, or another time's.
const HEAD: usize = 120;

impl Persons {
    pub(crate) fn new(sources: &[Source<'_>], mistakes: &mut Vec<Mistake>) -> Self {
        let mut words = Vec::new();
        for source in sources
            .iter()
            .filter(|source| source.path == "lexicon/persons.tsv")
        {
            let table = Table::parse(*source, mistakes);
            for row in table.rows() {
                let kind = match row.get("kind") {
                    "male" => Kind::Sex(Sex::Male),
                    "female" => Kind::Sex(Sex::Female),
                    "year" => Kind::Unit(1.0),
                    "month" => Kind::Unit(1.0 / 12.0),
                    "week" => Kind::Unit(7.0 / 365.25),
                    "decade" => Kind::Decade,
                    "since-birth" => Kind::SinceBirth,
                    "age-in-days" => Kind::AgeInDays,
                    other => {
                        mistakes.push(Mistake::new(
                            source.path,
                            row.line,
                            format!("unknown kind \"{other}\""),
                        ));
                        continue;
                    }
                };
                words.push((row.get("form").chars().collect::<Vec<char>>(), kind));
            }
        }
        words.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then(a.0.cmp(&b.0)));
        Self(words)
    }

    /// What the head of a note says of the patient.
    pub(crate) fn read(&self, text: &str) -> Patient {
        let head: Vec<char> = text.chars().take(HEAD).map(narrow).collect();
        let mut patient = Patient::default();
        let mut at = 0;
        let mut born = false;
        while let Some(rest) = head.get(at..).filter(|rest| !rest.is_empty()) {
            let digits = rest
                .iter()
                .take_while(|c| c.is_ascii_digit() || **c == '.')
                .count();
            if digits > 0 {
                let number: Option<f64> = rest
                    .get(..digits)
                    .and_then(|digits| digits.iter().collect::<String>().parse().ok());
                at += digits;
                let unit = head.get(at..).and_then(|rest| self.word(rest));
                let Some(number) = number.filter(|_| patient.age.is_none()) else {
                    continue;
                };
                patient.age = match unit {
                    Some((_, Kind::Unit(years))) if years >= 1.0 || born || number < 36.0 => {
                        (born || years >= 1.0).then_some(number * years)
                    }
                    Some((_, Kind::Decade)) => Some(number + 5.0),
                    Some((_, Kind::Sex(_))) => Some(number),
                    _ => None,
                };
                continue;
            }
            match self.word(rest) {
                Some((_, Kind::AgeInDays | Kind::SinceBirth)) => born = true,
                Some((length, Kind::Sex(sex))) if length > 1 || patient.age.is_some() => {
                    patient.sex = patient.sex.or(Some(sex));
                }
                _ => {}
            }
            at += 1;
        }
        patient
    }

    fn word(&self, rest: &[char]) -> Option<(usize, Kind)> {
        let found = self.0.iter().find(|(form, _)| rest.starts_with(form))?;
        Some((found.0.len(), found.1))
    }
}

fn narrow(c: char) -> char {
    const FULL_WIDTH: std::ops::RangeInclusive<u32> = 0xFF01..=0xFF5E;
    const SHIFT: u32 = 0xFEE0;
    let code = u32::from(c);
    if FULL_WIDTH.contains(&code) {
        return char::from_u32(code - SHIFT).unwrap_or(c);
    }
    c
}

#[cfg(test)]
#[expect(clippy::non_ascii_literal, reason = "test notes are Japanese")]
mod tests {
    use super::*;
    use tsumugi_terminology::{embedded_files, sources_of};

    fn check(text: &str, sex: Option<Sex>, age: Option<f64>) {
        let files = embedded_files();
        let patient = Persons::new(&sources_of(&files), &mut Vec::new()).read(text);
        assert_eq!(patient.sex, sex, "{text}");
        let near = match (patient.age, age) {
            (Some(a), Some(b)) => (a - b).abs() < 0.01,
            (a, b) => a == b,
        };
        assert!(near, "{text}: {:?}", patient.age);
    }

    #[test]
    fn the_head_of_a_note_says_who_it_is() {
        check("65歳男性。昨日から発熱。", Some(Sex::Male), Some(65.0));
        check("５４歳の女性。", Some(Sex::Female), Some(54.0));
        check("生後3か月の女児。", Some(Sex::Female), Some(0.25));
        check("3か月前から咳がある72歳の男性", Some(Sex::Male), Some(72.0));
        check("60歳代女性", Some(Sex::Female), Some(65.0));
        check("82F、意識障害", Some(Sex::Female), Some(82.0));
        check("1歳6か月の男児", Some(Sex::Male), Some(1.0));
        check("腹痛で受診。彼女の話では", None, None);
        check("S)頭痛。既往なし", None, None);
    }
}
