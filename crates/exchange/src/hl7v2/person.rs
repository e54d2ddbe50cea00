//! Whom a message is about: PID, MRG, NK1 (chapter 3), and the Patient resource.

use super::coded::{concept, issuer, person_name};
use super::making::Making;
use super::syntax::{Repetition, Segment};
use super::tables::TABLES;
use crate::incoming::{Person, Severity};
use crate::json::{Json, object};
use tsumugi_clinical::Sex;

const IDENTIFIER_TYPE: &str = "http://terminology.hl7.org/CodeSystem/v2-0203";
const REPRESENTATION: &str = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation";

/// The person of a PID segment.
pub(crate) fn person(pid: &Segment<'_>, making: &mut Making<'_>) -> Person {
    let mut person = Person::default();
    // The facility's own number stands first, or is marked PI.
    let numbers: Vec<Repetition<'_>> = pid
        .repetitions(3)
        .filter(|number| !number.text(1).is_empty())
        .take(20)
        .collect();
    let own = numbers
        .iter()
        .position(|number| number.text(5) == "PI")
        .or_else(|| {
            numbers
                .iter()
                .position(|number| matches!(number.text(5).as_str(), "" | "MR"))
        })
        .unwrap_or(0);
    for (index, number) in numbers.iter().enumerate() {
        if index == own {
            (person.issuer, person.number) = (issuer(number, 4), number.text(1));
        } else {
            person.other_numbers.push((issuer(number, 4), number.text(1)));
        }
    }
    for written in pid.repetitions(5).take(20) {
        let name = Some(person_name(&written, 1)).filter(|name| !name.is_empty());
        if is_kana(&written) {
            person.kana = person.kana.or(name);
        } else {
            person.name = person.name.or(name);
        }
    }
    person.birth_date = making.past(pid, 7, 1).map(|birth| birth.civil.date());
    let sex = pid.text(8, 1);
    person.sex = match TABLES.code("sex", &sex) {
        Some("male") => Some(Sex::Male),
        Some("female") => Some(Sex::Female),
        Some(_) => Some(Sex::Unknown),
        None => None,
    };
    if person.sex.is_none() && !sex.is_empty() {
        let message = "this code of the sex is unknown; it is left out (hl7_codes.tsv, set sex)";
        making.problem(Severity::Warning, "unknown-code", (pid, 8), message);
    }
    person
}

/// Numbers that a merge takes over (MRG-1).
pub(crate) fn merged(mrg: &Segment<'_>) -> Vec<(String, String)> {
    mrg.repetitions(1)
        .filter(|number| !number.text(1).is_empty())
        .map(|number| (issuer(&number, 4), number.text(1)))
        .take(20)
        .collect()
}

/// The Patient resource of a PID segment with next of kin; `replaced` are numbers that a merge takes over.
pub(crate) fn patient(
    pid: &Segment<'_>,
    kin: &[&Segment<'_>],
    replaced: &[(String, String)],
    making: &mut Making<'_>,
) {
    let identifiers: Vec<Json> = pid
        .repetitions(3)
        .filter(|number| !number.text(1).is_empty())
        .take(20)
        .map(|number| identifier(&issuer(&number, 4), &number.text(1)))
        .collect();
    let names: Vec<Json> = pid
        .repetitions(5)
        .take(20)
        .map(|written| human_name(&written))
        .collect();
    let gender = TABLES.code("sex", &pid.text(8, 1)).unwrap_or("");
    let birth = making.time(pid, 7, 1).map(|birth| birth.civil.date().to_string());
    let died = making.past(pid, 29, 1).map(|died| died.fhir);
    let is_dead = pid.text(30, 1) == "Y";
    let links: Vec<Json> = replaced
        .iter()
        .map(|(issuer, number)| {
            let other = object([
                ("type", "Patient".into()),
                ("identifier", identifier(issuer, number)),
            ]);
            object([("other", other), ("type", "replaces".into())])
        })
        .collect();
    let mut telecom = telecoms(pid, 13, "home");
    telecom.extend(telecoms(pid, 14, "work"));
    let body = object([
        ("identifier", identifiers.into()),
        ("name", names.into()),
        ("telecom", telecom.into()),
        ("gender", gender.into()),
        ("birthDate", birth.into()),
        (
            "deceasedBoolean",
            if is_dead && died.is_none() {
                true.into()
            } else {
                Json::Null
            },
        ),
        ("deceasedDateTime", died.into()),
        ("address", addresses(pid, 11).into()),
        ("maritalStatus", concept(&pid.field(16))),
        (
            "contact",
            kin.iter().map(|nk1| contact(nk1)).collect::<Vec<_>>().into(),
        ),
        ("link", links.into()),
    ]);
    making.resource("Patient", &body);
}

/// An Identifier.
pub(crate) fn identifier(issuer: &str, number: &str) -> Json {
    object([
        (
            "type",
            object([(
                "coding",
                object([("system", IDENTIFIER_TYPE.into()), ("code", "MR".into())]).one(),
            )]),
        ),
        (
            "system",
            if issuer.contains(':') {
                issuer.into()
            } else {
                Json::Null
            },
        ),
        ("value", number.into()),
        (
            "assigner",
            object([(
                "display",
                if issuer.contains(':') {
                    Json::Null
                } else {
                    issuer.into()
                },
            )]),
        ),
    ])
}

fn is_kana(written: &Repetition<'_>) -> bool {
    match written.text(8).as_str() {
        "P" | "S" => true,
        "I" | "A" => false,
        _ => {
            let name = person_name(written, 1);
            !name.is_empty()
                && name.chars().all(|letter| {
                    ('\u{30A0}'..='\u{30FF}').contains(&letter)
                        || ('\u{FF61}'..='\u{FF9F}').contains(&letter)
                        || ('\u{3040}'..='\u{309F}').contains(&letter)
                        || letter.is_whitespace()
                })
        }
    }
}

fn human_name(written: &Repetition<'_>) -> Json {
    let family = written.text(1);
    let given = written.text(2);
    let representation = if is_kana(written) { "SYL" } else { "IDE" };
    object([
        (
            "extension",
            object([
                ("url", REPRESENTATION.into()),
                ("valueCode", representation.into()),
            ])
            .one(),
        ),
        (
            "use",
            if written.text(7) == "L" {
                "official".into()
            } else {
                Json::Null
            },
        ),
        ("text", person_name(written, 1).into()),
        ("family", family.into()),
        ("given", Json::from(given).one()),
    ])
}

fn telecoms(segment: &Segment<'_>, number: usize, used: &'static str) -> Vec<Json> {
    segment
        .repetitions(number)
        .take(20)
        .filter_map(|written| {
            let shown = [12, 1, 7]
                .into_iter()
                .map(|part| written.text(part))
                .find(|text| !text.is_empty())?;
            let system = match written.text(3).as_str() {
                "FX" => "fax",
                "Internet" | "X.400" => "email",
                _ => "phone",
            };
            Some(object([
                ("system", system.into()),
                ("value", shown.into()),
                ("use", used.into()),
            ]))
        })
        .collect()
}

fn addresses(segment: &Segment<'_>, number: usize) -> Vec<Json> {
    segment
        .repetitions(number)
        .take(20)
        .map(|written| {
            let parts: Vec<String> = [8, 4, 3, 1, 2]
                .into_iter()
                .map(|part| written.text(part))
                .collect();
            let text: Vec<&str> = parts
                .iter()
                .map(String::as_str)
                .filter(|part| !part.is_empty())
                .collect();
            object([
                (
                    "use",
                    if written.text(7) == "B" {
                        "work".into()
                    } else {
                        Json::Null
                    },
                ),
                ("text", text.join(" ").into()),
                ("postalCode", written.text(5).into()),
                ("country", written.text(6).into()),
            ])
        })
        .collect()
}

fn contact(nk1: &Segment<'_>) -> Json {
    let name = nk1.repetitions(2).next().map(|written| human_name(&written));
    let mut telecom = telecoms(nk1, 5, "home");
    telecom.extend(telecoms(nk1, 6, "work"));
    object([
        ("relationship", concept(&nk1.field(3)).one()),
        ("name", name.into()),
        ("telecom", telecom.into()),
        ("address", addresses(nk1, 4).into_iter().next().into()),
    ])
}
