//! The clinical information model (診療情報モデル) as data: what must be recorded for secondary use, in common for every
//! patient and by disease group, and where each item goes in FHIR.
//!
//! The model is written in `data/model/*.toml`, one file a group, so that a clinician can read and change it; these types
//! only read it. Templates ask for the items that are missing, the coder writes the item's id into an event, and the
//! exporter takes the FHIR target from it. An item belongs to one file; other groups refer to it by `uses`, so that a
//! concept answers one item only and smoking is the same smoking in every disease group.

use crate::entity::SectionKind;
use crate::event::{Event, EventKind, Experiencer};
use crate::ids::{Code, ConceptId};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What form the answer to an item has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ItemType {
    /// Any concept that answers the item (a diagnosis, a drug).
    Concept,
    /// A number with a unit.
    Quantity,
    /// One of the item's value set.
    Coded,
    /// Words.
    Text,
    /// A day.
    Date,
    /// Yes or no.
    Boolean,
}

/// What an item is recorded for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// The patient's own care.
    Care,
    /// Registries and research.
    Registry,
    /// Safety: contraindications, falls, wishes.
    Safety,
}

/// How often an item may and must be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
pub enum Cardinality {
    /// At most once.
    #[serde(rename = "0..1")]
    Optional,
    /// Exactly once.
    #[serde(rename = "1..1")]
    One,
    /// Any number of times.
    #[serde(rename = "0..*")]
    Any,
    /// At least once.
    #[serde(rename = "1..*")]
    Some,
}

/// Where an item goes in FHIR R4 / JP Core.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FhirTarget {
    /// Resource type, e.g. `Observation`.
    pub resource: Arc<str>,
    /// Element that holds the answer, e.g. `Observation.valueQuantity`.
    pub path: Arc<str>,
    /// Category code of the resource, e.g. `vital-signs`.
    #[serde(default)]
    pub category: Option<Arc<str>>,
    /// URL of the profile that the resource follows.
    #[serde(default)]
    pub profile: Option<Arc<str>>,
    /// Codes of the question itself, where the answer is a concept (smoking status) or the item has parts.
    #[serde(default)]
    pub codes: Vec<Code>,
}

/// Something that must or may be recorded.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// Stable id, e.g. `smoking`.
    pub id: Arc<str>,
    /// Japanese label.
    pub name: Arc<str>,
    /// Its reading, hiragana; empty when the label is ASCII.
    #[serde(default)]
    pub kana: Arc<str>,
    /// English label.
    pub en: Arc<str>,
    /// Form of the answer.
    #[serde(rename = "type")]
    pub kind: ItemType,
    /// Concepts that answer it, themselves only.
    #[serde(default)]
    pub concepts: Vec<ConceptId>,
    /// Concepts that answer it with all that lies below them.
    #[serde(default)]
    pub below: Vec<ConceptId>,
    /// Sections whose statements answer it, where no concept says so (chief complaint).
    #[serde(default)]
    pub sections: Vec<SectionKind>,
    /// Kinds of events that answer it, where no concept says so (medication). Concepts of an item of kind `allergy` are
    /// looked up for allergies only: a drug that is not tolerated is not one that is taken.
    #[serde(default)]
    pub kinds: Vec<EventKind>,
    /// Value set of a coded item.
    #[serde(default)]
    pub values: Vec<ConceptId>,
    /// The value that says that the habit has ended.
    #[serde(default)]
    pub ended: Option<ConceptId>,
    /// Concepts that are parts of one answer when they are stated together (systolic and diastolic).
    #[serde(default)]
    pub parts: Vec<ConceptId>,
    /// UCUM unit of a quantity; left out where several tests answer the item, each in its own unit (the terminology's).
    #[serde(default)]
    pub unit: Option<Arc<str>>,
    /// How often.
    pub cardinality: Cardinality,
    /// What for.
    pub why: Vec<Purpose>,
    /// Where in FHIR.
    pub fhir: FhirTarget,
}

/// Items that belong together: those of every patient, or those of a disease group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Stable id, e.g. `diabetes`; `common` is for every patient.
    pub id: Arc<str>,
    /// Japanese label.
    pub name: Arc<str>,
    /// Its reading, hiragana.
    pub kana: Arc<str>,
    /// English label.
    pub en: Arc<str>,
    /// The group is for patients with one of these concepts or of those below; none: for every patient.
    pub applies_to: Vec<ConceptId>,
    /// The group is for patients younger than this, in completed years.
    pub age_below: Option<u32>,
    /// Ids of its items, its own first, then those of other files that it uses.
    pub items: Vec<Arc<str>>,
}

/// The whole model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Model {
    groups: Vec<Group>,
    items: Vec<Item>,
    by_id: BTreeMap<Arc<str>, usize>,
    exact: BTreeMap<(Scope, ConceptId), usize>,
    below: BTreeMap<(Scope, ConceptId), usize>,
}

/// Allergies are looked up apart from everything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Scope {
    Statement,
    Allergy,
}

impl Model {
    /// Reads the files of the model, each with its path. What is wrong is left out and named, with file and key.
    pub fn parse<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> (Self, Vec<String>) {
        let mut files: Vec<(&str, &str)> = files.into_iter().collect();
        // The common items come first, the rest by name, in whatever order the files were found.
        files.sort_by_key(|(path, _)| (!path.ends_with("common.toml"), *path));
        let mut model = Self::default();
        let mut mistakes = Vec::new();
        let mut used = Vec::new();
        for (path, text) in files {
            match toml::from_str::<GroupFile>(text) {
                Ok(file) => model.add_group(path, file, &mut used, &mut mistakes),
                Err(error) => mistakes.push(format!("{path}: {}", error.message())),
            }
        }
        for (path, group, item) in used {
            if !model.by_id.contains_key(&item) {
                mistakes.push(format!("{path}: uses: no item has the id {item}"));
            } else if let Some(group) = model.groups.get_mut(group) {
                group.items.push(item);
            }
        }
        (model, mistakes)
    }

    /// The groups: `common` first, then by file name.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// All items, in the order of the files.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// The item with an id.
    pub fn item(&self, id: &str) -> Option<&Item> {
        self.by_id.get(id).and_then(|index| self.items.get(*index))
    }

    /// The items of a group, its own and those that it uses.
    pub fn items_of<'a>(&'a self, group: &'a Group) -> impl Iterator<Item = &'a Item> {
        group.items.iter().filter_map(|id| self.item(id))
    }

    /// The groups for a patient with a concept: the common one, and those of the disease. `ancestors` gives the broader
    /// concepts, the concept itself not needed.
    pub fn groups_for(
        &self,
        concept: &ConceptId,
        ancestors: impl Fn(&ConceptId) -> Vec<ConceptId>,
    ) -> Vec<&Group> {
        let broader = ancestors(concept);
        let is_for = |group: &&Group| {
            let is_for_all = group.applies_to.is_empty() && group.age_below.is_none();
            is_for_all
                || group
                    .applies_to
                    .iter()
                    .any(|one| one == concept || broader.contains(one))
        };
        self.groups.iter().filter(is_for).collect()
    }

    /// The item that a concept answers: one that names it, else one that names the nearest broader concept. `ancestors`
    /// gives the broader concepts of a concept, nearest first.
    pub fn item_for(
        &self,
        concept: &ConceptId,
        ancestors: impl Fn(&ConceptId) -> Vec<ConceptId>,
    ) -> Option<&Item> {
        self.look_up(Scope::Statement, concept, &ancestors)
    }

    /// The item that an event answers: by its concept, else by its kind, else by the section that it stands in.
    pub fn item_of(
        &self,
        event: &Event,
        section: Option<SectionKind>,
        ancestors: impl Fn(&ConceptId) -> Vec<ConceptId>,
    ) -> Option<&Item> {
        if event.experiencer != Experiencer::Patient {
            return (event.experiencer == Experiencer::Family)
                .then(|| self.of_section(SectionKind::Family))
                .flatten();
        }
        let scope = if event.kind == EventKind::Allergy {
            Scope::Allergy
        } else {
            Scope::Statement
        };
        let concept = event
            .measured
            .as_ref()
            .map_or(&event.concept, |measured| &measured.concept);
        self.look_up(scope, concept, &ancestors)
            .or_else(|| self.look_up(scope, &event.concept, &ancestors))
            .or_else(|| {
                let open = |item: &&Item| item.concepts.is_empty() && item.below.is_empty();
                self.items
                    .iter()
                    .filter(open)
                    .find(|item| item.kinds.contains(&event.kind))
            })
            .or_else(|| section.and_then(|section| self.of_section(section)))
    }

    /// The item whose parts a concept is one of (systolic pressure → blood pressure).
    pub fn whole_of(&self, part: &ConceptId) -> Option<&Item> {
        self.items.iter().find(|item| item.parts.contains(part))
    }

    /// Every concept that the model names and the vocabulary does not have, as mistakes with file and key.
    pub fn check_concepts(&self, exists: impl Fn(&str) -> bool) -> Vec<String> {
        let mut mistakes = Vec::new();
        for group in &self.groups {
            let unknown = group
                .applies_to
                .iter()
                .filter(|concept| !exists(concept.as_str()));
            mistakes.extend(unknown.map(|concept| format!("{}: applies_to: no concept {concept}", group.id)));
        }
        for item in &self.items {
            let lists = [
                ("concepts", &item.concepts),
                ("below", &item.below),
                ("values", &item.values),
                ("parts", &item.parts),
            ];
            for (key, list) in lists {
                let unknown = list.iter().filter(|concept| !exists(concept.as_str()));
                mistakes.extend(unknown.map(|concept| format!("{}: {key}: no concept {concept}", item.id)));
            }
        }
        mistakes
    }

    fn look_up(
        &self,
        scope: Scope,
        concept: &ConceptId,
        ancestors: &impl Fn(&ConceptId) -> Vec<ConceptId>,
    ) -> Option<&Item> {
        let own = (scope, concept.clone());
        let index = self
            .exact
            .get(&own)
            .or_else(|| self.below.get(&own))
            .copied()
            .or_else(|| {
                ancestors(concept)
                    .into_iter()
                    .find_map(|broader| self.below.get(&(scope, broader)).copied())
            });
        index.and_then(|index| self.items.get(index))
    }

    fn of_section(&self, section: SectionKind) -> Option<&Item> {
        self.items.iter().find(|item| item.sections.contains(&section))
    }

    fn add_group(
        &mut self,
        path: &str,
        file: GroupFile,
        used: &mut Vec<(String, usize, Arc<str>)>,
        mistakes: &mut Vec<String>,
    ) {
        let group = self.groups.len();
        if self.groups.iter().any(|known| known.id == file.id) {
            mistakes.push(format!("{path}: id: another file is the group {} too", file.id));
        }
        used.extend(file.uses.into_iter().map(|item| (path.to_owned(), group, item)));
        let mut own = Vec::new();
        for (place, table) in file.item.into_iter().enumerate() {
            let id = table
                .get("id")
                .and_then(toml::Value::as_str)
                .unwrap_or("without id")
                .to_owned();
            let wrong = |what: String| format!("{path}: item {} ({id}): {what}", place + 1);
            match toml::Value::Table(table).try_into::<Item>() {
                Ok(item) => {
                    mistakes.extend(item_mistakes(&item).into_iter().map(wrong));
                    if self.by_id.contains_key(&item.id) {
                        mistakes.push(wrong("id: another item has it".to_owned()));
                        continue;
                    }
                    own.push(Arc::clone(&item.id));
                    mistakes.extend(self.add_item(item).into_iter().map(wrong));
                }
                Err(error) => mistakes.push(wrong(error.message().to_owned())),
            }
        }
        let GroupFile {
            id,
            name,
            kana,
            en,
            applies_to,
            age_below,
            ..
        } = file;
        self.groups.push(Group {
            id,
            name,
            kana,
            en,
            applies_to,
            age_below,
            items: own,
        });
    }

    /// Adds an item; gives the concepts that answer another one already.
    fn add_item(&mut self, item: Item) -> Vec<String> {
        let index = self.items.len();
        let scope = if item.kinds.contains(&EventKind::Allergy) {
            Scope::Allergy
        } else {
            Scope::Statement
        };
        let mut taken = Vec::new();
        for (key, list, map) in [
            ("concepts", &item.concepts, &mut self.exact),
            ("below", &item.below, &mut self.below),
        ] {
            for concept in list {
                match map.get(&(scope, concept.clone())) {
                    Some(other) => taken.push((key, concept.clone(), *other)),
                    None => {
                        map.insert((scope, concept.clone()), index);
                    }
                }
            }
        }
        self.by_id.insert(Arc::clone(&item.id), index);
        self.items.push(item);
        let name = |other: usize| self.items.get(other).map_or("", |item| item.id.as_ref());
        taken
            .into_iter()
            .map(|(key, concept, other)| format!("{key}: {concept} answers {} already", name(other)))
            .collect()
    }
}

/// A file of the model as written. Items stay tables, so that one mistake costs one item.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupFile {
    id: Arc<str>,
    name: Arc<str>,
    kana: Arc<str>,
    en: Arc<str>,
    #[serde(default)]
    applies_to: Vec<ConceptId>,
    #[serde(default)]
    age_below: Option<u32>,
    #[serde(default)]
    uses: Vec<Arc<str>>,
    #[serde(default)]
    item: Vec<toml::Table>,
    #[expect(dead_code, reason = "for the reader of the file: who wrote it")]
    written_by: String,
    #[expect(dead_code, reason = "for the reader of the file: which clinician read it")]
    reviewed_by: Vec<String>,
    #[expect(
        dead_code,
        reason = "for the reader of the file: where the choice of items comes from"
    )]
    source: String,
}

/// What one item says that cannot be right, by key.
fn item_mistakes(item: &Item) -> Vec<String> {
    let is_reading = |c: char| matches!(c, '\u{3041}'..='\u{3096}' | '\u{30FC}');
    let is_id = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let unanswered = item.concepts.is_empty()
        && item.below.is_empty()
        && item.sections.is_empty()
        && item.kinds.is_empty();
    let outside = |concept: &&ConceptId| !item.values.contains(concept);
    let checks = [
        (
            item.id.is_empty() || !item.id.chars().all(is_id),
            "id: write lower-case ASCII words joined by -",
        ),
        (item.name.is_empty(), "name: is empty"),
        (
            item.en.is_empty() || !item.en.is_ascii(),
            "en: write an English label",
        ),
        (!item.kana.chars().all(is_reading), "kana: write hiragana"),
        (item.kana.is_empty() && !item.name.is_ascii(), "kana: is missing"),
        (
            unanswered,
            "concepts: nothing answers it; give concepts, below, sections or kinds",
        ),
        (
            item.kind == ItemType::Quantity && item.unit.is_none() && item.concepts.len() < 2,
            "unit: a quantity needs one",
        ),
        (
            item.kind != ItemType::Quantity && item.unit.is_some(),
            "unit: only a quantity has one",
        ),
        (
            item.kind == ItemType::Coded && item.values.len() < 2,
            "values: a coded item needs two or more",
        ),
        (
            item.kind != ItemType::Coded && !item.values.is_empty(),
            "values: only a coded item has them",
        ),
        (
            item.ended.iter().any(|ended| outside(&ended)),
            "ended: is not among the values",
        ),
        (item.why.is_empty(), "why: say what it is recorded for"),
        (!is_path_of(&item.fhir), "fhir.path: must begin with the resource"),
        (
            item.fhir.profile.iter().any(|url| !url.starts_with("http")),
            "fhir.profile: must be a URL",
        ),
        (
            !item.parts.is_empty() && item.fhir.codes.is_empty(),
            "fhir.codes: an item with parts needs a code of the whole",
        ),
    ];
    checks
        .into_iter()
        .filter(|(wrong, _)| *wrong)
        .map(|(_, message)| message.to_owned())
        .collect()
}

fn is_path_of(target: &FhirTarget) -> bool {
    target
        .path
        .strip_prefix(target.resource.as_ref())
        .is_some_and(|rest| rest.starts_with('.'))
}

#[cfg(test)]
mod tests;
