//! Names that deny themselves and share their denial with what is enumerated before them (「体重減少、便通異常なし」).

use rustc_hash::FxHashMap;
use tsumugi_tables::TermKind;

type Words = Vec<Box<[char]>>;

/// The rows of `lexicon/endings.tsv` that say which names do, by what they begin with.
#[derive(Debug, Default)]
pub(crate) struct SharedDenials {
    /// Of complaints; shared with findings.
    complaints: Words,
    /// Of habits; shared with habits and deeds.
    habits: Words,
    /// Endings of names of deeds (服薬, 摂取).
    deeds: Words,
}

/// A name as it stands in a sentence, with the kind of its concept.
pub(crate) type NameInText<'a> = (&'a [char], Option<TermKind>);

impl SharedDenials {
    /// Reads the rows; `endings` are the forms of every row by its name.
    pub(super) fn new(endings: &FxHashMap<&str, Vec<&str>>) -> Self {
        let words = |name: &str| -> Words {
            let forms = endings.get(name).into_iter().flatten();
            forms.map(|form| form.chars().collect()).collect()
        };
        Self {
            complaints: words("shared-denial-complaint"),
            habits: words("shared-denial-habit"),
            deeds: words("deed"),
        }
    }

    /// Whether a name beginning in one of these words denies what is enumerated right before it, too. The caller has
    /// seen that the name ends in a denial.
    pub(crate) fn shares(&self, before: NameInText<'_>, name: NameInText<'_>) -> bool {
        let begins = |words: &Words| words.iter().any(|word| name.0.starts_with(word));
        match (before.1, name.1) {
            (Some(TermKind::Finding), Some(TermKind::Normal)) => begins(&self.complaints),
            (Some(TermKind::Circumstance), Some(TermKind::Circumstance)) => {
                begins(&self.habits) && self.habits.iter().any(|habit| before.0.starts_with(habit))
            }
            (_, Some(TermKind::Circumstance)) => {
                begins(&self.habits) && self.deeds.iter().any(|deed| before.0.ends_with(deed))
            }
            _ => false,
        }
    }
}
