//! Grave reactions, and the drugs whose harm they are not.

use super::{Loader, TermKind};
use rustc_hash::FxHashSet;

impl Loader<'_> {
    /// Reads the table of reactions; `concept_of` gives the kind and index of a concept's id, `narrower` a concept and
    /// everything below it.
    pub(crate) fn load_reactions(
        &mut self,
        concept_of: impl Fn(&str) -> Option<(TermKind, u32)>,
        narrower: impl Fn(u32) -> Vec<u32>,
    ) {
        const REACTIONS: &str = "lexicon/reactions.tsv";
        for (line, [id, treated_by, expected_of]) in
            self.rows(REACTIONS, ["concept", "treated_by", "expected_of"])
        {
            let Some((_, reaction)) = concept_of(id) else {
                self.wrong(REACTIONS, line, "concept", id);
                continue;
            };
            let mut drugs = FxHashSet::default();
            for (cell, treats) in [(treated_by, true), (expected_of, false)] {
                for drug in cell.split('|').filter(|drug| !drug.is_empty()) {
                    let Some((_, key)) = concept_of(drug) else {
                        self.wrong(REACTIONS, line, "concept", drug);
                        continue;
                    };
                    drugs.extend(narrower(key));
                    if treats {
                        self.rules.remedies.extend(narrower(key));
                    }
                }
            }
            self.rules.reactions.insert(reaction, drugs);
        }
    }
}
