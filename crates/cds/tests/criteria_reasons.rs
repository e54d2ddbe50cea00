//! Criteria evaluated: the places that say so, and which of two notes stands.

#![expect(clippy::expect_used, reason = "without a set there is nothing to test")]

use std::sync::Arc;
use tsumugi_cds::criteria::{Asking, Truth, evaluate};
use tsumugi_cds::{Fact, Measure, Patient, Place};
use tsumugi_clinical::{Certainty, Phase, Polarity};
use tsumugi_knowledge::{CriteriaBook, State};
use tsumugi_terminology::{Vocabulary, embedded_files, sources_of};

fn at(note: &str, event: u32) -> Place {
    Place {
        note: note.into(),
        event,
    }
}

fn fact(state: &str, polarity: Polarity, place: Place) -> Fact {
    Fact {
        state: State::new(state),
        polarity,
        certainty: Certainty::Asserted,
        phase: Phase::Current,
        time: None,
        is_lasting: false,
        place,
    }
}

fn value(patient: &mut Patient, test: &str, value: f64, place: Place) {
    let measure = Measure {
        value,
        time: None,
        place,
    };
    patient.measures.entry(test.into()).or_default().push(measure);
}

struct World {
    vocabulary: Vocabulary,
    book: CriteriaBook,
}

impl World {
    fn embedded() -> Self {
        let files = embedded_files();
        let sources = sources_of(&files);
        let vocabulary = Vocabulary::new(&sources).expect("the embedded vocabulary");
        let book = CriteriaBook::new(&sources, &vocabulary, &mut Vec::new());
        Self { vocabulary, book }
    }

    /// The state of an item: whether it is met, and the places that say so.
    fn item(&self, set: &str, item: &str, patient: &Patient) -> (Truth, Vec<Place>) {
        let shown = evaluate(&self.book, &self.vocabulary, patient);
        let found = shown
            .iter()
            .find(|evaluation| evaluation.criterion.as_ref() == set);
        let items = &found.expect("the set is shown").items;
        let state = items.iter().find(|state| state.item.as_ref() == item);
        let state = state.expect("the item is there");
        (state.met, state.places.clone())
    }
}

#[test]
fn an_item_names_the_places_that_say_so() {
    let world = World::embedded();
    let mut patient = Patient::default();
    patient
        .facts
        .push(fact("murphy-sign", Polarity::Present, at("", 0)));
    patient
        .facts
        .push(fact("gallbladder-wall-thickening", Polarity::Present, at("", 1)));
    patient
        .facts
        .push(fact("pericholecystic-fluid", Polarity::Present, at("", 2)));
    value(&mut patient, "test.wbc", 14.0, at("", 3));
    let set = "tg18-cholecystitis-diagnosis";
    assert_eq!(
        world.item(set, "murphy", &patient),
        (Truth::True, vec![at("", 0)])
    );
    assert_eq!(
        world.item(set, "imaging", &patient),
        (Truth::True, vec![at("", 1), at("", 2)])
    );
    assert_eq!(
        world.item(set, "white-cells", &patient),
        (Truth::True, vec![at("", 3)])
    );
    assert_eq!(world.item(set, "crp", &patient), (Truth::Unknown, vec![]));
}

#[test]
fn a_denial_names_its_place_and_reaches_what_is_narrower() {
    let world = World::embedded();
    let mut patient = Patient::default();
    patient
        .facts
        .push(fact("acute-cholecystitis", Polarity::Present, at("", 0)));
    patient
        .facts
        .push(fact("abdominal-sign", Polarity::Absent, at("", 1)));
    let (met, places) = world.item("tg18-cholecystitis-diagnosis", "murphy", &patient);
    assert_eq!((met, places), (Truth::False, vec![at("", 1)]));
}

#[test]
fn between_notes_the_later_word_stands_and_within_one_the_affirmed() {
    let world = World::embedded();
    let check = |denial: Place, affirmed: Place, denial_first: bool, wanted: Truth| {
        let mut patient = Patient::default();
        let mut facts = vec![
            fact("pain", Polarity::Absent, denial.clone()),
            fact("right-lower-quadrant-pain", Polarity::Present, affirmed.clone()),
        ];
        if !denial_first {
            facts.reverse();
        }
        patient.facts = facts;
        let shown = evaluate(&world.book, &world.vocabulary, &patient);
        let found = shown.iter().find(|one| one.criterion.as_ref() == "alvarado");
        // The set is for this pain: where it is denied, the set is not shown.
        let holds = found.map_or(Truth::False, |found| found.applies);
        assert_eq!(holds, wanted, "{denial:?} {affirmed:?} {denial_first}");
    };
    check(at("", 0), at("", 1), true, Truth::True);
    check(at("", 1), at("", 0), false, Truth::True);
    check(at("old", 0), at("", 0), true, Truth::True);
    check(at("", 0), at("old", 0), false, Truth::False);
}

#[test]
fn a_denial_at_a_site_does_not_deny_the_finding_elsewhere() {
    let world = World::embedded();
    let mut patient = Patient::default();
    patient
        .facts
        .push(fact("acute-cholecystitis", Polarity::Present, at("", 0)));
    // As the record has it where a tenderness of the calf is denied: the finding, and the finding at its site.
    patient
        .facts
        .push(fact("tenderness", Polarity::Absent, at("", 1)));
    patient
        .facts
        .push(fact("calf-tenderness", Polarity::Absent, at("", 1)));
    patient
        .facts
        .push(fact("right-hypochondrial-pain", Polarity::Absent, at("", 2)));
    let (met, _) = world.item("tg18-cholecystitis-diagnosis", "right-upper-quadrant", &patient);
    assert_eq!(met, Truth::Unknown);
}

#[test]
fn what_is_missing_has_its_name_its_items_and_its_worth() {
    let world = World::embedded();
    let mut patient = Patient::default();
    patient.facts.push(fact("sepsis", Polarity::Present, at("", 0)));
    value(&mut patient, "test.respiratory-rate", 24.0, at("", 1));
    value(&mut patient, "test.systolic-bp", 120.0, at("", 2));
    let shown = evaluate(&world.book, &world.vocabulary, &patient);
    let found = shown
        .iter()
        .find(|one| one.criterion.as_ref() == "qsofa")
        .expect("shown");
    let missing = found.missing.first().expect("something is missing");
    assert_eq!(
        (missing.wanted.how, missing.wanted.concept.as_ref()),
        (Asking::Measure, "test.gcs")
    );
    assert_eq!(missing.name.as_ref(), "Glasgow Coma Scale");
    assert_eq!(missing.items, [Arc::from("consciousness")]);
    assert!((missing.worth - 1.0).abs() < 1e-9, "{}", missing.worth);
}

#[test]
fn the_same_patient_gives_the_same_answer() {
    let world = World::embedded();
    let mut patient = Patient {
        age: Some(78.0),
        ..Patient::default()
    };
    for (event, state) in (0..).zip([
        "pneumonia",
        "sepsis",
        "atrial-fibrillation",
        "liver-cirrhosis",
        "fever",
    ]) {
        patient.facts.push(fact(state, Polarity::Present, at("", event)));
    }
    let first = evaluate(&world.book, &world.vocabulary, &patient);
    assert!(first.len() > 5);
    assert_eq!(first, evaluate(&world.book, &world.vocabulary, &patient));
    let applies: Vec<Truth> = first.iter().map(|evaluation| evaluation.applies).collect();
    assert!(applies.is_sorted_by(|a, b| a >= b), "{applies:?}");
}
