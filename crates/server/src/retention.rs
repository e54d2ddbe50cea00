//! How long documents are kept: the table of classes, what a site makes longer, and what of a store is past its day.

use crate::access::note_kind;
use anyhow::{Context as _, anyhow, bail};
use jiff::ToSpan as _;
use jiff::civil::Date;
use std::collections::BTreeMap;
use std::path::Path;
use tsumugi_records::{KeptDocument, Removal};

const TABLE: &str = include_str!("../../../data/policy/retention.tsv");
/// Name of a site's own table in the folder of the store.
pub(crate) const SITE_TABLE: &str = "retention.tsv";
/// Most years that a site may name: more is a slip of the pen.
const MOST_YEARS: i64 = 1000;

/// A class of documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Class {
    /// Its name.
    pub(crate) name: String,
    /// Kinds of note, in the words of the policy.
    kinds: Vec<String>,
    /// Full years of keeping.
    pub(crate) years: i64,
    /// By which law at least.
    pub(crate) law: String,
}

/// All classes, with what the site makes longer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Classes(BTreeMap<String, Class>);

impl Classes {
    /// The classes of the law; longer where the table in `folder` says so.
    ///
    /// # Errors
    /// A site's table with a mistake, or one that would keep for a shorter time than the law: with its line.
    pub(crate) fn of(folder: &Path) -> anyhow::Result<Self> {
        let mut classes = Self::read(TABLE)?;
        let place = folder.join(SITE_TABLE);
        match std::fs::read_to_string(&place) {
            Ok(text) => classes
                .lengthen(&text)
                .with_context(|| place.display().to_string())?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).context(place.display().to_string()),
        }
        Ok(classes)
    }

    fn read(text: &str) -> anyhow::Result<Self> {
        let mut classes = BTreeMap::new();
        for (line, cells) in rows(text) {
            let [name, kinds, years, law, ..] = cells.as_slice() else {
                bail!("line {line}: class, kinds, years and law are wanted");
            };
            let class = Class {
                name: (*name).to_owned(),
                kinds: kinds
                    .split(' ')
                    .filter(|kind| *kind != "-")
                    .map(str::to_owned)
                    .collect(),
                years: number(line, years)?,
                law: (*law).to_owned(),
            };
            classes.insert(class.name.clone(), class);
        }
        Ok(Self(classes))
    }

    fn lengthen(&mut self, text: &str) -> anyhow::Result<()> {
        for (line, cells) in rows(text) {
            let [name, years, ..] = cells.as_slice() else {
                bail!("line {line}: class and years are wanted");
            };
            let years = number(line, years)?;
            let class = self.0.get_mut(*name).ok_or_else(|| {
                anyhow!("line {line}: no class {name}; the classes are those of data/policy/retention.tsv")
            })?;
            if years < class.years {
                bail!(
                    "line {line}: {name} is kept {} years by law ({}), not {years}; a site makes it longer only",
                    class.years,
                    class.law
                );
            }
            class.years = years;
        }
        Ok(())
    }

    /// A class by its name.
    pub(crate) fn named(&self, name: &str) -> Option<&Class> {
        self.0.get(name)
    }

    /// The class of a document: that of its kind, or one that the patient's documents are kept by, whichever is the longer.
    pub(crate) fn class_of(&self, document: &KeptDocument) -> Option<&Class> {
        let kind = note_kind(&document.kind);
        let by_kind = self
            .0
            .values()
            .find(|class| class.kinds.iter().any(|own| own == kind));
        let named = document.class.as_deref().and_then(|name| self.named(name));
        by_kind.into_iter().chain(named).max_by_key(|class| class.years)
    }

    /// The last day on which a document is kept: full years after the end of the course, or after the last entry of the
    /// patient where that is later. None while the course goes on.
    pub(crate) fn kept_until(&self, document: &KeptDocument) -> Option<Date> {
        let from = document.course_end?.max(document.last_entry);
        let class = self.class_of(document)?;
        from.checked_add(class.years.years()).ok()
    }

    /// The removal of a document that is past its day on `today`; none where it is not, or something stands against it.
    pub(crate) fn past(&self, document: &KeptDocument, today: Date) -> Option<Removal> {
        let kept_until = self.kept_until(document)?;
        let is_past = kept_until < today && !document.is_held && !document.is_unconfirmed;
        is_past.then(|| Removal {
            document: document.document,
            version: document.version,
            class: self
                .class_of(document)
                .map(|class| class.name.clone())
                .unwrap_or_default(),
            kept_until,
        })
    }
}

/// Who approved a removal as it would be now, each once.
pub(crate) fn approvers<'d>(document: &'d KeptDocument, removal: &Removal) -> Vec<&'d str> {
    let same = document
        .approvals
        .iter()
        .filter(|approval| approval.class == removal.class && approval.kept_until == removal.kept_until);
    let mut names: Vec<&str> = same.map(|approval| approval.author.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The rows of a table behind its head, with the number of their line.
fn rows(text: &str) -> impl Iterator<Item = (usize, Vec<&str>)> {
    let lines = text.lines().enumerate().skip(1);
    lines
        .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'))
        .map(|(index, line)| (index + 1, line.split('\t').map(str::trim).collect()))
}

fn number(line: usize, text: &str) -> anyhow::Result<i64> {
    let years = text.parse().ok().filter(|years| (1..=MOST_YEARS).contains(years));
    years.ok_or_else(|| anyhow!("line {line}: {text} is no number of years from 1 to {MOST_YEARS}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tsumugi_records::{DocumentId, PatientId};

    fn classes() -> Classes {
        Classes::read(TABLE).unwrap()
    }

    fn document(kind: &str, course_end: Option<&str>, last_entry: &str) -> KeptDocument {
        KeptDocument {
            document: DocumentId::new(1),
            patient: PatientId::new(1),
            number: "1".to_owned(),
            kind: kind.to_owned(),
            version: 1,
            written: "2015-01-01".parse().unwrap(),
            course_end: course_end.map(|day| day.parse().unwrap()),
            last_entry: last_entry.parse().unwrap(),
            is_held: false,
            class: None,
            is_unconfirmed: false,
            approvals: Vec::new(),
        }
    }

    #[test]
    fn every_kind_of_note_has_a_class_of_at_least_the_years_of_the_law() {
        let policy = tsumugi_access::Policy::read(&tsumugi_access::PolicyText::default()).unwrap();
        for kind in policy.note_kinds() {
            let class = classes()
                .class_of(&document(kind.as_str(), None, "2015-01-01"))
                .cloned()
                .unwrap();
            let least = if matches!(kind.as_str(), "progress" | "summary") {
                5
            } else {
                3
            };
            assert!(class.years >= least && !class.law.is_empty(), "{kind}");
        }
        assert_eq!(classes().named("biological").unwrap().years, 20);
    }

    #[test]
    fn the_years_count_from_the_end_of_the_course_or_the_last_entry() {
        let check = |document: &KeptDocument, want: Option<&str>| {
            let until = classes().kept_until(document).map(|day| day.to_string());
            assert_eq!(until.as_deref(), want);
        };
        check(&document("progress", None, "2015-01-01"), None);
        check(
            &document("progress", Some("2015-03-31"), "2015-01-01"),
            Some("2020-03-31"),
        );
        check(
            &document("nursing", Some("2015-03-31"), "2015-01-01"),
            Some("2018-03-31"),
        );
        // An addendum after the end, and the day that a leap year has not.
        check(
            &document("progress", Some("2015-03-31"), "2016-02-29"),
            Some("2021-02-28"),
        );
        // What every other kind is called by is a record.
        check(
            &document("admission", Some("2015-03-31"), "2015-01-01"),
            Some("2020-03-31"),
        );
        let mut blood = document("nursing", Some("2015-03-31"), "2015-01-01");
        blood.class = Some("biological".to_owned());
        check(&blood, Some("2035-03-31"));
        blood.class = Some("nursing".to_owned());
        blood.kind = "progress".to_owned();
        check(&blood, Some("2020-03-31"));
    }

    #[test]
    fn what_is_held_or_waits_is_not_past() {
        let today: Date = "2026-11-22".parse().unwrap();
        let mut old = document("progress", Some("2015-03-31"), "2015-01-01");
        assert!(classes().past(&old, today).is_some());
        assert!(
            classes().past(&old, "2020-03-31".parse().unwrap()).is_none(),
            "a clock set back"
        );
        old.is_held = true;
        assert!(classes().past(&old, today).is_none());
        old.is_held = false;
        old.is_unconfirmed = true;
        assert!(classes().past(&old, today).is_none());
    }

    #[test]
    fn a_site_makes_it_longer_and_never_shorter() {
        let mut own = classes();
        own.lengthen("class\tyears\n# ten years\nrecord\t10\n").unwrap();
        assert_eq!(own.named("record").unwrap().years, 10);
        let refused = |text: &str| classes().lengthen(text).unwrap_err().to_string();
        assert!(
            refused("class\tyears\nnursing\t3\nrecord\t4\n")
                .contains("line 3: record is kept 5 years by law")
        );
        assert!(refused("class\tyears\nletters\t5\n").contains("no class letters"));
        assert!(refused("class\tyears\nrecord\tten\n").contains("line 2: ten is no number"));
        assert!(refused("class\tyears\nrecord\n").contains("line 2"));
    }
}
