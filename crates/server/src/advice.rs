//! Decision support, for the screens, the command line and other systems: the knowledge that is asked, which kinds of
//! support are on, and what a signed note teaches.

mod accepting;
mod learning;
mod names;
mod orders;
mod switches;

pub(crate) use accepting::{FromTexts, NewStatement, Taken};
pub(crate) use orders::prescriptions_of;
pub(crate) use switches::{ALL_KINDS, ALLOWED, Kind, Switches, allow, switch};

use crate::library::Library;
use crate::log;
use anyhow::Context as _;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tsumugi_cds::{Differential, Facts, Orders, Patient, Temper};
use tsumugi_clinical::{Note, StructuredNote};
use tsumugi_coding::{Coder, Record};
use tsumugi_knowledge::{
    AbnormalState, Chains, Concepts, CriteriaBook, DrugBook, Guidelines, Implied, Knowledge, Levels, Shelf,
    Space,
};
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
    concepts: Concepts,
    /// What the tables alone say of drugs, chains and recommendations.
    tables: Arc<Shelf>,
    pub(crate) criteria: CriteriaBook,
    learned: RwLock<Learned>,
    /// Held while something is learned or accepted: two at once change it one after the other.
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
    /// What people have accepted from texts, with what it joins.
    pub(crate) texts: Arc<FromTexts>,
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
        let concepts = tables.concepts.clone();
        let mut mistakes = Vec::new();
        let shelf = Arc::new(Shelf {
            chains: Chains::new(&sources, &levels, &mut mistakes),
            guidelines: Guidelines::new(&sources, &mut mistakes),
            drugs: DrugBook::new(&sources, &mut mistakes),
        });
        let criteria = CriteriaBook::new(&sources, coder.vocabulary(), &mut mistakes);
        let units = Units::new(&sources, &mut mistakes);
        if let Some(first) = mistakes.first() {
            anyhow::bail!("the embedded knowledge is broken: {first}");
        }
        let library = Library::open(store, tables, &knowledge_edition(&files))?;
        let edition = library.edition();
        let texts = FromTexts::new(&shelf, library.knowledge.accepted, &concepts, &levels);
        if !texts.refused.is_empty() {
            let count = texts.refused.len();
            log::warn(
                "statements accepted from texts are not used; tsumugi knowledge accepted tells why",
                &[("statements", &count)],
            );
        }
        let learned = Learned::new(&coder, &implied, library.knowledge.own, texts, &edition);
        Ok(Self {
            units,
            levels,
            implied,
            concepts,
            tables: shelf,
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

    /// An abnormal state of the causal chains by its id.
    pub(crate) fn abnormal_state(&self, id: &str) -> Option<&AbnormalState> {
        self.tables.chains.state(id)
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
    fn new(coder: &Coder, implied: &Implied, own: Space, texts: Arc<FromTexts>, edition: String) -> Self {
        let vocabulary = coder.vocabulary();
        Self {
            differential: Differential::new(&own, vocabulary, implied, Temper::default()),
            orders: Orders::new(&own, vocabulary, implied),
            own,
            texts,
            edition,
        }
    }

    /// Facts of drugs: the tables' and those that were accepted.
    pub(crate) fn drugs(&self) -> &DrugBook {
        &self.texts.shelf.drugs
    }

    /// Recommendations: the tables' and those that were accepted.
    pub(crate) fn guidelines(&self) -> &Guidelines {
        &self.texts.shelf.guidelines
    }

    /// Causal chains: the tables' and the steps that were accepted.
    pub(crate) fn chains(&self) -> &Chains {
        &self.texts.shelf.chains
    }
}
