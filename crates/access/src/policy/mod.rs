//! The policy: rules written in Cedar, validated against the schema before they are used.
//!
//! Cedar (<https://www.cedarpolicy.com>) evaluates; this module reads, validates, asks and filters.
//!
//! **Why the shape of the schema is fixed.** A site may add roles, labels and kinds of note, nothing else. The program
//! knows therefore which facts a rule can ask about, and [`Filter`] can leave out those that cannot matter.

mod decide;
mod facts;
mod filter;
mod matrix;
mod mistakes;
mod schema;
mod versions;

pub use decide::{Decision, Request, Resource};
pub use facts::{Action, DocumentFacts, PatientFacts, Subject};
pub use filter::Filter;
pub use matrix::{MatrixRow, Standing, matrix_text, permission_matrix};
pub use mistakes::{Mistake, PolicyError, PolicyFile, Position};
pub use versions::{Policies, PolicyEditError, PolicyLoadError, PolicyVersion};

use crate::ids::{Label, NoteKind, Role};
use cedar_policy::{Authorizer, Entities, PolicyId, PolicySet, ValidationMode, Validator};
use decide::Literals;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr as _;

const DEFAULT_SCHEMA: &str = include_str!("../../../../data/policy/schema.cedarschema");
const DEFAULT_RULES: &str = include_str!("../../../../data/policy/default.cedar");

/// Longest text of rules or schema, in bytes.
const LONGEST_TEXT: usize = 1 << 20;

/// The two texts of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyText {
    /// The vocabulary: `schema.cedarschema`.
    pub schema: String,
    /// The rules: `default.cedar`.
    pub rules: String,
}

impl Default for PolicyText {
    /// The texts that come with the program.
    fn default() -> Self {
        Self {
            schema: DEFAULT_SCHEMA.to_owned(),
            rules: DEFAULT_RULES.to_owned(),
        }
    }
}

/// A policy that was read and validated.
#[derive(Debug)]
pub struct Policy {
    schema: schema::SiteSchema,
    rules: PolicySet,
    /// The `@id` of every rule.
    names: BTreeMap<PolicyId, String>,
    /// Entities that a rule names itself.
    literals: Literals,
    authorizer: Authorizer,
    /// Each action with its groups.
    actions: BTreeMap<Action, Entities>,
}

impl Policy {
    /// Reads and validates a policy.
    ///
    /// # Errors
    /// All mistakes found, each with its place: syntax, a name that the schema does not know, a type that does not fit, a
    /// rule that can never apply, a rule without a name of its own, a template.
    pub fn read(text: &PolicyText) -> Result<Self, PolicyError> {
        for (file, text) in [
            (PolicyFile::Schema, &text.schema),
            (PolicyFile::Rules, &text.rules),
        ] {
            if text.len() > LONGEST_TEXT {
                return Err(PolicyError::one(file, "the text is longer than 1 MiB"));
            }
        }
        let schema = schema::SiteSchema::read(&text.schema)?;
        let rules =
            PolicySet::from_str(&text.rules).map_err(|errors| mistakes::of_syntax(&text.rules, &errors))?;
        let names = mistakes::names_of(&text.rules, &rules)?;
        let validator = Validator::new(schema.cedar.clone());
        let validated = validator.validate(&rules, ValidationMode::Strict);
        mistakes::of_validation(&text.rules, &names, &validated)?;
        let literals = Literals::read(&text.rules, &names, &rules)?;
        let actions = decide::actions_of(&schema.cedar)
            .map_err(|message| PolicyError::one(PolicyFile::Schema, &message))?;
        Ok(Self {
            schema,
            rules,
            names,
            literals,
            authorizer: Authorizer::new(),
            actions,
        })
    }

    /// The roles of the site, in the order of the schema.
    pub fn roles(&self) -> &[Role] {
        &self.schema.roles
    }

    /// The kinds of restriction of the site, in the order of the schema.
    pub fn labels(&self) -> &[Label] {
        &self.schema.labels
    }

    /// The kinds of note of the site, in the order of the schema.
    pub fn note_kinds(&self) -> &[NoteKind] {
        &self.schema.kinds
    }

    /// The names of the rules.
    pub fn rule_names(&self) -> BTreeSet<&str> {
        self.names.values().map(String::as_str).collect()
    }
}
