//! Whose a statement is: the numbers of a person, each under its issuer.
//!
//! Every number of every issuer leads to one record. A number of this site leads to the record that shows it. A number of
//! another issuer gets a record of its own, unless the source itself says that it is the same person's. Two records come
//! together by a link only (`links`), which can be undone.

use crate::errors::StoreError;
use crate::fold::fold_name;
use crate::ids::PatientId;
use crate::links;
use crate::patients::{self, PatientDetails};
use crate::received::{ReceivedPerson, ReceivedStatement, Standing};
use crate::stamp::{Population, Stamp};
use crate::store::Store;
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use tsumugi_clinical::Sex;

/// A number of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatientIdentifier {
    /// The record it leads to.
    pub patient: PatientId,
    /// Who issued it; empty is this site.
    pub issuer: String,
    /// The number.
    pub number: String,
    /// Who noted it, and when.
    pub stamp: Stamp,
}

/// Why two numbers of one value may be one person's: somebody decides.
const SAME_IN_ALL: &str = "same number, birth date, sex and name under another issuer's name";
/// Why two records are linked, or proposed to be.
const MERGED: &str = "the source merged the numbers";
const SAME_PERSON: &str = "the source gives both numbers to one person";

impl Store {
    /// The numbers of a person, those of linked records too.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn patient_identifiers(&self, patient: PatientId) -> Result<Vec<PatientIdentifier>, StoreError> {
        self.read("patient identifiers", |conn| {
            let mut list = conn.prepare_cached(&format!(
                "SELECT patient, issuer, number, author, at FROM patient_identifier WHERE patient {} ORDER BY id",
                links::FAMILY
            ))?;
            let rows = list.query_map([patient], |row| {
                Ok(PatientIdentifier {
                    patient: row.get(0)?,
                    issuer: row.get(1)?,
                    number: row.get(2)?,
                    stamp: Stamp {
                        author: row.get(3)?,
                        at: row.get(4)?,
                    },
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// The record of a person as a source names one, made where there is none: for texts, which are read knowing whose they
    /// are. `facility` is the issuer of this site's own numbers, where the site has named it.
    ///
    /// # Errors
    /// `Invalid` when the source names no number.
    pub fn introduce(
        &self,
        population: Population,
        facility: Option<String>,
        person: ReceivedPerson,
        stamp: Stamp,
    ) -> Result<PatientId, StoreError> {
        self.write("introduce", move |conn| {
            let site = Site {
                population,
                facility: facility.as_deref(),
                stamp: &stamp,
            };
            let patient = resolve(conn, site, &person)?;
            links::root(conn, patient)
        })
    }

    /// The record that a number of an issuer is read under; none where it is not known yet. The empty issuer is this site.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn find_by_identifier(
        &self,
        population: Population,
        issuer: &str,
        number: &str,
    ) -> Result<Option<PatientId>, StoreError> {
        self.read("find by identifier", |conn| {
            let found = match by_identifier(conn, population, issuer, number)? {
                None if issuer.is_empty() => by_number(conn, population, number)?,
                found => found,
            };
            found.map(|id| links::root(conn, id)).transpose()
        })
    }
}

/// In which population, for which site, by whom and when numbers are looked at.
#[derive(Clone, Copy)]
pub(crate) struct Site<'b> {
    pub(crate) population: Population,
    pub(crate) facility: Option<&'b str>,
    pub(crate) stamp: &'b Stamp,
}

impl Site<'_> {
    /// The issuer as it is kept: empty where it is this site.
    pub(crate) fn own<'i>(&self, issuer: &'i str) -> &'i str {
        if self.facility == Some(issuer) { "" } else { issuer }
    }
}

/// The record of a statement's person, made where there is none.
pub(crate) fn resolve(
    conn: &Connection,
    site: Site<'_>,
    person: &ReceivedPerson,
) -> Result<PatientId, StoreError> {
    if person.number.is_empty() {
        return Err(StoreError::Invalid {
            what: "person",
            detail: "the source names no number; read it again with the number of the patient".to_owned(),
        });
    }
    let issuer = site.own(&person.issuer);
    let patient = match by_identifier(conn, site.population, issuer, &person.number)? {
        Some(patient) => patient,
        None => introduce(conn, site, issuer, person)?,
    };
    follow_other_numbers(conn, site, issuer, person, patient)?;
    Ok(patient)
}

/// Finds the record of a number that comes for the first time, or makes one.
fn introduce(
    conn: &Connection,
    site: Site<'_>,
    issuer: &str,
    person: &ReceivedPerson,
) -> Result<PatientId, StoreError> {
    let population = site.population;
    let shown = by_number(conn, population, &person.number)?;
    let mut alike = None;
    if let Some(patient) = shown {
        let known = patients::newest(conn, patient)?.details;
        let (is_claimed, is_ours) = claims(conn, patient)?;
        let is_same = if issuer.is_empty() {
            // What another issuer's messages made may be another person's: then all must agree.
            is_ours || !is_claimed || agrees(&known, person)
        } else {
            // Until the site names its own issuer, an issuer's number is the site's where no other claimed it.
            site.facility.is_none() && !is_claimed && !contradicts(&known, person)
        };
        if is_same {
            add(conn, (population, issuer, &person.number), patient, site.stamp)?;
            return Ok(patient);
        }
        let is_alike = site.facility.is_none() && agrees(&known, person);
        alike = is_alike.then_some(patient);
    }
    if let Some(patient) = by_other_number(conn, site, person)? {
        add(conn, (population, issuer, &person.number), patient, site.stamp)?;
        return Ok(patient);
    }
    let is_foreign = !issuer.is_empty() && site.facility.is_some();
    let number = if shown.is_some() || is_foreign {
        let of = if issuer.is_empty() { "own" } else { issuer };
        format!("{}@{of}", person.number)
    } else {
        person.number.clone()
    };
    let patient = create(conn, population, number, person, site.stamp)?;
    add(conn, (population, issuer, &person.number), patient, site.stamp)?;
    if let Some(alike) = alike {
        links::propose(conn, patient, alike, SAME_IN_ALL, site.stamp)?;
    }
    Ok(patient)
}

/// A record that another of the person's numbers leads to. Numbers of insurance are shared by families, and twins share
/// birth date and sex too, so that the name or its reading must agree as well.
fn by_other_number(
    conn: &Connection,
    site: Site<'_>,
    person: &ReceivedPerson,
) -> Result<Option<PatientId>, StoreError> {
    for (issuer, number) in &person.other_numbers {
        if person
            .replaces
            .iter()
            .any(|(of, old)| of == issuer && old == number)
        {
            continue;
        }
        let Some(patient) = by_identifier(conn, site.population, site.own(issuer), number)? else {
            continue;
        };
        let known = patients::newest(conn, patient)?.details;
        if agrees(&known, person) {
            return Ok(Some(patient));
        }
    }
    Ok(None)
}

/// Links, proposes or notes what the source says of the person's other numbers.
fn follow_other_numbers(
    conn: &Connection,
    site: Site<'_>,
    issuer: &str,
    person: &ReceivedPerson,
    patient: PatientId,
) -> Result<(), StoreError> {
    let replaced = |of: &String, number: &String| {
        let is_meant = |(issuer, old): &(String, String)| issuer == of && old == number;
        person.replaces.iter().any(is_meant)
    };
    for (of, number) in &person.other_numbers {
        let is_replaced = replaced(of, number);
        let of = site.own(of);
        if number.is_empty() || (of == issuer && *number == person.number) {
            continue;
        }
        let known = match by_identifier(conn, site.population, of, number)? {
            None if of.is_empty() => by_number(conn, site.population, number)?,
            known => known,
        };
        let stamp = site.stamp;
        match known {
            Some(other) if is_replaced && of == issuer => {
                links::link_quietly(conn, other, patient, MERGED, stamp)?;
            }
            Some(other) => {
                let reason = if is_replaced { MERGED } else { SAME_PERSON };
                links::propose(conn, other, patient, reason, stamp)?;
            }
            None => add(conn, (site.population, of, number), patient, stamp)?,
        }
    }
    Ok(())
}

/// Fills in what is not known of the person yet. What the source states of the person as such (a Patient resource) also
/// replaces what differs, unless a newer such statement came before.
pub(crate) fn complete(
    conn: &Connection,
    site: Site<'_>,
    (statement, source): (&ReceivedStatement, &str),
    patient: PatientId,
) -> Result<(), StoreError> {
    let person = &statement.person;
    let record = patients::newest(conn, patient)?;
    let known = &record.details;
    let mut details = known.clone();
    let is_placeholder = known.name.is_empty() || known.name == known.number || known.name == person.number;
    if let Some(name) = person.name.as_ref().filter(|_| is_placeholder) {
        details.name.clone_from(name);
    }
    if let Some(kana) = person.kana.as_ref().filter(|_| known.kana.is_empty()) {
        details.kana.clone_from(kana);
    }
    if let Some(sex) = person.sex.filter(|_| known.sex == Sex::Unknown) {
        details.sex = sex;
    }
    details.birth_date = known.birth_date.or(person.birth_date);
    let restates = statement.standing == Standing::Valid
        && statement
            .resources
            .iter()
            .any(|resource| resource.kind == "Patient");
    let renewed = renewed(&details, person);
    if restates
        && renewed != details
        && may_renew(conn, site, person, patient)?
        && is_newest_of_person(conn, (patient, source), &statement.sequence)?
    {
        details = renewed;
    }
    if details == *known {
        return Ok(());
    }
    let version = record.version + 1;
    patients::insert_version(conn, patient, version, &details, site.stamp)?;
    conn.prepare_cached("UPDATE patient SET version = ?2, folded = ?3 WHERE id = ?1")?
        .execute(params![patient, version, patients::folded(&details)])?;
    Ok(())
}

fn renewed(details: &PatientDetails, person: &ReceivedPerson) -> PatientDetails {
    let or = |given: &Option<String>, known: &String| given.clone().unwrap_or_else(|| known.clone());
    PatientDetails {
        number: details.number.clone(),
        name: or(&person.name, &details.name),
        kana: or(&person.kana, &details.kana),
        sex: person
            .sex
            .filter(|sex| *sex != Sex::Unknown)
            .unwrap_or(details.sex),
        birth_date: person.birth_date.or(details.birth_date),
    }
}

/// Whether a source may replace what is known of a person: another site fills in what this one does not know, no more.
fn may_renew(
    conn: &Connection,
    site: Site<'_>,
    person: &ReceivedPerson,
    patient: PatientId,
) -> Result<bool, StoreError> {
    Ok(site.own(&person.issuer).is_empty() || !claims(conn, patient)?.1)
}

/// Whether no newer statement of the same source about the person as such came before. What orders the statements of one
/// source says nothing about those of another.
fn is_newest_of_person(
    conn: &Connection,
    (patient, source): (PatientId, &str),
    sequence: &str,
) -> Result<bool, StoreError> {
    let mut newest = conn.prepare_cached(
        "SELECT coalesce(max(x.sequence), '') FROM received_resource r JOIN received x ON x.observation = r.observation
         JOIN observation o ON o.id = r.observation
         WHERE r.patient = ?1 AND r.kind = 'Patient' AND o.source = ?2",
    )?;
    let newest: String = newest.query_row(params![patient, source], |row| row.get(0))?;
    Ok(sequence >= newest.as_str())
}

fn by_identifier(
    conn: &Connection,
    population: Population,
    issuer: &str,
    number: &str,
) -> Result<Option<PatientId>, StoreError> {
    let mut find = conn.prepare_cached(
        "SELECT patient FROM patient_identifier WHERE dummy = ?1 AND issuer = ?2 AND number = ?3",
    )?;
    Ok(find
        .query_row(params![population, issuer, number], |row| row.get(0))
        .optional()?)
}

fn by_number(
    conn: &Connection,
    population: Population,
    number: &str,
) -> Result<Option<PatientId>, StoreError> {
    let mut find = conn.prepare_cached("SELECT id FROM patient WHERE dummy = ?1 AND number = ?2")?;
    Ok(find
        .query_row(params![population, number], |row| row.get(0))
        .optional()?)
}

/// Whether any number leads to a record, and whether one of this site does.
fn claims(conn: &Connection, patient: PatientId) -> Result<(bool, bool), StoreError> {
    let mut find = conn.prepare_cached(
        "SELECT count(*) > 0, coalesce(max(issuer = ''), 0) FROM patient_identifier WHERE patient = ?1",
    )?;
    Ok(find.query_row([patient], |row| Ok((row.get(0)?, row.get(1)?)))?)
}

fn add(
    conn: &Connection,
    (population, issuer, number): (Population, &str, &str),
    patient: PatientId,
    stamp: &Stamp,
) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO patient_identifier (patient, dummy, issuer, number, author, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![patient, population, issuer, number, stamp.author, stamp.at])?;
    Ok(())
}

fn create(
    conn: &Connection,
    population: Population,
    number: String,
    person: &ReceivedPerson,
    stamp: &Stamp,
) -> Result<PatientId, StoreError> {
    let details = PatientDetails {
        name: person.name.clone().unwrap_or_else(|| person.number.clone()),
        number,
        kana: person.kana.clone().unwrap_or_default(),
        sex: person.sex.unwrap_or(Sex::Unknown),
        birth_date: person.birth_date,
    };
    patients::check_number(conn, population, &details.number, None)?;
    conn.prepare_cached("INSERT INTO patient (number, dummy, version, folded) VALUES (?1, ?2, 1, ?3)")?
        .execute(params![details.number, population, patients::folded(&details)])?;
    let id = PatientId::new(conn.last_insert_rowid());
    patients::insert_version(conn, id, 1, &details, stamp)?;
    Ok(id)
}

/// Whether what is known of both cannot be one person's.
fn contradicts(known: &PatientDetails, person: &ReceivedPerson) -> bool {
    let dates = known.birth_date.zip(person.birth_date);
    dates.is_some_and(|(one, other)| one != other)
}

fn same_birth_and_sex(known: &PatientDetails, person: &ReceivedPerson) -> bool {
    let is_same_birth = known.birth_date.is_some() && known.birth_date == person.birth_date;
    is_same_birth && known.sex != Sex::Unknown && Some(known.sex) == person.sex
}

/// Whether birth date, sex, and name or reading are known of both and are the same.
fn agrees(known: &PatientDetails, person: &ReceivedPerson) -> bool {
    let is_same = |known: &str, given: Option<&String>| {
        given.is_some_and(|given| !squeezed(known).is_empty() && squeezed(known) == squeezed(given))
    };
    let is_same_name =
        is_same(&known.name, person.name.as_ref()) || is_same(&known.kana, person.kana.as_ref());
    same_birth_and_sex(known, person) && is_same_name
}

/// A name folded, without its spaces.
pub(crate) fn squeezed(name: &str) -> String {
    fold_name(name).split_whitespace().collect()
}
