//! Resources of what was billed: diseases, acts, drugs, materials.

use super::tables::{Amount, Category, Giving, Outcome, Tables};
use crate::fhir::systems::{CONDITION_CATEGORY_HL7, CONDITION_CLINICAL, CONDITION_VERIFICATION};
use crate::incoming::Resource;
use crate::made::{Coding, Json, year_month};
use jiff::civil::Date;

/// レセプト電算 傷病名.
const DISEASE: &str = "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/masterB-disease";
/// レセプト電算 修飾語.
const MODIFIER: &str = "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/masterZ-disease-modifier";
/// レセプト電算 診療行為.
const PROCEDURE: &str = "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/masterS-medicalProcedure";
/// レセプト電算 医薬品 (OID of the electronic prescription; from memory).
pub(crate) const DRUG: &str = "urn:oid:1.2.392.100495.20.2.71";
/// レセプト電算 特定器材; nobody has given it a system, so it is ours.
const MATERIAL: &str = "https://tsumugi.example/CodeSystem/claim-material";
/// ICD-10 2013 of Japan.
const ICD10: &str = "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/ICD10-2013-full";
/// Why a disease stands in a claim: main, admission, resource, resource-second, comorbid, complication.
const ROLE: &str = "https://tsumugi.example/CodeSystem/disease-role";
/// 診療識別.
const CATEGORY: &str = "https://tsumugi.example/CodeSystem/claim-category";
const PREFIX: &str =
    "http://jpfhir.jp/fhir/core/Extension/StructureDefinition/JP_Condition_DiseasePrefixModifier";
const POSTFIX: &str =
    "http://jpfhir.jp/fhir/core/Extension/StructureDefinition/JP_Condition_DiseasePostfixModifier";
/// Days on which it was done, where there are several.
const DAYS: &str = "https://tsumugi.example/StructureDefinition/claim-days";
/// Quantity billed.
const QUANTITY: &str = "https://tsumugi.example/StructureDefinition/claim-quantity";
/// Times billed.
const TIMES: &str = "https://tsumugi.example/StructureDefinition/claim-times";
/// Points (1 point = 10 yen) of one time.
const POINTS: &str = "https://tsumugi.example/StructureDefinition/claim-points";

/// A disease of a claim; empty parts are unknown.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disease<'a> {
    pub(crate) code: &'a str,
    pub(crate) icd10: &'a str,
    pub(crate) name: &'a str,
    /// Codes of four characters, one behind the other.
    pub(crate) modifiers: String,
    pub(crate) began: Option<Date>,
    pub(crate) outcome: Option<Outcome>,
    /// The month in which it ended.
    pub(crate) ended: Option<Date>,
    pub(crate) role: &'a str,
    pub(crate) role_name: &'a str,
    pub(crate) notes: Vec<String>,
}

/// Codes of modifiers, four characters each; a rest is none.
pub(crate) fn modifiers(text: &str) -> impl Iterator<Item = &str> {
    (0..text.len() / 4).filter_map(|index| text.get(index * 4..index * 4 + 4))
}

pub(crate) fn condition(disease: &Disease<'_>, tables: &Tables) -> Resource {
    let mut json = Json::resource("Condition");
    let outcome = disease.outcome.unwrap_or(Outcome::Active);
    let status = |system, code| {
        [Coding {
            system,
            code,
            display: "",
        }]
    };
    json.concept("clinicalStatus", &status(CONDITION_CLINICAL, outcome.code()), "");
    // The doubt is a modifier's code, or stands in the name.
    let is_suspected = modifiers(&disease.modifiers).any(|code| tables.is_suspected(code))
        || crate::hl7v2::suspected(disease.name).is_some();
    let verification = if is_suspected { "unconfirmed" } else { "confirmed" };
    json.concept(
        "verificationStatus",
        &status(CONDITION_VERIFICATION, verification),
        "",
    );
    json.list("category");
    json.concept("", &status(CONDITION_CATEGORY_HL7, "encounter-diagnosis"), "");
    if !disease.role.is_empty() {
        let role = Coding {
            system: ROLE,
            code: disease.role,
            display: disease.role_name,
        };
        json.concept("", &[role], "");
    }
    json.end();
    json.open("code");
    if modifiers(&disease.modifiers).next().is_some() {
        json.list("extension");
        for code in modifiers(&disease.modifiers) {
            json.open("");
            json.text("url", if tables.is_postfix(code) { POSTFIX } else { PREFIX });
            json.concept("valueCodeableConcept", &status(MODIFIER, code), "");
            json.close();
        }
        json.end();
    }
    let is_uncoded = tables.uncoded.iter().any(|code| code == disease.code);
    let coding = |system, code| Coding {
        system,
        code,
        display: "",
    };
    json.concept_parts(
        &[
            coding(DISEASE, if is_uncoded { "" } else { disease.code }),
            coding(ICD10, disease.icd10),
        ],
        disease.name,
    );
    json.close();
    if let Some(began) = disease.began {
        json.text("onsetDateTime", &began.to_string());
    }
    if let Some(ended) = disease.ended.filter(|_| outcome != Outcome::Active) {
        json.text("abatementDateTime", &year_month(ended));
    }
    json.notes(&disease.notes);
    json.finish()
}

/// What kind of thing was billed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Billed {
    /// 診療行為.
    Act,
    /// 医薬品.
    Drug,
    /// 特定器材.
    Material,
    /// コメント.
    Comment,
}

impl Billed {
    /// By the first digit of a code of the masters.
    pub(crate) fn of(code: &str) -> Option<Self> {
        match code.as_bytes() {
            [b'1', ..] if code.len() == 9 => Some(Self::Act),
            [b'6', ..] if code.len() == 9 => Some(Self::Drug),
            [b'7', ..] if code.len() == 9 => Some(Self::Material),
            [b'8', ..] if code.len() == 9 => Some(Self::Comment),
            _ => None,
        }
    }
}

/// When it was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Done {
    /// On these days.
    Days(Vec<Date>),
    /// Some day of this month.
    Month(Date),
    /// Some day from the one to the other.
    Between(Option<Date>, Option<Date>),
}

/// One line of a bill; empty texts are unknown.
#[derive(Debug, Clone)]
pub(crate) struct Line<'a> {
    pub(crate) billed: Billed,
    pub(crate) code: &'a str,
    pub(crate) name: &'a str,
    pub(crate) category: &'a str,
    pub(crate) quantity: &'a str,
    pub(crate) unit: &'a str,
    pub(crate) times: &'a str,
    pub(crate) points: &'a str,
    pub(crate) done: Done,
    pub(crate) notes: Vec<String>,
}

/// The resource of a line; a comment has none.
pub(crate) fn resource(line: &Line<'_>, tables: &Tables) -> Option<Resource> {
    let category = tables.categories.get(line.category);
    match line.billed {
        Billed::Act => Some(procedure(line, category)),
        Billed::Drug => Some(
            match category.map(|category| (category.giving, category.amount)) {
                Some((Giving::Request, amount)) => request(line, category, amount),
                _ => administration(line, category),
            },
        ),
        Billed::Material => Some(supply(line)),
        Billed::Comment => None,
    }
}

fn extensions(json: &mut Json, line: &Line<'_>, with_quantity: bool) {
    let days = match &line.done {
        Done::Days(days) if days.len() > 1 => days.as_slice(),
        _ => &[],
    };
    let quantity = if with_quantity { line.quantity } else { "" };
    let has = |text: &str| crate::made::decimal(text).is_some();
    if days.is_empty() && !has(quantity) && !has(line.times) && !has(line.points) {
        return;
    }
    json.list("extension");
    if !days.is_empty() {
        json.open("");
        json.text("url", DAYS);
        json.open("valueTiming");
        json.list("event");
        for day in days {
            json.element(&day.to_string());
        }
        json.end();
        json.close();
        json.close();
    }
    if has(quantity) {
        json.open("");
        json.text("url", QUANTITY);
        json.quantity("valueQuantity", quantity, line.unit, "");
        json.close();
    }
    for (url, value) in [(TIMES, line.times), (POINTS, line.points)] {
        if has(value) {
            json.open("");
            json.text("url", url);
            json.number("valueDecimal", value);
            json.close();
        }
    }
    json.end();
}

/// `…DateTime` or `…Period`, whichever says it.
fn done(json: &mut Json, line: &Line<'_>, at: &str, during: &str) {
    let (start, end) = match &line.done {
        Done::Month(month) => return json.text(at, &year_month(*month)),
        Done::Days(days) => match (days.first(), days.last()) {
            (Some(first), Some(last)) if first == last => return json.text(at, &first.to_string()),
            (first, last) => (first.copied(), last.copied()),
        },
        Done::Between(start, end) => (*start, *end),
    };
    if start.is_none() && end.is_none() {
        return;
    }
    json.open(during);
    json.text("start", &start.map(|day| day.to_string()).unwrap_or_default());
    json.text("end", &end.map(|day| day.to_string()).unwrap_or_default());
    json.close();
}

fn category_of<'a>(line: &Line<'a>, category: Option<&'a Category>) -> Coding<'a> {
    Coding {
        system: CATEGORY,
        code: line.category,
        display: category.map_or("", |category| &category.name),
    }
}

fn coded<'a>(system: &'a str, line: &Line<'a>) -> Coding<'a> {
    Coding {
        system,
        code: line.code,
        display: line.name,
    }
}

fn procedure(line: &Line<'_>, category: Option<&Category>) -> Resource {
    let mut json = Json::resource("Procedure");
    extensions(&mut json, line, true);
    json.text("status", "completed");
    if !line.category.is_empty() {
        json.concept("category", &[category_of(line, category)], "");
    }
    json.concept("code", &[coded(PROCEDURE, line)], line.name);
    done(&mut json, line, "performedDateTime", "performedPeriod");
    json.notes(&line.notes);
    json.finish()
}

fn request(line: &Line<'_>, category: Option<&Category>, amount: Amount) -> Resource {
    let mut json = Json::resource("MedicationRequest");
    extensions(&mut json, line, false);
    json.text("status", "completed");
    json.text("intent", "order");
    json.list("category");
    json.concept("", &[category_of(line, category)], "");
    json.end();
    json.concept("medicationCodeableConcept", &[coded(DRUG, line)], line.name);
    match &line.done {
        Done::Days(days) => {
            json.text(
                "authoredOn",
                &days.first().map(Date::to_string).unwrap_or_default(),
            );
        }
        Done::Month(month) => json.text("authoredOn", &year_month(*month)),
        Done::Between(start, _) => {
            json.text(
                "authoredOn",
                &start.map(|day| day.to_string()).unwrap_or_default(),
            );
        }
    }
    json.notes(&line.notes);
    let has_quantity = crate::made::decimal(line.quantity).is_some();
    if has_quantity && amount != Amount::Total {
        json.list("dosageInstruction");
        json.open("");
        json.list("doseAndRate");
        json.open("");
        if amount == Amount::Daily {
            json.open("rateRatio");
            json.quantity("numerator", line.quantity, line.unit, "");
            json.quantity("denominator", "1", "", "d");
            json.close();
        } else {
            json.quantity("doseQuantity", line.quantity, line.unit, "");
        }
        json.close();
        json.end();
        json.close();
        json.end();
    }
    let days = if amount == Amount::Daily { line.times } else { "" };
    if (has_quantity && amount == Amount::Total) || crate::made::decimal(days).is_some() {
        json.open("dispenseRequest");
        if amount == Amount::Total {
            json.quantity("quantity", line.quantity, line.unit, "");
        }
        json.quantity("expectedSupplyDuration", days, "", "d");
        json.close();
    }
    json.finish()
}

fn administration(line: &Line<'_>, category: Option<&Category>) -> Resource {
    let mut json = Json::resource("MedicationAdministration");
    extensions(&mut json, line, false);
    json.text("status", "completed");
    if !line.category.is_empty() {
        json.concept("category", &[category_of(line, category)], "");
    }
    json.concept("medicationCodeableConcept", &[coded(DRUG, line)], line.name);
    done(&mut json, line, "effectiveDateTime", "effectivePeriod");
    json.notes(&line.notes);
    if crate::made::decimal(line.quantity).is_some() {
        json.open("dosage");
        json.quantity("dose", line.quantity, line.unit, "");
        json.close();
    }
    json.finish()
}

fn supply(line: &Line<'_>) -> Resource {
    let mut json = Json::resource("SupplyDelivery");
    extensions(&mut json, line, false);
    json.text("status", "completed");
    json.open("suppliedItem");
    json.quantity("quantity", line.quantity, line.unit, "");
    json.concept("itemCodeableConcept", &[coded(MATERIAL, line)], line.name);
    json.close();
    done(&mut json, line, "occurrenceDateTime", "occurrencePeriod");
    json.finish()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::non_ascii_literal, reason = "the diseases are Japanese")]

    use super::{Disease, Tables, condition};

    #[test]
    fn doubt_is_read_from_the_modifier_and_from_the_name() {
        let tables = Tables::embedded();
        for (name, modifiers, wanted) in [
            ("胃癌", "", "confirmed"),
            ("胃癌", "8002", "unconfirmed"),
            ("胃癌の疑い", "", "unconfirmed"),
            ("胃癌疑い", "2056", "unconfirmed"),
            ("胃癌の疑い", "8002", "unconfirmed"),
            ("", "", "confirmed"),
        ] {
            let disease = Disease {
                name,
                modifiers: modifiers.to_owned(),
                ..Disease::default()
            };
            let json: serde_json::Value = serde_json::from_slice(&condition(&disease, &tables).json).unwrap();
            assert_eq!(
                json["verificationStatus"]["coding"][0]["code"], wanted,
                "{name} {modifiers}"
            );
        }
    }
}
