//! Hand-made structured notes.

use serde_json::{Value, json};
use tsumugi_clinical::{Entity, Event, Model, Note, Patient, Sex, Span, StructuredNote};
use tsumugi_exchange::fhir::{Source, bundle};

/// A note with its structure.
pub(crate) struct Case {
    pub(crate) note: Note,
    pub(crate) structured: StructuredNote,
}

impl Case {
    /// A note of a woman of the record P1, written on 2026-11-22.
    pub(crate) fn new(id: &str, text: &str) -> Self {
        let patient = Patient {
            id: Some("P1".to_owned()),
            sex: Some(Sex::Female),
            birth_date: "1961-04-03".parse().ok(),
            age: None,
        };
        let date = "2026-11-22".parse().ok();
        let note = Note {
            id: id.to_owned(),
            text: text.to_owned(),
            date,
            patient: Some(patient),
        };
        Self {
            note,
            structured: StructuredNote {
                id: id.to_owned(),
                ..StructuredNote::default()
            },
        }
    }

    /// Adds the next entity with these words; `more` are the other fields.
    pub(crate) fn entity(mut self, words: &str, tag: &str, more: Value) -> Self {
        let from = self
            .structured
            .entities
            .last()
            .map_or(0, |last| last.span.end as usize);
        let chars: Vec<char> = self.note.text.chars().collect();
        let wanted: Vec<char> = words.chars().collect();
        let start = (from..chars.len())
            .find(|at| chars[*at..].starts_with(&wanted))
            .unwrap();
        let span = Span::new(start as u32, (start + wanted.len()) as u32);
        let mut fields = json!({ "start": span.start, "end": span.end, "text": words, "tag": tag });
        fields
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().cloned().unwrap_or_default());
        self.structured
            .entities
            .push(serde_json::from_value::<Entity>(fields).unwrap());
        self
    }

    /// Adds an event; what is not given is the usual.
    pub(crate) fn event(mut self, kind: &str, concept: &str, more: Value) -> Self {
        self.structured.events.push(event(kind, concept, more));
        self
    }

    /// The bundle, with the shipped model.
    pub(crate) fn bundle(&self) -> Value {
        let normal = |concept: &tsumugi_clinical::ConceptId| concept.as_str() == "normal-abdomen";
        let source = Source {
            is_normal: &normal,
            dummy: true,
            author: Some("ダミー医師"),
            ..Source::new(&self.note, "test-edition")
        };
        bundle(&model(), &source, &self.structured)
    }
}

pub(crate) fn event(kind: &str, concept: &str, more: Value) -> Event {
    let codes = json!([{ "system": "https://tsumugi.example/CodeSystem/concept", "code": concept, "display": concept }]);
    let mut fields = json!({
        "fact": concept, "concept": concept, "name": concept, "kind": kind, "codes": codes, "polarity": "present",
        "certainty": "asserted", "experiencer": "patient", "phase": "current", "because": [{ "entity": 0 }],
    });
    fields
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().cloned().unwrap_or_default());
    serde_json::from_value(fields).unwrap()
}

pub(crate) fn model() -> Model {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/model");
    let mut files: Vec<(String, String)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            (
                path.display().to_string(),
                std::fs::read_to_string(&path).unwrap(),
            )
        })
        .collect();
    files.sort();
    Model::parse(files.iter().map(|(path, text)| (path.as_str(), text.as_str()))).0
}

/// The resources of a type in a bundle.
pub(crate) fn of_type<'a>(bundle: &'a Value, kind: &str) -> Vec<&'a Value> {
    let entries = bundle["entry"].as_array().unwrap();
    entries
        .iter()
        .map(|entry| &entry["resource"])
        .filter(|resource| resource["resourceType"] == kind)
        .collect()
}

/// The notes of the golden files.
pub(crate) fn golden() -> Vec<(&'static str, Case)> {
    let day = |day: &str| json!({ "from": format!("{day}T00:00:00"), "to": format!("{day}T23:59:00"), "precision": "day", "text": day });
    let fever = Case::new("n1", "BT39.2 BP138/76 咳(－) 肺炎の疑い")
        .entity("BT", "t-key", json!({ "section": "O" }))
        .entity("39.2", "t-val", json!({ "section": "O" }))
        .entity("BP", "t-key", json!({ "section": "O" }))
        .entity("138/76", "t-val", json!({ "section": "O" }))
        .entity("咳", "d", json!({ "certainty": "negative", "section": "O" }))
        .entity("肺炎", "d", json!({ "certainty": "suspicious", "section": "A" }))
        .event("finding", "fever", json!({
            "name": "発熱",
            "value": { "number": "39.2", "unit": "Cel", "interpretation": "high" },
            "measured": { "concept": "test.body-temperature", "name": "体温", "codes": [{ "system": "http://loinc.org", "code": "8310-5", "display": "Body temperature" }], "entities": [0, 1] },
            "because": [{ "entity": 0 }, { "entity": 1 }, { "rule": "fever-from-temperature" }],
        }))
        .event("measurement", "test.systolic-bp", json!({ "value": { "number": "138", "unit": "mm[Hg]", "interpretation": "normal" }, "because": [{ "entity": 2 }, { "entity": 3 }] }))
        .event("measurement", "test.diastolic-bp", json!({ "value": { "number": "76", "unit": "mm[Hg]", "interpretation": "normal" }, "because": [{ "entity": 2 }, { "entity": 3 }] }))
        .event("finding", "cough", json!({ "polarity": "absent", "because": [{ "entity": 4 }] }))
        .event("condition", "pneumonia", json!({ "certainty": "suspected", "because": [{ "entity": 5 }] }));
    let history = Case::new("n2", "胃癌術後(2019年) 糖尿病 母 乳癌 ペニシリンで皮疹 喫煙 DNAR インフルエンザワクチン")
        .entity("胃癌", "d", json!({ "certainty": "negative", "section": "history" }))
        .entity("糖尿病", "d", json!({ "certainty": "positive", "section": "history" }))
        .entity("乳癌", "d", json!({ "certainty": "general", "section": "family" }))
        .entity("ペニシリン", "m-key", json!({ "section": "allergy" }))
        .entity("喫煙", "p", json!({ "section": "social" }))
        .entity("DNAR", "p", json!({ "section": "preference" }))
        .entity("インフルエンザワクチン", "m-key", json!({ "section": "vaccination" }))
        .event("condition", "gastric-cancer", json!({ "phase": "past", "resolved": true, "time": { "from": "2019-01-01T00:00:00", "to": "2019-12-31T23:59:00", "precision": "year", "text": "2019年" } }))
        .event("condition", "diabetes-mellitus", json!({ "phase": "past", "because": [{ "entity": 1 }] }))
        .event("condition", "breast-cancer", json!({ "experiencer": "family", "relative": "mother", "because": [{ "entity": 2 }] }))
        .event("allergy", "class.penicillin", json!({ "because": [{ "entity": 3 }] }))
        .event("lifestyle", "life.smoking", json!({ "phase": "stopped", "value": { "number": "20", "unit": "/d" }, "because": [{ "entity": 4 }] }))
        .event("preference", "wish.dnar", json!({ "because": [{ "entity": 5 }] }))
        .event("immunization", "drug.influenza-vaccine", json!({ "time": day("2026-11-01"), "because": [{ "entity": 6 }] }));
    let drugs = Case::new("n3", "アムロジピン5mg 1錠 分1 ロキソニン60mg 3錠 分3 明日CT セフメタゾール開始")
        .entity("アムロジピン", "m-key", json!({ "state": "executed", "section": "medication" }))
        .entity("ロキソニン", "m-key", json!({ "state": "executed", "section": "medication" }))
        .entity("CT", "t-test", json!({ "state": "scheduled", "section": "P" }))
        .entity("セフメタゾール", "m-key", json!({ "state": "scheduled", "section": "P" }))
        .event("medication", "drug.amlodipine", json!({ "dosage": { "strength": { "number": "5", "unit": "mg" }, "amount": { "number": "1", "unit": "{tablet}" }, "times_per_day": 1, "days": 14, "route": "oral", "text": "5mg 1錠 分1" } }))
        .event("medication", "drug.loxoprofen", json!({ "dosage": { "strength": { "number": "60", "unit": "mg" }, "amount": { "number": "3", "unit": "{tablet}" }, "times_per_day": 3, "text": "60mg 3錠 分3" }, "because": [{ "entity": 1 }] }))
        .event("examination", "exam.ct", json!({ "phase": "planned", "time": day("2026-11-23"), "because": [{ "entity": 2 }] }))
        .event("medication", "drug.cefmetazole", json!({ "phase": "planned", "because": [{ "entity": 3 }] }));
    vec![("fever", fever), ("history", history), ("drugs", drugs)]
}
