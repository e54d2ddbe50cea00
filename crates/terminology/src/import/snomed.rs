//! SNOMED CT, release format 2: concepts, descriptions and the is-a relationships of a snapshot.

use super::Context;
use super::builder::{entry, form};
use super::sheet::Row;
use crate::concept::system;
use crate::masters::Entry;
use crate::vocabulary::Vocabulary;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use tsumugi_tables::TermKind;

/// Type of a fully specified name.
const FULL_NAME: &str = "900000000000003001";
/// Type of a text that defines, which is no name.
const DEFINITION: &str = "900000000000550004";
/// Type of the relationship to a broader concept.
const IS_A: &str = "116680003";

/// Ontology that are being read.
pub(crate) struct Ontology {
    concepts: BTreeMap<u64, Partial>,
    /// Whether the table of concepts was among the files: what is not in it is not active.
    lists_active: bool,
    /// Embedded concepts by their English name in small letters; none where several have it.
    english: FxHashMap<String, Option<u32>>,
}

#[derive(Default)]
struct Partial {
    is_active: bool,
    full_name: Box<str>,
    japanese: Vec<Box<str>>,
    parents: Vec<u64>,
    /// The embedded concept with one of its English names.
    known: Option<u32>,
}

impl Ontology {
    pub(crate) fn new(vocabulary: &Vocabulary) -> Self {
        let mut english = FxHashMap::default();
        for (key, concept) in vocabulary
            .iter()
            .filter(|(_, concept)| !concept.english.is_empty())
        {
            english
                .entry(concept.english.to_lowercase())
                .and_modify(|known| *known = None)
                .or_insert(Some(key));
        }
        Self {
            concepts: BTreeMap::new(),
            lists_active: false,
            english,
        }
    }

    /// Reads a row of one of the tables.
    pub(crate) fn row(&mut self, context: &mut Context<'_>, table: &str, row: &Row<'_>) {
        if row.is_withdrawn() {
            return;
        }
        let Ok(id) = row.get("id").parse::<u64>() else {
            context.reject(row.fault("id", "cell", "no number; correct the row"));
            return;
        };
        match table {
            "concept" => {
                self.lists_active = true;
                self.concepts.entry(id).or_default().is_active = true;
            }
            "description" if row.get("type") != DEFINITION => {
                let term = row.get("term");
                let known = self.english.get(&term.to_lowercase()).copied().flatten();
                let concept = self.concepts.entry(id).or_default();
                if row.get("type") == FULL_NAME && concept.full_name.is_empty() {
                    concept.full_name = term.into();
                }
                if row.get("language") == "ja" {
                    concept.japanese.push(term.into());
                }
                concept.known = concept.known.or(known);
            }
            "relationship" if row.get("type") == IS_A => {
                if let Ok(parent) = row.get("parent").parse() {
                    self.concepts.entry(id).or_default().parents.push(parent);
                }
            }
            _ => {}
        }
    }

    pub(crate) fn finish(self, context: &mut Context<'_>) {
        let id_of = |id: u64| format!("sct:{id}");
        for (id, concept) in &self.concepts {
            let is_active = concept.is_active || !self.lists_active;
            if !is_active || concept.full_name.is_empty() {
                continue;
            }
            let (name, tag) = parted(&concept.full_name);
            let kind = context.layouts.term_kind(context.kind, "description", "tag", tag);
            let code = context.builder.code(system::SNOMED, &id.to_string());
            let mut japanese = concept
                .japanese
                .iter()
                .map(|term| form(context.keys, term, "", true));
            let first = japanese.next();
            let known = concept.known.and_then(|key| context.vocabulary.get(key));
            let is_alike = |own: TermKind| {
                kind.is_some_and(|kind| {
                    let is_state =
                        |kind| matches!(kind, TermKind::Disease | TermKind::Finding | TermKind::Normal);
                    own == kind || (is_state(own) && is_state(kind))
                })
            };
            let known = known.filter(|known| is_alike(known.kind));
            let mut parents: Vec<Box<str>> = concept.parents.iter().map(|id| id_of(*id).into()).collect();
            parents.sort_unstable();
            parents.dedup();
            context.builder.add(Entry {
                english: name.into(),
                forms: japanese.collect(),
                parents,
                target: known.map(|known| known.id.as_str().into()),
                codes: vec![code],
                ..entry(
                    id_of(*id),
                    // Notes are Japanese: a concept with English names alone is a code with a name.
                    kind.filter(|_| first.is_some()),
                    first.unwrap_or_else(|| form(context.keys, name, "", false)),
                )
            });
        }
    }
}

/// A fully specified name and its tag: `Asthma (disorder)`.
fn parted(full: &str) -> (&str, &str) {
    full.strip_suffix(')')
        .and_then(|rest| rest.rsplit_once(" ("))
        .unwrap_or((full, ""))
}
