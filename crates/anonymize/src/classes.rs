//! Classes of rows that are alike: a key of packed codes, and how many rows have it.

use crate::hierarchy::Hierarchy;
use crate::table::{Table, width};

/// Where each column lies in a key, and how its codes go up.
pub(crate) struct Layout {
    columns: Vec<Place>,
}

struct Place {
    shift: u32,
    mask: u128,
    /// For each level from 1: from the code at the level below.
    up: Vec<Vec<u32>>,
    /// From level 0 to the last.
    top: Vec<u32>,
}

impl Place {
    fn code(&self, key: u128) -> u32 {
        ((key & self.mask) >> self.shift) as u32
    }

    fn mapped(&self, key: u128, map: &[u32]) -> u128 {
        let code = map.get(self.code(key) as usize).copied().unwrap_or(0);
        key & !self.mask | u128::from(code) << self.shift
    }
}

impl Layout {
    pub(crate) fn new(table: &Table) -> Self {
        let mut shift = 0;
        let columns = table
            .columns()
            .iter()
            .map(|column| {
                let bits = width(&column.hierarchy);
                let place = Place {
                    shift,
                    mask: ((1_u128 << bits) - 1) << shift,
                    up: ups(&column.hierarchy),
                    top: column.hierarchy.map(column.hierarchy.levels() - 1).to_vec(),
                };
                shift += bits;
                place
            })
            .collect();
        Self { columns }
    }

    /// A key with a column raised to a level, from the level below.
    fn raise(&self, key: u128, column: usize, level: usize) -> u128 {
        let Some(place) = self.columns.get(column) else {
            return key;
        };
        match level.checked_sub(1).and_then(|below| place.up.get(below)) {
            Some(up) => place.mapped(key, up),
            None => key,
        }
    }

    /// A key with all columns from one on raised from level 0 to their last level.
    fn top(&self, key: u128, from: usize) -> u128 {
        let columns = self.columns.iter().skip(from);
        columns.fold(key, |key, place| place.mapped(key, &place.top))
    }
}

fn ups(hierarchy: &Hierarchy) -> Vec<Vec<u32>> {
    (1..hierarchy.levels())
        .map(|level| {
            let mut up = vec![0; hierarchy.values()];
            for (below, above) in hierarchy.map(level - 1).iter().zip(hierarchy.map(level)) {
                if let Some(place) = up.get_mut(*below as usize) {
                    *place = *above;
                }
            }
            up
        })
        .collect()
}

/// Rows that are alike, counted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Classes {
    keys: Vec<u128>,
    counts: Vec<u32>,
}

/// Memory that is used again from one node to the next: places of keys, by their hash.
#[derive(Default)]
pub(crate) struct Scratch {
    slots: Vec<u32>,
}

impl Classes {
    /// The classes of a table as it is.
    pub(crate) fn of(table: &Table, layout: &Layout, scratch: &mut Scratch) -> Self {
        let mut keys = vec![0_u128; table.rows()];
        for (column, place) in table.columns().iter().zip(&layout.columns) {
            for (key, code) in keys.iter_mut().zip(&column.codes) {
                *key |= u128::from(*code) << place.shift;
            }
        }
        let mut classes = Self::default();
        scratch.clear(keys.len());
        for key in keys {
            classes.add(key, 1, scratch);
        }
        classes
    }

    /// The classes when a column goes up to a level from the one below.
    pub(crate) fn raised(&self, layout: &Layout, column: usize, level: usize, scratch: &mut Scratch) -> Self {
        let mut classes = Self::default();
        scratch.clear(self.keys.len());
        for (key, count) in self.keys.iter().zip(&self.counts) {
            classes.add(layout.raise(*key, column, level), *count, scratch);
        }
        classes
    }

    /// The classes when all columns from one on, which are at level 0, go up to their last level.
    pub(crate) fn topped(&self, layout: &Layout, from: usize, scratch: &mut Scratch) -> Self {
        let mut classes = Self::default();
        scratch.clear(self.keys.len());
        for (key, count) in self.keys.iter().zip(&self.counts) {
            classes.add(layout.top(*key, from), *count, scratch);
        }
        classes
    }

    /// Each class: the code of every column, and its rows.
    pub(crate) fn each<'c>(
        &'c self,
        layout: &'c Layout,
    ) -> impl Iterator<Item = (impl Iterator<Item = u32> + 'c, u32)> {
        self.keys.iter().zip(&self.counts).map(|(key, count)| {
            let codes = layout.columns.iter().map(move |place| place.code(*key));
            (codes, *count)
        })
    }

    /// How many rows stand in classes of fewer than `k`.
    pub(crate) fn rows_below(&self, k: u32) -> u64 {
        let below = self.counts.iter().filter(|count| **count < k);
        below.map(|count| u64::from(*count)).sum()
    }

    /// Adds rows to the class of a key.
    fn add(&mut self, key: u128, count: u32, scratch: &mut Scratch) {
        let mask = scratch.slots.len() - 1;
        let mut at = hash(key) as usize & mask;
        loop {
            let Some(slot) = scratch.slots.get_mut(at) else {
                return;
            };
            let Some(number) = slot.checked_sub(1) else {
                self.keys.push(key);
                self.counts.push(count);
                *slot = self.keys.len() as u32;
                return;
            };
            if self.keys.get(number as usize) == Some(&key) {
                if let Some(known) = self.counts.get_mut(number as usize) {
                    *known += count;
                }
                return;
            }
            at = (at + 1) & mask;
        }
    }
}

impl Scratch {
    fn clear(&mut self, keys: usize) {
        let size = (keys * 2).next_power_of_two().max(2);
        self.slots.clear();
        self.slots.resize(size, 0);
    }
}

fn hash(key: u128) -> u64 {
    const MIX: u64 = 0x9E37_79B9_7F4A_7C15;
    let low = (key as u64).wrapping_mul(MIX);
    let high = ((key >> u64::BITS) as u64)
        .wrapping_add(MIX)
        .wrapping_mul(0xC2B2_AE3D_27D4_EB4F);
    let both = low ^ high.rotate_left(29);
    (both ^ both >> 32).wrapping_mul(MIX) >> 20
}
