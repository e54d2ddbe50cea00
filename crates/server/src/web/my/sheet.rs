//! Answers in forms: the names of items, what they are called, the fields of a form, and what a form says.

use crate::consent::Standing;
use crate::web::Fields;
use crate::web::error::WebError;
use crate::web::page::day;
use crate::web::ui_text::{Language, Ui};
use maud::{Markup, html};
use tsumugi_records::consent::{
    Answer, AnswerSheet, Basis, By, DataKind, InstitutionKind, Item, Purpose, StudyRecord, kinds,
};

/// Longest key of a sheet, in characters.
const LONGEST_KEY: usize = 64;

/// The answers, in the order they are shown.
const ANSWERS: [Answer; 3] = [Answer::Yes, Answer::No, Answer::AskEachTime];

/// The word of an answer, in forms and texts (`consent-answer.<word>`).
pub(crate) fn answer_word(answer: Answer) -> &'static str {
    match answer {
        Answer::Yes => "yes",
        Answer::No => "no",
        Answer::AskEachTime => "ask-each-time",
    }
}

/// The word of a purpose.
pub(crate) fn purpose_word(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Care => "care",
        Purpose::Operation => "operation",
        Purpose::Knowledge => "knowledge",
        Purpose::Research => "research",
        Purpose::Commercial => "commercial",
        Purpose::Provision => "provision",
    }
}

/// The word of a kind of institution.
pub(crate) fn institution_word(kind: InstitutionKind) -> &'static str {
    match kind {
        InstitutionKind::Academic => "academic",
        InstitutionKind::Medical => "medical",
        InstitutionKind::Company => "company",
        InstitutionKind::CertifiedMaker => "certified-maker",
        InstitutionKind::Own => "own",
    }
}

/// The name of an item in a form.
fn field(item: &Item) -> String {
    match item {
        Item::Kind(kind) => format!("a:kind:{kind}"),
        Item::Purpose(purpose) => format!("a:purpose:{}", purpose_word(*purpose)),
        Item::Recipient(id) => format!("a:recipient:{id}"),
        Item::Recontact => "a:recontact".to_owned(),
        Item::Results => "a:results".to_owned(),
        Item::Use(id) => format!("a:use:{id}"),
    }
}

/// A kind of data in the language of the screen.
pub(crate) fn kind_name(ui: &Ui<'_>, kind: &DataKind) -> String {
    let mut rows = kinds().iter();
    let row = rows.find(|row| row.kind == *kind);
    let name = row.map(|row| match ui.language {
        Language::Japanese => row.ja.clone(),
        Language::English => row.en.clone(),
    });
    name.unwrap_or_else(|| kind.to_string())
}

/// What an item is called.
pub(crate) fn item_name(ui: &Ui<'_>, record: &StudyRecord, item: &Item) -> String {
    match item {
        Item::Kind(kind) => kind_name(ui, kind),
        Item::Purpose(purpose) => ui.of("consent-purpose", purpose_word(*purpose)),
        Item::Recipient(id) => {
            let recipient = record.study.recipient(id);
            recipient.map_or_else(
                || id.clone(),
                |one| {
                    let kind = ui.of("institution", institution_word(one.kind));
                    ui.fill("consent-item.recipient", &[("name", &one.name), ("kind", &kind)])
                },
            )
        }
        Item::Recontact => ui.t("consent-item.recontact").to_owned(),
        Item::Results => ui.t("consent-item.results").to_owned(),
        Item::Use(id) => ui.fill("consent-item.use", &[("id", id)]),
    }
}

/// What a kind of data is, in a few words; Japanese only, as the table has it.
fn says(ui: &Ui<'_>, item: &Item) -> Option<&'static str> {
    let Item::Kind(kind) = item else { return None };
    let mut rows = kinds().iter();
    let row = rows.find(|row| row.kind == *kind)?;
    (ui.language == Language::Japanese && !row.says.is_empty()).then_some(row.says.as_str())
}

/// The fields of the answers: nothing is chosen in advance, and what stands is told in words.
pub(crate) fn fields(ui: &Ui<'_>, record: &StudyRecord, standing: &Standing) -> Markup {
    html! {
        @for item in &record.study.items() {
            fieldset {
                legend { (item_name(ui, record, item)) }
                @if let Some(says) = says(ui, item) { p.now { (says) } }
                p.now { (stands(ui, standing, item)) }
                div.three {
                    @for answer in ANSWERS {
                        label { input type="radio" name=(field(item)) value=(answer_word(answer)); span { (ui.of("consent-answer", answer_word(answer))) } }
                    }
                }
            }
        }
    }
}

fn stands(ui: &Ui<'_>, standing: &Standing, item: &Item) -> String {
    match standing.answers.get(item) {
        Some(held) => {
            let answer = ui.of("consent-answer", answer_word(held.answer));
            let when = day(ui, held.at.civil().date());
            ui.fill("consent-item.now", &[("answer", &answer), ("when", &when)])
        }
        None if standing.withdrawn => ui.t("consent-item.withdrawn").to_owned(),
        None => ui.t("consent-item.none").to_owned(),
    }
}

/// What the study is, in the words a person reads: three lengths, and who is behind it.
pub(crate) fn told(ui: &Ui<'_>, record: &StudyRecord) -> Markup {
    let study = &record.study;
    let basis = ui.of("consent-basis", study.basis.id());
    let version: String = record.text_hash.as_str().chars().take(12).collect();
    html! {
        p.study-text { strong { (ui.t("study.in-a-word")) } " " (record.text.one_line) }
        details { summary { (ui.t("study.more")) } p.study-text { (record.text.one_page) } }
        details { summary { (ui.t("study.full")) } p.study-text { (record.text.full) } }
        details {
            summary { (ui.t("study.behind")) }
            ul {
                li { (ui.t("study.institution")) ": " (study.institution) " (" (ui.of("institution", institution_word(study.kind_of_institution))) ")" }
                @for one in &study.recipients { li { (ui.t("study.recipients")) ": " (one.name) " (" (ui.of("institution", institution_word(one.kind))) ")" } }
                li { (ui.t("study.basis")) ": " (basis) }
                @if let Basis::OptOut { notice_at, .. } = &study.basis { li { (ui.t("study.notice")) ": " (day(ui, *notice_at)) } }
                @if let Some(approval) = &study.approval { li { (ui.t("study.approval")) ": " (approval.committee) " " (approval.number) " (" (ui.fill("study.until", &[("when", &day(ui, approval.until))])) ")" } }
                @if let Some(ends) = study.ends_at { li { (ui.t("study.ends")) ": " (day(ui, ends)) } }
                li { (ui.t("study.text-version")) ": " code { (version) } }
            }
        }
    }
}

/// What a form says.
pub(crate) enum Form {
    /// Answers.
    Answers(AnswerSheet),
    /// A withdrawal, or a refusal of the whole.
    Withdrawal,
}

/// Reads a form of [`fields`].
///
/// # Errors
/// `Bad` for an answer that is none, or where none was given.
pub(crate) fn read(fields: &Fields, record: &StudyRecord, by: &By) -> Result<Form, WebError> {
    let of = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
    match of("act") {
        "refuse" => return Ok(Form::Withdrawal),
        "answer" => {}
        _ => return Err(WebError::Bad("error.invalid")),
    }
    let mut answers = Vec::new();
    for item in record.study.items() {
        let Some(word) = fields.get(&field(&item)) else {
            continue;
        };
        let answer = ANSWERS.into_iter().find(|answer| answer_word(*answer) == word);
        answers.push((item, answer.ok_or(WebError::Bad("error.invalid"))?));
    }
    if answers.is_empty() {
        return Err(WebError::Bad("choices.none-chosen"));
    }
    // A text that this server never showed is refused by the store; it must be one of its hashes in form.
    let text = serde_json::from_value(of("text").into()).map_err(|_| WebError::Bad("error.invalid"))?;
    let key: String = of("key").chars().take(LONGEST_KEY).collect();
    Ok(Form::Answers(AnswerSheet {
        study: record.study.id.clone(),
        text,
        answers,
        by: by.clone(),
        key: (!key.is_empty()).then_some(key),
    }))
}

/// The newest entry that the form's reader had seen; none where it does not say.
pub(crate) fn seen(fields: &Fields) -> Option<u64> {
    fields.get("seen").and_then(|seen| seen.parse().ok())
}
