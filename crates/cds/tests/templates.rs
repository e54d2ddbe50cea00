//! Dynamic templates on the embedded tables: what is asked, what is known, what an answer makes, and the way out to FHIR
//! and back.

#![expect(clippy::expect_used, reason = "a table that cannot be read is a failed test")]

use jiff::civil::date;
use serde_json::{Value, json};
use std::sync::{Arc, OnceLock};
use tsumugi_cds::templates::{
    Answer, Answers, Asking, Contact, ItemKind, MOST_ASKED, NotAnswered, ROW, Templates, from_questionnaire,
    to_questionnaire,
};
use tsumugi_cds::{Differential, Fact, Measure, Patient, Place, Temper};
use tsumugi_clinical::{Certainty, Phase, Polarity, Sex};
use tsumugi_knowledge::{Knowledge, Levels, Space, State};
use tsumugi_tables::{Mistake, Source};
use tsumugi_terminology::{Vocabulary, embedded_files, sources_of};

struct Tables {
    vocabulary: Vocabulary,
    levels: Levels,
    space: Space,
    differential: Differential,
    templates: Templates,
    mistakes: Vec<Mistake>,
}

impl Tables {
    fn asking(&self) -> Asking<'_> {
        Asking {
            templates: &self.templates,
            vocabulary: &self.vocabulary,
            levels: &self.levels,
            differential: &self.differential,
            space: &self.space,
        }
    }

    fn shown(&self, patient: &Patient, answers: &Answers) -> Vec<String> {
        let contact = Contact {
            patient,
            reasons: &[],
            answers,
        };
        let rows = self.asking().next(&contact);
        assert!(rows.len() <= MOST_ASKED && rows.iter().all(|row| row.len() <= ROW));
        rows.iter().flatten().map(|asked| asked.key.to_string()).collect()
    }
}

fn tables() -> &'static Tables {
    static TABLES: OnceLock<Tables> = OnceLock::new();
    TABLES.get_or_init(|| {
        let files = embedded_files();
        let sources = sources_of(&files);
        let vocabulary = Vocabulary::new(&sources).expect("the embedded vocabulary is sound");
        let knowledge = Knowledge::new(&sources).expect("the embedded knowledge is sound");
        let mut mistakes = Vec::new();
        let templates = Templates::new(&sources, &vocabulary, &mut mistakes);
        Tables {
            differential: Differential::new(
                &knowledge.own,
                &vocabulary,
                &knowledge.implied,
                Temper::default(),
            ),
            levels: knowledge.levels,
            space: knowledge.own,
            vocabulary,
            templates,
            mistakes,
        }
    })
}

fn fact(state: &str, polarity: Polarity, note: &str) -> Fact {
    Fact {
        state: State::new(state),
        polarity,
        certainty: Certainty::Asserted,
        phase: Phase::Current,
        time: None,
        is_lasting: false,
        place: Place {
            note: note.into(),
            event: 0,
        },
    }
}

/// A man of 58 with chest pain of now, and what else is said of now or of 40 days ago.
fn patient(now: &[(&str, Polarity)], earlier: &[(&str, Polarity)]) -> Patient {
    let mut patient = Patient {
        sex: Some(Sex::Male),
        age: Some(58.0),
        today: Some(date(2026, 11, 29)),
        ..Patient::default()
    };
    patient.notes.insert("before".into(), date(2026, 10, 20));
    patient.facts.extend(
        earlier
            .iter()
            .map(|(state, polarity)| fact(state, *polarity, "before")),
    );
    patient.facts.push(fact("chest-pain", Polarity::Present, ""));
    patient
        .facts
        .extend(now.iter().map(|(state, polarity)| fact(state, *polarity, "")));
    patient
}

#[test]
fn the_embedded_templates_are_sound() {
    let mistakes: Vec<String> = tables().mistakes.iter().map(ToString::to_string).collect();
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
    assert!(tables().templates.iter().count() >= 30);
}

#[test]
fn what_the_note_says_is_not_asked() {
    let all = tables().shown(&patient(&[], &[]), &Answers::default());
    assert!(all.iter().any(|key| key == "chest_pain.cold-sweat"), "{all:?}");
    for polarity in [Polarity::Present, Polarity::Absent] {
        let left = tables().shown(&patient(&[("cold-sweat", polarity)], &[]), &Answers::default());
        assert!(left.iter().all(|key| key != "chest_pain.cold-sweat"), "{left:?}");
    }
}

#[test]
fn the_record_answers_for_as_long_as_the_item_says() {
    let contact_of = |patient: &Patient| {
        let answers = Answers::default();
        let contact = Contact {
            patient,
            reasons: &[],
            answers: &answers,
        };
        let known = tables().asking().known(&contact);
        known
            .iter()
            .map(|known| known.key.to_string())
            .collect::<Vec<String>>()
    };
    // A habit for a year, a sweat for its note only.
    let earlier = [
        ("life.smoking", Polarity::Present),
        ("cold-sweat", Polarity::Present),
    ];
    let known = contact_of(&patient(&[], &earlier));
    assert!(known.iter().any(|key| key == "common.smoking"), "{known:?}");
    assert!(
        known.iter().all(|key| key != "chest_pain.cold-sweat"),
        "{known:?}"
    );
}

#[test]
fn a_known_item_is_answered_in_advance() {
    let mut patient = patient(&[("cold-sweat", Polarity::Absent)], &[]);
    let value = Measure {
        value: 92.0,
        time: None,
        place: Place::default(),
    };
    patient.measures.insert("test.heart-rate".into(), vec![value]);
    let answers = Answers::default();
    let contact = Contact {
        patient: &patient,
        reasons: &[],
        answers: &answers,
    };
    let known = tables().asking().known(&contact);
    let answer = |key: &str| {
        known
            .iter()
            .find(|known| *known.key == *key)
            .and_then(|known| known.answer.clone())
    };
    assert_eq!(answer("chest_pain.cold-sweat"), Some(Answer::No));
}

#[test]
fn nobody_knows_closes_an_item_and_nothing_is_asked_twice() {
    let patient = patient(&[], &[]);
    let mut answers = Answers::default();
    let mut asked: Vec<String> = Vec::new();
    loop {
        let shown = tables().shown(&patient, &answers);
        let Some(first) = shown.first() else { break };
        assert!(!asked.contains(first), "{first} is asked twice");
        asked.push(first.clone());
        answers.give(first.as_str().into(), Answer::Unknown);
        assert!(asked.len() < 500);
    }
    assert!(asked.len() > 5);
}

#[test]
fn a_reason_of_the_contact_chooses_templates_and_answers_nothing() {
    let mut patient = patient(&[], &[]);
    patient.facts.clear();
    let answers = Answers::default();
    let applying = |reasons: &[Arc<str>]| -> Vec<String> {
        let contact = Contact {
            patient: &patient,
            reasons,
            answers: &answers,
        };
        let known = tables().asking().known(&contact);
        assert!(known.is_empty(), "{known:?}");
        tables()
            .asking()
            .applying(&contact)
            .iter()
            .map(|template| template.id.to_string())
            .collect()
    };
    assert!(!applying(&[]).contains(&"chest_pain".to_owned()));
    assert!(applying(&["chest-pain".into()]).contains(&"chest_pain".to_owned()));
}

#[test]
fn an_answer_makes_text_and_facts() {
    let (_, item) = tables()
        .templates
        .item("chest_pain.cold-sweat")
        .expect("the item exists");
    let yes = item.answer(&Answer::Yes).expect("a boolean");
    assert_eq!(
        yes.told.first().map(|told| (&*told.concept, told.polarity)),
        Some(("cold-sweat", Polarity::Present))
    );
    assert!(!yes.text.is_empty());
    let unknown = item.answer(&Answer::Unknown).expect("always an answer");
    assert!(unknown.text.is_empty() && unknown.told.is_empty());
    assert_eq!(
        item.answer(&Answer::Quantity(1.0)),
        Err(NotAnswered::Kind("cold-sweat".into()))
    );
    let number = tables()
        .templates
        .iter()
        .flat_map(|template| &template.items)
        .find(|item| matches!(item.kind, ItemKind::Quantity { high: Some(_), .. }))
        .expect("some number is asked");
    assert!(matches!(
        number.answer(&Answer::Quantity(1e9)),
        Err(NotAnswered::Range { .. })
    ));
    assert!(matches!(
        number.answer(&Answer::Quantity(f64::NAN)),
        Err(NotAnswered::Range { .. })
    ));
}

#[track_caller]
fn refused(item: &str, wanted: &str, line: u32) {
    let text = format!(
        "id = \"x\"\nversion = \"1\"\nname = \"x\"\nkana = \"x\"\nen = \"x\"\nwritten_by = \"x\"\nreviewed_by = []\nsource = \"x\"\n\
         [when]\nany = [\"fever\"]\n[[item]]\nid = \"a\"\nask = \"a\"\nen = \"a\"\nwhy = []\nreason = \"a\"\n{item}"
    );
    let source = Source {
        path: "templates/x.toml",
        text: &text,
    };
    let mut mistakes = Vec::new();
    let templates = Templates::new(&[source], &tables().vocabulary, &mut mistakes);
    assert_eq!(templates.iter().count(), 0);
    let told: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    assert!(
        mistakes
            .iter()
            .any(|mistake| mistake.line == line && mistake.message.contains(wanted)),
        "{told:?}"
    );
}

#[test]
fn a_wrong_template_is_told_with_its_line() {
    let boolean = "type = \"boolean\"\ntext_yes = \"y\"\ntext_no = \"n\"\n";
    refused(
        &format!("{boolean}concept = \"no-such\""),
        "no concept has the id no-such",
        12,
    );
    refused("type = \"boolean\"\ntext_yes = \"y\"\n", "text_no is missing", 12);
    refused("type = \"choice\"\n", "answers belong to a choice", 12);
    refused("type = \"quantity\"\nunit = \"1\"\ntext = \"x\"\n", "no {}", 12);
    refused(
        &format!("{boolean}enable = [{{ item = \"a\", answer = \"yes\" }}]"),
        "lead back to itself",
        12,
    );
    refused(
        &format!("{boolean}enable = [{{ item = \"b\", answer = \"yes\" }}]"),
        "no item here",
        12,
    );
    refused(
        &format!(
            "{boolean}[[item]]\nid = \"a\"\nask = \"a\"\nen = \"a\"\nwhy = []\nreason = \"a\"\n{boolean}"
        ),
        "twice",
        21,
    );
    refused("type = \"nonsense\"\n", "unknown variant", 17);
}

#[test]
fn every_template_comes_back_from_its_questionnaire() {
    let tables = tables();
    for template in tables.templates.iter() {
        let questionnaire = to_questionnaire(&tables.templates, template, &tables.vocabulary);
        let brought = from_questionnaire(&tables.templates, &tables.vocabulary, &questionnaire);
        let brought = brought.unwrap_or_else(|refusals| panic!("{}: {refusals:?}", template.id));
        assert_eq!(brought.template.id, template.id);
        assert_eq!(brought.template.when, template.when);
        for (back, own) in brought.template.items.iter().zip(&template.items) {
            assert_eq!(back, own, "{}", template.id);
        }
        let count = template.items.len() + template.uses.len();
        assert_eq!(brought.template.items.len(), count, "{}", template.id);
    }
}

fn brought(item: &Value) -> Result<Vec<String>, Vec<String>> {
    let questionnaire = json!({
        "resourceType": "Questionnaire", "url": "https://site.example/q/test", "version": "2", "title": "T",
        "item": [item, {"linkId": "last", "text": "Last?", "type": "boolean"}],
    });
    let told = |remarks: Vec<tsumugi_cds::templates::Remark>| {
        remarks
            .into_iter()
            .map(|remark| format!("{}: {}", remark.link, remark.message))
            .collect()
    };
    from_questionnaire(&tables().templates, &tables().vocabulary, &questionnaire)
        .map(|brought| told(brought.remarks))
        .map_err(told)
}

#[track_caller]
fn check(item: &Value, wanted: Result<&str, &str>) {
    let (told, wanted, is_right) = match (brought(item), wanted) {
        (Ok(told), Ok(wanted)) => (told, wanted, true),
        (Err(told), Err(wanted)) => (told, wanted, true),
        (Ok(told), Err(wanted)) | (Err(told), Ok(wanted)) => (told, wanted, false),
    };
    assert!(
        is_right && told.iter().any(|line| line.contains(wanted)),
        "{told:?}, {wanted} wanted"
    );
}

#[test]
fn what_a_template_cannot_hold_is_told_or_refused_with_the_item() {
    let code = |code: &str| json!([{"system": "https://tsumugi.example/CodeSystem/concept", "code": code}]);
    check(
        &json!({"linkId": "1", "text": "A?", "type": "boolean", "code": code("no-such")}),
        Err("1: no concept has the id"),
    );
    check(
        &json!({"linkId": "1", "text": "A?", "type": "attachment"}),
        Ok("1: left out: the type attachment"),
    );
    check(
        &json!({"linkId": "1", "text": "A?", "type": "coding"}),
        Err("1: the type coding is of FHIR R5"),
    );
    check(
        &json!({"linkId": "1", "text": "A?", "type": "choice", "answerValueSet": "x"}),
        Ok("1: left out: its answers"),
    );
    let when = json!([{"question": "1", "operator": "=", "answerBoolean": true}]);
    check(
        &json!({"linkId": "1", "text": "A?", "type": "boolean", "enableWhen": when}),
        Err("1: item 1: its conditions lead back"),
    );
    let when = json!([{"question": "last", "operator": ">", "answerInteger": 1}]);
    check(
        &json!({"linkId": "1", "text": "A?", "type": "boolean", "enableWhen": when}),
        Ok("1: left out: a condition"),
    );
    let deep =
        json!({"linkId": "g", "type": "group", "item": [{"linkId": "2", "text": "B?", "type": "display"}]});
    check(&deep, Ok("2: a text to read"));
}

#[test]
fn another_version_is_told() {
    let tables = tables();
    let template = tables.templates.get("chest_pain").expect("the template exists");
    let mut questionnaire = to_questionnaire(&tables.templates, template, &tables.vocabulary);
    let mut with = |version: &str| {
        if let Some(own) = questionnaire.get_mut("version") {
            *own = version.into();
        }
        from_questionnaire(&tables.templates, &tables.vocabulary, &questionnaire)
    };
    let newer = with("1.10").expect("a newer version is taken");
    assert!(
        newer
            .remarks
            .iter()
            .any(|remark| remark.message.contains("replaces 1"))
    );
    let older = with("0.9").expect_err("an older version is refused");
    assert!(
        older
            .iter()
            .any(|remark| remark.message.contains("is older than 1"))
    );
}
