//! What the rules of the tables rest on: the source that a reason of an event names.

use serde::Deserialize;
use std::collections::BTreeMap;
use tsumugi_tables::{Source, Table};

/// Rule → its condition in words of the table, and its source.
#[derive(Debug, Default)]
pub(crate) struct RuleSources {
    sources: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Refinements {
    #[serde(default)]
    refinement: Vec<Refinement>,
}

#[derive(Deserialize)]
struct Refinement {
    #[serde(default)]
    settle: Vec<Settle>,
}

#[derive(Deserialize)]
struct Settle {
    rule: String,
    source: String,
}

impl RuleSources {
    /// Reads the tables of `coding/`.
    pub(crate) fn new(sources: &[Source<'_>]) -> Self {
        let mut rules = Self::default();
        for source in sources {
            match source.path {
                "coding/derivations.tsv" => {
                    let table = Table::parse(*source, &mut Vec::new());
                    for row in table.rows() {
                        rules
                            .sources
                            .entry(row.get("rule").to_owned())
                            .or_insert_with(|| row.get("source").to_owned());
                    }
                }
                "coding/refinement.toml" => {
                    let read: Option<Refinements> = toml::from_str(source.text).ok();
                    let settles = read
                        .into_iter()
                        .flat_map(|read| read.refinement)
                        .flat_map(|one| one.settle);
                    rules
                        .sources
                        .extend(settles.map(|settle| (settle.rule, settle.source)));
                }
                _ => {}
            }
        }
        rules
    }

    /// The source of a rule, empty where the tables name none.
    pub(crate) fn of(&self, rule: &str) -> &str {
        self.sources.get(rule).map_or("", String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tsumugi_terminology::{embedded_files, sources_of};

    #[test]
    fn fever_from_a_temperature_names_its_source() {
        let files = embedded_files();
        let rules = RuleSources::new(&sources_of(&files));
        for rule in ["fever-from-temperature", "type-1-by-autoantibody"] {
            assert!(!rules.of(rule).is_empty(), "{rule}");
        }
    }
}
