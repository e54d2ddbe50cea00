//! What reviewers have done, how fast, and how far they agree.

use super::Reviewed;
use crate::web::ui_text::Ui;
use maud::{Markup, html};
use std::collections::BTreeMap;

/// Counts over all reviews.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Tally {
    /// Reports and facts by reviewer, with the seconds they took.
    pub(super) by_reviewer: BTreeMap<String, (usize, usize, f64)>,
    /// Facts that two reviewers judged.
    pub(super) twice: usize,
    /// Of these, judged the same.
    pub(super) same: usize,
    /// Cohen's kappa over accepted or not; none where nothing was judged twice, or all the same way.
    pub(super) kappa: Option<f64>,
    /// Facts that were accepted.
    pub(super) accepted: usize,
    /// All facts that were judged.
    pub(super) judged: usize,
}

/// Counts reviews; of several by one reviewer on one report the last counts.
pub(super) fn of(reviews: &[(String, Reviewed)]) -> Tally {
    let mut newest: BTreeMap<(&str, i64), &Reviewed> = BTreeMap::new();
    for (author, reviewed) in reviews {
        newest.insert((author, reviewed.document), reviewed);
    }
    let mut tally = Tally::default();
    let mut verdicts: BTreeMap<(i64, &str), Vec<&str>> = BTreeMap::new();
    for ((author, document), reviewed) in newest {
        let counts = tally.by_reviewer.entry(author.to_owned()).or_default();
        counts.0 += 1;
        counts.1 += reviewed.facts.len();
        counts.2 += reviewed.seconds;
        for judged in &reviewed.facts {
            tally.judged += 1;
            tally.accepted += usize::from(judged.verdict == "right");
            let all = verdicts.entry((document, &judged.fact)).or_default();
            all.push(&judged.verdict);
        }
    }
    let pairs: Vec<(&str, &str)> = verdicts
        .values()
        .filter_map(|all| Some((*all.first()?, *all.get(1)?)))
        .collect();
    tally.twice = pairs.len();
    tally.same = pairs.iter().filter(|(a, b)| a == b).count();
    tally.kappa = kappa(&pairs);
    tally
}

fn kappa(pairs: &[(&str, &str)]) -> Option<f64> {
    let all = pairs.len() as f64;
    let share = |count: usize| count as f64 / all;
    let is_right = |verdict: &str| verdict == "right";
    let agreed = share(pairs.iter().filter(|(a, b)| is_right(a) == is_right(b)).count());
    let first = share(pairs.iter().filter(|(a, _)| is_right(a)).count());
    let second = share(pairs.iter().filter(|(_, b)| is_right(b)).count());
    let by_chance = first * second + (1.0 - first) * (1.0 - second);
    (all > 0.0 && by_chance < 1.0).then(|| (agreed - by_chance) / (1.0 - by_chance))
}

/// Draws the counts.
pub(super) fn draw(ui: &Ui<'_>, tally: &Tally) -> Markup {
    const HOUR: f64 = 3600.0;
    let kappa = tally
        .kappa
        .map_or("\u{2013}".to_owned(), |kappa| format!("{kappa:.2}"));
    let counts = [
        ("judged", tally.judged.to_string()),
        ("accepted", tally.accepted.to_string()),
        ("twice", tally.twice.to_string()),
        ("same", tally.same.to_string()),
        ("kappa", kappa),
    ];
    let counts: Vec<(&str, &str)> = counts.iter().map(|(key, value)| (*key, value.as_str())).collect();
    html! {
        @if tally.judged > 0 {
            section {
                h2 { (ui.t("review.tally")) }
                p { (ui.fill("review.tally-says", &counts)) }
                table.findings {
                    thead { tr { th scope="col" { (ui.t("review.reviewer")) } th scope="col" { (ui.t("review.reports")) } th scope="col" { (ui.t("review.facts")) } th scope="col" { (ui.t("review.an-hour")) } } }
                    tbody {
                        @for (author, (reports, facts, seconds)) in &tally.by_reviewer {
                            tr {
                                th scope="row" { (author) } td { (reports) } td { (facts) }
                                td { @if *seconds > 0.0 { (format!("{:.0}", *reports as f64 * HOUR / seconds)) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Judged;
    use super::*;

    fn review(author: &str, document: i64, verdicts: &[&str]) -> (String, Reviewed) {
        let facts = verdicts.iter().enumerate().map(|(index, verdict)| Judged {
            fact: format!("f{index}"),
            verdict: (*verdict).to_owned(),
        });
        let reviewed = Reviewed {
            document,
            version: 1,
            facts: facts.collect(),
            seconds: 30.0,
        };
        (author.to_owned(), reviewed)
    }

    #[test]
    fn agreement_is_told_of_what_two_have_judged() {
        let reviews = [
            review("a", 1, &["right", "right", "wrong", "right"]),
            review("b", 1, &["right", "wrong", "wrong", "right"]),
            review("a", 2, &["right"]),
        ];
        let tally = of(&reviews);
        assert_eq!((tally.twice, tally.same), (4, 3));
        assert!((tally.kappa.unwrap() - 0.5).abs() < 1e-9);
        assert_eq!(tally.by_reviewer["a"], (2, 5, 60.0));
        assert_eq!(of(&[]).kappa, None);
    }

    #[test]
    fn a_second_look_of_the_same_reviewer_replaces_the_first() {
        let tally = of(&[review("a", 1, &["wrong"]), review("a", 1, &["right"])]);
        assert_eq!((tally.judged, tally.accepted), (1, 1));
    }
}
