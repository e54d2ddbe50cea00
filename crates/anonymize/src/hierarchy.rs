//! Hierarchies of generalisation: each value of a column with its coarser and coarser values.

use std::collections::BTreeMap;

/// Coarser values of a column, level by level. Level 0 is the value itself; the last level has one value (`*`), or more where
/// the column must stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hierarchy {
    name: String,
    /// Values of each level, by their code.
    labels: Vec<Vec<String>>,
    /// From the code of a value to its code at each level.
    maps: Vec<Vec<u32>>,
    /// How many values of level 0 stand below each value of each level.
    leaves: Vec<Vec<u32>>,
    codes: BTreeMap<String, u32>,
}

/// Why rows are no hierarchy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HierarchyError {
    /// There are no values.
    #[error("hierarchy {0}: no rows; it needs one row a value")]
    Empty(String),
    /// A row has more or fewer levels than the first.
    #[error(
        "hierarchy {name}, row {row} ({value}): {found} levels, the first row has {wanted}; fill the gap"
    )]
    Gap {
        /// Of which hierarchy.
        name: String,
        /// Row, from 1.
        row: usize,
        /// Its value.
        value: String,
        /// Levels of this row.
        found: usize,
        /// Levels of the first row.
        wanted: usize,
    },
    /// A cell is empty.
    #[error("hierarchy {name}, row {row} ({value}): level {level} is empty; write the coarser value there")]
    Hole {
        /// Of which hierarchy.
        name: String,
        /// Row, from 1.
        row: usize,
        /// Its value.
        value: String,
        /// Level, from 0.
        level: usize,
    },
    /// A value that no row places: the tables have a gap.
    #[error(
        "hierarchy {name}: \"{value}\" stands in no row; add it to the table in data/anonymize, or correct the value"
    )]
    Missing {
        /// Of which hierarchy.
        name: String,
        /// The value.
        value: String,
    },
    /// A value stands twice.
    #[error("hierarchy {name}, row {row}: {value} stands twice")]
    Twice {
        /// Of which hierarchy.
        name: String,
        /// Row, from 1.
        row: usize,
        /// The value.
        value: String,
    },
    /// Two values that were one become two again: no generalisation.
    #[error(
        "hierarchy {name}, row {row} ({value}): at level {level} it leaves the group {group} of the level below"
    )]
    Splits {
        /// Of which hierarchy.
        name: String,
        /// Row, from 1.
        row: usize,
        /// Its value.
        value: String,
        /// Level, from 0.
        level: usize,
        /// The group that is split.
        group: String,
    },
}

impl Hierarchy {
    /// From rows: the value, then its coarser values. Every row has the same number of levels; what is one value at a level
    /// is one value at all coarser levels.
    pub fn from_rows<R, C>(name: &str, rows: impl IntoIterator<Item = R>) -> Result<Self, HierarchyError>
    where
        R: IntoIterator<Item = C>,
        C: Into<String>,
    {
        let rows: Vec<Vec<String>> = rows
            .into_iter()
            .map(|row| row.into_iter().map(Into::into).collect())
            .collect();
        let levels = rows.first().map_or(0, Vec::len);
        if levels == 0 {
            return Err(HierarchyError::Empty(name.to_owned()));
        }
        check_shape(name, &rows, levels)?;
        let mut hierarchy = Self {
            name: name.to_owned(),
            labels: Vec::with_capacity(levels),
            maps: Vec::with_capacity(levels),
            leaves: Vec::with_capacity(levels),
            codes: BTreeMap::new(),
        };
        for level in 0..levels {
            hierarchy.add_level(&rows, level)?;
        }
        for (number, label) in (0..).zip(hierarchy.labels.first().into_iter().flatten()) {
            hierarchy.codes.insert(label.clone(), number);
        }
        Ok(hierarchy)
    }

    fn add_level(&mut self, rows: &[Vec<String>], level: usize) -> Result<(), HierarchyError> {
        let mut codes: BTreeMap<&str, u32> = BTreeMap::new();
        let mut labels = Vec::new();
        let mut map = Vec::with_capacity(rows.len());
        for row in rows {
            let label = row.get(level).map_or("", String::as_str);
            let next = labels.len() as u32;
            let code = *codes.entry(label).or_insert(next);
            if code == next {
                labels.push(label.to_owned());
            }
            map.push(code);
        }
        if let (Some(below), Some(names)) = (self.maps.last(), self.labels.last()) {
            let mut parents: Vec<Option<u32>> = vec![None; names.len()];
            for (number, (child, parent)) in (1..).zip(below.iter().zip(&map)) {
                let Some(known) = parents.get_mut(*child as usize) else {
                    continue;
                };
                if *known.get_or_insert(*parent) != *parent {
                    return Err(HierarchyError::Splits {
                        name: self.name.clone(),
                        row: number,
                        value: first_of(rows, number - 1),
                        level,
                        group: names.get(*child as usize).cloned().unwrap_or_default(),
                    });
                }
            }
        }
        let mut leaves = vec![0; labels.len()];
        for code in &map {
            if let Some(count) = leaves.get_mut(*code as usize) {
                *count += 1;
            }
        }
        self.labels.push(labels);
        self.maps.push(map);
        self.leaves.push(leaves);
        Ok(())
    }

    /// What the column is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Number of levels, the values themselves included.
    pub fn levels(&self) -> usize {
        self.maps.len()
    }

    /// Number of values at level 0.
    pub fn values(&self) -> usize {
        self.labels.first().map_or(0, Vec::len)
    }

    /// The code of a value.
    pub fn code(&self, value: &str) -> Option<u32> {
        self.codes.get(value).copied()
    }

    /// A value at a level, by the code it has there.
    pub fn label(&self, level: usize, code: u32) -> &str {
        self.labels
            .get(level)
            .and_then(|labels| labels.get(code as usize))
            .map_or("", String::as_str)
    }

    /// The code that a value has at a level.
    pub fn at(&self, level: usize, value: u32) -> u32 {
        self.map(level).get(value as usize).copied().unwrap_or(0)
    }

    /// From the codes of the values to their codes at a level.
    pub(crate) fn map(&self, level: usize) -> &[u32] {
        self.maps.get(level).map_or(&[], Vec::as_slice)
    }

    /// How much of a value is lost at a level: 0 when nothing, 1 when it can be any value of the column (loss metric of
    /// Iyengar 2002: values below it less one, of all less one).
    pub fn loss(&self, level: usize, value: u32) -> f64 {
        self.loss_of(level, self.at(level, value))
    }

    /// The same of a value by the code it has at the level.
    pub(crate) fn loss_of(&self, level: usize, code: u32) -> f64 {
        let all = self.values().saturating_sub(1).max(1);
        let leaves = self
            .leaves
            .get(level)
            .and_then(|leaves| leaves.get(code as usize));
        f64::from(leaves.copied().unwrap_or(1).saturating_sub(1)) / all as f64
    }
}

fn first_of(rows: &[Vec<String>], row: usize) -> String {
    rows.get(row)
        .and_then(|row| row.first())
        .cloned()
        .unwrap_or_default()
}

fn check_shape(name: &str, rows: &[Vec<String>], levels: usize) -> Result<(), HierarchyError> {
    let mut seen = std::collections::BTreeSet::new();
    for (number, row) in (1..).zip(rows) {
        let value = row.first().cloned().unwrap_or_default();
        if row.len() != levels {
            return Err(HierarchyError::Gap {
                name: name.to_owned(),
                row: number,
                value,
                found: row.len(),
                wanted: levels,
            });
        }
        if let Some(level) = row.iter().position(String::is_empty) {
            return Err(HierarchyError::Hole {
                name: name.to_owned(),
                row: number,
                value,
                level,
            });
        }
        if !seen.insert(value.clone()) {
            return Err(HierarchyError::Twice {
                name: name.to_owned(),
                row: number,
                value,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_losses_are_read() {
        let ages =
            Hierarchy::from_rows("age", [["1", "0-4", "*"], ["3", "0-4", "*"], ["7", "5-9", "*"]]).unwrap();
        assert_eq!((ages.levels(), ages.values(), ages.code("7")), (3, 3, Some(2)));
        assert_eq!(ages.label(1, ages.at(1, 1)), "0-4");
        assert_eq!(
            (ages.loss(0, 0), ages.loss(1, 0), ages.loss(1, 2), ages.loss(2, 2)),
            (0.0, 0.5, 0.0, 1.0)
        );
    }

    #[test]
    fn gaps_holes_repetitions_and_splits_are_refused_with_their_row() {
        let told = |rows: &[&[&str]]| {
            Hierarchy::from_rows("x", rows.iter().map(|row| row.iter().copied()))
                .unwrap_err()
                .to_string()
        };
        assert!(told(&[]).contains("no rows"));
        assert!(told(&[&["a", "*"], &["b"]]).contains("row 2 (b): 1 levels"));
        assert!(told(&[&["a", "*"], &["b", ""]]).contains("level 1 is empty"));
        assert!(told(&[&["a", "*"], &["a", "*"]]).contains("row 2: a stands twice"));
        assert!(told(&[&["a", "g", "1"], &["b", "g", "2"]]).contains("row 2 (b): at level 2"));
    }
}
