//! Whether a drug has done harm: what people decided about what the record suggests; FHIR R4 AdverseEvent.

use crate::care::codes::{CAUSALITY, OUTCOMES, SERIOUSNESS};
use crate::care::{BASE, coding};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tsumugi_records::{CareEntry, CareTopic};

/// What a person decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Verdict {
    /// It was harm.
    Confirmed,
    /// It was none.
    Denied,
}

/// What an entry says. Its subject is [`subject`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HarmEntry {
    /// The drug, a concept, and its name as it was shown.
    pub(crate) drug: String,
    /// Its name as it was shown.
    pub(crate) drug_name: String,
    /// What happened, a state.
    pub(crate) event: String,
    /// Its name as it was shown.
    pub(crate) event_name: String,
    /// Harm or none.
    pub(crate) verdict: Verdict,
    /// Code of `data/care/causality.tsv`.
    pub(crate) causality: String,
    /// Code of `data/care/seriousness.tsv`.
    pub(crate) seriousness: String,
    /// Code of `data/care/outcomes.tsv`.
    pub(crate) outcome: String,
    /// The day on which it is first told.
    pub(crate) onset: Option<Date>,
    /// The category that the record suggested.
    pub(crate) suggested: String,
    /// In words.
    pub(crate) words: String,
}

impl HarmEntry {
    /// Whether the tables know its codes.
    pub(crate) fn is_sound(&self) -> bool {
        CAUSALITY.row(&self.causality).is_some()
            && SERIOUSNESS.row(&self.seriousness).is_some()
            && OUTCOMES.row(&self.outcome).is_some()
    }
}

/// The subject of entries about a drug and what it may have done.
pub(crate) fn subject(drug: &str, event: &str) -> String {
    format!("{drug}|{event}")
}

/// What an entry says; none where it is about something else.
pub(crate) fn harm_of(entry: &CareEntry) -> Option<HarmEntry> {
    (entry.topic == CareTopic::Harm)
        .then(|| serde_json::from_value(entry.body.clone()).ok())
        .flatten()
}

/// Of each drug and event what was decided last.
pub(crate) fn decided(entries: &[CareEntry]) -> BTreeMap<(i64, &str), (&CareEntry, HarmEntry)> {
    let mut newest = BTreeMap::new();
    for entry in entries {
        if let Some(harm) = harm_of(entry) {
            let slot = newest
                .entry((entry.patient.get(), entry.subject.as_str()))
                .or_insert_with(|| (entry, harm.clone()));
            if entry.id >= slot.0.id {
                *slot = (entry, harm);
            }
        }
    }
    newest
}

/// Confirmed harm as FHIR R4 AdverseEvent.
pub(crate) fn to_fhir(entries: &[CareEntry]) -> Vec<Value> {
    decided(entries)
        .into_values()
        .filter(|(_, harm)| harm.verdict == Verdict::Confirmed)
        .map(|(entry, harm)| adverse_event(entry, &harm))
        .collect()
}

fn adverse_event(entry: &CareEntry, harm: &HarmEntry) -> Value {
    const HL7: &str = "http://terminology.hl7.org/CodeSystem";
    let code = |codes: &crate::care::codes::Codes, code: &str| {
        codes.row(code).map(|row| row.fhir.clone()).unwrap_or_default()
    };
    let named = |id: &str, name: &str| {
        json!({
            "coding": [{ "system": format!("{BASE}/CodeSystem/concept"), "code": id, "display": name }],
            "text": name,
        })
    };
    let assessment = code(&CAUSALITY, &harm.causality);
    let mut resource = json!({
        "resourceType": "AdverseEvent",
        "id": format!("harm-{}", entry.id),
        "actuality": "actual",
        "event": named(&harm.event, &harm.event_name),
        "subject": { "reference": format!("Patient/{}", entry.patient) },
        "recordedDate": entry.stamp.at.civil().date().to_string(),
        "seriousness": coding(&format!("{HL7}/adverse-event-seriousness"), &code(&SERIOUSNESS, &harm.seriousness)),
        "outcome": coding(&format!("{HL7}/adverse-event-outcome"), &code(&OUTCOMES, &harm.outcome)),
        "recorder": { "display": entry.stamp.author },
        "suspectEntity": [{
            "instance": {
                "identifier": { "system": format!("{BASE}/CodeSystem/concept"), "value": harm.drug },
                "display": harm.drug_name,
            },
            "causality": [{ "assessment": coding(&format!("{HL7}/adverse-event-causality-assess"), &assessment) }],
        }],
    });
    if let (Some(onset), Some(fields)) = (harm.onset, resource.as_object_mut()) {
        fields.insert("date".to_owned(), json!(onset.to_string()));
    }
    resource
}

#[cfg(test)]
mod tests {
    use super::*;
    use tsumugi_records::{Moment, PatientId, Stamp};

    fn entry(id: i64, verdict: &str) -> CareEntry {
        CareEntry {
            id,
            patient: PatientId::new(7),
            topic: CareTopic::Harm,
            subject: subject("drug.amoxicillin", "rash"),
            body: json!({
                "drug": "drug.amoxicillin", "drug_name": "amoxicillin", "event": "rash", "event_name": "rash",
                "verdict": verdict, "causality": "probable", "seriousness": "none", "outcome": "resolved",
                "onset": "2026-11-20", "suggested": "possible", "words": "",
            }),
            stamp: Stamp {
                author: "sato".to_owned(),
                at: Moment::parse("2026-11-29T10:00").unwrap(),
            },
        }
    }

    #[test]
    fn what_was_decided_last_counts_and_only_harm_goes_out() {
        let both = [entry(1, "confirmed"), entry(2, "denied")];
        assert!(to_fhir(&both).is_empty());
        let event = &to_fhir(&[entry(1, "denied"), entry(2, "confirmed")])[0];
        for (pointer, wanted) in [
            ("/actuality", "actual"),
            ("/outcome/coding/0/code", "resolved"),
            ("/seriousness/coding/0/code", "Non-serious"),
            (
                "/suspectEntity/0/causality/0/assessment/coding/0/code",
                "Probably-Likely",
            ),
            ("/date", "2026-11-20"),
        ] {
            assert_eq!(
                event.pointer(pointer).and_then(Value::as_str),
                Some(wanted),
                "{pointer}"
            );
        }
    }
}
