//! The tables that imported resources are read with: units of sources, answers, relatives, codes.

use super::codes::CodeIndex;
use std::collections::BTreeMap;
use std::sync::Arc;
use tsumugi_tables::{Mistake, Source, Table};
use tsumugi_terminology::Vocabulary;

/// How a unit of a source becomes the usual unit of a test: `number * factor + offset`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    pub(super) factor: f64,
    pub(super) offset: f64,
}

/// The micro sign, and the letter of the tables.
const MICRO: char = '\u{B5}';
const MU: &str = "\u{3BC}";
/// How sources spell their units; the parsers of HL7 v2 read the same table.
const SPELLINGS: &str = "exchange/units_written.tsv";

/// The tables `coding/{codes,source_units,source_scales,answers,roles}.tsv` and [`SPELLINGS`].
#[derive(Debug, Default)]
pub(crate) struct Imports {
    pub(super) codes: CodeIndex,
    units: BTreeMap<Box<str>, Arc<str>>,
    spellings: BTreeMap<Box<str>, Arc<str>>,
    scales: BTreeMap<(Box<str>, Box<str>), Scale>,
    answers: BTreeMap<Box<str>, Box<str>>,
    roles: BTreeMap<Box<str>, Arc<str>>,
}

impl Imports {
    pub(crate) fn new(sources: &[Source<'_>], vocabulary: &Vocabulary, mistakes: &mut Vec<Mistake>) -> Self {
        let mut imports = Self {
            codes: CodeIndex::new(sources, vocabulary, mistakes),
            ..Self::default()
        };
        for source in sources {
            match source.path {
                "coding/source_units.tsv" => {
                    for row in Table::parse(*source, mistakes).rows() {
                        imports
                            .units
                            .insert(row.get("form").into(), row.get("ucum").into());
                    }
                }
                SPELLINGS => {
                    for row in Table::parse(*source, mistakes).rows() {
                        imports
                            .spellings
                            .insert(row.get("form").into(), row.get("ucum").into());
                    }
                }
                "coding/source_scales.tsv" => imports.read_scales(*source, vocabulary, mistakes),
                "coding/answers.tsv" => {
                    for row in Table::parse(*source, mistakes).rows() {
                        imports
                            .answers
                            .insert(row.get("form").into(), row.get("answer").into());
                    }
                }
                "coding/roles.tsv" => {
                    for row in Table::parse(*source, mistakes).rows() {
                        imports
                            .roles
                            .insert(row.get("form").into(), row.get("relative").into());
                    }
                }
                _ => {}
            }
        }
        imports
    }

    fn read_scales(&mut self, source: Source<'_>, vocabulary: &Vocabulary, mistakes: &mut Vec<Mistake>) {
        let table = Table::parse(source, mistakes);
        for row in table.rows() {
            if vocabulary.concept(row.get("test")).is_none() {
                let message = format!("no concept {}", row.get("test"));
                mistakes.push(Mistake::new(source.path, row.line, message));
            }
            let offset = row.get("offset");
            let offset = if offset.is_empty() {
                Ok(0.0)
            } else {
                offset.parse()
            };
            match (row.get("factor").parse(), offset) {
                (Ok(factor), Ok(offset)) => {
                    let place = (row.get("test").into(), row.get("unit").into());
                    self.scales.insert(place, Scale { factor, offset });
                }
                _ => mistakes.push(Mistake::new(
                    source.path,
                    row.line,
                    "factor or offset is no decimal",
                )),
            }
        }
    }

    /// The engine's unit for one that sources write otherwise, or for which notes mean something else.
    pub(super) fn unit(&self, form: &str) -> Option<Arc<str>> {
        self.units.get(form).cloned()
    }

    /// The engine's unit for a spelling of sources that notes do not have. The micro sign is a mu.
    pub(super) fn spelled(&self, form: &str) -> Option<Arc<str>> {
        let ucum = self.spellings.get(form.replace(MICRO, MU).as_str())?;
        self.unit(ucum).or_else(|| Some(Arc::clone(ucum)))
    }

    /// How a unit becomes the usual one of this test alone (mmol/L of glucose).
    pub(super) fn scale(&self, test: &str, unit: &str) -> Option<Scale> {
        self.scales.get(&(test.into(), unit.into())).copied()
    }

    /// What an answer says: `yes`, `no`, `unknown`, or a qualitative value.
    pub(super) fn answer(&self, form: &str) -> Option<&str> {
        self.answers.get(form.to_lowercase().as_str()).map(AsRef::as_ref)
    }

    /// The relative of a role.
    pub(super) fn relative(&self, form: &str) -> Option<Arc<str>> {
        self.roles.get(form).cloned()
    }
}
