//! Reads `lexicon/staging.tsv`: every way of writing a staging becomes a form of the lexicon.

use super::StagingForm;
use super::values::{Values, expand};
use crate::rules::{Loader, Term, case_variants};
use rustc_hash::FxHashMap;
use tsumugi_clinical::ModifierKind;
use tsumugi_tables::TermKind;

const STAGING: &str = "lexicon/staging.tsv";
const ENDINGS: &str = "lexicon/endings.tsv";

/// A row of the table, as far as it says what a staging is. Several rows may be of one staging.
#[derive(Debug, Clone)]
pub struct StagingRow {
    /// Line of the table.
    pub line: u32,
    /// Id of the staging.
    pub staging: Box<str>,
    /// Its Japanese name.
    pub name: Box<str>,
    /// Kind.
    pub kind: ModifierKind,
    /// Concepts it can belong to, with all that is narrower; empty: any disease or finding.
    pub concepts: Vec<Box<str>>,
    /// Of these, concepts it cannot belong to, with all that is narrower.
    pub except: Vec<Box<str>>,
    /// Whether the writing says without its disease what it is; if not, it is read only right beside its disease.
    pub alone: bool,
    /// Whether two facts with different values of it are two facts.
    pub in_fact: bool,
    /// The disease that its forms name themselves (CKD stage 3).
    pub implies: Option<Box<str>>,
    /// Whether an item of the model states the value beside it.
    pub has_item: bool,
}

/// What the parser of stagings is told by the tables.
#[derive(Debug, Default)]
pub(crate) struct StagingWords {
    pub(crate) rows: Vec<StagingRow>,
    /// Values of every row.
    pub(super) values: Vec<Values>,
    /// Words between what announces a value and the value.
    pub(super) between: Vec<Box<[char]>>,
    /// Words that close a value.
    pub(super) behind: Vec<Box<[char]>>,
    /// Words behind which a value was none.
    pub(super) never_behind: Vec<Box<[char]>>,
    /// Words that may stand between a disease and its staging.
    pub(crate) gap: Vec<Box<[char]>>,
}

impl StagingWords {
    /// Whether a text holds nothing but words that may stand between a disease and its staging.
    pub(crate) fn joins(&self, gap: &str) -> bool {
        let chars: Vec<char> = gap.chars().collect();
        let mut rest = chars.as_slice();
        while !rest.is_empty() {
            let words = self.gap.iter().chain(&self.between).chain(&self.behind);
            let longest = words
                .filter(|word| rest.starts_with(word))
                .map(|word| word.len())
                .max();
            let Some(after) = longest.and_then(|length| rest.get(length..)) else {
                return false;
            };
            rest = after;
        }
        true
    }
}

/// Items of the vocabulary, and what their names announce.
type Anchors = FxHashMap<(TermKind, u32), Vec<StagingForm>>;

/// The cells of a row that say how it is written.
struct Writing<'a> {
    before: &'a str,
    values: &'a str,
    behind: &'a str,
    whole: &'a str,
    item: &'a str,
}

impl<'a> Loader<'a> {
    /// Reads the table of stagings; `concept_of` gives the kind and index of a concept's id. The names of the items that
    /// rows name are among the forms already.
    pub(crate) fn load_staging(&mut self, concept_of: impl Fn(&str) -> Option<(TermKind, u32)>) {
        let numerals = self.load_staging_words();
        let mut anchors = Anchors::default();
        let columns = [
            "staging", "name", "kind", "before", "values", "behind", "whole", "concepts", "except", "alone",
            "item", "in_fact", "implies",
        ];
        for (line, cells) in self.rows(STAGING, columns) {
            let [
                staging,
                name,
                kind,
                before,
                values,
                behind,
                whole,
                concepts,
                except,
                alone,
                item,
                in_fact,
                implies,
            ] = cells;
            let Some(kind) = kind_of(kind) else {
                self.wrong(STAGING, line, "kind", kind);
                continue;
            };
            let list = |cell: &str| {
                cell.split('|')
                    .filter(|id| !id.is_empty())
                    .map(Box::from)
                    .collect()
            };
            let row = self.rules.staging.rows.len() as u32;
            self.rules.staging.rows.push(StagingRow {
                line,
                staging: staging.into(),
                name: name.into(),
                kind,
                concepts: list(concepts),
                except: list(except),
                alone: alone == "yes",
                in_fact: in_fact == "yes",
                implies: (!implies.is_empty()).then(|| implies.into()),
                has_item: !item.is_empty(),
            });
            let writing = Writing {
                before,
                values,
                behind,
                whole,
                item,
            };
            if let Err(message) = self.add_writing(row, &writing, &numerals, &mut anchors, &concept_of) {
                self.wrong(STAGING, line, "pattern", &message);
            }
        }
        self.add_names_of_items(&anchors);
    }

    /// Reads the words around stagings, and gives the numerals in kanji.
    fn load_staging_words(&mut self) -> Vec<&'a str> {
        let words: FxHashMap<&str, Vec<&'a str>> = self
            .rows(ENDINGS, ["name", "forms"])
            .into_iter()
            .map(|(_, [name, forms])| (name, forms.split('|').collect()))
            .collect();
        let words = |name: &str| words.get(name).map_or(&[][..], Vec::as_slice);
        let spelled = |name: &str| -> Vec<Box<[char]>> {
            words(name).iter().map(|word| word.chars().collect()).collect()
        };
        let staging = &mut self.rules.staging;
        staging.between = spelled("staging-between");
        staging.between.push(Box::from([' ']));
        staging.behind = spelled("staging-behind");
        staging.never_behind = spelled("staging-never-behind");
        staging.gap = spelled("staging-gap");
        for word in words("staging-never") {
            self.add(word, Term::Staging(StagingForm::Never));
        }
        words("numerals").to_vec()
    }

    fn add_writing(
        &mut self,
        row: u32,
        writing: &Writing<'_>,
        numerals: &[&str],
        anchors: &mut Anchors,
        concept_of: impl Fn(&str) -> Option<(TermKind, u32)>,
    ) -> Result<(), String> {
        let folding = &self.rules.folding;
        let values = Values::parse(writing.values, &|text: &str| folding.fold_form(text))?;
        let is_of_parts = values.has_parts();
        self.rules.staging.values.push(values);
        let anchor = if is_of_parts {
            StagingForm::Begins(row)
        } else {
            StagingForm::Before(row)
        };
        for form in writing.before.split('|').filter(|form| !form.is_empty()) {
            self.add_anchor(form, &anchor);
        }
        if !writing.item.is_empty() {
            let item = concept_of(writing.item).ok_or_else(|| writing.item.to_owned())?;
            anchors.entry(item).or_default().push(anchor);
        }
        for behind in writing.behind.split('|').filter(|behind| !behind.is_empty()) {
            for written in expand(writing.values, numerals)? {
                let form = format!("{}{behind}", written.text);
                self.add_whole(&form, row, &written.value);
            }
        }
        for written in expand(writing.whole, &[])? {
            self.add_whole(&written.text, row, &written.value);
        }
        Ok(())
    }

    fn add_whole(&mut self, form: &str, row: u32, value: &str) {
        let value = value.into();
        self.add(form, Term::Staging(StagingForm::Whole { row, value }));
    }

    /// A word that announces a value, in its usual cases.
    fn add_anchor(&mut self, form: &str, anchor: &StagingForm) {
        let folded = self.rules.folding.fold_form(form);
        for variant in case_variants(&folded) {
            self.forms.push(&variant, Term::Staging(anchor.clone()));
        }
        self.forms.push(&folded, Term::Staging(anchor.clone()));
    }

    /// The names of the items announce values, too.
    fn add_names_of_items(&mut self, anchors: &Anchors) {
        let mut names: Vec<(String, Term)> = Vec::new();
        for (form, term) in self.forms.iter() {
            let Term::Concept { kind, key, .. } = term else {
                continue;
            };
            for anchor in anchors.get(&(*kind, *key)).into_iter().flatten() {
                names.push((form.to_owned(), Term::Staging(anchor.clone())));
            }
        }
        for (form, term) in names {
            self.forms.push(&form, term);
        }
    }
}

fn kind_of(word: &str) -> Option<ModifierKind> {
    Some(match word {
        "stage" => ModifierKind::Stage,
        "grade" => ModifierKind::Grade,
        "class" => ModifierKind::Class,
        "type" => ModifierKind::Type,
        _ => return None,
    })
}
