//! Criteria as data: every embedded set is read without a mistake, and a mistake says where it is and what was expected.

use std::collections::BTreeSet;
use tsumugi_knowledge::{CriteriaBook, CriterionKind, Status};
use tsumugi_tables::{Mistake, Source};
use tsumugi_terminology::{Vocabulary, embedded_files, sources_of};

fn vocabulary() -> Vocabulary {
    let files = embedded_files();
    Vocabulary::new(&sources_of(&files)).expect("the embedded vocabulary")
}

fn read(vocabulary: &Vocabulary, text: &str) -> (CriteriaBook, Vec<Mistake>) {
    let mut mistakes = Vec::new();
    let source = Source {
        path: "knowledge/criteria/case.toml",
        text,
    };
    let book = CriteriaBook::new(&[source], vocabulary, &mut mistakes);
    (book, mistakes)
}

#[test]
fn every_embedded_set_is_read_and_named() {
    let files = embedded_files();
    let mut mistakes = Vec::new();
    let book = CriteriaBook::new(&sources_of(&files), &vocabulary(), &mut mistakes);
    let told: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    assert!(told.is_empty(), "{}", told.join("\n"));
    assert!(book.criteria.len() >= 30, "{} sets", book.criteria.len());
    let kinds: BTreeSet<CriterionKind> = book.criteria.iter().map(|criterion| criterion.kind).collect();
    assert_eq!(kinds.len(), 4, "{kinds:?}");
    for criterion in &book.criteria {
        let id = &criterion.id;
        assert_ne!(criterion.status, Status::Counted, "{id}");
        for text in [
            &criterion.name,
            &criterion.about,
            &criterion.source,
            &criterion.edition,
        ] {
            assert!(!text.is_empty(), "{id} has an empty text");
        }
        let names: BTreeSet<&str> = criterion
            .outcomes
            .iter()
            .map(|outcome| outcome.name.as_ref())
            .collect();
        assert_eq!(
            names.len(),
            criterion.outcomes.len(),
            "{id} has results of one name"
        );
        assert_eq!(book.criterion(id).map(|found| &found.id), Some(id));
    }
}

#[test]
fn every_file_of_the_folder_is_a_set() {
    let files = embedded_files();
    let in_folder = files
        .iter()
        .filter(|file| file.path.starts_with("knowledge/criteria/"));
    let book = CriteriaBook::new(&sources_of(&files), &vocabulary(), &mut Vec::new());
    for file in in_folder {
        let id = file
            .path
            .trim_start_matches("knowledge/criteria/")
            .trim_end_matches(".toml");
        assert!(book.criterion(id).is_some(), "no set {id} for data/{}", file.path);
    }
}
