//! Human Phenotype Ontology: `hp.obo`, and labels in Japanese (Babelon).

use super::Context;
use super::builder::{entry, form};
use super::lines::{Charset, Lines, SourceFile, decode};
use super::report::{Fault, ReadFile};
use super::sheet::Row;
use crate::concept::system;
use crate::masters::Entry;
use std::collections::BTreeMap;
use tsumugi_tables::TermKind;

/// First words of an ontology in OBO format.
const OBO: &[u8] = b"format-version:";

/// Terms that are being read.
#[derive(Debug, Default)]
pub(crate) struct Terms {
    terms: BTreeMap<Box<str>, Term>,
    /// Id → name, then synonyms, in Japanese.
    labels: BTreeMap<Box<str>, Vec<Box<str>>>,
}

#[derive(Debug, Default)]
struct Term {
    name: Box<str>,
    parents: Vec<Box<str>>,
    also: Vec<Box<str>>,
    is_obsolete: bool,
    replaced_by: Option<Box<str>>,
}

/// Whether a file is an ontology in OBO format.
pub(crate) fn is_obo(file: &mut SourceFile<'_>) -> Result<bool, Fault> {
    let start = file.reader.fill_buf();
    let start = start.map_err(|error| Fault::at(1, "unreadable", format!("cannot be read: {error}")))?;
    Ok(start.starts_with(OBO))
}

impl Terms {
    /// Reads the ontology.
    pub(crate) fn ontology(
        &mut self,
        context: &mut Context<'_>,
        file: SourceFile<'_>,
    ) -> Result<ReadFile, Fault> {
        let mut lines = Lines::new(file.reader);
        let mut charset = Charset::Utf8;
        let mut term: Option<(Box<str>, Term)> = None;
        let (mut is_term, mut started, mut rows) = (false, 0, 0);
        loop {
            let number = lines.number().saturating_add(1);
            let Some(bytes) = lines.next()? else { break };
            let line = decode(bytes, &mut charset, number)?;
            let line = line.trim_end();
            if line.starts_with('[') {
                if is_term && term.is_none() {
                    context.reject(Fault::at(started, "cell", "a term without an id HP:...").of_field("id"));
                }
                rows += u64::from(self.keep(term.take()));
                is_term = line == "[Term]";
                started = number;
            } else if let Some((tag, value)) = line.split_once(": ") {
                if is_term {
                    tagged(&mut term, tag, plain(value));
                } else if tag == "data-version" {
                    context.builder.date(value.trim());
                }
            }
        }
        rows += u64::from(self.keep(term.take()));
        if rows == 0 {
            return Err(Fault::at(
                1,
                "layout",
                "no stanza [Term] with an id HP:...; is this hp.obo?",
            ));
        }
        let (sha256, bytes) = lines.digest();
        Ok(ReadFile {
            name: file.name,
            sha256,
            bytes,
            rows,
        })
    }

    fn keep(&mut self, term: Option<(Box<str>, Term)>) -> bool {
        term.is_some_and(|(id, term)| self.terms.insert(id, term).is_none())
    }

    /// Reads a label in another language.
    pub(crate) fn label(&mut self, row: &Row<'_>) {
        let is_name = row.get("predicate") == "rdfs:label";
        let is_synonym = row.get("predicate").ends_with("hasExactSynonym");
        if row.is_withdrawn() || row.get("language") != "ja" || !(is_name || is_synonym) {
            return;
        }
        let labels = self.labels.entry(row.get("id").into()).or_default();
        let at = if is_name { 0 } else { labels.len() };
        labels.insert(at, row.get("term").into());
    }

    pub(crate) fn finish(mut self, context: &mut Context<'_>) {
        let old: Vec<(Box<str>, Box<str>)> = self
            .terms
            .iter()
            .filter_map(|(id, term)| Some((id.clone(), term.replaced_by.clone()?)))
            .collect();
        for (id, by) in old {
            if let Some(term) = self.terms.get_mut(&by) {
                term.also.push(id);
            }
        }
        for (id, term) in self.terms.iter().filter(|(_, term)| !term.is_obsolete) {
            let mut labels = self.labels.get(id).into_iter().flatten();
            let mut labels = labels.by_ref().map(|label| form(context.keys, label, "", true));
            let first = labels.next();
            let own = format!("hpo:{id}");
            let mut parents: Vec<Box<str>> =
                term.parents.iter().map(|id| format!("hpo:{id}").into()).collect();
            parents.sort_unstable();
            for other in &term.also {
                context.builder.map(system::HPO, other, &own);
            }
            let code = context.builder.code(system::HPO, id);
            let english = form(context.keys, &term.name, "", false);
            context.builder.add(Entry {
                english: term.name.clone(),
                forms: labels.collect(),
                parents,
                codes: vec![code],
                // Notes are Japanese: a term with an English name alone is a code with a name.
                ..entry(
                    own,
                    first.is_some().then_some(TermKind::Finding),
                    first.unwrap_or(english),
                )
            });
        }
    }
}

/// A value without its comment and trailing modifiers.
fn plain(value: &str) -> &str {
    let value = value.split(" ! ").next().unwrap_or(value);
    value.split(" {").next().unwrap_or(value).trim()
}

fn tagged(term: &mut Option<(Box<str>, Term)>, tag: &str, value: &str) {
    if tag == "id" && value.starts_with("HP:") {
        *term = Some((value.into(), Term::default()));
    }
    let Some((_, term)) = term else { return };
    match tag {
        "name" => term.name = value.into(),
        "is_a" => term.parents.push(value.into()),
        "alt_id" => term.also.push(value.into()),
        "is_obsolete" => term.is_obsolete = value == "true",
        "replaced_by" => term.replaced_by = Some(value.into()),
        _ => {}
    }
}
