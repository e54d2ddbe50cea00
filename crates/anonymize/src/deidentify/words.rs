//! The tables of names and of the words around them, compiled into one trie, and the signs with which dates, ages and
//! addresses are written.

use super::fold::fold_word;
use rustc_hash::{FxHashMap, FxHashSet};
use tsumugi_tables::{Lexicon, Marked, Mistake, Row, Source, Table, to_katakana};
use unicode_normalization::UnicodeNormalization as _;

/// What a word of the tables is, as bits.
pub(crate) mod mark {
    /// A surname.
    pub(crate) const SURNAME: u32 = 1;
    /// A surname that is a common word too.
    pub(crate) const SURNAME_WORD: u32 = 1 << 1;
    /// A given name.
    pub(crate) const GIVEN: u32 = 1 << 2;
    /// The reading of a surname.
    pub(crate) const SURNAME_KANA: u32 = 1 << 3;
    /// The reading of a given name.
    pub(crate) const GIVEN_KANA: u32 = 1 << 4;
    /// Either in Latin letters.
    pub(crate) const ROMAN: u32 = 1 << 5;
    /// A prefecture.
    pub(crate) const PREFECTURE: u32 = 1 << 6;
    /// A municipality.
    pub(crate) const MUNICIPALITY: u32 = 1 << 7;
    /// The name of one of these without its kind.
    pub(crate) const PLACE_STEM: u32 = 1 << 8;
    /// A word for a hospital.
    pub(crate) const HOSPITAL: u32 = 1 << 9;
    /// A word for a clinic.
    pub(crate) const CLINIC: u32 = 1 << 10;
    /// A word for a care facility.
    pub(crate) const CARE: u32 = 1 << 11;
    /// A word for a school.
    pub(crate) const SCHOOL: u32 = 1 << 12;
    /// A word for a company.
    pub(crate) const COMPANY: u32 = 1 << 13;
    /// A word for an agency or association.
    pub(crate) const AGENCY: u32 = 1 << 14;
    /// It is no name alone.
    pub(crate) const NEEDS_NAME: u32 = 1 << 15;
    /// A word of kinship.
    pub(crate) const KIN: u32 = 1 << 16;
    /// An honorific or title behind a name.
    pub(crate) const BEHIND: u32 = 1 << 17;
    /// One before a name.
    pub(crate) const BEFORE: u32 = 1 << 18;
    /// Labels by what stands behind them.
    pub(crate) const LABEL_PATIENT: u32 = 1 << 19;
    pub(crate) const LABEL_FAMILY: u32 = 1 << 20;
    pub(crate) const LABEL_STAFF: u32 = 1 << 21;
    pub(crate) const LABEL_ADDRESS: u32 = 1 << 22;
    pub(crate) const LABEL_FACILITY: u32 = 1 << 23;
    pub(crate) const LABEL_PHONE: u32 = 1 << 24;
    pub(crate) const LABEL_ID: u32 = 1 << 25;
    pub(crate) const LABEL_DATE: u32 = 1 << 26;
    /// A term with a name in it that must stay.
    pub(crate) const EPONYM: u32 = 1 << 27;
    /// A medical term of the terminology.
    pub(crate) const MEDICAL: u32 = 1 << 28;
    /// A common word.
    pub(crate) const COMMON: u32 = 1 << 29;
    /// A word for a building.
    pub(crate) const BUILDING: u32 = 1 << 30;
    /// A word that makes a place of the words before it.
    pub(crate) const GEOGRAPHY: u32 = 1 << 31;

    /// All that names persons.
    pub(crate) const NAME: u32 = SURNAME | GIVEN | SURNAME_KANA | GIVEN_KANA | ROMAN;
    /// All that names places.
    pub(crate) const PLACE: u32 = PREFECTURE | MUNICIPALITY | PLACE_STEM;
    /// All words for institutions.
    pub(crate) const FACILITY: u32 = HOSPITAL | CLINIC | CARE | SCHOOL | COMPANY | AGENCY;
    /// All labels.
    pub(crate) const LABEL: u32 = LABEL_PATIENT
        | LABEL_FAMILY
        | LABEL_STAFF
        | LABEL_ADDRESS
        | LABEL_FACILITY
        | LABEL_PHONE
        | LABEL_ID
        | LABEL_DATE;
    /// What tells of the word behind it.
    pub(crate) const LEADING: u32 = KIN | BEFORE | LABEL;
    /// What is no name however it looks.
    pub(crate) const KEPT: u32 = EPONYM | MEDICAL | COMMON;
}

/// What a form means.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Word(u32);

impl Marked for Word {
    fn marks(&self) -> u32 {
        self.0
    }
}

/// What a single sign is in a date, an age or an address, as bits.
pub(crate) mod sign {
    pub(crate) const YEAR: u8 = 1;
    pub(crate) const MONTH: u8 = 1 << 1;
    pub(crate) const DAY: u8 = 1 << 2;
    pub(crate) const FIRST: u8 = 1 << 3;
    pub(crate) const AGE: u8 = 1 << 4;
    pub(crate) const POSTCODE: u8 = 1 << 5;
    pub(crate) const JOINER: u8 = 1 << 6;
    pub(crate) const SEX: u8 = 1 << 7;
}

/// The tables, compiled.
pub(crate) struct Words {
    pub(crate) lexicon: Lexicon<Word>,
    /// Signs of one character.
    pub(crate) signs: FxHashMap<char, u8>,
    /// Values of numerals that are no digits.
    pub(crate) numerals: FxHashMap<char, u32>,
    /// Signs that make a decade of an age.
    pub(crate) decades: FxHashSet<char>,
    /// Names of eras.
    pub(crate) eras: Vec<Vec<char>>,
    /// English names of months, the longest first, with their numbers.
    pub(crate) months: Vec<(Vec<char>, u32)>,
    /// Words at which an address ends.
    pub(crate) stops: Vec<Vec<char>>,
    /// Words that make a share of two numbers before them.
    pub(crate) shares: Vec<Vec<char>>,
    /// Words of scores and counts before two numbers, and words that may stand between.
    pub(crate) scales: Vec<Vec<char>>,
    pub(crate) sides: FxHashSet<char>,
    /// Particles of one character.
    pub(crate) particles: FxHashSet<char>,
}

impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Words({:?})", self.lexicon)
    }
}

/// Why the tables cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WordsError {
    /// A row is wrong.
    #[error("{0}")]
    Row(Mistake),
    /// They are too many.
    #[error("the tables of names cannot be compiled: {0}")]
    Size(#[from] tsumugi_tables::LexiconError),
}

/// Longest medical term that is looked for, in characters.
const LONGEST_TERM: usize = 24;

impl Words {
    /// Compiles the tables of `deidentification/` and the given medical terms.
    pub(crate) fn new<'t>(
        sources: &[Source<'_>],
        terms: impl Iterator<Item = std::borrow::Cow<'t, str>>,
    ) -> Result<Self, WordsError> {
        let mut forms: Vec<(String, u32)> = Vec::new();
        let mut words = Self {
            lexicon: Lexicon::compile(std::iter::empty::<(&str, &Word)>())?,
            signs: FxHashMap::default(),
            numerals: FxHashMap::default(),
            decades: FxHashSet::default(),
            eras: Vec::new(),
            months: Vec::new(),
            stops: Vec::new(),
            shares: Vec::new(),
            scales: Vec::new(),
            sides: FxHashSet::default(),
            particles: FxHashSet::default(),
        };
        let mut mistakes = Vec::new();
        let hepburn = hepburn(sources, &mut mistakes);
        for source in sources {
            let Some(name) = source.path.strip_prefix("deidentification/") else {
                continue;
            };
            let table = Table::parse(*source, &mut mistakes);
            for row in table.rows() {
                match name {
                    "surnames.tsv" | "given_names.tsv" => add_name(&mut forms, name, &row, &hepburn),
                    "municipalities.tsv" => add_place(&mut forms, &row),
                    "notation.tsv" => words.add_sign(&mut forms, &row),
                    _ => forms.extend(marks_of(name, &row).map(|(word, marks)| (fold_word(word), marks))),
                }
            }
        }
        if let Some(mistake) = mistakes.into_iter().next() {
            return Err(WordsError::Row(mistake));
        }
        forms.extend(
            terms
                .filter(|term| (2..=LONGEST_TERM).contains(&term.chars().count()))
                .map(|term| (fold_word(&term), mark::MEDICAL)),
        );
        // Half-width kana has its voicing marks apart.
        let apart: Vec<(String, u32)> = forms
            .iter()
            .filter(|(form, _)| form.chars().any(|c| ('\u{30a0}'..='\u{30ff}').contains(&c)))
            .filter_map(|(form, marks)| {
                let apart: String = form.nfd().collect();
                (apart != *form).then_some((apart, *marks))
            })
            .collect();
        forms.extend(apart);
        let entries: Vec<(String, Word)> = forms
            .into_iter()
            .map(|(form, marks)| (form, Word(marks)))
            .collect();
        words.lexicon = Lexicon::compile(entries.iter().map(|(form, word)| (form.as_str(), word)))?;
        words
            .months
            .sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        Ok(words)
    }

    fn add_sign(&mut self, forms: &mut Vec<(String, u32)>, row: &Row<'_, '_>) {
        let word = fold_word(row.get("word"));
        let chars: Vec<char> = word.chars().collect();
        let value = row.get("value").parse().unwrap_or(0);
        let single = match row.get("kind") {
            "year" => sign::YEAR,
            "month" => sign::MONTH,
            "day" => sign::DAY,
            "first" => sign::FIRST,
            "age" => sign::AGE,
            "postcode" => sign::POSTCODE,
            "joiner" => sign::JOINER,
            "sex" => sign::SEX,
            "numeral" => {
                if let [c] = chars.as_slice() {
                    self.numerals.insert(*c, value);
                }
                return;
            }
            "decade" => return self.decades.extend(chars),
            "era" => return self.eras.push(chars),
            "month-name" => return self.months.push((chars, value)),
            "stop" => return self.stops.push(chars),
            "scale" => return self.scales.push(chars),
            "side" => return self.sides.extend(chars),
            "particle" => return self.particles.extend(chars),
            "share" => return self.shares.push(chars),
            "building" => return forms.push((word, mark::BUILDING)),
            "geography" => return forms.push((word, mark::GEOGRAPHY)),
            _ => return forms.push((word, mark::COMMON)),
        };
        if let [c] = chars.as_slice() {
            *self.signs.entry(*c).or_default() |= single;
        }
    }

    /// Whether a character is this sign.
    pub(crate) fn is(&self, c: Option<&char>, sign: u8) -> bool {
        c.is_some_and(|c| self.signs.get(c).is_some_and(|signs| signs & sign != 0))
    }
}

fn hepburn<'a>(sources: &[Source<'a>], mistakes: &mut Vec<Mistake>) -> FxHashMap<&'a str, &'a str> {
    let source = sources
        .iter()
        .find(|source| source.path == "deidentification/hepburn.tsv");
    source.map_or_else(FxHashMap::default, |source| {
        let table = Table::parse(*source, mistakes);
        let rows = table.rows().map(|row| (row.get("kana"), row.get("letters")));
        rows.collect()
    })
}

fn add_name(forms: &mut Vec<(String, u32)>, table: &str, row: &Row<'_, '_>, hepburn: &FxHashMap<&str, &str>) {
    let is_surname = table == "surnames.tsv";
    let (written, read) = if is_surname {
        (mark::SURNAME, mark::SURNAME_KANA)
    } else {
        (mark::GIVEN, mark::GIVEN_KANA)
    };
    let is_word = row.list("note").any(|note| note == "word");
    let word = row.get(if is_surname { "surname" } else { "name" });
    let more = if is_word { mark::SURNAME_WORD } else { 0 };
    forms.push((fold_word(word), written | more));
    for kana in row.list("kana") {
        if kana.chars().count() < 2 {
            continue;
        }
        forms.push((to_katakana(kana), read));
        forms.push((kana.to_owned(), read));
        for letters in latin(kana, hepburn) {
            forms.push((letters.to_uppercase(), mark::ROMAN | read));
            let mut chars = letters.chars();
            let capital = chars.next().map(|c| c.to_ascii_uppercase());
            forms.push((capital.into_iter().chain(chars).collect(), mark::ROMAN | read));
        }
    }
}

/// A reading in Latin letters: with long vowels written out, and without.
fn latin(kana: &str, hepburn: &FxHashMap<&str, &str>) -> Vec<String> {
    let mut out = String::new();
    let mut rest = kana;
    while let Some(first) = rest.chars().next() {
        let one = first.len_utf8();
        let two = rest.chars().nth(1).map_or(one, |second| one + second.len_utf8());
        let found = [two, one].into_iter().find_map(|length| {
            let (piece, behind) = rest.split_at_checked(length)?;
            hepburn.get(piece).map(|letters| (*letters, behind))
        });
        let Some((letters, behind)) = found else {
            return Vec::new();
        };
        out.push_str(letters);
        rest = behind;
    }
    if out.len() < 3 {
        return Vec::new();
    }
    let short = out.replace("ou", "o").replace("oo", "o").replace("uu", "u");
    if short == out { vec![out] } else { vec![out, short] }
}

/// Kinds of municipalities that notes leave out.
const KIND_LENGTH: usize = 1;

fn add_place(forms: &mut Vec<(String, u32)>, row: &Row<'_, '_>) {
    let name = row.get("name");
    let kind = row.get("kind");
    let marks = if kind == "prefecture" {
        mark::PREFECTURE
    } else {
        mark::MUNICIPALITY
    };
    forms.push((name.to_owned(), marks));
    let chars: Vec<char> = name.chars().collect();
    if kind == "ward" {
        // A ward is listed with its city; the ward alone is what stands behind the last character of the city.
        let cities = forms
            .iter()
            .rev()
            .take(64)
            .filter(|(form, marks)| *marks == mark::MUNICIPALITY && name.starts_with(form.as_str()));
        let city = cities
            .map(|(form, _)| form.len())
            .filter(|length| *length < name.len())
            .max();
        if let Some((_, ward)) = city.and_then(|city| name.split_at_checked(city)) {
            forms.push((ward.to_owned(), mark::MUNICIPALITY));
        }
        return;
    }
    let stem = chars.len().saturating_sub(KIND_LENGTH);
    if stem >= 2 && kind != "special-ward" {
        forms.push((chars.iter().take(stem).collect(), mark::PLACE_STEM));
    }
}

fn marks_of<'a>(table: &str, row: &Row<'_, 'a>) -> Option<(&'a str, u32)> {
    Some(match table {
        "facilities.tsv" => {
            let kind = match row.get("kind") {
                "hospital" | "hospital-short" => mark::HOSPITAL,
                "clinic" => mark::CLINIC,
                "care" => mark::CARE,
                "school" => mark::SCHOOL,
                "company" => mark::COMPANY,
                _ => mark::AGENCY,
            };
            let needs = if row.get("needs_name").is_empty() {
                0
            } else {
                mark::NEEDS_NAME
            };
            (row.get("word"), kind | needs)
        }
        "kinship.tsv" => (row.get("word"), mark::KIN),
        "honorifics.tsv" => {
            let places = row.list("place").map(|place| match place {
                "before" => mark::BEFORE,
                _ => mark::BEHIND,
            });
            (row.get("word"), places.fold(0, |all, place| all | place))
        }
        "eponyms.tsv" => (row.get("term"), mark::EPONYM),
        "header_labels.tsv" => {
            let kind = match row.get("kind") {
                "PATIENT" => mark::LABEL_PATIENT,
                "FAMILY" => mark::LABEL_FAMILY,
                "STAFF" => mark::LABEL_STAFF,
                "ADDRESS" => mark::LABEL_ADDRESS,
                "FACILITY" => mark::LABEL_FACILITY,
                "PHONE" | "MAIL" => mark::LABEL_PHONE,
                "ID" => mark::LABEL_ID,
                "DATE" | "AGE" => mark::LABEL_DATE,
                _ => return None,
            };
            (row.get("label"), kind)
        }
        _ => return None,
    })
}
