//! The table of an export, and what its manifest says of it.

use super::Desk;
use super::order::{Keys, Order, Refusal, no_column};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use tsumugi_anonymize::facts::{Coarseness, facts};
use tsumugi_anonymize::manifest::{Editions, Manifest, Query, hexadecimal, tables_edition, told};
use tsumugi_anonymize::noise::{Epsilon, NoisyTable, Randomness, noisy as with_noise};
use tsumugi_anonymize::write::RowsAre;
use tsumugi_anonymize::{Anonymized, ColumnKind, Frame, Hierarchies, People, TableReport, Wanted, anonymise};
use tsumugi_records::consent::{Form, PermittedSet, Recipient, Study};
use tsumugi_records::{PrivacyQuestion, PrivacySpent, Stamp, StoreError};

/// A table that may leave.
pub(super) struct Made {
    pub(super) table: Anonymized<Frame>,
    pub(super) rows_are: RowsAre,
    report: Option<TableReport>,
}

/// Makes the table that is ordered.
pub(super) fn make(
    order: &Order,
    people: &People,
    keys: Option<&mut Keys>,
    hierarchies: &Hierarchies,
) -> Result<Made, Refusal> {
    if order.form == Form::AnonymisedTable {
        let find = |names: &[String]| -> Result<Vec<ColumnKind>, Refusal> {
            let of = |name: &String| {
                hierarchies
                    .column(name)
                    .cloned()
                    .ok_or_else(|| no_column(name, hierarchies))
            };
            names.iter().map(of).collect()
        };
        let (columns, sensitive) = (find(&order.columns)?, find(&order.sensitive)?);
        let wanted = Wanted {
            k: order.k,
            suppressed: f64::from(order.suppress) / 100.0,
            l: order.l,
            t: order.t.map(|t| f64::from(t) / 100.0),
        };
        let columns: Vec<&ColumnKind> = columns.iter().collect();
        let sensitive: Vec<&ColumnKind> = sensitive.iter().collect();
        let (table, report) = anonymise(people, &columns, &sensitive, wanted, hierarchies)?;
        return Ok(Made {
            table,
            rows_are: RowsAre::Persons,
            report: Some(report),
        });
    }
    let keys = keys.ok_or(Refusal::NoKeys)?;
    let coarseness = Coarseness {
        least_persons: order.k,
        leaves: order.form != Form::PseudonymisedTable,
    };
    let table = facts(people, &order.study, &mut keys.table, coarseness, hierarchies)?;
    // Who is new in the key table must be kept there before a pseudonym leaves.
    (keys.keep)(&keys.table)?;
    Ok(Made {
        table,
        rows_are: RowsAre::Facts,
        report: None,
    })
}

/// A manifest with what is known before there is a table.
pub(super) fn manifest(desk: &Desk<'_>, study: &Study, set: &PermittedSet, query: Query) -> Manifest {
    let unknown = || Recipient {
        id: query.recipient.clone(),
        name: String::new(),
        kind: study.kind_of_institution,
    };
    let recipient = study.recipient(&query.recipient).cloned().unwrap_or_else(unknown);
    let editions = Editions {
        program: env!("CARGO_PKG_VERSION").to_owned(),
        vocabulary: desk.edition.to_owned(),
        anonymize: tables_edition(),
    };
    let mut manifest = Manifest::new(query, set.basis().clone(), recipient, set.epoch(), editions);
    manifest.title.clone_from(&study.title);
    let approval = study.approval.as_ref();
    manifest.approval = approval.map(|one| (one.committee.clone(), one.number.clone()));
    manifest
}

impl Made {
    /// Says in the manifest what was done, what holds, and why persons are not in it.
    pub(super) fn describe(
        &self,
        manifest: &mut Manifest,
        set: &PermittedSet,
        persons: u64,
        hierarchies: &Hierarchies,
    ) {
        manifest.steps = self.table.steps().to_vec();
        manifest.report.clone_from(&self.report);
        let is_of_persons = self.rows_are == RowsAre::Persons;
        let in_it = if is_of_persons {
            self.table.data().rows() as u64
        } else {
            let people = self.table.data().column("person");
            people.map_or(0, |column| column.counts().count() as u64)
        };
        let mut reasons: BTreeMap<&str, u64> =
            set.refused().iter().map(|(key, count)| (*key, *count)).collect();
        reasons.insert("left-out", persons.saturating_sub(in_it));
        manifest.persons_not_in_it = told(reasons, u64::from(hierarchies.rules().cell));
    }
}

/// The noisy table that is ordered: new, or as it was given before.
pub(super) fn noisy(
    desk: &Desk<'_>,
    order: &Order,
    people: &People,
    manifest: &Manifest,
) -> Result<Option<NoisyTable>, Refusal> {
    let Some((name, cost)) = &manifest.query.noisy else {
        return Ok(None);
    };
    let column = desk
        .hierarchies
        .column(name)
        .ok_or_else(|| no_column(name, desk.hierarchies))?;
    let domain = desk
        .hierarchies
        .domain(column)
        .ok_or_else(|| no_column(name, desk.hierarchies))?;
    let budget = desk.hierarchies.rules().budget;
    let asked = *cost;
    let limit = |_| Refusal::Limit {
        what: "epsilon in thousandths",
        asked,
        limit: budget,
    };
    let epsilon = Epsilon::thousandths(asked).map_err(limit)?;
    let mut counts: BTreeMap<String, u64> = domain.into_iter().map(|value| (value, 0)).collect();
    for person in &people.persons {
        let value = person.value(column, people.period);
        let coarse = desk
            .hierarchies
            .coarse(column, &value)
            .map_err(tsumugi_anonymize::AnonymousError::from)?;
        *counts.entry(coarse).or_default() += 1;
    }
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| Refusal::Io(std::io::Error::other(error.to_string())))?;
    let table = with_noise(name, &counts, epsilon, &mut Randomness::new(&seed));
    let json = |error: serde_json::Error| {
        Refusal::Store(StoreError::Invalid {
            what: "noisy table",
            detail: error.to_string(),
        })
    };
    let spent = desk.store.spend_privacy(PrivacyQuestion {
        study: order.study.clone(),
        question: question(&manifest.query),
        epoch: manifest.consent_epoch,
        cost: asked,
        budget,
        answer: serde_json::to_string(&table).map_err(json)?,
        stamp: Stamp {
            author: order.by.clone(),
            at: (desk.now)(),
        },
    })?;
    match spent {
        PrivacySpent::New { .. } => Ok(Some(table)),
        PrivacySpent::Kept { answer } => Ok(Some(serde_json::from_str(&answer).map_err(json)?)),
        PrivacySpent::Refused { spent } => Err(Refusal::Budget { spent, budget, asked }),
    }
}

/// The question of a noisy table: it does not depend on the kind of file or the other columns.
fn question(query: &Query) -> String {
    let asked = (&query.noisy, query.period, &query.kinds, &query.recipient);
    // Plain words and numbers always have a JSON form.
    hexadecimal(&Sha256::digest(serde_json::to_vec(&asked).unwrap_or_default()))
}
