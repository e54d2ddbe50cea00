//! FHIR R4 / JP Core, outgoing: the events of a note as a Bundle of resources, each with its place in the text.
//!
//! Nothing is said that the note does not say. What is of relatives becomes their history; what is of others, general or
//! hypothetical is not exported; what is denied is refuted and never confirmed. Why findings are Conditions, wishes are
//! Observations, and the place in the text is a Provenance: `docs/decisions/0003-findings-in-fhir.md`.

mod act;
mod condition;
mod document;
mod elements;
mod medication;
mod observation;
pub(crate) mod systems;
mod time;

use elements::{Field, id_of, object, prune, reference, urn, with};
use jiff::civil::DateTime;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use tsumugi_clinical::{
    Because, Certainty, Code, ConceptId, Entity, Event, EventKind, Experiencer, Item, Model, Note, Polarity,
    SectionKind, StructuredNote, Tag,
};

/// A note with what is known beside its text, and the two questions that only a vocabulary can answer.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// The note: id, text, date, patient.
    pub note: &'a Note,
    /// Who wrote it.
    pub author: Option<&'a str>,
    /// When it was written, civil time of Japan, where more than the date is known.
    pub written: Option<DateTime>,
    /// Kind of document, in LOINC; a progress note where none is given.
    pub kind: Option<&'a Code>,
    /// System of the patient's identifier: the facility's own URN; ours where none is given.
    pub patient_system: Option<&'a str>,
    /// Edition of the tables that the note was structured with.
    pub edition: &'a str,
    /// The patient is a dummy: every resource is marked as test data.
    pub dummy: bool,
    /// The note was entered on behalf of a physician who has not confirmed it: its document is preliminary.
    pub preliminary: bool,
    /// Whether a concept is a normal finding (abdomen flat): it is observed, and no condition.
    pub is_normal: &'a dyn Fn(&ConceptId) -> bool,
    /// The broader concepts of a concept, nearest first.
    pub ancestors: &'a dyn Fn(&ConceptId) -> Vec<ConceptId>,
}

impl<'a> Source<'a> {
    /// A note of which nothing else is known.
    pub fn new(note: &'a Note, edition: &'a str) -> Self {
        Self {
            note,
            author: None,
            written: None,
            kind: None,
            patient_system: None,
            edition,
            dummy: false,
            preliminary: false,
            is_normal: &|_| false,
            ancestors: &|_| Vec::new(),
        }
    }
}

/// Writes a structured note as a Bundle of type `collection`. The same input gives the same bytes: ids are made from the
/// note's id and the index of the event.
pub fn bundle(model: &Model, source: &Source<'_>, structured: &StructuredNote) -> Value {
    let mut export = Export::new(model, source, structured);
    export.push(document::patient(&export));
    export.push(document::document(&export));
    for (index, event) in structured.events.iter().enumerate() {
        let targets = export.event(index, event);
        if !targets.is_empty() {
            export.push(document::provenance(&export, index, event, &targets));
        }
    }
    let note = source.note.id.as_str();
    collection(
        &id_of(&[note, "bundle"]),
        &json!({ "identifier": { "system": systems::NOTE_ID, "value": note }, "timestamp": source.written.map(time::moment) }),
        export.entries,
    )
}

/// Joins the bundles of one patient's notes. The patient stands in it once, with all that any note knew; the later
/// bundle wins. Resources that are in several bundles stand once.
pub fn patient_bundle(bundles: impl IntoIterator<Item = Value>) -> Value {
    let mut entries: Vec<(String, Value)> = Vec::new();
    let mut patient: Option<(String, Value)> = None;
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut sources = Vec::new();
    for bundle in bundles {
        if let Some(id) = bundle.get("id").and_then(Value::as_str) {
            sources.push(id.to_owned());
        }
        let mut own: Vec<(String, Value)> = Vec::new();
        let mut renamed = None;
        for entry in bundle
            .get("entry")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let url = entry
                .get("fullUrl")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned();
            let resource = entry.get("resource").cloned().unwrap_or_default();
            if resource.get("resourceType").and_then(Value::as_str) == Some("Patient") {
                let known = patient.take();
                let first = known.as_ref().map_or_else(|| url.clone(), |(url, _)| url.clone());
                renamed = Some((url, first.clone()));
                patient = Some((first, merged(known.map(|(_, resource)| resource), resource)));
            } else {
                own.push((url, resource));
            }
        }
        for (url, mut resource) in own {
            if let Some((from, to)) = &renamed {
                redirect(&mut resource, from, to);
            }
            if let Some(known) = places.get(&url).and_then(|place| entries.get_mut(*place)) {
                known.1 = resource;
            } else {
                places.insert(url.clone(), entries.len());
                entries.push((url, resource));
            }
        }
    }
    let sources: Vec<&str> = sources.iter().map(String::as_str).collect();
    let all = patient.into_iter().chain(entries).collect();
    collection(
        &id_of(&[&["patient-bundle"], sources.as_slice()].concat()),
        &Value::Null,
        all,
    )
}

/// The later resource with what only the earlier one has; the id stays the first one's.
fn merged(earlier: Option<Value>, later: Value) -> Value {
    let (Some(Value::Object(mut known)), Value::Object(new)) = (earlier, later.clone()) else {
        return later;
    };
    let id = known.get("id").cloned();
    known.extend(new);
    if let Some(id) = id {
        known.insert("id".to_owned(), id);
    }
    Value::Object(known)
}

/// Points every reference to a URL at another one.
fn redirect(value: &mut Value, from: &str, to: &str) {
    match value {
        Value::Object(map) => {
            for (key, value) in map.iter_mut() {
                match value {
                    Value::String(url) if key == "reference" && url == from => to.clone_into(url),
                    other => redirect(other, from, to),
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|value| redirect(value, from, to)),
        _ => {}
    }
}

fn collection(id: &str, fields: &Value, entries: Vec<(String, Value)>) -> Value {
    let entries: Vec<Value> = entries
        .into_iter()
        .map(|(url, resource)| json!({ "fullUrl": url, "resource": resource }))
        .collect();
    let mut bundle = Map::new();
    bundle.insert("resourceType".to_owned(), json!("Bundle"));
    bundle.insert("id".to_owned(), json!(id));
    if let Value::Object(fields) = fields {
        bundle.extend(fields.clone());
    }
    bundle.insert("type".to_owned(), json!("collection"));
    bundle.insert("entry".to_owned(), Value::Array(entries));
    prune(Value::Object(bundle))
}

/// A bundle in the making.
pub(crate) struct Export<'a> {
    pub(crate) model: &'a Model,
    pub(crate) source: &'a Source<'a>,
    pub(crate) structured: &'a StructuredNote,
    pub(crate) patient: String,
    pub(crate) document: String,
    /// Blood pressures and the like that are written as one observation: of each event, the first one of its panel.
    panels: BTreeMap<usize, usize>,
    entries: Vec<(String, Value)>,
}

impl<'a> Export<'a> {
    fn new(model: &'a Model, source: &'a Source<'a>, structured: &'a StructuredNote) -> Self {
        let note = source.note.id.as_str();
        let record = source
            .note
            .patient
            .as_ref()
            .and_then(|patient| patient.id.as_deref());
        let patient = record.map_or_else(|| id_of(&[note, "patient"]), |record| id_of(&["record", record]));
        Self {
            model,
            source,
            structured,
            patient: urn(&patient),
            document: urn(&id_of(&[note, "document"])),
            panels: observation::panels(model, structured),
            entries: Vec::new(),
        }
    }

    /// The resources of an event; gives the URLs of those that it states.
    fn event(&mut self, index: usize, event: &Event) -> Vec<String> {
        if event.certainty == Certainty::General {
            return Vec::new();
        }
        let resources = match event.experiencer {
            Experiencer::Other => Vec::new(),
            Experiencer::Family => act::family(self, index, event).into_iter().collect(),
            Experiencer::Patient => self.of_patient(index, event),
        };
        let mut targets: Vec<String> = resources
            .into_iter()
            .map(|resource| self.push(resource))
            .collect();
        let panel = self.panel_of(index);
        if panel != index {
            targets.push(urn(&self.id(panel, "value")));
        }
        targets
    }

    fn of_patient(&self, index: usize, event: &Event) -> Vec<Value> {
        match event.kind {
            EventKind::Condition | EventKind::Finding => condition::state(self, index, event),
            EventKind::Measurement => observation::measurement(self, index, event),
            EventKind::Medication => vec![medication::medication(self, index, event)],
            EventKind::Procedure | EventKind::Examination => vec![act::act(self, index, event)],
            EventKind::Allergy => vec![act::allergy(self, index, event)],
            EventKind::Lifestyle
                if self
                    .target(event)
                    .is_some_and(|target| target == "AllergyIntolerance") =>
            {
                vec![act::allergy(self, index, event)]
            }
            EventKind::Lifestyle => vec![observation::circumstance(self, index, event, "social-history")],
            EventKind::Preference => {
                vec![observation::circumstance(
                    self,
                    index,
                    event,
                    "treatment-intervention-preference",
                )]
            }
            EventKind::Immunization => vec![act::immunization(self, index, event)],
        }
    }

    fn push(&mut self, resource: Value) -> String {
        let url = resource
            .get("id")
            .and_then(Value::as_str)
            .map_or_else(String::new, urn);
        self.entries.push((url.clone(), resource));
        url
    }

    /// Id of a resource of an event; `role` tells the several resources of one event apart.
    pub(crate) fn id(&self, index: usize, role: &str) -> String {
        id_of(&[&self.source.note.id, "event", &index.to_string(), role])
    }

    /// Id and full URL of the first event of the panel that an event belongs to, or of itself.
    pub(crate) fn panel_of(&self, index: usize) -> usize {
        self.panels.get(&index).copied().unwrap_or(index)
    }

    /// The events of a panel, in order; the event alone when it has none.
    pub(crate) fn members(&self, first: usize) -> Vec<usize> {
        let of_panel: Vec<usize> = self
            .panels
            .iter()
            .filter(|(_, panel)| **panel == first)
            .map(|(event, _)| *event)
            .collect();
        if of_panel.is_empty() {
            vec![first]
        } else {
            of_panel
        }
    }

    /// A resource of an event, with what all have.
    pub(crate) fn resource(
        &self,
        kind: &str,
        id: &str,
        index: usize,
        profile: Option<&str>,
        fields: impl IntoIterator<Item = Field>,
    ) -> Value {
        let value = format!("{}#{index}", self.source.note.id);
        let identifier = json!([{ "system": systems::EVENT_ID, "value": value }]);
        self.bare(
            kind,
            id,
            profile,
            std::iter::once(("identifier", identifier)).chain(fields),
        )
    }

    /// A resource that is of no event.
    pub(crate) fn bare(
        &self,
        kind: &str,
        id: &str,
        profile: Option<&str>,
        fields: impl IntoIterator<Item = Field>,
    ) -> Value {
        let test = json!([{ "system": systems::ACT_REASON, "code": "HTEST", "display": "test health data" }]);
        let meta = json!({
            "source": systems::ENGINE,
            "profile": profile.map(|profile| [profile]),
            "security": self.source.dummy.then_some(test),
            "tag": [{ "system": systems::EDITION, "code": self.source.edition }],
        });
        let head = object([("resourceType", json!(kind)), ("id", json!(id)), ("meta", meta)]);
        prune(with(head, fields))
    }

    /// The item of the model that an event answers: as the coder wrote it, else by the model.
    pub(crate) fn item(&self, event: &Event) -> Option<&'a Item> {
        let written = event.item.as_deref().and_then(|id| self.model.item(id));
        written.or_else(|| {
            self.model
                .item_of(event, self.section(event), self.source.ancestors)
        })
    }

    fn target(&self, event: &Event) -> Option<&'a str> {
        self.item(event).map(|item| item.fhir.resource.as_ref())
    }

    /// The entities that state an event.
    pub(crate) fn entities_of(&self, event: &Event) -> Vec<&'a Entity> {
        let indexes = event.because.iter().filter_map(|because| match because {
            Because::Entity { entity } => Some(*entity),
            Because::Rule { .. } | Because::Earlier { .. } => None,
        });
        self.entities(indexes)
    }

    /// The entities at some indexes.
    pub(crate) fn entities(&self, indexes: impl IntoIterator<Item = u32>) -> Vec<&'a Entity> {
        indexes
            .into_iter()
            .filter_map(|index| self.structured.entities.get(index as usize))
            .collect()
    }

    /// The section that an event stands in: that of its first entity.
    pub(crate) fn section(&self, event: &Event) -> Option<SectionKind> {
        let measured = event
            .measured
            .iter()
            .flat_map(|measured| measured.entities.iter().copied());
        self.entities_of(event)
            .into_iter()
            .chain(self.entities(measured))
            .find_map(|entity| entity.section)
    }

    /// The words of the note for what an event states; its name where a value says it (39.2 is no word for fever).
    pub(crate) fn words(&self, event: &'a Event) -> &'a str {
        let entities = self.entities_of(event);
        let says_it = |entity: &&&Entity| match event.kind {
            EventKind::Condition | EventKind::Finding => !matches!(
                entity.tag,
                Tag::TestKey | Tag::TestValue | Tag::TestName | Tag::Timex | Tag::DrugName | Tag::DrugValue
            ),
            EventKind::Medication | EventKind::Immunization => entity.tag == Tag::DrugName,
            EventKind::Measurement => matches!(entity.tag, Tag::TestKey | Tag::TestName),
            _ => !matches!(entity.tag, Tag::Timex | Tag::TestValue | Tag::DrugValue),
        };
        entities
            .iter()
            .find(says_it)
            .map_or(&event.name, |entity| &entity.text)
    }

    /// What is denied or only suspected.
    pub(crate) fn verification(event: &Event) -> &'static str {
        match (event.polarity, event.certainty) {
            (Polarity::Absent, _) => "refuted",
            (Polarity::Present, Certainty::Suspected) => "unconfirmed",
            (Polarity::Present, _) => "confirmed",
        }
    }

    /// The day, or the moment, that the note was written.
    pub(crate) fn recorded(&self) -> Value {
        match (self.source.written, self.source.note.date) {
            (Some(written), _) => json!(time::moment(written)),
            (None, Some(date)) => json!(date.to_string()),
            (None, None) => Value::Null,
        }
    }

    pub(crate) fn subject(&self) -> Value {
        reference(&self.patient)
    }

    pub(crate) fn jp_core(profile: &str) -> String {
        format!("{}{profile}", systems::JP_CORE)
    }
}
