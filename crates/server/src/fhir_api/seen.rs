//! Which resources somebody may see: the scopes of the token, and the policy about the person behind it.

use super::outcome::Refusal;
use crate::access::Bearer;
use crate::web::{Desk, Rows, WebError};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use tsumugi_access::{Action, Interaction, Level};
use tsumugi_fhirstore::{Origin, Whose};
use tsumugi_records::{AuditSubtype, DocumentId, PatientId, PatientRecord, Population};

/// Patients whose facts are read one by one; of more, all of their population are read at once.
const FEW: usize = 8;

/// How far a token reaches.
pub(super) struct Reach {
    /// To all that the policy lets the person see.
    whole: bool,
    /// To these records only.
    patients: Vec<i64>,
}

impl Reach {
    /// Of a token, for something done with a type of resource.
    ///
    /// # Errors
    /// `Scope`, where it reaches nothing.
    pub(super) fn of(desk: &Desk, bearer: &Bearer, kind: &str, done: Interaction) -> Result<Self, Refusal> {
        let access = &bearer.access;
        let lets = |level| access.scopes.lets(level, kind, done);
        let personal = access.grant.personal;
        let whole = (personal && lets(Level::User)) || (!personal && lets(Level::System));
        let launched = access.grant.patient.filter(|_| !whole && lets(Level::Patient));
        let mut patients = Vec::new();
        if let Some(patient) = launched {
            let (_, family) = desk.app.store.family(PatientId::new(patient.get()))?;
            patients = family.into_iter().map(PatientId::get).collect();
        }
        if whole || !patients.is_empty() {
            Ok(Self { whole, patients })
        } else {
            Err(Refusal::Scope)
        }
    }

    fn reaches(&self, patient: i64) -> bool {
        self.whole || self.patients.contains(&patient)
    }
}

/// Whether a token may do something with a type at all.
pub(super) fn is_in_scope(bearer: &Bearer, kind: &str, done: Interaction) -> bool {
    let levels = [Level::Patient, Level::User, Level::System];
    levels
        .into_iter()
        .any(|level| bearer.access.scopes.lets(level, kind, done))
}

/// What somebody may see, asked row by row.
pub(super) struct Seen<'d> {
    desk: &'d Desk,
    reach: Reach,
    few: BTreeMap<i64, Rows<'d>>,
    many: BTreeMap<Population, Rows<'d>>,
    populations: BTreeMap<i64, Population>,
    failed: Option<WebError>,
}

impl<'d> Seen<'d> {
    /// Begins to ask.
    pub(super) fn new(desk: &'d Desk, reach: Reach) -> Self {
        Self {
            desk,
            reach,
            few: BTreeMap::new(),
            many: BTreeMap::new(),
            populations: BTreeMap::new(),
            failed: None,
        }
    }

    /// Whether a resource may be seen. What cannot be found out may not; [`Seen::done`] tells why.
    pub(super) fn lets(&mut self, whose: &Whose) -> bool {
        match self.asked(whose) {
            Ok(lets) => lets,
            Err(error) => {
                self.failed.get_or_insert(error);
                false
            }
        }
    }

    /// Ends asking.
    ///
    /// # Errors
    /// What kept a question from being answered.
    pub(super) fn done(self) -> Result<(), Refusal> {
        match self.failed {
            Some(error) => Err(Refusal::Web(error)),
            None => Ok(()),
        }
    }

    fn asked(&mut self, whose: &Whose) -> Result<bool, WebError> {
        let Some(patient) = whose.patient else {
            // The site's own tells of no record.
            return Ok(whose.origin == Origin::Site);
        };
        if !self.reach.reaches(patient) {
            return Ok(false);
        }
        let id = PatientId::new(patient);
        let rows = self.rows(id)?;
        match whose.origin {
            Origin::Patient => Ok(rows.patient(id)),
            _ => rows.document(id, whose.document.map(DocumentId::new)),
        }
    }

    fn rows(&mut self, patient: PatientId) -> Result<&mut Rows<'d>, WebError> {
        let (desk, number) = (self.desk, patient.get());
        let is_few = self.few.len() < FEW;
        let population = match self.few.entry(number) {
            Entry::Occupied(rows) => return Ok(rows.into_mut()),
            Entry::Vacant(place) if is_few => {
                let record = desk.app.store.patient(patient)?;
                return Ok(place.insert(desk.rows_of(Action::Read, &record)?));
            }
            Entry::Vacant(_) => match self.populations.entry(number) {
                Entry::Occupied(population) => *population.get(),
                Entry::Vacant(place) => *place.insert(desk.app.store.family(patient)?.0),
            },
        };
        match self.many.entry(population) {
            Entry::Occupied(rows) => Ok(rows.into_mut()),
            Entry::Vacant(place) => Ok(place.insert(desk.rows(Action::Read, population)?)),
        }
    }
}

/// Holds scopes and policy against a patient whom a request names; gives the record. The scopes come first, so that a
/// token of another patient does not learn who is there.
pub(super) fn named(
    desk: &Desk,
    bearer: &Bearer,
    id: PatientId,
    (kind, done): (&str, Interaction),
) -> Result<PatientRecord, Refusal> {
    let reaches = match Reach::of(desk, bearer, kind, done) {
        Ok(reach) => reach.reaches(id.get()),
        Err(Refusal::Scope) => false,
        Err(other) => return Err(other),
    };
    if !reaches {
        let why = "the scopes of the token do not reach it";
        return Err(match desk.refuse_record(AuditSubtype::Read, id, why) {
            WebError::Denied(_) => Refusal::Scope,
            error => Refusal::Web(error),
        });
    }
    let record = desk.app.store.patient(id)?;
    desk.may(Action::Read, &record)?;
    Ok(record)
}
