//! Semi-automatic structuring of guideline texts, abstracts and package inserts: proposals with their place in the text,
//! for a person to accept or correct. Nothing is asserted by itself.
//!
//! Which heading opens what, and which words say how strongly, are tables (`knowledge/reading`). The names of drugs,
//! diseases and findings are those that the engine reads in any note.

use crate::advice::{Advice, Living};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use tsumugi_clinical::{Because, Certainty, Event, EventKind, Note, Polarity, Span, StructuredNote};
use tsumugi_knowledge::Accepted;
use tsumugi_tables::{Source, Table};
use unicode_normalization::UnicodeNormalization as _;

/// A statement that a text seems to make.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Proposal {
    /// Offsets of its sentence in the text, Unicode scalar values.
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// What it would state.
    #[serde(flatten)]
    pub(crate) said: Accepted,
    /// Names of the concepts, for people.
    pub(crate) names: BTreeMap<Arc<str>, String>,
    /// How sure the reading is, 0 to 1: sorted so that people see the doubtful ones.
    pub(crate) sure: f64,
}

/// The tables of `knowledge/reading`.
#[derive(Debug, Default)]
pub(crate) struct ReadingRules {
    parts: Vec<(String, String)>,
    cues: Vec<(String, String)>,
}

/// A stretch of the text under one heading.
struct Part<'t> {
    kind: String,
    start: u32,
    text: &'t str,
}

/// What kind of text it is where no heading says so.
pub(crate) const KINDS: [&str; 3] = ["guideline", "insert", "abstract"];

impl ReadingRules {
    /// Reads the tables.
    pub(crate) fn new(sources: &[Source<'_>]) -> Self {
        let mut rules = Self::default();
        for source in sources {
            let (list, column) = match source.path {
                "knowledge/reading/parts.tsv" => (&mut rules.parts, "kind"),
                "knowledge/reading/cues.tsv" => (&mut rules.cues, "says"),
                _ => continue,
            };
            for row in Table::parse(*source, &mut Vec::new()).rows() {
                list.push((folded(row.get("form")), row.get(column).to_owned()));
            }
        }
        for list in [&mut rules.parts, &mut rules.cues] {
            list.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then_with(|| a.0.cmp(&b.0)));
        }
        rules
    }

    fn part(&self, heading: &str) -> Option<&str> {
        let heading = folded(heading);
        let found = self
            .parts
            .iter()
            .filter(|(form, _)| !form.starts_with('<'))
            .find(|(form, _)| heading.contains(form.as_str()));
        found.map(|(_, kind)| kind.as_str())
    }

    fn element(&self, name: &str) -> Option<&str> {
        let name = format!("<{}", name.to_ascii_lowercase());
        let found = self
            .parts
            .iter()
            .find(|(form, _)| name.starts_with(form.as_str()));
        found.map(|(_, kind)| kind.as_str())
    }

    /// What the words of a sentence say; each word counts once, the longest first.
    fn says(&self, sentence: &str) -> Vec<&str> {
        let mut rest = folded(sentence);
        let mut said = Vec::new();
        for (form, says) in &self.cues {
            if rest.contains(form.as_str()) {
                said.push(says.as_str());
                rest = rest.replace(form.as_str(), " ");
            }
        }
        said
    }
}

/// Width and case as the tables have them.
fn folded(text: &str) -> String {
    text.nfkc().collect::<String>().to_ascii_lowercase()
}

/// The text of an insert's XML with a heading line before each part that the tables know; other files as they are.
pub(crate) fn text_of(rules: &ReadingRules, contents: &str) -> Result<String, String> {
    if !contents.trim_start().starts_with('<') {
        return Ok(contents.to_owned());
    }
    let document = roxmltree::Document::parse(contents).map_err(|error| error.to_string())?;
    let mut text = String::new();
    write_element(rules, document.root_element(), &mut text);
    Ok(text)
}

fn write_element(rules: &ReadingRules, node: roxmltree::Node<'_, '_>, text: &mut String) {
    if let Some(kind) = rules.element(node.tag_name().name()) {
        text.extend(["\n[", kind, "]\n"]);
    }
    for child in node.children() {
        if child.is_element() {
            write_element(rules, child, text);
        } else if let Some(words) = child.text().map(str::trim).filter(|words| !words.is_empty()) {
            text.push_str(words);
            text.push('\n');
        }
    }
}

/// The longest line that can be a heading, in characters.
const HEADING: usize = 24;

/// Cuts a text at its headings; `kind` holds before the first.
fn parts<'t>(rules: &ReadingRules, kind: &str, text: &'t str) -> Vec<Part<'t>> {
    let first = match kind {
        "guideline" => "recommendation",
        "abstract" => "result",
        _ => "none",
    };
    let mut parts = vec![Part {
        kind: first.to_owned(),
        start: 0,
        text: "",
    }];
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let bare = line.trim();
        let marked = bare.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let is_short = !bare.is_empty() && bare.chars().count() <= HEADING;
        let heading = match marked {
            Some(kind) => Some(kind.to_owned()),
            None if is_short => rules.part(bare).map(ToOwned::to_owned),
            None => None,
        };
        let length = line.chars().count() as u32;
        parts.push(Part {
            kind: heading
                .clone()
                .or_else(|| parts.last().map(|part| part.kind.clone()))
                .unwrap_or_default(),
            start: at,
            text: if heading.is_some() { "" } else { line },
        });
        at += length;
    }
    parts.retain(|part| !part.text.trim().is_empty() && part.kind != "none");
    parts
}

/// Reads a text; `subject` is the drug of an insert where the text does not name it.
pub(crate) fn propose(
    advice: &Advice,
    living: &Living,
    rules: &ReadingRules,
    kind: &str,
    subject: Option<&str>,
    text: &str,
) -> Vec<Proposal> {
    let mut subject: Option<Arc<str>> = subject.map(Into::into);
    let mut proposals = Vec::new();
    let mut frequency = String::new();
    for part in parts(rules, kind, text) {
        let note = Note {
            text: part.text.to_owned(),
            ..Note::default()
        };
        let structured = advice.coder.structure(&note);
        if part.kind == "subject" {
            subject = drugs(&structured).next().or(subject);
            continue;
        }
        if subject.is_none() && kind == "insert" {
            subject = drugs(&structured).next();
        }
        for (start, sentence) in sentences(part.text) {
            let said = rules.says(sentence);
            if let Some(word) = said.iter().find(|word| is_frequency(word)) {
                (*word).clone_into(&mut frequency);
            }
            let span = Span::new(start, start + sentence.chars().count() as u32);
            let stated = Stated {
                part: &part.kind,
                said: &said,
                frequency: &frequency,
                subject: subject.as_ref(),
                quote: sentence.trim(),
            };
            let inside = events_in(&structured, span);
            for said in statements(living, &stated, &inside) {
                proposals.push(Proposal {
                    start: part.start + span.start,
                    end: part.start + span.end,
                    names: names(advice, &said.0),
                    said: said.0,
                    sure: said.1,
                });
            }
        }
    }
    proposals
}

fn is_frequency(word: &str) -> bool {
    matches!(word, "very-common" | "common" | "uncommon" | "rare" | "unknown")
}

/// A sentence with what its place and its words say.
struct Stated<'a> {
    part: &'a str,
    said: &'a [&'a str],
    frequency: &'a str,
    subject: Option<&'a Arc<str>>,
    quote: &'a str,
}

type Fields<'a> = Vec<(&'a str, String)>;

fn statements(living: &Living, stated: &Stated<'_>, events: &[&Event]) -> Vec<(Accepted, f64)> {
    let of = |kinds: &[EventKind]| -> Vec<&Event> {
        let wanted = events.iter().filter(|event| kinds.contains(&event.kind));
        wanted.copied().collect()
    };
    let conditions = of(&[EventKind::Condition, EventKind::Finding]);
    let medicines = of(&[EventKind::Medication]);
    let about = |kind: &str, fields: Fields<'_>, sure: f64| (accepted(kind, fields, stated.quote), sure);
    let drug = || {
        (
            "drug",
            stated.subject.map(ToString::to_string).unwrap_or_default(),
        )
    };
    let has_subject = stated.subject.is_some();
    match stated.part {
        "contraindication" if has_subject => conditions
            .iter()
            .map(|event| about("contraindication", vec![drug(), ("condition", id(event))], 0.8))
            .collect(),
        "indication" if has_subject => conditions
            .iter()
            .map(|event| about("indication", vec![drug(), ("condition", id(event))], 0.8))
            .collect(),
        "contraindicated-combination" | "combination" if has_subject => {
            let severity = if stated.part == "combination" {
                "moderate"
            } else {
                "contraindicated"
            };
            medicines
                .iter()
                .filter(|event| {
                    stated
                        .subject
                        .is_none_or(|own| own.as_ref() != event.concept.as_str())
                })
                .map(|event| {
                    let fields = vec![drug(), ("partner", id(event)), ("severity", severity.to_owned())];
                    about("interaction", fields, 0.8)
                })
                .collect()
        }
        "adverse-effect" | "serious-adverse-effect" if has_subject => conditions
            .iter()
            .map(|event| {
                let gravity = if stated.part == "adverse-effect" {
                    "plain"
                } else {
                    "serious"
                };
                let frequency = if stated.frequency.is_empty() {
                    "unknown"
                } else {
                    stated.frequency
                };
                let fields = vec![
                    drug(),
                    ("effect", id(event)),
                    ("frequency", frequency.to_owned()),
                    ("gravity", gravity.to_owned()),
                ];
                about("adverse-effect", fields, 0.75)
            })
            .collect(),
        "recommendation" => recommendation(stated, events, &conditions).into_iter().collect(),
        "result" => shares(living, stated, &conditions),
        _ => Vec::new(),
    }
}

/// A sentence that recommends something: for the conditions it names, the rest is what is done.
fn recommendation(stated: &Stated<'_>, events: &[&Event], conditions: &[&Event]) -> Option<(Accepted, f64)> {
    let grade = stated
        .said
        .iter()
        .find(|word| word.starts_with("recommend") || word.starts_with("against"))?;
    let (direction, strength) = match grade.split_once('-') {
        Some((direction, strength)) => (direction, strength),
        None => (*grade, "none"),
    };
    let certainty = stated
        .said
        .iter()
        .find_map(|word| word.strip_prefix("certainty-"))
        .unwrap_or("unknown");
    let join = |events: &mut dyn Iterator<Item = &&Event>| {
        let ids: Vec<String> = events.map(|event| id(event)).collect();
        ids.join("|")
    };
    let applies = join(&mut conditions.iter());
    let what = join(&mut events.iter().filter(|event| {
        matches!(
            event.kind,
            EventKind::Medication | EventKind::Procedure | EventKind::Examination | EventKind::Immunization
        )
    }));
    let sure = match (applies.is_empty(), what.is_empty()) {
        (false, false) => 0.8,
        (true, true) => 0.3,
        _ => 0.5,
    };
    let fields = vec![
        ("applies", applies),
        ("certainty", certainty.to_owned()),
        (
            "direction",
            if direction == "against" { "against" } else { "for" }.to_owned(),
        ),
        ("strength", strength.to_owned()),
        ("what", what),
    ];
    Some((accepted("recommendation", fields, stated.quote), sure))
}

/// 「発熱は45例中30例」, 「80%」 in tables of results: the share of patients with a finding.
fn shares(living: &Living, stated: &Stated<'_>, conditions: &[&Event]) -> Vec<(Accepted, f64)> {
    let Some(share) = share_in(&folded(stated.quote)) else {
        return Vec::new();
    };
    let disease = conditions.iter().find(|event| {
        let index = living.differential.index_of(event.concept.as_str());
        event.kind == EventKind::Condition && index.is_some()
    });
    let Some(disease) = disease else {
        return Vec::new();
    };
    let findings = conditions
        .iter()
        .filter(|event| event.concept != disease.concept && event.polarity == Polarity::Present);
    findings
        .map(|event| {
            let fields = vec![
                ("disease", id(disease)),
                ("finding", id(event)),
                ("share", share.clone()),
            ];
            (accepted("finding", fields, stated.quote), 0.5)
        })
        .collect()
}

/// A percentage, or a count of patients, in folded text.
fn share_in(text: &str) -> Option<String> {
    let digits_before = |end: usize| {
        let before = text.get(..end)?;
        let start = before
            .rfind(|c: char| !c.is_ascii_digit() && c != '.')
            .map_or(0, |at| {
                at + before
                    .get(at..)
                    .and_then(|rest| rest.chars().next())
                    .map_or(1, char::len_utf8)
            });
        before.get(start..).filter(|digits| !digits.is_empty())
    };
    if let Some(at) = text.find('%') {
        return Some(format!("{}%", digits_before(at)?));
    }
    let at = text.find('/')?;
    let with = digits_before(at)?;
    let of: String = text
        .get(at + 1..)?
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    (!of.is_empty()).then(|| format!("{with}/{of}"))
}

fn accepted(kind: &str, fields: Fields<'_>, quote: &str) -> Accepted {
    Accepted {
        kind: kind.into(),
        fields: fields
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (name.into(), value.into()))
            .collect(),
        quote: quote.into(),
    }
}

fn names(advice: &Advice, said: &Accepted) -> BTreeMap<Arc<str>, String> {
    let vocabulary = advice.coder.vocabulary();
    let name = |id: &str| vocabulary.concept(id).map(|concept| concept.name.to_string());
    said.fields
        .iter()
        .filter_map(|(field, value)| {
            let all: Vec<String> = value.split('|').filter_map(name).collect();
            (!all.is_empty()).then(|| (Arc::clone(field), all.join("\u{30fb}")))
        })
        .collect()
}

fn id(event: &Event) -> String {
    event.concept.as_str().to_owned()
}

fn drugs(note: &StructuredNote) -> impl Iterator<Item = Arc<str>> {
    let drugs = note
        .events
        .iter()
        .filter(|event| event.kind == EventKind::Medication);
    drugs.map(|event| event.concept.as_str().into())
}

/// Sentences with their offsets in characters.
fn sentences(text: &str) -> Vec<(u32, &str)> {
    let mut at = 0;
    text.split_inclusive(['\u{3002}', '\n'])
        .map(|sentence| {
            let start = at;
            at += sentence.chars().count() as u32;
            (start, sentence)
        })
        .filter(|(_, sentence)| !sentence.trim().is_empty())
        .collect()
}

/// Events whose words stand in a stretch.
fn events_in(note: &StructuredNote, span: Span) -> Vec<&Event> {
    let is_inside = |event: &&Event| {
        event.because.iter().any(|reason| match reason {
            Because::Entity { entity } => note
                .entities
                .get(*entity as usize)
                .is_some_and(|entity| span.contains(entity.span)),
            _ => false,
        })
    };
    let stated = note.events.iter().filter(is_inside);
    stated
        .filter(|event| event.certainty != Certainty::Suspected || event.kind == EventKind::Medication)
        .collect()
}

#[cfg(test)]
#[expect(clippy::non_ascii_literal, reason = "texts are Japanese")]
mod tests {
    use super::*;
    use tsumugi_terminology::{embedded_files, sources_of};

    fn read(kind: &str, subject: Option<&str>, text: &str) -> Vec<Proposal> {
        let files = embedded_files();
        let rules = ReadingRules::new(&sources_of(&files));
        let advice = Advice::embedded().unwrap();
        let living = advice.living(tsumugi_records::Population::Real);
        let text = text_of(&rules, text).unwrap();
        propose(&advice, &living, &rules, kind, subject, &text)
    }

    fn fields(proposal: &Proposal) -> Vec<String> {
        let fields = proposal.said.fields.iter();
        let mut list = vec![proposal.said.kind.to_string()];
        list.extend(fields.map(|(name, value)| format!("{name}={value}")));
        list
    }

    #[test]
    fn an_insert_proposes_what_its_headings_say() {
        let text = "2. 禁忌\n2.1 重症筋無力症の患者\n10.1 併用禁忌\nイトラコナゾール\n11.1 重大な副作用\n横紋筋融解症(頻度不明)\n18. 薬効薬理\n発熱を抑える。\n";
        let proposals = read("insert", Some("drug.telithromycin"), text);
        let all: Vec<Vec<String>> = proposals.iter().map(fields).collect();
        assert_eq!(
            all,
            [
                vec![
                    "contraindication",
                    "condition=myasthenia-gravis",
                    "drug=drug.telithromycin"
                ],
                vec![
                    "interaction",
                    "drug=drug.telithromycin",
                    "partner=drug.itraconazole",
                    "severity=contraindicated"
                ],
                vec![
                    "adverse-effect",
                    "drug=drug.telithromycin",
                    "effect=rhabdomyolysis",
                    "frequency=unknown",
                    "gravity=serious"
                ],
            ]
        );
        let quoted: String = text
            .chars()
            .skip(proposals[0].start as usize)
            .take((proposals[0].end - proposals[0].start) as usize)
            .collect();
        assert!(quoted.contains("重症筋無力症"), "{quoted}");
    }

    #[test]
    fn a_guideline_proposes_its_recommendations_with_their_strength() {
        let text = "急性胆嚢炎に対して早期の腹腔鏡下胆嚢摘出術を行うことを強く推奨する(エビデンスの確実性:中)。\n背景を述べる。\n";
        let proposals = read("guideline", None, text);
        assert_eq!(proposals.len(), 1);
        let said = fields(&proposals[0]);
        assert!(
            said.contains(&"applies=acute-cholecystitis".to_owned()),
            "{said:?}"
        );
        assert!(said.contains(&"strength=strong".to_owned()), "{said:?}");
        assert!(said.contains(&"certainty=moderate".to_owned()), "{said:?}");
        assert_eq!(read("guideline", None, "この章では背景を述べる。"), []);
    }

    #[test]
    fn the_xml_of_an_insert_is_read_by_its_elements() {
        let xml = "<PackIns><GenericName><Lang>ワルファリンカリウム</Lang></GenericName><ContraIndications><Item>出血している患者、妊婦</Item></ContraIndications></PackIns>";
        let proposals = read("insert", None, xml);
        assert!(
            proposals
                .iter()
                .all(|proposal| proposal.said.fields["drug"].as_ref() == "drug.warfarin"),
            "{proposals:?}"
        );
        assert!(!proposals.is_empty());
        let rules = ReadingRules::default();
        assert!(text_of(&rules, "<a><b></a>").is_err());
    }

    #[test]
    fn a_share_is_read_from_percent_and_counts() {
        assert_eq!(share_in("発熱は82.5%に"), Some("82.5%".to_owned()));
        assert_eq!(share_in("発熱(30/45例)"), Some("30/45".to_owned()));
        assert_eq!(share_in("発熱が多い"), None);
    }
}
