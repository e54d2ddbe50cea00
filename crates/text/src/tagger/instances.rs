//! What a model is learned from: the tokens of a text with their features.

use super::features::{FEATURES, Infos};
use crate::sentence::Draft;
use crate::tokens::Tokens;
use tsumugi_clinical::{SectionKind, Span, Tag};

/// A sentence: every token with its place in the note and its features.
#[derive(Debug, Clone, Default)]
pub struct Instance {
    /// Places of the tokens, in characters of the note.
    pub spans: Vec<Span>,
    /// Hashes of their features.
    pub features: Vec<[u32; FEATURES]>,
}

/// A mention with what a classifier sees of it.
#[derive(Debug, Clone)]
pub struct ClassInstance {
    /// Place in the note.
    pub span: Span,
    /// Its tag.
    pub tag: Tag,
    /// Which classifier judges it.
    pub classifier: usize,
    /// Hashes of its features.
    pub features: Vec<u32>,
}

/// A sentence as the tagger sees it; spans are characters of the sentence.
pub(crate) fn instance(tokens: &Tokens<'_>, draft: &Draft) -> Instance {
    let mut infos = Infos::default();
    infos.fill(tokens, draft);
    Instance {
        spans: tokens
            .list
            .iter()
            .map(|token| Span::new(token.start, token.end))
            .collect(),
        features: (0..infos.len()).map(|at| infos.features(at)).collect(),
    }
}

/// The mentions of a sentence as the classifiers see them; spans are characters of the sentence.
pub(crate) fn class_instances(
    tokens: &Tokens<'_>,
    draft: &Draft,
    section: Option<SectionKind>,
) -> Vec<ClassInstance> {
    let view = super::classify::View::new(tokens, draft, section);
    draft
        .mentions
        .iter()
        .filter_map(|mention| {
            let classifier = super::classify::classifier_of(mention)?;
            Some(ClassInstance {
                span: mention.span,
                tag: mention.tag,
                classifier,
                features: view.features(mention),
            })
        })
        .collect()
}
