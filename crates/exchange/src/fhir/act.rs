//! What is done and what must be known beside diseases and values: procedures and requests, allergies, vaccinations, and
//! the history of relatives.

use super::elements::{body_site, code, concept};
use super::{Export, medication, systems, time};
use serde_json::{Value, json};
use tsumugi_clinical::{Certainty, Event, EventKind, Phase, Polarity, TimeFrame};

/// A treatment or examination: a request where it is planned, else a procedure.
pub(crate) fn act(export: &Export<'_>, index: usize, event: &Event) -> Value {
    if event.phase == Phase::Planned {
        request(export, index, event)
    } else {
        procedure(export, index, event)
    }
}

fn request(export: &Export<'_>, index: usize, event: &Event) -> Value {
    let fields = [
        ("status", json!("active")),
        ("intent", json!("plan")),
        (
            "doNotPerform",
            if event.polarity == Polarity::Absent {
                json!(true)
            } else {
                Value::Null
            },
        ),
        ("code", concept(&event.codes, export.words(event))),
        ("subject", export.subject()),
        ("authoredOn", export.recorded()),
        (
            "bodySite",
            json!([body_site(event.site.as_ref(), event.laterality)]),
        ),
    ];
    let fields = fields.into_iter().chain(time::planned(event.time.as_ref()));
    let profile = Export::jp_core("JP_ServiceRequest_Common");
    export.resource(
        "ServiceRequest",
        &export.id(index, "state"),
        index,
        Some(&profile),
        fields,
    )
}

fn procedure(export: &Export<'_>, index: usize, event: &Event) -> Value {
    let goes_on = event
        .time
        .as_ref()
        .is_some_and(|time| time.frame == TimeFrame::Since);
    let status = match (event.polarity, event.certainty, event.phase) {
        (Polarity::Absent, _, _) => "not-done",
        (_, Certainty::Suspected, _) => "unknown",
        (_, _, Phase::Stopped) => "stopped",
        (_, _, Phase::Current) if goes_on => "in-progress",
        _ => "completed",
    };
    let fields = [
        ("status", json!(status)),
        ("code", concept(&event.codes, export.words(event))),
        ("subject", export.subject()),
        (
            "bodySite",
            json!([body_site(event.site.as_ref(), event.laterality)]),
        ),
    ];
    let fields = fields.into_iter().chain(time::performed(event.time.as_ref()));
    let profile = Export::jp_core("JP_Procedure");
    export.resource(
        "Procedure",
        &export.id(index, "state"),
        index,
        Some(&profile),
        fields,
    )
}

/// An allergy, or the statement that none is known.
pub(crate) fn allergy(export: &Export<'_>, index: usize, event: &Event) -> Value {
    let id = event.concept.as_str();
    let by_model = export.item(event).and_then(|item| item.fhir.category.as_deref());
    let is_drug = id.starts_with("drug.") || id.starts_with("class.");
    let category = if is_drug {
        Some("medication")
    } else {
        by_model.filter(|_| event.kind == EventKind::Allergy)
    };
    let status = if event.resolved { "resolved" } else { "active" };
    let fields = [
        ("clinicalStatus", code(systems::ALLERGY_CLINICAL, status)),
        (
            "verificationStatus",
            code(systems::ALLERGY_VERIFICATION, Export::verification(event)),
        ),
        ("category", json!([category])),
        ("code", concept(&event.codes, export.words(event))),
        ("patient", export.subject()),
        ("recordedDate", export.recorded()),
    ];
    let fields = fields.into_iter().chain(time::onset(event.time.as_ref(), false));
    let profile = Export::jp_core("JP_AllergyIntolerance");
    export.resource(
        "AllergyIntolerance",
        &export.id(index, "state"),
        index,
        Some(&profile),
        fields,
    )
}

/// A vaccination given or not; a planned one is a plan.
pub(crate) fn immunization(export: &Export<'_>, index: usize, event: &Event) -> Value {
    if event.phase == Phase::Planned {
        return medication::request(export, index, event);
    }
    let is_given = event.polarity == Polarity::Present;
    let fields = [
        ("status", json!(if is_given { "completed" } else { "not-done" })),
        ("vaccineCode", concept(&event.codes, export.words(event))),
        ("patient", export.subject()),
        time::vaccinated(event.time.as_ref()),
        ("recorded", export.recorded()),
    ];
    let profile = Export::jp_core("JP_Immunization");
    export.resource(
        "Immunization",
        &export.id(index, "state"),
        index,
        Some(&profile),
        fields,
    )
}

/// The history of a relative. FHIR has no denied or suspected condition of a relative, and a bare one would be read as
/// stated: only what is asserted and there is written.
pub(crate) fn family(export: &Export<'_>, index: usize, event: &Event) -> Option<Value> {
    let is_state = matches!(event.kind, EventKind::Condition | EventKind::Finding);
    let is_stated = event.polarity == Polarity::Present && event.certainty == Certainty::Asserted;
    (is_state && is_stated).then(|| {
        let relative = event.relative.as_deref().unwrap_or("family");
        let (letters, display) = role(relative);
        let relationship = json!({
            "coding": [{ "system": systems::ROLE, "code": letters, "display": display }],
            "text": relative,
        });
        let fields = [
            ("status", json!("partial")),
            ("patient", export.subject()),
            ("date", export.recorded()),
            ("relationship", relationship),
            (
                "condition",
                json!([{ "code": concept(&event.codes, export.words(event)) }]),
            ),
        ];
        let profile = Export::jp_core("JP_FamilyMemberHistory");
        export.resource(
            "FamilyMemberHistory",
            &export.id(index, "state"),
            index,
            Some(&profile),
            fields,
        )
    })
}

/// A relative in v3-RoleCode; one that is not known is a family member.
fn role(relative: &str) -> (&'static str, &'static str) {
    match relative {
        "mother" => ("MTH", "mother"),
        "father" => ("FTH", "father"),
        "parent" => ("PRN", "parent"),
        "brother" => ("BRO", "brother"),
        "sister" => ("SIS", "sister"),
        "sibling" => ("SIB", "sibling"),
        "son" => ("SONC", "son"),
        "daughter" => ("DAUC", "daughter"),
        "child" => ("CHILD", "child"),
        "grandmother" => ("GRMTH", "grandmother"),
        "grandfather" => ("GRFTH", "grandfather"),
        "grandparent" => ("GRPRN", "grandparent"),
        "grandchild" => ("GRNDCHILD", "grandchild"),
        "aunt" => ("AUNT", "aunt"),
        "uncle" => ("UNCLE", "uncle"),
        "cousin" => ("COUSN", "cousin"),
        "spouse" => ("SPS", "spouse"),
        "relative" => ("EXT", "extended family member"),
        _ => ("FAMMEMB", "family member"),
    }
}
