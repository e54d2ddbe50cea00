//! What a patient wishes of care: entries with who, when and with whom; what notes say of it; FHIR R4 Consent.

use crate::care::{BASE, coding};
use crate::web::Language;
use jiff::civil::{Date, DateTime};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tsumugi_cds::{Said, WishNow, wish_rows, wishes_now};
use tsumugi_clinical::{Certainty, Event, EventKind, Experiencer, Phase, Polarity};
use tsumugi_coding::Coder;
use tsumugi_records::{CareEntry, CareTopic, EventOrigin, StoredEvent};

/// Whose will an entry tells, as the guideline of the Ministry of Health on decisions at the end of life (2018) tells them
/// apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Basis {
    /// The patient's own, said by the patient.
    Own,
    /// The patient's own, as those who know the patient presume it.
    Presumed,
    /// Nobody knows it: what family and team hold to be best.
    BestInterest,
    /// Nothing says so: a text was confirmed as it stood.
    Unstated,
}

impl Basis {
    /// Those that a form offers.
    pub(crate) const ALL: [Self; 3] = [Self::Own, Self::Presumed, Self::BestInterest];

    /// The word in forms and keys of texts.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Presumed => "presumed",
            Self::BestInterest => "best-interest",
            Self::Unstated => "unstated",
        }
    }
}

/// Who took part in the talk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Party {
    /// The patient.
    Patient,
    /// The family.
    Family,
    /// Whom the patient named to decide.
    Proxy,
    /// Nurses, social workers and others who care for the patient.
    Team,
}

impl Party {
    /// All, in the order of the form.
    pub(crate) const ALL: [Self; 4] = [Self::Patient, Self::Family, Self::Proxy, Self::Team];

    /// The word in forms and keys of texts.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Patient => "patient",
            Self::Family => "family",
            Self::Proxy => "proxy",
            Self::Team => "team",
        }
    }
}

/// What an entry says. Its subject is the wish, a concept of `data/care/wishes.tsv`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Wish {
    /// The wish as it was shown.
    pub(crate) name: String,
    /// Whether it is wished; else it is no longer.
    pub(crate) holds: bool,
    /// Whether a physician entered or confirmed it.
    pub(crate) confirmed: bool,
    /// Whose will it is.
    pub(crate) basis: Basis,
    /// Who took part.
    pub(crate) with: Vec<Party>,
    /// When it was talked about.
    pub(crate) discussed: Option<Date>,
    /// When it is to be talked about again.
    pub(crate) review: Option<Date>,
    /// In words.
    pub(crate) words: String,
    /// The statement that was confirmed, as [`Statement::id`] tells it.
    pub(crate) source: Option<String>,
}

impl Wish {
    /// Whether the day has passed on which it is to be talked about again.
    pub(crate) fn is_overdue(&self, today: Date) -> bool {
        self.review.is_some_and(|review| review < today)
    }
}

/// A statement about a wish.
#[derive(Debug, Clone)]
pub(crate) enum Statement<'a> {
    /// Somebody entered it.
    Entry(&'a CareEntry, Wish),
    /// A note, or what another system sent, says it.
    Text(&'a StoredEvent),
}

impl Statement<'_> {
    /// A name by which it is known again.
    pub(crate) fn id(&self) -> String {
        match self {
            Self::Entry(entry, _) => format!("entry-{}", entry.id),
            Self::Text(stored) => format!("event-{}", stored.id.get()),
        }
    }

    /// The wish, a concept.
    pub(crate) fn concept(&self) -> &str {
        match self {
            Self::Entry(entry, _) => &entry.subject,
            Self::Text(stored) => stored.event.concept.as_str(),
        }
    }

    /// When it was stated.
    pub(crate) fn at(&self) -> DateTime {
        match self {
            Self::Entry(entry, _) => entry.stamp.at.civil(),
            Self::Text(stored) => stored.at,
        }
    }

    /// Whether it is wished.
    pub(crate) fn holds(&self) -> bool {
        match self {
            Self::Entry(_, wish) => wish.holds,
            Self::Text(stored) => holds(&stored.event),
        }
    }

    /// Where the text stands that says it.
    pub(crate) fn place(&self) -> Option<String> {
        match self {
            Self::Text(stored) => match stored.origin {
                EventOrigin::Document { document, .. } => {
                    Some(format!("/documents/{document}?fact={}#lit", stored.number))
                }
                EventOrigin::Observation { .. } => None,
            },
            Self::Entry(..) => None,
        }
    }
}

/// All statements about wishes, entries and texts together, oldest first.
pub(crate) fn statements<'a>(entries: &'a [CareEntry], events: &'a [StoredEvent]) -> Vec<Statement<'a>> {
    let entered = entries.iter().filter_map(|entry| {
        let wish = wish_of(entry)?;
        Some(Statement::Entry(entry, wish))
    });
    let told = events.iter().filter(|stored| says_wish(stored));
    let mut all: Vec<Statement<'a>> = entered.chain(told.map(Statement::Text)).collect();
    all.sort_by_key(Statement::at);
    all
}

/// How the wishes stand; places are those of the statements.
pub(crate) fn now(statements: &[Statement<'_>]) -> Vec<WishNow> {
    let said: Vec<Said<'_>> = statements
        .iter()
        .map(|one| Said {
            concept: one.concept(),
            holds: one.holds(),
            at: one.at(),
            is_confirmed: matches!(one, Statement::Entry(_, wish) if wish.confirmed),
        })
        .collect();
    wishes_now(&said)
}

/// The name of a wish in a language.
pub(crate) fn name(language: Language, coder: &Coder, concept: &str) -> String {
    let found = coder.vocabulary().concept(concept);
    found.map_or_else(
        || concept.to_owned(),
        |found| match language {
            Language::Japanese => found.name.to_string(),
            Language::English => found.english.to_string(),
        },
    )
}

/// The entries on wishes as FHIR R4 Consent: of each wish the one that was entered last, with the number of its entries as
/// version.
pub(crate) fn to_fhir(entries: &[CareEntry]) -> Vec<Value> {
    let mut newest: BTreeMap<(i64, &str), (u32, &CareEntry, Wish)> = BTreeMap::new();
    for entry in entries {
        let Some(wish) = wish_of(entry) else { continue };
        let slot = (entry.patient.get(), entry.subject.as_str());
        let version = newest.get(&slot).map_or(0, |(version, ..)| *version) + 1;
        newest.insert(slot, (version, entry, wish));
    }
    newest
        .into_values()
        .filter_map(|(version, entry, wish)| consent(version, entry, &wish))
        .collect()
}

fn consent(version: u32, entry: &CareEntry, wish: &Wish) -> Option<Value> {
    const CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/consentcategorycodes";
    let row = wish_rows().iter().find(|row| row.concept == entry.subject)?;
    let status = match (wish.holds, wish.confirmed) {
        (_, false) => "proposed",
        (true, true) => "active",
        (false, true) => "inactive",
    };
    let day = entry.stamp.at.civil().date().to_string();
    let mut provision = json!({
        "type": if row.refuses { "deny" } else { "permit" },
        "code": [{
            "coding": [{ "system": format!("{BASE}/CodeSystem/concept"), "code": row.concept, "display": wish.name }],
            "text": wish.name,
        }],
    });
    if let (Some(review), Some(fields)) = (wish.review, provision.as_object_mut()) {
        fields.insert("period".to_owned(), json!({ "end": review.to_string() }));
    }
    let mut resource = json!({
        "resourceType": "Consent",
        "id": format!("{}-{}", row.concept.replace('.', "-"), entry.patient),
        "meta": { "versionId": version.to_string() },
        "status": status,
        "scope": coding("http://terminology.hl7.org/CodeSystem/consentscope", "adr"),
        "category": [coding(CATEGORY, &row.category)],
        "patient": { "reference": format!("Patient/{}", entry.patient) },
        "dateTime": day,
        "policyRule": { "text": "wishes of care as talked about with the patient (advance care planning)" },
        "verification": [{ "verified": wish.confirmed, "verificationDate": day }],
        "provision": provision,
    });
    if let Some(fields) = resource.as_object_mut() {
        let author = json!([{ "display": entry.stamp.author }]);
        fields.insert("performer".to_owned(), author);
    }
    Some(resource)
}

/// What an entry says of a wish that the table knows.
fn wish_of(entry: &CareEntry) -> Option<Wish> {
    let is_wish = entry.topic == CareTopic::Wish && is_known(&entry.subject);
    is_wish
        .then(|| serde_json::from_value(entry.body.clone()).ok())
        .flatten()
}

/// Whether the table knows a wish.
pub(crate) fn is_known(concept: &str) -> bool {
    wish_rows().iter().any(|row| row.concept == concept)
}

fn says_wish(stored: &StoredEvent) -> bool {
    let event = &stored.event;
    event.kind == EventKind::Preference
        && stored.settled_by.is_none()
        && event.experiencer == Experiencer::Patient
        && event.certainty == Certainty::Asserted
        && event.phase != Phase::Planned
        && is_known(event.concept.as_str())
}

fn holds(event: &Event) -> bool {
    event.polarity == Polarity::Present && event.phase == Phase::Current && !event.resolved
}

#[cfg(test)]
mod tests {
    use super::*;
    use tsumugi_records::{Moment, PatientId, Stamp};

    fn entry(id: i64, holds: bool, confirmed: bool) -> CareEntry {
        let wish = Wish {
            name: "DNAR".to_owned(),
            holds,
            confirmed,
            basis: Basis::Own,
            with: vec![Party::Patient],
            discussed: None,
            review: Some(jiff::civil::date(2027, 2, 1)),
            words: String::new(),
            source: None,
        };
        CareEntry {
            id,
            patient: PatientId::new(7),
            topic: CareTopic::Wish,
            subject: "wish.dnar".to_owned(),
            body: serde_json::to_value(wish).unwrap(),
            stamp: Stamp {
                author: "sato".to_owned(),
                at: Moment::parse("2026-11-29T10:00").unwrap(),
            },
        }
    }

    #[test]
    fn a_wish_is_a_consent_with_its_history_as_versions() {
        let status = |entries: &[CareEntry]| -> Vec<(String, String)> {
            let all = to_fhir(entries);
            let of = |value: &Value, pointer: &str| {
                let found = value.pointer(pointer).and_then(Value::as_str);
                found.unwrap_or_default().to_owned()
            };
            all.iter()
                .map(|one| (of(one, "/status"), of(one, "/meta/versionId")))
                .collect()
        };
        let of = |status: &str, version: &str| vec![(status.to_owned(), version.to_owned())];
        assert_eq!(status(&[entry(1, true, false)]), of("proposed", "1"));
        let confirmed = [entry(1, true, false), entry(2, true, true)];
        assert_eq!(status(&confirmed), of("active", "2"));
        let withdrawn = [entry(1, true, true), entry(2, false, true)];
        assert_eq!(status(&withdrawn), of("inactive", "2"));
        let resource = &to_fhir(&confirmed)[0];
        for (pointer, wanted) in [
            ("/category/0/coding/0/code", "dnr"),
            ("/scope/coding/0/code", "adr"),
            ("/provision/type", "deny"),
            ("/provision/period/end", "2027-02-01"),
            ("/patient/reference", "Patient/7"),
        ] {
            assert_eq!(
                resource.pointer(pointer).and_then(Value::as_str),
                Some(wanted),
                "{pointer}"
            );
        }
        assert_eq!(resource.pointer("/verification/0/verified"), Some(&json!(true)));
    }

    #[test]
    fn what_the_table_does_not_know_is_no_wish_of_the_banner() {
        let mut other = entry(1, true, true);
        other.subject = "wish.pregnancy-desired".to_owned();
        assert!(statements(&[other], &[]).is_empty());
    }
}
