//! The disease causal-chain map (疾患概念連鎖地図 in the tables): a disease as a chain of abnormal states, cause → result. States are
//! shared between diseases, so that chains join into one graph and a mechanism can be asked for across diseases.

use crate::accepted::{AcceptedRow, Cells, Concepts, TABLE};
use crate::evidence::Status;
use crate::log::Cause;
use crate::state::{Levels, State};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use tsumugi_tables::{Mistake, Row, Source, Table};

/// Whether a step belongs to the disease or follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Without it, it is not this disease.
    Core,
    /// A consequence that may be missing.
    Derived,
}

/// How regularly a cause brings its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strength {
    /// Now and then.
    Weak,
    /// Often.
    Moderate,
    /// Nearly always.
    Strong,
}

/// An abnormal state, decomposed into the thing, its property and the value (serum potassium · concentration · low).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AbnormalState {
    /// Id, `state.…`.
    pub id: Arc<str>,
    /// Japanese name.
    pub name: Arc<str>,
    /// Reading.
    pub kana: Arc<str>,
    /// English name.
    pub english: Arc<str>,
    /// Concept of the thing: a test or a site.
    pub entity: Option<Arc<str>>,
    /// Its property.
    pub attribute: Arc<str>,
    /// The value of the property.
    pub value: Arc<str>,
    /// States of a patient by which it is observed.
    pub findings: Vec<State>,
    /// Broader states.
    pub parents: Vec<Arc<str>>,
}

/// A step of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// Which disease's chain, and what brings about what.
    pub step: Cause,
    /// Whether it belongs to the disease.
    pub role: Role,
    /// How regularly.
    pub strength: Strength,
    /// Usual delay, as a unit of time (`hours`); empty where it is not said.
    pub delay: Arc<str>,
    /// How far it can be trusted.
    pub status: Status,
    /// Where it is said.
    pub source: Arc<str>,
}

/// All chains, joined over the states they share.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chains {
    states: BTreeMap<Arc<str>, AbnormalState>,
    edges: Vec<Edge>,
    of_disease: BTreeMap<Arc<str>, Vec<usize>>,
    of_state: BTreeMap<State, Vec<usize>>,
    landing: BTreeMap<State, Vec<Arc<str>>>,
}

/// Why a step cannot be added.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// It would close a circle within the disease.
    #[error("{} > {} closes a circle in the chain of {}: {}", .0.cause, .0.effect, .0.disease, .1)]
    Circle(Cause, String),
}

/// Diseases that share a mechanism with one.
#[derive(Debug, Clone, PartialEq)]
pub struct Shared {
    /// The other disease.
    pub disease: Arc<str>,
    /// States of both chains, the rarest first.
    pub states: Vec<State>,
    /// Sum of how telling the shared states are: a state of few diseases counts most.
    pub weight: f64,
}

impl Chains {
    /// Reads `knowledge/states/*.tsv` and `knowledge/chains/*.tsv`; what is wrong goes to `mistakes` and is left out.
    pub fn new(sources: &[Source<'_>], levels: &Levels, mistakes: &mut Vec<Mistake>) -> Self {
        let mut chains = Self::default();
        for source in sources.iter().filter(|s| s.path.starts_with("knowledge/states/")) {
            for row in Table::parse(*source, mistakes).rows() {
                let state = state_of(&row, levels);
                chains.states.insert(Arc::clone(&state.id), state);
            }
        }
        for source in sources.iter().filter(|s| s.path.starts_with("knowledge/chains/")) {
            for row in Table::parse(*source, mistakes).rows() {
                let read = edge_of(&row, source.path, levels);
                let added = read.and_then(|edge| chains.add(edge).map_err(|error| error.to_string()));
                if let Err(message) = added {
                    mistakes.push(Mistake::new(source.path, row.line, message));
                }
            }
        }
        for state in chains.states.values() {
            for finding in &state.findings {
                let own = chains.landing.entry(finding.clone()).or_default();
                own.push(Arc::clone(&state.id));
            }
        }
        chains
    }

    /// Adds a step, unless it closes a circle within its disease.
    pub fn add(&mut self, edge: Edge) -> Result<(), ChainError> {
        if let Some(way) = self.way(&edge.step.disease, &edge.step.effect, &edge.step.cause) {
            let way: Vec<String> = way.iter().map(ToString::to_string).collect();
            return Err(ChainError::Circle(edge.step, way.join(" > ")));
        }
        let index = self.edges.len();
        let of_disease = self.of_disease.entry(Arc::clone(&edge.step.disease)).or_default();
        of_disease.push(index);
        for state in [&edge.step.cause, &edge.step.effect] {
            self.of_state.entry(state.clone()).or_default().push(index);
        }
        self.edges.push(edge);
        Ok(())
    }

    /// Adds a step that was accepted from a text.
    pub(crate) fn accept(
        &mut self,
        row: &AcceptedRow<'_>,
        concepts: &Concepts,
        levels: &Levels,
    ) -> Result<(), String> {
        let edge = edge_of(row, TABLE, levels)?;
        concepts.disease(&edge.step.disease)?;
        for (column, state) in [("cause", &edge.step.cause), ("effect", &edge.step.effect)] {
            if !self.states.contains_key(state.as_str()) {
                concepts.known(column, state.concept())?;
            }
        }
        self.add(edge).map_err(|error| error.to_string())
    }

    /// The steps of a disease's chain.
    pub fn of(&self, disease: &str) -> impl Iterator<Item = &Edge> {
        let indexes = self.of_disease.get(disease).into_iter().flatten();
        indexes.filter_map(|index| self.edges.get(*index))
    }

    /// Diseases that have a chain.
    pub fn diseases(&self) -> impl Iterator<Item = &Arc<str>> {
        self.of_disease.keys()
    }

    /// An abnormal state by its id.
    pub fn state(&self, id: &str) -> Option<&AbnormalState> {
        self.states.get(id)
    }

    /// All abnormal states.
    pub fn states(&self) -> impl Iterator<Item = &AbnormalState> {
        self.states.values()
    }

    /// The abnormal states on which a finding or the level of a test lands.
    pub fn landing(&self, finding: &State) -> &[Arc<str>] {
        self.landing.get(finding).map_or(&[], Vec::as_slice)
    }

    /// Diseases whose chain holds a state or something narrower, by the state that it holds.
    pub fn sharing(&self, state: &State) -> BTreeMap<Arc<str>, State> {
        let mut wanted: BTreeSet<State> = BTreeSet::from([state.clone()]);
        loop {
            let narrower: Vec<State> = self
                .states
                .values()
                .filter(|own| own.parents.iter().any(|parent| wanted.contains(parent.as_ref())))
                .map(|own| State::new(Arc::clone(&own.id)))
                .filter(|own| !wanted.contains(own))
                .collect();
            if narrower.is_empty() {
                break;
            }
            wanted.extend(narrower);
        }
        let mut diseases = BTreeMap::new();
        for state in wanted {
            for edge in self.of_state.get(&state).into_iter().flatten() {
                if let Some(edge) = self.edges.get(*edge) {
                    diseases
                        .entry(Arc::clone(&edge.step.disease))
                        .or_insert_with(|| state.clone());
                }
            }
        }
        diseases
    }

    /// Diseases that share mechanisms with one, those first that share what few others have.
    pub fn shared_with(&self, disease: &str) -> Vec<Shared> {
        let mut found: BTreeMap<Arc<str>, Vec<(f64, State)>> = BTreeMap::new();
        let all = self.of_disease.len().max(1) as f64;
        for state in self.nodes(disease) {
            let others = self.holding(&state);
            let weight = (all / others.len().max(1) as f64).ln();
            for other in others.into_iter().filter(|other| other.as_ref() != disease) {
                found.entry(other).or_default().push((weight, state.clone()));
            }
        }
        let mut shared: Vec<Shared> = found
            .into_iter()
            .map(|(disease, mut states)| {
                states.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
                Shared {
                    disease,
                    weight: states.iter().map(|(weight, _)| weight).sum(),
                    states: states.into_iter().map(|(_, state)| state).collect(),
                }
            })
            .collect();
        shared.sort_by(|a, b| {
            b.weight
                .total_cmp(&a.weight)
                .then_with(|| a.disease.cmp(&b.disease))
        });
        shared
    }

    /// The states of a disease's chain.
    pub fn nodes(&self, disease: &str) -> BTreeSet<State> {
        let steps = self.of(disease).map(|edge| &edge.step);
        steps
            .flat_map(|step| [step.cause.clone(), step.effect.clone()])
            .collect()
    }

    /// Number of diseases in the largest part of the map that hangs together.
    pub fn largest_part(&self) -> usize {
        let mut left: BTreeSet<&Arc<str>> = self.of_disease.keys().collect();
        let mut largest = 0;
        while let Some(first) = left.pop_first() {
            let mut part = 1;
            let mut queue = VecDeque::from([first]);
            while let Some(disease) = queue.pop_front() {
                for other in self.nodes(disease).iter().flat_map(|state| self.holding(state)) {
                    if let Some(other) = left.take(&other) {
                        part += 1;
                        queue.push_back(other);
                    }
                }
            }
            largest = largest.max(part);
        }
        largest
    }

    fn holding(&self, state: &State) -> BTreeSet<Arc<str>> {
        let indexes = self.of_state.get(state).into_iter().flatten();
        indexes
            .filter_map(|index| self.edges.get(*index))
            .map(|edge| Arc::clone(&edge.step.disease))
            .collect()
    }

    /// The way from one state to another within a disease.
    fn way(&self, disease: &str, from: &State, to: &State) -> Option<Vec<State>> {
        let mut before: BTreeMap<&State, &State> = BTreeMap::new();
        let mut queue = VecDeque::from([from]);
        while let Some(state) = queue.pop_front() {
            if state == to {
                let mut way = vec![state.clone()];
                let mut at = state;
                while let Some(previous) = before.get(at) {
                    way.insert(0, (*previous).clone());
                    at = previous;
                }
                return Some(way);
            }
            for edge in self.of(disease).filter(|edge| edge.step.cause == *state) {
                let next = &edge.step.effect;
                if next != from && !before.contains_key(next) {
                    before.insert(next, state);
                    queue.push_back(next);
                }
            }
        }
        None
    }
}

fn state_of(row: &Row<'_, '_>, levels: &Levels) -> AbnormalState {
    AbnormalState {
        id: row.get("id").into(),
        name: row.get("name").into(),
        kana: row.get("kana").into(),
        english: row.get("en").into(),
        entity: Some(row.get("entity"))
            .filter(|id| !id.is_empty())
            .map(Into::into),
        attribute: row.get("attribute").into(),
        value: row.get("value").into(),
        findings: row
            .list("finding")
            .map(|state| levels.canonical(State::new(state)))
            .collect(),
        parents: row.list("parents").map(Into::into).collect(),
    }
}

fn edge_of(row: &dyn Cells, path: &str, levels: &Levels) -> Result<Edge, String> {
    let source = row.cell("source");
    let state = |column: &str| levels.canonical(State::new(row.cell(column)));
    Ok(Edge {
        step: Cause {
            disease: row.cell("disease").into(),
            cause: state("cause"),
            effect: state("effect"),
        },
        role: match row.cell("role") {
            "core" => Role::Core,
            "derived" => Role::Derived,
            other => return Err(format!("unknown role \"{other}\"")),
        },
        strength: match row.cell("strength") {
            "strong" => Strength::Strong,
            "moderate" => Strength::Moderate,
            "weak" => Strength::Weak,
            other => return Err(format!("unknown strength \"{other}\"")),
        },
        delay: row.cell("delay").into(),
        status: row
            .status()
            .ok_or_else(|| format!("unknown status \"{}\"", row.cell("status")))?,
        source: if source.is_empty() {
            path.into()
        } else {
            source.into()
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "disease\tcause\teffect\trole\tstrength\tdelay\tstatus\tsource\n";
    const STATES: &str = "id\tname\tkana\ten\tentity\tattribute\tvalue\tfinding\tparents\n\
        state.obstruction\tO\to\tobstruction\t\t\t\t\t\n\
        state.duct-obstruction\tD\td\tduct obstruction\tsite.duct\topen\tno\ttest.bilirubin=high\tstate.obstruction\n";

    fn chains(rows: &str) -> (Chains, Vec<Mistake>) {
        let text = format!("{HEAD}{rows}");
        let mut mistakes = Vec::new();
        let sources = [
            Source {
                path: "knowledge/states/a.tsv",
                text: STATES,
            },
            Source {
                path: "knowledge/chains/a.tsv",
                text: &text,
            },
        ];
        let chains = Chains::new(&sources, &Levels::default(), &mut mistakes);
        (chains, mistakes)
    }

    fn row(disease: &str, cause: &str, effect: &str) -> String {
        format!("{disease}\t{cause}\t{effect}\tcore\tstrong\tdays\teditorial-estimate\t\n")
    }

    #[test]
    fn a_mechanism_is_found_over_diseases() {
        let rows = row("cholangitis", "stone", "state.duct-obstruction")
            + &row("cholangitis", "state.duct-obstruction", "fever")
            + &row("pancreatitis", "state.duct-obstruction", "pain")
            + &row("cold", "virus", "cough");
        let (chains, mistakes) = chains(&rows);
        assert_eq!(mistakes, []);
        let sharing = chains.sharing(&State::new("state.obstruction"));
        let diseases: Vec<&str> = sharing.keys().map(AsRef::as_ref).collect();
        assert_eq!(diseases, ["cholangitis", "pancreatitis"]);
        let shared = chains.shared_with("cholangitis");
        assert_eq!(shared.len(), 1);
        assert_eq!(shared[0].states, [State::new("state.duct-obstruction")]);
        assert_eq!(chains.largest_part(), 2);
        let landing = chains.landing(&State::new("test.bilirubin=high"));
        assert_eq!(landing, ["state.duct-obstruction".into()]);
    }

    #[test]
    fn a_circle_is_refused_with_its_way_and_the_rest_goes_on() {
        let rows = row("d", "a", "b") + &row("d", "b", "c") + &row("d", "c", "a") + &row("e", "c", "a");
        let (chains, mistakes) = chains(&rows);
        assert_eq!(mistakes.len(), 1);
        assert_eq!(mistakes[0].line, 4);
        assert!(
            mistakes[0].message.contains("a > b > c"),
            "{}",
            mistakes[0].message
        );
        assert_eq!(chains.of("d").count(), 2);
        assert_eq!(chains.of("e").count(), 1);
    }
}
