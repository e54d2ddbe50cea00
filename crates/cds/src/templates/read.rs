//! Reads `templates/*.toml`. A mistake says file and line.

use super::check::check;
use super::{
    COMMON, Choice, Condition, FactKind, Item, ItemKind, Stage, Template, Templates, Weights, When, Why,
    Words,
};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use toml::Spanned;
use tsumugi_clinical::Sex;
use tsumugi_tables::{Mistake, Source};
use tsumugi_terminology::Vocabulary;

const FOLDER: &str = "templates/";
const WEIGHTS: &str = "templates/weights.toml";
/// Longest question on a chip, in characters.
const LONGEST_ASK: usize = 14;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    id: Spanned<Arc<str>>,
    version: Arc<str>,
    name: Arc<str>,
    kana: Arc<str>,
    en: Arc<str>,
    written_by: Arc<str>,
    reviewed_by: Vec<Arc<str>>,
    source: Arc<str>,
    #[serde(default)]
    uses: Vec<Arc<str>>,
    when: WhenOfFile,
    item: Vec<ItemOfFile>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct WhenOfFile {
    #[serde(default)]
    any: Vec<Arc<str>>,
    #[serde(default)]
    stage: Stage,
    age_min: Option<f64>,
    age_max: Option<f64>,
    sex: Option<Sex>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ItemOfFile {
    id: Spanned<Arc<str>>,
    ask: Arc<str>,
    #[serde(default)]
    kana: Arc<str>,
    en: Arc<str>,
    r#type: TypeOfFile,
    #[serde(default)]
    answers: Vec<AnswerOfFile>,
    concept: Option<Arc<str>>,
    text: Option<Arc<str>>,
    text_yes: Option<Arc<str>>,
    text_no: Option<Arc<str>>,
    unit: Option<Arc<str>>,
    low: Option<f64>,
    high: Option<f64>,
    #[serde(default)]
    known_by: Vec<Arc<str>>,
    #[serde(default)]
    known_by_kind: Vec<FactKind>,
    #[serde(default)]
    record_days: i32,
    #[serde(default)]
    enable: Vec<ConditionOfFile>,
    #[serde(default)]
    when: WhenOfFile,
    #[serde(default)]
    key: bool,
    why: Vec<Why>,
    #[serde(default)]
    tells: Vec<Arc<str>>,
    reason: Arc<str>,
    #[serde(default)]
    source: Arc<str>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum TypeOfFile {
    Boolean,
    Choice,
    Quantity,
    Date,
    String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnswerOfFile {
    id: Arc<str>,
    name: Arc<str>,
    en: Arc<str>,
    text: Arc<str>,
    concept: Option<Arc<str>>,
    #[serde(default)]
    denied: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConditionOfFile {
    item: Option<Arc<str>>,
    answer: Option<Arc<str>>,
    fact: Option<Arc<str>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct WeightsFile {
    weights: Weights,
    words: Words,
}

/// Reads all files.
pub(super) fn templates(
    sources: &[Source<'_>],
    vocabulary: &Vocabulary,
    mistakes: &mut Vec<Mistake>,
) -> Templates {
    let mut templates = Templates::default();
    let mut common: Option<Template> = None;
    let is_template =
        |path: &str| path.starts_with(FOLDER) && path.strip_suffix(".toml").is_some() && path != WEIGHTS;
    let mut files: Vec<&Source<'_>> = sources.iter().filter(|source| is_template(source.path)).collect();
    // The others refer to it.
    files.sort_by_key(|source| (stem(source.path) != COMMON, source.path));
    for source in files {
        let before = mistakes.len();
        let Some((template, lines)) = template(*source, mistakes) else {
            continue;
        };
        for (item, message) in check(&template, common.as_ref(), vocabulary) {
            let line = item.and_then(|item| lines.get(&item)).copied().unwrap_or(1);
            mistakes.push(Mistake::new(source.path, line, message));
        }
        if *template.id != *stem(source.path) {
            let message = format!("the id {} is not the name of the file", template.id);
            mistakes.push(Mistake::new(source.path, 1, message));
        }
        if *template.id == *COMMON {
            common = Some(template.clone());
        }
        if mistakes.len() == before {
            templates.add(template);
        }
    }
    if let Some(source) = sources.iter().find(|source| source.path == WEIGHTS) {
        match toml::from_str::<WeightsFile>(source.text) {
            Ok(file) => (templates.weights, templates.words) = (file.weights, file.words),
            Err(error) => mistakes.push(mistake_of(*source, &error)),
        }
    }
    templates
}

fn stem(path: &str) -> &str {
    path.trim_start_matches(FOLDER).trim_end_matches(".toml")
}

fn mistake_of(source: Source<'_>, error: &toml::de::Error) -> Mistake {
    let line = line_of(source.text, error.span().map_or(0, |span| span.start));
    Mistake::new(source.path, line, error.message())
}

fn line_of(text: &str, byte: usize) -> u32 {
    let before = text.get(..byte).unwrap_or(text);
    before.matches('\n').count() as u32 + 1
}

/// A template, and the line of each item.
fn template(source: Source<'_>, mistakes: &mut Vec<Mistake>) -> Option<(Template, BTreeMap<Arc<str>, u32>)> {
    let file = match toml::from_str::<File>(source.text) {
        Ok(file) => file,
        Err(error) => {
            mistakes.push(mistake_of(source, &error));
            return None;
        }
    };
    let mut lines = BTreeMap::new();
    let mut items = Vec::new();
    for item in file.item {
        let line = line_of(source.text, item.id.span().start);
        let id = Arc::clone(item.id.get_ref());
        if lines.insert(Arc::clone(&id), line).is_some() {
            mistakes.push(Mistake::new(
                source.path,
                line,
                format!("the item {id} stands here twice"),
            ));
        }
        let length = item.ask.chars().count();
        if length > LONGEST_ASK {
            let message =
                format!("item {id}: the question has {length} characters, at most {LONGEST_ASK} fit");
            mistakes.push(Mistake::new(source.path, line, message));
        }
        match item_of(item) {
            Ok(item) => items.push(item),
            Err(message) => mistakes.push(Mistake::new(source.path, line, format!("item {id}: {message}"))),
        }
    }
    let template = Template {
        id: file.id.into_inner(),
        version: file.version,
        name: file.name,
        kana: file.kana,
        english: file.en,
        written_by: file.written_by,
        reviewed_by: file.reviewed_by,
        source: file.source,
        uses: file.uses,
        when: when_of(file.when),
        items,
    };
    Some((template, lines))
}

fn when_of(when: WhenOfFile) -> When {
    When {
        any: when.any,
        stage: when.stage,
        age_min: when.age_min,
        age_max: when.age_max,
        sex: when.sex,
    }
}

fn item_of(item: ItemOfFile) -> Result<Item, &'static str> {
    let is = |wanted| item.r#type == wanted;
    if (item.text_yes.is_some() || item.text_no.is_some()) && !is(TypeOfFile::Boolean) {
        return Err("text_yes and text_no belong to a boolean");
    }
    if (item.unit.is_some() || item.low.is_some() || item.high.is_some()) && !is(TypeOfFile::Quantity) {
        return Err("unit, low and high belong to a quantity");
    }
    if item.answers.is_empty() == is(TypeOfFile::Choice) {
        return Err("answers belong to a choice, and a choice has some");
    }
    let text = item.text.ok_or("the text is missing");
    let kind = match item.r#type {
        TypeOfFile::Boolean => ItemKind::Boolean {
            concept: item.concept,
            yes: item.text_yes.ok_or("text_yes is missing")?,
            no: item.text_no.ok_or("text_no is missing")?,
        },
        TypeOfFile::Choice => ItemKind::Choice(item.answers.into_iter().map(choice_of).collect()),
        TypeOfFile::Quantity => ItemKind::Quantity {
            concept: item.concept,
            unit: item.unit.ok_or("the unit is missing")?,
            low: item.low,
            high: item.high,
            text: text?,
        },
        TypeOfFile::Date => ItemKind::Date {
            concept: item.concept,
            text: text?,
        },
        TypeOfFile::String => ItemKind::Text {
            concept: item.concept,
            text: text?,
        },
    };
    Ok(Item {
        id: item.id.into_inner(),
        ask: item.ask,
        kana: item.kana,
        english: item.en,
        kind,
        known_by: item.known_by,
        known_by_kind: item.known_by_kind,
        record_days: item.record_days,
        enable: item
            .enable
            .into_iter()
            .map(condition_of)
            .collect::<Result<_, _>>()?,
        when: when_of(item.when),
        is_key: item.key,
        why: item.why,
        tells: item.tells,
        reason: item.reason,
        source: item.source,
    })
}

fn choice_of(answer: AnswerOfFile) -> Choice {
    Choice {
        id: answer.id,
        name: answer.name,
        english: answer.en,
        text: answer.text,
        concept: answer.concept,
        is_denied: answer.denied,
    }
}

fn condition_of(condition: ConditionOfFile) -> Result<Condition, &'static str> {
    match (condition.item, condition.answer, condition.fact) {
        (Some(item), Some(answer), None) => Ok(Condition::Answer { item, answer }),
        (None, None, Some(fact)) => Ok(Condition::Fact(fact)),
        _ => Err("a condition is an item with its answer, or a fact"),
    }
}
