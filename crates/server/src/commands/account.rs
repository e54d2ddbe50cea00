//! `tsumugi account …`: the people who sign in, from the command line of whoever owns the store's folder.

use super::store::Place;
use super::{remark, say};
use crate::access::{Gate, Setting};
use crate::audit;
use anyhow::{Context as _, anyhow};
use serde_json::json;
use std::collections::BTreeSet;
use std::process::ExitCode;
use tsumugi_access::{AccountView, CareTeamId, Token, UserId};
use tsumugi_records::{AuditEntity, AuditEntry, AuditSubtype, Store};

/// Under which name the command line stands in the audit trail.
pub(crate) const OPERATOR: &str = "command-line";

/// What is done.
#[derive(clap::Subcommand)]
pub(crate) enum Account {
    /// Creates an account and prints the path of a link with which the person sets a password, within a day.
    Add {
        /// Name for signing in: a-z, 0-9, `-`, `_`, `.`.
        #[arg(long)]
        user: String,
        /// The person's name as written.
        #[arg(long)]
        name: String,
        /// A role of the policy, e.g. `physician`, `nurse`, `administrator`.
        #[arg(long)]
        role: String,
        /// Department.
        #[arg(long)]
        department: String,
        /// Care team; may be given several times.
        #[arg(long = "team")]
        teams: Vec<String>,
        #[command(flatten)]
        place: Place,
    },
    /// Lists the accounts: a JSON line each.
    List(Place),
    /// Lets a locked person try again.
    Unlock(One),
    /// Takes the right to sign in away; ends the person's sessions.
    Disable(One),
    /// Gives it back.
    Enable(One),
    /// Takes a lost second factor away.
    ResetSecondFactor(One),
    /// Lets the next person of the hospital's own sign-in with this name have the account.
    Unbind(One),
    /// Prints the path of a new link for setting a password.
    SetPassword(One),
}

/// One account.
#[derive(clap::Args)]
pub(crate) struct One {
    /// Name for signing in.
    user: String,
    #[command(flatten)]
    place: Place,
}

/// Runs a command.
pub(crate) fn run(what: &Account) -> anyhow::Result<ExitCode> {
    match what {
        Account::Add {
            user,
            name,
            role,
            department,
            teams,
            place,
        } => {
            let store = place.open()?;
            let gate = gate(&store)?;
            let teams: BTreeSet<CareTeamId> = teams
                .iter()
                .map(|team| CareTeamId::parse(team))
                .collect::<Result<_, _>>()?;
            let user = gate.user((user, name), (role, department), teams)?;
            let id = user.id.clone();
            let entry = entry("add", &id)?;
            let token = gate.add(&store, user, entry)?;
            link(&id, &token)
        }
        Account::List(place) => {
            let store = place.open_reading()?;
            for account in accounts(&store)? {
                say(&row(&account))?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Account::Unlock(one) => on(one, "unlock", |gate, store, id, entry| {
            gate.unlock(store, id, entry)?;
            say(&json!({"user": id, "unlocked": true}).to_string())
        }),
        Account::Disable(one) => on(one, "disable", |gate, store, id, entry| {
            switch(gate, store, (id, false), entry)
        }),
        Account::Enable(one) => on(one, "enable", |gate, store, id, entry| {
            switch(gate, store, (id, true), entry)
        }),
        Account::ResetSecondFactor(one) => on(one, "reset-second-factor", |gate, store, id, entry| {
            if gate.reset_second_factor(store, id, entry.clone())? {
                remark("the password was too short to stand alone and is gone too");
                let token = gate.offer_password(store, id, entry)?;
                return link(id, &token);
            }
            say(&json!({"user": id, "second_factor": false}).to_string())
        }),
        Account::Unbind(one) => on(one, "unbind", |gate, store, id, entry| {
            let rows = crate::access::Rows::new(store, Some(entry));
            let was_bound = gate.with(|inner, _| inner.federation.unbind(&rows, id))?;
            say(&json!({"user": id, "was_bound": was_bound}).to_string())
        }),
        Account::SetPassword(one) => on(one, "set-password", |gate, store, id, entry| {
            let token = gate.offer_password(store, id, entry)?;
            link(id, &token)
        }),
    }
}

/// The gate over a store that no server has open.
pub(super) fn gate(store: &Store) -> anyhow::Result<Gate> {
    Gate::open(store, Setting::default())
}

/// An entry about an account.
fn entry(action: &str, id: &UserId) -> anyhow::Result<AuditEntry> {
    let mut entry = audit::of_name(OPERATOR, AuditSubtype::AccountChange)?;
    entry.entities.push(AuditEntity::Query(format!("{action} {id}")));
    Ok(entry)
}

fn on(
    one: &One,
    action: &str,
    work: impl FnOnce(&Gate, &Store, &UserId, AuditEntry) -> anyhow::Result<ExitCode>,
) -> anyhow::Result<ExitCode> {
    let store = one
        .place
        .open_existing()
        .context("accounts are changed on the page \"users\" while a server runs")?;
    let id = UserId::parse(&one.user)?;
    let entry = entry(action, &id)?;
    work(&gate(&store)?, &store, &id, entry)
}

fn switch(
    gate: &Gate,
    store: &Store,
    (id, active): (&UserId, bool),
    entry: AuditEntry,
) -> anyhow::Result<ExitCode> {
    let view = gate.with(|inner, _| inner.accounts.view_of(id));
    let view = view.ok_or_else(|| anyhow!("user {id}: no such account"))?;
    let user = tsumugi_access::User { active, ..view.user };
    gate.change(store, view.version, user, entry)?;
    say(&json!({"user": id, "active": active}).to_string())
}

fn link(id: &UserId, token: &Token) -> anyhow::Result<ExitCode> {
    say(&json!({"user": id, "set_password": format!("/set-password?token={}", token.reveal())}).to_string())
}

/// The accounts of a store that is open for reading only, beside a running server, too.
fn accounts(store: &Store) -> anyhow::Result<Vec<AccountView>> {
    let rows = crate::access::Rows::new(store, None);
    let rules = Setting::default().lockout;
    Ok(tsumugi_access::Accounts::load(&rows, rules, crate::access::wall())?.list())
}

fn row(account: &AccountView) -> String {
    let user = &account.user;
    json!({
        "user": user.id, "name": user.name, "role": user.role, "department": user.department,
        "teams": user.care_teams, "active": user.active, "locked": account.locked,
        "password": account.has_password, "second_factor": account.has_second_factor,
        "recovery_codes": account.recovery_codes,
    })
    .to_string()
}
