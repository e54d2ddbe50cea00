//! What the tests build on.

use tsumugi_clinical::{
    Certainty, ClinicalTime, ConceptId, Event, EventKind, Experiencer, FactKey, Phase, Polarity, Precision,
    Quantity, Sex, Supersedes, TimeFrame,
};
use tsumugi_records::{
    Content, Moment, NewResource, PatientDetails, PatientId, Population, SignNote, Stamp, Store, Target,
};

pub(crate) fn moment(text: &str) -> Moment {
    Moment::parse(text).unwrap()
}

pub(crate) fn stamp() -> Stamp {
    Stamp {
        author: "dr. a".to_owned(),
        at: moment("2026-11-22T10:00:00+09:00"),
    }
}

pub(crate) fn details(number: &str, name: &str, kana: &str) -> PatientDetails {
    PatientDetails {
        number: number.to_owned(),
        name: name.to_owned(),
        kana: kana.to_owned(),
        sex: Sex::Female,
        birth_date: Some("1950-02-28".parse().unwrap()),
    }
}

pub(crate) fn patient(store: &Store, population: Population, number: &str) -> PatientId {
    store
        .create_patient(population, details(number, "name", "kana"), stamp())
        .unwrap()
}

pub(crate) fn note(patient: PatientId, text: &str, events: Vec<Event>) -> SignNote {
    SignNote {
        target: Target::New {
            patient,
            encounter: None,
            kind: "progress".to_owned(),
        },
        key: None,
        content: Content {
            bytes: text.as_bytes().to_vec(),
            media_type: "text/plain".to_owned(),
            encoding: "utf-8".to_owned(),
            text: text.to_owned(),
        },
        signed: stamp(),
        written_at: moment("2026-11-22T09:30:00+09:00"),
        edition: "e1".to_owned(),
        events,
        resources: Vec::new(),
        draft: None,
        on_behalf_of: None,
    }
}

pub(crate) fn resource(kind: &str, name: Option<&str>, value: &str) -> NewResource {
    NewResource {
        kind: kind.to_owned(),
        name: name.map(str::to_owned),
        json: format!(r#"{{"resourceType":"{kind}","note":"{value}"}}"#).into_bytes(),
    }
}

pub(crate) fn event(concept: &str) -> Event {
    Event {
        fact: FactKey::new(format!("{concept};present;asserted;patient;current")),
        concept: ConceptId::new(concept),
        name: concept.into(),
        kind: EventKind::Finding,
        codes: Vec::new().into(),
        polarity: Polarity::Present,
        certainty: Certainty::Asserted,
        experiencer: Experiencer::Patient,
        relative: None,
        phase: Phase::Current,
        resolved: false,
        site: None,
        modifiers: Vec::new(),
        laterality: None,
        value: None,
        dosage: None,
        time: None,
        measured: None,
        item: None,
        evidence: None,
        because: Vec::new(),
        supersedes: None,
    }
}

pub(crate) fn valued(concept: &str, number: &str, unit: &str) -> Event {
    let value = Quantity {
        number: Some(number.to_owned()),
        unit: Some(unit.into()),
        ..Quantity::default()
    };
    Event {
        kind: EventKind::Measurement,
        value: Some(value),
        ..event(concept)
    }
}

pub(crate) fn timed(concept: &str, from: Option<&str>, to: Option<&str>) -> Event {
    let civil = |text: &str| text.parse().unwrap();
    let time = ClinicalTime {
        from: from.map(civil),
        to: to.map(civil),
        precision: Precision::Day,
        frame: TimeFrame::Within,
        text: String::new(),
    };
    Event {
        time: Some(time),
        ..event(concept)
    }
}

pub(crate) fn settling(concept: &str, note: &str, number: u32) -> Event {
    Event {
        supersedes: Some(Supersedes {
            id: note.to_owned(),
            event: number,
        }),
        ..event(concept)
    }
}
