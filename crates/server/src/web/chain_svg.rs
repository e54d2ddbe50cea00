//! The causal chain of a disease as a picture, cause on the left and result on the right, with what is known of this
//! patient at every state: observed, denied, or not known yet.

use crate::web::ui_text::Ui;
use maud::{Markup, html};
use std::collections::{BTreeMap, BTreeSet};
use tsumugi_knowledge::{State, Strength};

/// What is known of a state in this patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// Seen or measured.
    Observed,
    /// Looked for and not there.
    Denied,
    /// Not known: something to look for.
    Open,
}

impl Known {
    fn word(self) -> &'static str {
        match self {
            Self::Observed => "observed",
            Self::Denied => "denied",
            Self::Open => "open",
        }
    }

    /// A mark that tells it without colour.
    fn sign(self) -> &'static str {
        match self {
            Self::Observed => "\u{25cf}",
            Self::Denied => "\u{2715}",
            Self::Open => "\u{25cb}",
        }
    }
}

/// A state of the picture.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) state: State,
    pub(crate) name: String,
    pub(crate) known: Known,
    /// Where a click leads.
    pub(crate) link: Option<String>,
}

/// A step of the picture.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) from: State,
    pub(crate) to: State,
    pub(crate) strength: Strength,
    pub(crate) is_core: bool,
}

const COLUMN: f64 = 196.0;
const BOX_WIDTH: f64 = 158.0;
const LINE: f64 = 15.0;
const BOX_PAD: f64 = 7.0;
const ROW: f64 = 54.0;
const MARGIN: f64 = 12.0;
/// Characters of a name on one line.
const WIDE: usize = 10;
/// Most lines of a name.
const LINES: usize = 3;

/// Draws the chain.
pub(crate) fn draw(ui: &Ui<'_>, title: &str, nodes: &[Node], steps: &[Step]) -> Markup {
    let places = layout(nodes, steps);
    let columns = places.values().map(|place| place.0).max().unwrap_or(0) + 1;
    let rows = places.values().map(|place| place.1).max().unwrap_or(0) + 1;
    let width = columns as f64 * COLUMN + MARGIN;
    let height = rows as f64 * ROW + 2.0 * MARGIN;
    html! {
        svg.chain viewBox=(format!("0 0 {width} {height}")) width=(width) height=(height) role="group" aria-label=(title) {
            defs {
                marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto" {
                    path d="M0,0 L8,4 L0,8 z" {}
                }
            }
            @for step in steps { (arrow(step, &places)) }
            @for node in nodes {
                @if let Some(place) = places.get(&node.state) { (card(ui, node, *place)) }
            }
        }
    }
}

fn corner((column, row): (usize, usize)) -> (f64, f64) {
    (MARGIN + column as f64 * COLUMN, MARGIN + row as f64 * ROW)
}

fn arrow(step: &Step, places: &BTreeMap<State, (usize, usize)>) -> Markup {
    let ends = places.get(&step.from).zip(places.get(&step.to));
    let class = match step.strength {
        Strength::Strong => "strong",
        Strength::Moderate => "moderate",
        Strength::Weak => "weak",
    };
    html! {
        @if let Some((from, to)) = ends {
            @let (x1, y1) = corner(*from);
            @let (x2, y2) = corner(*to);
            @let (x1, y1, y2) = (x1 + BOX_WIDTH, y1 + ROW / 2.0 - 6.0, y2 + ROW / 2.0 - 6.0);
            @let middle = f64::midpoint(x1, x2);
            path class=(format!("step {class}{}", if step.is_core { " core" } else { "" }))
                d=(format!("M{x1},{y1} C{middle},{y1} {middle},{y2} {x2},{y2}")) marker-end="url(#tip)" {}
        }
    }
}

fn card(ui: &Ui<'_>, node: &Node, place: (usize, usize)) -> Markup {
    let (x, y) = corner(place);
    let lines = lines(&node.name);
    let known = ui.t(match node.known {
        Known::Observed => "chain.observed",
        Known::Denied => "chain.denied",
        Known::Open => "chain.open",
    });
    let height = ROW - 12.0;
    let first = y + height / 2.0 - (lines.len() as f64 - 1.0) * LINE / 2.0 + 4.5;
    let body = html! {
        title { (node.name) ": " (known) }
        rect x=(x) y=(y) width=(BOX_WIDTH) height=(height) rx="6" {}
        text.sign x=(x + BOX_PAD) y=(y + height / 2.0 + 4.5) { (node.known.sign()) }
        @for (index, line) in lines.iter().enumerate() {
            text x=(x + BOX_PAD + 16.0) y=(first + index as f64 * LINE) { (line) }
        }
    };
    html! {
        g class=(format!("node {}", node.known.word())) {
            @match &node.link {
                Some(link) => a href=(link) { (body) },
                None => (body),
            }
        }
    }
}

/// A name in lines; what does not fit ends with dots, the whole name is the title.
fn lines(name: &str) -> Vec<String> {
    let chars: Vec<char> = name.chars().collect();
    let mut lines: Vec<String> = chars
        .chunks(WIDE)
        .map(|chunk| chunk.iter().collect::<String>())
        .collect();
    if lines.len() > LINES {
        lines.truncate(LINES);
        if let Some(last) = lines.last_mut() {
            last.pop();
            last.push('\u{2026}');
        }
    }
    lines
}

/// Column and row of every state: the column is the longest way from a first cause, the rows follow those of the causes.
fn layout(nodes: &[Node], steps: &[Step]) -> BTreeMap<State, (usize, usize)> {
    let mut column: BTreeMap<&State, usize> = nodes.iter().map(|node| (&node.state, 0)).collect();
    // A chain has no circle, so that columns settle after at most as many rounds as it has states.
    for _ in 0..nodes.len() {
        let mut moved = false;
        for step in steps {
            let after = column.get(&step.from).map_or(0, |from| from + 1);
            if let Some(to) = column
                .get_mut(&step.to)
                .filter(|to| **to < after && after < nodes.len())
            {
                *to = after;
                moved = true;
            }
        }
        if !moved {
            break;
        }
    }
    let mut by_column: BTreeMap<usize, Vec<&State>> = BTreeMap::new();
    for node in nodes {
        let at = column.get(&node.state).copied().unwrap_or(0);
        by_column.entry(at).or_default().push(&node.state);
    }
    let mut places: BTreeMap<State, (usize, usize)> = BTreeMap::new();
    for (at, mut states) in by_column {
        states.sort_by(|a, b| {
            let weight = |state: &State| mean_row_of_causes(state, steps, &places);
            weight(a).total_cmp(&weight(b)).then_with(|| a.cmp(b))
        });
        let mut taken = BTreeSet::new();
        for state in states {
            // A mean of rows is never below 0.
            let wanted = format!("{:.0}", mean_row_of_causes(state, steps, &places));
            let mut row = wanted.parse().unwrap_or(0);
            while taken.contains(&row) {
                row += 1;
            }
            taken.insert(row);
            places.insert(state.clone(), (at, row));
        }
    }
    places
}

fn mean_row_of_causes(state: &State, steps: &[Step], places: &BTreeMap<State, (usize, usize)>) -> f64 {
    let rows: Vec<f64> = steps
        .iter()
        .filter(|step| step.to == *state)
        .filter_map(|step| places.get(&step.from))
        .map(|place| place.1 as f64)
        .collect();
    if rows.is_empty() {
        return 0.0;
    }
    rows.iter().sum::<f64>() / rows.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_stand_left_of_results_and_no_two_states_share_a_place() {
        let states = ["a", "b", "c", "d"];
        let nodes: Vec<Node> = states
            .iter()
            .map(|state| Node {
                state: State::new(*state),
                name: (*state).to_owned(),
                known: Known::Open,
                link: None,
            })
            .collect();
        let step = |from: &str, to: &str| Step {
            from: State::new(from),
            to: State::new(to),
            strength: Strength::Strong,
            is_core: true,
        };
        let steps = [step("a", "b"), step("b", "c"), step("a", "c"), step("a", "d")];
        let places = layout(&nodes, &steps);
        for step in &steps {
            assert!(places[&step.from].0 < places[&step.to].0, "{step:?}");
        }
        let distinct: BTreeSet<_> = places.values().collect();
        assert_eq!(distinct.len(), states.len());
        assert_eq!(places[&State::new("c")].0, 2);
    }

    #[test]
    fn a_long_name_is_cut_with_dots() {
        assert_eq!(lines("abcdefghijkl"), ["abcdefghij", "kl"]);
        let long: String = "x".repeat(40);
        assert!(lines(&long)[2].ends_with('\u{2026}'));
    }
}
