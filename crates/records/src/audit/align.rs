//! Which entries were put in, taken out, exchanged or altered: the hashes of the entries as they are now, held against
//! the hashes of the leaves as they were stored.

use crate::audit::merkle::TreeHash;
use std::collections::BTreeMap;

/// Most differences that are followed up; a log of which more was changed is changed throughout.
const MAX_STEPS: usize = 10_000;

/// A difference. Rows are counted in the order of the entries now, leaves in the order in which they were appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Change {
    /// The row is not what the leaf was, and is nowhere else.
    Altered { row: usize, leaf: usize },
    /// The row was this leaf, and stands elsewhere.
    Moved { row: usize, leaf: usize },
    /// The row was never appended.
    Inserted { row: usize },
    /// The leaf has no row.
    Removed { leaf: usize },
}

/// The differences, by rows; and whether there are more.
pub(crate) fn align(rows: &[TreeHash], leaves: &[TreeHash]) -> (Vec<Change>, bool) {
    let (rows_by_hash, leaves_by_hash) = (by_hash(rows), by_hash(leaves));
    let (mut row, mut leaf) = (0, 0);
    // Each step names a row that fits no leaf here, a leaf that fits no row here, or both.
    let mut steps: Vec<(Option<usize>, Option<usize>)> = Vec::new();
    while steps.len() < MAX_STEPS {
        let step = match (rows.get(row), leaves.get(leaf)) {
            (None, None) => break,
            (Some(_), None) => (Some(row), None),
            (None, Some(_)) => (None, Some(leaf)),
            (Some(here), Some(was)) if here == was => {
                row += 1;
                leaf += 1;
                continue;
            }
            (Some(_), Some(_)) if goes_on_after(rows, leaves, row, leaf) => (Some(row), Some(leaf)),
            (Some(here), Some(was)) => {
                let to_leaf = next(&leaves_by_hash, here, leaf).map(|found| found - leaf);
                let to_row = next(&rows_by_hash, was, row).map(|found| found - row);
                match (to_leaf, to_row) {
                    (None, None) => (Some(row), Some(leaf)),
                    (Some(_), None) => (None, Some(leaf)),
                    (None, Some(_)) => (Some(row), None),
                    (Some(leaves), Some(rows)) if leaves < rows => (None, Some(leaf)),
                    (Some(_), Some(_)) => (Some(row), None),
                }
            }
        };
        row += usize::from(step.0.is_some());
        leaf += usize::from(step.1.is_some());
        steps.push(step);
    }
    let is_cut = row < rows.len() || leaf < leaves.len();
    (changes(&steps, rows, leaves), is_cut)
}

/// Whether the next row is the next leaf, or the two rows here are the two leaves exchanged: then rows and leaves still go
/// in step, and nothing was put in or taken out here.
fn goes_on_after(rows: &[TreeHash], leaves: &[TreeHash], row: usize, leaf: usize) -> bool {
    let is_exchanged = |row: usize, leaf: usize| match (rows.get(row..row + 2), leaves.get(leaf..leaf + 2)) {
        (Some([first, second]), Some([was_first, was_second])) => first == was_second && second == was_first,
        _ => false,
    };
    let goes_on = rows
        .get(row + 1)
        .is_some_and(|next| leaves.get(leaf + 1) == Some(next));
    let is_second = row
        .checked_sub(1)
        .zip(leaf.checked_sub(1))
        .is_some_and(|(row, leaf)| is_exchanged(row, leaf));
    goes_on || is_second || is_exchanged(row, leaf)
}

/// What was put in here and taken out there has moved.
fn changes(steps: &[(Option<usize>, Option<usize>)], rows: &[TreeHash], leaves: &[TreeHash]) -> Vec<Change> {
    let mut taken: BTreeMap<&TreeHash, Vec<usize>> = BTreeMap::new();
    for leaf in steps.iter().rev().filter_map(|(_, leaf)| *leaf) {
        if let Some(hash) = leaves.get(leaf) {
            taken.entry(hash).or_default().push(leaf);
        }
    }
    let mut changes = Vec::new();
    let mut moved = Vec::new();
    for row in steps.iter().filter_map(|(row, _)| *row) {
        let from = rows.get(row).and_then(|hash| taken.get_mut(hash)?.pop());
        if let Some(leaf) = from {
            changes.push(Change::Moved { row, leaf });
            moved.push((row, leaf));
        }
    }
    let has_moved = |row: usize| moved.binary_search_by_key(&row, |(row, _)| *row).is_ok();
    let mut found_again: Vec<usize> = moved.iter().map(|(_, leaf)| *leaf).collect();
    found_again.sort_unstable();
    for (row, leaf) in steps {
        let row = row.filter(|row| !has_moved(*row));
        let leaf = leaf.filter(|leaf| found_again.binary_search(leaf).is_err());
        changes.extend(match (row, leaf) {
            (Some(row), Some(leaf)) => Some(Change::Altered { row, leaf }),
            (Some(row), None) => Some(Change::Inserted { row }),
            (None, Some(leaf)) => Some(Change::Removed { leaf }),
            (None, None) => None,
        });
    }
    changes.sort_by_key(|change| match change {
        Change::Altered { row, .. } | Change::Moved { row, .. } | Change::Inserted { row } => *row,
        Change::Removed { leaf } => *leaf,
    });
    changes
}

fn by_hash(hashes: &[TreeHash]) -> Vec<(TreeHash, usize)> {
    let mut sorted: Vec<_> = hashes.iter().copied().zip(0..).collect();
    sorted.sort_unstable();
    sorted
}

/// Where a hash comes next after a place.
fn next(sorted: &[(TreeHash, usize)], hash: &TreeHash, after: usize) -> Option<usize> {
    let found = sorted.get(sorted.partition_point(|(other, place)| (other, *place) <= (hash, after)))?;
    (found.0 == *hash).then_some(found.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::merkle::leaf_hash;

    fn hashes(text: &str) -> Vec<TreeHash> {
        text.bytes().map(|byte| leaf_hash(&[byte])).collect()
    }

    fn check(now: &str, then: &str, expected: &[Change]) {
        let (changes, is_cut) = align(&hashes(now), &hashes(then));
        assert_eq!(changes, expected, "{now} {then}");
        assert!(!is_cut);
    }

    #[test]
    fn each_sort_of_change_is_named() {
        use Change::{Altered, Inserted, Moved, Removed};
        check("abcdef", "abcdef", &[]);
        check("abXdef", "abcdef", &[Altered { row: 2, leaf: 2 }]);
        check("abdef", "abcdef", &[Removed { leaf: 2 }]);
        check("abXcdef", "abcdef", &[Inserted { row: 2 }]);
        check("abcd", "abcdef", &[Removed { leaf: 4 }, Removed { leaf: 5 }]);
        check("abcdefX", "abcdef", &[Inserted { row: 6 }]);
        check(
            "aecdbf",
            "abcdef",
            &[Moved { row: 1, leaf: 4 }, Moved { row: 4, leaf: 1 }],
        );
        check(
            "bacdef",
            "abcdef",
            &[Moved { row: 0, leaf: 1 }, Moved { row: 1, leaf: 0 }],
        );
        check(
            "abcdfe",
            "abcdef",
            &[Moved { row: 4, leaf: 5 }, Moved { row: 5, leaf: 4 }],
        );
        check(
            "cbadef",
            "abcdef",
            &[Moved { row: 0, leaf: 2 }, Moved { row: 2, leaf: 0 }],
        );
        check(
            "aXcYef",
            "abcdef",
            &[Altered { row: 1, leaf: 1 }, Altered { row: 3, leaf: 3 }],
        );
        check("bcdefa", "abcdef", &[Moved { row: 5, leaf: 0 }]);
        check("aaaa", "aaaaa", &[Removed { leaf: 4 }]);
    }

    #[test]
    fn a_log_changed_throughout_is_cut_short() {
        let now: Vec<_> = (0..20_000_u32)
            .map(|number| leaf_hash(&number.to_be_bytes()))
            .collect();
        let then: Vec<_> = (0..20_000_u32)
            .map(|number| leaf_hash(&number.to_le_bytes()))
            .collect();
        let (changes, is_cut) = align(&now[1..], &then[1..]);
        assert!(is_cut && changes.len() >= MAX_STEPS / 2);
    }
}
