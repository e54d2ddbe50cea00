//! The codes of the 手帳, as `data/exchange/okusuri.tsv` says them.

use std::collections::BTreeMap;
use tsumugi_tables::{Mistake, Source, Table};

const OKUSURI: Source<'static> = Source {
    path: "exchange/okusuri.tsv",
    text: include_str!("../../../../data/exchange/okusuri.tsv"),
};

/// Names and meanings of codes, by kind and code.
#[derive(Debug, Clone, Default)]
pub struct Tables {
    rows: BTreeMap<(String, String), (String, String)>,
}

impl Tables {
    /// The table of the program.
    pub fn embedded() -> Self {
        Self::parse(&[OKUSURI]).0
    }

    /// Reads tables of this form; the later row of a kind and code counts.
    pub fn parse(sources: &[Source<'_>]) -> (Self, Vec<Mistake>) {
        let mut tables = Self::default();
        let mut mistakes = Vec::new();
        for source in sources {
            let table = Table::parse(*source, &mut mistakes);
            for row in table.rows() {
                tables.rows.insert(
                    (row.get("kind").to_owned(), row.get("code").to_owned()),
                    (row.get("name").to_owned(), row.get("as").to_owned()),
                );
            }
        }
        (tables, mistakes)
    }

    /// Name and meaning; empty where no row has the code.
    pub(crate) fn get(&self, kind: &str, code: &str) -> (&str, &str) {
        self.rows
            .get(&(kind.to_owned(), code.to_owned()))
            .map_or(("", ""), |(name, says)| (name.as_str(), says.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_the_program_has_no_mistake() {
        let (tables, mistakes) = Tables::parse(&[OKUSURI]);
        assert_eq!(mistakes, []);
        assert_eq!(tables.get("form", "1").1, "daily");
        assert_eq!(tables.get("form", "99"), ("", ""));
    }
}
