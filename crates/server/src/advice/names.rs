//! Which disease of the knowledge a name means.

use super::{Advice, Living};
use tsumugi_clinical::Note;
use tsumugi_tables::TermKind;

impl Advice {
    /// The disease of our knowledge that a name or a code means: itself, else the nearest that is narrower or broader.
    pub(crate) fn disease_named(&self, living: &Living, name: &str) -> Option<usize> {
        let vocabulary = self.coder.vocabulary();
        let is_known = |key: u32| living.differential.index_of(vocabulary.get(key)?.id.as_str());
        let key = self.concept_named(name)?;
        is_known(key)
            .or_else(|| vocabulary.descendants(key).into_iter().find_map(is_known))
            .or_else(|| vocabulary.ancestors(key).into_iter().find_map(is_known))
    }

    /// The disease or finding that a name means: by itself, else as it is read in a note.
    fn concept_named(&self, name: &str) -> Option<u32> {
        let vocabulary = self.coder.vocabulary();
        let is_disease = |key: &u32| {
            vocabulary
                .get(*key)
                .is_some_and(|concept| matches!(concept.kind, TermKind::Disease | TermKind::Finding))
        };
        let exact = vocabulary.search().named(name, 8);
        let exact = exact.iter().map(|hit| hit.key).find(is_disease);
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
            keys.filter(is_disease).last()
        })
    }

    /// The test, examination, drug or procedure that a name of an order means.
    pub(crate) fn order_named(&self, name: &str) -> Option<std::sync::Arc<str>> {
        let vocabulary = self.coder.vocabulary();
        let is_order = |key: &u32| {
            vocabulary.get(*key).is_some_and(|concept| {
                matches!(
                    concept.kind,
                    TermKind::Test
                        | TermKind::Exam
                        | TermKind::Drug
                        | TermKind::DrugClass
                        | TermKind::Procedure
                )
            })
        };
        let exact = vocabulary.search().named(name, 8);
        let exact = exact.iter().map(|hit| hit.key).find(is_order);
        let key = exact.or_else(|| {
            let note = Note {
                text: name.to_owned(),
                ..Note::default()
            };
            let events = self.coder.structure(&note).events;
            events
                .iter()
                .filter_map(|event| vocabulary.key(event.concept.as_str()))
                .find(is_order)
        })?;
        Some(vocabulary.get(key)?.id.as_str().into())
    }
}
