//! Facts of drugs that were accepted from texts, read as the tables' rows are.

use super::DrugBook;
use super::read::{self, Folder, Place};
use crate::accepted::{AcceptedRow, TABLE};

impl DrugBook {
    /// Adds an accepted statement.
    ///
    /// # Errors
    /// What a table's row would be refused for: an unknown concept, word or kind.
    pub(crate) fn accept(&mut self, row: &AcceptedRow<'_>) -> Result<(), String> {
        let kind = row.held.said.kind.as_ref();
        let folder = folder(kind).ok_or_else(|| format!("\"{kind}\" is no kind of statement"))?;
        let known = self.known.clone();
        let place = Place {
            path: TABLE,
            line: row.line(),
            cells: row,
        };
        read::fact(self, folder, &place, &known)
    }

    /// What accepted cross-reactions say in one direction holds in the other.
    pub(crate) fn finish_accepted(&mut self) {
        read::mirror(&mut self.cross_allergies);
    }

    /// A book without facts that checks rows as this one does.
    pub(crate) fn emptied(&self) -> Self {
        Self {
            known: self.known.clone(),
            ..Self::default()
        }
    }
}

fn folder(kind: &str) -> Option<Folder> {
    Some(match kind {
        "contraindication" => Folder::Contraindications,
        "indication" => Folder::Indications,
        "interaction" => Folder::Interactions,
        "cross-allergy" => Folder::CrossAllergies,
        "organ-dose" => Folder::OrganDoses,
        "reproduction" => Folder::Pregnancy,
        "adverse-effect" => Folder::Adverse,
        "dose" => Folder::Doses,
        _ => return None,
    })
}
