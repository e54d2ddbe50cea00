//! Mentions as entities of the annotation: tags, certainty and state in the corpus's sense.

use tsumugi_clinical::{
    Certainty, CorpusCertainty, Entity, Experiencer, Phase, Polarity, Relation, State, Tag,
};
use tsumugi_text::{Mention, Reading};

/// For every mention, the index of its entity; mentions that are no entity have none.
pub(crate) type EntityIndex = Vec<Option<u32>>;

/// Writes the mentions as entities and the links as relations.
pub(crate) fn entities(text: &str, reading: &Reading) -> (Vec<Entity>, Vec<Relation>, EntityIndex) {
    let starts: Vec<usize> = text.char_indices().map(|(start, _)| start).collect();
    let mut order: Vec<usize> = (0..reading.mentions.len()).collect();
    order.sort_by_key(|index| reading.mentions.get(*index).map(|mention| mention.span));
    let mut entities = Vec::with_capacity(order.len());
    let mut index: EntityIndex = vec![None; reading.mentions.len()];
    for at in order {
        let Some(mention) = reading.mentions.get(at).filter(|mention| is_entity(mention)) else {
            continue;
        };
        if let Some(place) = index.get_mut(at) {
            *place = Some(entities.len() as u32);
        }
        entities.push(entity(text, &starts, mention));
    }
    let place = |mention: u32| index.get(mention as usize).copied().flatten();
    let relations = reading
        .links
        .iter()
        .filter_map(|link| {
            Some(Relation {
                from: place(link.from)?,
                to: place(link.to)?,
                kind: link.kind,
            })
        })
        .collect();
    (entities, relations, index)
}

/// Foods and circumstances without an assertion of their own are no entity of the annotation.
fn is_entity(mention: &Mention) -> bool {
    !mention.span.is_empty() && (mention.tag != Tag::Pending || mention.assertion.allergy)
}

/// `starts` are the bytes at which the characters of the text begin.
fn entity(text: &str, starts: &[usize], mention: &Mention) -> Entity {
    let span = mention.span;
    let byte = |character: u32| starts.get(character as usize).copied().unwrap_or(text.len());
    let text = text
        .get(byte(span.start)..byte(span.end))
        .unwrap_or_default()
        .to_owned();
    let experiencer = match mention.assertion.experiencer {
        Experiencer::Patient => None,
        Experiencer::Family => Some("family".to_owned()),
        Experiencer::Other => Some("other".to_owned()),
    };
    Entity {
        span,
        text,
        tag: mention.tag,
        certainty: (mention.tag == Tag::Disease).then(|| certainty(mention)),
        state: has_state(mention.tag).then(|| state(mention)),
        timex: mention.timex,
        experiencer,
        group: mention.group,
        section: mention.section,
    }
}

fn certainty(mention: &Mention) -> CorpusCertainty {
    let assertion = &mention.assertion;
    if assertion.certainty == Certainty::General || assertion.experiencer != Experiencer::Patient {
        CorpusCertainty::General
    } else if assertion.polarity == Polarity::Absent || (assertion.resolved && assertion.phase == Phase::Past)
    {
        CorpusCertainty::Negative
    } else if assertion.certainty == Certainty::Suspected {
        CorpusCertainty::Suspicious
    } else {
        CorpusCertainty::Positive
    }
}

fn has_state(tag: Tag) -> bool {
    matches!(
        tag,
        Tag::TestName | Tag::TestKey | Tag::DrugName | Tag::Remedy | Tag::Context
    )
}

fn state(mention: &Mention) -> State {
    let assertion = &mention.assertion;
    if assertion.experiencer != Experiencer::Patient || assertion.certainty == Certainty::General {
        State::Other
    } else if assertion.removed && assertion.executed {
        State::Executed
    } else if assertion.polarity == Polarity::Absent || assertion.phase == Phase::Stopped {
        State::Negated
    } else if assertion.phase == Phase::Planned {
        State::Scheduled
    } else {
        State::Executed
    }
}
