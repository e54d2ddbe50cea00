//! The frame of every page, and the pieces that several pages share.

use crate::web::assets;
use crate::web::state::{Desk, Theme};
use crate::web::summary::Summary;
use crate::web::ui_text::{Language, Ui};
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use jiff::civil::{Date, DateTime};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use tsumugi_access::{Action, Resource};
use tsumugi_clinical::Patient;
use tsumugi_records::{PatientRecord, Population};

/// What a page says about itself.
pub(crate) struct Shell<'a> {
    /// Title, shown in the tab.
    pub(crate) title: &'a str,
    /// Class of the body.
    pub(crate) class: &'static str,
    /// Its script, if it has one.
    pub(crate) script: Option<&'static str>,
}

/// Wraps a page into its frame.
pub(crate) fn shell(desk: &Desk, page: &Shell<'_>, body: &Markup) -> Response {
    let ui = desk.ui();
    let theme = desk.visit.theme.word();
    let document = html! {
        (DOCTYPE)
        html lang=(ui.language.tag()) data-theme=(theme) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                @if let Some(idles) = idles(desk, page) {
                    noscript { meta http-equiv="refresh" content=(idles); }
                    script type="module" src=(assets::address("idle.js")) data-idle=(idles) {}
                }
                meta name="csp-nonce" content=(desk.nonce);
                title { (page.title) " \u{2013} " (ui.t("app.name")) }
                link rel="icon" href=(assets::address("icon.svg")) type="image/svg+xml";
                link rel="stylesheet" href=(assets::address("style.css"));
                @if let Some(script) = page.script { script type="module" src=(assets::address(script)) {} }
            }
            body class=(page.class) {
                a.skip href="#main" { (ui.t("app.skip")) }
                (top(desk, &ui))
                main #main tabindex="-1" { (body) }
                @if let Some(script) = page.script {
                    script type="application/json" id="texts" { (PreEscaped(texts(&ui, script))) }
                }
            }
        }
    };
    (
        [(header::CACHE_CONTROL, "no-store")],
        Html(document.into_string()),
    )
        .into_response()
}

/// Texts of an island as JSON that cannot end its element.
fn texts(ui: &Ui<'_>, script: &str) -> String {
    let prefix = script.strip_suffix(".js").unwrap_or(script);
    let mut texts = ui.below(&format!("{prefix}."));
    if prefix == "note"
        && let (Some(texts), serde_json::Value::Object(input)) = (texts.as_object_mut(), ui.below("input."))
    {
        texts.extend(input);
    }
    texts.to_string().replace('<', "\\u003c")
}

fn top(desk: &Desk, ui: &Ui<'_>) -> Markup {
    let here = desk.visit.here.as_str();
    let below = |path: &str| path != "/" && here.starts_with(&format!("{path}/"));
    let current =
        |path: &str| (here == path || here.starts_with(&format!("{path}?")) || below(path)).then_some("page");
    html! {
        header.top {
            a.brand href="/" { span.mark { (ui.t("app.mark")) } span.word { (ui.t("app.word")) } }
            nav aria-label=(ui.t("app.nav")) {
                @for (path, text) in links(desk, ui) { a href=(path) aria-current=[current(path)] { (text) } }
            }
            div.tools {
                @if let Ok(actor) = desk.actor() {
                    a.who href="/account" title=(ui.t("account.title")) { (desk.person(actor.user().id.as_str())) }
                    @if !actor.session.first_run {
                        form method="post" action="/lock" { input type="hidden" name="next" value=(here); button.quiet type="submit" { (ui.t("lock.do")) } }
                    }
                    form method="post" action="/sign-out" { button.quiet type="submit" { (ui.t("sign-out.do")) } }
                }
                (preference(here, "language", match ui.language {
                    Language::Japanese => ("en", ui.t("nav.english")),
                    Language::English => ("ja", ui.t("nav.japanese")),
                }))
                (preference(here, "theme", match desk.visit.theme {
                    Theme::System => ("light", ui.t("nav.theme-system")),
                    Theme::Light => ("dark", ui.t("nav.theme-light")),
                    Theme::Dark => ("system", ui.t("nav.theme-dark")),
                }))
            }
        }
    }
}

/// The pages that are there for who is signed in.
fn links<'u>(desk: &Desk, ui: &Ui<'u>) -> Vec<(&'static str, &'u str)> {
    let Ok(actor) = desk.actor() else {
        return Vec::new();
    };
    let mut links = vec![
        ("/", ui.t("nav.patients")),
        ("/search", ui.t("nav.search")),
        ("/knowledge", ui.t("nav.knowledge")),
        ("/review", ui.t("nav.review")),
        ("/studies", ui.t("nav.studies")),
        ("/terms", ui.t("nav.terms")),
    ];
    for (action, path, key) in [
        (Action::ExportStudy, "/exports", "nav.exports"),
        (Action::Administer, "/users", "nav.users"),
        (Action::Administer, "/apps", "nav.apps"),
        (Action::EditPolicy, "/policy", "nav.policy"),
        (Action::ReviewAccess, "/emergencies", "nav.emergencies"),
    ] {
        // Looking is not asking for the page's own sake.
        let request = tsumugi_access::Request {
            subject: actor.subject(),
            action,
            resource: Resource::System,
        };
        if actor.policy().is_allowed(&request).allowed {
            links.push((path, ui.t(key)));
        }
    }
    links
}

/// Seconds after which a page that nobody uses looks whether its session is locked, beyond the time of the lock.
const LOOKS_AFTER: u64 = 2;

/// A page without an editor moves on to the lock by itself: without scripts it is told to, with them `idle.js` keeps what
/// was begun in a form behind the lock. The editor hides its text itself.
fn idles(desk: &Desk, page: &Shell<'_>) -> Option<String> {
    let is_editor = page.script == Some("note.js");
    let locks = desk.actor().is_ok_and(|actor| !actor.session.first_run);
    let lock = desk.app.gate.setting.sessions.idle_lock.as_secs() + LOOKS_AFTER;
    let next = crate::web::notes::escape(&desk.visit.here);
    (locks && !is_editor).then(|| format!("{lock};url=/lock?next={next}"))
}

/// A switch that works without scripts; `(value, text)` is what it changes to, and what it says.
fn preference(here: &str, name: &str, (value, text): (&str, &str)) -> Markup {
    html! {
        form method="post" action="/preferences" data-preference=(name) {
            input type="hidden" name="next" value=(here);
            input type="hidden" name="name" value=(name);
            button.quiet type="submit" name="value" value=(value) { (text) }
        }
    }
}

/// The mark of a dummy, on every screen that shows one.
pub(crate) fn dummy_mark(ui: &Ui<'_>, population: Population) -> Markup {
    html! {
        @if population == Population::Dummy { span.dummy title=(ui.t("dummy.says")) { (ui.t("dummy.mark")) } }
    }
}

/// Age and sex, as a line of text.
pub(crate) fn age_and_sex(ui: &Ui<'_>, record: &PatientRecord, today: Date) -> String {
    let sex = match record.details.sex {
        tsumugi_clinical::Sex::Male => ui.t("sex.male"),
        tsumugi_clinical::Sex::Female => ui.t("sex.female"),
        tsumugi_clinical::Sex::Unknown => ui.t("sex.unknown"),
    };
    let patient = Patient {
        birth_date: record.details.birth_date,
        ..Patient::default()
    };
    match patient.age_at(Some(today)) {
        Some(age) => ui.fill("patient.age-sex", &[("age", &format!("{age:.0}")), ("sex", sex)]),
        None => sex.to_owned(),
    }
}

/// The head of a patient's screens: who, and what must not be overlooked.
pub(crate) fn patient_bar(ui: &Ui<'_>, record: &PatientRecord, summary: &Summary, today: Date) -> Markup {
    let details = &record.details;
    let birth = details
        .birth_date
        .map(|date| date.to_string())
        .unwrap_or_default();
    html! {
        div.patient-bar.is-dummy[record.population == Population::Dummy] {
            div.identity {
                (dummy_mark(ui, record.population))
                a.name href=(format!("/patients/{}", record.id)) { (details.name) }
                span.kana { (details.kana) }
                span.age title=(birth) { (age_and_sex(ui, record, today)) }
                span.number { (ui.t("patient.number")) " " (details.number) }
            }
            dl.safety {
                (line(ui.t("patient.allergies"), &summary.allergies, Some(ui.t("patient.allergies-open")), summary.has_allergy))
                (line(ui.t("patient.wishes"), &summary.wishes, Some(ui.t("patient.wishes-open")), !summary.wishes.is_empty()))
                (line(ui.t("patient.problems"), &summary.problems, None, false))
                (line(ui.t("patient.drugs"), &summary.drugs, None, false))
            }
        }
    }
}

fn line(name: &str, items: &[String], when_empty: Option<&str>, is_loud: bool) -> Markup {
    const SHOWN: usize = 5;
    let more = items.len().saturating_sub(SHOWN);
    let rest = items
        .iter()
        .skip(SHOWN)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    html! {
        @if !items.is_empty() || when_empty.is_some() {
            div.loud[is_loud].open[items.is_empty()] {
                dt { (name) }
                dd {
                    @for item in items.iter().take(SHOWN) { span.item { (item) } }
                    @if more > 0 { details.more { summary { "+" (more) } span.all { (rest) } } }
                    @if items.is_empty() { (when_empty.unwrap_or_default()) }
                }
            }
        }
    }
}

/// A time of the record, to the minute, as people write it here.
pub(crate) fn moment(ui: &Ui<'_>, at: DateTime) -> String {
    at.strftime(ui.t("format.moment")).to_string()
}

/// A day.
pub(crate) fn day(ui: &Ui<'_>, date: Date) -> String {
    date.strftime(ui.t("format.day")).to_string()
}
