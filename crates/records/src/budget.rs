//! The budget of privacy that the noisy counts of a study spend together. Each table is kept with what it spent, as a decision
//! that is only added to: the same question within one epoch is answered with the same table, and spends nothing.

use crate::audit::{AuditEntry, Recorded};
use crate::errors::StoreError;
use crate::stamp::Stamp;
use crate::store::Store;
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

/// Topic of these decisions.
const TOPIC: &str = "privacy-budget";

/// A question that spends privacy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrivacyQuestion {
    /// For which study.
    pub study: String,
    /// Hash of the question, as who asks makes it; the same for the same question.
    pub question: String,
    /// Epoch of the consents.
    pub epoch: u64,
    /// Thousandths of epsilon that it spends.
    pub cost: u32,
    /// Thousandths of epsilon that all questions of the study may spend.
    pub budget: u32,
    /// The answer, JSON: what is kept where it may be spent.
    pub answer: String,
    /// Who asks, and when.
    pub stamp: Stamp,
}

/// What became of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum PrivacySpent {
    /// It was spent, and the answer is kept.
    New {
        /// Thousandths of epsilon spent by now.
        spent: u64,
    },
    /// It was asked before: this is the answer that was given.
    Kept {
        /// The answer, JSON.
        answer: String,
    },
    /// It would spend more than is left; nothing was kept, and the answer must not be given out.
    Refused {
        /// Thousandths of epsilon spent by now.
        spent: u64,
    },
}

/// A row of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrivacyRow {
    /// Hash of the question.
    pub question: String,
    /// Epoch of the consents.
    pub epoch: u64,
    /// Thousandths of epsilon that it spent.
    pub cost: u32,
    /// The answer, JSON.
    pub answer: String,
}

impl Recorded for PrivacySpent {
    fn add_to(&self, entry: &mut AuditEntry, _: &Connection) -> Result<(), StoreError> {
        if let Self::Refused { spent } = self {
            entry.outcome = crate::audit::AuditOutcome::MinorFailure;
            entry.outcome_text = Some(format!(
                "the privacy budget is spent: {spent} thousandths of epsilon"
            ));
        }
        Ok(())
    }
}

impl Store {
    /// Spends privacy for a question: question and answer are one transaction, so that no two can spend the same rest.
    ///
    /// # Errors
    /// Only those of the file; a refusal is a value.
    pub fn spend_privacy(&self, asked: PrivacyQuestion) -> Result<PrivacySpent, StoreError> {
        self.write("spend privacy", move |conn| {
            let rows = rows(conn, &asked.study)?;
            if let Some(kept) = rows
                .iter()
                .find(|row| row.question == asked.question && row.epoch == asked.epoch)
            {
                let answer = kept.answer.clone();
                return Ok(PrivacySpent::Kept { answer });
            }
            let spent: u64 = rows.iter().map(|row| u64::from(row.cost)).sum();
            let after = spent + u64::from(asked.cost);
            if after > u64::from(asked.budget) {
                return Ok(PrivacySpent::Refused { spent });
            }
            let row = PrivacyRow {
                question: asked.question.clone(),
                epoch: asked.epoch,
                cost: asked.cost,
                answer: asked.answer.clone(),
            };
            let body = serde_json::to_string(&row).map_err(|error| StoreError::damaged(error.to_string()))?;
            conn.prepare_cached(
                "INSERT INTO decision (topic, subject, author, at, body) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![
                TOPIC,
                asked.study,
                asked.stamp.author,
                asked.stamp.at,
                body
            ])?;
            Ok(PrivacySpent::New { spent: after })
        })
    }

    /// What the noisy counts of a study have spent, the earliest first.
    ///
    /// # Errors
    /// `Damaged` where a row is none of ours.
    pub fn privacy_ledger(&self, study: &str) -> Result<Vec<PrivacyRow>, StoreError> {
        self.read("privacy ledger", |conn| rows(conn, study))
    }
}

fn rows(conn: &Connection, study: &str) -> Result<Vec<PrivacyRow>, StoreError> {
    let mut list =
        conn.prepare_cached("SELECT body FROM decision WHERE topic = ?1 AND subject = ?2 ORDER BY id")?;
    let mut found = list.query(params![TOPIC, study])?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        let body: String = row.get(0)?;
        rows.push(serde_json::from_str(&body).map_err(|error| StoreError::damaged(error.to_string()))?);
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stamp::Moment;

    fn ask(store: &Store, study: &str, question: &str, epoch: u64, cost: u32) -> PrivacySpent {
        store
            .spend_privacy(PrivacyQuestion {
                study: study.to_owned(),
                question: question.to_owned(),
                epoch,
                cost,
                budget: 1000,
                answer: format!("\"{question}{epoch}\""),
                stamp: Stamp {
                    author: "a".to_owned(),
                    at: Moment::parse("2026-11-29").unwrap(),
                },
            })
            .unwrap()
    }

    #[test]
    fn a_spent_budget_refuses_and_old_questions_stay_answered() {
        let store = Store::open_in_memory().unwrap();
        assert_eq!(ask(&store, "s", "q", 1, 600), PrivacySpent::New { spent: 600 });
        let kept = PrivacySpent::Kept {
            answer: "\"q1\"".to_owned(),
        };
        assert_eq!(ask(&store, "s", "q", 1, 600), kept);
        assert_eq!(
            ask(&store, "s", "q", 2, 600),
            PrivacySpent::Refused { spent: 600 }
        );
        assert_eq!(ask(&store, "s", "p", 2, 400), PrivacySpent::New { spent: 1000 });
        assert_eq!(ask(&store, "s", "r", 2, 1), PrivacySpent::Refused { spent: 1000 });
        assert_eq!(ask(&store, "t", "r", 2, 1), PrivacySpent::New { spent: 1 });
        assert_eq!(ask(&store, "s", "q", 1, 600), kept);
        assert_eq!(store.privacy_ledger("s").unwrap().len(), 2);
    }

    #[test]
    fn two_who_ask_at_once_do_not_spend_the_same_rest() {
        let store = Store::open_in_memory().unwrap();
        let new = std::thread::scope(|scope| {
            let asked: Vec<_> = (0..16)
                .map(|number| {
                    let store = &store;
                    scope.spawn(move || ask(store, "s", &format!("q{number}"), 1, 300))
                })
                .collect();
            let all = asked.into_iter().map(|asked| asked.join().unwrap());
            all.filter(|spent| matches!(spent, PrivacySpent::New { .. }))
                .count()
        });
        assert_eq!(new, 3);
    }
}
