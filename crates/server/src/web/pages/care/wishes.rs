//! What a patient wishes of care: a banner on the patient's screens, and a page with the history.

use super::{add, entries, fhir_file, may_enter, may_settle, opened};
use crate::access::Standing;
use crate::audit;
use crate::care::wishes::{self, Basis, Party, Statement, Wish, is_known, now, statements, to_fhir};
use crate::web::Fields;
use crate::web::clock;
use crate::web::error::WebError;
use crate::web::page::{Shell, day, moment, patient_bar, shell};
use crate::web::pages::sign_in::mistake;
use crate::web::state::{App, Desk, Visit, answer};
use crate::web::summary::summary;
use crate::web::ui_text::{Language, Ui};
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use jiff::civil::Date;
use maud::{Markup, html};
use serde_json::json;
use std::sync::Arc;
use tsumugi_access::Action;
use tsumugi_cds::{WishNow, wish_rows};
use tsumugi_records::{
    AuditSubtype, CareEntry, CareTopic, NewCareEntry, PatientId, PatientRecord, StoreError, StoredEvent,
};

/// Most characters of what was said in words.
const LONGEST_WORDS: usize = 1000;

/// The banner: what holds now, who said so, and what a physician has to look at. Empty where nothing is known.
pub(crate) fn banner(
    desk: &Desk,
    record: &PatientRecord,
    standing: &Standing,
    (entries, events): (&[CareEntry], &[StoredEvent]),
) -> Result<Markup, WebError> {
    let ui = desk.ui();
    let said = statements(entries, events);
    let wishes = now(&said);
    let may = may_settle(desk, standing)?;
    Ok(html! {
        @if !wishes.is_empty() {
            section.wishes aria-label=(ui.t("wishes.title")) {
                ul { @for wish in &wishes { (row(desk, record.id, (wish, &said), may)) } }
                a href=(format!("/patients/{}/wishes", record.id)) { (ui.t("wishes.history")) }
            }
        }
    })
}

fn row(desk: &Desk, id: PatientId, (wish, said): (&WishNow, &[Statement<'_>]), may: bool) -> Markup {
    let ui = desk.ui();
    let Some(stands) = said.get(wish.said) else {
        return html! {};
    };
    let against = wish.against.and_then(|place| said.get(place));
    html! {
        li.wish.loud[wish.row.is_loud].unconfirmed[!wish.is_confirmed] {
            strong { (name(desk, stands.concept())) }
            @if wish.is_confirmed {
                span.state { (ui.t("wishes.confirmed")) }
            } @else {
                span.state { (ui.t("wishes.unconfirmed")) }
            }
            (source(desk, stands))
            @if let Some(other) = against {
                span.against { (ui.t("wishes.against")) " " (name(desk, other.concept())) " "
                    (if other.holds() { ui.t("wishes.holds") } else { ui.t("wishes.ends") }) " " (source(desk, other)) }
            }
            @if may && !wish.is_confirmed { (settling(&ui, id, stands, "confirm")) }
            @if let (true, true, Some(other)) = (may, wish.is_confirmed, against.filter(|other| other.concept() == stands.concept())) {
                (settling(&ui, id, other, "confirm"))
            }
        }
    }
}

/// One key: what a text or a colleague says is confirmed as it stands.
fn settling(ui: &Ui<'_>, id: PatientId, statement: &Statement<'_>, act: &str) -> Markup {
    let key = if statement.holds() {
        "wishes.confirm"
    } else {
        "wishes.confirm-end"
    };
    html! {
        form method="post" action=(format!("/patients/{id}/wishes")) {
            input type="hidden" name="act" value=(act);
            input type="hidden" name="source" value=(statement.id());
            button type="submit" { (ui.get(key).unwrap_or(key)) }
        }
    }
}

/// Who said it and when, with whom it was talked about, and when it is to be talked about again.
fn source(desk: &Desk, statement: &Statement<'_>) -> Markup {
    let ui = desk.ui();
    let today = clock::today();
    match statement {
        Statement::Entry(entry, wish) => html! {
            span.source {
                (day(&ui, entry.stamp.at.civil().date())) " " (desk.person(&entry.stamp.author))
                @if let Some(on) = wish.discussed { " \u{b7} " (ui.t("wishes.discussed")) " " (day(&ui, on)) }
                @if !wish.with.is_empty() { " \u{b7} " (parties(&ui, &wish.with)) }
                @if wish.basis != Basis::Own { " \u{b7} " (ui.of("wish-basis", wish.basis.word())) }
                @if !wish.words.is_empty() { " " q { (wish.words) } }
                @if let Some(review) = wish.review {
                    " \u{b7} "
                    span.overdue[wish.is_overdue(today)] {
                        (ui.t(if wish.is_overdue(today) { "wishes.overdue" } else { "wishes.review" })) " " (day(&ui, review))
                    }
                }
            }
        },
        Statement::Text(stored) => html! {
            span.source {
                @let words = format!("{} {}", day(&ui, stored.at.date()), ui.t("wishes.from-text"));
                @match statement.place() {
                    Some(place) => a href=(place) { (words) },
                    None => (words),
                }
            }
        },
    }
}

fn parties(ui: &Ui<'_>, with: &[Party]) -> String {
    let names: Vec<String> = with
        .iter()
        .map(|party| ui.of("wish-party", party.word()))
        .collect();
    names.join(ui.t("wishes.and"))
}

/// The name of a wish in the language of the screen.
fn name(desk: &Desk, concept: &str) -> String {
    wishes::name(desk.ui().language, &desk.app.coder, concept)
}

/// Shows the wishes of a patient.
pub(crate) async fn show(State(app): State<Arc<App>>, visit: Visit, Path(id): Path<i64>) -> Response {
    answer(app, visit, move |desk| page(desk, id, None)).await
}

fn page(desk: &Desk, id: i64, wrong: Option<&str>) -> Result<Response, WebError> {
    let ui = desk.ui();
    let app = &desk.app;
    let today = clock::today();
    let (record, standing) = opened(desk, id, Action::Read)?;
    desk.reads(record.id, None)?;
    let (events, _) = desk.events(&standing)?;
    let entries = entries(desk, (&record, &standing), CareTopic::Wish)?;
    let summary = summary(&ui, &app.coder, (&events, &entries), today);
    let said = statements(&entries, &events);
    let may_take_out = desk
        .actor()?
        .ask(
            Action::Export,
            tsumugi_access::Resource::Patient(&standing.patient),
        )
        .allowed;
    let body = html! {
        (patient_bar(&ui, &record, &summary, today))
        (banner(desk, &record, &standing, (&entries, &events))?)
        div.page-head {
            h1 { (ui.t("wishes.title")) }
            @if may_take_out && !entries.is_empty() { a.button href=(format!("/patients/{}/wishes/fhir", record.id)) { "FHIR" } }
            a.button href=(format!("/patients/{}", record.id)) { (ui.t("previous.timeline")) }
        }
        (mistake(wrong))
        @if may_enter(desk, &standing)? { (form(desk, &record, may_settle(desk, &standing)?)) }
        section aria-labelledby="history" {
            h2 #history { (ui.t("wishes.history")) " " span.count { (said.len()) } }
            @if said.is_empty() { p.empty { (ui.t("wishes.none")) } }
            ol.wish-history { @for one in said.iter().rev() { (past(desk, one)) } }
        }
    };
    let title = format!("{} {}", record.details.name, ui.t("wishes.title"));
    let page = Shell {
        title: &title,
        class: "list",
        script: None,
    };
    Ok(shell(desk, &page, &body))
}

/// A statement of the history; none is ever taken out.
fn past(desk: &Desk, one: &Statement<'_>) -> Markup {
    let ui = desk.ui();
    let is_confirmed = matches!(one, Statement::Entry(_, wish) if wish.confirmed);
    html! {
        li {
            time { (moment(&ui, one.at())) } " "
            strong { (name(desk, one.concept())) } " "
            (if one.holds() { ui.t("wishes.holds") } else { ui.t("wishes.ends") }) " "
            span.state { (if is_confirmed { ui.t("wishes.confirmed") } else { ui.t("wishes.unconfirmed") }) } " "
            (source(desk, one))
        }
    }
}

fn form(desk: &Desk, record: &PatientRecord, settles: bool) -> Markup {
    let ui = desk.ui();
    html! {
        section.card aria-labelledby="enter" {
            h2 #enter { (ui.t("wishes.enter")) }
            p.hint { (ui.t(if settles { "wishes.enter-says" } else { "wishes.enter-waits" })) }
            form method="post" action=(format!("/patients/{}/wishes", record.id)) {
                input type="hidden" name="act" value="enter";
                input type="hidden" name="key" value=(desk.nonce);
                div.fields {
                    label.field { span { (ui.t("wishes.wish")) }
                        select name="wish" { @for row in wish_rows() { option value=(row.concept) { (name(desk, &row.concept)) } } } }
                    label.field { span { (ui.t("wishes.stands")) }
                        select name="holds" { option value="yes" { (ui.t("wishes.holds")) } option value="no" { (ui.t("wishes.ends")) } } }
                    label.field { span { (ui.t("wishes.basis")) }
                        select name="basis" { @for basis in Basis::ALL { option value=(basis.word()) { (ui.of("wish-basis", basis.word())) } } } }
                    label.field { span { (ui.t("wishes.discussed")) }
                        input type="date" name="discussed" value=(clock::today()) max=(clock::today()); }
                    label.field { span { (ui.t("wishes.review")) } input type="date" name="review" min=(clock::today()); }
                }
                fieldset.field { legend { (ui.t("wishes.with")) }
                    @for party in Party::ALL {
                        label.choice { input type="checkbox" name=(format!("with-{}", party.word())) value="1"; (ui.of("wish-party", party.word())) }
                    }
                }
                label.field { span { (ui.t("wishes.words")) } input type="text" name="words" maxlength=(LONGEST_WORDS) autocomplete="off"; }
                button.primary type="submit" { (ui.t("wishes.enter-do")) }
            }
        }
    }
}

/// Enters a wish, or confirms a statement.
pub(crate) async fn keep(
    State(app): State<Arc<App>>,
    visit: Visit,
    Path(id): Path<i64>,
    Form(fields): Form<Fields>,
) -> Response {
    answer(app, visit, move |desk| {
        let (record, standing) = opened(desk, id, Action::Read)?;
        let settles = may_settle(desk, &standing)?;
        let confirms = fields.get("act").is_some_and(|act| act == "confirm");
        if (confirms && !settles) || !may_enter(desk, &standing)? {
            return Err(desk.refuse_record(AuditSubtype::Update, record.id, "entering a wish refused"));
        }
        let new = if confirms {
            confirmed(desk, &record, &standing, &fields)?
        } else {
            let Some(new) = entered(desk, &record, settles, &fields)? else {
                let page = page(desk, id, Some(desk.ui().t("wishes.wrong")))?;
                return Ok((StatusCode::BAD_REQUEST, page).into_response());
            };
            new
        };
        add(desk, &record, vec![new])?;
        Ok(Redirect::to(&format!("/patients/{}/wishes", record.id)).into_response())
    })
    .await
}

/// What a form says; none where a field is wrong.
fn entered(
    desk: &Desk,
    record: &PatientRecord,
    settles: bool,
    fields: &Fields,
) -> Result<Option<NewCareEntry>, WebError> {
    let of = |name: &str| fields.get(name).map_or("", |value| value.trim());
    let date = |name: &str| match of(name) {
        "" => Some(None),
        text => text.parse::<Date>().ok().map(Some),
    };
    let basis = Basis::ALL.into_iter().find(|basis| basis.word() == of("basis"));
    let holds = match of("holds") {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    };
    let dates = date("discussed").zip(date("review"));
    let (Some(basis), Some(holds), Some((discussed, review))) = (basis, holds, dates) else {
        return Ok(None);
    };
    let is_sound = is_known(of("wish"))
        && discussed.is_none_or(|on| on <= clock::today())
        && review.is_none_or(|on| on >= clock::today())
        && of("words").chars().count() <= LONGEST_WORDS;
    if !is_sound {
        return Ok(None);
    }
    let with = Party::ALL
        .into_iter()
        .filter(|party| fields.contains_key(&format!("with-{}", party.word())));
    let wish = Wish {
        name: kept_name(desk, of("wish")),
        holds,
        confirmed: settles,
        basis,
        with: with.collect(),
        discussed,
        review,
        words: of("words").to_owned(),
        source: None,
    };
    let key = Some(of("key").to_owned()).filter(|key| !key.is_empty());
    new_entry(desk, record, of("wish"), key, &wish).map(Some)
}

/// The statement that is confirmed, as it stands now; what an entry told is taken over.
fn confirmed(
    desk: &Desk,
    record: &PatientRecord,
    standing: &Standing,
    fields: &Fields,
) -> Result<NewCareEntry, WebError> {
    let source = fields.get("source").map_or("", String::as_str);
    let (events, _) = desk.events(standing)?;
    let entries = desk.app.store.care_of(record.id, CareTopic::Wish)?;
    let said = statements(&entries, &events);
    let found = said.iter().find(|one| one.id() == source);
    let gone = || StoreError::Conflict {
        what: format!("statement {source}"),
        detail: "is not there any more; look at the wishes again".to_owned(),
    };
    let found = found.ok_or_else(gone)?;
    let mut wish = match found {
        Statement::Entry(_, wish) => wish.clone(),
        Statement::Text(_) => Wish {
            name: kept_name(desk, found.concept()),
            holds: found.holds(),
            confirmed: true,
            basis: Basis::Unstated,
            with: Vec::new(),
            discussed: None,
            review: None,
            words: String::new(),
            source: None,
        },
    };
    wish.confirmed = true;
    wish.source = Some(source.to_owned());
    new_entry(
        desk,
        record,
        found.concept(),
        Some(format!("confirm/{source}")),
        &wish,
    )
}

/// The name as it is kept, whatever the language of the screen.
fn kept_name(desk: &Desk, concept: &str) -> String {
    wishes::name(Language::Japanese, &desk.app.coder, concept)
}

fn new_entry(
    desk: &Desk,
    record: &PatientRecord,
    concept: &str,
    key: Option<String>,
    wish: &Wish,
) -> Result<NewCareEntry, WebError> {
    Ok(NewCareEntry {
        patient: record.id,
        topic: CareTopic::Wish,
        subject: concept.to_owned(),
        key,
        body: json!(wish),
        stamp: desk.stamp()?,
    })
}

/// Takes the wishes out as FHIR Consent.
pub(crate) async fn fhir(State(app): State<Arc<App>>, visit: Visit, Path(id): Path<i64>) -> Response {
    answer(app, visit, move |desk| {
        let (record, _) = opened(desk, id, Action::Export)?;
        let entries = desk.app.store.care_of(record.id, CareTopic::Wish)?;
        let entry = audit::of_patient(desk.actor()?, AuditSubtype::Export, record.id)?;
        desk.app.store.audit_read(&entry)?;
        let resources = to_fhir(&entries);
        let body = json!({
            "resourceType": "Bundle",
            "type": "collection",
            "entry": resources.iter().map(|one| json!({"resource": one})).collect::<Vec<_>>(),
        });
        Ok(fhir_file("wishes", &body))
    })
    .await
}
