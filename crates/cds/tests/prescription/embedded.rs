//! The embedded tables of drug facts: sound, complete in words, and used by the checks.

use crate::case::Case;
use crate::tables::{book_of, files, vocabulary};
use std::collections::BTreeSet;
use tsumugi_cds::prescription::{Checks, Grade, Order, check, visible};
use tsumugi_cds::{Facts, Patient};
use tsumugi_clinical::Event;
use tsumugi_knowledge::{DrugBook, Levels};
use tsumugi_terminology::{Units, sources_of};

#[test]
fn the_embedded_book_has_no_mistake_and_every_sentence_fits_its_names() {
    let sources = sources_of(files());
    let mut mistakes = Vec::new();
    let book = DrugBook::new(&sources, &mut mistakes);
    assert_eq!(mistakes, []);
    let known = BTreeSet::from([
        "drug",
        "other",
        "recorded",
        "taken",
        "reaction",
        "likelihood",
        "class",
        "since",
        "value",
        "limit",
        "times",
        "range",
        "age",
        "day",
        "number",
    ]);
    let table = files()
        .iter()
        .find(|file| file.path == "knowledge/prescription/wording.tsv")
        .expect("the sentences are embedded");
    let mut count = 0;
    for key in table
        .text
        .lines()
        .skip(1)
        .filter_map(|line| line.split('\t').next())
    {
        let text = book.wording(key).expect("the key was read");
        for name in text.split('{').skip(1).filter_map(|rest| rest.split('}').next()) {
            assert!(known.contains(name), "{key}: {{{name}}} is never filled in");
        }
        count += 1;
    }
    assert!(count > 50, "{count} sentences");
}

/// Every key that the checks say stands in the table: a sentence that is missing would be shown as its key.
#[test]
fn every_alert_of_the_embedded_book_is_a_sentence() {
    let book = DrugBook::new(&sources_of(files()), &mut Vec::new());
    for text in crate::CASES {
        for case in Case::read_all(text) {
            for alert in case.reports(&book).iter().flat_map(|report| &report.alerts) {
                let text = &alert.mechanism;
                assert!(!text.is_ascii(), "{text}");
                assert!(!text.contains(['{', '}']), "{text}");
            }
        }
    }
}

#[test]
fn at_most_three_hints_are_shown_and_the_rest_stays_in_the_report() {
    let book = crate::tables::small_book();
    let text = "--- many ---\n\
        patient male 60 2024-05-01\n\
        note a 2024-04-20: drug drug.loxoprofen; drug drug.acetaminophen; drug drug.ibuprofen; drug drug.celecoxib\n\
        today: fact gastric-ulcer; fact hypertension; drug drug.amlodipine\n\
        order new drug.warfarin\n\
        order new drug.naproxen\n";
    let case = Case::read_all(text).remove(0);
    let reports = case.reports(&book);
    let all: Vec<Grade> = reports
        .iter()
        .flat_map(|r| &r.alerts)
        .map(|alert| alert.grade)
        .collect();
    let shown: Vec<Grade> = visible(&reports).iter().map(|alert| alert.grade).collect();
    let loud = shown
        .iter()
        .take_while(|grade| **grade == Grade::Interruptive)
        .count();
    assert!(loud >= 1, "{shown:?}");
    assert_eq!(shown.get(loud..).unwrap_or_default(), [Grade::Passive; 3]);
    let hints = all.iter().filter(|grade| **grade == Grade::Passive).count();
    assert!(hints > 3, "{all:?}");
    let kinds: Vec<&str> = visible(&reports).iter().map(|alert| alert.kind.word()).collect();
    assert_eq!(kinds.first(), Some(&"condition"));
    assert!(shown.len() < all.len(), "the rest stays in the report");
}

#[test]
fn an_alert_tells_its_row_and_its_places() {
    let book = crate::tables::small_book();
    let text = "--- told ---\n\
        patient male 60 2024-05-01\n\
        note a 2024-04-20: fact cough; drug drug.nitroglycerin\n\
        order new drug.sildenafil\n";
    let case = Case::read_all(text).remove(0);
    let reports = case.reports(&book);
    let alert = &reports[0].alerts[0];
    let basis = alert.basis.as_ref().expect("a row says it");
    assert_eq!(basis.table.as_ref(), "knowledge/interactions/small.tsv");
    assert!(basis.line > 1);
    assert_eq!(basis.status.word(), "editorial-estimate");
    assert!(
        alert.mechanism.contains(basis.note.as_ref()),
        "{}",
        alert.mechanism
    );
    let places: Vec<(&str, u32)> = alert
        .because
        .iter()
        .map(|place| (place.note.as_ref(), place.event))
        .collect();
    assert_eq!(places, [("a", 1)]);
}

#[test]
fn a_bad_row_of_any_table_is_told_and_the_others_are_read() {
    let (book, mistakes) = book_of(&[(
        "knowledge/interactions/x.tsv",
        "drug\tpartner\tseverity\tnote\tstatus\tsource\n\
         drug.warfarin\tdrug.no-such\tserious\t\tcited\t\n\
         drug.warfarin\tclass.nsaid\tdeadly\t\tcited\t\n\
         drug.warfarin\tclass.nsaid\tserious\t\tcited\t\n",
    )]);
    let told: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "data/knowledge/interactions/x.tsv:2: partner: no concept has the id \"drug.no-such\"",
            "data/knowledge/interactions/x.tsv:3: unknown severity \"deadly\"",
        ]
    );
    assert_eq!(book.interactions("drug.warfarin").len(), 1);
}

/// What the checks need of a note goes through the reader of facts: its day, results in words, and drugs.
#[test]
fn facts_keep_the_day_of_a_note_and_results_in_words() {
    let units = Units::new(&sources_of(files()), &mut Vec::new());
    let facts = Facts {
        vocabulary: vocabulary(),
        units: &units,
        levels: &Levels::default(),
    };
    let events = [
        event("test.child-pugh", "measurement", "value = { text = \"C\" }"),
        event("drug.nitroglycerin", "medication", ""),
    ];
    let mut patient = Patient {
        today: "2024-05-01".parse().ok(),
        ..Patient::default()
    };
    let day = "2024-04-20".parse().ok();
    facts.add(&mut patient, "a", day, &events);
    assert_eq!(patient.day_of(None, &patient.drugs[0].place), day);
    let words: Vec<&str> = patient.words["test.child-pugh"]
        .iter()
        .map(|(words, _)| words.as_str())
        .collect();
    assert_eq!(words, ["C"]);
    let book = crate::tables::small_book();
    let checks = Checks {
        vocabulary: vocabulary(),
        book: &book,
    };
    for (drug, kind) in [("drug.morphine", "hepatic"), ("drug.sildenafil", "interaction")] {
        let order = Order {
            drug: drug.into(),
            is_new: true,
            ..Order::default()
        };
        let report = check(&checks, &patient, &order);
        assert_eq!(report.alerts[0].kind.word(), kind, "{drug}");
        assert_eq!(report.alerts[0].grade, Grade::Interruptive, "{drug}");
    }
    assert!(patient.facts.is_empty(), "a class in words is no finding");
}

fn event(concept: &str, kind: &str, more: &str) -> Event {
    let text = format!(
        "fact = \"{concept}\"\nconcept = \"{concept}\"\nname = \"{concept}\"\nkind = \"{kind}\"\ncodes = []\n\
         polarity = \"present\"\ncertainty = \"asserted\"\nexperiencer = \"patient\"\nphase = \"current\"\n\
         because = []\n{more}\n"
    );
    toml::from_str(&text).expect("an event")
}
