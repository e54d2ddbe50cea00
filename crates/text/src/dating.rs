//! Which time dates which event: relations from events to time expressions.
//!
//! A time stands before what it dates and dates all of an enumeration; at the end of a sentence it
//! dates what stands before it. Ages describe the person and date nothing by themselves.

use crate::mention::{Link, Mention};
use crate::rules::Rules;
use crate::sentence::Draft;
use tsumugi_clinical::{RelationType, Tag, TimeFrame, TimexType};

/// Adds the relations of a sentence.
pub(crate) fn relate(rules: &Rules, chars: &[char], draft: &mut Draft) {
    if !draft.mentions.iter().any(dates) {
        return;
    }
    let mut order: Vec<usize> = (0..draft.mentions.len()).collect();
    order.sort_by_key(|index| draft.mentions.get(*index).map(|mention| mention.span.start));
    let of = |index: usize| draft.mentions.get(index);
    let mut links = Vec::new();
    for (place, index) in order.iter().enumerate() {
        let Some(time) = of(*index).filter(|mention| dates(mention)) else {
            continue;
        };
        let kind = relation(time);
        let behind = order.get(place + 1..).unwrap_or(&[]).iter().copied();
        let events: Vec<usize> = behind
            .take_while(|index| of(*index).is_some_and(|mention| !dates(mention)))
            .filter(|index| of(*index).is_some_and(is_event))
            .collect();
        let dated = enumeration(rules, chars, draft, &events);
        if dated.is_empty() {
            let before = order.get(..place).unwrap_or(&[]).iter().rev();
            let last = before.copied().find(|index| of(*index).is_some_and(is_event));
            links.extend(last.map(|from| (from, *index, kind)));
        }
        links.extend(dated.into_iter().map(|from| (from, *index, kind)));
    }
    draft.links.extend(links.into_iter().map(|(from, to, kind)| Link {
        from: from as u32,
        to: to as u32,
        kind,
    }));
}

/// The first of some events, and those that only connectors join to it.
fn enumeration(rules: &Rules, chars: &[char], draft: &Draft, events: &[usize]) -> Vec<usize> {
    let mut dated: Vec<usize> = Vec::new();
    let mut end = 0;
    for index in events {
        let Some(mention) = draft.mentions.get(*index) else {
            break;
        };
        if !dated.is_empty() {
            let gap = chars
                .get(end as usize..mention.span.start as usize)
                .unwrap_or(&[]);
            if rules.enumerates(gap) != Some(true) {
                break;
            }
        }
        dated.push(*index);
        end = mention.span.end;
    }
    dated
}

fn dates(mention: &Mention) -> bool {
    mention.tag == Tag::Timex && mention.timex != Some(TimexType::Age)
}

fn is_event(mention: &Mention) -> bool {
    matches!(
        mention.tag,
        Tag::Disease | Tag::TestName | Tag::TestKey | Tag::DrugName | Tag::Remedy | Tag::Context
    )
}

fn relation(time: &Mention) -> RelationType {
    match time.time.as_ref().map(|time| time.frame) {
        Some(TimeFrame::Since) => RelationType::Start,
        Some(TimeFrame::Until) => RelationType::Finish,
        _ => RelationType::On,
    }
}
