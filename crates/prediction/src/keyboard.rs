//! What is typed for a reading with an input method in romaji: `prediction/romaji.tsv`.

use rustc_hash::FxHashMap;
use tsumugi_tables::{Mistake, Source, Table};

/// The small っ, which a doubled consonant stands for.
const DOUBLING: char = '\u{3063}';
/// ん, which one `n` stands for before a consonant that is neither `n` nor `y`.
const NASAL: char = '\u{3093}';

/// Kana and the shortest spelling of each.
#[derive(Debug, Clone, Default)]
pub struct Keyboard {
    spellings: FxHashMap<Box<[char]>, Box<str>>,
    longest: usize,
}

impl Keyboard {
    /// Reads the table; mistakes go to `mistakes`.
    pub fn new(sources: &[Source<'_>], mistakes: &mut Vec<Mistake>) -> Self {
        let mut keyboard = Self::default();
        let tables = sources
            .iter()
            .filter(|source| source.path == "prediction/romaji.tsv");
        for source in tables {
            for row in Table::parse(*source, mistakes).rows() {
                let kana: Box<[char]> = row.get("kana").chars().collect();
                let shortest = row.get("romaji").split('|').min_by_key(|spelling| spelling.len());
                let Some(spelling) = shortest.filter(|spelling| !spelling.is_empty() && !kana.is_empty())
                else {
                    mistakes.push(Mistake::new(
                        source.path,
                        row.line,
                        "a kana and its romaji wanted",
                    ));
                    continue;
                };
                keyboard.longest = keyboard.longest.max(kana.len());
                keyboard.spellings.insert(kana, spelling.into());
            }
        }
        keyboard
    }

    /// The keys for a reading, fewest; what has no row is typed as it stands.
    pub fn keys(&self, reading: &str) -> String {
        let chars: Vec<char> = reading.chars().collect();
        let mut keys = String::with_capacity(reading.len());
        let mut rest = chars.as_slice();
        let mut nasal = false;
        while !rest.is_empty() {
            let (written, behind) = self.first(rest);
            if nasal {
                let is_joined = written.starts_with(['a', 'i', 'u', 'e', 'o', 'n', 'y'])
                    || !written.starts_with(|c: char| c.is_ascii_lowercase());
                keys.push_str(if is_joined { "nn" } else { "n" });
                nasal = false;
            }
            if rest.first() == Some(&NASAL) {
                nasal = true;
            } else {
                keys.push_str(&written);
            }
            rest = behind;
        }
        if nasal {
            keys.push_str("nn");
        }
        keys
    }

    /// The keys of what stands first, and what stands behind it.
    fn first<'r>(&self, rest: &'r [char]) -> (String, &'r [char]) {
        let Some((first, behind)) = rest.split_first() else {
            return (String::new(), rest);
        };
        let doubled = (*first == DOUBLING)
            .then(|| self.row(behind))
            .flatten()
            .filter(|(spelling, _)| spelling.starts_with(is_consonant));
        if let Some((spelling, after)) = doubled {
            let consonant = spelling.chars().next().map(String::from).unwrap_or_default();
            return (consonant + spelling, after);
        }
        self.row(rest).map_or_else(
            || (first.to_string(), behind),
            |(spelling, after)| (spelling.to_owned(), after),
        )
    }

    fn row<'r>(&self, rest: &'r [char]) -> Option<(&str, &'r [char])> {
        (1..=self.longest.min(rest.len())).rev().find_map(|width| {
            let (kana, behind) = rest.split_at_checked(width)?;
            Some((self.spellings.get(kana)?.as_ref(), behind))
        })
    }
}

fn is_consonant(letter: char) -> bool {
    letter.is_ascii_lowercase() && !matches!(letter, 'a' | 'i' | 'u' | 'e' | 'o' | 'n')
}
