//! Results about genes: typed, or read from a VCF; what they mean for drugs.

use super::{add, entries, head, may_write_kinds, opened};
use crate::access::Standing;
use crate::care::genes::{From, GeneEntry, entry, now};
use crate::web::Fields;
use crate::web::clock;
use crate::web::error::WebError;
use crate::web::page::{Shell, day, patient_bar, shell};
use crate::web::pages::sign_in::mistake;
use crate::web::state::{App, Desk, Visit, answer};
use crate::web::support::state_name;
use crate::web::ui_text::{Language, Ui};
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use jiff::civil::Date;
use maud::{Markup, html};
use std::sync::Arc;
use tsumugi_access::Action;
use tsumugi_cds::genomics::{
    Advice, GeneResult, Grade, advice, gene_names, phenotype_name, read_vcf, results, typed,
};
use tsumugi_knowledge::State as KnownState;
use tsumugi_records::{AuditSubtype, CareTopic, NewCareEntry, PatientRecord};

/// Most characters of the name of a laboratory.
const LONGEST_NAME: usize = 100;
/// Who enters results: physicians and those who write reports.
const KINDS: [&str; 2] = ["progress", "report"];

/// The results of a patient that may be used for who is signed in.
pub(crate) fn known(desk: &Desk, record: &PatientRecord) -> Result<Vec<GeneResult>, WebError> {
    let standing = Standing::of(&desk.app.store, record)?;
    let kept = entries(desk, (record, &standing), CareTopic::Genome)?;
    Ok(now(&kept).into_iter().map(|(_, gene)| gene.result).collect())
}

/// A hint in the language of the screen.
pub(crate) fn words(language: Language, row: &Advice) -> &str {
    match language {
        Language::Japanese => &row.ja,
        Language::English => &row.en,
    }
}

/// A phenotype in the language of the screen.
pub(crate) fn phenotype(ui: &Ui<'_>, code: &str) -> String {
    let name = phenotype_name(code).map(|(ja, en)| match ui.language {
        Language::Japanese => ja,
        Language::English => en,
    });
    name.unwrap_or(code).to_owned()
}

/// Shows the results of a patient.
pub(crate) async fn show(State(app): State<Arc<App>>, visit: Visit, Path(id): Path<i64>) -> Response {
    answer(app, visit, move |desk| page(desk, id, None)).await
}

fn page(desk: &Desk, id: i64, wrong: Option<&str>) -> Result<Response, WebError> {
    let ui = desk.ui();
    let (record, standing) = opened(desk, id, Action::Read)?;
    desk.reads(record.id, None)?;
    let (events, _) = desk.events(&standing)?;
    let summary = head(desk, (&record, &standing), &events)?;
    let kept = entries(desk, (&record, &standing), CareTopic::Genome)?;
    let results = now(&kept);
    let body = html! {
        (patient_bar(&ui, &record, &summary, clock::today()))
        div.page-head {
            h1 { (ui.t("genes.title")) }
            a.button href=(format!("/patients/{}", record.id)) { (ui.t("previous.timeline")) }
        }
        (mistake(wrong))
        p.hint { (ui.t("genes.says")) }
        @if results.is_empty() { p.empty { (ui.t("genes.none")) } } @else {
            table.grid {
                thead { tr { @for key in ["gene", "diplotype", "phenotype", "drugs", "source"] { th scope="col" { (ui.of("genes", key)) } } } }
                tbody { @for (entry, gene) in &results { tr {
                    th scope="row" { (gene.result.gene) }
                    td { (diplotypes(&ui, &gene.result)) }
                    td { @match &gene.result.phenotype { Some(code) => strong { (phenotype(&ui, code)) }, None => (ui.t("genes.undecided")) } }
                    td { (drugs(desk, &gene.result)) }
                    td { (ui.of("genes.from", if gene.from == From::Vcf { "vcf" } else { "typed" })) " " (gene.laboratory)
                        @if let Some(on) = gene.reported { " " (day(&ui, on)) }
                        br; span.hint { (day(&ui, entry.stamp.at.civil().date())) " " (desk.person(&entry.stamp.author)) } }
                } } }
            }
        }
        @if may_write_kinds(desk, &standing, &KINDS)? { (forms(&ui, &record)) }
    };
    let title = format!("{} {}", record.details.name, ui.t("genes.title"));
    let page = Shell {
        title: &title,
        class: "list",
        script: None,
    };
    Ok(shell(desk, &page, &body))
}

/// The diplotypes that are possible, and what was not looked at.
fn diplotypes(ui: &Ui<'_>, result: &GeneResult) -> Markup {
    let all: Vec<String> = result
        .diplotypes
        .iter()
        .map(|(one, other)| format!("{one}/{other}"))
        .collect();
    html! {
        @if all.is_empty() { (ui.t("genes.no-diplotype")) } @else { (all.join(ui.t("genes.or"))) }
        @if result.assumed_trans { br; span.hint { (ui.t("genes.assumed")) } }
        @if !result.missing.is_empty() { br; span.hint { (ui.fill("genes.missing", &[("variants", &result.missing.join(", "))])) } }
    }
}

/// The drugs for which the result tells something.
fn drugs(desk: &Desk, result: &GeneResult) -> Markup {
    let ui = desk.ui();
    let rows = advice()
        .iter()
        .filter(|row| row.gene == result.gene && Some(&row.phenotype) == result.phenotype.as_ref());
    html! {
        ul { @for row in rows {
            li {
                strong { (state_name(&ui, &desk.app.advice, &KnownState::new(row.drug.as_str()))) } " "
                @if row.grade == Grade::Avoid { span.unapproved { (ui.t("genes.avoid")) } " " }
                (words(ui.language, row)) " " span.source title=(row.source) { (row.source) }
            }
        } }
    }
}

fn forms(ui: &Ui<'_>, record: &PatientRecord) -> Markup {
    let about = html! {
        label.field { span { (ui.t("genes.laboratory")) } input type="text" name="laboratory" maxlength=(LONGEST_NAME) autocomplete="off"; }
        label.field { span { (ui.t("genes.reported")) } input type="date" name="reported" max=(clock::today()); }
    };
    let action = format!("/patients/{}/genes", record.id);
    html! {
        section.card aria-labelledby="typed" {
            h2 #typed { (ui.t("genes.type")) }
            form method="post" action=(action) {
                input type="hidden" name="act" value="typed";
                div.fields {
                    label.field { span { (ui.t("genes.gene")) } select name="gene" { @for gene in gene_names() { option value=(gene) { (gene) } } } }
                    label.field { span { (ui.t("genes.written")) } input type="text" name="written" required maxlength="40" placeholder="*1/*3" autocomplete="off" autocapitalize="off"; }
                    (about)
                }
                p.hint { (ui.t("genes.written-says")) }
                button.primary type="submit" { (ui.t("genes.enter")) }
            }
        }
        section.card aria-labelledby="vcf" {
            h2 #vcf { (ui.t("genes.vcf")) }
            p.hint { (ui.t("genes.vcf-says")) }
            form method="post" action=(action) {
                input type="hidden" name="act" value="vcf";
                label.field { span { (ui.t("genes.vcf-text")) } textarea name="vcf" rows="6" required spellcheck="false" {} }
                div.fields { (about) }
                button.primary type="submit" { (ui.t("genes.enter")) }
            }
        }
    }
}

/// Enters results.
pub(crate) async fn keep(
    State(app): State<Arc<App>>,
    visit: Visit,
    Path(id): Path<i64>,
    Form(fields): Form<Fields>,
) -> Response {
    answer(app, visit, move |desk| {
        let (record, standing) = opened(desk, id, Action::Read)?;
        if !may_write_kinds(desk, &standing, &KINDS)? {
            return Err(desk.refuse_record(AuditSubtype::Update, record.id, "entering genes refused"));
        }
        match read(desk, &record, &fields)? {
            Ok(new) => {
                add(desk, &record, new)?;
                Ok(Redirect::to(&format!("/patients/{}/genes", record.id)).into_response())
            }
            Err(wrong) => {
                let page = page(desk, id, Some(&wrong))?;
                Ok((StatusCode::BAD_REQUEST, page).into_response())
            }
        }
    })
    .await
}

/// What a form tells; else what is wrong with it, in words.
fn read(
    desk: &Desk,
    record: &PatientRecord,
    fields: &Fields,
) -> Result<Result<Vec<NewCareEntry>, String>, WebError> {
    let ui = desk.ui();
    let of = |name: &str| fields.get(name).map_or("", |value| value.trim());
    let reported = match of("reported") {
        "" => None,
        text => match text.parse::<Date>() {
            Ok(on) if on <= clock::today() => Some(on),
            _ => return Ok(Err(ui.t("genes.wrong-date").to_owned())),
        },
    };
    let (from, found) = if of("act") == "vcf" {
        // Forms send line ends as CR LF.
        match read_vcf(&of("vcf").replace("\r\n", "\n")) {
            Ok(calls) => (From::Vcf, results(&calls)),
            Err(error) => {
                let why = error.to_string();
                return Ok(Err(ui.fill("genes.wrong-vcf", &[("why", &why)])));
            }
        }
    } else {
        match typed(of("gene"), of("written")) {
            Ok(result) => (From::Typed, vec![result]),
            Err(what) => return Ok(Err(ui.fill("genes.wrong-typed", &[("what", &what)]))),
        }
    };
    if found.is_empty() {
        return Ok(Err(ui.t("genes.nothing-called").to_owned()));
    }
    let mut new = Vec::new();
    for result in found {
        let gene = GeneEntry {
            result,
            from,
            laboratory: of("laboratory").chars().take(LONGEST_NAME).collect(),
            reported,
        };
        new.push(entry(record.id, &gene, desk.stamp()?));
    }
    Ok(Ok(new))
}
