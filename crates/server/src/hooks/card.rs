//! Cards of the specification: a summary of less than 140 characters, the details as Markdown, the source, what can be
//! done, and why one may do otherwise.

use super::Case;
use crate::web::{App, Ui, escape};
use serde_json::{Map, Value, json};
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::Ordering;
use tsumugi_cds::Place;
use tsumugi_knowledge::Status;
use tsumugi_tables::TermKind;
use tsumugi_terminology::system;

/// Longest summary, in characters: the specification wants fewer than 140.
const LONGEST_SUMMARY: usize = 139;
/// Most entries of what is not covered that a card lists one by one; the others are counted.
const MOST_UNCOVERED: usize = 30;
/// Most places that an answer rests on that a card names.
const MOST_PLACES: usize = 8;

/// Code system of the reasons to override.
pub(crate) const OVERRIDE: &str = "https://tsumugi.example/CodeSystem/override-reason";
/// Code system of what a card is about.
const TOPIC: &str = "https://tsumugi.example/CodeSystem/card-topic";

/// Why a physician may do otherwise: codes, whose texts are `hooks.override.CODE`.
pub(crate) const REASONS: [&str; 7] = [
    "benefit-outweighs",
    "tolerated-before",
    "will-monitor",
    "no-alternative",
    "patient-wish",
    "record-wrong",
    "other",
];

/// How urgent a card is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Indicator {
    /// It interrupts.
    Critical,
    /// It is seen beside the order.
    Warning,
    /// It is there to be read.
    Info,
}

impl Indicator {
    /// The word of the specification.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// Something that can be done at once.
#[derive(Debug, Clone)]
pub(crate) struct Suggestion {
    pub(crate) uuid: String,
    pub(crate) label: String,
    /// The action of the specification.
    action: Value,
}

/// A card.
#[derive(Debug, Clone)]
pub(crate) struct Card {
    pub(crate) uuid: String,
    pub(crate) indicator: Indicator,
    /// What kind of card: the code of its topic, and the key of its text, `hooks.topic.CODE`.
    pub(crate) topic: &'static str,
    pub(crate) summary: String,
    /// Paragraphs of Markdown.
    pub(crate) detail: Vec<String>,
    /// Whose guidance it is; ours where it is empty.
    pub(crate) source: String,
    pub(crate) suggestions: Vec<Suggestion>,
    /// Label and address.
    pub(crate) links: Vec<(String, String)>,
    /// Concepts that it is about.
    pub(crate) about: Vec<String>,
}

impl Card {
    /// A card that is there to be read.
    pub(crate) fn info(case: &Case<'_>, topic: &'static str, summary: &str) -> Self {
        Self {
            uuid: fresh_uuid(case.call.app),
            indicator: Indicator::Info,
            topic,
            summary: shortened(summary),
            detail: Vec::new(),
            source: String::new(),
            suggestions: Vec::new(),
            links: Vec::new(),
            about: Vec::new(),
        }
    }

    /// Adds the link to the page of a disease that we have one of.
    pub(crate) fn link_disease(&mut self, case: &Case<'_>, disease: &str) {
        const MOST: usize = 5;
        if self.links.len() >= MOST || case.living.own.disease(disease).is_none() {
            return;
        }
        let patient = case.subject.number.as_deref();
        let whose = patient.map_or_else(String::new, |number| format!("?patient={}", escape(number)));
        let address = format!("{}/knowledge/{}{whose}", case.call.base(), escape(disease));
        let label = case.ui.fill("hooks.page", &[("disease", &case.name(disease))]);
        if !self.links.iter().any(|(_, known)| *known == address) {
            self.links.push((label, address));
        }
    }

    /// Offers to order a test or an examination, as a draft that the physician still has to sign.
    pub(crate) fn offer_order(&mut self, case: &Case<'_>, concept: &str) {
        let Some(known) = case.call.app.coder.vocabulary().concept(concept) else {
            return;
        };
        let name = case.name(concept);
        let label = case.ui.fill("hooks.order-test", &[("test", &name)]);
        let (ours, others): (Vec<_>, Vec<_>) = known
            .codes
            .iter()
            .partition(|code| &*code.system == system::TSUMUGI);
        let codes = others.into_iter().chain(ours);
        let coding: Vec<Value> = codes
            .map(|code| json!({"system": code.system, "code": code.code, "display": name}))
            .collect();
        let mut resource = json!({
            "resourceType": "ServiceRequest",
            "status": "draft",
            "intent": "order",
            "code": {"coding": coding, "text": name},
            "subject": {"reference": format!("Patient/{}", case.request.patient)},
        });
        if let (Some(encounter), Some(fields)) = (case.request.encounter, resource.as_object_mut()) {
            let reference = json!({"reference": format!("Encounter/{encounter}")});
            fields.insert("encounter".to_owned(), reference);
        }
        self.suggestions.push(Suggestion {
            uuid: fresh_uuid(case.call.app),
            action: json!({"type": "create", "description": label, "resource": resource}),
            label,
        });
    }

    /// Offers to take back a draft.
    pub(crate) fn offer_withdrawal(&mut self, case: &Case<'_>, draft: &str, name: &str) {
        let label = case.ui.fill("hooks.withdraw", &[("drug", name)]);
        self.suggestions.push(Suggestion {
            uuid: fresh_uuid(case.call.app),
            action: json!({"type": "delete", "description": label, "resourceId": draft}),
            label,
        });
    }

    /// The card as the specification has it. What was not taken into account stands on every card, since each may be
    /// read alone.
    pub(crate) fn json(&self, case: &Case<'_>) -> Value {
        let ui = case.ui;
        let mut detail = self.detail.clone();
        detail.extend(left_out(case));
        let edition = case.living.edition.as_str();
        detail.push(format!(
            "{} {}",
            ui.t("support.says"),
            ui.fill("support.edition", &[("edition", edition)])
        ));
        let own_label = ui.fill("hooks.source", &[("edition", edition)]);
        let label = if self.source.is_empty() {
            own_label
        } else {
            self.source.clone()
        };
        let mut card = Map::new();
        card.insert("uuid".to_owned(), json!(self.uuid));
        card.insert("summary".to_owned(), json!(self.summary));
        card.insert("detail".to_owned(), json!(detail.join("\n\n")));
        card.insert("indicator".to_owned(), json!(self.indicator.word()));
        let topic = json!({"system": TOPIC, "code": self.topic, "display": ui.of("hooks.topic", self.topic)});
        card.insert(
            "source".to_owned(),
            json!({"label": label, "url": case.call.base(), "topic": topic}),
        );
        if !self.suggestions.is_empty() {
            let all = self.suggestions.iter();
            let all = all.map(|own| json!({"label": own.label, "uuid": own.uuid, "actions": [own.action]}));
            card.insert("suggestions".to_owned(), json!(all.collect::<Vec<Value>>()));
            card.insert("selectionBehavior".to_owned(), json!("any"));
        }
        if self.indicator != Indicator::Info {
            let reasons = REASONS.map(
                |code| json!({"system": OVERRIDE, "code": code, "display": ui.of("hooks.override", code)}),
            );
            card.insert("overrideReasons".to_owned(), json!(reasons));
        }
        if !self.links.is_empty() {
            let links = self.links.iter();
            let links = links.map(|(label, url)| json!({"label": label, "url": url, "type": "absolute"}));
            card.insert("links".to_owned(), json!(links.collect::<Vec<Value>>()));
        }
        Value::Object(card)
    }
}

impl Case<'_> {
    /// The name of a concept, or of a state of a test, in the language of the answer.
    pub(crate) fn name(&self, state: &str) -> String {
        let state = tsumugi_knowledge::State::new(state);
        crate::web::state_name(&self.ui, &self.call.app.advice, &state)
    }

    /// Where an answer rests: documents of the record here, resources of the prefetch.
    pub(crate) fn rests_on<'p>(&self, places: impl IntoIterator<Item = &'p Place>) -> Option<String> {
        let mut notes: Vec<&str> = places.into_iter().map(|place| place.note.as_ref()).collect();
        notes.sort_unstable();
        notes.dedup();
        notes.retain(|note| !note.is_empty());
        let named: Vec<String> = notes
            .iter()
            .take(MOST_PLACES)
            .map(|note| self.place(note))
            .collect();
        (!named.is_empty()).then(|| self.ui.fill("hooks.rests-on", &[("places", &named.join(", "))]))
    }

    fn place(&self, note: &str) -> String {
        if note.bytes().all(|byte| byte.is_ascii_digit()) {
            let label = self.ui.fill("hooks.document", &[("number", note)]);
            return format!("[{label}]({}/documents/{note})", self.call.base());
        }
        format!("`{}`", note.replace(['`', '\n'], " "))
    }

    /// How far a row can be trusted, in words.
    pub(crate) fn status(&self, status: Status) -> String {
        self.ui.of("status", status.word())
    }

    /// Whether a concept is a disease, so that it may have a page.
    pub(crate) fn is_disease(&self, concept: &str) -> bool {
        let known = self.call.app.coder.vocabulary().concept(concept);
        known.is_some_and(|known| known.kind == TermKind::Disease)
    }
}

/// What could not be taken into account.
fn left_out(case: &Case<'_>) -> Vec<String> {
    let ui = case.ui;
    let mut paragraphs = Vec::new();
    if case.subject.is_other {
        paragraphs.push(ui.t("hooks.other-person").to_owned());
    }
    let all = &case.reading.uncovered;
    if !all.is_empty() {
        let lines = all.iter().take(MOST_UNCOVERED).map(|own| {
            let why = ui.of("hooks.why", own.why.word());
            format!("- {} ({}): {why}", plain(&own.name), plain(&own.kind))
        });
        let mut lines: Vec<String> = lines.collect();
        let more = all.len().saturating_sub(MOST_UNCOVERED);
        if more > 0 {
            lines.push(ui.fill("hooks.more", &[("count", &more.to_string())]));
        }
        paragraphs.push(format!(
            "**{}**\n\n{}",
            ui.t("hooks.not-covered"),
            lines.join("\n")
        ));
    }
    if !case.request.unsent.is_empty() {
        let keys = case.request.unsent.join(", ");
        paragraphs.push(ui.fill("hooks.unsent", &[("keys", &keys)]));
    }
    paragraphs
}

/// Text of another system as Markdown that shows it as it is, and is no markup, link or HTML.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        match letter {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            letter if letter.is_control() => out.push(' '),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '#' | '+' | '!' | '|' | '~' => {
                out.push('\\');
                out.push(letter);
            }
            letter => out.push(letter),
        }
    }
    out
}

/// A summary that is short enough, on one line.
fn shortened(summary: &str) -> String {
    let line: String = summary.split_whitespace().collect::<Vec<&str>>().join(" ");
    if line.chars().count() <= LONGEST_SUMMARY {
        return line;
    }
    let mut short: String = line.chars().take(LONGEST_SUMMARY - 1).collect();
    short.push('\u{2026}');
    short
}

/// A UUID that was never given before and that nobody can guess, from the source of the pages' nonces.
fn fresh_uuid(app: &App) -> String {
    let (seed, counter) = &app.nonces;
    let count = counter.fetch_add(1, Ordering::Relaxed);
    let part = |salt: u64| {
        let mut hasher = seed.build_hasher();
        hasher.write_u64(count);
        hasher.write_u64(salt);
        hasher.finish()
    };
    let (high, low) = (part(2), part(3));
    // Version 4 (random), variant of RFC 9562.
    let high = (high & !0xF000) | 0x4000;
    let low = (low & !(0b11 << 62)) | (0b10 << 62);
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xFFFF,
        high & 0xFFFF,
        low >> 48,
        low & 0xFFFF_FFFF_FFFF
    )
}

/// The texts of words, joined as a list.
pub(crate) fn joined(ui: Ui<'_>, words: &[String]) -> String {
    words.join(ui.t("hooks.comma"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_one_line_of_less_than_140_characters() {
        assert_eq!(shortened("a\n b"), "a b");
        assert_eq!(shortened(&"x".repeat(139)).chars().count(), 139);
        let cut = shortened(&"x".repeat(140));
        assert_eq!(cut.chars().count(), 139);
        assert!(cut.ends_with('\u{2026}'));
    }

    #[test]
    fn foreign_text_is_no_markup() {
        let check = |text: &str, wanted: &str| assert_eq!(plain(text), wanted, "{text}");
        check("<img src=x>", "&lt;img src=x&gt;");
        check("[a](http://b)", "\\[a\\]\\(http://b\\)");
        check("*a*\nb", "\\*a\\* b");
    }
}
