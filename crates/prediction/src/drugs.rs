//! How a drug line goes on: as this patient takes it, as the ward gives it, else in the usual units of the drug.

use crate::snippets::{Snippet, parts};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tsumugi_tables::{Mistake, Source, Table};

/// Whose line it is, nearest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LineOf {
    /// This patient takes it so.
    Patient,
    /// This ward gives it so.
    Ward,
}

/// How a drug was given: strength, amount, usage, as it is written behind the name (`5mg 1錠 分1 朝食後`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrugLine {
    /// Concept of the drug.
    pub drug: Arc<str>,
    /// What is written behind its name.
    pub text: String,
    /// Whose.
    pub of: LineOf,
    /// How often it was written.
    pub count: u32,
}

/// A unit (`錠`) and a route (`oral`).
type UnitAndRoute = (Box<str>, Box<str>);

/// The usual units of drugs, and how lines in them go on: `terminology/drugs`, `prediction/drug_lines.tsv`.
#[derive(Debug, Default)]
pub struct DrugLines {
    units: FxHashMap<Box<str>, Vec<UnitAndRoute>>,
    forms: FxHashMap<UnitAndRoute, Snippet>,
}

impl DrugLines {
    /// Reads the tables; mistakes go to `mistakes`.
    pub fn new(sources: &[Source<'_>], mistakes: &mut Vec<Mistake>) -> Self {
        let mut lines = Self::default();
        for source in sources {
            if source.path.starts_with("terminology/drugs/") {
                // Mistakes of the vocabulary are the vocabulary's to report.
                for row in Table::parse(*source, &mut Vec::new()).rows() {
                    let routes: Vec<&str> = row.list("routes").collect();
                    let units = row
                        .list("units")
                        .flat_map(|unit| routes.iter().map(move |route| (unit.into(), (*route).into())));
                    lines.units.insert(row.get("id").into(), units.collect());
                }
            }
            if source.path == "prediction/drug_lines.tsv" {
                for row in Table::parse(*source, mistakes).rows() {
                    let Some(parts) = parts(row.get("body")) else {
                        mistakes.push(Mistake::new(
                            source.path,
                            row.line,
                            "a slot is not closed, or is empty",
                        ));
                        continue;
                    };
                    let snippet = Snippet {
                        key: row.get("unit").into(),
                        name: row.get("route").into(),
                        kana: "".into(),
                        parts,
                        sections: Vec::new(),
                    };
                    lines
                        .forms
                        .insert((row.get("unit").into(), row.get("route").into()), snippet);
                }
            }
        }
        lines
    }

    /// The lines that were given before for a drug: this patient's first, then by how often.
    pub fn given<'l>(drug: &str, lines: &'l [DrugLine]) -> Vec<&'l DrugLine> {
        let mut own: Vec<&DrugLine> = lines.iter().filter(|line| *line.drug == *drug).collect();
        own.sort_by(|a, b| {
            a.of.cmp(&b.of)
                .then(b.count.cmp(&a.count))
                .then_with(|| a.text.cmp(&b.text))
        });
        own.dedup_by(|a, b| a.text == b.text);
        own
    }

    /// How a line of the drug goes on in its usual units, with slots to fill.
    pub fn usual(&self, drug: &str) -> Vec<&Snippet> {
        let units = self.units.get(drug).into_iter().flatten();
        let mut forms: Vec<&Snippet> = units.filter_map(|unit| self.forms.get(unit)).collect();
        forms.dedup_by(|a, b| a.parts == b.parts);
        forms
    }
}
