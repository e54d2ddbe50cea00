//! What the tests share.

use std::path::Path;
use tsumugi_profiles::Validator;
use tsumugi_tables::Source;

/// The tables of `data/fhir`.
pub(crate) fn tables() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/fhir");
    let mut files: Vec<(String, String)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (format!("fhir/{name}"), std::fs::read_to_string(&path).unwrap())
        })
        .collect();
    files.sort();
    files
}

/// R4 and the sentences.
pub(crate) fn validator() -> Validator {
    let tables = tables();
    let sources: Vec<Source<'_>> = tables.iter().map(|(path, text)| Source { path, text }).collect();
    Validator::new(&sources).unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
}
