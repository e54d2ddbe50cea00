//! Tables with one row a person, made anonymous: the lattice is searched for the generalisation that loses least, rows that
//! nothing hides are left out, rare sensitive values become coarser, and classes whose sensitive values are too alike go too.
//!
//! Nothing is given out that does not hold what was asked: the result is checked again by [`privacy`](crate::privacy).

use crate::dataset::{People, Person};
use crate::frame::{Frame, FrameColumn};
use crate::hierarchies::{ANY, ColumnKind, Hierarchies};
use crate::hierarchy::{Hierarchy, HierarchyError};
use crate::lattice::{Limits, Node, SearchError, search};
use crate::privacy::{self, Distance, Privacy};
use crate::risk::{self, Risk};
use crate::steps::{Anonymized, Change, Clause, Step};
use crate::table::{Column, Table, TableError};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Rounds in which classes are left out and rare values raised, at most.
const MOST_ROUNDS: usize = 50;

/// What the table must hold.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Wanted {
    /// Every row has at least this many that are alike, itself included.
    pub k: u32,
    /// Share of the rows that may be left out, 0 to 1.
    pub suppressed: f64,
    /// Different sensitive values of a class, at least.
    pub l: u32,
    /// Distance of the sensitive values of a class to those of all, 0 to 1, at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub t: Option<f64>,
}

/// What holds of the table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TableReport {
    /// Level of each column that may identify, from 0.
    pub levels: BTreeMap<String, usize>,
    /// Combinations of levels that were weighed, and how many of them are anonymous.
    pub nodes: (u64, u64),
    /// What is lost in the columns of the rows that leave, 0 to 1, in hundredths: finer figures would tell how many were left
    /// out.
    pub loss: f64,
    /// For each sensitive column what holds of the classes.
    pub privacy: BTreeMap<String, Privacy>,
    /// The risk that is left.
    pub risk: Risk,
}

/// Why no table can leave.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AnonymousError {
    /// No column, or one twice.
    #[error("column {0} is asked for twice, or no column is; name each column once")]
    Columns(String),
    /// The tables have a gap.
    #[error(transparent)]
    Hierarchy(#[from] HierarchyError),
    /// No table can be made.
    #[error(transparent)]
    Table(#[from] TableError),
    /// Nothing can be searched.
    #[error(transparent)]
    Search(#[from] SearchError),
    /// Not even the coarsest table is anonymous.
    #[error(
        "k = {k} cannot be reached: of {nodes} combinations of levels none has {k} alike for every row, with {suppressed} of the rows left out at most; ask for a smaller k, fewer columns, or wait for more persons. Nothing left"
    )]
    Unreachable {
        /// k.
        k: u32,
        /// Combinations.
        nodes: u64,
        /// Share that may be left out.
        suppressed: f64,
    },
    /// The sensitive values are too alike.
    #[error(
        "l = {l} and the asked t cannot be reached for {column}: too many rows would have to be left out; ask for less, or for a coarser or no sensitive column. Nothing left"
    )]
    TooAlike {
        /// The sensitive column.
        column: String,
        /// l.
        l: u32,
    },
}

/// A sensitive column on its way: its values, how far each is raised, and the label of each.
struct Sensitive {
    name: String,
    hierarchy: Hierarchy,
    codes: Vec<u32>,
    levels: Vec<usize>,
}

impl Sensitive {
    fn label(&self, code: u32) -> &str {
        let level = self.levels.get(code as usize).copied().unwrap_or(0);
        self.hierarchy.label(level, self.hierarchy.at(level, code))
    }

    /// The label of each value as a number, and all labels.
    fn labels(&self) -> (Vec<u32>, Vec<String>) {
        let all: BTreeSet<&str> = (0..self.hierarchy.values() as u32)
            .map(|code| self.label(code))
            .collect();
        let places: BTreeMap<&str, u32> = all.into_iter().zip(0..).collect();
        let of = |code| places.get(self.label(code)).copied().unwrap_or(0);
        let numbers = (0..self.hierarchy.values() as u32).map(of).collect();
        (numbers, places.into_keys().map(str::to_owned).collect())
    }

    /// For each row that stays its class and the number of its label; and how many labels there are.
    fn rows(&self, classes: &[u32], stays: &[bool]) -> (Vec<(u32, u32)>, u32) {
        let (numbers, labels) = self.labels();
        let number = |code: &u32| numbers.get(*code as usize).copied().unwrap_or(0);
        let rows = classes
            .iter()
            .zip(&self.codes)
            .zip(stays)
            .filter(|(_, stays)| **stays);
        (
            rows.map(|((class, code), _)| (*class, number(code))).collect(),
            labels.len() as u32,
        )
    }

    /// Raises values that fewer than `k` of the rows that stay have, level by level; whether any was raised.
    fn raise_rare(&mut self, stays: &[bool], k: u32) -> bool {
        let mut changed = false;
        for _ in 1..self.hierarchy.levels() {
            let (numbers, labels) = self.labels();
            let mut counts = vec![0_u32; labels.len()];
            for (code, _) in self.codes.iter().zip(stays).filter(|(_, stays)| **stays) {
                let number = numbers.get(*code as usize).copied().unwrap_or(0);
                if let Some(count) = counts.get_mut(number as usize) {
                    *count += 1;
                }
            }
            let last = self.hierarchy.levels() - 1;
            let mut again = false;
            for (level, number) in self.levels.iter_mut().zip(&numbers) {
                let count = counts.get(*number as usize).copied().unwrap_or(0);
                if (1..k).contains(&count) && *level < last {
                    *level += 1;
                    again = true;
                }
            }
            changed |= again;
            if !again {
                break;
            }
        }
        changed
    }
}

/// A table of permitted persons: columns that may identify, and columns that are sensitive.
///
/// # Errors
/// What cannot be reached; then nothing leaves.
pub fn anonymise(
    people: &People,
    columns: &[&ColumnKind],
    sensitive: &[&ColumnKind],
    wanted: Wanted,
    hierarchies: &Hierarchies,
) -> Result<(Anonymized<Frame>, TableReport), AnonymousError> {
    let least = u64::from(hierarchies.rules().cell);
    let oldest = people
        .persons
        .iter()
        .filter(|person| person.age(people.period.to).ends_with('+'))
        .count();
    let mut steps = Vec::new();
    if oldest > 0 && columns.iter().chain(sensitive).any(|column| column.id == "age") {
        steps.push(
            Step::new(
                Clause::AnonymousSingular,
                Change::Generalised,
                "age",
                oldest as u64,
                least,
            )
            .to("90+"),
        );
    }
    let of = |column: &&ColumnKind| {
        let value = |person: &Person| person.value(column, people.period);
        FrameColumn::collected(&column.id, people.persons.iter().map(value))
    };
    let quasi: Vec<(FrameColumn, &ColumnKind)> = columns.iter().map(|column| (of(column), *column)).collect();
    let kept: Vec<(FrameColumn, &ColumnKind)> =
        sensitive.iter().map(|column| (of(column), *column)).collect();
    let (frame, mut more, report) = of_columns(&quasi, &kept, wanted, hierarchies)?;
    steps.append(&mut more);
    steps.append(&mut left_behind(people, frame.rows() as u64, least));
    Ok((Anonymized::new(frame, steps), report))
}

/// What stayed behind, as steps of article 34; of persons only those that leave are counted, so that the others cannot be
/// reckoned.
fn left_behind(people: &People, persons: u64, least: u64) -> Vec<Step> {
    let days = people
        .persons
        .iter()
        .map(|person| person.facts.len() as u64)
        .sum();
    let removed = |clause, what: &str, cells| Step::new(clause, Change::Removed, what, cells, least);
    let mut steps = vec![
        removed(Clause::AnonymousDescriptions, "name and reading", persons),
        removed(Clause::AnonymousCodes, "numbers of the person", persons),
        removed(Clause::AnonymousLinks, "number of the record", persons),
        Step::new(
            Clause::AnonymousDescriptions,
            Change::Generalised,
            "date of birth",
            persons,
            least,
        )
        .to("age"),
        Step::new(
            Clause::AnonymousFurther,
            Change::Generalised,
            "day of a fact",
            days,
            least,
        )
        .to("month"),
    ];
    let words = people
        .left_behind
        .each()
        .map(|(field, times)| removed(Clause::AnonymousDescriptions, field, times));
    steps.extend(words);
    steps
}

/// A column may identify or be sensitive, once.
fn check_names(
    quasi: &[(FrameColumn, &ColumnKind)],
    kept: &[(FrameColumn, &ColumnKind)],
) -> Result<(), AnonymousError> {
    let mut names = BTreeSet::new();
    for (column, _) in quasi.iter().chain(kept) {
        if !names.insert(column.name.as_str()) {
            return Err(AnonymousError::Columns(column.name.clone()));
        }
    }
    if quasi.is_empty() {
        return Err(AnonymousError::Columns(String::new()));
    }
    Ok(())
}

/// The same of columns.
fn of_columns(
    quasi: &[(FrameColumn, &ColumnKind)],
    kept: &[(FrameColumn, &ColumnKind)],
    wanted: Wanted,
    hierarchies: &Hierarchies,
) -> Result<(Frame, Vec<Step>, TableReport), AnonymousError> {
    check_names(quasi, kept)?;
    let hierarchy = |column: &FrameColumn, kind: &ColumnKind| {
        hierarchies.hierarchy(kind, &column.values().iter().cloned().collect())
    };
    let columns = quasi
        .iter()
        .map(|(column, kind)| {
            Ok(Column {
                hierarchy: hierarchy(column, kind)?,
                codes: column.codes().to_vec(),
            })
        })
        .collect::<Result<Vec<_>, AnonymousError>>()?;
    let mut sensitive = kept
        .iter()
        .map(|(column, kind)| {
            let hierarchy = hierarchy(column, kind)?;
            Ok(Sensitive {
                name: column.name.clone(),
                levels: vec![0; hierarchy.values()],
                hierarchy,
                codes: column.codes().to_vec(),
            })
        })
        .collect::<Result<Vec<_>, AnonymousError>>()?;
    let table = Table::new(columns)?;
    let found = search(
        &table,
        Limits {
            k: wanted.k,
            suppressed: wanted.suppressed,
        },
    )?;
    let unreachable = AnonymousError::Unreachable {
        k: wanted.k,
        nodes: found.nodes,
        suppressed: wanted.suppressed,
    };
    let node = found.best.ok_or_else(|| unreachable.clone())?;
    let (classes, sizes) = classes_of(&table, &node);
    let mut stays: Vec<bool> = classes
        .iter()
        .map(|class| sizes.get(*class as usize).is_some_and(|size| *size >= wanted.k))
        .collect();
    settle(&classes, &mut stays, &mut sensitive, wanted, table.rows())?;
    if !stays.contains(&true) {
        return Err(unreachable);
    }
    let left_out = stays.iter().filter(|stays| !**stays).count() as u64;
    let least = u64::from(hierarchies.rules().cell);
    let steps = steps_of(&table, &node, &sensitive, (&stays, left_out), least);
    let report = TableReport {
        levels: quasi
            .iter()
            .zip(&node.levels)
            .map(|((column, _), level)| (column.name.clone(), *level))
            .collect(),
        nodes: (found.nodes, found.anonymous),
        loss: loss_of(&table, &node, &stays),
        privacy: sensitive
            .iter()
            .filter_map(|one| Some((one.name.clone(), one.privacy(&classes, &stays)?)))
            .collect(),
        risk: risk::report(
            staying_sizes(&classes, &stays),
            (left_out, least),
            f64::from(hierarchies.rules().threshold) / 100.0,
        ),
    };
    Ok((frame_of(&table, &node, &sensitive, &stays), steps, report))
}

impl Sensitive {
    fn privacy(&self, classes: &[u32], stays: &[bool]) -> Option<Privacy> {
        let (rows, values) = self.rows(classes, stays);
        privacy::check(&rows, values, Distance::Equal)
    }
}

/// The class of each row at a node, and the rows of each class.
fn classes_of(table: &Table, node: &Node) -> (Vec<u32>, Vec<u32>) {
    let mut classes = vec![0_u32; table.rows()];
    for (column, level) in table.columns().iter().zip(&node.levels) {
        let mut seen: BTreeMap<(u32, u32), u32> = BTreeMap::new();
        for (class, code) in classes.iter_mut().zip(&column.codes) {
            let next = seen.len() as u32;
            *class = *seen
                .entry((*class, column.hierarchy.at(*level, *code)))
                .or_insert(next);
        }
    }
    let mut sizes = Vec::new();
    for class in &classes {
        let place = *class as usize;
        if sizes.len() <= place {
            sizes.resize(place + 1, 0);
        }
        if let Some(size) = sizes.get_mut(place) {
            *size += 1;
        }
    }
    (classes, sizes)
}

/// Raises rare sensitive values and leaves out classes whose values are too alike, until both hold.
fn settle(
    classes: &[u32],
    stays: &mut [bool],
    sensitive: &mut [Sensitive],
    wanted: Wanted,
    rows: usize,
) -> Result<(), AnonymousError> {
    let most = wanted.suppressed * rows as f64;
    for _ in 0..MOST_ROUNDS {
        let mut changed = false;
        for one in &mut *sensitive {
            changed |= one.raise_rare(stays, wanted.k);
            let (rows, values) = one.rows(classes, stays);
            let too_alike =
                |privacy: &Privacy| privacy.distinct_l < wanted.l || wanted.t.is_some_and(|t| privacy.t > t);
            let of = privacy::by_class(&rows, values, Distance::Equal);
            let out: BTreeSet<u32> = of
                .into_iter()
                .filter(|(_, privacy)| too_alike(privacy))
                .map(|(class, _)| class)
                .collect();
            for (class, stays) in classes.iter().zip(stays.iter_mut()) {
                if *stays && out.contains(class) {
                    *stays = false;
                    changed = true;
                }
            }
            let left_out = stays.iter().filter(|stays| !**stays).count();
            if left_out as f64 > most || left_out == stays.len() {
                return Err(AnonymousError::TooAlike {
                    column: one.name.clone(),
                    l: wanted.l,
                });
            }
        }
        if !changed {
            return Ok(());
        }
    }
    Err(AnonymousError::TooAlike {
        column: sensitive.first().map(|one| one.name.clone()).unwrap_or_default(),
        l: wanted.l,
    })
}

fn loss_of(table: &Table, node: &Node, stays: &[bool]) -> f64 {
    let of = |(column, level): (&Column, &usize)| {
        let staying = column.codes.iter().zip(stays).filter(|(_, stays)| **stays);
        staying
            .map(|(code, _)| column.hierarchy.loss(*level, *code))
            .sum::<f64>()
    };
    let cells = stays.iter().filter(|stays| **stays).count() * table.columns().len();
    let lost = table.columns().iter().zip(&node.levels).map(of).sum::<f64>();
    (lost / cells.max(1) as f64 * 100.0).round() / 100.0
}

fn staying_sizes(classes: &[u32], stays: &[bool]) -> Vec<u32> {
    let mut sizes: BTreeMap<u32, u32> = BTreeMap::new();
    for (class, _) in classes.iter().zip(stays).filter(|(_, stays)| **stays) {
        *sizes.entry(*class).or_default() += 1;
    }
    sizes.into_values().collect()
}

fn steps_of(
    table: &Table,
    node: &Node,
    sensitive: &[Sensitive],
    (stays, left_out): (&[bool], u64),
    least: u64,
) -> Vec<Step> {
    let rows = stays.len() as u64 - left_out;
    let mut steps = Vec::new();
    for (column, level) in table
        .columns()
        .iter()
        .zip(&node.levels)
        .filter(|(_, level)| **level > 0)
    {
        let last = column.hierarchy.levels() - 1;
        let to = if *level == last {
            ANY.to_owned()
        } else {
            format!("level {level} of {last}")
        };
        let name = column.hierarchy.name();
        steps.push(Step::new(Clause::AnonymousFurther, Change::Generalised, name, rows, least).to(to));
    }
    if left_out > 0 {
        steps.push(Step::new(
            Clause::AnonymousSingular,
            Change::LeftOut,
            "row",
            left_out,
            least,
        ));
    }
    for one in sensitive {
        let is_raised = |code: &u32| one.levels.get(*code as usize).is_some_and(|level| *level > 0);
        let raised = one
            .codes
            .iter()
            .zip(stays)
            .filter(|(code, stays)| **stays && is_raised(code))
            .count();
        if raised > 0 {
            let step = Step::new(
                Clause::AnonymousSingular,
                Change::Generalised,
                &one.name,
                raised as u64,
                least,
            );
            steps.push(step.to("a coarser value"));
        }
    }
    steps
}

fn frame_of(table: &Table, node: &Node, sensitive: &[Sensitive], stays: &[bool]) -> Frame {
    let staying = |codes: &[u32], of: &dyn Fn(u32) -> u32| -> Vec<u32> {
        codes
            .iter()
            .zip(stays)
            .filter(|(_, stays)| **stays)
            .map(|(code, _)| of(*code))
            .collect()
    };
    let mut columns = Vec::new();
    for (column, level) in table.columns().iter().zip(&node.levels) {
        let hierarchy = &column.hierarchy;
        let all = (0..hierarchy.values() as u32).map(|code| hierarchy.at(*level, code));
        let labels: BTreeMap<u32, String> = all
            .map(|code| (code, hierarchy.label(*level, code).to_owned()))
            .collect();
        let labels: Vec<String> = labels.into_values().collect();
        let codes = staying(&column.codes, &|code| hierarchy.at(*level, code));
        columns.push(FrameColumn::coded(hierarchy.name(), &labels, &codes));
    }
    for one in sensitive {
        let (numbers, labels) = one.labels();
        let codes = staying(&one.codes, &|code| {
            numbers.get(code as usize).copied().unwrap_or(0)
        });
        columns.push(FrameColumn::coded(&one.name, &labels, &codes));
    }
    Frame::sorted(columns)
}
