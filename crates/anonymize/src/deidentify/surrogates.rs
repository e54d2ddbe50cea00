//! The text with something else in the place of what identifies: marks, or surrogates of the same kind and form.
//!
//! A surrogate is drawn by a hash of the seed and the original, so that within one seed the same name gets the same
//! surrogate, in kanji, kana and Latin letters alike. Without the seed the draw cannot be reckoned back.

mod dates;
mod names;
mod numbers;

use super::fold::fold;
use super::{Findings, Found, Kind};
use names::Names;
use rustc_hash::FxHashMap;
use std::fmt::Write as _;
use tsumugi_tables::{Mistake, Source, Table};

/// What stands in the place of what identifies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// `[PERSON]`.
    Marks,
    /// Something of the same kind and form.
    Surrogates,
}

/// What dates become where surrogates are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateStyle {
    /// All are moved by the same number of days, a month to a year, drawn from the seed.
    Shift,
    /// Days of illness: `第n病日`.
    SickDay,
}

/// A replaced span: where it was in the original, and what stands there now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    /// The span in the original text.
    pub found: Found,
    /// What stands there now.
    pub text: String,
}

/// Writes texts anew.
#[derive(Debug)]
pub struct Rewriter {
    names: Names,
    places: Vec<(String, String, bool)>,
    facilities: Vec<Vec<char>>,
    words: FxHashMap<String, Vec<String>>,
    dates: dates::Notation,
}

/// Why the tables cannot be used.
type Mistakes = Vec<Mistake>;

/// How one note is written anew.
#[derive(Debug, Clone, Copy)]
struct Draw {
    seed: u64,
}

impl Draw {
    /// A number below `most` that the same text always gets.
    fn below(self, most: usize, about: &[char], salt: u64) -> usize {
        let mut hash = self.seed ^ salt.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        for c in about {
            hash = (hash ^ u64::from(*c as u32)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            hash ^= hash >> 29;
        }
        hash = (hash ^ hash >> 31).wrapping_mul(0x94D0_49BB_1331_11EB);
        let most = most.max(1) as u64;
        ((hash ^ hash >> 32) % most) as usize
    }

    /// One of a list that is not the given one.
    fn other<'l>(self, list: &'l [String], about: &[char], salt: u64) -> &'l str {
        let first = self.below(list.len(), about, salt);
        let original: String = about.iter().collect();
        let from = list.iter().cycle().skip(first).take(list.len());
        from.map(String::as_str)
            .find(|word| *word != original)
            .unwrap_or_default()
    }
}

impl Rewriter {
    /// Reads the tables below `deidentification/`.
    pub fn new(sources: &[Source<'_>]) -> Result<Self, Mistake> {
        let mut mistakes = Mistakes::new();
        let mut table = |name: &str| -> Vec<Vec<String>> {
            let path = format!("deidentification/{name}.tsv");
            let source = sources.iter().find(|source| source.path == path);
            source.map_or_else(Vec::new, |source| {
                let table = Table::parse(*source, &mut mistakes);
                let header: Vec<String> = table.header().iter().map(|name| (*name).to_owned()).collect();
                let rows = table.rows();
                rows.map(|row| header.iter().map(|column| row.get(column).to_owned()).collect())
                    .collect()
            })
        };
        let mut words: FxHashMap<String, Vec<String>> = FxHashMap::default();
        for row in table("surrogates") {
            if let [word, kind] = row.as_slice() {
                words.entry(kind.clone()).or_default().push(word.clone());
            }
        }
        let places = table("municipalities");
        let facilities = table("facilities");
        let rewriter = Self {
            names: Names::new(&table("surnames"), &table("given_names"), &table("hepburn")),
            places: places
                .into_iter()
                .filter_map(|row| match row.as_slice() {
                    [name, prefecture, kind] => Some((name.clone(), prefecture.clone(), kind == "city")),
                    _ => None,
                })
                .collect(),
            facilities: facilities
                .iter()
                .filter_map(|row| row.first().map(|word| word.chars().map(fold).collect()))
                .collect(),
            words,
            dates: dates::Notation::new(&table("notation")),
        };
        match mistakes.into_iter().next() {
            Some(mistake) => Err(mistake),
            None => Ok(rewriter),
        }
    }

    /// The text with all spans replaced, and what replaced them.
    pub fn rewrite(
        &self,
        text: &str,
        findings: &Findings,
        style: Style,
        date_style: DateStyle,
        seed: u64,
    ) -> (String, Vec<Replacement>) {
        let chars: Vec<char> = text.chars().collect();
        let draw = Draw { seed };
        let dates = self.dates.of_note(&chars, findings, date_style, draw);
        let mut out = String::with_capacity(text.len());
        let mut replaced = Vec::with_capacity(findings.spans.len());
        let mut from = 0;
        let mut next_date = dates.into_iter();
        for found in &findings.spans {
            out.extend(chars.get(from..found.start).unwrap_or(&[]));
            let original: Vec<char> = chars.get(found.start..found.end).unwrap_or(&[]).to_vec();
            let date = if found.kind == Kind::Date {
                next_date.next().flatten()
            } else {
                None
            };
            let new = match style {
                Style::Marks => format!("[{}]", found.kind.word()),
                Style::Surrogates => self.surrogate(&original, found.kind, date, draw),
            };
            out.push_str(&new);
            replaced.push(Replacement {
                found: *found,
                text: new,
            });
            from = found.end;
        }
        out.extend(chars.get(from..).unwrap_or(&[]));
        (out, replaced)
    }

    fn surrogate(&self, original: &[char], kind: Kind, date: Option<dates::Written>, draw: Draw) -> String {
        let folded: Vec<char> = original.iter().map(|c| fold(*c)).collect();
        let new = match kind {
            Kind::Person => self.names.surrogate(&folded, draw),
            Kind::Age => self.word("age", &folded, draw).to_owned(),
            Kind::Date => date.map(|date| self.date_text(date)).unwrap_or_default(),
            Kind::Location => self.place(&folded, draw),
            Kind::Hospital | Kind::Org => self.institution(&folded, draw),
            Kind::Phone => numbers::phone(&folded, draw),
            Kind::Email => numbers::mail(&folded, draw),
            Kind::Id => self.number(&folded, draw),
        };
        // What cannot be written anew, or came out the same, is marked.
        let same: String = folded.iter().collect();
        if new.is_empty() || new == same || new.chars().eq(original.iter().copied()) {
            return format!("[{}]", kind.word());
        }
        new
    }

    fn word(&self, kind: &str, about: &[char], draw: Draw) -> &str {
        self.words.get(kind).map_or("", |list| draw.other(list, about, 1))
    }

    fn date_text(&self, date: dates::Written) -> String {
        let fill = |kind: &str, number: i64| {
            let template = self.words.get(kind).and_then(|list| list.first());
            template.map_or_else(String::new, |template| {
                template.replace("{n}", &number.to_string())
            })
        };
        match date {
            dates::Written::Text(text) => text,
            dates::Written::SickDay(day) if day >= 1 => fill("sick-day", day),
            dates::Written::SickDay(day) => fill("sick-day-before", 1 - day),
            dates::Written::SickMonth(months) if months >= 0 => fill("sick-month", months),
            dates::Written::SickMonth(months) => fill("sick-month-before", -months),
        }
    }

    /// A place for a place; what follows a municipality becomes a district, with other numbers.
    fn place(&self, original: &[char], draw: Draw) -> String {
        let text: String = original.iter().collect();
        let cities: Vec<&(String, String, bool)> =
            self.places.iter().filter(|(_, _, is_city)| *is_city).collect();
        let head: Vec<char> = original.iter().copied().take(6).collect();
        let Some((city, prefecture, _)) = cities.get(draw.below(cities.len(), &head, 2)) else {
            return String::new();
        };
        let names_prefecture = self
            .places
            .iter()
            .any(|(_, prefecture, _)| text.contains(prefecture.as_str()));
        let city_of = self
            .places
            .iter()
            .filter(|(name, _, _)| text.contains(name.as_str()));
        let longest = city_of.max_by_key(|(name, _, _)| name.len());
        let mut out = String::new();
        let has_postcode = original.first().is_some_and(|c| !c.is_alphanumeric());
        if has_postcode {
            out.extend(original.iter().copied().take(1));
        }
        let digits = original.iter().filter(|c| c.is_ascii_digit()).count();
        let is_code = has_postcode && digits >= 7;
        if is_code {
            let _ = write!(out, "999-{:04} ", draw.below(10_000, original, 3));
        }
        if names_prefecture {
            out.push_str(prefecture);
        }
        let is_only_prefecture =
            longest.is_some_and(|(name, prefecture, _)| name == prefecture && text == *name);
        if is_only_prefecture {
            return if out == text { String::new() } else { out };
        }
        if longest.is_none() && digits == 0 {
            // A name without its kind, or with a word such as 駅 behind it, which is kept.
            let stem: String = city
                .chars()
                .take(city.chars().count().saturating_sub(1))
                .collect();
            let last = original.last().copied().filter(|_| original.len() > 2);
            return stem + &last.map(String::from).unwrap_or_default();
        }
        out.push_str(city);
        let rest = if is_code { digits.saturating_sub(7) } else { digits };
        if rest > 0 || text.chars().count() > city.chars().count() + 3 {
            out.push_str(self.word("district", original, draw));
        }
        if rest > 0 {
            let (house, room) = (1 + draw.below(9, original, 4), 1 + draw.below(30, original, 5));
            let _ = write!(out, "{house}-{room}");
        }
        out
    }

    /// Another name before the same word for the institution.
    fn institution(&self, original: &[char], draw: Draw) -> String {
        let tail = self
            .facilities
            .iter()
            .filter(|word| original.ends_with(word))
            .map(Vec::len)
            .max();
        let tail = tail.filter(|length| *length < original.len()).unwrap_or(0);
        let cut = original.len() - tail;
        let (head, tail) = original.split_at_checked(cut).unwrap_or((original, &[]));
        let mut out = self.word("institution", head, draw).to_owned();
        out.extend(tail);
        out
    }

    /// Other digits and letters in the places of digits and letters, another place in the place of kanji.
    fn number(&self, original: &[char], draw: Draw) -> String {
        let mut out = String::new();
        let mut in_kanji = false;
        for (index, c) in original.iter().enumerate() {
            let is_kanji = *c >= '\u{3400}';
            if is_kanji && !in_kanji {
                let stem = self.word("district", original, draw);
                out.extend(stem.chars().take(1));
            } else if !is_kanji {
                out.push(numbers::other(*c, original, index, draw));
            }
            in_kanji = is_kanji;
        }
        out
    }
}
