//! Measures what helps while one types: `templates` on `corpus/encounters`, `typing` on `corpus/typing`; `frequency`
//! counts the names of the training records into `data/prediction/frequency.tsv`.

mod encounters;
mod frequency;
mod keys;
mod typing;

use anyhow::ensure;
use std::path::Path;
use tsumugi_cds::templates::{Asking, Templates};
use tsumugi_cds::{Differential, Facts, Patient, Temper};
use tsumugi_clinical::{Event, Note, Sex};
use tsumugi_coding::{Coder, Record};
use tsumugi_knowledge::{Knowledge, Levels, Space};
use tsumugi_terminology::{Units, embedded_files, sources_of};

/// Options of the measurement.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Clone, clap::Subcommand)]
enum What {
    /// Questions asked in each encounter, and the share of the key items asked or known.
    Templates {
        /// Names the key items that were neither asked nor known, and what was asked.
        #[arg(long)]
        misses: bool,
    },
    /// Keystrokes saved over the notes, and how long a suggestion takes.
    Typing {
        /// Keys saved note by note.
        #[arg(long)]
        notes: bool,
    },
    /// Counts the names of the training records.
    Frequency,
}

/// Runs one of them.
pub(crate) fn run(root: &Path, args: &Args) -> anyhow::Result<()> {
    match args.what {
        What::Templates { misses } => encounters::run(root, misses),
        What::Typing { notes } => typing::run(root, notes),
        What::Frequency => frequency::run(root),
    }
}

/// The engine and the knowledge, as the program has them.
struct Bench {
    coder: Coder,
    units: Units,
    levels: Levels,
    space: Space,
    differential: Differential,
    templates: Templates,
}

impl Bench {
    fn new() -> anyhow::Result<Self> {
        let coder = Coder::embedded()?;
        let files = embedded_files();
        let sources = sources_of(&files);
        let knowledge = Knowledge::new(&sources)?;
        let mut mistakes = Vec::new();
        let templates = Templates::new(&sources, coder.vocabulary(), &mut mistakes);
        let units = Units::new(&sources, &mut mistakes);
        for mistake in &mistakes {
            println!("{mistake}");
        }
        ensure!(templates.iter().count() > 0, "no template could be read");
        Ok(Self {
            differential: Differential::new(
                &knowledge.own,
                coder.vocabulary(),
                &knowledge.implied,
                Temper::default(),
            ),
            levels: knowledge.levels,
            space: knowledge.own,
            units,
            templates,
            coder,
        })
    }

    fn asking(&self) -> Asking<'_> {
        Asking {
            templates: &self.templates,
            vocabulary: self.coder.vocabulary(),
            levels: &self.levels,
            differential: &self.differential,
            space: &self.space,
        }
    }

    /// The state of a patient: the record, and the note being written.
    fn patient(&self, record: &Record, note: &Note, events: &[Event]) -> Patient {
        let facts = Facts {
            vocabulary: self.coder.vocabulary(),
            units: &self.units,
            levels: &self.levels,
        };
        let known = note.patient.clone().unwrap_or_default();
        let mut patient = Patient {
            sex: known.sex.filter(|sex| *sex != Sex::Unknown),
            age: known.age_at(note.date),
            today: note.date,
            ..Patient::default()
        };
        for earlier in &record.notes {
            facts.add(&mut patient, &earlier.id, earlier.date, &earlier.events);
        }
        facts.add(&mut patient, "", None, events);
        patient
    }
}
