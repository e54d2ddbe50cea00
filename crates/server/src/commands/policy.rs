//! `tsumugi policy …`: the rules of access as files.

use super::account::{OPERATOR, gate};
use super::say;
use super::store::Place;
use crate::access::{Rows, speaks_against, wall};
use crate::audit;
use anyhow::{Context as _, anyhow};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tsumugi_access::{
    Accounts, Policies, Policy, PolicyLoadError, PolicyText, Subject, matrix_text, permission_matrix,
};
use tsumugi_records::{AuditEntity, AuditSubtype, Store};

/// What is done.
#[derive(clap::Subcommand)]
pub(crate) enum PolicyCommand {
    /// Reads rules and prints every mistake with its line; exit code 3 when there is one.
    Check(Files),
    /// Prints the rules in force; with `--matrix` who may do what as a table.
    Show {
        /// Prints who may do what as a table.
        #[arg(long)]
        matrix: bool,
        /// Prints the vocabulary.
        #[arg(long)]
        schema: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Puts rules in force; those with a mistake are refused and the old ones stay. Stop the server first.
    Set {
        #[command(flatten)]
        files: Files,
        /// Why.
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        place: Place,
    },
}

/// The files of a policy.
#[derive(clap::Args)]
pub(crate) struct Files {
    /// The rules, Cedar.
    rules: PathBuf,
    /// The vocabulary, where it is not the one that comes with the program.
    #[arg(long)]
    schema: Option<PathBuf>,
}

impl Files {
    fn read(&self) -> anyhow::Result<PolicyText> {
        let read = |path: &Path| std::fs::read_to_string(path).with_context(|| path.display().to_string());
        Ok(PolicyText {
            rules: read(&self.rules)?,
            schema: match &self.schema {
                Some(path) => read(path)?,
                None => PolicyText::default().schema,
            },
        })
    }
}

/// Runs a command.
pub(crate) fn run(what: &PolicyCommand) -> anyhow::Result<ExitCode> {
    match what {
        PolicyCommand::Check(files) => check(&files.read()?),
        PolicyCommand::Show {
            matrix,
            schema,
            place,
        } => show(&place.open_reading()?, *matrix, *schema),
        PolicyCommand::Set { files, reason, place } => set(&place.open_existing()?, files.read()?, reason),
    }
}

/// Exit code when a policy has a mistake.
const MISTAKEN: u8 = 3;

fn check(text: &PolicyText) -> anyhow::Result<ExitCode> {
    match Policy::read(text) {
        Ok(policy) => say(&json!({"rules": policy.rule_names().len(), "roles": policy.roles()}).to_string()),
        Err(error) => {
            super::complain(&anyhow!("{error}"));
            Ok(ExitCode::from(MISTAKEN))
        }
    }
}

fn show(store: &Store, matrix: bool, schema: bool) -> anyhow::Result<ExitCode> {
    let policies = Policies::load(&Rows::new(store, None))?;
    if matrix {
        return say(matrix_text(&permission_matrix(&policies.in_force())?).trim_end());
    }
    let text = &policies.newest().text;
    say(if schema { &text.schema } else { &text.rules }.trim_end())
}

/// The command line is the operating-system user's: who owns the folder may put rules in force.
fn set(store: &Store, text: PolicyText, reason: &str) -> anyhow::Result<ExitCode> {
    let mut entry = audit::of_name(OPERATOR, AuditSubtype::PolicyChange)?;
    entry.entities.push(AuditEntity::Query(reason.to_owned()));
    let rows = Rows::new(store, Some(entry));
    let mut policies = match Policies::load(&rows) {
        Ok(policies) => policies,
        Err(PolicyLoadError::Mistakes { version, error }) => {
            return Err(anyhow!(
                "version {version} in the store is not read by this program; restore a backup, or start an older \
                 program and mend it there:\n{error}"
            ));
        }
        Err(error) => return Err(error.into()),
    };
    let expected = policies.newest().version;
    if let Some(error) = speaks_against(store, &gate(store)?, &text)? {
        super::complain(&anyhow!("{error}"));
        return Ok(ExitCode::from(MISTAKEN));
    }
    let replaced = policies.replace(&rows, &operator()?, expected, (text, reason), wall());
    match replaced {
        Ok(version) => say(&json!({"version": version}).to_string()),
        Err(error) => {
            super::complain(&anyhow!("{error}"));
            Ok(ExitCode::from(MISTAKEN))
        }
    }
}

/// The operating-system user as the policy sees one: like the visitor of the first run, with both factors. A policy that
/// takes the role `setup` its rights keeps the command line out too.
fn operator() -> anyhow::Result<Subject> {
    let user = Accounts::first_run_user().context("no first user")?;
    Ok(Subject {
        user,
        second_factor: true,
        emergencies: BTreeSet::new(),
    })
}
