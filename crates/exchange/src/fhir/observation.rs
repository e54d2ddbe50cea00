//! Values, circumstances of life, wishes and normal findings: Observations.

use super::elements::{Field, body_site, code, concept, interpretation, observed, reference, unknown, urn};
use super::{Export, systems, time};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tsumugi_clinical::{
    Because, Certainty, Code, ConceptId, Entity, Event, EventKind, Experiencer, Item, Model, Phase, Polarity,
    StructuredNote, Tag,
};

/// Finds values that are parts of one observation: their concepts are parts of one item of the model (systolic and
/// diastolic), and one entity states them. Gives for each event the first one of its panel.
pub(crate) fn panels(model: &Model, structured: &StructuredNote) -> BTreeMap<usize, usize> {
    let mut groups: BTreeMap<(&str, Vec<u32>), Vec<usize>> = BTreeMap::new();
    for (index, event) in structured.events.iter().enumerate() {
        let is_value =
            event.value.is_some() && (event.kind == EventKind::Measurement || event.measured.is_some());
        let is_patients = event.experiencer == Experiencer::Patient && event.certainty != Certainty::General;
        let Some(item) = model
            .whole_of(analyte(event).0)
            .filter(|_| is_value && is_patients)
        else {
            continue;
        };
        groups.entry((&item.id, sources(event))).or_default().push(index);
    }
    let mut panels = BTreeMap::new();
    for members in groups.into_values() {
        let mut parts: Vec<&ConceptId> = members
            .iter()
            .filter_map(|index| structured.events.get(*index))
            .map(|event| analyte(event).0)
            .collect();
        parts.sort_unstable();
        let is_each_once = parts.len() > 1 && parts.windows(2).all(|pair| pair.first() != pair.get(1));
        if let Some(first) = members.first().filter(|_| is_each_once) {
            panels.extend(members.iter().map(|member| (*member, *first)));
        }
    }
    panels
}

/// The entities that state a value.
fn sources(event: &Event) -> Vec<u32> {
    let mut sources: Vec<u32> = match &event.measured {
        Some(measured) if !measured.entities.is_empty() => measured.entities.clone(),
        _ => event
            .because
            .iter()
            .filter_map(|because| match because {
                Because::Entity { entity } => Some(*entity),
                Because::Rule { .. } | Because::Earlier { .. } => None,
            })
            .collect(),
    };
    sources.sort_unstable();
    sources.dedup();
    sources
}

/// What was measured: concept, name, codes.
fn analyte(event: &Event) -> (&ConceptId, &str, &[Code]) {
    match &event.measured {
        Some(measured) => (&measured.concept, &measured.name, &measured.codes),
        None => (&event.concept, &event.name, &event.codes),
    }
}

/// A measured value that derives no state; a planned one is a request.
pub(crate) fn measurement(export: &Export<'_>, index: usize, event: &Event) -> Vec<Value> {
    if event.phase == Phase::Planned {
        return vec![super::act::act(export, index, event)];
    }
    let mut resources = Vec::new();
    evidence(export, index, event, &mut resources);
    resources
}

/// Writes the observation of an event's value, once for a panel; gives its full URL.
pub(crate) fn evidence(
    export: &Export<'_>,
    index: usize,
    event: &Event,
    resources: &mut Vec<Value>,
) -> Option<String> {
    let is_measurement = event.kind == EventKind::Measurement;
    if event.value.is_none() && !is_measurement {
        return None;
    }
    let first = export.panel_of(index);
    let id = export.id(first, "value");
    if first == index {
        resources.push(value(export, index, event, &id));
    }
    Some(urn(&id))
}

fn value(export: &Export<'_>, index: usize, event: &Event, id: &str) -> Value {
    let members = export.members(index);
    let item = export
        .model
        .whole_of(analyte(event).0)
        .filter(|_| members.len() > 1);
    let target = item.or_else(|| export.model.item_for(analyte(event).0, export.source.ancestors));
    let category = category(target, event);
    let (codes, answers) = if let Some(item) = item {
        let parts = members
            .iter()
            .filter_map(|member| export.structured.events.get(*member));
        let components: Vec<Value> = parts.map(component).collect();
        (
            question(item, words(export, event)),
            vec![("component", json!(components))],
        )
    } else {
        (concept(analyte(event).2, words(export, event)), answer(event))
    };
    let effective = effective(export, event, category);
    let profile = profile(target, category, &answers, effective.0 != "_effectiveDateTime");
    let fields = [
        ("status", json!(status(event))),
        ("category", categories(category)),
        ("code", codes),
        ("subject", export.subject()),
        effective,
        ("bodySite", body_site(event.site.as_ref(), event.laterality)),
    ];
    export.resource(
        "Observation",
        id,
        index,
        Some(&profile),
        fields.into_iter().chain(answers),
    )
}

fn component(event: &Event) -> Value {
    let (_, name, codes) = analyte(event);
    let mut fields = vec![("code", concept(codes, name))];
    fields.extend(answer(event));
    super::elements::object(fields)
}

/// The value with its interpretation, or the reason that there is none.
fn answer(event: &Event) -> Vec<Field> {
    if event.kind == EventKind::Measurement && event.polarity == Polarity::Absent {
        return vec![("dataAbsentReason", code(systems::ABSENT_REASON, "not-performed"))];
    }
    let Some(value) = &event.value else {
        return vec![("dataAbsentReason", code(systems::ABSENT_REASON, "unknown"))];
    };
    let interpretation = ("interpretation", interpretation(value));
    match observed(value) {
        Some(observed) => vec![observed, interpretation],
        None => vec![
            ("dataAbsentReason", code(systems::ABSENT_REASON, "unknown")),
            interpretation,
        ],
    }
}

/// The words of the note for what was measured.
fn words<'a>(export: &Export<'a>, event: &'a Event) -> &'a str {
    let is_key = |entity: &&&Entity| matches!(entity.tag, Tag::TestKey | Tag::TestName);
    let entities = export.entities(sources(event));
    entities
        .iter()
        .find(is_key)
        .map_or(analyte(event).1, |entity| &entity.text)
}

fn status(event: &Event) -> &'static str {
    match (event.polarity, event.certainty) {
        (Polarity::Absent, _) if event.kind == EventKind::Measurement => "cancelled",
        (_, Certainty::Suspected) => "preliminary",
        _ => "final",
    }
}

/// The category of a value: as the model says, else by its unit and codes.
fn category<'a>(item: Option<&'a Item>, event: &Event) -> &'a str {
    let by_model = item
        .filter(|item| &*item.fhir.resource == "Observation")
        .and_then(|item| item.fhir.category.as_deref());
    by_model.unwrap_or_else(|| {
        let unit = event.value.as_ref().and_then(|value| value.unit.as_deref());
        match (event.kind, event.measured.is_some(), unit) {
            (_, _, Some("{score}" | "{points}")) => "survey",
            (EventKind::Measurement, _, _) | (_, true, _) => "laboratory",
            _ => "exam",
        }
    })
}

/// The category in the code systems of HL7 and of JP Core, each for itself.
fn categories(category: &str) -> Value {
    if category == "treatment-intervention-preference" {
        return json!([code(systems::PREFERENCE_CATEGORY, category)]);
    }
    json!([
        code(systems::OBSERVATION_CATEGORY, category),
        code(systems::JP_OBSERVATION_CATEGORY, category)
    ])
}

/// The profile: the model's, else the category's; the common one where a value or time has a form that it does not allow.
fn profile(item: Option<&Item>, category: &str, answers: &[Field], has_time: bool) -> String {
    let has = |name: &str| answers.iter().any(|(key, _)| *key == name);
    let is_special = !has("valueRange") && !has("dataAbsentReason") && has_time;
    let by_model = item
        .and_then(|item| item.fhir.profile.as_deref())
        .filter(|url| url.contains("JP_Observation"));
    match (by_model, category) {
        (Some(url), _) if is_special => url.to_owned(),
        (None, "vital-signs") if is_special => Export::jp_core("JP_Observation_VitalSigns"),
        (None, "laboratory") if is_special => Export::jp_core("JP_Observation_LabResult"),
        (None, "social-history") if is_special => Export::jp_core("JP_Observation_SocialHistory"),
        _ => Export::jp_core("JP_Observation_Common"),
    }
}

/// When it was observed: as written, else the day of the note for what is of now (that a habit has ended is of now too). Vital signs and results need a time, so
/// that a mark stands where none is known.
fn effective(export: &Export<'_>, event: &Event, category: &str) -> Field {
    let is_vital = category == "vital-signs";
    let written = event.time.as_ref().and_then(|time| {
        if is_vital {
            time::effective_to_the_day(time)
        } else {
            time::effective(time)
        }
    });
    if let Some(field) = written {
        return field;
    }
    let recorded = export.recorded();
    match event.phase {
        Phase::Current | Phase::Stopped if event.time.is_none() && !recorded.is_null() => {
            ("effectiveDateTime", recorded)
        }
        _ if matches!(category, "vital-signs" | "laboratory") => ("_effectiveDateTime", unknown()),
        _ => ("effectiveDateTime", Value::Null),
    }
}

/// The question of an item: its codes, and its id in the model.
fn question(item: &Item, words: &str) -> Value {
    let own = Code {
        system: systems::ITEM.into(),
        code: item.id.clone(),
        display: item.en.clone(),
    };
    let mut codes: Vec<Value> = item.fhir.codes.iter().map(super::elements::coding).collect();
    codes.push(super::elements::coding(&own));
    json!({ "coding": codes, "text": words })
}

/// A habit, circumstance or wish. What is stated of a coded item is the answer to the item's question; everything else is
/// its own question, answered with yes or no, or with its value.
pub(crate) fn circumstance(export: &Export<'_>, index: usize, event: &Event, category: &str) -> Value {
    let item = export
        .item(event)
        .filter(|item| &*item.fhir.resource == "Observation");
    let words = export.words(event);
    let coded =
        item.filter(|item| item.values.contains(&event.concept) && event.polarity == Polarity::Present);
    let amount = event.value.as_ref().and_then(observed);
    let (code, mut answers) = if let Some(item) = coded {
        let has_ended = matches!(event.phase, Phase::Stopped | Phase::Past);
        let ended = item.ended.as_ref().filter(|_| has_ended);
        let state = ended.map_or_else(
            || concept(&event.codes, words),
            |ended| json!({ "coding": [{ "system": systems::CONCEPT, "code": ended.as_str() }], "text": words }),
        );
        let part = amount
            .map(|amount| super::elements::object([("code", concept(&event.codes, &event.name)), amount]));
        (
            question(item, &item.name),
            vec![("valueCodeableConcept", state), ("component", json!([part]))],
        )
    } else {
        let stated = ("valueCodeableConcept", yes_no(event.polarity));
        let answer = amount.filter(|_| event.polarity == Polarity::Present);
        (concept(&event.codes, words), vec![answer.unwrap_or(stated)])
    };
    if event.certainty == Certainty::Suspected {
        answers.push(("note", json!([{ "text": words }])));
    }
    let effective = effective(export, event, category);
    let profile = profile(item, category, &answers, true);
    let fields = [
        ("status", json!(status(event))),
        ("category", categories(category)),
        ("code", code),
        ("subject", export.subject()),
        effective,
    ];
    export.resource(
        "Observation",
        &export.id(index, "state"),
        index,
        Some(&profile),
        fields.into_iter().chain(answers),
    )
}

/// A normal finding, there or not.
pub(crate) fn normal(export: &Export<'_>, index: usize, event: &Event, evidence: Option<&str>) -> Value {
    let fields = [
        ("status", json!(status(event))),
        ("category", categories("exam")),
        ("code", concept(&event.codes, export.words(event))),
        ("subject", export.subject()),
        effective(export, event, "exam"),
        ("valueCodeableConcept", yes_no(event.polarity)),
        ("bodySite", body_site(event.site.as_ref(), event.laterality)),
        (
            "derivedFrom",
            evidence.map_or(Value::Null, |url| json!([reference(url)])),
        ),
    ];
    let profile = Export::jp_core("JP_Observation_Common");
    export.resource(
        "Observation",
        &export.id(index, "state"),
        index,
        Some(&profile),
        fields,
    )
}

/// Yes or no as a code: JP Core's observations take no booleans.
fn yes_no(polarity: Polarity) -> Value {
    let (letter, display) = match polarity {
        Polarity::Present => ("Y", "Yes"),
        Polarity::Absent => ("N", "No"),
    };
    json!({ "coding": [{ "system": systems::YES_NO, "code": letter, "display": display }] })
}
