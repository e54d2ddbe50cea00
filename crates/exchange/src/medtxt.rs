//! MedTxt inline tags, for exchange with corpora: `<d certainty="positive">発熱</d>`.
//!
//! The text stands as it was given, with tags around its entities. Coordinated entities stand as in the MedTxt gold: atoms
//! of one group are one tag over the whole phrase, where they say the same of it and nothing else is said in between.

use std::fmt::Write as _;
use tsumugi_clinical::{CorpusCertainty, Entity, Span, State, StructuredNote, Tag, TimexType};

/// A stretch of the text with the entity whose tag it gets.
struct Stretch<'a> {
    span: Span,
    entity: &'a Entity,
}

/// Writes a note as one XML document: `<article id="…">` with inline tags. Characters that XML 1.0 cannot hold become
/// U+FFFD; entities that lie outside the text or within another are left out.
pub fn xml(text: &str, note: &StructuredNote) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len() * 2);
    out.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<article id=\"");
    note.id.chars().for_each(|c| escape(c, true, &mut out));
    out.push_str("\">");
    let mut at = 0;
    for Stretch { span, entity } in stretches(&note.entities) {
        let (start, end) = (span.start as usize, span.end as usize);
        let (Some(before), Some(inside)) = (chars.get(at..start), chars.get(start..end)) else {
            continue;
        };
        escaped(before, &mut out);
        let name = tag(entity.tag);
        open(name, entity, &mut out);
        escaped(inside, &mut out);
        // Writing into a String cannot fail.
        let _ = write!(out, "</{name}>");
        at = end;
    }
    escaped(chars.get(at..).unwrap_or_default(), &mut out);
    out.push_str("</article>\n");
    out
}

/// The entities in the order of the text, groups merged, none within another.
fn stretches(entities: &[Entity]) -> Vec<Stretch<'_>> {
    let mut order: Vec<&Entity> = entities.iter().filter(|entity| !entity.span.is_empty()).collect();
    order.sort_by_key(|entity| (entity.span.start, std::cmp::Reverse(entity.span.end)));
    let mut stretches: Vec<Stretch<'_>> = Vec::with_capacity(order.len());
    for (place, entity) in order.iter().enumerate() {
        match stretches.last() {
            Some(last) if last.span.overlaps(entity.span) => {}
            _ => stretches.push(Stretch {
                span: merged(place, &order),
                entity,
            }),
        }
    }
    stretches
}

/// The span of an entity with those of its group behind it, up to the first entity that says something else.
fn merged(place: usize, order: &[&Entity]) -> Span {
    let Some(first) = order.get(place) else {
        return Span::default();
    };
    let mut span = first.span;
    if first.group.is_none() {
        return span;
    }
    let behind = order.iter().skip(place + 1);
    for next in behind.take_while(|next| next.group == first.group && says_the_same(first, next)) {
        span = span.hull(next.span);
    }
    span
}

fn says_the_same(one: &Entity, other: &Entity) -> bool {
    one.tag == other.tag
        && one.certainty == other.certainty
        && one.state == other.state
        && one.timex == other.timex
}

fn open(name: &str, entity: &Entity, out: &mut String) {
    let certainty = entity.certainty.map(|certainty| match certainty {
        CorpusCertainty::Positive => "positive",
        CorpusCertainty::Suspicious => "suspicious",
        CorpusCertainty::Negative => "negative",
        CorpusCertainty::General => "general",
    });
    let state = entity.state.map(|state| match state {
        State::Scheduled => "scheduled",
        State::Executed => "executed",
        State::Negated => "negated",
        State::Other => "other",
    });
    let timex = entity.timex.map(|timex| match timex {
        TimexType::Date => "date",
        TimexType::Time => "time",
        TimexType::Duration => "duration",
        TimexType::Set => "set",
        TimexType::Age => "age",
        TimexType::Med => "med",
        TimexType::Misc => "misc",
    });
    let _ = write!(out, "<{name}");
    for (key, value) in [("certainty", certainty), ("state", state), ("type", timex)] {
        if let Some(value) = value {
            let _ = write!(out, " {key}=\"{value}\"");
        }
    }
    out.push('>');
}

fn tag(tag: Tag) -> &'static str {
    match tag {
        Tag::Disease => "d",
        Tag::Anatomy => "a",
        Tag::Feature => "f",
        Tag::Change => "c",
        Tag::Timex => "timex3",
        Tag::TestName => "t-test",
        Tag::TestKey => "t-key",
        Tag::TestValue => "t-val",
        Tag::DrugName => "m-key",
        Tag::DrugValue => "m-val",
        Tag::Remedy => "r",
        Tag::Context => "cc",
        Tag::Pending => "p",
    }
}

fn escaped(chars: &[char], out: &mut String) {
    for c in chars {
        escape(*c, false, out);
    }
}

/// A character of text or attribute. A carriage return is written as a reference, since a parser would take it away.
fn escape(c: char, in_attribute: bool, out: &mut String) {
    match c {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        '\r' => out.push_str("&#13;"),
        '"' if in_attribute => out.push_str("&quot;"),
        '\n' if in_attribute => out.push_str("&#10;"),
        '\t' if in_attribute => out.push_str("&#9;"),
        '\t' | '\n' | '\u{20}'..='\u{FFFD}' | '\u{10000}'..='\u{10FFFF}' => out.push(c),
        _ => out.push('\u{FFFD}'),
    }
}
