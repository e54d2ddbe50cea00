//! Facts so rare that they may lead to one person (特異な記述): phrases with a word that tells of such a fact. They are listed
//! for a person and never replaced.

use super::combine::Drafts;
use super::fold::{Class, class_of, fold, fold_word};
use super::words::WordsError;
use super::{Doubt, Reason};
use tsumugi_tables::{Lexicon, Marked, Source, Table};

#[derive(Debug, Clone, Copy)]
struct Cue;

impl Marked for Cue {
    fn marks(&self) -> u32 {
        1
    }
}

/// The words that tell of a rare fact.
#[derive(Debug)]
pub(crate) struct Cues {
    lexicon: Lexicon<Cue>,
}

impl Cues {
    /// Reads `rare_cues.tsv`.
    pub(crate) fn new(sources: &[Source<'_>]) -> Result<Self, WordsError> {
        let mut mistakes = Vec::new();
        let mut words = Vec::new();
        for source in sources
            .iter()
            .filter(|source| source.path == "deidentification/rare_cues.tsv")
        {
            let table = Table::parse(*source, &mut mistakes);
            words.extend(table.rows().map(|row| fold_word(row.get("word"))));
        }
        if let Some(mistake) = mistakes.into_iter().next() {
            return Err(WordsError::Row(mistake));
        }
        Ok(Self {
            lexicon: Lexicon::compile(words.iter().map(|word| (word.as_str(), &Cue)))?,
        })
    }

    /// Adds the phrases with such a word, each once.
    pub(crate) fn find(&self, chars: &[char], drafts: &mut Drafts) {
        const LONGEST: usize = 120;
        let folded: Vec<char> = chars.iter().map(|c| fold(*c)).collect();
        let mut done = 0;
        for found in self.lexicon.matches(&folded) {
            let (cue_start, cue_end) = (found.start as usize, found.end as usize);
            if cue_start < done {
                continue;
            }
            let ends = |c: &char| {
                let class = class_of(*c);
                matches!(class, Class::Stop | Class::Line | Class::Open | Class::Close)
            };
            let before = folded
                .get(cue_start.saturating_sub(LONGEST).max(done)..cue_start)
                .unwrap_or(&[]);
            let start = cue_start - before.iter().rev().take_while(|c| !ends(c)).count();
            let behind = folded.get(cue_end..).unwrap_or(&[]).iter().take(LONGEST);
            let end = cue_end + behind.take_while(|c| !ends(c)).count();
            drafts.review.push(Doubt {
                start,
                end,
                reason: Reason::Rare,
            });
            done = end;
        }
    }
}
