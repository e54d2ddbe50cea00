//! Disease names: the main table, index terms and modifiers of MEDIS, and the disease names of the claims masters, which
//! are the same names under the same numbers.

use super::Context;
use super::builder::{entry, form, is_kana};
use super::layout::icd10;
use super::sheet::Row;
use crate::concept::system;
use crate::masters::{Entry, MasterKind};
use rustc_hash::FxHashMap;
use tsumugi_tables::TermKind;

/// Rank of a name that is only another spelling of the one with the same exchange code.
const SPELLING: &str = "3";

/// A row of a main table.
#[derive(Debug)]
struct Listed {
    id: String,
    key: Box<str>,
    claim: Box<str>,
    exchange: Box<str>,
    name: Box<str>,
    kana: Box<str>,
    short: Box<str>,
    icd10: String,
    adoption: Box<str>,
    kind: TermKind,
    is_withdrawn: bool,
    /// Id of the row that holds instead.
    successor: Option<String>,
}

/// Disease names that are being read.
#[derive(Debug, Default)]
pub(crate) struct Diseases {
    names: Vec<Listed>,
    /// Index terms with the exchange code that they stand for.
    terms: Vec<(Box<str>, Box<str>)>,
}

impl Diseases {
    /// Reads a row of MEDIS.
    pub(crate) fn medis(&mut self, context: &mut Context<'_>, table: &str, row: &Row<'_>) {
        match table {
            "main" => {
                let claim = row.get("claim");
                // More than one code stands one behind the other.
                let claim = claim.get(..7).unwrap_or(claim);
                self.name(context, table, row, (row.get("key"), claim, row.get("successor")));
            }
            "index" if row.get("of") == "1" => {
                self.terms
                    .push((row.get("term").into(), row.get("exchange").into()));
            }
            "modifiers" => modifier(context, row, row.get("claim")),
            _ => {}
        }
    }

    /// Reads a row of the disease names for claims.
    pub(crate) fn claim(&mut self, context: &mut Context<'_>, row: &Row<'_>) {
        self.name(
            context,
            "b",
            row,
            (row.get("key"), row.get("code"), row.get("successor")),
        );
    }

    fn name(&mut self, context: &Context<'_>, table: &str, row: &Row<'_>, codes: (&str, &str, &str)) {
        let (key, claim, successor) = codes;
        let icd10 = icd10(row.get("icd10")).unwrap_or_default();
        let kind = context.layouts.term_kind(context.kind, table, "icd10", &icd10);
        let id = if key.is_empty() {
            format!("claim-disease:{claim}")
        } else {
            format!("medis:{key}")
        };
        let successor = Some(successor).filter(|successor| !successor.is_empty());
        self.names.push(Listed {
            id,
            key: key.into(),
            claim: claim.into(),
            exchange: row.get("exchange").into(),
            name: row.get("name").into(),
            kana: row.get("kana").into(),
            short: row.get("short").into(),
            icd10,
            adoption: row.get("adoption").into(),
            kind: kind.unwrap_or(TermKind::Disease),
            is_withdrawn: row.is_withdrawn(),
            successor: successor.map(|key| format!("medis:{key}")),
        });
    }

    /// Makes the entries: a spelling belongs to the name with its exchange code, a withdrawn row to its successor.
    pub(crate) fn finish(self, context: &mut Context<'_>) {
        let leads = leads(&self.names);
        let lead_of = |name: &Listed| -> Option<&Listed> {
            let lead = self.names.get(*leads.get(&*name.exchange)?)?;
            (&*name.adoption == SPELLING && &*lead.adoption != SPELLING).then_some(lead)
        };
        let mut forms: FxHashMap<&str, Vec<(&str, bool)>> = FxHashMap::default();
        for (term, exchange) in &self.terms {
            if let Some(lead) = leads.get(&**exchange).and_then(|lead| self.names.get(*lead)) {
                let in_text = !is_kana(term) || is_kana(&lead.name);
                forms.entry(&lead.id).or_default().push((term, in_text));
            }
        }
        for name in self.names.iter().filter(|name| !name.is_withdrawn) {
            if let Some(lead) = lead_of(name) {
                forms.entry(&lead.id).or_default().push((&name.name, true));
            }
        }
        for name in &self.names {
            let lead = if name.is_withdrawn { None } else { lead_of(name) };
            let holds = lead
                .map(|lead| lead.id.as_str())
                .or(name.successor.as_deref().filter(|_| name.is_withdrawn));
            if let Some(id) = holds {
                context.builder.map(system::MEDIS_DISEASE, &name.key, id);
                context.builder.map(system::CLAIM_DISEASE, &name.claim, id);
                continue;
            }
            let entry = entry_of(context, name, forms.remove(name.id.as_str()).unwrap_or_default());
            context.builder.add(entry);
        }
    }
}

/// The row that leads every exchange code: the one of the best rank, of several the first.
fn leads(names: &[Listed]) -> FxHashMap<&str, usize> {
    let mut leads: FxHashMap<&str, usize> = FxHashMap::default();
    let valid = names
        .iter()
        .enumerate()
        .filter(|(_, name)| !name.is_withdrawn && !name.exchange.is_empty());
    for (at, name) in valid {
        let rank = |at: usize| names.get(at).map(|name| &*name.adoption);
        leads
            .entry(&name.exchange)
            .and_modify(|lead| {
                if Some(&*name.adoption) < rank(*lead) {
                    *lead = at;
                }
            })
            .or_insert(at);
    }
    leads
}

fn entry_of(context: &mut Context<'_>, name: &Listed, terms: Vec<(&str, bool)>) -> Entry {
    let kind = (!name.is_withdrawn).then_some(name.kind);
    let own = form(context.keys, &name.name, &name.kana, true);
    let mut forms = Vec::new();
    let short = Some(&*name.short)
        .filter(|short| !short.is_empty())
        .map(|short| (short, true));
    for (text, in_text) in short.into_iter().chain(terms) {
        let other = form(context.keys, text, "", in_text);
        // A term in kana alone says how the name is read.
        let is_reading_of_name = is_kana(text) && super::builder::reading(text) == *own.kana;
        if other.key != own.key && !is_reading_of_name && !forms.contains(&other) {
            forms.push(other);
        }
    }
    let builder = &mut *context.builder;
    let mut codes = Vec::new();
    for (address, code) in [
        (system::ICD10, name.icd10.as_str()),
        (system::MEDIS_DISEASE, &name.key),
        (system::MEDIS_EXCHANGE, &name.exchange),
        (system::CLAIM_DISEASE, &name.claim),
    ] {
        if !code.is_empty() {
            codes.push(builder.code(address, code));
        }
    }
    Entry {
        forms,
        icd10: name.icd10.as_str().into(),
        codes,
        ..entry(name.id.clone(), kind, own)
    }
}

/// Reads a modifier: a code with a name. What modifiers do in a note is said by the tables of the language.
pub(crate) fn modifier(context: &mut Context<'_>, row: &Row<'_>, claim: &str) {
    let name = form(context.keys, row.get("name"), row.get("kana"), false);
    let key = row.get("key");
    let id = match (key, context.kind) {
        ("", _) | (_, MasterKind::Ssk) => format!("claim-modifier:{claim}"),
        (key, _) => format!("medis-modifier:{key}"),
    };
    let mut codes = Vec::new();
    for (address, code) in [
        (system::MEDIS_MODIFIER, key),
        (system::MEDIS_MODIFIER_EXCHANGE, row.get("exchange")),
        (system::CLAIM_MODIFIER, claim),
    ] {
        if !code.is_empty() {
            codes.push(context.builder.code(address, code));
        }
    }
    context.builder.add(Entry {
        codes,
        ..entry(id, None, name)
    });
}
