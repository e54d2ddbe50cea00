//! Tables with one row a fact: persons under pseudonyms, days counted from the first fact, codes that few persons have made
//! coarser or left out. No names, no texts, no dates. Such a table is no anonymised information: who knows some facts of a person
//! may find the others. It leaves with consent or under the rules for research, or stays inside.

use crate::dataset::{Fact, People, Person};
use crate::frame::{Frame, FrameColumn};
use crate::hierarchies::{Hierarchies, UNKNOWN};
use crate::hierarchy::HierarchyError;
use crate::pseudonyms::{KeyTable, KeyTableError};
use crate::steps::{Anonymized, Change, Clause, Step};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// Headings, in their order.
pub const HEADINGS: [&str; 12] = [
    "person",
    "sex",
    "age",
    "region",
    "day",
    "kind",
    "system",
    "code",
    "exactness",
    "stated",
    "value",
    "unit",
];

/// How coarse persons and codes become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coarseness {
    /// Codes that fewer persons have become coarser, or are left out; 1 leaves all.
    pub least_persons: u32,
    /// Ages in five years and regions of the country, or years and prefectures where the table stays inside.
    pub leaves: bool,
}

/// Why no table of facts can be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FactsError {
    /// The tables have a gap.
    #[error(transparent)]
    Hierarchy(#[from] HierarchyError),
    /// The key table.
    #[error(transparent)]
    Keys(#[from] KeyTableError),
    /// There is nobody, or nothing of anybody.
    #[error("nobody who is permitted has a fact in the period that enough others have; nothing left")]
    Nothing,
}

/// How each code leaves: the code or a coarser value, none where it is left out.
type Codes<'p> = BTreeMap<(&'p str, &'p str), Coarser>;

struct Coarser {
    /// From the code itself to the coarsest.
    chain: Vec<String>,
    level: usize,
}

impl Coarser {
    fn label(&self) -> Option<&str> {
        self.chain.get(self.level).map(String::as_str)
    }
}

/// The facts of permitted persons for a study, under its pseudonyms; who is new is noted in the key table.
///
/// # Errors
/// `Nothing`, a gap in the tables, a collision of pseudonyms; then nothing leaves.
pub fn facts(
    people: &People,
    study: &str,
    keys: &mut KeyTable,
    coarseness: Coarseness,
    hierarchies: &Hierarchies,
) -> Result<Anonymized<Frame>, FactsError> {
    let least = u64::from(hierarchies.rules().cell);
    let codes = coarser_codes(people, coarseness.least_persons, hierarchies)?;
    let mut rows: Vec<Vec<String>> = HEADINGS.iter().map(|_| Vec::new()).collect();
    let (mut coarser, mut out, mut persons) = (0, 0, 0);
    for person in &people.persons {
        let mut who: Option<[String; 4]> = None;
        for fact in &person.facts {
            let found = codes.get(&(fact.system.as_ref(), fact.code.as_ref()));
            let Some((label, level)) = found.and_then(|code| Some((code.label()?, code.level))) else {
                out += 1;
                continue;
            };
            coarser += u64::from(level > 0);
            if who.is_none() {
                persons += 1;
                who = Some(head(person, people, study, keys, coarseness, hierarchies)?);
            }
            let head = who.iter().flatten().cloned();
            let cells = head.chain(tail(person, fact, label, level));
            rows.iter_mut()
                .zip(cells)
                .for_each(|(column, cell)| column.push(cell));
        }
    }
    if persons == 0 {
        return Err(FactsError::Nothing);
    }
    let columns = HEADINGS
        .iter()
        .zip(rows)
        .map(|(name, cells)| FrameColumn::collected(name, cells.into_iter()));
    let mut steps = left_behind(people, persons, least);
    let changed =
        |change, what: &str, cells| Step::new(Clause::PseudonymousDescriptions, change, what, cells, least);
    if coarser > 0 {
        steps.push(changed(Change::Generalised, "code that few persons have", coarser).to("a coarser code"));
    }
    if out > 0 {
        steps.push(changed(Change::LeftOut, "fact that few persons have", out));
    }
    Ok(Anonymized::new(Frame::sorted(columns.collect()), steps))
}

fn head(
    person: &Person,
    people: &People,
    study: &str,
    keys: &mut KeyTable,
    coarseness: Coarseness,
    hierarchies: &Hierarchies,
) -> Result<[String; 4], FactsError> {
    let age = person.age(people.period.to);
    let region = person.region.clone().unwrap_or_else(|| UNKNOWN.to_owned());
    let coarse = |column: &str, value: String| -> Result<String, HierarchyError> {
        match hierarchies.column(column).filter(|_| coarseness.leaves) {
            Some(kind) => Ok(hierarchies.row(kind, &value)?.into_iter().nth(1).unwrap_or(value)),
            None => Ok(value),
        }
    };
    Ok([
        keys.pseudonym(study, person.patient)?,
        person.sex_word().to_owned(),
        coarse("age", age)?,
        coarse("region", region)?,
    ])
}

fn tail(person: &Person, fact: &Fact, label: &str, level: usize) -> [String; 8] {
    let first = person.first_day().unwrap_or(fact.day);
    // The day of the first fact is day 1. Digits are filled up, so that the order of the text is that of the days.
    let day = (fact.day - first).get_days() + 1;
    let kind = serde_json::to_value(fact.kind).unwrap_or_default();
    [
        format!("{day:05}"),
        kind.as_str().unwrap_or_default().to_owned(),
        fact.system.to_string(),
        label.to_owned(),
        if level == 0 { "exact" } else { "coarser" }.to_owned(),
        if fact.is_absent { "absent" } else { "present" }.to_owned(),
        fact.value.clone().unwrap_or_default(),
        fact.unit.as_deref().unwrap_or_default().to_owned(),
    ]
}

fn left_behind(people: &People, persons: u64, least: u64) -> Vec<Step> {
    let days = people
        .persons
        .iter()
        .map(|person| person.facts.len() as u64)
        .sum();
    let of = |clause, change, what: &str, cells| Step::new(clause, change, what, cells, least);
    let descriptions = Clause::PseudonymousDescriptions;
    let mut steps = vec![
        of(descriptions, Change::Removed, "name and reading", persons),
        of(descriptions, Change::Generalised, "date of birth", persons).to("age"),
        of(descriptions, Change::Replaced, "day of a fact", days).to("day from the first fact"),
        of(descriptions, Change::Replaced, "number of the record", persons).to("pseudonym of the study"),
        of(
            Clause::PseudonymousCodes,
            Change::Removed,
            "numbers of the person",
            persons,
        ),
        of(
            Clause::PseudonymousProperty,
            Change::Removed,
            "whatever is no coded fact",
            persons,
        ),
    ];
    let words = people.left_behind.each();
    steps.extend(words.map(|(field, times)| of(descriptions, Change::Removed, field, times)));
    steps
}

/// Raises the codes that fewer than `least` persons have, level by level; past the coarsest they are left out.
fn coarser_codes<'p>(
    people: &'p People,
    least: u32,
    hierarchies: &Hierarchies,
) -> Result<Codes<'p>, HierarchyError> {
    let mut codes = Codes::new();
    let all = people.persons.iter().flat_map(|person| &person.facts);
    for fact in all {
        let key = (fact.system.as_ref(), fact.code.as_ref());
        if let Entry::Vacant(new) = codes.entry(key) {
            let chain = chain(key.0, key.1, hierarchies)?;
            new.insert(Coarser { chain, level: 0 });
        }
    }
    let longest = codes.values().map(|code| code.chain.len()).max().unwrap_or(0);
    for _ in 0..longest {
        let mut counts: BTreeMap<(&str, &str), (u32, usize)> = BTreeMap::new();
        for (number, person) in people.persons.iter().enumerate() {
            for fact in &person.facts {
                let key = (fact.system.as_ref(), fact.code.as_ref());
                let Some(label) = codes.get(&key).and_then(Coarser::label) else {
                    continue;
                };
                let (count, last) = counts.entry((key.0, label)).or_insert((0, usize::MAX));
                // A person counts once, however often the code is stated.
                if *last != number {
                    (*count, *last) = (*count + 1, number);
                }
            }
        }
        let is_rare = |(system, code): (&str, &Coarser)| {
            let count = code.label().and_then(|label| counts.get(&(system, label)));
            count.is_some_and(|(count, _)| *count < least)
        };
        let rare: Vec<(&str, &str)> = codes
            .iter()
            .filter(|(key, code)| is_rare((key.0, code)))
            .map(|(key, _)| *key)
            .collect();
        if rare.is_empty() {
            break;
        }
        for key in rare {
            if let Some(code) = codes.get_mut(&key) {
                code.level += 1;
            }
        }
    }
    Ok(codes)
}

/// A code with its coarser ones, as far as they still say something.
fn chain(system: &str, code: &str, hierarchies: &Hierarchies) -> Result<Vec<String>, HierarchyError> {
    let (column, start) = match system {
        "ICD-10" => ("diagnosis", code.get(..3).unwrap_or(code)),
        "ATC" => ("drug", code),
        _ => return Ok(vec![code.to_owned()]),
    };
    let Some(kind) = hierarchies.column(column) else {
        return Ok(vec![code.to_owned()]);
    };
    let mut chain = vec![code.to_owned()];
    let mut row = hierarchies.row(kind, start)?;
    row.pop();
    chain.extend(row);
    chain.dedup();
    Ok(chain)
}
