//! The form of a study: its fields, what a study says in them, and back.

use crate::web::Fields;
use crate::web::my::sheet::{institution_word, kind_name, purpose_word};
use crate::web::ui_text::Ui;
use jiff::civil::Date;
use maud::{Markup, html};
use tsumugi_records::Population;
use tsumugi_records::consent::{
    Approval, Basis, DuoTerm, InstitutionKind, Purpose, Recipient, Study, StudyRecord, StudyText, kinds,
};

const PURPOSES: [Purpose; 6] = [
    Purpose::Research,
    Purpose::Commercial,
    Purpose::Provision,
    Purpose::Knowledge,
    Purpose::Operation,
    Purpose::Care,
];
const INSTITUTIONS: [InstitutionKind; 5] = [
    InstitutionKind::Academic,
    InstitutionKind::Medical,
    InstitutionKind::Company,
    InstitutionKind::CertifiedMaker,
    InstitutionKind::Own,
];
const BASES: [&str; 6] = [
    "consent",
    "opt-out",
    "academic",
    "anonymised",
    "pseudonymised",
    "notified",
];
/// Longest of the three texts, in characters.
const LONGEST_TEXT: usize = 30_000;

/// The fields of a study that is to be added.
pub(super) fn blank() -> Fields {
    Fields::default()
}

/// The fields of a study.
pub(super) fn of(record: &StudyRecord) -> Fields {
    let study = &record.study;
    let text = &record.text;
    let date = |date: Option<Date>| date.map(|date| date.to_string()).unwrap_or_default();
    let approval = study.approval.as_ref();
    let of_approval = |part: fn(&Approval) -> String| approval.map(part).unwrap_or_default();
    let (notice, maker) = match &study.basis {
        Basis::OptOut { notice_at, maker } => (notice_at.to_string(), maker.clone()),
        _ => (String::new(), String::new()),
    };
    let recipients: Vec<String> = study
        .recipients
        .iter()
        .map(|one| format!("{} | {} | {}", one.id, one.name, institution_word(one.kind)))
        .collect();
    let mut fields: Vec<(String, String)> = [
        ("id", study.id.clone()),
        ("title", study.title.clone()),
        ("institution", study.institution.clone()),
        (
            "kind_of_institution",
            institution_word(study.kind_of_institution).to_owned(),
        ),
        ("provider", institution_word(study.provider).to_owned()),
        ("purpose", purpose_word(study.purpose).to_owned()),
        ("disease", study.disease.clone().unwrap_or_default()),
        ("duo", terms_text(&study.duo)),
        ("recipients", recipients.join("\n")),
        ("basis", study.basis.id().to_owned()),
        ("notice_at", notice),
        ("maker", maker),
        ("committee", of_approval(|one| one.committee.clone())),
        ("number", of_approval(|one| one.number.clone())),
        ("until", of_approval(|one| one.until.to_string())),
        ("ends_at", date(study.ends_at)),
        ("one_line", text.one_line.clone()),
        ("one_page", text.one_page.clone()),
        ("full", text.full.clone()),
        ("text_duo", terms_text(&text.duo)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    if study.population == Population::Dummy {
        fields.push(("dummy".to_owned(), "1".to_owned()));
    }
    fields.extend(
        study
            .kinds
            .iter()
            .map(|kind| (format!("kind:{kind}"), "1".to_owned())),
    );
    Fields::of(fields)
}

/// What a form says; or the name of the field that is wrong.
pub(super) fn read(fields: &Fields) -> Result<(Study, StudyText), &'static str> {
    let of = |name: &str| fields.get(name).map(|text| text.trim()).unwrap_or_default();
    let date = |name: &'static str| match of(name) {
        "" => Ok(None),
        text => text.parse::<Date>().map(Some).map_err(|_| name),
    };
    let institution = |name: &'static str| institution_of(of(name)).ok_or(name);
    let population = if of("dummy").is_empty() {
        Population::Real
    } else {
        Population::Dummy
    };
    let purpose = PURPOSES
        .into_iter()
        .find(|one| purpose_word(*one) == of("purpose"));
    let approval = match (of("committee"), of("number"), date("until")?) {
        ("", "", None) => None,
        (committee, number, Some(until)) if !committee.is_empty() && !number.is_empty() => Some(Approval {
            committee: committee.to_owned(),
            number: number.to_owned(),
            until,
        }),
        _ => return Err("committee"),
    };
    let chosen = kinds()
        .iter()
        .filter(|row| fields.contains_key(&format!("kind:{}", row.kind)));
    let study = Study {
        id: of("id").to_owned(),
        population,
        title: of("title").to_owned(),
        institution: of("institution").to_owned(),
        kind_of_institution: institution("kind_of_institution")?,
        provider: institution("provider")?,
        duo: terms(of("duo")),
        disease: Some(of("disease").to_owned()).filter(|code| !code.is_empty()),
        purpose: purpose.ok_or("purpose")?,
        kinds: chosen.map(|row| row.kind.clone()).collect(),
        recipients: recipients(of("recipients")).ok_or("recipients")?,
        basis: basis(of("basis"), date("notice_at")?, of("maker"))?,
        approval,
        ends_at: date("ends_at")?,
    };
    let lines = |name: &str| of(name).replace("\r\n", "\n");
    let text = StudyText {
        one_line: lines("one_line"),
        one_page: lines("one_page"),
        full: lines("full"),
        duo: terms(of("text_duo")),
    };
    Ok((study, text))
}

fn institution_of(word: &str) -> Option<InstitutionKind> {
    INSTITUTIONS
        .into_iter()
        .find(|one| institution_word(*one) == word)
}

/// Recipients, one a line: `id | name | kind`.
fn recipients(text: &str) -> Option<Vec<Recipient>> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let mut parts = line.split(['|', '\u{ff5c}']).map(str::trim);
            Some(Recipient {
                id: parts.next()?.to_owned(),
                name: parts.next().filter(|name| !name.is_empty())?.to_owned(),
                kind: institution_of(parts.next()?)?,
            })
        })
        .collect()
}

fn basis(word: &str, notice: Option<Date>, maker: &str) -> Result<Basis, &'static str> {
    Ok(match word {
        "consent" => Basis::Consent,
        "opt-out" => Basis::OptOut {
            notice_at: notice.ok_or("notice_at")?,
            maker: Some(maker.to_owned())
                .filter(|id| !id.is_empty())
                .ok_or("maker")?,
        },
        "academic" => Basis::Academic,
        "anonymised" => Basis::Anonymised,
        "pseudonymised" => Basis::Pseudonymised,
        "notified" => Basis::Notified,
        _ => return Err("basis"),
    })
}

/// Terms of GA4GH DUO, separated by blanks or commas: `DUO:0000007=K80` with what it is limited to.
fn terms(text: &str) -> Vec<DuoTerm> {
    let words = text
        .split(|c: char| c.is_whitespace() || c == ',')
        .filter(|word| !word.is_empty());
    words
        .map(|word| match word.split_once('=') {
            Some((id, of)) => DuoTerm {
                id: id.to_owned(),
                of: Some(of.to_owned()),
            },
            None => DuoTerm {
                id: word.to_owned(),
                of: None,
            },
        })
        .collect()
}

fn terms_text(terms: &[DuoTerm]) -> String {
    let words: Vec<String> = terms
        .iter()
        .map(|term| match &term.of {
            Some(of) => format!("{}={of}", term.id),
            None => term.id.clone(),
        })
        .collect();
    words.join(" ")
}

/// Draws the form; `version` is the one that it was made from, none for a study that is new.
pub(super) fn draw(ui: &Ui<'_>, action: &str, fields: &Fields, version: Option<u32>) -> Markup {
    let of = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
    let line = |name: &'static str, kind: &'static str| {
        html! { label.field { span { (ui.of("study-form", name)) } input type=(kind) name=(name) value=(of(name)) maxlength="300" autocomplete="off"; } }
    };
    let area = |name: &'static str, rows: u8| {
        html! { label.field { span { (ui.of("study-form", name)) } textarea name=(name) rows=(rows) maxlength=(LONGEST_TEXT) { (of(name)) } } }
    };
    let institutions = || INSTITUTIONS.map(institution_word);
    html! {
        form.study method="post" action=(action) {
            @match version {
                Some(version) => {
                    input type="hidden" name="version" value=(version);
                    input type="hidden" name="id" value=(of("id"));
                    input type="hidden" name="dummy" value=(of("dummy"));
                }
                None => {
                    (line("id", "text"))
                    label.choice { input type="checkbox" name="dummy" value="1" checked[!of("dummy").is_empty()]; (ui.t("study-form.dummy")) }
                }
            }
            (line("title", "text"))
            div.fields {
                (line("institution", "text"))
                (choice(ui, "kind_of_institution", "institution", &institutions(), of("kind_of_institution")))
                (choice(ui, "provider", "institution", &["academic", "medical"], of("provider")))
                (choice(ui, "purpose", "consent-purpose", &PURPOSES.map(purpose_word), of("purpose")))
            }
            fieldset.field {
                legend { (ui.t("study.kinds")) }
                @for row in kinds() {
                    @let name = format!("kind:{}", row.kind);
                    label.choice { input type="checkbox" name=(name) value="1" checked[fields.contains_key(&name)]; (kind_name(ui, &row.kind)) }
                }
            }
            (area("recipients", 3))
            p.hint { (ui.t("study-form.recipients-says")) " " (institutions().join(", ")) }
            div.fields {
                (choice(ui, "basis", "consent-basis", &BASES, of("basis")))
                (line("notice_at", "date"))
                (line("maker", "text"))
            }
            div.fields { (line("committee", "text")) (line("number", "text")) (line("until", "date")) (line("ends_at", "date")) }
            div.fields { (line("disease", "text")) (line("duo", "text")) (line("text_duo", "text")) }
            (line("one_line", "text"))
            (area("one_page", 6))
            (area("full", 12))
            p.hint { (ui.t("study-form.text-says")) }
            div.buttons {
                @if version.is_some() { button type="submit" name="act" value="preview" { (ui.t("study-form.preview")) } }
                button.primary type="submit" name="act" value="save" { (ui.t("study-form.save")) }
            }
        }
    }
}

fn choice(ui: &Ui<'_>, name: &'static str, group: &str, words: &[&str], set: &str) -> Markup {
    html! {
        label.field {
            span { (ui.of("study-form", name)) }
            select name=(name) { @for word in words { option value=(word) selected[*word == set] { (ui.of(group, word)) } } }
        }
    }
}
