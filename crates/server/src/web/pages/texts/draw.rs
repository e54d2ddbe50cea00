//! The form for a text, and a text with its marks beside what it seems to state.

use super::decide::Outcome;
use super::{Given, Row, fields, living, log, statement};
use crate::proposals::{KINDS, Standing};
use crate::web::state::Desk;
use maud::{Markup, html};
use tsumugi_knowledge::Accepted;

/// The form in which a text is given.
pub(super) fn form(desk: &Desk, given: &Given, mistake: Option<&str>) -> Markup {
    let ui = desk.ui();
    html! {
        div.page-head { h1 { (ui.t("read.title")) } a.button href="/knowledge" { (ui.t("read.back")) } }
        @if let Some(mistake) = mistake { p.mistake role="alert" { (mistake) } }
        form #give.give method="post" action="/knowledge/read" {
            p.hint { (ui.t("read.says")) }
            label.hidden for="text" { (ui.t("read.text")) }
            textarea #text name="text" rows="11" required autofocus placeholder=(ui.t("read.placeholder")) spellcheck="false" { (given.text) }
            p.scripted.file { label.button for="file" { (ui.t("read.file")) } input.hidden #file type="file" accept=".txt,.xml,.sgml,.md,text/plain,text/xml,application/xml"; }
            (about(desk, given, true))
            div.buttons { button.primary type="submit" { (ui.t("read.go")) " " kbd { "Ctrl+Enter" } } }
        }
    }
}

/// What is said of the text as a whole.
fn about(desk: &Desk, given: &Given, with_kind: bool) -> Markup {
    let ui = desk.ui();
    let text = |name: &'static str, label: &'static str, hint: &'static str, value: &str| {
        html! {
            label.field-of { span { (ui.t(label)) } input type="text" name=(name) value=(value) placeholder=(ui.t(hint)) autocomplete="off"; }
        }
    };
    html! {
        div.fields.about {
            @if with_kind { (kind_of_text(desk, given)) (subject(desk, given)) }
            (text("title", "read.name", "read.name-example", &given.title))
            (text("edition", "read.edition", "read.edition-example", &given.edition))
            (text("organisation", "read.organisation", "read.organisation-example", &given.organisation))
            (text("source", "read.source", "read.source-example", &given.source))
            (text("licence", "read.licence", "read.licence-example", &given.licence))
        }
    }
}

fn kind_of_text(desk: &Desk, given: &Given) -> Markup {
    let ui = desk.ui();
    html! {
        label.field-of {
            span { (ui.t("read.kind")) }
            select name="kind" {
                option value="" { (ui.t("read.kind-auto")) }
                @for kind in KINDS { option value=(kind) selected[given.kind == kind] { (ui.of("text-kind", kind)) } }
            }
        }
    }
}

fn subject(desk: &Desk, given: &Given) -> Markup {
    html! { label.field-of { span { (desk.ui().t("read.subject")) } (fields::names(desk, "subject", &given.subject, false)) } }
}

/// The text with what it seems to state.
pub(super) fn reading(desk: &Desk, given: &Given, rows: &[Row], outcome: &Outcome) -> Markup {
    let ui = desk.ui();
    let kind = ui.of("text-kind", &given.kind);
    let open = rows.iter().filter(|row| row.is_open()).count().to_string();
    html! {
        div.page-head {
            h1 { (ui.t("read.title")) }
            span.hint { (ui.fill("read.found", &[("kind", &kind), ("count", &rows.len().to_string()), ("open", &open)])) }
            a.button href="/knowledge/read" { (ui.t("read.next-text")) }
        }
        (notice(desk, outcome))
        form #statements method="post" action="/knowledge/read" {
            textarea.hidden name="text" aria-hidden="true" tabindex="-1" { "\n" (given.text) }
            details.about-text open[given.source_id().is_empty()] {
                summary { (ui.t("read.about")) @if !given.source_id().is_empty() { " " b { (given.source_id()) } } }
                (about(desk, given, false))
                div.fields.again { (kind_of_text(desk, given)) (subject(desk, given)) button type="submit" name="again" value="1" formnovalidate { (ui.t("read.again")) } }
            }
            div.document-screen {
                article.paper-page { div #note-text.note-text { (marked(desk, &given.text, rows)) } }
                aside.side {
                    @if rows.is_empty() { p.notice { (ui.of("read", &format!("none-{}", given.kind))) } }
                    @else {
                        p.hint.keys-of-reading { (ui.t("read.keys")) }
                        ol.review-facts { @for row in rows { (proposal(desk, given, row)) } }
                        div.buttons.send { button.primary type="submit" name="keep" value="1" { (ui.t("read.keep")) " " kbd { "Ctrl+Enter" } } }
                    }
                }
            }
        }
    }
}

fn notice(desk: &Desk, outcome: &Outcome) -> Markup {
    let ui = desk.ui();
    let counts = [
        ("accepted", outcome.accepted.to_string()),
        ("rejected", outcome.rejected.to_string()),
    ];
    let counts = counts.each_ref().map(|(name, value)| (*name, value.as_str()));
    let refused = outcome.refused.len();
    html! {
        @if outcome.accepted + outcome.rejected + outcome.known > 0 {
            p.notice role="status" {
                (ui.fill("read.done", &counts)) " "
                @if outcome.known > 0 { (ui.fill("read.done-known", &[("known", &outcome.known.to_string())])) " " }
                a href="/knowledge/read#accepted" { (ui.t("read.to-log")) }
            }
        }
        @if refused > 0 { p.mistake role="alert" { (ui.fill("read.refused", &[("count", &refused.to_string())])) } }
    }
}

/// The text, with a mark at every stretch from which something is proposed.
fn marked(desk: &Desk, text: &str, rows: &[Row]) -> Markup {
    let mut spans: Vec<(u32, u32)> = rows
        .iter()
        .map(|row| (row.proposal.start, row.proposal.end))
        .collect();
    spans.sort_unstable();
    spans.dedup();
    let chars: Vec<char> = text.chars().collect();
    let cut = |from: u32, to: u32| -> String {
        chars
            .get(from as usize..to as usize)
            .unwrap_or_default()
            .iter()
            .collect()
    };
    let starts = std::iter::once(0).chain(spans.iter().map(|(_, end)| *end));
    let last = spans.last().map_or(0, |(_, end)| *end);
    html! {
        @for (from, (start, end)) in starts.zip(&spans) {
            (plain(desk, &cut(from, *start)))
            mark.stated data-at=(format!("{start}-{end}")) { (cut(*start, *end).trim_end_matches('\n')) }
            @if cut(*start, *end).ends_with('\n') { "\n" }
        }
        (plain(desk, &cut(last, chars.len() as u32)))
    }
}

/// Text between marks; the elements of an insert's XML stand as headings.
fn plain(desk: &Desk, text: &str) -> Markup {
    html! {
        @for line in text.split_inclusive('\n') {
            @if let Some(heading) = heading(desk, line) { b.part-head { (heading) } "\n" } @else { (line) }
        }
    }
}

fn proposal(desk: &Desk, given: &Given, row: &Row) -> Markup {
    let ui = desk.ui();
    let (index, said) = (row.index, &row.proposal.said);
    let field = format!("verdict-{index}");
    let sure = format!("{:.0}", row.proposal.sure * 100.0);
    let author = desk.author().unwrap_or_default();
    // What cannot be accepted as it stands is told before anybody tries.
    let lacks = desk
        .app
        .advice
        .refusal(&living(desk), author, &statement(given, &row.proposal))
        .map(|message| unusable(desk, said, &message));
    html! {
        li.review-fact.proposal.settled[!row.is_open()] tabindex="0" data-places=(format!("{}-{}", row.proposal.start, row.proposal.end)) {
            input type="hidden" name=(format!("of-{index}")) value=(log::key(said));
            div.what {
                (log::line(desk, said))
                p.hint { (said.place.section) " " span.sure { (ui.fill("read.sure", &[("percent", &sure)])) } }
                (standing(desk, row))
                @if let Some(message) = row.refused.as_ref().or(lacks.as_ref()) { p.mistake { (message) } }
            }
            div.verdicts {
                label { input type="radio" name=(field) value="accept"; kbd { "A" } (ui.t("read.accept")) }
                label { input type="radio" name=(field) value="reject"; kbd { "X" } (ui.t("read.reject")) }
                details.correct { summary { kbd { "E" } (ui.t("read.correct")) } (fields::draw(desk, index, said)) }
            }
        }
    }
}

/// Why a statement cannot be accepted as it stands, for people.
pub(super) fn unusable(desk: &Desk, said: &Accepted, message: &str) -> String {
    let ui = desk.ui();
    let is_for_nobody = said.kind.as_ref() == "recommendation"
        && said
            .fields
            .get("applies")
            .is_none_or(|applies| applies.is_empty());
    if is_for_nobody {
        return ui.t("read.for-nobody").to_owned();
    }
    ui.fill("read.unusable", &[("message", message)])
}

/// How a proposal stands to what is known and decided.
fn standing(desk: &Desk, row: &Row) -> Markup {
    let ui = desk.ui();
    html! {
        @match &row.standing {
            Standing::New => {}
            Standing::Known { source } => { p.badge.known { (ui.fill("read.known", &[("source", source)])) } }
            Standing::Differs { source, says } => {
                p.badge.differs { (ui.fill("read.differs", &[("says", &ui.of("cell", says)), ("source", source)])) }
            }
        }
        @if let Some(decided) = &row.decided { p.badge.known { (log::told(desk, decided)) } }
    }
}

/// A heading of the text that stands in brackets for an element of an insert's XML, as people read it.
fn heading<'d>(desk: &'d Desk, line: &str) -> Option<&'d str> {
    let kind = line
        .trim()
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))?;
    desk.ui().get(&format!("part.{kind}"))
}
