//! How a proposal stands to what is known already: new, known, or other than a source says.

use crate::advice::{Advice, Living};
use std::sync::Arc;
use tsumugi_knowledge::drug::{Basis, Objection, Role, Safety, Severity, Situation};
use tsumugi_knowledge::{Accepted, Direction, State};

/// How a statement stands to what is known.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Standing {
    /// Nothing is known of it.
    New,
    /// A source says the same.
    Known {
        /// The source.
        source: String,
    },
    /// A source says something else of the same.
    Differs {
        /// The source.
        source: String,
        /// Word for what it says: that of a severity, a frequency, `indication`, or a share in percent.
        says: String,
    },
}

/// Shares closer than this are the same.
const SAME_SHARE: f64 = 0.2;

/// Looks a statement up in the tables and what was accepted.
pub(crate) fn standing(advice: &Advice, living: &Living, said: &Accepted) -> Standing {
    let rows = match said.kind.as_ref() {
        "contraindication" => contraindication(advice, living, said),
        "indication" => indication(advice, living, said),
        "interaction" => interaction(advice, living, said),
        "adverse-effect" => adverse_effect(advice, living, said),
        "reproduction" => reproduction(advice, living, said),
        "recommendation" => recommendation(living, said),
        "finding" => finding(living, said),
        _ => Vec::new(),
    };
    let same = rows.iter().find(|row| row.is_same);
    match same.or(rows.first()).cloned() {
        Some(row) if row.is_same => Standing::Known { source: row.source },
        Some(row) => Standing::Differs {
            source: row.source,
            says: row.says,
        },
        None => Standing::New,
    }
}

/// A row on the same thing.
#[derive(Clone)]
struct Found {
    is_same: bool,
    source: String,
    says: String,
}

impl Found {
    fn on(basis: &Basis, is_same: bool, says: &str) -> Self {
        let source = if basis.source.is_empty() {
            format!("{}:{}", basis.table, basis.line)
        } else {
            basis.source.to_string()
        };
        Self {
            is_same,
            source,
            says: says.to_owned(),
        }
    }
}

fn field<'s>(said: &'s Accepted, name: &str) -> &'s str {
    said.fields.get(name).map_or("", AsRef::as_ref)
}

fn lineage(advice: &Advice, living: &Living, said: &Accepted) -> Vec<Arc<str>> {
    living
        .drugs()
        .lineage(advice.coder.vocabulary(), field(said, "drug"))
}

fn objection(word: Objection) -> &'static str {
    match word {
        Objection::Caution => "caution",
        Objection::Contraindicated => "contraindicated",
    }
}

fn severity(word: Severity) -> &'static str {
    match word {
        Severity::Minor => "minor",
        Severity::Moderate => "moderate",
        Severity::Serious => "serious",
        Severity::Contraindicated => "contraindicated",
    }
}

fn contraindication(advice: &Advice, living: &Living, said: &Accepted) -> Vec<Found> {
    let (book, condition) = (living.drugs(), field(said, "condition"));
    let lineage = lineage(advice, living, said);
    let rows = lineage.iter().flat_map(|id| book.contraindications(id));
    let rows = rows.filter(|row| row.condition.as_deref() == Some(condition));
    let wanted = match field(said, "severity") {
        "" => "contraindicated",
        word => word,
    };
    let mut found: Vec<Found> = rows
        .map(|row| {
            Found::on(
                &row.basis,
                objection(row.objection) == wanted,
                objection(row.objection),
            )
        })
        .collect();
    found.extend(in_situation(advice, living, &lineage, condition, wanted));
    let used = lineage.iter().flat_map(|id| book.indications(id));
    let used = used.filter(|row| row.condition.as_ref() == condition);
    found.extend(used.map(|row| Found::on(&row.basis, false, "indication")));
    found
}

fn indication(advice: &Advice, living: &Living, said: &Accepted) -> Vec<Found> {
    let (book, condition) = (living.drugs(), field(said, "condition"));
    let lineage = lineage(advice, living, said);
    let rows = lineage.iter().flat_map(|id| book.indications(id));
    let rows = rows.filter(|row| row.condition.as_ref() == condition);
    let mut found: Vec<Found> = rows
        .map(|row| Found::on(&row.basis, true, "indication"))
        .collect();
    let forbidden = lineage.iter().flat_map(|id| book.contraindications(id));
    let forbidden = forbidden.filter(|row| row.condition.as_deref() == Some(condition));
    found.extend(forbidden.map(|row| Found::on(&row.basis, false, objection(row.objection))));
    let told = in_situation(advice, living, &lineage, condition, "");
    found.extend(told.into_iter().filter(|row| row.says != "compatible"));
    found
}

fn interaction(advice: &Advice, living: &Living, said: &Accepted) -> Vec<Found> {
    let book = living.drugs();
    let partners = book.lineage(advice.coder.vocabulary(), field(said, "partner"));
    let lineage = lineage(advice, living, said);
    let rows = lineage.iter().flat_map(|id| book.interactions(id));
    let rows = rows.filter(|row| partners.contains(&row.partner));
    rows.map(|row| {
        let word = severity(row.severity);
        Found::on(&row.basis, word == field(said, "severity"), word)
    })
    .collect()
}

fn adverse_effect(advice: &Advice, living: &Living, said: &Accepted) -> Vec<Found> {
    let book = living.drugs();
    let lineage = lineage(advice, living, said);
    let rows = lineage.iter().flat_map(|id| book.adverse_effects(id));
    let rows = rows.filter(|row| row.effect.as_ref() == field(said, "effect"));
    rows.map(|row| {
        let word = row.frequency.word();
        // That the text gives no figure contradicts none.
        let wanted = field(said, "frequency");
        Found::on(
            &row.basis,
            word == wanted || matches!(wanted, "" | "unknown"),
            word,
        )
    })
    .collect()
}

fn reproduction(advice: &Advice, living: &Living, said: &Accepted) -> Vec<Found> {
    let lineage = lineage(advice, living, said);
    of_reproduction(living, &lineage, field(said, "situation"), field(said, "level"))
}

fn is_a(advice: &Advice, own: &str, wanted: &str) -> bool {
    let vocabulary = advice.coder.vocabulary();
    let keys = vocabulary.key(own).zip(vocabulary.key(wanted));
    own == wanted || keys.is_some_and(|(own, wanted)| vocabulary.is_a(own, wanted))
}

/// Rows on pregnancy and lactation, for a condition that is one of them.
fn in_situation(
    advice: &Advice,
    living: &Living,
    lineage: &[Arc<str>],
    condition: &str,
    level: &str,
) -> Vec<Found> {
    let situations = [(Role::Pregnant, "pregnancy"), (Role::Lactating, "lactation")];
    let plays = |role: Role| {
        let mut own = living.drugs().role(role).iter();
        own.any(|one| is_a(advice, condition, one))
    };
    let told = situations.into_iter().filter(|(role, _)| plays(*role));
    told.flat_map(|(_, situation)| of_reproduction(living, lineage, situation, level))
        .collect()
}

fn of_reproduction(living: &Living, lineage: &[Arc<str>], situation: &str, level: &str) -> Vec<Found> {
    let book = living.drugs();
    let rows = lineage.iter().flat_map(|id| book.reproduction(id));
    let word = |situation: Situation| match situation {
        Situation::Pregnancy => "pregnancy",
        Situation::Lactation => "lactation",
    };
    let rows = rows.filter(|row| word(row.situation) == situation);
    rows.map(|row| {
        let word = match row.safety {
            Safety::Compatible => "compatible",
            Safety::Caution => "caution",
            Safety::Avoid => "avoid",
            Safety::Contraindicated => "contraindicated",
        };
        Found::on(&row.basis, word == level, word)
    })
    .collect()
}

fn recommendation(living: &Living, said: &Accepted) -> Vec<Found> {
    let list = |name: &str| -> Vec<&str> {
        let ids = field(said, name).split('|').filter(|id| !id.is_empty());
        ids.collect()
    };
    let (applies, what) = (list("applies"), list("what"));
    if applies.is_empty() || what.is_empty() {
        return Vec::new();
    }
    let guidelines = living.guidelines().iter();
    let guidelines = guidelines.filter(|guideline| guideline.superseded_by.is_empty());
    let rows =
        guidelines.flat_map(|guideline| guideline.recommendations.iter().map(move |row| (guideline, row)));
    let has = |ids: &[Arc<str>], wanted: &[&str]| wanted.iter().all(|id| ids.iter().any(|own| **own == **id));
    let rows = rows.filter(|(_, row)| has(&row.applies, &applies) && has(&row.what, &what));
    rows.map(|(guideline, row)| {
        let word = match row.direction {
            Direction::For => "for",
            Direction::Against => "against",
        };
        Found {
            is_same: word == field(said, "direction"),
            source: format!("{} {}", guideline.name, guideline.edition),
            says: word.to_owned(),
        }
    })
    .collect()
}

fn finding(living: &Living, said: &Accepted) -> Vec<Found> {
    let finding = State::new(field(said, "finding"));
    let disease = living.own.disease(field(said, "disease"));
    let Some(known) = disease.and_then(|disease| disease.share(&finding)) else {
        return Vec::new();
    };
    let share = field(said, "share");
    let told = match (share.strip_suffix('%'), share.split_once('/')) {
        (Some(percent), _) => percent.parse::<f64>().ok().map(|percent| percent / 100.0),
        (None, Some((with, of))) => {
            let pair = with.parse::<f64>().ok().zip(of.parse::<f64>().ok());
            pair.map(|(with, of)| with / of)
        }
        _ => None,
    };
    let mean = known.mean(0.02);
    let rows = disease.and_then(|disease| disease.findings.get(&finding));
    let source = rows
        .and_then(|rows| rows.first())
        .map_or_else(String::new, |row| {
            let name = if row.note.is_empty() {
                &row.source
            } else {
                &row.note
            };
            name.to_string()
        });
    vec![Found {
        is_same: told.is_some_and(|told| (told - mean).abs() < SAME_SHARE),
        source,
        says: format!("{:.0} %", mean * 100.0),
    }]
}
