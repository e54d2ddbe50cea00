//! Asks Cedar whether a request is allowed.

use super::facts::{Action, DocumentFacts, PatientFacts, Subject};
use super::mistakes::{PolicyError, PolicyFile};
use super::{Mistake, Policy};
use crate::ids::{CareTeamId, DepartmentId, Label, NoteKind};
use cedar_policy::{
    Context, Decision as CedarDecision, Entities, Entity, EntityId, EntityTypeName, EntityUid, PolicyId,
    PolicySet, Request as CedarRequest, RestrictedExpression, Schema,
};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::str::FromStr as _;

/// The id of the one entity of type `System`.
const SYSTEM: &str = "tsumugi";

/// The id of a record of which it does not matter which one it is. Records have numbers, so no rule can name it.
const ANY: &str = "any";

/// A record, or the system.
#[derive(Debug, Clone, Copy)]
pub enum Resource<'a> {
    /// A patient's particulars.
    Patient(&'a PatientFacts),
    /// A note.
    Document(&'a DocumentFacts),
    /// The system as a whole.
    System,
}

/// Who wants to do what with which record.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Who.
    pub subject: &'a Subject,
    /// What.
    pub action: Action,
    /// With which record.
    pub resource: Resource<'a>,
}

/// An answer, with what led to it: for the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Whether it may be done.
    pub allowed: bool,
    /// The names of the rules that allowed or forbade it, sorted; none when no rule permits it.
    pub rules: Vec<String>,
    /// What kept Cedar from an answer (a label the schema does not know); it is denied then.
    pub mistakes: Vec<String>,
}

/// Everything a rule can ask about a record, for one user: two records of which this is the same are decided the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RecordClass {
    /// The patient's number, where it matters.
    pub(super) patient: Option<i64>,
    pub(super) departments: BTreeSet<DepartmentId>,
    pub(super) care_teams: BTreeSet<CareTeamId>,
    /// Labels of the patient.
    pub(super) labels: BTreeSet<Label>,
    pub(super) dummy: bool,
    pub(super) attending: bool,
    pub(super) own: bool,
    pub(super) emergency: bool,
    pub(super) document: Option<DocumentClass>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct DocumentClass {
    /// The document's number, where it matters.
    pub(super) id: Option<i64>,
    /// Labels of the note and its patient.
    pub(super) labels: BTreeSet<Label>,
    pub(super) kind: NoteKind,
    pub(super) signed: bool,
    pub(super) author: bool,
    pub(super) responsible: bool,
}

/// Entities that the rules name themselves: `Department::"psychiatry"`, `Patient::"12"`.
#[derive(Debug, Default)]
pub(super) struct Literals {
    departments: BTreeSet<String>,
    care_teams: BTreeSet<String>,
    patients: BTreeSet<i64>,
    documents: BTreeSet<i64>,
}

impl Literals {
    /// Collects the literals of all rules.
    ///
    /// # Errors
    /// A name that no department, team, patient or document can have.
    pub(super) fn read(
        text: &str,
        names: &BTreeMap<PolicyId, String>,
        rules: &PolicySet,
    ) -> Result<Self, PolicyError> {
        let mut literals = Self::default();
        let mut mistakes: Vec<Mistake> = Vec::new();
        for rule in rules.policies() {
            for literal in rule.entity_literals() {
                if literals.add(&literal) {
                    continue;
                }
                let message = format!("{literal} is no name that this program gives");
                let error = PolicyError::at(PolicyFile::Rules, text, &literal.to_string(), &message);
                mistakes.extend(error.mistakes.into_iter().map(|mut mistake| {
                    mistake.rule = names.get(rule.id()).cloned();
                    mistake
                }));
            }
        }
        mistakes.sort();
        mistakes.dedup();
        if mistakes.is_empty() {
            Ok(literals)
        } else {
            Err(PolicyError { mistakes })
        }
    }

    /// Adds a literal; gives whether it is one that can be.
    fn add(&mut self, literal: &EntityUid) -> bool {
        let id: &str = literal.id().unescaped();
        match literal.type_name().basename() {
            "Department" => {
                self.departments.insert(id.to_owned());
                DepartmentId::parse(id).is_ok_and(|name| name.as_str() == id)
            }
            "CareTeam" => {
                self.care_teams.insert(id.to_owned());
                CareTeamId::parse(id).is_ok_and(|name| name.as_str() == id)
            }
            "Patient" => id.parse().is_ok_and(|number: i64| {
                self.patients.insert(number);
                number.to_string() == id
            }),
            "Document" => id.parse().is_ok_and(|number: i64| {
                self.documents.insert(number);
                number.to_string() == id
            }),
            "User" => crate::ids::UserId::parse(id).is_ok_and(|name| name.as_str() == id),
            "System" => id == SYSTEM,
            // Actions, roles, labels and kinds are held by the schema.
            _ => true,
        }
    }
}

impl RecordClass {
    /// All facts of a patient, as they are.
    pub(super) fn of_patient(subject: &Subject, patient: &PatientFacts) -> Self {
        let user = &subject.user.id;
        Self {
            patient: Some(patient.id.get()),
            departments: patient.departments.clone(),
            care_teams: patient.care_teams.clone(),
            labels: patient.labels.clone(),
            dummy: patient.dummy,
            attending: patient.attending.contains(user),
            own: patient.own_account.as_ref() == Some(user),
            emergency: subject.emergencies.contains(&patient.id),
            document: None,
        }
    }

    /// All facts of a note, as they are.
    pub(super) fn of_document(subject: &Subject, document: &DocumentFacts) -> Self {
        let mut class = Self::of_patient(subject, &document.patient);
        class.document = Some(DocumentClass {
            id: document.id.map(crate::ids::DocumentId::get),
            labels: document.labels.union(&class.labels).cloned().collect(),
            kind: document.kind.clone(),
            signed: document.signed,
            author: document.author == subject.user.id,
            responsible: document.responsible.as_ref() == Some(&subject.user.id),
        });
        class
    }

    /// Leaves out what no rule can see. The schema has departments, teams and patients only as what a record is *in*, and
    /// a rule can ask `in` only of what it names itself or of what belongs to the user; so all others cannot matter.
    pub(super) fn projected(mut self, subject: &Subject, literals: &Literals) -> Self {
        let user = &subject.user;
        self.departments
            .retain(|name| *name == user.department || literals.departments.contains(name.as_str()));
        self.care_teams
            .retain(|name| user.care_teams.contains(name) || literals.care_teams.contains(name.as_str()));
        self.patient = self.patient.filter(|number| literals.patients.contains(number));
        if let Some(document) = &mut self.document {
            document.id = document.id.filter(|number| literals.documents.contains(number));
        }
        self
    }
}

impl Policy {
    /// Answers a request. Never fails: what cannot be answered is denied.
    pub fn is_allowed(&self, request: &Request<'_>) -> Decision {
        let class = match request.resource {
            Resource::Patient(patient) => Some(RecordClass::of_patient(request.subject, patient)),
            Resource::Document(document) => Some(RecordClass::of_document(request.subject, document)),
            Resource::System => None,
        };
        self.decide(request.subject, request.action, class.as_ref())
    }

    pub(super) fn decide(&self, subject: &Subject, action: Action, class: Option<&RecordClass>) -> Decision {
        self.ask(subject, action, class)
            .unwrap_or_else(|mistake| Decision {
                allowed: false,
                rules: Vec::new(),
                mistakes: vec![mistake],
            })
    }

    pub(super) fn literals(&self) -> &Literals {
        &self.literals
    }

    fn ask(
        &self,
        subject: &Subject,
        action: Action,
        class: Option<&RecordClass>,
    ) -> Result<Decision, String> {
        let principal = uid("User", subject.user.id.as_str())?;
        let mut entities = vec![user_entity(subject, principal.clone())?];
        let (resource, more) = class.map_or_else(system_entity, record_entities)?;
        entities.extend(more);
        let schema = &self.schema.cedar;
        let actions = self.actions.get(&action).cloned().unwrap_or_else(Entities::empty);
        let entities = actions.add_entities(entities, Some(schema)).map_err(chain)?;
        let action = uid("Action", action.as_str())?;
        let context = context(subject, class)?;
        let request = CedarRequest::new(principal, action, resource, context, Some(schema)).map_err(chain)?;
        Ok(self.answer(&request, &entities))
    }

    fn answer(&self, request: &CedarRequest, entities: &Entities) -> Decision {
        let response = self.authorizer.is_authorized(request, &self.rules, entities);
        let diagnostics = response.diagnostics();
        let mut rules: Vec<String> = diagnostics
            .reason()
            .filter_map(|id| self.names.get(id).cloned())
            .collect();
        rules.sort();
        // A rule that fails is left out by Cedar; were it a forbid, leaving it out would open.
        let mut mistakes: Vec<String> = diagnostics.errors().map(ToString::to_string).collect();
        mistakes.sort();
        Decision {
            allowed: response.decision() == CedarDecision::Allow && mistakes.is_empty(),
            rules,
            mistakes,
        }
    }
}

/// Each action of the schema with the groups it is in.
pub(super) fn actions_of(schema: &Schema) -> Result<BTreeMap<Action, Entities>, String> {
    let all = schema.action_entities().map_err(chain)?;
    let mut actions = BTreeMap::new();
    for action in Action::ALL {
        let own = uid("Action", action.as_str())?;
        let is_of_it = |entity: &&Entity| entity.uid() == own || all.is_ancestor_of(&entity.uid(), &own);
        let entities: Vec<Entity> = all.iter().filter(is_of_it).cloned().collect();
        actions.insert(action, Entities::from_entities(entities, None).map_err(chain)?);
    }
    Ok(actions)
}

fn chain(error: impl std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

fn uid(kind: &str, id: &str) -> Result<EntityUid, String> {
    let kind = EntityTypeName::from_str(kind).map_err(chain)?;
    Ok(EntityUid::from_type_name_and_id(kind, EntityId::new(id)))
}

fn set_of<'a>(kind: &str, names: impl Iterator<Item = &'a str>) -> Result<RestrictedExpression, String> {
    let names: Result<Vec<RestrictedExpression>, String> = names
        .map(|name| uid(kind, name).map(RestrictedExpression::new_entity_uid))
        .collect();
    Ok(RestrictedExpression::new_set(names?))
}

fn entity(
    uid: EntityUid,
    facts: impl IntoIterator<Item = (&'static str, RestrictedExpression)>,
    parents: HashSet<EntityUid>,
) -> Result<Entity, String> {
    let facts: HashMap<String, RestrictedExpression> = facts
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    Entity::new(uid, facts, parents).map_err(chain)
}

fn user_entity(subject: &Subject, principal: EntityUid) -> Result<Entity, String> {
    let user = &subject.user;
    let department = uid("Department", user.department.as_str())?;
    let care_teams = set_of("CareTeam", user.care_teams.iter().map(CareTeamId::as_str))?;
    let facts = [
        ("department", RestrictedExpression::new_entity_uid(department)),
        ("careTeams", care_teams),
        ("active", RestrictedExpression::new_bool(user.active)),
    ];
    entity(
        principal,
        facts,
        HashSet::from([uid("Role", user.role.as_str())?]),
    )
}

/// The system, and the entities it needs.
fn system_entity() -> Result<(EntityUid, Vec<Entity>), String> {
    let system = uid("System", SYSTEM)?;
    Ok((system.clone(), vec![Entity::with_uid(system)]))
}

/// The entity of a record, and all entities that it needs.
fn record_entities(class: &RecordClass) -> Result<(EntityUid, Vec<Entity>), String> {
    let id_of = |number: Option<i64>| number.map_or_else(|| ANY.to_owned(), |number| number.to_string());
    let patient = uid("Patient", &id_of(class.patient))?;
    let mut parents = HashSet::new();
    for name in &class.departments {
        parents.insert(uid("Department", name.as_str())?);
    }
    for name in &class.care_teams {
        parents.insert(uid("CareTeam", name.as_str())?);
    }
    let labels = |labels: &BTreeSet<Label>| set_of("Label", labels.iter().map(Label::as_str));
    let dummy = || RestrictedExpression::new_bool(class.dummy);
    let facts = [("labels", labels(&class.labels)?), ("dummy", dummy())];
    let patient_entity = entity(patient.clone(), facts, parents)?;
    let Some(document) = &class.document else {
        return Ok((patient, vec![patient_entity]));
    };
    let note = uid("Document", &id_of(document.id))?;
    let kind = uid("NoteKind", document.kind.as_str())?;
    let facts = [
        ("labels", labels(&document.labels)?),
        ("dummy", dummy()),
        ("kind", RestrictedExpression::new_entity_uid(kind)),
        ("signed", RestrictedExpression::new_bool(document.signed)),
    ];
    let note_entity = entity(note.clone(), facts, HashSet::from([patient]))?;
    Ok((note, vec![patient_entity, note_entity]))
}

fn context(subject: &Subject, class: Option<&RecordClass>) -> Result<Context, String> {
    let mut facts = vec![("secondFactor", subject.second_factor)];
    if let Some(class) = class {
        let document = class.document.as_ref();
        let is_author = document.is_some_and(|document| document.author);
        let is_responsible = document.is_some_and(|document| document.responsible);
        facts.extend([
            ("attending", class.attending),
            ("author", is_author),
            ("responsible", is_responsible),
            ("own", class.own),
            ("emergency", class.emergency),
        ]);
    }
    let facts = facts
        .into_iter()
        .map(|(name, value)| (name.to_owned(), RestrictedExpression::new_bool(value)));
    Context::from_pairs(facts).map_err(chain)
}
