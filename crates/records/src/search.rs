//! Structured search: which patients have an event of these concepts, stated in this way, in this time.

use crate::errors::StoreError;
use crate::events::concept;
use crate::ids::{DocumentId, EventId, PatientId};
use crate::stamp::{Civil, Population, Word, word};
use crate::store::Store;
use jiff::civil::DateTime;
use rusqlite::{Connection, Row, ToSql};
use serde::{Deserialize, Serialize};
use tsumugi_clinical::{Certainty, ConceptId, EventKind, Experiencer, Phase, Polarity};

/// Values between two bounds, both included; a value that is itself a range or open-ended is taken if it may lie there.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ValueRange {
    /// Least.
    pub min: Option<f64>,
    /// Most.
    pub max: Option<f64>,
    /// UCUM unit the value must have; values in other units are not converted.
    pub unit: Option<String>,
}

/// Which events to find, beside their concept. An absent field lets everything through.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct EventFilter {
    /// Kind.
    pub kind: Option<EventKind>,
    /// Present or absent.
    pub polarity: Option<Polarity>,
    /// Asserted, suspected or general.
    pub certainty: Option<Certainty>,
    /// The patient, family or other.
    pub experiencer: Option<Experiencer>,
    /// Phase.
    pub phase: Option<Phase>,
    /// Value.
    pub value: Option<ValueRange>,
    /// Earliest and latest moment, both included. An event that has no time of its own is taken at the time it was
    /// stated if it is current; a past, planned or stopped one without time lies in no range.
    pub from: Option<DateTime>,
    /// Latest moment.
    pub to: Option<DateTime>,
    /// Also those that a later note settled.
    pub include_settled: bool,
    /// Of one patient only.
    pub patient: Option<PatientId>,
}

/// An event that was found; `Store::event` gives all of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventHit {
    /// The event.
    pub event: EventId,
    /// The document that states it; none when another system does.
    pub document: Option<DocumentId>,
    /// Index among the events of its origin.
    pub number: u32,
    /// The concept that was asked for: the stated one, or the analyte it was derived from.
    pub concept: ConceptId,
    /// Present or absent.
    pub polarity: Polarity,
    /// Lower end of the value.
    pub low: Option<f64>,
    /// Upper end of the value.
    pub high: Option<f64>,
    /// Its unit.
    pub unit: Option<String>,
    /// First moment.
    pub from: Option<DateTime>,
    /// Last moment.
    pub to: Option<DateTime>,
    /// When it was stated.
    pub at: DateTime,
}

/// The events found of one patient, by time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PatientHits {
    /// Who.
    pub patient: PatientId,
    /// What.
    pub hits: Vec<EventHit>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct EventHits {
    /// All patients with such an event, those not listed too.
    pub patients: u64,
    /// All such events.
    pub events: u64,
    /// The patients listed, by id, each with all its hits.
    pub list: Vec<PatientHits>,
}

/// Which stretch of the patients to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Only those after this one.
    pub after: Option<PatientId>,
    /// Most patients.
    pub limit: u32,
}

const WHERE: &str = "FROM event_index i WHERE i.dummy = :population
    AND i.concept IN (SELECT value FROM json_each(:concepts))
    AND (:patient IS NULL OR i.patient = :patient)
    AND (:kind IS NULL OR i.kind = :kind)
    AND (:polarity IS NULL OR i.polarity = :polarity)
    AND (:certainty IS NULL OR i.certainty = :certainty)
    AND (:experiencer IS NULL OR i.experiencer = :experiencer)
    AND (:phase IS NULL OR i.phase = :phase)
    AND (:settled OR i.settled_by IS NULL)
    AND (NOT :valued OR coalesce(i.low, i.high) IS NOT NULL)
    AND (:min IS NULL OR i.high IS NULL OR i.high >= :min)
    AND (:max IS NULL OR i.low IS NULL OR i.low <= :max)
    AND (:unit IS NULL OR i.unit = :unit)
    AND (NOT :timed OR coalesce(i.time_from, i.time_to) IS NOT NULL OR i.phase = 'current')
    AND (:from IS NULL OR CASE WHEN coalesce(i.time_from, i.time_to) IS NULL THEN i.at >= :from
         ELSE i.time_to IS NULL OR i.time_to >= :from END)
    AND (:to IS NULL OR CASE WHEN coalesce(i.time_from, i.time_to) IS NULL THEN i.at <= :to
         ELSE i.time_from IS NULL OR i.time_from <= :to END)";

impl Store {
    /// Finds events of any of the given concepts (the caller expands a concept to its descendants), either among real
    /// patients or among dummies. The counts are over everything found, the list over `page`.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn search_events(
        &self,
        population: Population,
        concepts: &[ConceptId],
        filter: &EventFilter,
        page: Page,
    ) -> Result<EventHits, StoreError> {
        let bound = Bound::new(population, concepts, filter, page)?;
        self.read("search events", |conn| {
            let count = format!("SELECT count(DISTINCT i.patient), count(DISTINCT i.event) {WHERE}");
            let (patients, events) = conn
                .prepare_cached(&count)?
                .query_row(bound.params().as_slice(), |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(EventHits {
                patients,
                events,
                list: list(conn, &bound)?,
            })
        })
    }
}

/// The question as the database compares it.
struct Bound {
    population: Population,
    patient: Option<PatientId>,
    concepts: String,
    kind: Option<String>,
    polarity: Option<String>,
    certainty: Option<String>,
    experiencer: Option<String>,
    phase: Option<String>,
    is_settled_too: bool,
    value: ValueRange,
    has_value: bool,
    from: Option<String>,
    to: Option<String>,
    has_time: bool,
    after: i64,
    limit: u32,
}

impl Bound {
    fn new(
        population: Population,
        concepts: &[ConceptId],
        filter: &EventFilter,
        page: Page,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            population,
            patient: filter.patient,
            concepts: concepts
                .iter()
                .map(ConceptId::as_str)
                .collect::<serde_json::Value>()
                .to_string(),
            kind: filter.kind.as_ref().map(word).transpose()?,
            polarity: filter.polarity.as_ref().map(word).transpose()?,
            certainty: filter.certainty.as_ref().map(word).transpose()?,
            experiencer: filter.experiencer.as_ref().map(word).transpose()?,
            phase: filter.phase.as_ref().map(word).transpose()?,
            is_settled_too: filter.include_settled,
            value: filter.value.clone().unwrap_or_default(),
            has_value: filter.value.is_some(),
            from: filter.from.map(|from| from.to_string()),
            to: filter.to.map(|to| to.to_string()),
            has_time: filter.from.is_some() || filter.to.is_some(),
            after: page.after.map_or(0, PatientId::get),
            limit: page.limit,
        })
    }

    fn params(&self) -> Vec<(&str, &dyn ToSql)> {
        vec![
            (":population", &self.population),
            (":concepts", &self.concepts),
            (":patient", &self.patient),
            (":kind", &self.kind),
            (":polarity", &self.polarity),
            (":certainty", &self.certainty),
            (":experiencer", &self.experiencer),
            (":phase", &self.phase),
            (":settled", &self.is_settled_too),
            (":valued", &self.has_value),
            (":min", &self.value.min),
            (":max", &self.value.max),
            (":unit", &self.value.unit),
            (":timed", &self.has_time),
            (":from", &self.from),
            (":to", &self.to),
        ]
    }
}

fn list(conn: &Connection, bound: &Bound) -> Result<Vec<PatientHits>, StoreError> {
    let mut params = bound.params();
    params.push((":after", &bound.after));
    params.push((":limit", &bound.limit));
    // Of an event that is found by both its concepts, the stated one is shown.
    let mut list = conn.prepare_cached(&format!(
        "SELECT i.patient, i.event, i.document, i.number, i.concept, i.polarity, i.low, i.high, i.unit, i.time_from,
                i.time_to, i.at, min(i.role)
         {WHERE} AND i.patient IN (SELECT DISTINCT i.patient {WHERE} AND i.patient > :after ORDER BY 1 LIMIT :limit)
         GROUP BY i.event ORDER BY i.patient, coalesce(i.time_from, i.time_to, i.at), i.event"
    ))?;
    let mut patients: Vec<PatientHits> = Vec::new();
    let mut rows = list.query(params.as_slice())?;
    while let Some(row) = rows.next()? {
        let patient = row.get(0)?;
        let hit = read(row)?;
        match patients.last_mut() {
            Some(last) if last.patient == patient => last.hits.push(hit),
            _ => patients.push(PatientHits {
                patient,
                hits: vec![hit],
            }),
        }
    }
    Ok(patients)
}

fn read(row: &Row<'_>) -> rusqlite::Result<EventHit> {
    let time = |column| {
        row.get::<_, Option<Civil>>(column)
            .map(|civil| civil.map(|civil| civil.0))
    };
    Ok(EventHit {
        event: row.get(1)?,
        document: row.get(2)?,
        number: row.get(3)?,
        concept: concept(row, 4)?,
        polarity: row.get::<_, Word<Polarity>>(5)?.0,
        low: row.get(6)?,
        high: row.get(7)?,
        unit: row.get(8)?,
        from: time(9)?,
        to: time(10)?,
        at: row.get::<_, Civil>(11)?.0,
    })
}
