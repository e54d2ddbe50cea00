//! The verdicts of a page: what is accepted goes into the assertion log and into the next answer, every decision is kept.

use super::draw::unusable;
use super::{Given, Sent, fields, log, proposals, statement};
use crate::advice::{NewStatement, Taken};
use crate::proposals::{Proposal, population};
use crate::web::error::WebError;
use crate::web::state::Desk;
use std::collections::BTreeMap;

/// What became of the verdicts.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) accepted: usize,
    pub(super) rejected: usize,
    /// Said already.
    pub(super) known: usize,
    /// Proposals that could not be accepted, by their place, with the reason.
    pub(super) refused: BTreeMap<usize, String>,
}

/// What a person decided of a proposal.
struct Decided {
    index: usize,
    /// Key of the proposal.
    of: String,
    is_corrected: bool,
    statement: NewStatement,
}

/// Keeps the verdicts that were sent.
pub(super) fn keep(desk: &Desk, given: &Given, sent: &Sent) -> Result<Outcome, WebError> {
    let author = desk.author()?.to_owned();
    let mut outcome = Outcome::default();
    let mut accepted: Vec<Decided> = Vec::new();
    for (index, proposal) in proposals(desk, given).iter().enumerate() {
        let Some(verdict) = sent.get(&format!("verdict-{index}")) else {
            continue;
        };
        // The page was drawn from this reading of the text, else the verdict is not of this proposal.
        if sent.get(&format!("of-{index}")) != Some(&log::key(&proposal.said)) {
            outcome
                .refused
                .insert(index, desk.ui().t("read.changed").to_owned());
            continue;
        }
        if verdict == "reject" {
            outcome.rejected += 1;
            let said = (given.source_id(), &proposal.said);
            log::note(desk, "rejected", (&said.0, said.1), &log::key(said.1), None)?;
            continue;
        }
        match corrected(desk, given, proposal, index, sent) {
            Ok(decided) => accepted.push(decided),
            Err(message) => {
                outcome.refused.insert(index, message);
            }
        }
    }
    let statements: Vec<NewStatement> = accepted.iter().map(|one| one.statement.clone()).collect();
    let says = format!("accept from {}", given.source_id());
    let store = desk.app.store.audited(log::entry(desk, &says)?);
    let taken = desk.app.advice.accept(&store, &author, &statements)?;
    for (decided, taken) in accepted.iter().zip(taken) {
        let said = &decided.statement.said;
        match taken {
            Taken::In(number) => {
                outcome.accepted += 1;
                let verdict = if decided.is_corrected {
                    "corrected"
                } else {
                    "accepted"
                };
                let said = (decided.statement.source.as_ref(), said);
                log::note(desk, verdict, said, &decided.of, Some(number))?;
            }
            Taken::Known(_) => outcome.known += 1,
            Taken::Refused(message) => {
                outcome
                    .refused
                    .insert(decided.index, unusable(desk, said, &message));
            }
        }
    }
    Ok(outcome)
}

fn corrected(
    desk: &Desk,
    given: &Given,
    proposal: &Proposal,
    index: usize,
    sent: &Sent,
) -> Result<Decided, String> {
    if given.source_id().is_empty() {
        return Err(desk.ui().t("read.no-title").to_owned());
    }
    let mut statement = statement(given, proposal);
    fields::correct(desk, index, sent, &mut statement.said)?;
    population(&desk.app.advice, &mut statement.said);
    Ok(Decided {
        index,
        of: log::key(&proposal.said),
        is_corrected: statement.said.fields != proposal.said.fields,
        statement,
    })
}
