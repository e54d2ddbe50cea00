//! Decision support, for the screens, the command line and other systems: the knowledge that is asked, which kinds of
//! support are on, and what a signed note teaches.

mod learning;
mod names;
mod orders;
mod switches;

pub(crate) use orders::prescriptions_of;
pub(crate) use switches::{ALL_KINDS, ALLOWED, Kind, Switches, allow, switch};

use crate::library::Library;
use anyhow::Context as _;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tsumugi_cds::{Differential, Facts, Orders, Patient, Temper};
use tsumugi_clinical::{Note, StructuredNote};
use tsumugi_coding::{Coder, Record};
use tsumugi_knowledge::{Chains, CriteriaBook, DrugBook, Guidelines, Implied, Knowledge, Levels, Space};
use tsumugi_records::{Population, Store};
use tsumugi_terminology::{Units, embedded_files, knowledge_edition, sources_of};

/// Source of the cases of dummy patients: what real patients are told never rests on it.
pub(crate) const DUMMIES: &str = "dummies";
/// Source of the cases of real patients.
pub(crate) const SITE: &str = "site";

/// What answers are made from. Tables stay; what learning changes is replaced as a whole, so that an answer sees one state.
#[derive(Debug)]
pub(crate) struct Advice {
    pub(crate) coder: Arc<Coder>,
    pub(crate) units: Units,
    pub(crate) levels: Levels,
    implied: Implied,
    pub(crate) chains: Chains,
    pub(crate) guidelines: Guidelines,
    pub(crate) drugs: DrugBook,
    pub(crate) criteria: CriteriaBook,
    learned: RwLock<Learned>,
    /// Held while a case is learned: two notes signed at once teach one after the other.
    learning: Mutex<()>,
}

/// The two states of what was learned.
#[derive(Debug)]
struct Learned {
    /// Without the cases of dummies.
    real: Arc<Living>,
    /// With them.
    dummy: Arc<Living>,
}

/// What learning changes.
#[derive(Debug)]
pub(crate) struct Living {
    pub(crate) own: Space,
    pub(crate) differential: Differential,
    pub(crate) orders: Orders,
    /// Edition of the tables, and the number of the newest assertion: what answers name.
    pub(crate) edition: String,
}

impl Advice {
    /// Builds it from what is embedded and what the store's log holds.
    pub(crate) fn open(coder: Arc<Coder>, store: &Store) -> anyhow::Result<Self> {
        let files = embedded_files();
        let sources = sources_of(&files);
        let tables = Knowledge::new(&sources).context("the embedded knowledge is broken")?;
        let (levels, implied) = (tables.levels.clone(), tables.implied.clone());
        let mut mistakes = Vec::new();
        let chains = Chains::new(&sources, &levels, &mut mistakes);
        let guidelines = Guidelines::new(&sources, &mut mistakes);
        let drugs = DrugBook::new(&sources, &mut mistakes);
        let criteria = CriteriaBook::new(&sources, coder.vocabulary(), &mut mistakes);
        let units = Units::new(&sources, &mut mistakes);
        if let Some(first) = mistakes.first() {
            anyhow::bail!("the embedded knowledge is broken: {first}");
        }
        let library = Library::open(store, tables, &knowledge_edition(&files))?;
        let edition = library.edition();
        let all = library.knowledge.own;
        let living = |own: Space| Arc::new(Living::new(&coder, &implied, own, edition.clone()));
        let learned = if all.has_cases_of(DUMMIES) {
            Learned {
                real: living(all.without(DUMMIES)),
                dummy: living(all),
            }
        } else {
            let both = living(all);
            Learned {
                real: Arc::clone(&both),
                dummy: both,
            }
        };
        Ok(Self {
            units,
            levels,
            implied,
            chains,
            guidelines,
            drugs,
            criteria,
            learned: RwLock::new(learned),
            learning: Mutex::new(()),
            coder,
        })
    }

    /// Builds it from what is embedded alone.
    pub(crate) fn embedded() -> anyhow::Result<Self> {
        let coder = Coder::embedded().context("the embedded tables are broken")?;
        Self::open(Arc::new(coder), &Store::open_in_memory()?)
    }

    /// The state that answers for a kind of patients are made from now.
    pub(crate) fn living(&self, population: Population) -> Arc<Living> {
        let learned = self.learned.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(match population {
            Population::Real => &learned.real,
            Population::Dummy => &learned.dummy,
        })
    }

    /// The state of a patient: the record, and the note that is being written.
    pub(crate) fn patient(&self, record: &Record, note: Option<&StructuredNote>) -> Patient {
        let facts = Facts {
            vocabulary: self.coder.vocabulary(),
            units: &self.units,
            levels: &self.levels,
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

    /// The state of a patient of whom there is one note, and nothing else but what its head says.
    pub(crate) fn patient_of(&self, note: &Note) -> Patient {
        let structured = self.coder.structure(note);
        let mut patient = self.patient(&Record::default(), Some(&structured));
        let said = self.coder.person(&note.text);
        let known = note.patient.clone().unwrap_or_default();
        patient.sex = known.sex.or(said.sex);
        patient.age = known.age_at(note.date).or(said.age);
        patient.today = note.date;
        patient
    }
}

impl Living {
    fn new(coder: &Coder, implied: &Implied, own: Space, edition: String) -> Self {
        let vocabulary = coder.vocabulary();
        Self {
            differential: Differential::new(&own, vocabulary, implied, Temper::default()),
            orders: Orders::new(&own, vocabulary, implied),
            own,
            edition,
        }
    }
}
