//! Apps at the gate: who stands behind a token, and what happens to an app's grants when the app or a person is shut out.

use super::actor::{Actor, Origin};
use super::rows::{Rows, SystemEntropy};
use super::{Gate, PeopleError};
use std::collections::BTreeSet;
use tsumugi_access::{
    Access, Action, ActiveSession, AppError, AppId, NewApp, Request, Resource, Subject, Token, User, UserId,
};
use tsumugi_records::{AuditEntry, Store};

/// What a request of an app may go by.
#[derive(Debug, Clone)]
pub(crate) struct Bearer {
    /// What the token opens.
    pub(crate) access: Access,
}

impl Gate {
    /// Who stands behind an access token: the person who granted it, or the app's own account. The policy is asked about
    /// that person at each request, without emergency accesses; factors are those of when it was granted.
    pub(crate) fn bearer(&self, token: &str, origin: &Origin) -> Option<(Bearer, Actor)> {
        self.with(|inner, now| {
            let access = inner.grants.look(token, now).filter(|access| access.is_access)?;
            let grant = &access.grant;
            let app = inner.apps.active(&grant.app)?;
            let user = inner.accounts.user(&grant.user).filter(|user| user.active)?;
            let subject = Subject {
                user: user.clone(),
                second_factor: grant.second_factor,
                emergencies: BTreeSet::new(),
            };
            let session = ActiveSession {
                user: user.id.clone(),
                handle: String::new(),
                second_factor: grant.second_factor,
                first_run: false,
            };
            let origin = Origin {
                app: Some(app.id.to_string()),
                ..origin.clone()
            };
            let actor = Actor::new(subject, inner.policies.in_force(), session, origin);
            Some((Bearer { access }, actor))
        })
    }

    /// Registers an app; gives its secret where it has one. An account that works for it must be one that does not
    /// administer.
    pub(crate) fn register_app(
        &self,
        store: &Store,
        new: NewApp,
        entry: AuditEntry,
    ) -> Result<Option<Token>, PeopleError> {
        if let Some(account) = &new.account {
            let is_there = self.with(|inner, _| inner.accounts.user(account).is_some());
            if !is_there {
                return Err(tsumugi_access::AccountError::NotFound(account.clone()).into());
            }
            if self.administers(account) {
                return Err(PeopleError::NotByLink(account.clone()));
            }
        }
        let rows = Rows::new(store, Some(entry));
        Ok(self.with(|inner, now| inner.apps.register(&rows, &mut SystemEntropy, new, now))?)
    }

    /// Lets an app in again, or shuts it out with all that it was granted.
    pub(crate) fn switch_app(
        &self,
        store: &Store,
        (id, active): (&AppId, bool),
        entry: AuditEntry,
    ) -> Result<(), PeopleError> {
        let rows = Rows::new(store, Some(entry));
        self.with(|inner, _| {
            inner.apps.switch(&rows, id, active)?;
            if !active {
                inner.grants.end_app(&rows, id).map_err(AppError::from)?;
            }
            Ok(())
        })
    }

    /// Whether the policy would let a person administer, edit it or review who looked, with two factors.
    pub(super) fn administers(&self, user: &UserId) -> bool {
        let user = self.with(|inner, _| inner.accounts.user(user).cloned());
        user.is_some_and(|user| self.would_administer(user))
    }

    /// The same of a person who may not have an account yet.
    pub(crate) fn would_administer(&self, user: User) -> bool {
        let subject = Subject {
            user,
            second_factor: true,
            emergencies: BTreeSet::new(),
        };
        let policy = self.policy_in_force();
        [Action::Administer, Action::EditPolicy, Action::ReviewAccess]
            .into_iter()
            .any(|action| {
                let asked = Request {
                    subject: &subject,
                    action,
                    resource: Resource::System,
                };
                policy.is_allowed(&asked).allowed
            })
    }
}
