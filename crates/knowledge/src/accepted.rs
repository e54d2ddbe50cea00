//! What a person has accepted from a text: a statement with its place in the text, who accepted it and when.
//!
//! An accepted statement is read by the same functions as a row of the tables, so that it is checked like one, stands
//! where one stands and is told like one; its status is `accepted`, its source names the text. One that cannot be used
//! (an unknown concept, a step that closes a circle) is told with its number in the log; the rest goes on.

mod shape;

use crate::chain::Chains;
use crate::drug::DrugBook;
use crate::evidence::{Evidence, Status};
use crate::guideline::Guidelines;
use crate::profile::FindingRow;
use crate::state::{Levels, State};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use tsumugi_tables::{Row, Source};

pub use shape::{Cell, Column, Shape, shape, shapes};

/// A statement that a person has accepted from a text, as the tables would state it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Accepted {
    /// `recommendation`, `contraindication`, `interaction`, `adverse-effect`, `dose`, `indication` … ([`shapes`]).
    pub kind: Arc<str>,
    /// The columns of the row that it would be.
    pub fields: BTreeMap<Arc<str>, Arc<str>>,
    /// The words of the text.
    pub quote: Arc<str>,
    /// Where in which text they stand; empty for what was accepted before this was kept.
    #[serde(default)]
    pub place: Locator,
}

/// A text, and a stretch of it. The text itself is not kept: who has it can find the stretch again by the digest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Locator {
    /// Title of the text.
    pub title: Arc<str>,
    /// Who publishes it.
    pub organisation: Arc<str>,
    /// Edition, version or date of revision, as the text names it.
    pub edition: Arc<str>,
    /// Licence under which it may be used.
    pub licence: Arc<str>,
    /// Heading under which the words stand.
    pub section: Arc<str>,
    /// SHA-256 of the text, hexadecimal.
    pub digest: Arc<str>,
    /// First character, in Unicode scalar values.
    pub start: u32,
    /// The character after the last.
    pub end: u32,
}

/// An accepted statement as it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Id of the source.
    pub source: Arc<str>,
    /// Day on which it was accepted.
    pub date: Date,
    /// Who accepted it.
    pub by: Arc<str>,
    /// What it says.
    pub said: Accepted,
}

impl Held {
    /// Title, edition and heading of the text; the id of the source where it has no title.
    pub fn cited(&self) -> String {
        let place = &self.said.place;
        let title = if place.title.is_empty() {
            &self.source
        } else {
            &place.title
        };
        let parts: [&str; 3] = [title, &place.edition, &place.section];
        let parts = parts.into_iter().filter(|part| !part.is_empty());
        parts.collect::<Vec<&str>>().join(" ")
    }

    /// Whether it says the same of the same source.
    pub fn repeats(&self, other: &Self) -> bool {
        self.source == other.source
            && self.said.kind == other.said.kind
            && self.said.fields == other.said.fields
    }
}

/// Why an accepted statement is not used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("assertion {number} of the log ({source_id}): {message}")]
pub struct Refused {
    /// Its number in the log; 0 before it stands there.
    pub number: u64,
    /// Id of its source.
    pub source_id: Arc<str>,
    /// What is wrong, lower case.
    pub message: String,
}

/// The ids of all concepts, to check rows against, and whether each can be the disease of a statement.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Concepts(Arc<BTreeMap<Arc<str>, bool>>);

impl Concepts {
    /// Reads the first column of the tables below `terminology/`. A disease is what those below `terminology/diseases/` hold,
    /// and what the tables of findings treat as one (hyperkalaemia).
    pub fn new(sources: &[Source<'_>]) -> Self {
        let mut ids: BTreeMap<Arc<str>, bool> = BTreeMap::new();
        for (id, is_disease) in sources.iter().flat_map(first_cells) {
            match ids.get_mut(id) {
                Some(known) => *known |= is_disease,
                None => drop(ids.insert(Arc::<str>::from(id), is_disease)),
            }
        }
        Self(Arc::new(ids))
    }

    /// Whether there is a concept of this id.
    pub fn has(&self, id: &str) -> bool {
        self.0.contains_key(id)
    }

    /// Whether a state is one of a concept, also told of the family (`family:…`).
    fn has_state(&self, state: &State) -> bool {
        let id = state.concept();
        self.has(id.strip_prefix("family:").unwrap_or(id))
    }

    /// The ids of a cell that holds several, all known.
    pub(crate) fn list(&self, column: &str, cell: &str) -> Result<Vec<Arc<str>>, String> {
        let ids = cell.split('|').filter(|id| !id.is_empty());
        ids.map(|id| self.known(column, id)).collect()
    }

    /// A known id.
    pub(crate) fn known(&self, column: &str, id: &str) -> Result<Arc<str>, String> {
        match self.0.get_key_value(id) {
            Some((id, _)) => Ok(Arc::clone(id)),
            None => Err(format!("{column}: no concept has the id \"{id}\"")),
        }
    }

    /// The known id of a disease.
    pub(crate) fn disease(&self, id: &str) -> Result<Arc<str>, String> {
        match self.0.get_key_value(id) {
            Some((id, true)) => Ok(Arc::clone(id)),
            Some(_) => Err(format!(
                "disease: \"{id}\" is no disease; name the disease that the text speaks of"
            )),
            None => Err(format!("disease: no concept has the id \"{id}\"")),
        }
    }
}

/// The first cells of a table whose first column holds concepts, and whether they are diseases.
fn first_cells<'s>(table: &Source<'s>) -> impl Iterator<Item = (&'s str, bool)> + use<'s> {
    let is_disease =
        table.path.starts_with("terminology/diseases/") || table.path.starts_with("knowledge/findings/");
    let is_wanted = is_disease || table.path.starts_with("terminology/");
    let lines = table.text.split('\n').filter(|line| !line.starts_with('#'));
    let cells = lines.skip(1).filter_map(|line| line.split('\t').next());
    cells
        .filter(move |id| is_wanted && !id.is_empty())
        .map(move |id| (id, is_disease))
}

/// Cells by column, of a table's row or of an accepted statement.
pub(crate) trait Cells {
    /// The cell of a column; empty where there is none.
    fn cell(&self, column: &str) -> &str;
    /// How far the row can be trusted; none where its word is unknown.
    fn status(&self) -> Option<Status>;
}

impl Cells for Row<'_, '_> {
    fn cell(&self, column: &str) -> &str {
        self.get(column)
    }

    fn status(&self) -> Option<Status> {
        Status::parse(self.get("status"))
    }
}

/// An accepted statement as a row.
pub(crate) struct AcceptedRow<'h> {
    pub(crate) number: u64,
    pub(crate) held: &'h Held,
    cited: String,
}

/// The table that accepted statements stand in, where a row names its own.
pub(crate) const TABLE: &str = "accepted";

impl<'h> AcceptedRow<'h> {
    pub(crate) fn new(number: u64, held: &'h Held) -> Self {
        Self {
            number,
            held,
            cited: held.cited(),
        }
    }

    /// Its number where a table's row has its line.
    pub(crate) fn line(&self) -> u32 {
        u32::try_from(self.number).unwrap_or(u32::MAX)
    }
}

impl Cells for AcceptedRow<'_> {
    fn cell(&self, column: &str) -> &str {
        let said = &self.held.said;
        if let Some(cell) = said.fields.get(column) {
            return cell;
        }
        match column {
            "source" => &self.cited,
            "note" => &said.quote,
            _ => shape(&said.kind)
                .and_then(|shape| shape.columns.iter().find(|own| own.name == column))
                .map_or("", |own| own.default),
        }
    }

    fn status(&self) -> Option<Status> {
        Some(Status::Accepted)
    }
}

/// The row on a finding that a statement of the kind `finding` is.
///
/// # Errors
/// An unknown concept, or a share that is none.
pub fn finding_row(held: &Held, concepts: &Concepts, levels: &Levels) -> Result<FindingRow, String> {
    let row = AcceptedRow::new(0, held);
    let disease = concepts.disease(row.cell("disease"))?;
    let finding = levels.canonical(State::new(row.cell("finding")));
    if !concepts.has_state(&finding) {
        return Err(format!(
            "finding: no concept has the id \"{}\"",
            finding.concept()
        ));
    }
    let (with, of, frequency) = share(row.cell("share"))?;
    Ok(FindingRow {
        disease,
        finding,
        evidence: Evidence {
            source: Arc::clone(&held.source),
            status: Status::Accepted,
            with,
            of,
            frequency,
            note: row.cited.as_str().into(),
        },
    })
}

/// `30/45` as patients with and all, `82.5%` as a share.
fn share(cell: &str) -> Result<(u32, u32, f32), String> {
    let wrong = || format!("share: \"{cell}\" is neither patients with/all nor a percentage");
    if let Some(percent) = cell.strip_suffix('%') {
        let percent: f32 = percent.trim().parse().map_err(|_| wrong())?;
        if !(0.0..=100.0).contains(&percent) {
            return Err(wrong());
        }
        return Ok((0, 0, percent / 100.0));
    }
    let (with, of) = cell.split_once('/').ok_or_else(wrong)?;
    let count = |text: &str| text.trim().parse::<u32>().map_err(|_| wrong());
    let (with, of) = (count(with)?, count(of)?);
    if of == 0 || with > of {
        return Err(format!("share: {with} of {of} patients cannot be"));
    }
    Ok((with, of, 0.0))
}

/// What accepted statements join beside the findings of diseases.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Shelf {
    /// Facts of drugs.
    pub drugs: DrugBook,
    /// Recommendations.
    pub guidelines: Guidelines,
    /// Causal chains.
    pub chains: Chains,
}

impl Shelf {
    /// The tables with the accepted statements, and what of them cannot be used. The same statements give the same value.
    #[must_use]
    pub fn with(
        &self,
        accepted: &BTreeMap<u64, Held>,
        concepts: &Concepts,
        levels: &Levels,
    ) -> (Self, Vec<Refused>) {
        let mut shelf = self.clone();
        let mut refused = Vec::new();
        for (number, held) in accepted {
            if let Err(message) = shelf.take(*number, held, concepts, levels) {
                refused.push(Refused {
                    number: *number,
                    source_id: Arc::clone(&held.source),
                    message,
                });
            }
        }
        shelf.drugs.finish_accepted();
        (shelf, refused)
    }

    /// Why a statement could not be used if it were accepted now; none where it can.
    pub fn refusal(&self, held: &Held, concepts: &Concepts, levels: &Levels) -> Option<String> {
        let mut trial = Self {
            drugs: self.drugs.emptied(),
            guidelines: Guidelines::default(),
            chains: match held.said.kind.as_ref() {
                "cause" => self.chains.clone(),
                _ => Chains::default(),
            },
        };
        trial.take(0, held, concepts, levels).err()
    }

    fn take(&mut self, number: u64, held: &Held, concepts: &Concepts, levels: &Levels) -> Result<(), String> {
        let row = AcceptedRow::new(number, held);
        match held.said.kind.as_ref() {
            "finding" => finding_row(held, concepts, levels).map(|_| ()),
            "recommendation" => self.guidelines.accept(&row, concepts),
            "cause" => self.chains.accept(&row, concepts, levels),
            _ => self.drugs.accept(&row),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_counts_or_a_percentage() {
        assert_eq!(share("30/45"), Ok((30, 45, 0.0)));
        assert_eq!(share("50%"), Ok((0, 0, 0.5)));
        for wrong in ["", "x", "46/45", "3/0", "120%", "-1%"] {
            assert!(share(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_disease_is_one_that_the_tables_hold_as_one() {
        let source = |path, text| Source { path, text };
        let concepts = Concepts::new(&[
            source("terminology/diseases/a.tsv", "id\tname\npneumonia\tx\n"),
            source(
                "terminology/findings/a.tsv",
                "# doubt\nid\tname\ncough\tx\nhyperkalemia\tx\n",
            ),
            source(
                "knowledge/findings/a.tsv",
                "disease\tfinding\nhyperkalemia\tcough\n",
            ),
        ]);
        assert!(concepts.disease("pneumonia").is_ok() && concepts.disease("hyperkalemia").is_ok());
        assert!(
            concepts.has("cough")
                && concepts
                    .disease("cough")
                    .is_err_and(|told| told.contains("no disease"))
        );
        assert!(concepts.disease("id").is_err() && !concepts.has("name"));
    }
}
