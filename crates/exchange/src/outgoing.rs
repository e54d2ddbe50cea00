//! As what a signed note goes back to the hospital's record: `data/exchange/write_back.tsv`.

use std::collections::BTreeMap;
use tsumugi_clinical::Code;
use tsumugi_tables::{Mistake, Source, Table};

const TABLE: Source<'static> = Source {
    path: "exchange/write_back.tsv",
    text: include_str!("../../../data/exchange/write_back.tsv"),
};
const LOINC: &str = "http://loinc.org";
/// The kind that stands for those the table does not have.
const USUAL: &str = "progress";

/// Kinds of notes, as the hospital's record knows them.
#[derive(Debug, Clone, Default)]
pub struct Kinds {
    rows: BTreeMap<String, (Code, String)>,
}

impl Kinds {
    /// The table of the program.
    pub fn embedded() -> Self {
        Self::parse(&[TABLE]).0
    }

    /// Reads tables of this form; the later row of a kind counts.
    pub fn parse(sources: &[Source<'_>]) -> (Self, Vec<Mistake>) {
        let mut kinds = Self::default();
        let mut mistakes = Vec::new();
        for source in sources {
            let table = Table::parse(*source, &mut mistakes);
            for row in table.rows() {
                let code = Code {
                    system: LOINC.into(),
                    code: row.get("loinc").into(),
                    display: row.get("display").into(),
                };
                let title = row.get("title").to_owned();
                kinds.rows.insert(row.get("kind").to_owned(), (code, title));
            }
        }
        (kinds, mistakes)
    }

    /// Code and title of a kind of note; of one the table does not have, those of a progress note.
    pub fn of(&self, kind: &str) -> Option<&(Code, String)> {
        self.rows.get(kind).or_else(|| self.rows.get(USUAL))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_the_program_has_no_mistake() {
        let (kinds, mistakes) = Kinds::parse(&[TABLE]);
        assert_eq!(mistakes, []);
        assert_eq!(&*kinds.of("discharge").unwrap().0.code, "18842-5");
        assert_eq!(kinds.of("something new"), kinds.of("progress"));
    }
}
