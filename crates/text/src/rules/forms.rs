//! The forms of the lexicon, as the tables give them.

use super::Term;

/// The forms of all tables with what they mean, side by side in one text: there are more than a hundred thousand.
#[derive(Debug, Default)]
pub(crate) struct Forms {
    text: String,
    /// Where a form ends in the text, and its meaning.
    entries: Vec<(usize, Term)>,
}

impl Forms {
    pub(crate) fn push(&mut self, form: &str, term: Term) {
        self.text.push_str(form);
        self.entries.push((self.text.len(), term));
    }

    /// The forms in the order in which they came.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Term)> {
        let mut start = 0;
        self.entries.iter().map(move |(end, term)| {
            let form = self.text.get(start..*end).unwrap_or_default();
            start = *end;
            (form, term)
        })
    }
}
