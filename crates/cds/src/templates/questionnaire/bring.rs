//! A `Questionnaire` of a site as a template. What a template cannot hold is told, with the item's `linkId`; what would
//! make it ask wrongly (an unknown concept, a loop of conditions) refuses the whole.

use super::write::word_of;
use super::{ANSWER, CANONICAL, ENABLE, ITEM, LEAST, LINK_PERIOD, MOST, TEMPLATE, UNIT};
use crate::templates::check::check;
use crate::templates::{
    COMMON, Choice, Condition, FactKind, Item, ItemKind, Stage, Template, Templates, When, Why, Words,
};
use serde_json::Value;
use std::sync::Arc;
use tsumugi_clinical::Sex;
use tsumugi_terminology::{Vocabulary, system};

/// Items that are read; a questionnaire with more is refused.
const MOST_ITEMS: usize = 200;
/// Depth of groups that is followed.
const DEEPEST: usize = 10;

/// What is to be said of an item; `link` is empty for the questionnaire as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// `linkId` of the item.
    pub link: String,
    /// What, lower case, without a full stop.
    pub message: String,
}

/// A questionnaire that was taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Brought {
    /// The template.
    pub template: Template,
    /// What it could not hold, and whether it replaces another version.
    pub remarks: Vec<Remark>,
}

/// Reads a FHIR R4 `Questionnaire`. The error names everything for which it is refused.
pub fn from_questionnaire(
    templates: &Templates,
    vocabulary: &Vocabulary,
    questionnaire: &Value,
) -> Result<Brought, Vec<Remark>> {
    let mut bringing = Bringing {
        vocabulary,
        words: &templates.words,
        remarks: Vec::new(),
        refusals: Vec::new(),
    };
    if text(questionnaire, "resourceType") != "Questionnaire" {
        bringing.refuse("", "no Questionnaire: resourceType says otherwise".to_owned());
        return Err(bringing.refusals);
    }
    let id = id_of(questionnaire);
    if id.is_empty() {
        bringing.refuse("", "no url, id or name to keep it under".to_owned());
    }
    bringing.version(templates.get(&id), questionnaire);
    let mut items = Vec::new();
    bringing.items(questionnaire, 0, &mut items);
    if items.is_empty() {
        bringing.refuse("", "no item that could be asked".to_owned());
    }
    let own = parts(questionnaire, TEMPLATE);
    let head = |url: &str| part(&own, url).unwrap_or_default();
    let template = Template {
        name: text(questionnaire, "title").into(),
        version: text(questionnaire, "version").into(),
        kana: head("kana").into(),
        english: head("en").into(),
        written_by: text(questionnaire, "publisher").into(),
        reviewed_by: all(&own, "reviewedBy"),
        source: text(questionnaire, "description").into(),
        uses: Vec::new(),
        when: when(&own),
        items,
        id: id.into(),
    };
    for (item, message) in check(&template, templates.get(COMMON), vocabulary) {
        bringing.refuse(item.as_deref().unwrap_or_default(), message);
    }
    if bringing.refusals.is_empty() {
        Ok(Brought {
            template,
            remarks: bringing.remarks,
        })
    } else {
        Err(bringing.refusals)
    }
}

/// The last part of the canonical address, or the id or name.
fn id_of(questionnaire: &Value) -> String {
    let url = text(questionnaire, "url");
    let own = url.strip_prefix(CANONICAL).unwrap_or(url);
    let last = own.rsplit(['/', ':']).next().unwrap_or_default();
    let named = [last, text(questionnaire, "id"), text(questionnaire, "name")];
    let id = named
        .into_iter()
        .find(|name| !name.is_empty())
        .unwrap_or_default();
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '_'
        }
    };
    id.chars().map(plain).collect()
}

struct Bringing<'a> {
    vocabulary: &'a Vocabulary,
    words: &'a Words,
    remarks: Vec<Remark>,
    refusals: Vec<Remark>,
}

impl Bringing<'_> {
    fn remark(&mut self, link: &str, message: impl Into<String>) {
        self.remarks.push(Remark {
            link: link.to_owned(),
            message: message.into(),
        });
    }

    fn refuse(&mut self, link: &str, message: String) {
        self.refusals.push(Remark {
            link: link.to_owned(),
            message,
        });
    }

    fn version(&mut self, held: Option<&Template>, questionnaire: &Value) {
        let version = text(questionnaire, "version");
        let Some(held) = held else { return };
        let order = numbers(version).cmp(&numbers(&held.version));
        match order {
            std::cmp::Ordering::Greater => {
                self.remark("", format!("version {version} replaces {}", held.version));
            }
            std::cmp::Ordering::Less => {
                let message = format!("version {version} is older than {}, which is held", held.version);
                self.refuse("", message);
            }
            std::cmp::Ordering::Equal => {
                self.remark("", format!("version {version} is held already and is replaced"));
            }
        }
    }

    fn items(&mut self, parent: &Value, depth: usize, items: &mut Vec<Item>) {
        for value in list(parent, "item") {
            let link = text(value, "linkId");
            if items.len() == MOST_ITEMS {
                self.refuse(link, format!("more than {MOST_ITEMS} items"));
                return;
            }
            match text(value, "type") {
                "group" => {}
                "display" => self.remark(link, "a text to read is left out: only questions are asked"),
                _ => items.extend(self.item(value, link)),
            }
            if list(value, "item").next().is_some() {
                if depth == DEEPEST {
                    self.refuse(link, format!("items deeper than {DEEPEST}"));
                    return;
                }
                if text(value, "type") == "group" && list(value, "enableWhen").next().is_some() {
                    self.remark(link, "items of a group with a condition are left out");
                } else {
                    self.items(value, depth + 1, items);
                }
            }
        }
    }

    fn item(&mut self, value: &Value, link: &str) -> Option<Item> {
        let own = parts(value, ITEM);
        let string = |url: &str| part(&own, url).unwrap_or_default();
        let kind = self.kind(value, link, &own)?;
        let enable = self.enable(value, link, &own)?;
        for (field, what) in [
            ("repeats", "one answer is asked for, not several"),
            ("maxLength", "the greatest length is not kept"),
            (
                "initial",
                "the initial value is not kept: nothing is answered in advance but by the record",
            ),
            ("definition", "the definition is not kept"),
        ] {
            if value.get(field).is_some_and(|value| *value != Value::Bool(false)) {
                self.remark(link, what);
            }
        }
        if value.get("modifierExtension").is_some() {
            self.remark(link, "left out: a modifier extension changes what it means");
            return None;
        }
        let concept = concept_of(&kind);
        let known_by = all(&own, "knownBy");
        // A questionnaire of another house does not say what else answers an item: its own concepts do.
        let known_by = if own.is_empty() { concept } else { known_by };
        Some(Item {
            id: link_id(link),
            ask: text(value, "text").into(),
            kana: string("kana").into(),
            english: string("en").into(),
            kind,
            known_by,
            known_by_kind: all(&own, "knownByKind")
                .iter()
                .filter_map(|word| kind_named(word))
                .collect(),
            record_days: days(value),
            enable,
            when: when(&own),
            is_key: value.get("required") == Some(&Value::Bool(true)),
            why: all(&own, "why")
                .iter()
                .filter_map(|word| why_named(word))
                .collect(),
            tells: all(&own, "tells"),
            reason: string("reason").into(),
            source: string("source").into(),
        })
    }

    fn kind(&mut self, value: &Value, link: &str, own: &[Value]) -> Option<ItemKind> {
        let ask = text(value, "text");
        let said = |url: &str, form: &str, words: &Words| -> Arc<str> {
            let given = words.value.replacen("{}", ask, 1);
            let form = if form.is_empty() {
                given
            } else {
                form.replace("{}", ask)
            };
            part(own, url).map_or_else(|| form.into(), Into::into)
        };
        let words = self.words;
        let value_text = |url: &str| said(url, "", words);
        Some(match text(value, "type") {
            "boolean" => ItemKind::Boolean {
                concept: self.concept(value, link),
                yes: said("yes", &words.yes, words),
                no: said("no", &words.no, words),
            },
            "choice" => {
                if list(value, "answerOption").next().is_none() {
                    self.remark(
                        link,
                        "left out: its answers stand in a value set, and only answerOption is read",
                    );
                    return None;
                }
                let options: Vec<&Value> = list(value, "answerOption").collect();
                ItemKind::Choice(
                    options
                        .into_iter()
                        .filter_map(|option| self.choice(option, link))
                        .collect(),
                )
            }
            "quantity" | "decimal" | "integer" => ItemKind::Quantity {
                concept: self.concept(value, link),
                unit: unit(value),
                low: bound(value, LEAST),
                high: bound(value, MOST),
                text: value_text("text"),
            },
            "date" => ItemKind::Date {
                concept: self.concept(value, link),
                text: value_text("text"),
            },
            "string" | "text" => ItemKind::Text {
                concept: self.concept(value, link),
                text: value_text("text"),
            },
            "coding" => {
                self.refuse(link, "the type coding is of FHIR R5; R4 is read".to_owned());
                return None;
            }
            other => {
                self.remark(link, format!("left out: the type {other} cannot be asked"));
                return None;
            }
        })
    }

    /// The concept of an item by its codes: ours, or one that another system's code leads to.
    fn concept(&mut self, value: &Value, link: &str) -> Option<Arc<str>> {
        let codes: Vec<(&str, &str)> = list(value, "code")
            .map(|code| (text(code, "system"), text(code, "code")))
            .collect();
        let found = self.of_codes(&codes, link);
        if found.is_none() && !codes.is_empty() {
            self.remark(link, "its codes lead to no concept: the answer is text only");
        }
        found
    }

    fn of_codes(&mut self, codes: &[(&str, &str)], link: &str) -> Option<Arc<str>> {
        if let Some((_, own)) = codes.iter().find(|(system, _)| *system == system::TSUMUGI) {
            if self.vocabulary.key(own).is_none() {
                self.refuse(link, format!("no concept has the id {own}"));
            }
            return Some((*own).into());
        }
        let maps = self.vocabulary.maps();
        let key = codes.iter().find_map(|(system, code)| maps.key(system, code))?;
        Some(self.vocabulary.get(key)?.id.as_str().into())
    }

    fn choice(&mut self, option: &Value, link: &str) -> Option<Choice> {
        let own = parts(option, ANSWER);
        let coding = option.get("valueCoding");
        let (code, display) = if let Some(coding) = coding {
            (text(coding, "code"), text(coding, "display"))
        } else {
            let word = text(option, "valueString");
            (word, word)
        };
        if display.is_empty() && code.is_empty() {
            self.remark(link, "an answer that is neither a code nor a string is left out");
            return None;
        }
        let name = if display.is_empty() { code } else { display };
        let of_coding = || -> Vec<(&str, &str)> {
            coding
                .map(|coding| (text(coding, "system"), code))
                .into_iter()
                .collect()
        };
        let concept = match part(&own, "concept") {
            Some(concept) => Some(Arc::from(concept)),
            None if own.is_empty() => self.of_codes(&of_coding(), link),
            None => None,
        };
        let text = part(&own, "text").map_or_else(|| name.to_owned(), str::to_owned);
        Some(Choice {
            id: part(&own, "id").unwrap_or(code).into(),
            name: name.into(),
            english: part(&own, "en").unwrap_or_default().into(),
            text: text.into(),
            concept,
            is_denied: own.iter().any(|part| self::text(part, "url") == "denied"),
        })
    }

    /// The conditions; none where one cannot be held, for the item would be asked of patients it is not meant for.
    fn enable(&mut self, value: &Value, link: &str, own: &[Value]) -> Option<Vec<Condition>> {
        let mut conditions: Vec<Condition> =
            all(own, "enableFact").into_iter().map(Condition::Fact).collect();
        let answers = own.iter().filter(|part| text(part, "url") == "enableAnswer");
        for answer in answers {
            let inner: Vec<Value> = list(answer, "extension").cloned().collect();
            let (Some(item), Some(answer)) = (part(&inner, "item"), part(&inner, "answer")) else {
                continue;
            };
            conditions.push(Condition::Answer {
                item: item.into(),
                answer: answer.into(),
            });
        }
        if !conditions.is_empty() {
            return Some(conditions);
        }
        if extension(value, ENABLE).is_some() {
            self.remark(link, "left out: its condition is an expression");
            return None;
        }
        let when: Vec<&Value> = list(value, "enableWhen").collect();
        if when.len() > 1 && text(value, "enableBehavior") == "any" {
            self.remark(
                link,
                "left out: one of several conditions is enough, and all are asked for here",
            );
            return None;
        }
        for condition in when {
            let answer = match (condition.get("answerBoolean"), condition.get("answerCoding")) {
                (Some(Value::Bool(true)), _) => Some("yes"),
                (Some(Value::Bool(false)), _) => Some("no"),
                (_, Some(coding)) => Some(text(coding, "code")),
                _ => condition.get("answerString").and_then(Value::as_str),
            };
            let (Some(answer), "=") = (answer, text(condition, "operator")) else {
                self.remark(link, "left out: a condition that is no equality to an answer");
                return None;
            };
            conditions.push(Condition::Answer {
                item: link_id(text(condition, "question")),
                answer: answer.into(),
            });
        }
        Some(conditions)
    }
}

/// A `linkId` in the letters of our ids.
fn link_id(link: &str) -> Arc<str> {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    link.chars().map(plain).collect::<String>().into()
}

fn concept_of(kind: &ItemKind) -> Vec<Arc<str>> {
    match kind {
        ItemKind::Choice(choices) => choices
            .iter()
            .filter_map(|choice| choice.concept.clone())
            .collect(),
        ItemKind::Boolean { concept, .. }
        | ItemKind::Quantity { concept, .. }
        | ItemKind::Date { concept, .. }
        | ItemKind::Text { concept, .. } => concept.iter().cloned().collect(),
    }
}

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn list<'v>(value: &'v Value, field: &str) -> impl Iterator<Item = &'v Value> + use<'v> {
    value.get(field).and_then(Value::as_array).into_iter().flatten()
}

fn extension<'v>(value: &'v Value, url: &str) -> Option<&'v Value> {
    list(value, "extension").find(|extension| text(extension, "url") == url)
}

/// The parts of one of our extensions.
fn parts(value: &Value, url: &str) -> Vec<Value> {
    extension(value, url)
        .map(|own| list(own, "extension").cloned().collect())
        .unwrap_or_default()
}

/// The words of a part.
fn part<'p>(parts: &'p [Value], url: &str) -> Option<&'p str> {
    let own = parts.iter().find(|part| text(part, "url") == url)?;
    let value = own.get("valueString").or_else(|| own.get("valueCode"))?;
    value.as_str()
}

fn all(parts: &[Value], url: &str) -> Vec<Arc<str>> {
    let own = parts.iter().filter(|part| text(part, "url") == url);
    let words = own.filter_map(|part| part.get("valueString").or_else(|| part.get("valueCode")));
    words.filter_map(Value::as_str).map(Into::into).collect()
}

fn when(parts: &[Value]) -> When {
    let number = |url: &str| {
        let own = parts.iter().find(|part| text(part, "url") == url);
        own.and_then(|part| part.get("valueDecimal"))
            .and_then(Value::as_f64)
    };
    When {
        any: all(parts, "any"),
        stage: match part(parts, "stage") {
            Some("first") => Stage::First,
            Some("follow_up") => Stage::FollowUp,
            _ => Stage::Any,
        },
        age_min: number("ageMin"),
        age_max: number("ageMax"),
        sex: match part(parts, "sex") {
            Some("female") => Some(Sex::Female),
            Some("male") => Some(Sex::Male),
            _ => None,
        },
    }
}

fn kind_named(word: &str) -> Option<FactKind> {
    match word {
        "allergy" => Some(FactKind::Allergy),
        "medication" => Some(FactKind::Medication),
        "family" => Some(FactKind::Family),
        _ => None,
    }
}

fn why_named(word: &str) -> Option<Why> {
    [
        Why::Discrimination,
        Why::Safety,
        Why::Registry,
        Why::Severity,
        Why::Treatment,
    ]
    .into_iter()
    .find(|why| word_of(*why) == word)
}

fn unit(value: &Value) -> Arc<str> {
    let coding = extension(value, UNIT).and_then(|unit| unit.get("valueCoding"));
    coding.map_or("", |coding| text(coding, "code")).into()
}

fn bound(value: &Value, url: &str) -> Option<f64> {
    extension(value, url)?.pointer("/valueQuantity/value")?.as_f64()
}

/// Days of `observationLinkPeriod`; 0 where there is none.
fn days(value: &Value) -> i32 {
    let Some(period) = extension(value, LINK_PERIOD).and_then(|period| period.get("valueDuration")) else {
        return 0;
    };
    let factor = match text(period, "code") {
        "d" => 1.0,
        "wk" => 7.0,
        "mo" => 30.44,
        "a" => 365.25,
        "h" => 1.0 / 24.0,
        _ => return 0,
    };
    let days = period.get("value").and_then(Value::as_f64).unwrap_or(0.0) * factor;
    days.clamp(0.0, f64::from(crate::templates::known::EVER)) as i32
}

/// The numbers of a version, for their order (`1.10` after `1.9`).
fn numbers(version: &str) -> Vec<u64> {
    let parts = version.split(|c: char| !c.is_ascii_digit());
    parts.filter_map(|part| part.parse().ok()).collect()
}
