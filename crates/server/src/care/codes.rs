//! Code tables of `data/care` in two languages: causality, seriousness, outcome.

use crate::web::Language;
use std::sync::LazyLock;
use tsumugi_tables::{Source, Table};

/// A row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CodeRow {
    /// The code.
    pub(crate) code: String,
    ja: String,
    en: String,
    /// What it means, Japanese; empty where the table does not say.
    pub(crate) says: String,
    /// The code of FHIR R4.
    pub(crate) fhir: String,
}

impl CodeRow {
    /// The name in a language.
    pub(crate) fn name(&self, language: Language) -> &str {
        match language {
            Language::Japanese => &self.ja,
            Language::English => &self.en,
        }
    }
}

/// A table.
#[derive(Debug)]
pub(crate) struct Codes(Vec<CodeRow>);

impl Codes {
    /// All rows, in the order of the table.
    pub(crate) fn rows(&self) -> &[CodeRow] {
        &self.0
    }

    /// The row of a code.
    pub(crate) fn row(&self, code: &str) -> Option<&CodeRow> {
        self.0.iter().find(|row| row.code == code)
    }

    /// The name of a code in a language; the code where the table lacks it.
    pub(crate) fn name<'s>(&'s self, language: Language, code: &'s str) -> &'s str {
        self.row(code).map_or(code, |row| row.name(language))
    }

    fn read(path: &str, text: &str) -> Self {
        // Mistakes are a matter of the tests of the tables.
        let table = Table::parse(Source { path, text }, &mut Vec::new());
        let row = |row: tsumugi_tables::Row<'_, '_>| CodeRow {
            code: row.get("code").to_owned(),
            ja: row.get("ja").to_owned(),
            en: row.get("en").to_owned(),
            says: row.get("says").to_owned(),
            fhir: row.get("fhir").to_owned(),
        };
        Self(table.rows().map(row).collect())
    }
}

/// How sure it is that a drug did harm (WHO-UMC).
pub(crate) static CAUSALITY: LazyLock<Codes> = LazyLock::new(|| {
    let text = include_str!("../../../../data/care/causality.tsv");
    Codes::read("care/causality.tsv", text)
});

/// Why a harm is serious (ICH E2A).
pub(crate) static SERIOUSNESS: LazyLock<Codes> = LazyLock::new(|| {
    let text = include_str!("../../../../data/care/seriousness.tsv");
    Codes::read("care/seriousness.tsv", text)
});

/// What became of a harm.
pub(crate) static OUTCOMES: LazyLock<Codes> = LazyLock::new(|| {
    let text = include_str!("../../../../data/care/outcomes.tsv");
    Codes::read("care/outcomes.tsv", text)
});

#[cfg(test)]
mod tests {
    use super::*;
    use tsumugi_cds::Causality;

    #[test]
    fn what_the_engine_suggests_and_what_forms_begin_with_stands_in_the_tables() {
        for causality in [Causality::Conditional, Causality::Possible, Causality::Probable] {
            assert!(CAUSALITY.row(causality.code()).is_some(), "{}", causality.code());
        }
        assert!(SERIOUSNESS.row("none").is_some() && SERIOUSNESS.row("important").is_some());
        for code in ["ongoing", "resolved", "unknown"] {
            assert!(OUTCOMES.row(code).is_some(), "{code}");
        }
        assert_eq!(OUTCOMES.name(Language::English, "none such"), "none such");
    }
}
