//! Scores as tables in Markdown.

use crate::score::{Counts, Score};
use std::fmt::Write as _;

/// The figures of a score, most important first, as a table.
pub fn table(score: &Score) -> String {
    let mut out = String::from("| what | precision | recall | F1 | gold |\n|---|---|---|---|---|\n");
    row(&mut out, "all entities", &score.entities);
    for (tag, counts) in &score.tags {
        row(&mut out, tag, counts);
    }
    for (title, layer) in [
        ("certainty", &score.certainty),
        ("state", &score.state),
        ("time type", &score.timex),
        ("experiencer", &score.experiencer),
    ] {
        let _ = writeln!(
            out,
            "| **{title}, given the span: accuracy {:.3}** | | | | |",
            Score::accuracy(layer)
        );
        for (class, counts) in layer {
            row(&mut out, class, counts);
        }
    }
    let _ = writeln!(out, "| **relations** | | | | |");
    for (kind, counts) in &score.relations {
        row(&mut out, kind, counts);
    }
    if score.codes.hits + score.codes.missed > 0 {
        let _ = writeln!(
            out,
            "| **code, given the span: accuracy {:.3}** | | | | {} |",
            score.codes.recall(),
            score.codes.hits + score.codes.missed
        );
        for (tag, counts) in &score.codes_by_tag {
            let _ = writeln!(
                out,
                "| {tag} | | {:.3} | | {} |",
                counts.recall(),
                counts.hits + counts.missed
            );
        }
    }
    out
}

fn row(out: &mut String, name: &str, counts: &Counts) {
    // Writing into a String cannot fail.
    let _ = writeln!(
        out,
        "| {name} | {:.3} | {:.3} | {:.3} | {} |",
        counts.precision(),
        counts.recall(),
        counts.f1(),
        counts.hits + counts.missed
    );
}

/// The most frequent errors, as a table.
pub fn errors(score: &Score, most: usize) -> String {
    let mut order: Vec<_> = score.errors.iter().collect();
    order.sort_by_key(|((kind, text), count)| (std::cmp::Reverse(**count), kind.clone(), text.clone()));
    let mut out = String::from("| times | kind | text |\n|---|---|---|\n");
    for ((kind, text), count) in order.into_iter().take(most) {
        let text = text.replace('\n', " ").replace('|', "\\|");
        let _ = writeln!(out, "| {count} | {kind} | {text} |");
    }
    out
}
