//! Passwords that everybody tries first: the patterns of `data/policy/passwords.tsv`.
//!
//! A list of whole passwords would have to be long to be of use. Patterns are few: a password is worth what is left of
//! it once well-known words, runs of the keyboard, years, repetitions and the person's own names are crossed out.

use std::collections::BTreeSet;
use tsumugi_tables::{Mistake, Source, Table};

const TABLE: &str = include_str!("../../../data/policy/passwords.tsv");
const TABLE_PATH: &str = "policy/passwords.tsv";

/// Shortest piece of a run that counts, in characters.
const RUN_PIECE: usize = 4;

/// Fewest different characters.
const FEWEST_DIFFERENT: usize = 5;

/// Patterns of common passwords.
#[derive(Debug, Clone)]
pub struct CommonPasswords {
    words: Vec<Vec<char>>,
    runs: Vec<Vec<char>>,
    swaps: Vec<(char, char)>,
}

impl CommonPasswords {
    /// The patterns that come with the program.
    pub fn embedded() -> Self {
        Self::parse(Source {
            path: TABLE_PATH,
            text: TABLE,
        })
        .0
    }

    /// Reads the patterns of a table; gives its mistakes too. A row with a mistake is left out.
    pub fn parse(source: Source<'_>) -> (Self, Vec<Mistake>) {
        let mut mistakes = Vec::new();
        let table = Table::parse(source, &mut mistakes);
        let mut read = Self {
            words: Vec::new(),
            runs: Vec::new(),
            swaps: Vec::new(),
        };
        for row in table.rows() {
            let pattern: Vec<char> = row.get("pattern").chars().collect();
            match (row.get("kind"), pattern.as_slice()) {
                ("word", [_, _, _, ..]) => read.words.push(pattern),
                ("run", [_, _, _, _, ..]) => {
                    read.runs.push(pattern.iter().rev().copied().collect());
                    read.runs.push(pattern);
                }
                ("swap", ['=', ..] | [_] | []) => mistakes.push(wrong(source.path, row.line)),
                ("swap", [sign, '=', letter]) => read.swaps.push((*sign, *letter)),
                _ => mistakes.push(wrong(source.path, row.line)),
            }
        }
        (read, mistakes)
    }

    /// How many characters of a password are left once all patterns and `own` names are crossed out; none when too few of
    /// its characters differ.
    pub(crate) fn what_is_left(&self, password: &str, own: &[&str]) -> usize {
        let plain: Vec<char> = lower(password);
        let different: BTreeSet<char> = plain.iter().copied().collect();
        if different.len() < FEWEST_DIFFERENT {
            return 0;
        }
        let swapped: Vec<char> = plain.iter().map(|c| self.unswap(*c)).collect();
        let own: Vec<Vec<char>> = own.iter().map(|name| lower(name)).collect();
        let mut crossed = vec![false; plain.len()];
        for text in [&plain, &swapped] {
            for word in self.words.iter().chain(&own) {
                cross(text, word.len(), &mut crossed, |piece| piece == word.as_slice());
            }
        }
        cross(&plain, RUN_PIECE, &mut crossed, |piece| {
            is_year(piece)
                || self
                    .runs
                    .iter()
                    .any(|run| run.windows(RUN_PIECE).any(|part| part == piece))
        });
        cross(&plain, 3, &mut crossed, |piece| {
            piece.windows(2).all(|pair| pair.first() == pair.last())
        });
        crossed.iter().filter(|crossed| !**crossed).count()
    }

    fn unswap(&self, sign: char) -> char {
        let swap = self.swaps.iter().find(|(from, _)| *from == sign);
        swap.map_or(sign, |(_, letter)| *letter)
    }
}

fn wrong(path: &str, line: u32) -> Mistake {
    Mistake::new(
        path,
        line,
        "a word of three, a run of four characters or more, or a swap such as 0=o is wanted",
    )
}

fn lower(text: &str) -> Vec<char> {
    text.chars()
        .map(|c| c.to_lowercase().next().unwrap_or(c))
        .collect()
}

/// Crosses out every piece of `length` characters for which `is_common` holds.
fn cross(text: &[char], length: usize, crossed: &mut [bool], is_common: impl Fn(&[char]) -> bool) {
    if length == 0 {
        return;
    }
    for (start, piece) in text.windows(length).enumerate() {
        if is_common(piece) {
            for mark in crossed.iter_mut().skip(start).take(length) {
                *mark = true;
            }
        }
    }
}

/// 1900 to 2099.
fn is_year(piece: &[char]) -> bool {
    matches!(piece, ['1', '9', ..] | ['2', '0', ..]) && piece.iter().all(char::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::non_ascii_literal, reason = "a name of a person")]
    use super::*;

    #[test]
    fn the_table_has_no_mistakes() {
        let source = Source {
            path: TABLE_PATH,
            text: TABLE,
        };
        let (read, mistakes) = CommonPasswords::parse(source);
        assert_eq!(mistakes, []);
        assert!(read.words.len() > 40 && read.runs.len() > 10 && read.swaps.len() > 5);
    }

    #[test]
    fn mistakes_name_their_line() {
        let text = "pattern\tkind\tnote\nab\tword\tshort\nabc\trun\tshort\n=o\tswap\t\nx\tfoo\t\n";
        let (read, mistakes) = CommonPasswords::parse(Source { path: "x.tsv", text });
        let lines: Vec<u32> = mistakes.iter().map(|mistake| mistake.line).collect();
        assert_eq!(lines, [2, 3, 4, 5]);
        assert!(read.words.is_empty() && read.runs.is_empty() && read.swaps.is_empty());
    }

    #[test]
    fn what_is_left_of_common_passwords() {
        let common = CommonPasswords::embedded();
        let check = |password: &str, left: usize| {
            let own = ["h.sato", "Sato", "\u{4f50}\u{85e4}"];
            assert_eq!(common.what_is_left(password, &own), left, "{password}");
        };
        check("P@ssw0rd", 0);
        check("Password2026!", 1);
        check("Tsumugi#2026abcd", 1);
        check("qwertyuiop[]-=", 4);
        check("1qaz2wsx3edc", 0);
        check("0987654321ab!", 3);
        check("aaaaaaaaaaaaa", 0);
        check("ababababababab", 0);
        check("h.sato-19800401", 5);
        check("佐藤-Byouin-7777", 2);
        check("kX7#mRv2!pLq9", 13);
    }
}
