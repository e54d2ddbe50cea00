//! GA4GH Data Use Ontology: whether what a text allows covers what a study does. `data/consent/duo.tsv`.

use crate::consent::study::{InstitutionKind, Purpose, Recipient, Study};
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;
use thiserror::Error;
use tsumugi_tables::{Source, Table};

const TABLE: &str = include_str!("../../../../data/consent/duo.tsv");

static ROWS: LazyLock<Vec<DuoRow>> = LazyLock::new(read);

/// A term, with what it is limited to where it is limited.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DuoTerm {
    /// Id, e.g. `DUO:0000042`.
    pub id: String,
    /// An ICD-10 code or its beginning (disease), an id (institution, project), a region; none where there is none.
    #[serde(default)]
    pub of: Option<String>,
}

/// What a term is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DuoRole {
    /// What may be done.
    Permission,
    /// A limit on it.
    Modifier,
    /// What a study does.
    Investigation,
}

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DuoRow {
    /// Id.
    pub id: String,
    /// Label, GA4GH's.
    pub label: String,
    /// Short name, GA4GH's.
    pub short: String,
    /// What it is.
    pub role: DuoRole,
    rule: Rule,
}

/// How a term is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    Any,
    Research,
    Biomedical,
    Disease,
    Ancestry,
    Care,
    NoMethods,
    NoAncestry,
    GeneticOnly,
    NotForProfit,
    NonCommercial,
    NotForProfitNonCommercial,
    Approval,
    Institution,
    Project,
    ResearchOnly,
    /// The study promises it by naming the same term.
    Promise,
    /// An investigation of this kind.
    Does,
}

/// Why what a text allows does not cover a study.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DuoRefusal {
    /// A term that the table does not hold.
    #[error("{0} is not in data/consent/duo.tsv; use a term of the table")]
    Unknown(String),
    /// No permission covers what the study does.
    #[error("what the text allows ({0}) does not cover what the study does")]
    NotCovered(String),
    /// A limit that the study does not keep.
    #[error("the text sets the limit {0}, which the study does not keep or does not promise")]
    Limit(String),
}

/// All terms, in the order of the table.
pub fn duo_rows() -> &'static [DuoRow] {
    &ROWS
}

/// Whether what a text allows covers what a study does for a recipient. A text without terms speaks of its own study alone,
/// which it covers.
///
/// # Errors
/// What is not covered, by its term.
pub fn matches(allowed: &[DuoTerm], study: &Study, recipient: &Recipient) -> Result<(), DuoRefusal> {
    if allowed.is_empty() {
        return Ok(());
    }
    for term in &study.duo {
        row(term)?;
    }
    let mut is_covered = false;
    let mut permissions = Vec::new();
    for term in allowed {
        let row = row(term)?;
        let holds = holds(row.rule, term, study, recipient);
        match row.role {
            DuoRole::Permission => {
                is_covered |= holds;
                permissions.push(term.id.as_str());
            }
            DuoRole::Modifier if !holds => return Err(DuoRefusal::Limit(term.id.clone())),
            DuoRole::Modifier | DuoRole::Investigation => {}
        }
    }
    if is_covered {
        Ok(())
    } else {
        Err(DuoRefusal::NotCovered(permissions.join(", ")))
    }
}

fn row(term: &DuoTerm) -> Result<&'static DuoRow, DuoRefusal> {
    let found = ROWS.iter().find(|row| row.id == term.id);
    found.ok_or_else(|| DuoRefusal::Unknown(term.id.clone()))
}

fn holds(rule: Rule, term: &DuoTerm, study: &Study, recipient: &Recipient) -> bool {
    let does = |short: &str| {
        let mut rows = ROWS.iter().filter(|row| row.short == short);
        rows.any(|row| study.duo.iter().any(|done| done.id == row.id))
    };
    let is_ancestry = does("ancestry-research");
    let is_commercial = study.purpose == Purpose::Commercial;
    let is_company = |kind: InstitutionKind| kind == InstitutionKind::Company;
    let is_for_profit = is_company(recipient.kind) || is_company(study.kind_of_institution);
    match rule {
        Rule::Any => true,
        Rule::Research => study.purpose != Purpose::Care,
        Rule::Biomedical => study.purpose != Purpose::Care && !is_ancestry,
        Rule::Disease => match (&term.of, &study.disease) {
            (Some(of), Some(disease)) => !of.is_empty() && disease.starts_with(of.as_str()),
            _ => false,
        },
        Rule::Ancestry => is_ancestry,
        Rule::Care => study.purpose == Purpose::Care,
        Rule::NoMethods => !does("method-development"),
        Rule::NoAncestry => !is_ancestry,
        Rule::GeneticOnly => does("genetic-research"),
        Rule::NotForProfit => !is_for_profit,
        Rule::NonCommercial => !is_commercial,
        Rule::NotForProfitNonCommercial => !is_for_profit && !is_commercial,
        Rule::Approval => study.approval.is_some(),
        Rule::Institution => term.of.as_deref() == Some(recipient.id.as_str()),
        Rule::Project => term.of.as_deref().is_none_or(|of| of == study.id),
        Rule::ResearchOnly => matches!(study.purpose, Purpose::Research | Purpose::Commercial),
        Rule::Promise | Rule::Does => study.duo.contains(term),
    }
}

fn read() -> Vec<DuoRow> {
    let source = Source {
        path: "consent/duo.tsv",
        text: TABLE,
    };
    // Mistakes are a matter of the tests of the tables.
    let table = Table::parse(source, &mut Vec::new());
    let rows = table.rows().filter_map(|row| {
        Some(DuoRow {
            id: row.get("id").to_owned(),
            label: row.get("label").to_owned(),
            short: row.get("short").to_owned(),
            role: match row.get("role") {
                "permission" => DuoRole::Permission,
                "modifier" => DuoRole::Modifier,
                "investigation" => DuoRole::Investigation,
                _ => return None,
            },
            rule: rule(row.get("rule"))?,
        })
    });
    rows.collect()
}

fn rule(word: &str) -> Option<Rule> {
    Some(match word {
        "any" => Rule::Any,
        "research" => Rule::Research,
        "biomedical" => Rule::Biomedical,
        "disease" => Rule::Disease,
        "ancestry" => Rule::Ancestry,
        "care" => Rule::Care,
        "no-methods" => Rule::NoMethods,
        "no-ancestry" => Rule::NoAncestry,
        "genetic-only" => Rule::GeneticOnly,
        "not-for-profit" => Rule::NotForProfit,
        "non-commercial" => Rule::NonCommercial,
        "not-for-profit-non-commercial" => Rule::NotForProfitNonCommercial,
        "approval" => Rule::Approval,
        "institution" => Rule::Institution,
        "project" => Rule::Project,
        "research-only" => Rule::ResearchOnly,
        "promise" => Rule::Promise,
        "does" => Rule::Does,
        _ => return None,
    })
}
