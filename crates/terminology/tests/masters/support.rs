//! Importing the files of the tests.

use std::io::BufReader;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use tsumugi_terminology::import::{Imported, Importer, SourceFile};
use tsumugi_terminology::masters::snapshot;
use tsumugi_terminology::{
    Codes as _, DataFile, MasterKind, Masters, Vocabulary, embedded_files, sources_of,
};

pub(crate) static FILES: LazyLock<Vec<DataFile>> = LazyLock::new(embedded_files);
pub(crate) static EMBEDDED: LazyLock<Vocabulary> = LazyLock::new(|| with(&Masters::default()));
pub(crate) static IMPORTER: LazyLock<Importer> = LazyLock::new(|| {
    let mut mistakes = Vec::new();
    let importer = Importer::new(&sources_of(&FILES), &mut mistakes);
    assert_eq!(mistakes, []);
    importer
});

pub(crate) fn with(masters: &Masters) -> Vocabulary {
    Vocabulary::with_masters(&sources_of(&FILES), masters).expect("the tables of data/ make a vocabulary")
}

pub(crate) fn file(name: &str) -> SourceFile<'static> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/import")
        .join(name);
    let opened = std::fs::File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    SourceFile {
        name: name.to_owned(),
        reader: Box::new(BufReader::new(opened)),
    }
}

pub(crate) fn import_over(vocabulary: &Vocabulary, kind: MasterKind, names: &[&str]) -> Imported {
    IMPORTER.import(kind, vocabulary, names.iter().map(|name| file(name)).collect())
}

pub(crate) fn import(kind: MasterKind, names: &[&str]) -> Imported {
    import_over(&EMBEDDED, kind, names)
}

/// Imports masters one after the other, and gives the vocabulary with all of them. Each goes through its snapshot.
#[track_caller]
pub(crate) fn joined(kinds: &[(MasterKind, &[&str])]) -> Vocabulary {
    let mut masters = Masters::default();
    for (kind, names) in kinds {
        let vocabulary = with(&masters);
        let imported = import_over(&vocabulary, *kind, names);
        let master = imported.master.unwrap_or_else(|| panic!("{:?}", imported.report));
        let bytes = snapshot::to_bytes(&master, "2026-11-29", "0123456789abcdef");
        let opened = snapshot::from_bytes(&bytes).expect("what was written is read");
        assert_eq!(opened.master, master);
        masters.add(Arc::new(opened.master), opened.digest);
    }
    with(&masters)
}

/// Concepts whose name, as notes write it, this is.
pub(crate) fn named(vocabulary: &Vocabulary, form: &str) -> Vec<String> {
    let mut ids: Vec<String> = vocabulary
        .designations()
        .filter(|designation| designation.form == form)
        .filter_map(|designation| vocabulary.get(designation.key))
        .map(|concept| concept.id.to_string())
        .collect();
    ids.dedup();
    ids
}

pub(crate) fn concept(vocabulary: &Vocabulary, system: &str, code: &str) -> Option<String> {
    vocabulary.maps().concept(system, code).map(|id| id.to_string())
}

pub(crate) const MEDIS: (MasterKind, &[&str]) = (MasterKind::Medis, &["nmain.txt", "index.txt", "mdfy.txt"]);
pub(crate) const SSK: (MasterKind, &[&str]) = (
    MasterKind::Ssk,
    &[
        "b_20250601.txt",
        "z_20250601.txt",
        "y_20250401.csv",
        "s_20240601.csv",
        "c_20240601.csv",
    ],
);
pub(crate) const HOT: (MasterKind, &[&str]) = (MasterKind::Hot, &["MEDIS20250401.TXT", "HOT9_20250401.TXT"]);
pub(crate) const JLAC: (MasterKind, &[&str]) = (
    MasterKind::Jlac,
    &["jlac_shared.csv", "jlac10.csv", "analyte.csv"],
);
