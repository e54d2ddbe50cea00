//! Lists behind each other in one piece of memory, and tallies over terms.

use std::ops::Range;

/// A list for each number from 0 on.
#[derive(Debug, Clone)]
pub(super) struct Lists<T> {
    ends: Vec<usize>,
    items: Vec<T>,
}

impl<T> Default for Lists<T> {
    fn default() -> Self {
        Self {
            ends: Vec::new(),
            items: Vec::new(),
        }
    }
}

impl<T> Lists<T> {
    /// Adds the next list.
    pub(super) fn push(&mut self, list: impl IntoIterator<Item = T>) {
        self.items.extend(list);
        self.ends.push(self.items.len());
    }

    /// The list of a number; empty beyond the last one.
    pub(super) fn get(&self, number: u32) -> &[T] {
        self.items.get(self.range(number)).unwrap_or_default()
    }

    /// Where the list of a number stands among all items.
    pub(super) fn range(&self, number: u32) -> Range<usize> {
        let number = number as usize;
        let end = self.ends.get(number).copied().unwrap_or(self.items.len());
        let start = match number.checked_sub(1) {
            Some(before) => self.ends.get(before).copied().unwrap_or(end),
            None => 0,
        };
        start..end
    }

    /// All items.
    pub(super) fn items(&self) -> &[T] {
        &self.items
    }
}

impl<T: Copy> Lists<T> {
    /// Puts items into the lists of their numbers, below `count`, keeping their order.
    pub(super) fn by_number(count: usize, items: &[(u32, T)]) -> Self {
        let Some((_, first)) = items.first() else {
            return Self {
                ends: vec![0; count],
                items: Vec::new(),
            };
        };
        let mut sizes = vec![0usize; count];
        for (number, _) in items {
            if let Some(size) = sizes.get_mut(*number as usize) {
                *size += 1;
            }
        }
        let mut next: Vec<usize> = Vec::with_capacity(count);
        let mut ends: Vec<usize> = Vec::with_capacity(count);
        let mut end = 0;
        for size in sizes {
            next.push(end);
            end += size;
            ends.push(end);
        }
        let mut sorted = vec![*first; end];
        for (number, item) in items {
            if let Some(at) = next.get_mut(*number as usize)
                && let Some(place) = sorted.get_mut(*at)
            {
                *place = *item;
                *at += 1;
            }
        }
        Self { ends, items: sorted }
    }
}

/// A sum for every term, of which few are touched.
#[derive(Debug)]
pub(super) struct Tally {
    sums: Vec<Option<f64>>,
    touched: Vec<u32>,
}

impl Tally {
    /// Nothing, over this many terms.
    pub(super) fn new(terms: usize) -> Self {
        Self {
            sums: vec![None; terms],
            touched: Vec::new(),
        }
    }

    /// Changes the sum of a term, 0 before it is touched.
    pub(super) fn change(&mut self, term: u32, to: impl FnOnce(f64) -> f64) {
        let Some(sum) = self.sums.get_mut(term as usize) else {
            return;
        };
        if sum.is_none() {
            self.touched.push(term);
        }
        *sum = Some(to(sum.unwrap_or(0.0)));
    }

    /// Adds to the sum of a term.
    pub(super) fn add(&mut self, term: u32, amount: f64) {
        self.change(term, |sum| sum + amount);
    }

    /// Takes out what was touched, in the order of the terms; the tally is empty afterwards.
    pub(super) fn take(&mut self) -> Vec<(u32, f64)> {
        let mut touched = std::mem::take(&mut self.touched);
        touched.sort_unstable();
        touched
            .into_iter()
            .filter_map(|term| Some((term, self.sums.get_mut(term as usize)?.take()?)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_come_into_the_lists_of_their_numbers_in_order() {
        let lists = Lists::by_number(3, &[(2, 'a'), (0, 'b'), (2, 'c')]);
        assert_eq!(lists.get(0), ['b']);
        assert!(lists.get(1).is_empty());
        assert_eq!(lists.get(2), ['a', 'c']);
        assert!(lists.get(3).is_empty());
        assert!(Lists::<char>::by_number(3, &[]).get(1).is_empty());
    }

    #[test]
    fn a_tally_gives_what_was_touched_and_forgets_it() {
        let mut tally = Tally::new(4);
        tally.add(3, 1.0);
        tally.add(1, 0.0);
        tally.add(3, 2.0);
        tally.add(9, 5.0);
        assert_eq!(tally.take(), [(1, 0.0), (3, 3.0)]);
        assert_eq!(tally.take(), []);
    }
}
