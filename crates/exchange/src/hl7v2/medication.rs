//! Drugs: ordered (RDE: RXE, RXC, TQ1, RXR), dispensed or given (RAS: RXA, RXR), chapters 4.13–4.14.

use super::coded::{Unit, concept_of, field, practitioner, quantity, unit};
use super::making::Making;
use super::observation::{authored, comment};
use super::order::{number, prescription_status};
use super::syntax::Segment;
use super::tables::TABLES;
use super::value::value;
use crate::incoming::Severity;
use crate::json::{Json, object};

const GROUP: &str = "http://jpfhir.jp/fhir/core/mhlw/IdSystem/Medication-RPGroupNumber";

/// Most timings of one order that are read.
const MOST_TIMINGS: usize = 100;

/// How much at a time: an amount, or from the least to the most.
#[derive(Debug)]
struct Dose {
    single: Json,
    range: Json,
}

impl Dose {
    fn of(least: Json, most: Json) -> Self {
        if most.is_empty() || most == least {
            return Self {
                single: least,
                range: Json::Null,
            };
        }
        Self {
            single: Json::Null,
            range: object([("low", least), ("high", most)]),
        }
    }
}

/// The segments of one order of drugs.
#[derive(Debug, Default)]
pub(crate) struct Group<'s, 't> {
    /// The common order.
    pub(crate) order: Option<&'s Segment<'t>>,
    /// What is ordered, or what was given.
    pub(crate) drugs: Vec<&'s Segment<'t>>,
    /// Components of a mixture.
    pub(crate) components: Vec<&'s Segment<'t>>,
    /// When.
    pub(crate) timings: Vec<&'s Segment<'t>>,
    /// By which route.
    pub(crate) routes: Vec<&'s Segment<'t>>,
    /// Comments.
    pub(crate) notes: Vec<&'s Segment<'t>>,
}

impl<'s, 't> Group<'s, 't> {
    /// Takes a segment; `false` when it is none of a group of drugs.
    pub(crate) fn take(&mut self, segment: &'s Segment<'t>) -> bool {
        match segment.name {
            "RXE" | "RXO" | "RXA" => self.drugs.push(segment),
            "RXC" => self.components.push(segment),
            "TQ1" => self.timings.push(segment),
            "RXR" => self.routes.push(segment),
            "NTE" => self.notes.push(segment),
            _ => return false,
        }
        true
    }

    /// Adds the resources of the group.
    pub(crate) fn finish(&self, is_outpatient: bool, making: &mut Making<'_>) {
        let ordered: Vec<&Segment<'t>> = self
            .drugs
            .iter()
            .copied()
            .filter(|drug| drug.name != "RXA")
            .collect();
        // RXO is what was asked for before it was encoded; with an RXE it says nothing more.
        let has_encoded = ordered.iter().any(|drug| drug.name == "RXE");
        for drug in ordered
            .into_iter()
            .filter(|drug| drug.name == "RXE" || !has_encoded)
        {
            if making.is_full() {
                return;
            }
            self.request(drug, making);
        }
        for component in &self.components {
            if making.is_full() {
                return;
            }
            self.component(component, making);
        }
        for given in self.drugs.iter().filter(|drug| drug.name == "RXA") {
            if making.is_full() {
                return;
            }
            if making.is_dispense && is_outpatient {
                self.dispense(given, making);
            } else {
                self.administration(given, making);
            }
        }
    }

    fn request(&self, drug: &Segment<'_>, making: &mut Making<'_>) {
        let (code_at, dose_at, unit_at) = if drug.name == "RXE" { (2, 3, 5) } else { (1, 2, 4) };
        let code = field(drug, code_at);
        if code.is_empty() {
            if self.components.is_empty() {
                let message = "the drug has no code and no name; the order is kept in the bytes only";
                making.problem(Severity::Warning, "no-drug", (drug, code_at), message);
            }
            return;
        }
        // With components, a local code names the kind of mixture (a drip), no drug.
        let system = drug.text(code_at, 3);
        if !self.components.is_empty() && (system.is_empty() || system.starts_with("99")) {
            return;
        }
        let of_dose = unit(drug, unit_at);
        let least = amount(drug, dose_at, &of_dose, making);
        // The maximum stands behind the minimum (RXE-4, RXO-3).
        let most = amount(drug, dose_at + 1, &of_dose, making);
        let dose = Dose::of(least, most);
        let (total, of_total) = if drug.name == "RXE" { (10, 11) } else { (11, 12) };
        let total = amount(drug, total, &unit(drug, of_total), making);
        let dosage = self.dosage(dose, rate(drug, making), drug, making);
        self.ordered(code, dosage, total, making);
    }

    fn component(&self, component: &Segment<'_>, making: &mut Making<'_>) {
        let code = field(component, 2);
        if code.is_empty() {
            let message = "the component has no code and no name; it is kept in the bytes only";
            making.problem(Severity::Warning, "no-drug", (component, 2), message);
            return;
        }
        let dose = Dose::of(amount(component, 3, &unit(component, 4), making), Json::Null);
        let rate = self.drugs.first().map_or(Json::Null, |drug| rate(drug, making));
        let dosage = self.dosage(dose, rate, component, making);
        self.ordered(code, dosage, Json::Null, making);
    }

    fn ordered(&self, code: Json, dosage: Json, total: Json, making: &mut Making<'_>) {
        let status = prescription_status(self.order, making);
        let authored = authored(self.order, making).map(|time| time.fhir);
        let group = self.order.map(|orc| orc.text(4, 1)).unwrap_or_default();
        let mut identifiers = vec![object([(
            "value",
            self.order.map(number).unwrap_or_default().into(),
        )])];
        if !group.is_empty() {
            identifiers.push(object([("system", GROUP.into()), ("value", group.into())]));
        }
        let days = self.timings.iter().find_map(|timing| days(timing));
        let body = object([
            ("identifier", identifiers.into()),
            ("status", status.into()),
            ("intent", "order".into()),
            ("medicationCodeableConcept", code),
            ("authoredOn", authored.into()),
            (
                "requester",
                self.order.map_or(Json::Null, |orc| practitioner(&orc.field(12))),
            ),
            ("note", self.note()),
            ("dosageInstruction", dosage),
            (
                "dispenseRequest",
                object([("quantity", total), ("expectedSupplyDuration", days.into())]),
            ),
        ]);
        making.resource("MedicationRequest", &body);
    }

    /// The instructions: one for each timing (TQ1), in their order; one without any where there is none.
    fn dosage(&self, dose: Dose, rate: Json, drug: &Segment<'_>, making: &mut Making<'_>) -> Json {
        if self.timings.len() > MOST_TIMINGS {
            let message = "more than 100 timings (TQ1) of one order; the rest is kept in the bytes only";
            making.problem(Severity::Warning, "many-timings", (drug, 0), message);
        }
        let rate = object([
            ("doseQuantity", dose.single),
            ("doseRange", dose.range),
            ("rateQuantity", rate),
        ]);
        let timings = self.timings.iter().take(MOST_TIMINGS);
        let mut all: Vec<Json> = Vec::new();
        for (index, timing) in timings.enumerate() {
            let number = (self.timings.len() > 1).then(|| (index + 1).to_string());
            all.push(self.instruction(number, Some(timing), rate.clone(), drug, making));
        }
        if all.is_empty() {
            all.push(self.instruction(None, None, rate, drug, making));
        }
        all.into()
    }

    fn instruction(
        &self,
        number: Option<String>,
        timing: Option<&Segment<'_>>,
        rate: Json,
        drug: &Segment<'_>,
        making: &mut Making<'_>,
    ) -> Json {
        let usage = timing
            .map(|timing| timing.field(3).parts_of(1))
            .unwrap_or_default();
        let usage = concept_of(&usage);
        let words = timing.map(words).unwrap_or_default();
        let instruction = if drug.name == "RXE" {
            field(drug, 7)
        } else {
            Json::Null
        };
        let starts = timing
            .and_then(|timing| making.time(timing, 7, 1))
            .map(|time| time.fhir);
        let ends = timing
            .and_then(|timing| making.time(timing, 8, 1))
            .map(|time| time.fhir);
        let bounds = timing.and_then(days).filter(|_| ends.is_none());
        let route = self.routes.first();
        object([
            (
                "sequence",
                number.map_or(Json::Null, |number| Json::number(&number)),
            ),
            ("text", words.into()),
            ("additionalInstruction", instruction.one()),
            (
                "timing",
                object([
                    (
                        "repeat",
                        object([
                            ("boundsDuration", bounds.clone().into()),
                            (
                                "boundsPeriod",
                                if bounds.is_some() {
                                    Json::Null
                                } else {
                                    object([("start", starts.clone().into()), ("end", ends.into())])
                                },
                            ),
                        ]),
                    ),
                    (
                        "event",
                        if bounds.is_some() {
                            Json::from(starts).one()
                        } else {
                            Json::Null
                        },
                    ),
                    ("code", usage),
                ]),
            ),
            ("site", route.map_or(Json::Null, |route| field(route, 2))),
            ("route", route.map_or(Json::Null, |route| field(route, 1))),
            ("method", route.map_or(Json::Null, |route| field(route, 4))),
            ("doseAndRate", rate.one()),
        ])
    }

    fn administration(&self, given: &Segment<'_>, making: &mut Making<'_>) {
        let Some((code, starts, ends)) = drug_given(given, making) else {
            return;
        };
        let when = match (&starts, &ends) {
            (Some(starts), Some(ends)) if starts != ends => (
                "effectivePeriod",
                object([("start", starts.as_str().into()), ("end", ends.as_str().into())]),
            ),
            (Some(at), _) | (None, Some(at)) => ("effectiveDateTime", at.as_str().into()),
            (None, None) => ("effectiveDateTime", Json::Null),
        };
        let dose = amount(given, 6, &unit(given, 7), making);
        let status = given_status(given, making);
        let route = self.routes.first();
        let body = object([
            ("status", status.into()),
            ("statusReason", field(given, 18).one()),
            ("medicationCodeableConcept", code),
            when,
            (
                "performer",
                object([("actor", practitioner(&given.field(10)))]).one(),
            ),
            ("note", self.note()),
            (
                "dosage",
                object([
                    ("site", route.map_or(Json::Null, |route| field(route, 2))),
                    ("route", route.map_or(Json::Null, |route| field(route, 1))),
                    ("dose", dose),
                ]),
            ),
        ]);
        making.resource("MedicationAdministration", &body);
    }

    fn dispense(&self, given: &Segment<'_>, making: &mut Making<'_>) {
        let Some((code, starts, _)) = drug_given(given, making) else {
            return;
        };
        let total = amount(given, 6, &unit(given, 7), making);
        let status = match given_status(given, making) {
            "not-done" => "declined",
            other => other,
        };
        let dosage = self.dosage(Dose::of(Json::Null, Json::Null), Json::Null, given, making);
        let body = object([
            ("status", status.into()),
            ("medicationCodeableConcept", code),
            ("quantity", total),
            (
                "daysSupply",
                self.timings.iter().find_map(|timing| days(timing)).into(),
            ),
            ("whenHandedOver", starts.into()),
            ("note", self.note()),
            ("dosageInstruction", dosage),
        ]);
        making.resource("MedicationDispense", &body);
    }

    fn note(&self) -> Json {
        let notes: Vec<String> = self
            .notes
            .iter()
            .map(|note| comment(note))
            .filter(|text| !text.is_empty())
            .collect();
        object([("text", notes.join("\n").into())]).one()
    }
}

/// The drug of an RXA segment, from when, to when.
fn drug_given(
    given: &Segment<'_>,
    making: &mut Making<'_>,
) -> Option<(Json, Option<String>, Option<String>)> {
    let code = field(given, 5);
    if code.is_empty() {
        let message = "the drug has no code and no name; it is kept in the bytes only";
        making.problem(Severity::Warning, "no-drug", (given, 5), message);
        return None;
    }
    let starts = making.past(given, 3, 1);
    making.happened(starts.as_ref());
    let ends = making.past(given, 4, 1);
    Some((code, starts.map(|time| time.fhir), ends.map(|time| time.fhir)))
}

fn given_status(given: &Segment<'_>, making: &mut Making<'_>) -> &'static str {
    let completion = given.text(20, 1);
    // RXA-21: an entry that was taken back.
    if given.text(21, 1) == "D" {
        return "entered-in-error";
    }
    if completion.is_empty() {
        return "completed";
    }
    TABLES.code("completion", &completion).unwrap_or_else(|| {
        let message = "this completion status is unknown (HL7 table 0322); it is taken as \"unknown\"";
        making.problem(Severity::Warning, "unknown-code", (given, 20), message);
        "unknown"
    })
}

/// How fast a mixture runs (RXE-23 with its unit).
fn rate(drug: &Segment<'_>, making: &mut Making<'_>) -> Json {
    if drug.name == "RXE" {
        amount(drug, 23, &unit(drug, 24), making)
    } else {
        Json::Null
    }
}

/// An amount; one that is no number is told and left out.
fn amount(segment: &Segment<'_>, number: usize, unit: &Unit, making: &mut Making<'_>) -> Json {
    let written = segment.text(number, 1);
    if written.is_empty() {
        return Json::Null;
    }
    let read = value("NM", &written);
    let is_plain = read.beside.is_none() && read.comparator.is_none();
    if let Some(digits) = read.number.filter(|_| is_plain) {
        return quantity(&digits, None, unit);
    }
    let message = "this amount is no number; it is left out, correct it in the source";
    making.problem(Severity::Warning, "no-number", (segment, number), message);
    Json::Null
}

/// How long (TQ1-6: amount and unit), as a FHIR duration; nothing for a unit that is no time.
fn days(timing: &Segment<'_>) -> Option<Json> {
    let written = timing.field(6);
    let digits = value("NM", &written.text(1)).number?;
    let unit = written.subcomponents(2).into_iter().next().unwrap_or_default();
    let code = TABLES.code("duration", &unit).filter(|code| !code.is_empty())?;
    Some(object([
        ("value", Json::number(&digits)),
        ("unit", unit.into()),
        ("system", "http://unitsofmeasure.org".into()),
        ("code", code.into()),
    ]))
}

/// What a timing says in words: the usage's name, conditions, the instruction.
fn words(timing: &Segment<'_>) -> String {
    let mut words: Vec<String> = Vec::new();
    for repetition in timing.repetitions(3).take(20) {
        let parts = repetition.parts_of(1);
        let shown = parts
            .get(1)
            .filter(|name| !name.is_empty())
            .or_else(|| parts.first());
        words.extend(shown.filter(|name| !name.is_empty()).cloned());
    }
    for number in [10, 11] {
        let said = timing.text(number, 1);
        if !said.is_empty() {
            words.push(said);
        }
    }
    words.join(" ")
}
