//! What a signed note teaches: its diagnosis, with the findings that were there and those that were looked for and denied.

use super::{Advice, DUMMIES, FromTexts, Learned, Living, SITE};
use crate::{chart, library};
use anyhow::Context as _;
use std::sync::{Arc, PoisonError};
use tsumugi_cds::{Findings, Patient};
use tsumugi_clinical::{
    Because, Certainty, Event, EventKind, Experiencer, Phase, Polarity, SectionKind, StructuredNote,
};
use tsumugi_coding::{Coder, Record};
use tsumugi_knowledge::{Case, Counted, Implied, Knowledge, Space, State, Statement};
use tsumugi_records::consent;
use tsumugi_records::{DocumentId, PatientRecord, Population, Stamp, Store};
use tsumugi_terminology::{Vocabulary, embedded_files, knowledge_edition, sources_of};

/// A change of what was learned, kept in the log.
struct Lesson {
    head: u64,
    source: Arc<str>,
    earlier: Option<Case>,
    case: Option<Case>,
}

/// What came of a note.
enum Taught {
    /// Nothing new.
    Nothing,
    /// What was learned has changed.
    Changed(Box<Lesson>),
    /// The person does not allow it; cases that had been learned were taken back.
    TakenBack,
}

impl Learned {
    /// What real patients are told, and what dummies are, from one space.
    pub(super) fn new(coder: &Coder, implied: &Implied, all: Space, texts: FromTexts, edition: &str) -> Self {
        let texts = Arc::new(texts);
        let living = |own: Space| {
            let texts = Arc::clone(&texts);
            Arc::new(Living::new(coder, implied, own, texts, edition.to_owned()))
        };
        if all.has_cases_of(DUMMIES) {
            return Self {
                real: living(all.without(DUMMIES)),
                dummy: living(all),
            };
        }
        let both = living(all);
        Self {
            real: Arc::clone(&both),
            dummy: both,
        }
    }
}

impl Advice {
    /// Learns what a signed note teaches, at once: into the log, and into the next answer. A later version of the note
    /// replaces what the earlier one taught; one without a diagnosis takes it back. Whether the person allows it is asked
    /// in the transaction that keeps it.
    pub(crate) fn teach(
        &self,
        store: &Store,
        author: &str,
        patient: &PatientRecord,
        document: DocumentId,
        note: &StructuredNote,
    ) -> anyhow::Result<()> {
        let _one_at_a_time = self.learning.lock().unwrap_or_else(PoisonError::into_inner);
        match self.lesson(store, author, patient, document, note)? {
            Taught::Nothing => Ok(()),
            Taught::Changed(lesson) => {
                self.change(&lesson);
                Ok(())
            }
            Taught::TakenBack => self.read_again(store),
        }
    }

    /// Makes answers anew from the log, after a withdrawal has taken cases back in it (`Receipt::followed.taken_back`).
    pub(crate) fn forget(&self, store: &Store) -> anyhow::Result<()> {
        let _one_at_a_time = self.learning.lock().unwrap_or_else(PoisonError::into_inner);
        self.read_again(store)
    }

    fn read_again(&self, store: &Store) -> anyhow::Result<()> {
        let files = embedded_files();
        let tables = Knowledge::new(&sources_of(&files)).context("the embedded knowledge is broken")?;
        let library = library::Library::open(store, tables, &knowledge_edition(&files))?;
        let edition = library.edition();
        let knowledge = library.knowledge;
        let texts = FromTexts::new(&self.tables, knowledge.accepted, &self.concepts, &self.levels);
        let learned = Learned::new(&self.coder, &self.implied, knowledge.own, texts, &edition);
        *self.learned.write().unwrap_or_else(PoisonError::into_inner) = learned;
        Ok(())
    }

    /// Keeps what a signed note teaches in the log alone, for whoever opens the knowledge next.
    pub(crate) fn note_down(
        &self,
        store: &Store,
        author: &str,
        patient: &PatientRecord,
        document: DocumentId,
        note: &StructuredNote,
    ) -> anyhow::Result<()> {
        self.lesson(store, author, patient, document, note).map(|_| ())
    }

    fn lesson(
        &self,
        store: &Store,
        author: &str,
        patient: &PatientRecord,
        document: DocumentId,
        note: &StructuredNote,
    ) -> anyhow::Result<Taught> {
        let living = self.living(patient.population);
        // Only what this note says: the findings of earlier illnesses are not this one's.
        let alone = Record {
            patient: chart::engine_patient(patient),
            notes: Vec::new(),
        };
        let mut state = self.patient(&alone, Some(note));
        state.age = alone.patient.age_at(Some(chart::now().date()));
        let id: Arc<str> = format!("note-{document}").into();
        let case = case_of(&living, self.coder.vocabulary(), &state, note, &id);
        let source: Arc<str> = match patient.population {
            Population::Real => SITE.into(),
            Population::Dummy => DUMMIES.into(),
        };
        let earlier = library::case_held(store, &source, &id)?;
        if case == earlier {
            return Ok(Taught::Nothing);
        }
        let mut statements = Vec::new();
        if earlier.is_some() {
            statements.push((Arc::clone(&source), Statement::RetractCase(Arc::clone(&id))));
        }
        statements.extend(
            case.clone()
                .map(|case| (Arc::clone(&source), Statement::Case(case))),
        );
        let all = statements
            .iter()
            .map(|(source, said)| library::stated(source, said));
        let undo = case.as_ref().map(|_| {
            let retraction = Statement::RetractCase(Arc::clone(&id));
            library::stated(&source, &retraction)
        });
        let lesson = consent::Lesson {
            source: source.to_string(),
            name: id.to_string(),
            assertions: all.collect::<anyhow::Result<_>>()?,
            undo: undo.transpose()?,
        };
        let stamp = Stamp {
            author: author.to_owned(),
            at: chart::moment(chart::now()),
        };
        Ok(match store.learn(patient.id, lesson, stamp)? {
            consent::Learned::Kept { head } => Taught::Changed(Box::new(Lesson {
                head,
                source,
                earlier,
                case,
            })),
            consent::Learned::Refused { taken_back, .. } if taken_back.is_empty() => Taught::Nothing,
            consent::Learned::Refused { .. } => Taught::TakenBack,
        })
    }

    /// Replaces what answers are made from. A dummy's case leaves what real patients are told as it is.
    fn change(&self, lesson: &Lesson) {
        let source = lesson.source.as_ref();
        let after = |living: &Living| {
            let mut own = living.own.clone();
            if let Some(earlier) = &lesson.earlier {
                own.remove(&counted(source, earlier));
            }
            if let Some(case) = &lesson.case {
                own.add(&counted(source, case));
            }
            let tables = living.edition.split('+').next().unwrap_or_default();
            let edition = library::edition(tables, lesson.head);
            let texts = Arc::clone(&living.texts);
            Arc::new(Living::new(&self.coder, &self.implied, own, texts, edition))
        };
        self.replace(source != DUMMIES, after);
    }

    /// Replaces both states by what `after` makes of them; that of real patients only where it `concerns_real` ones.
    pub(super) fn replace(&self, concerns_real: bool, after: impl Fn(&Living) -> Arc<Living>) {
        let (real, dummy) = (self.living(Population::Real), self.living(Population::Dummy));
        let changed = after(&dummy);
        let learned = Learned {
            real: match concerns_real {
                false => real,
                true if Arc::ptr_eq(&real, &dummy) => Arc::clone(&changed),
                true => after(&real),
            },
            dummy: changed,
        };
        *self.learned.write().unwrap_or_else(PoisonError::into_inner) = learned;
    }
}

fn counted<'c>(source: &'c str, case: &'c Case) -> Counted<'c> {
    Counted {
        disease: &case.disease,
        source,
        observed: &case.observed,
        excluded: &case.excluded,
    }
}

/// The case of a note, where it states a diagnosis in its assessment that the knowledge has. Of several diagnoses the one
/// that the findings support most is taught; a suspected one teaches nothing.
fn case_of(
    living: &Living,
    vocabulary: &Vocabulary,
    patient: &Patient,
    note: &StructuredNote,
    id: &str,
) -> Option<Case> {
    let findings = Findings::of(patient);
    let scores = living.differential.scores(vocabulary, &findings);
    let diagnosis = note
        .events
        .iter()
        .filter(|event| is_diagnosis(note, event))
        .filter_map(|event| living.differential.index_of(event.concept.as_str()))
        .max_by(|a, b| {
            let score = |index: usize| scores.get(index).copied().unwrap_or(f64::NEG_INFINITY);
            score(*a).total_cmp(&score(*b))
        })?;
    let disease = living.differential.key_of(diagnosis)?;
    // What is suspected, and a drug as a possible cause, were not found; that a value is normal is told by the levels
    // that it excludes.
    const STATED: f64 = 0.8;
    let of = |polarity: Polarity| -> Vec<State> {
        let said = findings.said.iter();
        said.filter(|finding| finding.polarity == polarity && finding.weight >= STATED)
            .map(|finding| finding.state.clone())
            .filter(|state| !matches!(state.level(), Some("normal" | "negative")))
            .filter(|state| state.as_str() != disease.as_ref())
            .collect()
    };
    let observed = of(Polarity::Present);
    let excluded = of(Polarity::Absent)
        .into_iter()
        .filter(|state| !observed.contains(state))
        .collect();
    let case = Case {
        id: Arc::from(id),
        disease,
        observed,
        excluded,
        sex: patient.sex,
        age: patient.age,
        ..Case::default()
    };
    case.checked().ok()
}

fn is_diagnosis(note: &StructuredNote, event: &Event) -> bool {
    let is_current = event.kind == EventKind::Condition
        && !event.is_claimed_state()
        && event.polarity == Polarity::Present
        && event.certainty == Certainty::Asserted
        && event.experiencer == Experiencer::Patient
        && event.phase == Phase::Current;
    let is_assessed = |reason: &Because| match reason {
        Because::Entity { entity } => note
            .entities
            .get(*entity as usize)
            .is_some_and(|entity| matches!(entity.section, Some(SectionKind::A | SectionKind::Diagnosis))),
        _ => false,
    };
    is_current && event.because.iter().any(is_assessed)
}

#[cfg(test)]
#[expect(clippy::non_ascii_literal, reason = "test notes are Japanese")]
mod tests {
    use super::*;
    use jiff::civil::date;
    use tsumugi_clinical::{Note, Sex};
    use tsumugi_coding::Coder;
    use tsumugi_records::{Moment, PatientDetails, Stamp};

    const NOTE: &str = "S)右季肋部痛。\nO)Murphy徴候陽性、黄疸なし。WBC 5000。\nA)急性胆嚢炎";

    struct Site {
        store: Store,
        advice: Advice,
    }

    impl Site {
        fn new() -> Self {
            let store = Store::open_in_memory().unwrap();
            let coder = Arc::new(Coder::embedded().unwrap());
            let advice = Advice::open(coder, &store).unwrap();
            Self { store, advice }
        }

        fn patient(&self, population: Population, number: &str) -> PatientRecord {
            let details = PatientDetails {
                number: number.to_owned(),
                name: number.to_owned(),
                kana: String::new(),
                sex: Sex::Male,
                birth_date: Some(date(1960, 1, 1)),
            };
            let stamp = Stamp {
                author: "dr".to_owned(),
                at: Moment::parse("2026-11-28T09:00").unwrap(),
            };
            let id = self.store.create_patient(population, details, stamp).unwrap();
            self.store.patient(id).unwrap()
        }

        fn teach(&self, patient: &PatientRecord, document: i64, text: &str) {
            let note = Note {
                text: text.to_owned(),
                ..Note::default()
            };
            let structured = self.advice.coder.structure(&note);
            let document = DocumentId::new(document);
            self.advice
                .teach(&self.store, "dr", patient, document, &structured)
                .unwrap();
        }

        fn counts(&self, population: Population) -> Vec<(String, u32, u32)> {
            let living = self.advice.living(population);
            let disease = living.own.disease("acute-cholecystitis").unwrap();
            let rows = disease.findings.iter().flat_map(|(state, rows)| {
                let counted = rows.iter().filter(|row| row.of > 0);
                counted.map(move |row| (state.to_string(), row.with, row.of))
            });
            rows.collect()
        }
    }

    #[test]
    fn a_signed_diagnosis_counts_what_was_seen_and_what_was_denied() {
        let site = Site::new();
        let patient = site.patient(Population::Real, "1");
        site.teach(&patient, 7, NOTE);
        let counts = site.counts(Population::Real);
        let has = |state: &str, with: u32| counts.contains(&(state.to_owned(), with, 1));
        assert!(has("murphy-sign", 1), "{counts:?}");
        assert!(has("jaundice", 0), "{counts:?}");
        assert!(
            has("leukocytosis", 0),
            "a normal value was looked for: {counts:?}"
        );
        assert!(
            !counts.iter().any(|(state, ..)| state.contains("=normal")),
            "{counts:?}"
        );
        assert!(
            !counts.iter().any(|(state, ..)| state == "vomiting"),
            "{counts:?}"
        );

        // Signed again the same, it counts once; without its diagnosis, not at all.
        site.teach(&patient, 7, NOTE);
        assert_eq!(site.counts(Population::Real), counts);
        site.teach(&patient, 7, "S)右季肋部痛。\nA)経過をみる");
        assert_eq!(site.counts(Population::Real), []);
        assert_eq!(
            site.advice.living(Population::Real).own,
            Site::new().advice.living(Population::Real).own
        );
    }

    #[test]
    fn a_suspected_diagnosis_teaches_nothing() {
        let site = Site::new();
        let patient = site.patient(Population::Real, "1");
        site.teach(&patient, 7, "S)右季肋部痛。\nA)急性胆嚢炎疑い");
        assert_eq!(site.store.assertion_head(), Ok(0));
    }

    #[test]
    fn a_disease_of_a_claim_teaches_nothing() {
        let site = Site::new();
        let patient = site.patient(Population::Real, "1");
        let note = Note {
            text: NOTE.to_owned(),
            ..Note::default()
        };
        let mut structured = site.advice.coder.structure(&note);
        for event in &mut structured.events {
            event.evidence = Some(tsumugi_clinical::Evidence::Claim);
        }
        let document = DocumentId::new(7);
        site.advice
            .teach(&site.store, "dr", &patient, document, &structured)
            .unwrap();
        assert_eq!(site.store.assertion_head(), Ok(0));
        assert_eq!(site.counts(Population::Real), []);
    }

    #[test]
    fn who_withdraws_teaches_nothing_and_what_was_learned_is_taken_back() {
        let site = Site::new();
        let (one, other) = (
            site.patient(Population::Real, "1"),
            site.patient(Population::Real, "2"),
        );
        site.teach(&one, 7, NOTE);
        site.teach(&other, 8, NOTE);
        let of = |count: u32| {
            site.counts(Population::Real)
                .iter()
                .all(|(_, _, of)| *of == count)
        };
        assert!(of(2));
        let by = consent::By {
            respondent: consent::Respondent::Own,
            way: consent::Way::Phone,
        };
        let stamp = Stamp {
            author: "dr".to_owned(),
            at: chart::moment(chart::now()),
        };
        let receipt = site
            .store
            .withdraw(one.id, consent::KNOWLEDGE_STUDY, by, stamp)
            .unwrap();
        let back: Vec<&str> = receipt
            .followed
            .taken_back
            .iter()
            .map(|case| case.name.as_str())
            .collect();
        assert_eq!(back, ["note-7"]);
        let began = std::time::Instant::now();
        site.advice.forget(&site.store).unwrap();
        let taken = began.elapsed();
        assert!(of(1) && !site.counts(Population::Real).is_empty(), "{taken:?}");
        // Signed again, or in a new version, it teaches nothing; the other's case stays.
        site.teach(&one, 7, NOTE);
        site.teach(&one, 9, NOTE);
        assert!(of(1));
        let again = Advice::open(Arc::clone(&site.advice.coder), &site.store).unwrap();
        assert_eq!(
            again.living(Population::Real).own,
            site.advice.living(Population::Real).own
        );
    }

    #[test]
    fn what_dummies_teach_is_not_told_to_real_patients() {
        let site = Site::new();
        let dummy = site.patient(Population::Dummy, "D1");
        site.teach(&dummy, 1, NOTE);
        assert!(!site.counts(Population::Dummy).is_empty());
        assert_eq!(site.counts(Population::Real), []);
        let real = site.patient(Population::Real, "1");
        site.teach(&real, 2, NOTE);
        let of_real = site.counts(Population::Real);
        assert!(!of_real.is_empty() && of_real.iter().all(|(_, _, of)| *of == 1));
        // The same after the next start.
        let again = Advice::open(Arc::clone(&site.advice.coder), &site.store).unwrap();
        for population in [Population::Real, Population::Dummy] {
            let (one, other) = (site.advice.living(population), again.living(population));
            assert_eq!(one.own, other.own);
            assert_eq!(one.edition, other.edition);
        }
    }
}
