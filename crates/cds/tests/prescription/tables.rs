//! The embedded vocabulary, and books of drug facts for the tests.

use std::sync::OnceLock;
use tsumugi_knowledge::DrugBook;
use tsumugi_tables::{Mistake, Source};
use tsumugi_terminology::{DataFile, Vocabulary, embedded_files, sources_of};

const BOOK: &[(&str, &str)] = &[
    (
        "knowledge/indications/small.tsv",
        include_str!("book/indications.tsv"),
    ),
    (
        "knowledge/contraindications/small.tsv",
        include_str!("book/contraindications.tsv"),
    ),
    (
        "knowledge/interactions/small.tsv",
        include_str!("book/interactions.tsv"),
    ),
    (
        "knowledge/cross_allergies/small.tsv",
        include_str!("book/cross_allergies.tsv"),
    ),
    (
        "knowledge/organ_doses/small.tsv",
        include_str!("book/organ_doses.tsv"),
    ),
    (
        "knowledge/pregnancy/small.tsv",
        include_str!("book/pregnancy.tsv"),
    ),
    ("knowledge/adverse/small.tsv", include_str!("book/adverse.tsv")),
    ("knowledge/doses/small.tsv", include_str!("book/doses.tsv")),
    ("knowledge/coverage/small.tsv", include_str!("book/coverage.tsv")),
];

pub(crate) fn files() -> &'static [DataFile] {
    static FILES: OnceLock<Vec<DataFile>> = OnceLock::new();
    FILES.get_or_init(embedded_files)
}

pub(crate) fn vocabulary() -> &'static Vocabulary {
    static VOCABULARY: OnceLock<Vocabulary> = OnceLock::new();
    VOCABULARY
        .get_or_init(|| Vocabulary::new(&sources_of(files())).expect("the embedded vocabulary is sound"))
}

/// The embedded terms and words, with other facts of drugs.
pub(crate) fn book_of(facts: &[(&str, &str)]) -> (DrugBook, Vec<Mistake>) {
    let mut sources = sources_of(files());
    sources.retain(|source| {
        !source.path.starts_with("knowledge/") || source.path.starts_with("knowledge/prescription/")
    });
    sources.extend(facts.iter().map(|(path, text)| Source { path, text }));
    let mut mistakes = Vec::new();
    let book = DrugBook::new(&sources, &mut mistakes);
    (book, mistakes)
}

pub(crate) fn small_book() -> DrugBook {
    let (book, mistakes) = book_of(BOOK);
    assert_eq!(mistakes, []);
    book
}
