//! What is wrong: a place, a rule, a severity, a sentence in Japanese and in English.

use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::{Value, json};
use std::sync::Arc;
use tsumugi_tables::{Mistake, Source, Table};

/// Errors that are told of one resource, and as many remarks; the rest is counted.
pub const MOST_ISSUES: usize = 1_000;
/// Longest value of a resource that a sentence repeats, in characters.
const LONGEST_VALUE: usize = 120;
/// Address of the extension of an issue with rule and profile.
const RULE: &str = "https://tsumugi.example.org/fhir/StructureDefinition/validation-rule";

/// How grave an issue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The resource is not valid.
    Error,
    /// A rule that should hold is broken.
    Warning,
    /// Something was not checked, or is worth knowing.
    Information,
}

impl Severity {
    /// The code of FHIR.
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Information => "information",
        }
    }

    fn named(word: &str) -> Option<Self> {
        [Self::Error, Self::Warning, Self::Information]
            .into_iter()
            .find(|severity| severity.word() == word)
    }
}

/// An issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// How grave.
    pub severity: Severity,
    /// Type of issue of FHIR (`required`, `value`, `code-invalid`, `invariant`, `structure`, `not-found`,
    /// `not-supported`, `too-costly`, `informational`).
    pub code: String,
    /// `cardinality`, `fixed`, `pattern`, `slice`, `binding`, `length`, `type`, `reference`, `profile`, `json`,
    /// `unknown`, `limit`, or the key of a constraint.
    pub rule: String,
    /// Row of `data/fhir/issue_texts.tsv`.
    pub key: &'static str,
    /// FHIRPath of the element.
    pub place: String,
    /// Address and version of the profile whose rule it is; none for R4's own.
    pub profile: Option<Arc<str>>,
    /// Japanese.
    pub ja: String,
    /// English.
    pub en: String,
    /// Something could not be checked.
    pub is_unchecked: bool,
}

/// What was found in one resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// As they were found, at most [`MOST_ISSUES`] errors and as many remarks.
    pub issues: Vec<Issue>,
}

impl Report {
    /// Whether no issue is an error.
    pub fn is_valid(&self) -> bool {
        self.issues.iter().all(|issue| issue.severity != Severity::Error)
    }

    /// Whether everything could be checked.
    pub fn is_whole(&self) -> bool {
        self.issues.iter().all(|issue| !issue.is_unchecked)
    }

    /// An OperationOutcome with the issues that are wanted; one that says that all is well where there are none.
    pub fn outcome(&self, is_wanted: impl Fn(&Issue) -> bool) -> Value {
        let issues: Vec<Value> = self
            .issues
            .iter()
            .filter(|issue| is_wanted(issue))
            .map(outcome_of)
            .collect();
        if issues.is_empty() {
            return json!({"resourceType": "OperationOutcome",
                "issue": [{"severity": "information", "code": "informational"}]});
        }
        json!({"resourceType": "OperationOutcome", "issue": issues})
    }
}

fn outcome_of(issue: &Issue) -> Value {
    let mut parts = vec![json!({"url": "rule", "valueCode": issue.rule})];
    if let Some(profile) = &issue.profile {
        parts.push(json!({"url": "profile", "valueCanonical": profile}));
    }
    let translation = "http://hl7.org/fhir/StructureDefinition/translation";
    json!({
        "extension": [{"url": RULE, "extension": parts}],
        "severity": issue.severity.word(),
        "code": issue.code,
        "details": {
            "text": issue.en,
            "_text": {"extension": [{"url": translation, "extension": [
                {"url": "lang", "valueCode": "ja"},
                {"url": "content", "valueString": issue.ja},
            ]}]},
        },
        "expression": [issue.place],
    })
}

/// The sentences.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    rows: FxHashMap<Box<str>, Text>,
}

#[derive(Debug)]
struct Text {
    severity: Severity,
    code: Box<str>,
    rule: Box<str>,
    ja: Box<str>,
    en: Box<str>,
}

impl Texts {
    /// Reads the table.
    pub(crate) fn read(sources: &[Source<'_>], mistakes: &mut Vec<Mistake>) -> Self {
        let path = "fhir/issue_texts.tsv";
        let mut texts = Self::default();
        let Some(source) = sources.iter().find(|source| source.path == path) else {
            mistakes.push(Mistake::new(path, 1, "the table is missing"));
            return texts;
        };
        for row in Table::parse(*source, mistakes).rows() {
            let text = Text {
                severity: Severity::named(row.get("severity")).unwrap_or(Severity::Error),
                code: row.get("code").into(),
                rule: row.get("rule").into(),
                ja: row.get("ja").into(),
                en: row.get("en").into(),
            };
            texts.rows.insert(row.get("key").into(), text);
        }
        texts
    }

    fn severity(&self, found: &Found) -> Severity {
        let usual = self.rows.get(found.key).map(|text| text.severity);
        found.severity.or(usual).unwrap_or(Severity::Error)
    }

    fn issue(&self, found: Found) -> Issue {
        let text = self.rows.get(found.key);
        let fill = |text: Option<&Text>, of: fn(&Text) -> &str| {
            let mut filled = text.map_or(found.key, of).to_owned();
            for (name, value) in &found.values {
                filled = filled.replace(&format!("{{{name}}}"), value);
            }
            filled
        };
        Issue {
            severity: self.severity(&found),
            code: text.map_or("invalid", |text| &text.code).to_owned(),
            rule: found
                .rule
                .as_deref()
                .or(text.map(|text| &*text.rule))
                .unwrap_or_default()
                .to_owned(),
            key: found.key,
            ja: fill(text, |text| &text.ja),
            en: fill(text, |text| &text.en),
            place: found.place,
            profile: found.profile,
            is_unchecked: found.key.ends_with("unchecked") || found.key == "profile-unknown",
        }
    }
}

/// An issue before its sentence is made.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Found {
    pub(crate) key: &'static str,
    pub(crate) place: String,
    pub(crate) profile: Option<Arc<str>>,
    pub(crate) rule: Option<Box<str>>,
    pub(crate) severity: Option<Severity>,
    pub(crate) values: Vec<(&'static str, String)>,
}

impl Found {
    /// An issue with what its row says of it.
    pub(crate) fn new(key: &'static str, place: String, values: Vec<(&'static str, String)>) -> Self {
        Self {
            key,
            place,
            profile: None,
            rule: None,
            severity: None,
            values,
        }
    }
}

/// The issues of one resource while it is looked at.
#[derive(Debug, Default)]
pub(crate) struct Issues {
    list: Vec<Found>,
    seen: FxHashSet<Found>,
    errors: Told,
    remarks: Told,
}

/// How many were told, and how many more there are.
#[derive(Debug, Default, Clone, Copy)]
struct Told {
    told: usize,
    more: usize,
}

impl Issues {
    /// Notes an issue; the same at the same place once, whichever profile says it.
    pub(crate) fn push(&mut self, texts: &Texts, found: Found) {
        let plain = Found {
            profile: None,
            ..found.clone()
        };
        if !self.seen.insert(plain) {
            return;
        }
        let is_error = texts.severity(&found) == Severity::Error;
        let count = if is_error {
            &mut self.errors
        } else {
            &mut self.remarks
        };
        if count.told < MOST_ISSUES {
            count.told += 1;
            self.list.push(found);
        } else {
            count.more += 1;
        }
    }

    /// The first error, where there is one.
    pub(crate) fn first_error(&self, texts: &Texts) -> Option<&Found> {
        self.list
            .iter()
            .find(|found| texts.severity(found) == Severity::Error)
    }

    /// The report.
    pub(crate) fn report(self, texts: &Texts) -> Report {
        let mut issues: Vec<Issue> = self.list.into_iter().map(|found| texts.issue(found)).collect();
        for (key, count) in [("too-many", self.errors), ("too-many-remarks", self.remarks)] {
            if count.more > 0 {
                let values = vec![("found", count.more.to_string())];
                issues.push(texts.issue(Found::new(key, String::new(), values)));
            }
        }
        Report { issues }
    }
}

/// A value as a sentence repeats it: short, on one line.
pub(crate) fn shown(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut short: String = text.chars().take(LONGEST_VALUE).collect();
    if short.len() < text.len() {
        short.push_str("...");
    }
    short.replace(['\n', '\r', '\t'], " ")
}
