//! A request of the specification, its form checked: who asks, for which patient, about which orders, with which data.

use super::Service;
use super::refusal::Refusal;
use serde_json::Value;

/// Longest id that is taken, in characters; those of FHIR have 64.
const LONGEST_ID: usize = 256;
/// Most resources of a request.
const MOST_RESOURCES: usize = 5_000;

/// Keys of the prefetch that are read, with the resources that they hold.
const KEYS: [(&str, &[&str]); 6] = [
    ("patient", &["Patient"]),
    ("conditions", &["Condition"]),
    ("allergies", &["AllergyIntolerance"]),
    (
        "medications",
        &["MedicationRequest", "MedicationStatement", "Medication"],
    ),
    ("laboratory", &["Observation"]),
    ("vitals", &["Observation"]),
];

/// A resource with its place in the request.
#[derive(Debug, Clone)]
pub(crate) struct Given<'v> {
    /// The resource; it has a `resourceType`.
    pub(crate) resource: &'v Value,
    /// Its full URL in a bundle.
    pub(crate) url: Option<&'v str>,
}

impl<'v> Given<'v> {
    /// Type of the resource.
    pub(crate) fn kind(&self) -> &'v str {
        text(self.resource, "resourceType").unwrap_or_default()
    }

    /// `Type/id`, where it has an id.
    pub(crate) fn name(&self) -> Option<String> {
        text(self.resource, "id").map(|id| format!("{}/{id}", self.kind()))
    }
}

/// A request.
#[derive(Debug)]
pub(crate) struct Request<'v> {
    /// What calls.
    pub(crate) service: Service,
    /// Id of this calling of the hook.
    pub(crate) instance: &'v str,
    /// Who asks, `Practitioner/…`.
    pub(crate) user: &'v str,
    /// FHIR id of the patient.
    pub(crate) patient: &'v str,
    /// FHIR id of the encounter.
    pub(crate) encounter: Option<&'v str>,
    /// The orders that have just been chosen, `Type/id`; for the hook that says so.
    pub(crate) selections: Vec<&'v str>,
    /// Orders that are not signed yet.
    pub(crate) drafts: Vec<Given<'v>>,
    /// The patient, where it was sent.
    pub(crate) person: Option<&'v Value>,
    /// The data of the patient.
    pub(crate) resources: Vec<Given<'v>>,
    /// Keys of the prefetch that were not sent; what they would hold is not known.
    pub(crate) unsent: Vec<&'static str>,
}

impl<'v> Request<'v> {
    /// Checks a body; fields beside those of the specification are left alone.
    pub(crate) fn read(service: Service, body: &'v Value) -> Result<Self, Refusal> {
        let hook = needed(body, "", "hook")?;
        if hook != service.hook() {
            return Err(Refusal::wrong(
                "hook",
                format!("this service is for {}", service.hook()),
            ));
        }
        let instance = needed(body, "", "hookInstance")?;
        if !is_uuid(instance) {
            return Err(Refusal::wrong("hookInstance", "is no UUID"));
        }
        let context = match body.get("context") {
            None => return Err(Refusal::missing("context")),
            Some(context) if context.is_object() => context,
            Some(_) => return Err(Refusal::wrong("context", "is no object")),
        };
        let mut request = Self {
            service,
            instance,
            user: user(context)?,
            patient: needed(context, "context.", "patientId")?,
            encounter: optional(context, "context.", "encounterId")?,
            selections: Vec::new(),
            drafts: Vec::new(),
            person: None,
            resources: Vec::new(),
            unsent: Vec::new(),
        };
        if service == Service::EncounterDischarge && request.encounter.is_none() {
            return Err(Refusal::missing("context.encounterId"));
        }
        if matches!(service, Service::OrderSelect | Service::OrderSign) {
            request.drafts = drafts(context)?;
        }
        if service == Service::OrderSelect {
            request.selections = selections(context, &request.drafts)?;
        }
        request.read_prefetch(body.get("prefetch"))?;
        request.check_patient()?;
        Ok(request)
    }

    fn read_prefetch(&mut self, prefetch: Option<&'v Value>) -> Result<(), Refusal> {
        let prefetch = match prefetch {
            None | Some(Value::Null) => None,
            Some(Value::Object(fields)) => Some(fields),
            Some(_) => return Err(Refusal::wrong("prefetch", "is no object")),
        };
        for (key, kinds) in KEYS {
            let field = format!("prefetch.{key}");
            let Some(value) = prefetch.and_then(|fields| fields.get(key)) else {
                self.unsent.push(key);
                continue;
            };
            // The client's server refused it: as good as not sent.
            if text(value, "resourceType") == Some("OperationOutcome") {
                self.unsent.push(key);
                continue;
            }
            // Null says that the client looked and has nothing.
            let found = if value.is_null() {
                Vec::new()
            } else {
                resources(value, &field)?
            };
            for (at, given) in found {
                match given.kind() {
                    "OperationOutcome" => {}
                    "Patient" if key == "patient" => self.person = Some(given.resource),
                    kind if kinds.contains(&kind) => self.resources.push(given),
                    kind => return Err(Refusal::wrong(&at, format!("{kind} is not asked for here"))),
                }
            }
        }
        if self.resources.len() + self.drafts.len() > MOST_RESOURCES {
            return Err(Refusal::too_long());
        }
        Ok(())
    }

    /// Refuses what is about somebody else than the patient of the context.
    fn check_patient(&self) -> Result<(), Refusal> {
        if let Some(id) = self.person.and_then(|person| text(person, "id"))
            && id != self.patient
        {
            return Err(Refusal::wrong(
                "prefetch.patient.id",
                "is another patient than context.patientId",
            ));
        }
        let all = self.resources.iter().map(|given| ("prefetch", given));
        for (field, given) in all.chain(self.drafts.iter().map(|given| ("context.draftOrders", given))) {
            let subject = ["/subject/reference", "/patient/reference"]
                .into_iter()
                .find_map(|path| given.resource.pointer(path).and_then(Value::as_str));
            if subject
                .and_then(patient_of)
                .is_some_and(|patient| patient != self.patient)
            {
                let name = given.name().unwrap_or_else(|| given.kind().to_owned());
                return Err(Refusal::wrong(
                    field,
                    format!("{name} is about another patient than context.patientId"),
                ));
            }
        }
        Ok(())
    }

    /// Whether an order is one that has just been chosen; all are where the hook names none.
    pub(crate) fn is_selected(&self, given: &Given<'_>) -> bool {
        self.service != Service::OrderSelect
            || given
                .name()
                .is_some_and(|name| self.selections.iter().any(|selected| **selected == *name))
    }
}

/// A text field of a resource.
pub(crate) fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    let text = value.get(key)?.as_str()?.trim();
    (!text.is_empty()).then_some(text)
}

/// The entries of a list field; a single value that should be a list counts as one, as many systems send it.
pub(crate) fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    match value.get(key) {
        Some(Value::Array(entries)) => entries,
        Some(Value::Null) | None => &[],
        Some(one) => std::slice::from_ref(one),
    }
}

/// Whether it is a UUID, 8-4-4-4-12 hexadecimal digits.
pub(crate) fn is_uuid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
        && parts
            .iter()
            .all(|part| part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// A text field that must be there.
pub(crate) fn needed<'v>(object: &'v Value, before: &str, key: &str) -> Result<&'v str, Refusal> {
    optional(object, before, key)?.ok_or_else(|| Refusal::missing(&format!("{before}{key}")))
}

/// A text field that may be there.
pub(crate) fn optional<'v>(object: &'v Value, before: &str, key: &str) -> Result<Option<&'v str>, Refusal> {
    let field = || format!("{before}{key}");
    match object.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => Err(Refusal::wrong(&field(), "is empty")),
        Some(Value::String(text)) if text.chars().count() > LONGEST_ID => {
            Err(Refusal::wrong(&field(), "is too long"))
        }
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Refusal::wrong(&field(), "is no text")),
    }
}

fn user(context: &Value) -> Result<&str, Refusal> {
    let user = needed(context, "context.", "userId")?;
    let kinds = ["Practitioner", "PractitionerRole", "Patient", "RelatedPerson"];
    let is_named = user
        .split_once('/')
        .is_some_and(|(kind, id)| kinds.contains(&kind) && !id.is_empty());
    if is_named {
        Ok(user)
    } else {
        let detail = format!("names none of {} as Type/id", kinds.join(", "));
        Err(Refusal::wrong("context.userId", detail))
    }
}

fn drafts(context: &Value) -> Result<Vec<Given<'_>>, Refusal> {
    const FIELD: &str = "context.draftOrders";
    let orders = match context.get("draftOrders") {
        None | Some(Value::Null) => return Err(Refusal::missing(FIELD)),
        Some(orders) => orders,
    };
    if text(orders, "resourceType") != Some("Bundle") {
        return Err(Refusal::wrong(FIELD, "is no Bundle"));
    }
    let found = resources(orders, FIELD)?;
    Ok(found.into_iter().map(|(_, given)| given).collect())
}

fn selections<'v>(context: &'v Value, drafts: &[Given<'_>]) -> Result<Vec<&'v str>, Refusal> {
    const FIELD: &str = "context.selections";
    let entries = match context.get("selections") {
        None | Some(Value::Null) => return Err(Refusal::missing(FIELD)),
        Some(Value::Array(entries)) => entries,
        Some(_) => return Err(Refusal::wrong(FIELD, "is no array")),
    };
    let mut selections = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let field = format!("{FIELD}[{index}]");
        let Some(selected) = entry.as_str() else {
            return Err(Refusal::wrong(&field, "is no text"));
        };
        if !drafts
            .iter()
            .any(|given| given.name().as_deref() == Some(selected))
        {
            return Err(Refusal::wrong(&field, "names none of context.draftOrders"));
        }
        selections.push(selected);
    }
    Ok(selections)
}

/// The resources of a bundle, or the one resource that it is, with their places.
fn resources<'v>(value: &'v Value, field: &str) -> Result<Vec<(String, Given<'v>)>, Refusal> {
    if !value.is_object() {
        return Err(Refusal::wrong(field, "is no resource"));
    }
    let kind = needed(value, &format!("{field}."), "resourceType")?;
    if kind != "Bundle" {
        let given = Given {
            resource: value,
            url: None,
        };
        return Ok(vec![(field.to_owned(), given)]);
    }
    let entries = match value.get("entry") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(entries)) => entries,
        Some(_) => return Err(Refusal::wrong(&format!("{field}.entry"), "is no array")),
    };
    let mut found = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let at = format!("{field}.entry[{index}].resource");
        let resource = match entry.get("resource") {
            None => return Err(Refusal::missing(&at)),
            Some(resource) if resource.is_object() => resource,
            Some(_) => return Err(Refusal::wrong(&at, "is no resource")),
        };
        needed(resource, &format!("{at}."), "resourceType")?;
        let url = text(entry, "fullUrl");
        found.push((at, Given { resource, url }));
    }
    Ok(found)
}

/// The id in a reference to a patient; none where the reference is of a form that does not tell it.
fn patient_of(reference: &str) -> Option<&str> {
    let (_, rest) = reference
        .rsplit_once("/Patient/")
        .or_else(|| reference.strip_prefix("Patient/").map(|id| ("", id)))?;
    rest.split('/').next().filter(|id| !id.is_empty())
}
