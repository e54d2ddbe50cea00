//! Diagnoses and findings: Conditions, with the observations they rest on.

use super::elements::{body_site, code, concept, reference};
use super::{Export, observation, systems, time};
use serde_json::{Value, json};
use tsumugi_clinical::{Because, Certainty, Event, EventKind, Phase, Polarity, SectionKind};

/// A diagnosis or finding, and the value that was measured where there is one.
///
/// A state that a value alone excludes (36.5 ℃: no fever) is true at that moment only and refutes nothing that the note
/// reports, so that only the measurement is written.
pub(crate) fn state(export: &Export<'_>, index: usize, event: &Event) -> Vec<Value> {
    let mut resources = Vec::new();
    let evidence = observation::evidence(export, index, event, &mut resources);
    let is_stated = event
        .because
        .iter()
        .any(|because| matches!(because, Because::Entity { .. }));
    let is_excluded_by_value = event.measured.is_some() && event.polarity == Polarity::Absent && !is_stated;
    if is_excluded_by_value {
        return resources;
    }
    let is_normal = event.kind == EventKind::Finding && (export.source.is_normal)(&event.concept);
    if is_normal {
        resources.push(observation::normal(export, index, event, evidence.as_deref()));
    } else {
        resources.push(condition(export, index, event, evidence.as_deref()));
    }
    resources
}

fn condition(export: &Export<'_>, index: usize, event: &Event, evidence: Option<&str>) -> Value {
    let verification = Export::verification(event);
    let clinical = clinical_status(event);
    let place = body_site(event.site.as_ref(), event.laterality);
    let fields = [
        (
            "clinicalStatus",
            clinical.map_or(Value::Null, |status| code(systems::CONDITION_CLINICAL, status)),
        ),
        (
            "verificationStatus",
            code(systems::CONDITION_VERIFICATION, verification),
        ),
        ("category", json!([category(export, event)])),
        ("code", concept(&event.codes, export.words(event))),
        ("bodySite", json!([place])),
        ("stage", stages(event)),
        ("subject", export.subject()),
        ("recordedDate", export.recorded()),
        (
            "evidence",
            evidence.map_or(Value::Null, |url| json!([{ "detail": [reference(url)] }])),
        ),
    ];
    let fields = fields
        .into_iter()
        .chain(time::onset(event.time.as_ref(), clinical == Some("resolved")));
    let profile = Export::jp_core("JP_Condition");
    export.resource(
        "Condition",
        &export.id(index, "state"),
        index,
        Some(&profile),
        fields,
    )
}

/// Stages, grades, classes and types: the value as text, what staging it is as a code of ours. FHIR R4 wants a summary or an
/// assessment of each (rule con-1).
fn stages(event: &Event) -> Value {
    let stages = event.modifiers.iter().map(|modifier| {
        let coding = json!([{
            "system": systems::STAGING,
            "code": modifier.system.as_ref(),
            "display": modifier.name.as_ref(),
        }]);
        json!({
            "summary": { "text": modifier.value.as_ref() },
            "type": { "coding": coding, "text": modifier.name.as_ref() },
        })
    });
    stages.collect()
}

/// Resolved only on words of cure or removal; active when it is there now. A past one without such words may still be
/// there (a chronic disease in a past history), so that nothing is said; nor of what is refuted.
fn clinical_status(event: &Event) -> Option<&'static str> {
    let is_there = event.polarity == Polarity::Present;
    match event.phase {
        _ if is_there && event.resolved => Some("resolved"),
        Phase::Current if is_there => Some("active"),
        _ => None,
    }
}

/// FHIR wants a clinical status of whatever is on the problem list (rule con-3), so that only what has one is put there.
fn category(export: &Export<'_>, event: &Event) -> Value {
    let is_on_list = export.section(event) == Some(SectionKind::Diagnosis)
        && event.certainty == Certainty::Asserted
        && clinical_status(event).is_some();
    match (event.kind, event.phase) {
        (EventKind::Finding, _) => code(systems::CONDITION_CATEGORY, "finding"),
        (_, Phase::Past) if clinical_status(event).is_some() => {
            code(systems::CONDITION_CATEGORY_HL7, "problem-list-item")
        }
        (_, Phase::Past) => code(systems::CONDITION_CATEGORY, "past-history"),
        _ if is_on_list => code(systems::CONDITION_CATEGORY_HL7, "problem-list-item"),
        _ => code(systems::CONDITION_CATEGORY_HL7, "encounter-diagnosis"),
    }
}
