//! The receipt: what a person allows a study, as a FHIR R4 Consent, version by version.

use crate::consent::answer::{Answer, By, Item, Respondent, Way};
use crate::consent::judge::{Person, Use, person_allows};
use crate::consent::log;
use crate::consent::rows::{self, StudyRecord};
use crate::consent::state::{Horizon, PersonState};
use crate::consent::study::Recipient;
use crate::errors::StoreError;
use crate::ids::PatientId;
use crate::links;
use crate::stamp::{Moment, Stamp, word};
use crate::store::Store;
use jiff::civil::Date;
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Base of the code systems of this program.
const BASE: &str = "https://tsumugi.example";

/// A version of a person's receipt for a study.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConsentReceipt {
    /// Whose.
    pub patient: PatientId,
    /// For which study.
    pub study: String,
    /// Version, from 1.
    pub version: u32,
    /// The entry of the log after which it was made.
    pub seq: u64,
    /// The FHIR R4 Consent.
    pub resource: Value,
    /// Who entered the answers, and when.
    pub stamp: Stamp,
}

impl Store {
    /// The receipts of a person, all versions, by study; those of linked records too.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn consent_receipts(&self, patient: PatientId) -> Result<Vec<ConsentReceipt>, StoreError> {
        self.read("consent receipts", |conn| of_patient(conn, patient))
    }
}

/// The receipts of a person, all versions.
pub(crate) fn of_patient(conn: &Connection, patient: PatientId) -> Result<Vec<ConsentReceipt>, StoreError> {
    let mut all = Vec::new();
    for member in links::members(conn, patient)? {
        let mut list = conn.prepare_cached(
            "SELECT study, version, seq, json, author, at FROM consent_receipt
             WHERE patient = ?1 ORDER BY study, version",
        )?;
        let mut found = list.query([member])?;
        while let Some(row) = found.next()? {
            all.push(ConsentReceipt {
                patient: member,
                study: row.get(0)?,
                version: row.get(1)?,
                seq: row.get(2)?,
                resource: rows::parse(&row.get::<_, String>(3)?)?,
                stamp: Stamp {
                    author: row.get(4)?,
                    at: row.get(5)?,
                },
            });
        }
    }
    Ok(all)
}

/// The number of the newest version; 0 where there is none.
pub(crate) fn newest(conn: &Connection, patient: PatientId, study: &str) -> Result<u32, StoreError> {
    let mut find = conn.prepare_cached(
        "SELECT coalesce(max(version), 0) FROM consent_receipt WHERE patient = ?1 AND study = ?2",
    )?;
    Ok(find.query_row(params![patient, study], |row| row.get(0))?)
}

/// Makes the next version from what the person has said so far.
pub(crate) fn keep(
    conn: &Connection,
    patient: PatientId,
    record: &StudyRecord,
    seq: u64,
    by: &By,
    stamp: &Stamp,
) -> Result<u32, StoreError> {
    let horizon = Horizon {
        at: &stamp.at,
        is_live: true,
    };
    let (states, birth) = log::person(conn, patient, &record.study.id, horizon)?;
    let version = newest(conn, patient, &record.study.id)? + 1;
    let resource = Consent {
        patient,
        record,
        states: &states,
        birth,
        by,
        at: &stamp.at,
        version,
    };
    conn.prepare_cached("INSERT INTO consent_receipt VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?
        .execute(params![
            patient,
            record.study.id,
            version,
            seq,
            rows::json(&resource.to_fhir()?)?,
            stamp.author,
            stamp.at
        ])?;
    Ok(version)
}

struct Consent<'c> {
    patient: PatientId,
    record: &'c StudyRecord,
    states: &'c [PersonState],
    birth: Option<Date>,
    by: &'c By,
    at: &'c Moment,
    version: u32,
}

impl Consent<'_> {
    fn to_fhir(&self) -> Result<Value, StoreError> {
        let study = &self.record.study;
        let is_withdrawn = self.states.iter().any(|state| state.withdrawn.is_some());
        let provisions = self.provisions()?;
        let status = match (provisions.is_empty(), is_withdrawn) {
            (false, _) => "active",
            (true, true) => "inactive",
            (true, false) => "rejected",
        };
        let policy = match study.basis.silence() {
            crate::consent::basis::Silence::Refuses => "OPTIN",
            _ => "OPTOUT",
        };
        let mut resource = json!({
            "resourceType": "Consent",
            "id": format!("{}-{}", study.id, self.patient),
            "meta": { "versionId": self.version.to_string() },
            "status": status,
            "scope": coding("http://terminology.hl7.org/CodeSystem/consentscope", "research"),
            "category": [coding("http://loinc.org", "59284-0")],
            "patient": { "reference": format!("Patient/{}", self.patient) },
            "dateTime": self.at.as_str(),
            "performer": [self.performer()],
            "organization": [{ "display": study.institution }],
            "policy": [{ "uri": format!("urn:sha256:{}", self.record.text_hash) }],
            "policyRule": coding("http://terminology.hl7.org/CodeSystem/v3-ActCode", policy),
            "verification": [self.verification()],
            // What is not permitted below is denied.
            "provision": { "type": "deny", "provision": provisions },
        });
        if let (Way::Paper { place, .. }, Some(fields)) = (&self.by.way, resource.as_object_mut()) {
            fields.insert("sourceReference".to_owned(), json!({ "display": place }));
        }
        Ok(resource)
    }

    /// A permit for each recipient, with the kinds that it may have.
    fn provisions(&self) -> Result<Vec<Value>, StoreError> {
        let study = &self.record.study;
        let mut all = Vec::new();
        for recipient in &study.recipients {
            let kinds = self.kinds_for(recipient);
            if kinds.is_empty() {
                continue;
            }
            let codes: Vec<Value> = kinds
                .iter()
                .map(|kind| coding(&format!("{BASE}/CodeSystem/data-kind"), kind))
                .collect();
            let mut provision = json!({
                "type": "permit",
                "actor": [{
                    "role": coding("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "IRCP"),
                    "reference": {
                        "identifier": { "system": format!("{BASE}/study/{}", study.id), "value": recipient.id },
                        "display": recipient.name,
                    },
                }],
                "purpose": [{ "system": format!("{BASE}/CodeSystem/purpose"), "code": word(&study.purpose)? }],
                "code": codes,
            });
            if let (Some(ends), Some(fields)) = (study.ends_at, provision.as_object_mut()) {
                fields.insert("period".to_owned(), json!({ "end": ends.to_string() }));
            }
            all.push(provision);
        }
        Ok(all)
    }

    fn kinds_for(&self, recipient: &Recipient) -> Vec<&str> {
        let study = &self.record.study;
        let asked = Use {
            study,
            text: &self.record.text,
            hash: &self.record.text_hash,
            purpose: study.purpose,
            recipient: &recipient.id,
            once: None,
            today: self.at.civil().date(),
        };
        let person = Person {
            records: self.states,
            birth: self.birth,
        };
        let kinds = study.kinds.iter();
        kinds
            .filter(|kind| person_allows(&asked, kind, person).is_ok())
            .map(crate::consent::kinds::DataKind::as_str)
            .collect()
    }

    fn performer(&self) -> Value {
        match &self.by.respondent {
            Respondent::Own => json!({ "reference": format!("Patient/{}", self.patient) }),
            Respondent::Guardian(id) => {
                let mut all = self.states.iter().filter_map(|state| state.guardians.get(id));
                let name = all.next().map_or(id.as_str(), |guardian| guardian.name.as_str());
                json!({ "type": "RelatedPerson", "display": name })
            }
        }
    }

    fn verification(&self) -> Value {
        let mut verification = json!({ "verified": true, "verificationDate": self.at.as_str() });
        let with = match &self.by.way {
            Way::Phone => None,
            Way::Staff { staff } | Way::Paper { staff, .. } => Some(staff),
        };
        if let (Some(staff), Some(fields)) = (with, verification.as_object_mut()) {
            fields.insert("verifiedWith".to_owned(), json!({ "display": staff }));
        }
        verification
    }
}

impl PersonState {
    /// Whether a yes stands for an item that is no use of data (re-contact, results).
    pub fn says_yes(&self, item: &Item) -> bool {
        self.answer(item) == Some(Answer::Yes)
    }
}

fn coding(system: &str, code: &str) -> Value {
    json!({ "coding": [{ "system": system, "code": code }] })
}
