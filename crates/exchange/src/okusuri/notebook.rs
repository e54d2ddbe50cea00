//! A whole 手帳: whose it is, what the person told, and its dispensings.

use super::dispensing::Dispensing;
use super::tables::Tables;
use super::{Row, VERSION, bytes_of, record};
use crate::feed::{Outlet, has_private, unnumbered};
use crate::fhir::systems::LOINC;
use crate::incoming::{Evidence, Incoming, Person, Resource, Standard, Standing, Text};
use crate::made::{Coding, Json, day};
use std::collections::BTreeMap;
use tsumugi_clinical::Sex;

/// Columns of the record 1.
mod patient {
    pub(super) const NAME: usize = 1;
    pub(super) const SEX: usize = 2;
    pub(super) const BORN: usize = 3;
    pub(super) const BLOOD_TYPE: usize = 8;
    pub(super) const WEIGHT: usize = 9;
    pub(super) const KANA: usize = 10;
}

/// Columns of the records 3 and 31.
mod bought {
    pub(super) const NAME: usize = 1;
    pub(super) const FROM: usize = 2;
    pub(super) const TO: usize = 3;
    pub(super) const SEQUENCE: usize = 5;
    pub(super) const JAN: usize = 6;
    pub(super) const OF: usize = 1;
    pub(super) const INGREDIENT: usize = 2;
}

/// JAN, a GTIN.
const JAN: &str = "urn:oid:1.3.160";

/// Hands out the statements of one 手帳.
pub(super) fn hand_out(
    rows: &[Row],
    bytes: &[u8],
    charset: &'static str,
    tables: &Tables,
    out: &mut Outlet<'_, '_, '_>,
) {
    let Some(first) = rows.first() else { return };
    if let Some(row) = rows.iter().find(|row| has_private(&row.text)) {
        out.inform(
            "private-character",
            (row.number, ""),
            "characters that only the sender can read (gaiji)",
        );
    }
    let head = rows.iter().find(|row| row.kind() == record::PATIENT);
    let person = match person(head, out) {
        Ok(person) => person,
        Err((number, message)) => {
            out.dead("other-patient", (number, "1-3"), message, bytes_of(rows, bytes));
            return;
        }
    };
    if person.number.is_empty() && person.name.is_none() && person.kana.is_none() {
        out.warn(
            "no-patient",
            (first.number, "1"),
            "neither the text nor the import says whose it is; link the patient by hand",
        );
    }
    let (own, dispensings) = zones(rows, bytes, out);
    for zone in dispensings {
        if out.is_open() {
            Dispensing::hand_out(&zone, bytes, charset, &person, tables, out);
        }
    }
    hand_out_own(&own, head, bytes, (charset, first.number), person, tables, out);
}

/// What is of the person, and the lines of each dispensing. A record in a place where it can mean nothing is dead.
fn zones<'r>(
    rows: &'r [Row],
    bytes: &[u8],
    out: &mut Outlet<'_, '_, '_>,
) -> (Vec<&'r Row>, Vec<Vec<&'r Row>>) {
    let mut own = Vec::new();
    let mut dispensings: Vec<Vec<&Row>> = Vec::new();
    for row in rows {
        let kind = row.kind();
        let is_own = row.text.starts_with(VERSION)
            || kind == record::PATIENT
            || kind == record::PHARMACIST
            || record::PERSONAL.contains(&kind);
        if kind == record::DISPENSING {
            dispensings.push(vec![row]);
        } else if is_own {
            own.push(row);
        } else if let Some(zone) = dispensings.last_mut() {
            if !record::OF_DISPENSING.contains(&kind) {
                out.warn(
                    "unknown-record",
                    (row.number, ""),
                    "the record is not known; it is kept in the bytes only",
                );
            }
            zone.push(row);
        } else if record::OF_DISPENSING.contains(&kind) {
            out.dead(
                "record-outside-dispensing",
                (row.number, kind),
                "a record of a dispensing stands before the first record 5; it has no day",
                bytes_of([row], bytes),
            );
        } else {
            out.dead(
                "unknown-record",
                (row.number, ""),
                "the line is no record of a notebook",
                bytes_of([row], bytes),
            );
        }
    }
    (own, dispensings)
}

fn person(head: Option<&Row>, out: &mut Outlet<'_, '_, '_>) -> Result<Person, (u32, &'static str)> {
    let Some(row) = head else {
        return Ok(out.origin.person.clone().unwrap_or_default());
    };
    let cells = row.cells();
    let at = |index: usize| cells.get(index).copied().unwrap_or_default();
    let filled = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let born = day(at(patient::BORN));
    if born.is_none() {
        out.warn("bad-date", (row.number, "1-3"), "the date of birth is no date");
    }
    let told = Person {
        name: filled(at(patient::NAME)),
        kana: filled(at(patient::KANA)),
        sex: match at(patient::SEX) {
            "1" => Some(Sex::Male),
            "2" => Some(Sex::Female),
            _ => None,
        },
        birth_date: born,
        ..Person::default()
    };
    let Some(known) = &out.origin.person else {
        return Ok(told);
    };
    if known.birth_date.is_some() && born.is_some() && known.birth_date != born {
        return Err((
            row.number,
            "the notebook is of a person with another date of birth than the patient that was named",
        ));
    }
    Ok(Person {
        name: known.name.clone().or(told.name),
        kana: known.kana.clone().or(told.kana),
        sex: known.sex.or(told.sex),
        birth_date: known.birth_date.or(told.birth_date),
        ..known.clone()
    })
}

fn hand_out_own(
    own: &[&Row],
    head: Option<&Row>,
    bytes: &[u8],
    (charset, line): (&'static str, u32),
    person: Person,
    tables: &Tables,
    out: &mut Outlet<'_, '_, '_>,
) {
    let mut resources: Vec<Resource> = Vec::new();
    let mut texts = Vec::new();
    if let Some(row) = head {
        let cells = row.cells();
        let at = |index: usize| cells.get(index).copied().unwrap_or_default();
        resources.extend(measured(tables, "weight", at(patient::WEIGHT), "kg"));
        resources.extend(measured(tables, "blood-type", at(patient::BLOOD_TYPE), ""));
    }
    let mut ingredients: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in own.iter().filter(|row| row.kind() == "31") {
        let cells = row.cells();
        let at = |index: usize| cells.get(index).copied().unwrap_or_default();
        if !at(bought::OF).is_empty() && !at(bought::INGREDIENT).is_empty() {
            let parts = ingredients.entry(at(bought::OF).to_owned()).or_default();
            parts.push(at(bought::INGREDIENT).to_owned());
        }
    }
    for row in own {
        let cells = row.cells();
        let at = |index: usize| cells.get(index).copied().unwrap_or_default();
        match row.kind() {
            "2" => texts.extend(text(tables.get("remark", at(1)).0, at(2))),
            "4" => texts.extend(text(tables.get("text", "4").0, at(1))),
            "3" => {
                // The ingredients of a number are of the first drug that has it.
                let parts = ingredients.remove(at(bought::SEQUENCE)).unwrap_or_default();
                resources.extend(bought_drug(&cells, &parts, row.number, out));
            }
            _ => {}
        }
    }
    let all = bytes_of(own.iter().copied(), bytes);
    if resources.is_empty() && texts.is_empty() {
        out.envelope(all.len());
        return;
    }
    let key = out.unique(&person, format!("notebook{}", unnumbered(&person)), line);
    out.statement(Incoming {
        standard: Standard::Okusuri,
        place: out.place(line, ""),
        person,
        key,
        sequence: String::new(),
        standing: Standing::Valid,
        evidence: Evidence::Personal,
        civil: None,
        bytes: all,
        charset,
        resources,
        texts,
    });
}

/// A text under its title, as a section of its own.
pub(super) fn text(title: &str, text: &str) -> Option<Text> {
    (!text.is_empty()).then(|| Text {
        kind: None,
        title: (!title.is_empty()).then(|| title.to_owned()),
        author: None,
        written: None,
        text: if title.is_empty() {
            text.to_owned()
        } else {
            format!("{title}\n{text}")
        },
    })
}

fn measured(tables: &Tables, item: &str, value: &str, unit: &str) -> Option<Resource> {
    if value.is_empty() {
        return None;
    }
    let (name, loinc) = tables.get("observation", item);
    let mut json = Json::resource("Observation");
    json.text("status", "final");
    let coding = Coding {
        system: LOINC,
        code: loinc,
        display: "",
    };
    json.concept("code", &[coding], name);
    if crate::made::decimal(value).is_some() && !unit.is_empty() {
        json.quantity("valueQuantity", value, unit, unit);
    } else {
        json.text("valueString", value);
    }
    Some(json.finish())
}

fn bought_drug(
    cells: &[&str],
    parts: &[String],
    number: u32,
    out: &mut Outlet<'_, '_, '_>,
) -> Option<Resource> {
    let at = |index: usize| cells.get(index).copied().unwrap_or_default();
    let name = at(bought::NAME);
    if name.is_empty() {
        out.warn(
            "no-name",
            (number, "3-1"),
            "a drug without a name; it is kept in the bytes only",
        );
        return None;
    }
    let (from, to) = (day(at(bought::FROM)), day(at(bought::TO)));
    let mut json = Json::resource("MedicationStatement");
    json.text("status", if to.is_some() { "completed" } else { "active" });
    let coding = Coding {
        system: JAN,
        code: at(bought::JAN),
        display: name,
    };
    json.concept("medicationCodeableConcept", &[coding], name);
    if from.is_some() || to.is_some() {
        json.open("effectivePeriod");
        json.text("start", &from.map(|day| day.to_string()).unwrap_or_default());
        json.text("end", &to.map(|day| day.to_string()).unwrap_or_default());
        json.close();
    }
    json.notes(parts);
    Some(json.finish())
}
