//! Findings that one phrase names together get one group: those that words of cause or company join (the table of
//! connectors says which).

use crate::mention::Mention;
use crate::rules::Rules;
use tsumugi_clinical::Tag;

/// Numbers the groups of a sentence, from 0; gives how many there are.
pub(crate) fn group(rules: &Rules, chars: &[char], mentions: &mut [Mention]) -> u32 {
    let findings = mentions.iter().filter(|mention| mention.tag == Tag::Disease);
    if findings.count() < 2 {
        return 0;
    }
    let mut order: Vec<usize> = (0..mentions.len()).collect();
    order.sort_by_key(|index| mentions.get(*index).map(|mention| mention.span.start));
    let mut count = 0;
    for pair in order.windows(2) {
        let [first, second] = pair else { continue };
        let (Some(left), Some(right)) = (mentions.get(*first), mentions.get(*second)) else {
            continue;
        };
        if !(are_findings(left, right) && joined(rules, chars, left, right)) {
            continue;
        }
        let group = left.group.unwrap_or_else(|| {
            count += 1;
            count - 1
        });
        for index in [*first, *second] {
            if let Some(mention) = mentions.get_mut(index) {
                mention.group = Some(group);
            }
        }
    }
    count
}

/// Two findings that are meant alike.
fn are_findings(left: &Mention, right: &Mention) -> bool {
    left.tag == Tag::Disease
        && right.tag == Tag::Disease
        && left.assertion.polarity == right.assertion.polarity
        && left.assertion.certainty == right.assertion.certainty
        && left.assertion.experiencer == right.assertion.experiencer
}

fn joined(rules: &Rules, chars: &[char], left: &Mention, right: &Mention) -> bool {
    let gap = chars
        .get(left.span.end as usize..right.span.start as usize)
        .unwrap_or(&[]);
    rules.attributes.iter().any(|form| gap == form.as_ref())
}
