//! 様式1, one payload a line, joined to the stay it tells of; and the rows of H, what care a patient needs.

use super::{Group, column};
use crate::claims::act::{self, Disease};
use crate::claims::tables::{Payload, Tables};
use crate::feed::Outlet;
use crate::fhir::systems::{LATERALITY, LOINC};
use crate::incoming::{Person, Resource};
use crate::made::{Coding, Json, day};
use jiff::civil::Date;
use tsumugi_clinical::Sex;

/// Classes of encounters.
pub(super) const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
/// Codes of the survey's items: 様式1 and H.
const ITEM: &str = "https://tsumugi.example/CodeSystem/dpc-item";
/// Codes that the survey gives an answer in, by item.
const ANSWER: &str = "https://tsumugi.example/CodeSystem/dpc-answer";
/// 点数表 (K codes of operations); no official system is published.
const FEE: &str = "https://tsumugi.example/CodeSystem/fee-schedule";
/// Most codes of which it is told that no row knows them.
const TOLD: usize = 200;

pub(super) fn period(json: &mut Json, start: Option<Date>, end: Option<Date>) {
    if start.is_none() && end.is_none() {
        return;
    }
    json.open("period");
    json.text("start", &start.map(|day| day.to_string()).unwrap_or_default());
    json.text("end", &end.map(|day| day.to_string()).unwrap_or_default());
    json.close();
}

/// What the stay itself is told by.
#[derive(Default)]
struct Told<'r> {
    admission: Option<Date>,
    discharge: Option<Date>,
    source: &'r str,
    destination: &'r str,
    outcome: &'r str,
    department: &'r str,
}

/// The resources of a 様式1, and its day of admission. Birth and sex go into the person.
pub(super) fn form1(
    group: &Group,
    tables: &Tables,
    person: &mut Person,
    told: &mut Vec<String>,
    out: &mut Outlet<'_, '_, '_>,
) -> (Vec<Resource>, Option<Date>) {
    let mut stay = Told {
        admission: day(&group.stay.admission),
        ..Told::default()
    };
    let mut resources = Vec::new();
    for (line, text) in &group.rows {
        let cells: Vec<&str> = text.split('\t').map(str::trim).collect();
        let code = cells.get(column::FORM_CODE).copied().unwrap_or_default();
        let Some(payloads) = tables.payloads.get(code) else {
            if told.len() < TOLD && !told.iter().any(|known| known == code) {
                told.push(code.to_owned());
                out.warn(
                    "unmapped-code",
                    (*line, ""),
                    format!("no row of data/exchange/dpc.tsv knows \"{code}\"; it is kept in the bytes only"),
                );
            }
            continue;
        };
        for (number, payload) in payloads {
            let value = cells
                .get(column::FORM_PAYLOADS + usize::from(*number))
                .copied()
                .unwrap_or_default();
            match payload.says.as_str() {
                "disease" => resources.extend(disease(&cells, payload, tables, *line, out)),
                "operation" => resources.extend(operation(&cells, tables, *line, out)),
                _ if value.is_empty() => {}
                "birth" => {
                    person.birth_date = day(value);
                    if person.birth_date.is_none() {
                        out.warn("bad-date", (*line, code), "the date of birth is no date");
                    }
                }
                "sex" => {
                    person.sex = match value {
                        "1" => Some(Sex::Male),
                        "2" => Some(Sex::Female),
                        _ => None,
                    };
                }
                "admission" => stay.admission = day(value).or(stay.admission),
                "discharge" => stay.discharge = day(value),
                "admit-source" => stay.source = value,
                "destination" => stay.destination = value,
                "outcome" => stay.outcome = value,
                "department" => stay.department = value,
                "ignore" => {}
                _ => resources.extend(observation(code, value, payload, stay.admission)),
            }
        }
    }
    if stay
        .discharge
        .is_some_and(|end| stay.admission.is_some_and(|start| end < start))
    {
        let line = group.rows.first().map_or(0, |row| row.0);
        out.warn(
            "date-order",
            (line, ""),
            "the day of discharge is before the day of admission",
        );
    }
    resources.insert(0, encounter(&stay));
    (resources, stay.admission)
}

/// The payload of a row that a layout row (`disease`, `operation`) names.
fn part<'r>(cells: &[&'r str], tables: &Tables, layout: &str, says: &str) -> &'r str {
    let number = tables
        .payloads
        .get(layout)
        .and_then(|row| row.iter().find(|(_, payload)| payload.says == says))
        .map(|(number, _)| usize::from(*number));
    number
        .and_then(|number| cells.get(column::FORM_PAYLOADS + number))
        .copied()
        .unwrap_or_default()
}

fn disease(
    cells: &[&str],
    payload: &Payload,
    tables: &Tables,
    line: u32,
    out: &mut Outlet<'_, '_, '_>,
) -> Option<Resource> {
    let at = |says: &str| part(cells, tables, "disease", says);
    let mut code = at("disease-code");
    let mut modifiers = String::new();
    // Before 2018 the modifiers stood where the code of the disease is now.
    if code.len() != 7 {
        modifiers.push_str(code);
        code = "";
    }
    let layout = tables.payloads.get("disease");
    for (number, _) in layout
        .into_iter()
        .flatten()
        .filter(|(_, payload)| payload.says == "modifiers")
    {
        let cell = cells.get(column::FORM_PAYLOADS + usize::from(*number));
        modifiers.push_str(cell.copied().unwrap_or_default());
    }
    let written = at("icd10");
    let name = at("name");
    if written.is_empty() && name.is_empty() && code.is_empty() {
        return None;
    }
    let icd10 = dotted(written);
    if icd10.is_none() {
        out.warn(
            "bad-icd10",
            (line, cells.get(column::FORM_CODE).copied().unwrap_or_default()),
            "payload 2 is no ICD-10 code; the disease has its name only",
        );
    }
    let disease = Disease {
        code,
        icd10: icd10.as_deref().unwrap_or_default(),
        name,
        modifiers,
        role: &payload.unit,
        role_name: &payload.name,
        ..Disease::default()
    };
    Some(act::condition(&disease, tables))
}

/// An ICD-10 code with its dot: the survey writes `I509`.
fn dotted(code: &str) -> Option<String> {
    let plain: String = code
        .chars()
        .filter(|c| *c != '.')
        .map(|c| c.to_ascii_uppercase())
        .collect();
    let mut bytes = plain.bytes();
    let is_right = (3..=6).contains(&plain.len())
        && plain.is_ascii()
        && bytes.next().is_some_and(|byte| byte.is_ascii_uppercase())
        && bytes.take(2).all(|byte| byte.is_ascii_digit());
    let (category, rest) = plain.split_at_checked(3)?;
    if !is_right {
        return None;
    }
    Some(if rest.is_empty() {
        category.to_owned()
    } else {
        format!("{category}.{rest}")
    })
}

fn operation(cells: &[&str], tables: &Tables, line: u32, out: &mut Outlet<'_, '_, '_>) -> Option<Resource> {
    let at = |says: &str| part(cells, tables, "operation", says);
    let (name, code, date) = (at("name"), at("fee-code"), at("date"));
    if name.is_empty() && code.is_empty() {
        return None;
    }
    let date = day(date);
    if date.is_none() {
        out.warn(
            "bad-date",
            (line, "A007010"),
            "the day of the operation is no date",
        );
    }
    let mut json = Json::resource("Procedure");
    json.text("status", "completed");
    let coding = Coding {
        system: FEE,
        code,
        display: name,
    };
    json.concept("code", &[coding], name);
    json.text(
        "performedDateTime",
        &date.map(|day| day.to_string()).unwrap_or_default(),
    );
    let side = at("side").parse::<u8>().ok();
    let sides = tables.payloads.get("side");
    if let Some(side) = side.and_then(|side| sides.and_then(|sides| sides.get(&side))) {
        json.list("bodySite");
        let coding = Coding {
            system: LATERALITY,
            code: &side.says,
            display: &side.name,
        };
        json.concept("", &[coding], "");
        json.end();
    }
    Some(json.finish())
}

fn observation(code: &str, value: &str, payload: &Payload, day: Option<Date>) -> Option<Resource> {
    let is_quantity = payload.says == "quantity";
    if is_quantity && (crate::made::decimal(value).is_none() || is_unmeasured(value)) {
        return None;
    }
    let mut json = Json::resource("Observation");
    json.text("status", "final");
    let coding = |system, code| Coding {
        system,
        code,
        display: "",
    };
    json.concept(
        "code",
        &[coding(LOINC, payload.loinc.as_str()), coding(ITEM, code)],
        &payload.name,
    );
    json.text(
        "effectiveDateTime",
        &day.map(|day| day.to_string()).unwrap_or_default(),
    );
    if is_quantity {
        json.quantity("valueQuantity", value, &payload.unit, &payload.unit);
    } else {
        json.text("valueString", value);
    }
    Some(json.finish())
}

/// Whether a field is only filled up: zeros, or nines as wide as the field (at least three before the point). 90.0 kg and
/// a birth weight of 990 g are measured.
fn is_unmeasured(value: &str) -> bool {
    const WIDE: usize = 3;
    let digits = |only: u8| {
        let mut all = value.bytes().filter(|byte| *byte != b'.');
        all.all(|byte| byte == only)
    };
    let whole = value.split('.').next().unwrap_or_default();
    digits(b'0') || (digits(b'9') && whole.len() >= WIDE)
}

fn encounter(stay: &Told<'_>) -> Resource {
    let mut json = Json::resource("Encounter");
    json.text(
        "status",
        if stay.discharge.is_some() {
            "finished"
        } else {
            "in-progress"
        },
    );
    json.open("class");
    json.text("system", ACT_CODE);
    json.text("code", "IMP");
    json.close();
    let answer = |code| {
        [Coding {
            system: ANSWER,
            code,
            display: "",
        }]
    };
    if !stay.department.is_empty() {
        json.concept("serviceType", &answer(stay.department), "");
    }
    period(&mut json, stay.admission, stay.discharge);
    let left = [stay.destination, stay.outcome].join("/");
    if !stay.source.is_empty() || left.len() > 1 {
        json.open("hospitalization");
        if !stay.source.is_empty() {
            json.concept("admitSource", &answer(stay.source), "");
        }
        if left.len() > 1 {
            json.concept("dischargeDisposition", &answer(&left), "");
        }
        json.close();
    }
    json.finish()
}

fn item(code: &str) -> [Coding<'_>; 1] {
    [Coding {
        system: ITEM,
        code,
        display: "",
    }]
}

/// One observation a row of H: its payloads are its components.
pub(super) fn nursing_need(
    group: &Group,
    tables: &Tables,
    out: &mut Outlet<'_, '_, '_>,
) -> (Vec<Resource>, Option<Date>) {
    let mut resources = Vec::new();
    let mut first: Option<Date> = None;
    for (line, text) in &group.rows {
        let cells: Vec<&str> = text.split('\t').map(str::trim).collect();
        let code = cells.get(column::NEED_CODE).copied().unwrap_or_default();
        let date = day(cells.get(column::NEED_DATE).copied().unwrap_or_default());
        if date.is_none() {
            out.warn("bad-date", (*line, code), "the day of the assessment is no date");
        }
        first = [first, date].into_iter().flatten().min();
        let name = tables
            .payloads
            .get(code)
            .and_then(|row| row.get(&0))
            .map_or("", |row| row.name.as_str());
        let mut json = Json::resource("Observation");
        json.text("status", "final");
        json.concept("code", &item(code), name);
        json.text(
            "effectiveDateTime",
            &date.map(|day| day.to_string()).unwrap_or_default(),
        );
        let payloads = cells.iter().skip(column::NEED_PAYLOADS + 1);
        let filled = payloads.enumerate().filter(|(_, value)| !value.is_empty());
        let mut components = filled.peekable();
        if components.peek().is_some() {
            json.list("component");
            for (index, value) in components {
                let item_code = format!("{code}-{}", index + 1);
                json.open("");
                json.concept("code", &item(&item_code), "");
                if crate::made::decimal(value).is_some() {
                    json.quantity("valueQuantity", value, "", "");
                } else {
                    json.text("valueString", value);
                }
                json.close();
            }
            json.end();
        }
        resources.push(json.finish());
    }
    (resources, first)
}

#[cfg(test)]
mod tests {
    use super::is_unmeasured;

    #[test]
    fn only_fillings_are_not_measured() {
        for filled in ["0", "000", "000.0", "0.0", "999", "9999", "999.9"] {
            assert!(is_unmeasured(filled), "{filled}");
        }
        for measured in ["90.0", "99", "90", "900", "990", "9.9", "99.9", "61.50", "909"] {
            assert!(!is_unmeasured(measured), "{measured}");
        }
    }
}
