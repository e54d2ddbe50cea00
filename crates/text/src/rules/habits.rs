//! The table of habits, and what a section or heading that only denies says.

use super::{Loader, Rules, Term, Word};
use crate::tokens::{CharClass, class};
use std::sync::Arc;

impl Rules {
    /// The row that says what a lone denial behind this heading denies; its marks (`【】：`) do not count.
    pub(crate) fn denied_heading(&self, heading: &[char]) -> Option<u32> {
        let is_mark = |c: &char| class(*c) == CharClass::Mark;
        let start = heading.iter().position(|c| !is_mark(c))?;
        let end = heading.iter().rposition(|c| !is_mark(c))? + 1;
        let words = heading.get(start..end)?;
        let row = self
            .denied_headings
            .iter()
            .position(|(form, _)| **form == *words)?;
        u32::try_from(row).ok()
    }
}

impl Loader<'_> {
    pub(super) fn load_habits(&mut self) {
        for (_, [form, kind, value]) in self.rows("lexicon/habits.tsv", ["form", "kind", "value"]) {
            match kind {
                "denied-section" => {
                    match serde_json::from_value(serde_json::Value::String(form.to_owned())) {
                        Ok(section) => self.rules.denied_sections.push((section, value.into())),
                        Err(_) => self.wrong("lexicon/habits.tsv", 1, "section", form),
                    }
                }
                "denied-heading" => {
                    let row = (form.chars().collect(), value.into());
                    self.rules.denied_headings.push(row);
                }
                _ => self.add(
                    form,
                    Term::Habit(Arc::new(Word {
                        kind: kind.into(),
                        value: value.into(),
                    })),
                ),
            }
        }
    }
}
