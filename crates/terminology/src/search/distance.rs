//! How many slips of the finger lie between two words.

/// Room for the rows of the table, kept from one comparison to the next.
#[derive(Debug, Default)]
pub(crate) struct Slips {
    before: Vec<usize>,
    above: Vec<usize>,
    row: Vec<usize>,
}

impl Slips {
    /// Characters left out, put in, mistaken or swapped with their neighbour (optimal string alignment); none when there
    /// are more than `most`.
    pub(crate) fn between(&mut self, one: &[char], other: &[char], most: usize) -> Option<usize> {
        if one.len().abs_diff(other.len()) > most {
            return None;
        }
        self.above.clear();
        self.above.extend(0..=other.len());
        let mut previous = None;
        for (index, a) in one.iter().enumerate() {
            let mut left = index + 1;
            let mut beside = None;
            self.row.clear();
            self.row.push(left);
            for (column, b) in other.iter().enumerate() {
                let mut cost = (at(&self.above, column) + usize::from(a != b))
                    .min(at(&self.above, column + 1) + 1)
                    .min(left + 1);
                if let Some(swapped) = column.checked_sub(1)
                    && previous == Some(b)
                    && beside == Some(a)
                {
                    cost = cost.min(at(&self.before, swapped) + 1);
                }
                self.row.push(cost);
                left = cost;
                beside = Some(b);
            }
            std::mem::swap(&mut self.before, &mut self.above);
            std::mem::swap(&mut self.above, &mut self.row);
            previous = Some(a);
        }
        self.above.last().copied().filter(|slips| *slips <= most)
    }
}

fn at(row: &[usize], column: usize) -> usize {
    // Longer than any word, and far from overflow.
    row.get(column).copied().unwrap_or(usize::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::Slips;

    #[test]
    fn slips_are_counted() {
        let mut slips = Slips::default();
        for (one, other, most, want) in [
            ("", "", 2, Some(0)),
            ("abc", "abc", 0, Some(0)),
            ("abc", "abd", 1, Some(1)),
            ("abc", "acb", 1, Some(1)),
            ("abc", "ab", 1, Some(1)),
            ("abc", "xabc", 1, Some(1)),
            ("pnuemonia", "pneumonia", 2, Some(1)),
            ("diabtes", "diabetes", 2, Some(1)),
            ("abcd", "badc", 2, Some(2)),
            ("abcd", "wxyz", 2, None),
            ("a", "abcd", 2, None),
        ] {
            let chars = |text: &str| text.chars().collect::<Vec<char>>();
            assert_eq!(
                slips.between(&chars(one), &chars(other), most),
                want,
                "{one} {other}"
            );
            assert_eq!(
                slips.between(&chars(other), &chars(one), most),
                want,
                "{other} {one}"
            );
        }
    }
}
