//! Mistakes of a policy, each with its line: what an administrator reads who has just changed it.

use cedar_policy::{CedarSchemaError, ParseErrors, PolicyId, PolicySet, ValidationResult};
use miette::Diagnostic;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use thiserror::Error;

/// Which of the two texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PolicyFile {
    /// The schema.
    Schema,
    /// The rules.
    Rules,
}

impl fmt::Display for PolicyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Schema => "schema",
            Self::Rules => "rules",
        })
    }
}

/// A place in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl Position {
    fn of_byte(text: &str, byte: usize) -> Self {
        let before = text.get(..byte).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        let in_line = before.get(line_start..).unwrap_or("");
        Self {
            line: before.matches('\n').count() as u32 + 1,
            column: in_line.chars().count() as u32 + 1,
        }
    }
}

/// A mistake.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// In which text.
    pub file: PolicyFile,
    /// Where; none when it is about the whole.
    pub position: Option<Position>,
    /// The rule's name, where it has one.
    pub rule: Option<String>,
    /// What is wrong, and Cedar's advice.
    pub message: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some(Position { line, column }) = self.position {
            write!(f, ":{line}:{column}")?;
        }
        if let Some(rule) = &self.rule {
            write!(f, " ({rule})")?;
        }
        write!(f, ": {}", self.message)
    }
}

/// A policy that is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct PolicyError {
    /// All mistakes, in the order of their places; one at least.
    pub mistakes: Vec<Mistake>,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.mistakes.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{mistake}")?;
        }
        Ok(())
    }
}

impl PolicyError {
    pub(super) fn one(file: PolicyFile, message: &str) -> Self {
        let message = message.to_owned();
        Self {
            mistakes: vec![Mistake {
                file,
                position: None,
                rule: None,
                message,
            }],
        }
    }

    /// A mistake at the first place where `part` stands.
    pub(super) fn at(file: PolicyFile, text: &str, part: &str, message: &str) -> Self {
        let mut error = Self::one(file, message);
        for mistake in &mut error.mistakes {
            mistake.position = text.find(part).map(|byte| Position::of_byte(text, byte));
        }
        error
    }
}

/// Reads a diagnostic of Cedar: its place, its message, its advice.
fn mistake_of(file: PolicyFile, text: &str, diagnostic: &dyn Diagnostic) -> Mistake {
    let labels: Vec<_> = diagnostic.labels().into_iter().flatten().collect();
    let first = labels.iter().min_by_key(|label| label.offset());
    let mut message = diagnostic.to_string();
    let detail = labels.iter().find_map(|label| label.label());
    // Of two names that are equally near, Cedar suggests now one, now the other; the same text must be told the same.
    let help = diagnostic.help().map(|help| help.to_string());
    let help = help.filter(|help| !help.starts_with("did you mean"));
    for more in detail
        .map(str::to_owned)
        .into_iter()
        .chain(help)
        .filter(|more| !more.is_empty())
    {
        message = format!("{message}; {more}");
    }
    Mistake {
        file,
        position: first.map(|label| Position::of_byte(text, label.offset())),
        rule: None,
        message,
    }
}

fn all_or_nothing(mut mistakes: Vec<Mistake>) -> Result<(), PolicyError> {
    mistakes.sort();
    mistakes.dedup();
    if mistakes.is_empty() {
        Ok(())
    } else {
        Err(PolicyError { mistakes })
    }
}

pub(super) fn of_syntax(text: &str, errors: &ParseErrors) -> PolicyError {
    let mut mistakes: Vec<Mistake> = errors
        .iter()
        .map(|error| mistake_of(PolicyFile::Rules, text, error))
        .collect();
    mistakes.sort();
    PolicyError { mistakes }
}

pub(super) fn of_schema(text: &str, error: &CedarSchemaError) -> PolicyError {
    PolicyError {
        mistakes: vec![mistake_of(PolicyFile::Schema, text, error)],
    }
}

/// The `@id` of every rule.
///
/// # Errors
/// A rule without one, two with the same, a template.
pub(super) fn names_of(text: &str, rules: &PolicySet) -> Result<BTreeMap<PolicyId, String>, PolicyError> {
    let mut mistakes = Vec::new();
    let mut names = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for rule in rules.policies() {
        let written = rule.to_string();
        let place = |text: &str| {
            let byte = text.find(written.trim())?;
            Some(Position::of_byte(text, byte))
        };
        let mut wrong = |rule: Option<&str>, message: &str| {
            mistakes.push(Mistake {
                file: PolicyFile::Rules,
                position: place(text),
                rule: rule.map(str::to_owned),
                message: message.to_owned(),
            });
        };
        match rule.annotation("id") {
            None | Some("") => wrong(None, "the rule has no name; write @id(\"...\") above it"),
            Some(name) if !seen.insert(name.to_owned()) => {
                wrong(Some(name), "another rule has this name too");
            }
            Some(name) => {
                names.insert(rule.id().clone(), name.to_owned());
            }
        }
    }
    for template in rules.templates() {
        mistakes.push(Mistake {
            file: PolicyFile::Rules,
            position: text
                .find(template.to_string().trim())
                .map(|byte| Position::of_byte(text, byte)),
            rule: template.annotation("id").map(str::to_owned),
            message: "a rule with ?principal or ?resource is a template; name the user or role itself"
                .to_owned(),
        });
    }
    all_or_nothing(mistakes).map(|()| names)
}

/// What the validator says. Its warnings are mistakes too: a rule that can never apply is not what was meant. They are told
/// of rules without errors only, where they say nothing new.
pub(super) fn of_validation(
    text: &str,
    names: &BTreeMap<PolicyId, String>,
    validated: &ValidationResult,
) -> Result<(), PolicyError> {
    let read = |id: &PolicyId, diagnostic: &dyn Diagnostic| {
        let mut mistake = mistake_of(PolicyFile::Rules, text, diagnostic);
        mistake.rule = names.get(id).cloned();
        // Cedar calls rules by their order; ours have names.
        if let Some((_, message)) = mistake.message.split_once(&format!("for policy `{id}`")) {
            mistake.message = message.trim_start_matches([',', ':', ' ']).to_owned();
        }
        mistake
    };
    let wrong: BTreeSet<&PolicyId> = validated
        .validation_errors()
        .map(cedar_policy::ValidationError::policy_id)
        .collect();
    let errors = validated
        .validation_errors()
        .map(|error| read(error.policy_id(), error));
    let warnings = validated
        .validation_warnings()
        .filter(|warning| !wrong.contains(warning.policy_id()))
        .map(|warning| read(warning.policy_id(), warning));
    all_or_nothing(errors.chain(warnings).collect())
}
