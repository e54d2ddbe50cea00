//! One address for each code system: JP Core changed many between 1.1.2 and 1.2, and sources write OIDs, too.

use crate::embedded::exchange_files;
use std::collections::BTreeMap;
use std::sync::LazyLock;
use tsumugi_tables::{Mistake, Source, Table};

const PATH: &str = "exchange/systems.tsv";

/// The table `exchange/systems.tsv`: alias → the address under which codes are kept and looked up.
#[derive(Debug, Default)]
pub struct Systems(BTreeMap<Box<str>, Box<str>>);

impl Systems {
    /// Reads the table; an alias of two systems is a mistake.
    pub fn new(sources: &[Source<'_>], mistakes: &mut Vec<Mistake>) -> Self {
        let mut systems = Self::default();
        let Some(source) = sources.iter().find(|source| source.path == PATH) else {
            mistakes.push(Mistake::new(PATH, 1, "missing"));
            return systems;
        };
        for row in Table::parse(*source, mistakes).rows() {
            let (alias, canonical) = (row.get("alias"), row.get("canonical"));
            let known = systems.0.insert(alias.into(), canonical.into());
            if known.is_some_and(|known| known.as_ref() != canonical) {
                mistakes.push(Mistake::new(PATH, row.line, format!("{alias} means two systems")));
            }
        }
        systems
    }

    /// The address that is used for a system; the one given where the table has none.
    pub fn canonical<'s>(&'s self, system: &'s str) -> &'s str {
        let plain = system.trim().trim_end_matches('/');
        self.0.get(plain).map_or(plain, AsRef::as_ref)
    }
}

static EMBEDDED: LazyLock<Systems> = LazyLock::new(|| {
    let files = exchange_files();
    Systems::new(&crate::embedded::sources_of(&files), &mut Vec::new())
});

/// The address that is used for a code system, by the embedded table; the one given where the table has none.
pub fn canonical(system: &str) -> &str {
    let plain = system.trim().trim_end_matches('/');
    EMBEDDED.0.get(plain).map_or(plain, AsRef::as_ref)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_and_its_system_are_one() {
        let jlac = crate::system::JLAC10;
        assert_eq!(canonical("urn:oid:1.2.392.200119.4.504"), jlac);
        assert_eq!(
            canonical("http://jpfhir.jp/fhir/core/CodeSystem/JP_ObservationLabResultCode_CS"),
            jlac
        );
        assert_eq!(canonical(jlac), jlac);
        // An ICD-10 of no edition, or of 2003, has other codes than that of 2013.
        for other in ["http://hl7.org/fhir/sid/icd-10", "urn:oid:2.16.840.1.113883.6.3"] {
            assert_eq!(canonical(other), other);
        }
        assert_eq!(canonical("urn:local:x"), "urn:local:x");
    }

    #[test]
    fn the_embedded_table_has_no_mistakes() {
        let mut mistakes = Vec::new();
        let files = exchange_files();
        let systems = Systems::new(&crate::embedded::sources_of(&files), &mut mistakes);
        assert_eq!(mistakes, []);
        // No alias leads to an alias.
        for canonical in systems.0.values() {
            assert!(!systems.0.contains_key(canonical), "{canonical}");
        }
    }
}
