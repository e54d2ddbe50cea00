//! What leaves: tables of invented persons, held against what was asked of them.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_sign_loss,
    clippy::print_stdout,
    reason = "a test may panic"
)]

use jiff::civil::{Date, date};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use tsumugi_anonymize::cells::{Cell, protect_list};
use tsumugi_anonymize::facts::{Coarseness, facts};
use tsumugi_anonymize::pseudonyms::KeyTable;
use tsumugi_anonymize::write::{Format, RowsAre, WriteError, write};
use tsumugi_anonymize::{
    Anonymized, AnonymousError, Clause, ColumnKind, Fact, Frame, Hierarchies, LeftBehind, People, Period,
    Person, TableReport, Wanted, anonymise,
};
use tsumugi_clinical::{EventKind, Sex};
use tsumugi_records::PatientId;

/// Splitmix64.
fn draw(state: &mut u64, below: u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (mixed ^ (mixed >> 31)) % below
}

const DIAGNOSES: [&str; 8] = [
    "I10", "E11.9", "J18.9", "K80.2", "C34.9", "I50.0", "N18.3", "M17.9",
];
const DRUGS: [&str; 4] = ["C08CA01", "A10BA02", "C10AA05", "N02BE01"];

fn fact(kind: EventKind, system: &str, code: &str, day: Date) -> Fact {
    Fact {
        kind,
        system: system.into(),
        code: code.into(),
        day,
        is_absent: false,
        value: None,
        unit: None,
    }
}

fn people(many: i64, seed: u64) -> People {
    let mut state = seed;
    let mut persons: Vec<Person> = (1..=many)
        .map(|number| {
            let mut day = || {
                date(
                    2026,
                    1 + draw(&mut state, 11) as i8,
                    1 + draw(&mut state, 28) as i8,
                )
            };
            let (one, other, third) = (day(), day(), day());
            let mut of = |list: &[&'static str]| {
                let (a, b) = (
                    draw(&mut state, list.len() as u64),
                    draw(&mut state, list.len() as u64),
                );
                list[a.min(b) as usize]
            };
            let (first, second, drug) = (of(&DIAGNOSES), of(&DIAGNOSES), of(&DRUGS));
            let mut value = fact(EventKind::Measurement, "LOINC", "8310-5", third);
            value.value = Some("38.5".to_owned());
            value.unit = Some("Cel".into());
            Person {
                patient: PatientId::new(number),
                sex: [Sex::Female, Sex::Male][draw(&mut state, 2) as usize],
                birth: Some(date(
                    1925 + draw(&mut state, 90) as i16,
                    1 + draw(&mut state, 12) as i8,
                    1,
                )),
                region: Some(format!("JP-{:02}", 1 + draw(&mut state, 12))),
                facts: vec![
                    fact(EventKind::Condition, "ICD-10", first, one),
                    fact(EventKind::Condition, "ICD-10", second, other),
                    fact(EventKind::Medication, "ATC", drug, other),
                    value,
                ],
            }
        })
        .collect();
    // One person with a disease that nobody else has, past 100.
    persons[0].birth = Some(date(1920, 1, 1));
    persons[0]
        .facts
        .push(fact(EventKind::Condition, "ICD-10", "E70.0", date(2026, 2, 3)));
    People {
        period: Period {
            from: date(2026, 1, 1),
            to: date(2026, 11, 29),
        },
        persons,
        left_behind: LeftBehind::default(),
    }
}

fn columns<'h>(hierarchies: &'h Hierarchies, names: &[&str]) -> Vec<&'h ColumnKind> {
    names
        .iter()
        .map(|name| hierarchies.column(name).unwrap())
        .collect()
}

fn wanted(k: u32, suppressed: f64) -> Wanted {
    Wanted {
        k,
        suppressed,
        l: 2,
        t: None,
    }
}

fn table(
    people: &People,
    sensitive: &[&str],
    wanted: Wanted,
) -> Result<(Anonymized<Frame>, TableReport), AnonymousError> {
    let hierarchies = Hierarchies::embedded().unwrap();
    let quasi = columns(&hierarchies, &["sex", "age", "region", "month"]);
    anonymise(
        people,
        &quasi,
        &columns(&hierarchies, sensitive),
        wanted,
        &hierarchies,
    )
}

fn rows(frame: &Frame) -> Vec<Vec<&str>> {
    (0..frame.rows()).map(|row| frame.row(row).collect()).collect()
}

fn bytes(table: &Anonymized<Frame>, rows_are: RowsAre, format: Format) -> Vec<u8> {
    let mut out = Vec::new();
    write(
        table,
        rows_are,
        format,
        &mut out,
        &mut || Ok::<(), Infallible>(()),
    )
    .unwrap();
    out
}

#[test]
fn every_row_that_leaves_has_k_alike_and_l_different_diagnoses() {
    let people = people(3000, 1);
    for (k, suppressed) in [(5, 0.0), (10, 0.04), (25, 0.04)] {
        let (table, report) = table(&people, &["diagnosis"], wanted(k, suppressed)).unwrap();
        let frame = table.data();
        let mut classes: BTreeMap<Vec<&str>, Vec<&str>> = BTreeMap::new();
        for row in rows(frame) {
            classes.entry(row[..4].to_vec()).or_default().push(row[4]);
        }
        assert!(classes.values().all(|class| class.len() >= k as usize), "k {k}");
        assert!(
            classes
                .values()
                .all(|class| class.iter().collect::<BTreeSet<_>>().len() >= 2),
            "k {k}"
        );
        assert!(3000 - frame.rows() <= (suppressed * 3000.0) as usize, "k {k}");
        assert_eq!(report.risk.rows, frame.rows() as u64);
        assert!(report.privacy["diagnosis"].k >= k && report.privacy["diagnosis"].distinct_l >= 2);
        // No sensitive value that fewer than k rows have, but `*`.
        let counts = frame.column("diagnosis").unwrap();
        assert!(
            counts
                .counts()
                .all(|(value, count)| value == "*" || count >= u64::from(k)),
            "k {k}"
        );
        // The one person with the disease that nobody else has cannot be seen.
        assert!(
            !rows(frame)
                .iter()
                .flatten()
                .any(|cell| *cell == "E70" || cell.starts_with("106"))
        );
        let clauses: BTreeSet<Clause> = table.steps().iter().map(|step| step.clause).collect();
        assert_eq!(clauses.len(), 5, "each item of article 34 is named: {clauses:?}");
    }
}

#[test]
fn t_is_held_or_nothing_leaves() {
    let people = people(3000, 2);
    let close = Wanted {
        t: Some(0.2),
        ..wanted(10, 0.2)
    };
    match table(&people, &["diagnosis"], close) {
        Ok((table, report)) => {
            assert!(report.privacy["diagnosis"].t <= 0.2 && table.data().rows() >= 2400);
        }
        Err(error) => assert!(matches!(error, AnonymousError::TooAlike { .. }), "{error}"),
    }
    let closest = Wanted {
        t: Some(0.0),
        ..wanted(10, 0.0)
    };
    let told = table(&people, &["diagnosis"], closest).unwrap_err();
    assert!(
        matches!(told, AnonymousError::TooAlike { .. }) && told.to_string().contains("diagnosis"),
        "{told}"
    );
}

#[test]
fn what_cannot_be_reached_is_told_and_nothing_is_given_out() {
    let few = people(9, 3);
    let told = table(&few, &["diagnosis"], wanted(10, 0.0)).unwrap_err();
    assert!(
        matches!(told, AnonymousError::Unreachable { k: 10, .. }),
        "{told}"
    );
    assert!(told.to_string().contains("smaller k"), "{told}");
    // Everybody has the same diagnosis: no two different ones in any class.
    let mut alike = people(200, 4);
    alike
        .persons
        .iter_mut()
        .for_each(|person| person.facts.truncate(1));
    alike
        .persons
        .iter_mut()
        .for_each(|person| person.facts[0].code = "I10".into());
    let told = table(&alike, &["diagnosis"], wanted(10, 0.0)).unwrap_err();
    assert!(matches!(told, AnonymousError::TooAlike { .. }), "{told}");
    // A code in a gap of the tables.
    let mut gap = people(200, 5);
    gap.persons[7].facts = vec![fact(EventKind::Condition, "ICD-10", "I53.1", date(2026, 3, 3))];
    let told = table(&gap, &["diagnosis"], wanted(10, 0.0)).unwrap_err();
    assert!(told.to_string().contains("\"I53\" stands in no row"), "{told}");
    let twice = table(&few, &["age"], wanted(2, 0.0)).unwrap_err();
    assert!(matches!(twice, AnonymousError::Columns(_)), "{twice}");
    let none = People {
        persons: Vec::new(),
        ..few
    };
    assert!(table(&none, &["diagnosis"], wanted(2, 0.0)).is_err());
}

#[test]
fn the_same_persons_give_the_same_bytes_in_whatever_order_they_are_read() {
    let one = people(1500, 6);
    let mut other = one.clone();
    other.persons.reverse();
    let key = || KeyTable::new([8; 32]);
    let coarse = Coarseness {
        least_persons: 10,
        leaves: true,
    };
    let hierarchies = Hierarchies::embedded().unwrap();
    for format in [Format::Csv, Format::Parquet, Format::Ndjson] {
        let persons = |people: &People| {
            let (table, _) = table(people, &["diagnosis", "drug"], wanted(10, 0.04)).unwrap();
            bytes(&table, RowsAre::Persons, format)
        };
        assert_eq!(persons(&one), persons(&other), "{format:?}");
        let of_facts = |people: &People| {
            let table = facts(people, "s", &mut key(), coarse, &hierarchies).unwrap();
            bytes(&table, RowsAre::Facts, format)
        };
        assert_eq!(of_facts(&one), of_facts(&other), "{format:?}");
    }
}

#[test]
fn a_table_of_facts_has_no_code_that_few_have_and_no_date() {
    let people = people(400, 7);
    let hierarchies = Hierarchies::embedded().unwrap();
    let coarse = |least_persons, leaves| Coarseness {
        least_persons,
        leaves,
    };
    let mut keys = KeyTable::new([8; 32]);
    let table = facts(&people, "s", &mut keys, coarse(10, true), &hierarchies).unwrap();
    let frame = table.data();
    let mut persons: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for row in 0..frame.rows() {
        let cell = |name: &str| frame.column(name).unwrap().value(row);
        persons
            .entry((cell("system"), cell("code")))
            .or_default()
            .insert(cell("person"));
        assert!(
            cell("age").contains('-') || cell("age") == "90+",
            "{}",
            cell("age")
        );
        assert!(
            !frame
                .row(row)
                .any(|cell| cell.starts_with("2026") || cell == "E70.0")
        );
    }
    assert!(persons.values().all(|persons| persons.len() >= 10), "{persons:?}");
    // One E70 among 400: its chapter has E11 too, so that it leaves as nothing or as what ten others are.
    assert!(table.steps().iter().any(|step| step.clause.place() == (31, 1)));
    let inside = facts(&people, "s", &mut keys, coarse(1, false), &hierarchies).unwrap();
    assert_eq!(inside.data().rows(), 400 * 4 + 1);
    assert!(rows(inside.data()).iter().any(|row| row.contains(&"E70.0")));
    // The same person has the same pseudonym in both, and another in another study.
    let other = facts(&people, "t", &mut keys, coarse(1, false), &hierarchies).unwrap();
    let names = |frame: &Frame| -> BTreeSet<String> {
        frame
            .column("person")
            .unwrap()
            .counts()
            .map(|(name, _)| name.to_owned())
            .collect()
    };
    assert!(names(frame).is_subset(&names(inside.data())));
    assert!(names(frame).is_disjoint(&names(other.data())));
    let ndjson = String::from_utf8(bytes(&table, RowsAre::Facts, Format::Ndjson)).unwrap();
    let mut patients = 0;
    for line in ndjson.lines() {
        let resource: serde_json::Value = serde_json::from_str(line).unwrap();
        match resource["resourceType"].as_str().unwrap() {
            "Patient" => patients += 1,
            "Observation" => assert_eq!(resource["valueQuantity"]["value"], 38.5),
            "Condition" | "MedicationStatement" => assert!(resource["subject"]["reference"].is_string()),
            other => panic!("{other}"),
        }
    }
    assert_eq!(patients, names(frame).len());
}

#[test]
fn parquet_and_csv_say_the_same() {
    let (table, _) = table(&people(30_000, 8), &["diagnosis"], wanted(10, 0.04)).unwrap();
    let file = bytes(&table, RowsAre::Persons, Format::Parquet);
    let mut place = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut place, &file).unwrap();
    let reader = SerializedFileReader::new(place).unwrap();
    let mut read = Vec::new();
    for row in reader.get_row_iter(None).unwrap() {
        let row = row.unwrap();
        let cells: Vec<String> = row
            .get_column_iter()
            .map(|(_, field)| match field {
                parquet::record::Field::Str(text) => text.clone(),
                other => panic!("{other}"),
            })
            .collect();
        read.push(cells.join(","));
    }
    let csv = String::from_utf8(bytes(&table, RowsAre::Persons, Format::Csv)).unwrap();
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines[0], "sex,age,region,month,diagnosis");
    assert_eq!(read.len(), table.data().rows());
    assert!(reader.metadata().num_row_groups() > 1);
    assert_eq!(lines[1..], read);
}

#[test]
fn a_withdrawal_ends_the_writing_at_the_next_batch() {
    let (table, _) = table(&people(30_000, 9), &["diagnosis"], wanted(10, 0.04)).unwrap();
    #[derive(Debug, PartialEq)]
    struct Withdrawn;
    for format in [Format::Csv, Format::Parquet, Format::Ndjson] {
        let whole = bytes(&table, RowsAre::Persons, format).len();
        let mut out = Vec::new();
        let mut asked = 0;
        let ended = write(&table, RowsAre::Persons, format, &mut out, &mut || {
            asked += 1;
            if asked == 2 { Err(Withdrawn) } else { Ok(()) }
        });
        assert!(
            matches!(ended, Err(WriteError::Ended(Withdrawn))),
            "{format:?}: {ended:?}"
        );
        assert!(asked == 2 && out.len() < whole, "{format:?}");
        // Also where it comes after the last row.
        let ended = write(&table, RowsAre::Persons, format, &mut Vec::new(), &mut || {
            asked += 1;
            if asked > 2 + whole / 1_000_000_000 + table.data().rows().div_ceil(20_000) {
                Err(Withdrawn)
            } else {
                Ok(())
            }
        });
        assert!(ended.is_err(), "{format:?}");
    }
}

/// The values that each hidden count has in some list that fits what is told and the total.
fn possible(counts: &[u64], cells: &[Cell], least: u64) -> Vec<BTreeSet<u64>> {
    let hidden: Vec<(usize, bool)> = cells
        .iter()
        .enumerate()
        .filter(|(_, cell)| !matches!(cell, Cell::Told(_)))
        .map(|(place, cell)| (place, *cell == Cell::Small))
        .collect();
    let sum: u64 = hidden.iter().map(|(place, _)| counts[*place]).sum();
    let mut found = vec![BTreeSet::new(); counts.len()];
    let mut open = vec![(0, sum, Vec::new())];
    while let Some((next, left, values)) = open.pop() {
        let Some((_, is_small)) = hidden.get(next) else {
            if left == 0 {
                hidden.iter().zip(&values).for_each(|((place, _), value)| {
                    found[*place].insert(*value);
                });
            }
            continue;
        };
        let range = if *is_small { 1..least } else { least..left + 1 };
        for value in range.filter(|value| *value <= left) {
            let mut values = values.clone();
            values.push(value);
            open.push((next + 1, left - value, values));
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn no_count_of_a_list_can_be_reckoned_from_its_total(
        counts in prop::collection::vec(0u64..9, 1..5),
        least in 3u64..5,
    ) {
        let (cells, may_tell_total) = protect_list(&counts, least);
        let found = possible(&counts, &cells, least);
        for ((cell, count), found) in cells.iter().zip(&counts).zip(found) {
            match cell {
                Cell::Told(told) => prop_assert!(told == count && (*count == 0 || *count >= least)),
                _ if may_tell_total => prop_assert!(found.len() > 1, "{counts:?} {cells:?}"),
                _ => prop_assert!(*count > 0),
            }
        }
    }
}
