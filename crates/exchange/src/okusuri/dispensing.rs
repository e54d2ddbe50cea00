//! One dispensing: its pharmacy, who prescribed, its drugs with their usage.

use super::notebook::text;
use super::tables::Tables;
use super::{Row, bytes_of};
use crate::feed::{Outlet, unnumbered};
use crate::incoming::{Evidence, Incoming, Person, Resource, Standard, Standing, Text};
use crate::made::{Coding, Json, day, decimal};
use jiff::civil::{Date, time};
use std::collections::BTreeMap;

/// 保険医療機関番号, ten digits.
const INSTITUTION: &str = "http://jpfhir.jp/fhir/core/IdSystem/insurance-medical-institution-no";

/// Columns of the records 11 and 51.
mod institution {
    pub(super) const NAME: usize = 1;
    pub(super) const PREFECTURE: usize = 2;
    pub(super) const FEE_TABLE: usize = 3;
    pub(super) const CODE: usize = 4;
}

/// Columns of the record 201.
mod drug {
    pub(super) const RP: usize = 1;
    pub(super) const NAME: usize = 2;
    pub(super) const AMOUNT: usize = 3;
    pub(super) const UNIT: usize = 4;
    pub(super) const CODE_KIND: usize = 5;
    pub(super) const CODE: usize = 6;
    pub(super) const GENERAL_NAME: usize = 8;
    pub(super) const GENERAL_CODE_KIND: usize = 9;
    pub(super) const GENERAL_CODE: usize = 10;
}

/// Columns of the record 301.
mod usage {
    pub(super) const RP: usize = 1;
    pub(super) const NAME: usize = 2;
    pub(super) const QUANTITY: usize = 3;
    pub(super) const FORM: usize = 5;
    pub(super) const CODE_KIND: usize = 6;
    pub(super) const CODE: usize = 7;
}

#[derive(Debug, Clone, Default)]
struct Institution {
    name: String,
    number: String,
}

impl Institution {
    fn of(cells: &[&str]) -> Self {
        let at = |index: usize| cells.get(index).copied().unwrap_or_default();
        let ten = [
            at(institution::PREFECTURE),
            at(institution::FEE_TABLE),
            at(institution::CODE),
        ]
        .concat();
        let is_whole = ten.len() == 10 && ten.bytes().all(|byte| byte.is_ascii_digit());
        Self {
            name: at(institution::NAME).to_owned(),
            number: if is_whole { ten } else { String::new() },
        }
    }

    fn key(&self) -> &str {
        if self.number.is_empty() {
            &self.name
        } else {
            &self.number
        }
    }

    /// A reference by number and name, with more words behind the name.
    fn write(&self, json: &mut Json, more: &str) {
        if !self.number.is_empty() {
            json.open("identifier");
            json.text("system", INSTITUTION);
            json.text("value", &self.number);
            json.close();
        }
        json.text("display", [&self.name, more].join(" ").trim());
    }
}

/// A drug with the RP it stands in.
struct Drug<'r> {
    line: u32,
    cells: Vec<&'r str>,
    doctor: usize,
    notes: Vec<String>,
}

struct Usage<'r> {
    cells: Vec<&'r str>,
    doctor: usize,
    notes: Vec<String>,
    cautions: Vec<String>,
}

/// A dispensing while its records are read.
pub(super) struct Dispensing<'r> {
    date: Date,
    is_personal: bool,
    pharmacy: Institution,
    prescriber: Institution,
    doctors: Vec<String>,
    drugs: Vec<Drug<'r>>,
    usages: Vec<Usage<'r>>,
    texts: Vec<Text>,
}

impl<'r> Dispensing<'r> {
    /// Hands out the statement of the lines from a record 5 on.
    pub(super) fn hand_out(
        rows: &[&'r Row],
        bytes: &[u8],
        charset: &'static str,
        person: &Person,
        tables: &Tables,
        out: &mut Outlet<'_, '_, '_>,
    ) {
        let all = bytes_of(rows.iter().copied(), bytes);
        let Some((head, rest)) = rows.split_first() else {
            return;
        };
        let cells = head.cells();
        let Some(date) = day(cells.get(1).copied().unwrap_or_default()) else {
            let message = "the day of the dispensing is no date; its drugs cannot be placed in time";
            out.dead("bad-date", (head.number, "5-1"), message, all);
            return;
        };
        let creator = cells.get(2).copied().unwrap_or_default();
        let mut made = Self {
            date,
            is_personal: tables.get("creator", creator).1 == "personal",
            pharmacy: Institution::default(),
            prescriber: Institution::default(),
            doctors: vec![String::new()],
            drugs: Vec::new(),
            usages: Vec::new(),
            texts: Vec::new(),
        };
        for row in rest {
            made.record(row, tables, out);
        }
        if made.pharmacy.name.is_empty() {
            let message = "the dispensing names no pharmacy or institution (record 11)";
            out.warn("no-pharmacy", (head.number, "11-1"), message);
        }
        let mut resources = Vec::new();
        let mut usages = BTreeMap::new();
        for usage in &made.usages {
            let rp = usage.cells.get(usage::RP).copied().unwrap_or_default();
            usages.entry((usage.doctor, rp)).or_insert(usage);
        }
        for drug in &made.drugs {
            resources.extend(made.dispense(drug, &usages, tables, out));
        }
        if resources.is_empty() && made.texts.is_empty() {
            out.warn(
                "no-drug",
                (head.number, "201"),
                "the dispensing has no drug that can be read",
            );
        }
        let key = format!(
            "{date}/{}/{}{}",
            made.pharmacy.key(),
            made.prescriber.key(),
            unnumbered(person)
        );
        let key = out.unique(person, key, head.number);
        out.statement(Incoming {
            standard: Standard::Okusuri,
            place: out.place(head.number, ""),
            person: person.clone(),
            key,
            sequence: String::new(),
            standing: Standing::Valid,
            evidence: if made.is_personal {
                Evidence::Personal
            } else {
                Evidence::Care
            },
            civil: Some(date.to_datetime(time(0, 0, 0, 0))),
            bytes: all,
            charset,
            resources,
            texts: made.texts,
        });
    }

    fn record(&mut self, row: &'r Row, tables: &Tables, out: &mut Outlet<'_, '_, '_>) {
        let cells = row.cells();
        let at = |index: usize| cells.get(index).copied().unwrap_or_default();
        let doctor = self.doctors.len() - 1;
        let words = at(2).to_owned();
        match row.kind() {
            "11" => self.pharmacy = Institution::of(&cells),
            "51" => self.prescriber = Institution::of(&cells),
            "55" => self.doctors.push([at(2), at(1)].join(" ").trim().to_owned()),
            "201" => self.drugs.push(Drug {
                line: row.number,
                doctor,
                notes: Vec::new(),
                cells,
            }),
            "281" | "291" => match self.drugs.last_mut() {
                Some(drug) => drug.notes.push(words),
                None => orphan(row, out),
            },
            "301" => self.usages.push(Usage {
                doctor,
                notes: Vec::new(),
                cautions: Vec::new(),
                cells,
            }),
            "311" => match self.usages.last_mut() {
                Some(usage) => usage.notes.push(words),
                None => orphan(row, out),
            },
            "391" => match self.usages.last_mut() {
                Some(usage) => usage.cautions.push(words),
                None => orphan(row, out),
            },
            kind @ ("401" | "411" | "421" | "501" | "601") => {
                let made = text(tables.get("text", kind).0, at(1));
                let written = Some(self.date.to_datetime(time(0, 0, 0, 0)));
                self.texts.extend(made.map(|text| Text { written, ..text }));
            }
            _ => {}
        }
    }

    fn dispense(
        &self,
        drug: &Drug<'_>,
        usages: &BTreeMap<(usize, &str), &Usage<'r>>,
        tables: &Tables,
        out: &mut Outlet<'_, '_, '_>,
    ) -> Option<Resource> {
        let at = |index: usize| drug.cells.get(index).copied().unwrap_or_default();
        let name = at(drug::NAME);
        if name.is_empty() {
            let message = "a drug without a name; it is kept in the bytes only";
            out.warn("no-name", (drug.line, "201-2"), message);
            return None;
        }
        let rp = drug.cells.get(drug::RP).copied().unwrap_or_default();
        let usage = usages.get(&(drug.doctor, rp)).copied();
        if usage.is_none() {
            let message = "the drug has no usage (record 301 of its RP)";
            out.warn("no-usage", (drug.line, "301"), message);
        }
        let use_at = |index: usize| {
            let cells = usage.map(|usage| usage.cells.as_slice()).unwrap_or_default();
            cells.get(index).copied().unwrap_or_default()
        };
        let amount = at(drug::AMOUNT);
        if decimal(amount).is_none() && !amount.is_empty() {
            let message = "the amount is no number; it is kept in the bytes only";
            out.warn("bad-amount", (drug.line, "201-3"), message);
        }
        let mut json = Json::resource("MedicationDispense");
        json.text("status", "completed");
        Self::code(&mut json, drug, tables, out);
        json.list("performer");
        json.open("");
        json.open("actor");
        self.pharmacy.write(&mut json, "");
        json.close();
        json.close();
        json.end();
        let doctor = self.doctors.get(drug.doctor).map_or("", String::as_str);
        if !self.prescriber.name.is_empty() || !doctor.is_empty() {
            json.list("authorizingPrescription");
            json.open("");
            self.prescriber.write(&mut json, doctor);
            json.close();
            json.end();
        }
        let (_, meaning) = tables.get("form", use_at(usage::FORM));
        let count = use_at(usage::QUANTITY);
        if meaning == "total" {
            json.quantity("quantity", amount, at(drug::UNIT), "");
        }
        if meaning == "daily" {
            json.quantity("daysSupply", count, "", "d");
        }
        json.text("whenHandedOver", &self.date.to_string());
        let mut notes = drug.notes.clone();
        if !amount.is_empty() && !is_known(meaning) {
            let message = "what the amount means is not known (form of record 301); it is kept as a note";
            out.warn("unknown-form", (drug.line, "301-5"), message);
            notes.push([amount, at(drug::UNIT)].join(" ").trim_end().to_owned());
        }
        notes.extend(
            usage
                .iter()
                .flat_map(|usage| usage.notes.iter().chain(&usage.cautions).cloned()),
        );
        json.notes(&notes);
        let amounts = (meaning, amount, at(drug::UNIT), count);
        dosage(
            &mut json,
            amounts,
            (use_at(usage::NAME), use_at(usage::CODE_KIND), use_at(usage::CODE)),
            tables,
        );
        Some(json.finish())
    }

    fn code(json: &mut Json, drug: &Drug<'_>, tables: &Tables, out: &mut Outlet<'_, '_, '_>) {
        let at = |index: usize| drug.cells.get(index).copied().unwrap_or_default();
        let (code, kind) = (at(drug::CODE), at(drug::CODE_KIND));
        let (_, system) = tables.get("drug-code", kind);
        if !code.is_empty() && system.is_empty() {
            let message = "the kind of the drug's code is not known; the code is kept in the bytes only";
            out.warn("unknown-code-kind", (drug.line, "201-5"), message);
        }
        // HOT codes of 7, 9 and 13 digits are systems of their own.
        let hot = system.ends_with("HOT").then(|| format!("{system}{}", code.len()));
        let name = at(drug::NAME);
        let own = Coding {
            system: hot.as_deref().unwrap_or(system),
            code: if system.is_empty() { "" } else { code },
            display: name,
        };
        let (_, general) = tables.get("general-code", at(drug::GENERAL_CODE_KIND));
        let other = Coding {
            system: general,
            code: if general.is_empty() {
                ""
            } else {
                at(drug::GENERAL_CODE)
            },
            display: at(drug::GENERAL_NAME),
        };
        json.concept("medicationCodeableConcept", &[own, other], name);
    }
}

/// Whether a form says what the amount of its drug means.
fn is_known(meaning: &str) -> bool {
    matches!(meaning, "daily" | "dose" | "total")
}

fn orphan(row: &Row, out: &mut Outlet<'_, '_, '_>) {
    let message = "the record stands before the drug or usage that it is about; it is kept in the bytes only";
    out.warn("orphan-record", (row.number, row.kind()), message);
}

/// How it is taken: the words, the code, the amount by what it means, how often in all where it is taken as needed.
fn dosage(
    json: &mut Json,
    (meaning, amount, unit, count): (&str, &str, &str, &str),
    (words, code_kind, code): (&str, &str, &str),
    tables: &Tables,
) {
    let (_, system) = tables.get("usage-code", code_kind);
    let has_code = !system.is_empty() && !code.is_empty();
    let has_count = meaning == "dose" && decimal(count).is_some();
    let has_amount = matches!(meaning, "daily" | "dose") && decimal(amount).is_some();
    if words.is_empty() && !has_code && !has_amount {
        return;
    }
    json.list("dosageInstruction");
    json.open("");
    json.text("text", words);
    if has_code || has_count {
        json.open("timing");
        if has_count {
            json.open("repeat");
            json.number("count", count);
            json.close();
        }
        if has_code {
            let coding = Coding {
                system,
                code,
                display: words,
            };
            json.concept("code", &[coding], words);
        }
        json.close();
    }
    if has_amount {
        json.list("doseAndRate");
        json.open("");
        if meaning == "daily" {
            json.open("rateRatio");
            json.quantity("numerator", amount, unit, "");
            json.quantity("denominator", "1", "", "d");
            json.close();
        } else {
            json.quantity("doseQuantity", amount, unit, "");
        }
        json.close();
        json.end();
    }
    json.close();
    json.end();
}
