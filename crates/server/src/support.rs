//! The engine of decision support, built once: the coder, the knowledge, and what is computed from both.

use anyhow::Context as _;
use tsumugi_cds::{Differential, Facts, Findings, Patient, Temper};
use tsumugi_clinical::{Note, StructuredNote};
use tsumugi_coding::Coder;
use tsumugi_knowledge::Knowledge;
use tsumugi_tables::TermKind;
use tsumugi_terminology::{Units, embedded_files, knowledge_edition, sources_of};

/// Everything that answers need.
pub(crate) struct Support {
    pub(crate) coder: Coder,
    pub(crate) knowledge: Knowledge,
    pub(crate) differential: Differential,
    pub(crate) units: Units,
}

impl Support {
    /// The embedded knowledge, compiled, with its edition.
    pub(crate) fn tables() -> anyhow::Result<(Knowledge, String)> {
        let files = embedded_files();
        let knowledge = Knowledge::new(&sources_of(&files)).context("the embedded knowledge is broken")?;
        Ok((knowledge, knowledge_edition(&files)))
    }

    /// Builds it from what is embedded.
    pub(crate) fn embedded() -> anyhow::Result<Self> {
        let coder = Coder::embedded().context("the embedded tables are broken")?;
        let files = embedded_files();
        let sources = sources_of(&files);
        let knowledge = Knowledge::new(&sources).context("the embedded knowledge is broken")?;
        let differential = Differential::new(
            &knowledge.own,
            coder.vocabulary(),
            &knowledge.implied,
            Temper::default(),
        );
        Ok(Self {
            units: Units::new(&sources, &mut Vec::new()),
            coder,
            knowledge,
            differential,
        })
    }

    /// What reads events into the state of a patient.
    pub(crate) fn facts(&self) -> Facts<'_> {
        Facts {
            vocabulary: self.coder.vocabulary(),
            units: &self.units,
            levels: &self.knowledge.levels,
        }
    }

    /// The state of a patient of whom there is one note.
    pub(crate) fn patient_of(&self, note: &Note, structured: &StructuredNote) -> Patient {
        let said = self.coder.person(&note.text);
        let known = note.patient.clone().unwrap_or_default();
        let mut patient = Patient {
            sex: known.sex.or(said.sex),
            age: known.age_at(note.date).or(said.age),
            today: note.date,
            ..Patient::default()
        };
        self.facts().add(&mut patient, "", note.date, &structured.events);
        patient
    }

    /// The findings that a text tells.
    pub(crate) fn findings_of(&self, note: &Note) -> Findings {
        let structured = self.coder.structure(note);
        Findings::of(&self.patient_of(note, &structured))
    }

    /// The disease of our knowledge that a name or a code means: itself, else the nearest that is broader or narrower.
    pub(crate) fn disease_named(&self, name: &str) -> Option<usize> {
        let vocabulary = self.coder.vocabulary();
        let is_known = |key: u32| {
            let id = vocabulary.get(key)?.id.as_str();
            self.differential.index_of(id)
        };
        let key = self.concept_named(name)?;
        let broader = vocabulary.ancestors(key).into_iter().find_map(is_known);
        is_known(key)
            .or_else(|| vocabulary.descendants(key).into_iter().find_map(is_known))
            .or(broader)
    }

    fn concept_named(&self, name: &str) -> Option<u32> {
        let vocabulary = self.coder.vocabulary();
        let is_disease = |key: u32| {
            vocabulary
                .get(key)
                .is_some_and(|concept| matches!(concept.kind, TermKind::Disease | TermKind::Finding))
        };
        let exact = vocabulary.search().named(name, 8);
        let exact = exact.iter().map(|hit| hit.key).find(|key| is_disease(*key));
        exact.or_else(|| {
            let note = Note {
                text: name.to_owned(),
                ..Note::default()
            };
            let structured = self.coder.structure(&note);
            let keys = structured
                .events
                .iter()
                .filter_map(|event| vocabulary.key(event.concept.as_str()));
            keys.filter(|key| is_disease(*key)).last()
        })
    }
}
