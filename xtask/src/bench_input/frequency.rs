//! How often each name stands in the records that the engine may learn from.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use tsumugi_coding::Coder;
use tsumugi_evaluation::{Split, read_corpus};

const HEAD: &str = "name\tcount\n# How often a name of the vocabulary stands in the training records of corpus/records. Written by `cargo xtask bench-input frequency`.\n";

/// Writes the table.
pub(super) fn run(root: &Path) -> anyhow::Result<()> {
    let coder = Coder::embedded()?;
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for (_, concept) in coder.vocabulary().iter() {
        let synonyms = concept.synonyms.iter().map(|(form, _)| form.to_string());
        for name in std::iter::once(concept.name.to_string()).chain(synonyms) {
            counts.insert(name, 0);
        }
    }
    let corpus = read_corpus(&root.join("corpus/records"), Some(Split::Train))?;
    for record in corpus.records() {
        for gold in &record.entities {
            if let Some(count) = counts.get_mut(&gold.entity.text) {
                *count += 1;
            }
        }
    }
    counts.retain(|_, count| *count > 0);
    let mut text = HEAD.to_owned();
    for (name, count) in &counts {
        writeln!(text, "{name}\t{count}")?;
    }
    std::fs::write(root.join("data/prediction/frequency.tsv"), text)?;
    println!("{} names in {} records", counts.len(), corpus.records().count());
    Ok(())
}
