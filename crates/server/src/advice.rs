//! Decision support for the screens and for other systems: the knowledge that is asked, which kinds of support are on, and
//! what a signed note teaches.

mod learning;
mod orders;
mod switches;

pub(crate) use learning::case_of;
pub(crate) use orders::prescriptions_of;
pub(crate) use switches::{ALL_KINDS, ALLOWED, Kind, Switches, allow, switch};

use crate::library::{self, Library};
use anyhow::Context as _;
use std::sync::{Arc, PoisonError, RwLock};
use tsumugi_cds::{Differential, Facts, Orders, Patient, Temper};
use tsumugi_clinical::StructuredNote;
use tsumugi_coding::{Coder, Record};
use tsumugi_knowledge::snapshot::Origin;
use tsumugi_knowledge::{Case, Chains, CriteriaBook, DrugBook, Guidelines, Knowledge, Statement};
use tsumugi_records::{DocumentId, PatientRecord, Population, Store};
use tsumugi_terminology::{Units, embedded_files, knowledge_edition, sources_of};

/// Source of the cases of dummy patients: never mixed into what real patients teach.
pub(crate) const DUMMIES: &str = "dummies";
/// Source of the cases of real patients.
pub(crate) const SITE: &str = "site";

/// What answers are made from. Tables stay; what learning changes is replaced as a whole, so that an answer sees one state.
#[derive(Debug)]
pub(crate) struct Advice {
    pub(crate) coder: Arc<Coder>,
    pub(crate) units: Units,
    pub(crate) chains: Chains,
    pub(crate) guidelines: Guidelines,
    pub(crate) drugs: DrugBook,
    pub(crate) criteria: CriteriaBook,
    living: RwLock<Arc<Living>>,
}

/// What learning changes.
#[derive(Debug)]
pub(crate) struct Living {
    pub(crate) knowledge: Knowledge,
    pub(crate) differential: Differential,
    pub(crate) orders: Orders,
    pub(crate) origin: Origin,
}

impl Living {
    fn new(coder: &Coder, knowledge: Knowledge, origin: Origin) -> Self {
        let vocabulary = coder.vocabulary();
        Self {
            differential: Differential::new(
                &knowledge.own,
                vocabulary,
                &knowledge.implied,
                Temper::default(),
            ),
            orders: Orders::new(&knowledge.own, vocabulary, &knowledge.implied),
            knowledge,
            origin,
        }
    }

    /// The edition that answers name: that of the tables, and how far the log was read.
    pub(crate) fn edition(&self) -> String {
        format!("{}+{}", self.origin.edition, self.origin.head)
    }
}

impl Advice {
    /// Builds it from what is embedded and what the store's log holds.
    pub(crate) fn open(coder: Arc<Coder>, store: &Store) -> anyhow::Result<Self> {
        let files = embedded_files();
        let sources = sources_of(&files);
        let tables = Knowledge::new(&sources).context("the embedded knowledge is broken")?;
        let mut mistakes = Vec::new();
        let chains = Chains::new(&sources, &tables.levels, &mut mistakes);
        let guidelines = Guidelines::new(&sources, &mut mistakes);
        let drugs = DrugBook::new(&sources, &mut mistakes);
        let criteria = CriteriaBook::new(&sources, coder.vocabulary(), &mut mistakes);
        if let Some(first) = mistakes.first() {
            anyhow::bail!("the embedded knowledge is broken: {first}");
        }
        let library = Library::open(store, tables, &knowledge_edition(&files))?;
        Ok(Self {
            units: Units::new(&sources, &mut mistakes),
            living: RwLock::new(Arc::new(Living::new(&coder, library.knowledge, library.origin))),
            coder,
            chains,
            guidelines,
            drugs,
            criteria,
        })
    }

    /// The state that answers are made from now.
    pub(crate) fn living(&self) -> Arc<Living> {
        Arc::clone(&self.living.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The state of a patient: the record, and the note that is being written.
    pub(crate) fn patient(&self, living: &Living, record: &Record, note: Option<&StructuredNote>) -> Patient {
        let facts = Facts {
            vocabulary: self.coder.vocabulary(),
            units: &self.units,
            levels: &living.knowledge.levels,
        };
        let last = record.notes.iter().filter_map(|note| note.date).max();
        let mut patient = Patient {
            sex: record.patient.sex,
            age: record.patient.age_at(last),
            today: last,
            ..Patient::default()
        };
        for earlier in &record.notes {
            facts.add(&mut patient, &earlier.id, earlier.date, &earlier.events);
        }
        if let Some(note) = note {
            facts.add(&mut patient, "", None, &note.events);
        }
        patient
    }

    /// Learns what a signed note teaches, if it states a diagnosis.
    pub(crate) fn teach(
        &self,
        store: &Store,
        author: &str,
        patient: &PatientRecord,
        record: &Record,
        document: DocumentId,
        note: &StructuredNote,
    ) -> anyhow::Result<()> {
        let living = self.living();
        // Only what this note says: the findings of earlier illnesses are not this one's.
        let alone = Record {
            patient: record.patient.clone(),
            notes: Vec::new(),
        };
        let mut state = self.patient(&living, &alone, Some(note));
        state.age = crate::chart::engine_patient(patient).age_at(Some(crate::chart::now().date()));
        let id = format!("note-{document}");
        let Some(case) = case_of(&living, self.coder.vocabulary(), &state, note, &id) else {
            return Ok(());
        };
        let source = match patient.population {
            Population::Real => SITE,
            Population::Dummy => DUMMIES,
        };
        self.learn(store, author, source, case)
    }

    /// Learns the case of a signed note at once: into the log, and into the next answer.
    pub(crate) fn learn(&self, store: &Store, author: &str, source: &str, case: Case) -> anyhow::Result<()> {
        let id = Arc::clone(&case.id);
        let source: Arc<str> = source.into();
        let living = self.living();
        let held = library::log_of(store)?;
        let earlier = tsumugi_knowledge::active(&held, &tsumugi_knowledge::View::default())
            .into_iter()
            .find_map(|assertion| match &assertion.said {
                Statement::Case(case) if case.id == id => Some(case.clone()),
                _ => None,
            });
        if earlier.as_ref() == Some(&case) {
            return Ok(());
        }
        let mut knowledge = living.knowledge.clone();
        let mut statements = Vec::new();
        if let Some(earlier) = earlier {
            knowledge.forget(&source, &earlier);
            statements.push((Arc::clone(&source), Statement::RetractCase(Arc::clone(&id))));
        }
        statements.push((Arc::clone(&source), Statement::Case(case)));
        let head = library::append(store, author, &statements)?;
        for (_, said) in statements {
            if matches!(said, Statement::Case(_)) {
                knowledge.absorb(&tsumugi_knowledge::Assertion {
                    id: head,
                    source: Arc::clone(&source),
                    date: crate::chart::now().date(),
                    by: author.into(),
                    said,
                });
            }
        }
        let origin = Origin {
            head,
            ..living.origin.clone()
        };
        let next = Arc::new(Living::new(&self.coder, knowledge, origin));
        *self.living.write().unwrap_or_else(PoisonError::into_inner) = next;
        Ok(())
    }
}
