//! The differences between two versions of a note, line by line.

/// Most pairs of lines that are compared; a change that is larger is shown as a whole.
const MOST_PAIRS: usize = 250_000;

/// A line of one version or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line<'t> {
    /// In both.
    Same(&'t str),
    /// In the earlier one only.
    Gone(&'t str),
    /// In the later one only.
    New(&'t str),
}

/// The lines of both versions in order: what went before what came in its place.
pub(crate) fn lines<'t>(before: &'t str, after: &'t str) -> Vec<Line<'t>> {
    let (a, b): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let head = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let rest = a.len().min(b.len()) - head;
    let tail = a
        .iter()
        .rev()
        .zip(b.iter().rev())
        .take(rest)
        .take_while(|(a, b)| a == b)
        .count();
    let middle = |lines: &[&'t str]| -> Vec<&'t str> {
        lines.get(head..lines.len() - tail).unwrap_or_default().to_vec()
    };
    let mut found: Vec<Line<'t>> = a.iter().take(head).map(|line| Line::Same(line)).collect();
    changed(&middle(&a), &middle(&b), &mut found);
    found.extend(a.iter().skip(a.len() - tail).map(|line| Line::Same(line)));
    found
}

/// The longest common subsequence, where it is not too much to look for.
fn changed<'t>(a: &[&'t str], b: &[&'t str], found: &mut Vec<Line<'t>>) {
    if a.len().saturating_mul(b.len()) > MOST_PAIRS {
        found.extend(a.iter().map(|line| Line::Gone(line)));
        found.extend(b.iter().map(|line| Line::New(line)));
        return;
    }
    let width = b.len() + 1;
    // `length[i * width + j]`: of the longest sequence common to what follows line `i` and line `j`.
    let mut length = vec![0_u32; (a.len() + 1) * width];
    let at = |length: &[u32], i: usize, j: usize| length.get(i * width + j).copied().unwrap_or(0);
    for (i, line) in a.iter().enumerate().rev() {
        for (j, other) in b.iter().enumerate().rev() {
            let value = if line == other {
                at(&length, i + 1, j + 1) + 1
            } else {
                at(&length, i + 1, j).max(at(&length, i, j + 1))
            };
            if let Some(cell) = length.get_mut(i * width + j) {
                *cell = value;
            }
        }
    }
    let (mut i, mut j) = (0, 0);
    loop {
        match (a.get(i), b.get(j)) {
            (Some(line), Some(other)) if line == other => {
                found.push(Line::Same(line));
                (i, j) = (i + 1, j + 1);
            }
            (Some(line), other) if other.is_none() || at(&length, i + 1, j) >= at(&length, i, j + 1) => {
                found.push(Line::Gone(line));
                i += 1;
            }
            (_, Some(line)) => {
                found.push(Line::New(line));
                j += 1;
            }
            (_, None) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Line, lines};

    fn check(before: &str, after: &str, want: &str) {
        let shown: Vec<String> = lines(before, after)
            .iter()
            .map(|line| match line {
                Line::Same(line) => format!(" {line}"),
                Line::Gone(line) => format!("-{line}"),
                Line::New(line) => format!("+{line}"),
            })
            .collect();
        assert_eq!(shown.join("|"), want);
    }

    #[test]
    fn what_went_and_what_came() {
        check("a\nb\nc", "a\nb\nc", " a| b| c");
        check("a\nb", "a\nb\n\nc", " a| b|+|+c");
        check("a\nb\nc", "a\nx\nc", " a|-b|+x| c");
        check("a\nb\nc\nd", "b\nd\ne", "-a| b|-c| d|+e");
        check("", "a", "+a");
        check("a", "", "-a");
        check("a\na", "a", " a|-a");
    }

    #[test]
    fn a_note_of_many_lines_is_compared_at_once() {
        let many = |salt: &str| -> String {
            (0..20_000)
                .map(|line| format!("{salt}{line}"))
                .collect::<Vec<_>>()
                .join("\n")
        };
        let (before, after) = (many("a"), many("b"));
        let found = lines(&before, &after);
        assert_eq!(found.len(), 40_000);
    }
}
