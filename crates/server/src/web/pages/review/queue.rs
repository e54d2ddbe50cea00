//! What knowledge people should look at: findings that only cases have brought, counts that contradict a row, and rows
//! from which the site's own cases drift away.

use crate::advice::{DUMMIES, SITE};
use crate::chart;
use crate::web::error::WebError;
use crate::web::state::Desk;
use crate::web::support::state_name;
use maud::{Markup, html};
use std::sync::Arc;
use tsumugi_knowledge::{Evidence, Share, Space, State};

/// Rows that are listed.
const MOST: usize = 40;
/// Cases from which a count is worth a look.
const ENOUGH: u32 = 5;
/// Standard errors between counts and estimate that count as drift.
const DRIFT: f64 = 3.0;

/// Why a row should be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Why {
    /// The estimate and the counts exclude each other.
    Contradiction,
    /// The counts lie away from the estimate.
    Drift,
    /// No row: only cases show it.
    New,
}

impl Why {
    fn key(self) -> &'static str {
        match self {
            Self::Contradiction => "queue.contradiction",
            Self::Drift => "queue.drift",
            Self::New => "queue.new",
        }
    }
}

struct Item {
    why: Why,
    disease: Arc<str>,
    finding: State,
    with: u32,
    of: u32,
    estimate: Option<f64>,
}

/// Draws the queue.
pub(super) fn draw(desk: &Desk) -> Result<Markup, WebError> {
    let ui = desk.ui();
    let advice = &desk.app.advice;
    let living = advice.living(chart::population(&desk.app.store)?);
    let items = items(&living.own);
    Ok(html! {
        section {
            h2 { (ui.t("queue.title")) }
            p { (ui.t("queue.says")) }
            @if items.is_empty() { p { (ui.t("queue.none")) } } @else {
                table.findings {
                    tbody {
                        @for item in &items {
                            tr {
                                td { (ui.t(item.why.key())) }
                                th scope="row" { a href=(format!("/knowledge/{}", item.disease)) { (state_name(&ui, advice, &State::new(Arc::clone(&item.disease)))) } }
                                td { (state_name(&ui, advice, &item.finding)) }
                                td { @if item.of < 10 { (ui.t("support.few")) } @else { (item.with) "/" (item.of) } }
                                td { @if let Some(estimate) = item.estimate { (format!("{:.0} %", estimate * 100.0)) } }
                            }
                        }
                    }
                }
            }
        }
    })
}

fn items(space: &Space) -> Vec<Item> {
    let mut items = Vec::new();
    for (disease, about) in &space.diseases {
        for (finding, evidence) in &about.findings {
            let is_local = |row: &&Evidence| {
                matches!(row.source.as_ref(), SITE | DUMMIES) || row.source.starts_with("PMID")
            };
            let local: Vec<&Evidence> = evidence.iter().filter(is_local).collect();
            let (with, of) = local
                .iter()
                .fold((0, 0), |(with, of), row| (with + row.with, of + row.of));
            if of == 0 {
                continue;
            }
            let written: Vec<Evidence> = evidence.iter().filter(|row| !is_local(row)).cloned().collect();
            let estimate = (!written.is_empty()).then(|| Share::of(&written).mean(0.02));
            if let Some(why) = why(with, of, estimate) {
                items.push(Item {
                    why,
                    disease: Arc::clone(disease),
                    finding: finding.clone(),
                    with,
                    of,
                    estimate,
                });
            }
        }
    }
    items.sort_by(|a, b| a.why.cmp(&b.why).then(b.of.cmp(&a.of)));
    items.truncate(MOST);
    items
}

fn why(with: u32, of: u32, estimate: Option<f64>) -> Option<Why> {
    let Some(estimate) = estimate else {
        return (with > 0).then_some(Why::New);
    };
    if of < ENOUGH {
        return None;
    }
    let counted = f64::from(with) / f64::from(of);
    let error = (estimate * (1.0 - estimate) / f64::from(of)).sqrt().max(0.01);
    let away = (counted - estimate).abs() / error;
    let excludes = (estimate >= 0.8 && counted <= 0.2) || (estimate <= 0.05 && counted >= 0.6);
    if excludes {
        return Some(Why::Contradiction);
    }
    (away >= DRIFT).then_some(Why::Drift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_should_be_seen_is_found() {
        let check = |with, of, estimate, wanted| assert_eq!(why(with, of, estimate), wanted, "{with}/{of}");
        check(1, 1, None, Some(Why::New));
        check(0, 3, None, None);
        check(0, 8, Some(0.9), Some(Why::Contradiction));
        check(10, 40, Some(0.6), Some(Why::Drift));
        check(24, 40, Some(0.6), None);
        check(0, 3, Some(0.9), None);
    }
}
