//! A template as a `Questionnaire`.

use super::{
    ADAPTIVE, ANSWER, ANSWERS, CANONICAL, ENABLE, INITIAL, ITEM, LAUNCH_CONTEXT, LAUNCH_SYSTEM, LEAST,
    LINK_PERIOD, MOST, TEMPLATE, UCUM, UNIT, VARIABLE,
};
use crate::templates::known::EVER;
use crate::templates::{Choice, Condition, FactKind, Item, ItemKind, Stage, Template, Templates, When, Why};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use tsumugi_clinical::Sex;
use tsumugi_terminology::{Vocabulary, system};

/// A template as a FHIR R4 `Questionnaire`; items of the common template that it uses stand in it.
pub fn to_questionnaire(templates: &Templates, template: &Template, vocabulary: &Vocabulary) -> Value {
    let common = templates.get(crate::templates::COMMON);
    let used = template.uses.iter().filter_map(|id| common?.item(id));
    let all: Vec<&Item> = template.items.iter().chain(used).collect();
    let items: Vec<Value> = all.iter().map(|own| item(own, &all, vocabulary)).collect();
    let is_reviewed = !template.reviewed_by.is_empty();
    json!({
        "resourceType": "Questionnaire",
        "id": template.id.replace('_', "-"),
        "extension": [
            {"url": ADAPTIVE, "valueBoolean": true},
            {"url": LAUNCH_CONTEXT, "extension": [
                {"url": "name", "valueCoding": {"system": LAUNCH_SYSTEM, "code": "patient"}},
                {"url": "type", "valueCode": "Patient"},
            ]},
            variable("observations", "Observation?patient={{%patient.id}}"),
            variable("conditions", "Condition?patient={{%patient.id}}"),
            {"url": TEMPLATE, "extension": head(template)},
        ],
        "url": format!("{CANONICAL}{}", template.id),
        "version": template.version,
        "name": template.id,
        "title": template.name,
        "status": if is_reviewed { "active" } else { "draft" },
        "subjectType": ["Patient"],
        "publisher": template.written_by,
        "description": template.source,
        "item": items,
    })
}

fn variable(name: &str, query: &str) -> Value {
    json!({"url": VARIABLE, "valueExpression": {
        "name": name, "language": "application/x-fhir-query", "expression": query,
    }})
}

/// A part of one of our extensions.
fn part(url: &str, kind: &str, value: impl Into<Value>) -> Value {
    let mut part = Map::new();
    part.insert("url".to_owned(), url.into());
    part.insert(kind.to_owned(), value.into());
    Value::Object(part)
}

fn head(template: &Template) -> Vec<Value> {
    let mut parts = vec![
        part("kana", "valueString", &*template.kana),
        part("en", "valueString", &*template.english),
    ];
    for name in &template.reviewed_by {
        parts.push(part("reviewedBy", "valueString", &**name));
    }
    parts.extend(when(&template.when));
    parts
}

fn when(when: &When) -> Vec<Value> {
    let mut parts: Vec<Value> = when
        .any
        .iter()
        .map(|concept| part("any", "valueCode", &**concept))
        .collect();
    match when.stage {
        Stage::First => parts.push(part("stage", "valueCode", "first")),
        Stage::FollowUp => parts.push(part("stage", "valueCode", "follow_up")),
        Stage::Any => {}
    }
    if let Some(age) = when.age_min {
        parts.push(part("ageMin", "valueDecimal", age));
    }
    if let Some(age) = when.age_max {
        parts.push(part("ageMax", "valueDecimal", age));
    }
    match when.sex {
        Some(Sex::Female) => parts.push(part("sex", "valueCode", "female")),
        Some(Sex::Male) => parts.push(part("sex", "valueCode", "male")),
        _ => {}
    }
    parts
}

fn coding(vocabulary: &Vocabulary, concept: &str) -> Value {
    let name = vocabulary.concept(concept).map(|own| own.name.to_string());
    json!({"system": system::TSUMUGI, "code": concept, "display": name.unwrap_or_default()})
}

/// The codes of a concept, our own first.
fn codings(vocabulary: &Vocabulary, concept: &str) -> Vec<Value> {
    let codes = vocabulary.concept(concept).map(|own| Arc::clone(&own.codes));
    let others = codes.iter().flat_map(|codes| codes.iter());
    let others = others
        .filter(|code| &*code.system != system::TSUMUGI)
        .map(|code| json!({"system": &*code.system, "code": &*code.code, "display": &*code.display}));
    std::iter::once(coding(vocabulary, concept))
        .chain(others)
        .collect()
}

fn item(item: &Item, all: &[&Item], vocabulary: &Vocabulary) -> Value {
    let mut extensions = vec![json!({"url": ITEM, "extension": own_parts(item)})];
    let concept = match &item.kind {
        ItemKind::Boolean { concept, .. }
        | ItemKind::Quantity { concept, .. }
        | ItemKind::Date { concept, .. }
        | ItemKind::Text { concept, .. } => concept.as_deref(),
        ItemKind::Choice(_) => None,
    };
    if item.record_days > 0 {
        extensions.push(json!({"url": LINK_PERIOD, "valueDuration": {
            "value": item.record_days.min(EVER), "unit": "d", "system": UCUM, "code": "d",
        }}));
    }
    if let Some(expression) = initial(item) {
        extensions.push(json!({"url": INITIAL, "valueExpression": {
            "language": "text/fhirpath", "expression": expression,
        }}));
    }
    let mut value = json!({"linkId": item.id, "text": item.ask, "type": kind_of(&item.kind)});
    if let ItemKind::Quantity { unit, low, high, .. } = &item.kind {
        extensions.push(json!({"url": UNIT, "valueCoding": {"system": UCUM, "code": unit}}));
        for (url, bound) in [(LEAST, low), (MOST, high)] {
            if let Some(bound) = bound {
                extensions.push(json!({"url": url, "valueQuantity": {
                    "value": bound, "system": UCUM, "code": unit,
                }}));
            }
        }
    }
    let Some(fields) = value.as_object_mut() else {
        return value;
    };
    if let Some(concept) = concept {
        fields.insert("code".to_owned(), codings(vocabulary, concept).into());
    }
    if item.is_key {
        fields.insert("required".to_owned(), true.into());
    }
    if let ItemKind::Choice(choices) = &item.kind {
        let options: Vec<Value> = choices.iter().map(|choice| option(choice, vocabulary)).collect();
        fields.insert("answerOption".to_owned(), options.into());
    }
    enable(item, all, vocabulary, fields, &mut extensions);
    fields.insert("extension".to_owned(), extensions.into());
    value
}

fn kind_of(kind: &ItemKind) -> &'static str {
    match kind {
        ItemKind::Boolean { .. } => "boolean",
        ItemKind::Choice(_) => "choice",
        ItemKind::Quantity { .. } => "quantity",
        ItemKind::Date { .. } => "date",
        ItemKind::Text { .. } => "string",
    }
}

/// The coding of a choice: its concept, or, where none states it or another choice has the same, its id.
fn choice_coding(choice: &Choice, vocabulary: &Vocabulary) -> Value {
    match &choice.concept {
        Some(concept) if !choice.is_denied => {
            let mut coding = coding(vocabulary, concept);
            if let Some(display) = coding.get_mut("display") {
                *display = (&*choice.name).into();
            }
            coding
        }
        _ => json!({"system": ANSWERS, "code": choice.id, "display": choice.name}),
    }
}

fn option(choice: &Choice, vocabulary: &Vocabulary) -> Value {
    let mut parts = vec![
        part("id", "valueString", &*choice.id),
        part("en", "valueString", &*choice.english),
        part("text", "valueString", &*choice.text),
    ];
    if let Some(concept) = &choice.concept {
        parts.push(part("concept", "valueCode", &**concept));
    }
    if choice.is_denied {
        parts.push(part("denied", "valueBoolean", true));
    }
    json!({
        "extension": [{"url": ANSWER, "extension": parts}],
        "valueCoding": choice_coding(choice, vocabulary),
    })
}

/// The `FHIRPath` for whether the record states a concept.
fn stated(concept: &str) -> String {
    let code = system::TSUMUGI;
    format!(
        "(%observations.entry.resource | %conditions.entry.resource).where(code.coding.where(system = '{code}' and code = \
         '{concept}').exists())"
    )
}

fn initial(item: &Item) -> Option<String> {
    match &item.kind {
        ItemKind::Boolean { concept, .. } => {
            let concept = concept.as_ref()?;
            Some(format!("iif({}.exists(), true, {{}})", stated(concept)))
        }
        ItemKind::Quantity { concept, .. } => {
            let concept = concept.as_ref()?;
            let code = system::TSUMUGI;
            Some(format!(
                "%observations.entry.resource.where(code.coding.where(system = '{code}' and code = \
                 '{concept}').exists()).value.ofType(Quantity).last()"
            ))
        }
        _ => None,
    }
}

/// `enableWhen` where all conditions are answers; an expression where one is a fact, for the two must not stand together.
fn enable(
    item: &Item,
    all: &[&Item],
    vocabulary: &Vocabulary,
    fields: &mut Map<String, Value>,
    extensions: &mut Vec<Value>,
) {
    let has_facts = item
        .enable
        .iter()
        .any(|condition| matches!(condition, Condition::Fact(_)));
    let mut when = Vec::new();
    let mut expressions = Vec::new();
    for condition in &item.enable {
        match condition {
            Condition::Fact(concept) => expressions.push(format!("{}.exists()", stated(concept))),
            Condition::Answer { item: id, answer } => {
                let asked = all.iter().find(|other| other.id == *id);
                let choice = asked.and_then(|asked| match &asked.kind {
                    ItemKind::Choice(choices) => choices.iter().find(|choice| choice.id == *answer),
                    _ => None,
                });
                let mut one = json!({"question": id, "operator": "="});
                let at = format!("%resource.descendants().where(linkId = '{id}').answer.value");
                let (kind, value, expression) = if let Some(choice) = choice {
                    let coding = choice_coding(choice, vocabulary);
                    let code = coding.get("code").and_then(Value::as_str).unwrap_or_default();
                    let expression = format!("{at}.where(code = '{code}').exists()");
                    let coding = json!({"system": coding.get("system"), "code": code});
                    ("answerCoding", coding, expression)
                } else {
                    let is_yes = **answer == *"yes";
                    ("answerBoolean", is_yes.into(), format!("{at} = {is_yes}"))
                };
                if let Some(one) = one.as_object_mut() {
                    one.insert(kind.to_owned(), value);
                }
                when.push(one);
                expressions.push(expression);
            }
        }
    }
    if has_facts {
        let expression = expressions.join(" and ");
        extensions.push(json!({"url": ENABLE, "valueExpression": {
            "language": "text/fhirpath", "expression": expression,
        }}));
    } else if !when.is_empty() {
        fields.insert("enableWhen".to_owned(), when.into());
        fields.insert("enableBehavior".to_owned(), "all".into());
    }
}

fn own_parts(item: &Item) -> Vec<Value> {
    let mut parts = vec![
        part("kana", "valueString", &*item.kana),
        part("en", "valueString", &*item.english),
        part("reason", "valueString", &*item.reason),
    ];
    match &item.kind {
        ItemKind::Boolean { yes, no, .. } => {
            parts.push(part("yes", "valueString", &**yes));
            parts.push(part("no", "valueString", &**no));
        }
        ItemKind::Quantity { text, .. } | ItemKind::Date { text, .. } | ItemKind::Text { text, .. } => {
            parts.push(part("text", "valueString", &**text));
        }
        ItemKind::Choice(_) => {}
    }
    let codes = |url: &'static str, list: &[Arc<str>]| -> Vec<Value> {
        list.iter().map(|code| part(url, "valueCode", &**code)).collect()
    };
    parts.extend(codes("knownBy", &item.known_by));
    parts.extend(codes("tells", &item.tells));
    for kind in &item.known_by_kind {
        let word = match kind {
            FactKind::Allergy => "allergy",
            FactKind::Medication => "medication",
            FactKind::Family => "family",
        };
        parts.push(part("knownByKind", "valueCode", word));
    }
    for why in &item.why {
        parts.push(part("why", "valueCode", word_of(*why)));
    }
    for condition in &item.enable {
        match condition {
            Condition::Fact(concept) => parts.push(part("enableFact", "valueCode", &**concept)),
            Condition::Answer { item, answer } => parts.push(json!({"url": "enableAnswer", "extension": [
                part("item", "valueString", &**item), part("answer", "valueString", &**answer),
            ]})),
        }
    }
    if !item.source.is_empty() {
        parts.push(part("source", "valueString", &*item.source));
    }
    parts.extend(when(&item.when));
    parts
}

pub(super) fn word_of(why: Why) -> &'static str {
    match why {
        Why::Discrimination => "discrimination",
        Why::Safety => "safety",
        Why::Registry => "registry",
        Why::Severity => "severity",
        Why::Treatment => "treatment",
    }
}
