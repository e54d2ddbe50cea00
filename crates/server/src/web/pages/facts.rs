//! The list of a note's facts and its marked text, as the server draws them (the editor's script draws the same).

use crate::web::ui_text::Ui;
use crate::web::view::{FactView, MarkView};
use maud::{Markup, html};

/// The facts, each with its reasons.
pub(crate) fn list(ui: &Ui<'_>, facts: &[FactView], lit: Option<usize>) -> Markup {
    list_with(ui, facts, lit, &|_| html! {})
}

/// The facts, each with its reasons, and with what `beside` says of it.
pub(crate) fn list_with(
    ui: &Ui<'_>,
    facts: &[FactView],
    lit: Option<usize>,
    beside: &dyn Fn(&FactView) -> Markup,
) -> Markup {
    html! {
        ul.facts {
            @for (index, fact) in facts.iter().enumerate() {
                li.fact.absent[fact.absent].suspected[fact.suspected].lit[lit == Some(index)] {
                    details open[lit == Some(index)] {
                        summary { (head(ui, fact)) }
                        (why(ui, fact))
                        (beside(fact))
                    }
                }
            }
        }
        @if facts.is_empty() { p.empty { (ui.t("facts.none")) } }
    }
}

fn head(ui: &Ui<'_>, fact: &FactView) -> Markup {
    html! {
        span class=(format!("key {}", fact.shape)) aria-hidden="true" {}
        span.fact-name {
            @if fact.absent { span.sign { (ui.t("fact.absent")) } }
            (fact.name)
            @if !fact.value.is_empty() { " " span.value { (fact.value) } }
        }
        span.fact-code { (fact.code) }
        span.fact-more {
            span.kind { (fact.kind) }
            @for remark in &fact.remarks { span.remark { (remark) } }
            @if !fact.time.is_empty() { span.time { (fact.time) } }
        }
    }
}

fn why(ui: &Ui<'_>, fact: &FactView) -> Markup {
    html! {
        dl.why {
            dt { (ui.t("why.words")) }
            dd { @for place in &fact.places { q { (place.text) } " " } }
            @for rule in &fact.rules {
                dt { (ui.t("why.rule")) }
                dd { code { (rule.rule) } @if !rule.source.is_empty() { br; (rule.source) } }
            }
            @if fact.earlier { dt { (ui.t("why.rule")) } dd { (ui.t("why.earlier")) } }
            dt { (ui.t("why.codes")) }
            dd { @for code in &fact.codes { span.code { (code.system) " " code { (code.code) } } " " } }
        }
    }
}

/// A text with its marks; those of the fact `lit` stand out, the first of them named `lit`.
pub(crate) fn marked(text: &str, marks: &[MarkView], facts: &[FactView], lit: Option<usize>) -> Markup {
    let chars: Vec<char> = text.chars().collect();
    let cut = |from: u32, to: u32| {
        chars
            .get(from as usize..to as usize)
            .unwrap_or(&[])
            .iter()
            .collect::<String>()
    };
    let lit_places = lit
        .and_then(|lit| facts.get(lit))
        .map(|fact| fact.places.as_slice())
        .unwrap_or_default();
    let is_lit = |mark: &MarkView| {
        lit_places
            .iter()
            .any(|place| mark.start < place.end && place.start < mark.end)
    };
    let first_lit = marks.iter().position(is_lit);
    let starts = std::iter::once(0).chain(marks.iter().map(|mark| mark.end));
    let after = marks.last().map_or(0, |mark| mark.end);
    html! {
        @for (index, (from, mark)) in starts.zip(marks).enumerate() {
            @let class = if is_lit(mark) { format!("{} lit", mark.class) } else { mark.class.clone() };
            @let name = mark.fact.and_then(|fact| facts.get(fact)).map(|fact| fact.name.as_str());
            (cut(from, mark.start))
            mark class=(class) id=[(first_lit == Some(index)).then_some("lit")] title=[name] data-at=(format!("{}-{}", mark.start, mark.end)) { (cut(mark.start, mark.end)) }
        }
        (cut(after, chars.len() as u32))
    }
}
