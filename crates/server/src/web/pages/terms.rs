//! The terminology to leaf through: what one types finds concepts; a concept shows its names, codes and neighbours.

use crate::web::error::WebError;
use crate::web::notes::escape;
use crate::web::page::{Shell, shell};
use crate::web::state::{App, Desk, Visit, answer};
use crate::web::ui_text::{Language, Ui};
use axum::extract::{Path, Query, State};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;
use std::sync::Arc;
use tsumugi_clinical::Code;
use tsumugi_terminology::{Concept, TermHit, Vocabulary, kind_word, system};

/// Concepts that are listed.
const MOST_HITS: usize = 50;
/// Narrower concepts that are listed.
const MOST_CHILDREN: usize = 200;

/// What is looked for.
#[derive(Debug, Deserialize)]
pub(crate) struct Typed {
    #[serde(default)]
    q: String,
}

/// The search, and what it finds.
pub(crate) async fn find(State(app): State<Arc<App>>, visit: Visit, Query(typed): Query<Typed>) -> Response {
    answer(app, visit, move |desk| {
        desk.author()?;
        let ui = desk.ui();
        let words = typed.q.trim();
        let body = html! {
            div.page-head { h1 { (ui.t("terms.title")) } }
            (form(&ui, words))
            @if words.is_empty() { (examples(desk)) } @else { (hits(desk, words)) }
        };
        Ok(page(desk, ui.t("terms.title"), &body))
    })
    .await
}

/// One concept.
pub(crate) async fn show(State(app): State<Arc<App>>, visit: Visit, Path(id): Path<String>) -> Response {
    answer(app, visit, move |desk| {
        desk.author()?;
        let ui = desk.ui();
        let vocabulary = desk.app.coder.vocabulary();
        let key = vocabulary.key(&id).ok_or(WebError::NotFound)?;
        let concept = vocabulary.get(key).ok_or(WebError::NotFound)?;
        let title = name(&ui, concept);
        let body = html! {
            (form(&ui, ""))
            div.page-head {
                h1 { (concept.name) span.kana { (concept.kana) } }
                a.button href=(format!("/search?concept={}&q={}", escape(&id), escape(&concept.name))) { (ui.t("terms.patients")) }
            }
            (facts(&ui, vocabulary, concept))
            (codes(&ui, concept))
            (names(&ui, concept))
            (hierarchy(&ui, vocabulary, key, concept))
        };
        Ok(page(desk, title, &body))
    })
    .await
}

fn page(desk: &Desk, title: &str, body: &Markup) -> Response {
    let page = Shell {
        title,
        class: "search",
        script: None,
    };
    shell(desk, &page, body)
}

/// The name in the language of the page.
fn name<'a>(ui: &Ui<'_>, concept: &'a Concept) -> &'a str {
    match ui.language {
        Language::English if !concept.english.is_empty() => &concept.english,
        _ => &concept.name,
    }
}

fn form(ui: &Ui<'_>, words: &str) -> Markup {
    html! {
        form.search-form method="get" action="/terms" role="search" {
            div.ask {
                label.hidden for="q" { (ui.t("terms.ask")) }
                div.combo { input #q type="search" name="q" value=(words) placeholder=(ui.t("terms.placeholder")) autocomplete="off" autofocus[words.is_empty()]; }
                button.primary type="submit" { (ui.t("search.go")) }
            }
        }
    }
}

fn examples(desk: &Desk) -> Markup {
    let ui = desk.ui();
    let concepts = desk.app.coder.vocabulary().len().to_string();
    html! {
        section.examples {
            h2 { (ui.t("search.examples")) }
            ul {
                @for text in ui.t("terms.example-list").split('|') {
                    li { a href=(format!("/terms?q={}", escape(text))) { (text) } }
                }
            }
            p.hint { (ui.fill("terms.says", &[("concepts", &concepts)])) }
        }
    }
}

fn hits(desk: &Desk, words: &str) -> Markup {
    let ui = desk.ui();
    let vocabulary = desk.app.coder.vocabulary();
    let mut hits = vocabulary.search().find(words, MOST_HITS + 1);
    let has_more = hits.len() > MOST_HITS;
    hits.truncate(MOST_HITS);
    html! {
        p.found role="status" { (ui.fill("terms.found", &[("count", &hits.len().to_string())])) }
        @if hits.is_empty() { p.empty { (ui.t("terms.none")) } }
        @else {
            table.grid {
                thead { tr {
                    th scope="col" { (ui.t("terms.name")) }
                    th scope="col" { (ui.t("terms.kind")) }
                    th scope="col" { (ui.t("terms.matched")) }
                    th scope="col" { (ui.t("terms.code")) }
                } }
                tbody { @for hit in &hits { @if let Some(concept) = vocabulary.get(hit.key) { (row(&ui, concept, hit)) } } }
            }
        }
        @if has_more { p.hint { (ui.t("terms.more")) } }
    }
}

fn row(ui: &Ui<'_>, concept: &Concept, hit: &TermHit) -> Markup {
    let word = |value: serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let by = word(serde_json::json!(hit.by));
    let how = word(serde_json::json!(hit.how));
    html! {
        tr {
            td.who { (link(concept)) }
            td data-label=(ui.t("terms.kind")) { (ui.of("term-kind", kind_word(concept.kind))) }
            td data-label=(ui.t("terms.matched")) { (hit.name) span.kana { (ui.of("term-by", &by)) " / " (ui.of("term-how", &how)) } }
            td data-label=(ui.t("terms.code")) { @for code in others(concept) { code { (code.code) } " " } }
        }
    }
}

/// A link to a concept: its name, with its reading.
fn link(concept: &Concept) -> Markup {
    html! { a href=(address(concept)) { (concept.name) span.kana { (concept.kana) } } }
}

fn address(concept: &Concept) -> String {
    format!("/terms/{}", escape(concept.id.as_str()))
}

/// Codes of systems that are not ours.
fn others(concept: &Concept) -> impl Iterator<Item = &Code> {
    let codes = concept.codes.iter();
    codes.filter(|code| code.system.as_ref() != system::TSUMUGI)
}

fn facts(ui: &Ui<'_>, vocabulary: &Vocabulary, concept: &Concept) -> Markup {
    let site = concept.site.and_then(|site| vocabulary.get(site));
    let text = |key: &str, text: &str| {
        let label = ui.of("terms", key);
        html! { @if !text.is_empty() { tr { th scope="row" { (label) } td { (text) } } } }
    };
    html! {
        section.patients { table.grid { tbody {
            (text("english", &concept.english))
            (text("kind", &ui.of("term-kind", kind_word(concept.kind))))
            @if let Some(site) = site { tr { th scope="row" { (ui.t("terms.site")) } td.who { (link(site)) } } }
            (text("flags", &concept.flags.join(", ")))
            (text("unit", concept.unit.as_deref().unwrap_or("")))
            (text("routes", &concept.routes.join(", ")))
        } } }
    }
}

fn codes(ui: &Ui<'_>, concept: &Concept) -> Markup {
    html! {
        section.patients aria-labelledby="codes" {
            h2 #codes { (ui.t("terms.code")) }
            table.grid {
                thead { tr { th scope="col" { (ui.t("terms.system")) } th scope="col" { (ui.t("terms.code")) } } }
                tbody { @for code in concept.codes.iter() {
                    tr { td title=(code.system) { (ui.of("system", &code.system)) } td { code { (code.code) } } }
                } }
            }
        }
    }
}

fn names(ui: &Ui<'_>, concept: &Concept) -> Markup {
    html! {
        @if !concept.synonyms.is_empty() {
            section.patients aria-labelledby="names" {
                h2 #names { (ui.t("terms.names")) " " span.count { (concept.synonyms.len()) } }
                table.grid {
                    thead { tr { th scope="col" { (ui.t("terms.name")) } th scope="col" { (ui.t("terms.reading")) } } }
                    tbody { @for (name, reading) in &concept.synonyms { tr { td { (name) } td { (reading) } } } }
                }
            }
        }
    }
}

/// Broader and narrower concepts as links.
fn hierarchy(ui: &Ui<'_>, vocabulary: &Vocabulary, key: u32, concept: &Concept) -> Markup {
    let above: Vec<u32> = vocabulary.ancestors(key).into_iter().skip(1).collect();
    let further: Vec<u32> = above
        .into_iter()
        .filter(|key| !concept.parents.contains(key))
        .collect();
    let children = vocabulary.children(key);
    let more = children.len().saturating_sub(MOST_CHILDREN);
    let shown = children.get(..MOST_CHILDREN).unwrap_or(children);
    html! {
        (neighbours(ui.t("terms.parents"), vocabulary, &concept.parents))
        (neighbours(ui.t("terms.above"), vocabulary, &further))
        (neighbours(ui.t("terms.children"), vocabulary, shown))
        @if more > 0 { p.hint { (ui.fill("terms.more-children", &[("count", &more.to_string())])) } }
    }
}

fn neighbours(title: &str, vocabulary: &Vocabulary, keys: &[u32]) -> Markup {
    html! {
        @if !keys.is_empty() {
            section.examples {
                h2 { (title) " " span.count { (keys.len()) } }
                ul { @for concept in keys.iter().filter_map(|key| vocabulary.get(*key)) {
                    li { a href=(address(concept)) { (concept.name) } }
                } }
            }
        }
    }
}
