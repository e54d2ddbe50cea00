//! Full-domain generalisation: every column goes up to one level for all rows. All combinations of levels are a lattice; what
//! is anonymous stays so when a column goes up further.
//!
//! Columns are raised in a fixed order, so that the classes of a node come from those of the node below it, and the nodes
//! over one that is anonymous are a run of numbers: they are marked without being looked at.

use crate::classes::{Classes, Layout, Scratch};
use crate::table::{Column, Table};
use serde::Serialize;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Limits {
    /// Every row that is left has at least this many that are alike, itself included.
    pub k: u32,
    /// Share of the rows that may be left out for it, 0 to 1.
    pub suppressed: f64,
}

/// A generalisation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Node {
    /// Level of each column.
    pub levels: Vec<usize>,
    /// What is lost, 0 (nothing) to 1 (everything): the mean over all cells of the share of the column's values a cell may
    /// be; the cells of a row that is left out count 1.
    pub loss: f64,
    /// Rows left out.
    pub suppressed: u64,
    /// Number of classes that are left.
    pub classes: u64,
    /// Rows of the smallest class that is left.
    pub smallest: u32,
}

/// What the search found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Found {
    /// All combinations of levels.
    pub nodes: u64,
    /// How many of them are anonymous.
    pub anonymous: u64,
    /// The anonymous one that loses least; of equal ones that with the lower levels, the earlier column first. None when
    /// even the coarsest is not anonymous.
    pub best: Option<Node>,
}

/// Why nothing can be searched.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SearchError {
    /// No rows, or no columns.
    #[error("nothing to make anonymous: the table has {rows} rows and {columns} columns")]
    Empty {
        /// Rows.
        rows: usize,
        /// Columns.
        columns: usize,
    },
    /// k is 0, or the share is none.
    #[error(
        "k must be at least 1 and the share of rows left out between 0 and 1; asked were {k} and {suppressed}"
    )]
    Limits {
        /// k.
        k: u32,
        /// The share.
        suppressed: f64,
    },
    /// Too many combinations.
    #[error(
        "the columns have {0} combinations of levels, at most {MOST_NODES} are searched; give some fewer levels"
    )]
    TooMany(u128),
}

/// Combinations of levels that are searched at most.
pub const MOST_NODES: u128 = 20_000_000;

/// By how much sums of the same losses may differ.
const ROUNDING: f64 = 1e-12;

/// Searches the whole lattice.
pub fn search(table: &Table, limits: Limits) -> Result<Found, SearchError> {
    let (rows, columns) = (table.rows(), table.columns().len());
    if rows == 0 || columns == 0 {
        return Err(SearchError::Empty { rows, columns });
    }
    if limits.k == 0 || !(0.0..=1.0).contains(&limits.suppressed) {
        return Err(SearchError::Limits {
            k: limits.k,
            suppressed: limits.suppressed,
        });
    }
    let heights: Vec<usize> = table
        .columns()
        .iter()
        .map(|column| column.hierarchy.levels())
        .collect();
    let nodes = heights.iter().map(|levels| *levels as u128).product();
    if nodes > MOST_NODES {
        return Err(SearchError::TooMany(nodes));
    }
    let mut walk = Walk::new(table, limits, &heights, nodes as usize);
    let base = Classes::of(table, &walk.layout, &mut walk.scratch);
    walk.visit(0, 0, &base);
    Ok(Found {
        nodes: nodes as u64,
        anonymous: walk.anonymous.iter().filter(|is| **is).count() as u64,
        best: walk.best.map(|best| best.node),
    })
}

struct Walk<'t> {
    table: &'t Table,
    layout: Layout,
    scratch: Scratch,
    /// Number of levels of each column.
    heights: Vec<usize>,
    /// By how much a level of each column changes a node's number.
    strides: Vec<usize>,
    /// For each column and level, what all rows lose together.
    losses: Vec<Vec<f64>>,
    anonymous: Vec<bool>,
    best: Option<Best>,
    k: u32,
    /// Rows that may be left out, at most.
    most: f64,
}

struct Best {
    node: Node,
    height: usize,
}

impl<'t> Walk<'t> {
    fn new(table: &'t Table, limits: Limits, heights: &[usize], nodes: usize) -> Self {
        let mut stride = nodes;
        let strides = heights
            .iter()
            .map(|height| {
                stride /= height;
                stride
            })
            .collect();
        Self {
            table,
            layout: Layout::new(table),
            scratch: Scratch::default(),
            heights: heights.to_vec(),
            strides,
            losses: column_losses(table),
            anonymous: vec![false; nodes],
            best: None,
            k: limits.k,
            most: limits.suppressed * table.rows() as f64,
        }
    }

    /// The node where the columns before `column` have their levels and the others level 0, and all above it that leave the
    /// former: a run of numbers.
    fn visit(&mut self, column: usize, node: usize, classes: &Classes) {
        if self.is_over_anonymous(node) || classes.rows_below(self.k) as f64 <= self.most {
            self.mark(column, node);
            self.weigh(column, node, classes);
        } else if self.can_become(column, classes) {
            self.climb(column, node, classes);
        }
    }

    /// Visits the nodes above one that is not anonymous.
    fn climb(&mut self, column: usize, node: usize, classes: &Classes) {
        let (Some(height), Some(stride)) = (
            self.heights.get(column).copied(),
            self.strides.get(column).copied(),
        ) else {
            return;
        };
        if self.can_become(column + 1, classes) {
            self.climb(column + 1, node, classes);
        }
        let mut current: Option<Classes> = None;
        for level in 1..height {
            let next = node + level * stride;
            let below = current.as_ref().unwrap_or(classes);
            if self.is_over_anonymous(next) && self.least_loss(next) > self.bound() {
                self.mark(column + 1, next);
                continue;
            }
            let raised = below.raised(&self.layout, column, level, &mut self.scratch);
            self.visit(column + 1, next, &raised);
            current = Some(raised);
        }
    }

    /// Whether any node of the run can be anonymous: whether its last one is, where the columns left are at their last level.
    fn can_become(&mut self, column: usize, classes: &Classes) -> bool {
        let left = self.heights.len().saturating_sub(column);
        // With one column left the question costs as much as its answers.
        left < 2 || {
            let top = classes.topped(&self.layout, column, &mut self.scratch);
            top.rows_below(self.k) as f64 <= self.most
        }
    }

    /// A node over an anonymous one is anonymous; the ones below were visited before.
    fn is_over_anonymous(&self, node: usize) -> bool {
        let mut steps = self.heights.iter().zip(&self.strides);
        steps.any(|(height, stride)| {
            let level = node / stride % height;
            level > 0 && self.anonymous.get(node - stride) == Some(&true)
        })
    }

    /// Marks a node and all of its run.
    fn mark(&mut self, column: usize, node: usize) {
        let run = match column.checked_sub(1) {
            Some(before) => self.strides.get(before).copied().unwrap_or(1),
            None => self.anonymous.len(),
        };
        let run = self.anonymous.get_mut(node..node + run);
        run.into_iter().flatten().for_each(|mark| *mark = true);
    }

    /// Asks what an anonymous node and those of its run lose, as far as they can lose less than the best.
    fn weigh(&mut self, column: usize, node: usize, classes: &Classes) {
        if self.least_loss(node) > self.bound() {
            return;
        }
        self.compare(node, classes);
        self.weigh_run(column, node, classes);
    }

    fn weigh_run(&mut self, column: usize, node: usize, classes: &Classes) {
        let (Some(height), Some(stride)) = (
            self.heights.get(column).copied(),
            self.strides.get(column).copied(),
        ) else {
            return;
        };
        self.weigh_run(column + 1, node, classes);
        let mut current: Option<Classes> = None;
        for level in 1..height {
            let next = node + level * stride;
            if self.least_loss(next) > self.bound() {
                return;
            }
            let below = current.as_ref().unwrap_or(classes);
            let raised = below.raised(&self.layout, column, level, &mut self.scratch);
            self.weigh(column + 1, next, &raised);
            current = Some(raised);
        }
    }

    fn bound(&self) -> f64 {
        self.best
            .as_ref()
            .map_or(f64::INFINITY, |best| best.node.loss + ROUNDING)
    }

    /// What a node loses at least: what it loses when no row is left out.
    fn least_loss(&self, node: usize) -> f64 {
        let steps = self.heights.iter().zip(&self.strides).zip(&self.losses);
        let of = |((height, stride), losses): ((&usize, &usize), &Vec<f64>)| {
            losses.get(node / stride % height).copied().unwrap_or(0.0)
        };
        steps.map(of).sum::<f64>() / self.cells()
    }

    fn cells(&self) -> f64 {
        (self.table.rows() * self.heights.len()) as f64
    }

    /// Takes a node as the best when it is better.
    fn compare(&mut self, number: usize, classes: &Classes) {
        let steps = self.heights.iter().zip(&self.strides);
        let levels: Vec<usize> = steps.map(|(height, stride)| number / stride % height).collect();
        let mut node = Node {
            loss: 0.0,
            suppressed: 0,
            classes: 0,
            smallest: u32::MAX,
            levels,
        };
        for (codes, count) in classes.each(&self.layout) {
            if count < self.k {
                node.suppressed += u64::from(count);
                node.loss += f64::from(count) * self.heights.len() as f64;
                continue;
            }
            node.classes += 1;
            node.smallest = node.smallest.min(count);
            let cells = self.table.columns().iter().zip(&node.levels).zip(codes);
            let lost: f64 = cells
                .map(|((column, level), code)| column.hierarchy.loss_of(*level, code))
                .sum();
            node.loss += f64::from(count) * lost;
        }
        node.loss /= self.cells();
        if node.classes == 0 {
            node.smallest = 0;
        }
        let height = node.levels.iter().sum();
        // Nodes come in the order of their numbers: of equal ones the first stays.
        let is_better = self.best.as_ref().is_none_or(|best| {
            let gain = best.node.loss - node.loss;
            gain > ROUNDING || gain > -ROUNDING && height < best.height
        });
        if is_better {
            self.best = Some(Best { node, height });
        }
    }
}

/// For each column and level, the sum over all rows of what is lost.
fn column_losses(table: &Table) -> Vec<Vec<f64>> {
    let of = |column: &Column| {
        let hierarchy = &column.hierarchy;
        let mut counts = vec![0_u32; hierarchy.values()];
        for code in &column.codes {
            if let Some(count) = counts.get_mut(*code as usize) {
                *count += 1;
            }
        }
        let lost = |level| {
            let of = |(value, count): (u32, &u32)| f64::from(*count) * hierarchy.loss(level, value);
            (0..).zip(&counts).map(of).sum()
        };
        (0..hierarchy.levels()).map(lost).collect()
    };
    table.columns().iter().map(of).collect()
}
