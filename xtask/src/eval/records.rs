//! The annotated records of `corpus/records`: what the engine prints, scored against the gold.

use anyhow::Context as _;
use std::collections::BTreeMap;
use std::path::Path;
use tsumugi_clinical::{Note, Patient, Sex};
use tsumugi_coding::Coder;
use tsumugi_evaluation::{Corpus, Prediction, Record, Split, read_corpus, read_predictions};

/// Records of a split, and what the engine says of them.
pub(crate) struct Read {
    pub(crate) corpus: Corpus,
    pub(crate) predictions: BTreeMap<String, Prediction>,
}

/// Reads a split and runs the engine over it.
pub(crate) fn read(root: &Path, coder: &Coder, split: Split) -> anyhow::Result<Read> {
    let corpus = read_corpus(&root.join("corpus/records"), Some(split))?;
    let mut lines = String::new();
    for record in corpus.records() {
        let structured = coder.structure(&note(record)?);
        lines.push_str(&serde_json::to_string(&structured)?);
        lines.push('\n');
    }
    let (predictions, _) = read_predictions(&lines);
    Ok(Read { corpus, predictions })
}

/// The record as a note.
pub(crate) fn note(record: &Record) -> anyhow::Result<Note> {
    let sex = match record.sex.as_str() {
        "M" => Some(Sex::Male),
        "F" => Some(Sex::Female),
        _ => None,
    };
    Ok(Note {
        id: record.id.clone(),
        text: record.text.clone(),
        date: Some(record.date.parse().with_context(|| record.id.clone())?),
        patient: Some(Patient {
            sex,
            age: Some(f64::from(record.age)),
            ..Patient::default()
        }),
    })
}
