//! Signing in, passwords, second factors and accounts. Each leaves its entry in the audit trail before it is told.

use super::rows::{Rows, SystemEntropy};
use super::{Gate, wall};
use crate::audit;
use std::collections::BTreeSet;
use tsumugi_access::{
    AccountError, AccountView, Action, AddressGroup, DepartmentId, Enrolment, EntropyError, FirstFactor,
    HashError, HashedPassword, Label, LinkError, NameError, Password, PasswordRefused, RecoveryCodes,
    Request, Resource, Role, Salt, SessionError, SignInError, StorageError, Subject, Token, User, UserId,
};
use tsumugi_records::{AuditEntry, AuditOutcome, AuditSubtype, Store, StoreError};

/// Who stands in the audit trail for a name that is no account: a password typed into the wrong field stays out of it.
const NOBODY: &str = "unknown";

/// Why something about people was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PeopleError {
    /// Not let in.
    #[error(transparent)]
    SignIn(#[from] SignInError),
    /// The session.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The account.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The new password is refused.
    #[error(transparent)]
    Password(#[from] PasswordRefused),
    /// The password could not be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The link.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// Too many passwords wait to be verified.
    #[error("too many sign in at once")]
    Busy,
    /// Who administers signs in with a password, never by another system's word.
    #[error("{0} administers: no link of another system signs in")]
    NotByLink(UserId),
    /// A name has signs that names do not have.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The schema of the policy knows no such role.
    #[error("role {0}: the policy knows no such role")]
    Role(String),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The app.
    #[error(transparent)]
    App(#[from] tsumugi_access::AppError),
    /// The person of the hospital's own sign-in.
    #[error(transparent)]
    Federation(#[from] tsumugi_access::FederationError),
    /// The rows.
    #[error(transparent)]
    Rows(#[from] StorageError),
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

/// What came of a password.
#[derive(Debug)]
pub(crate) struct Signed {
    /// For the cookie.
    pub(crate) token: Token,
    /// Whether the second factor is wanted before anything opens.
    pub(crate) wants_second: bool,
}

impl Gate {
    /// Verifies a password that was typed at an address: tens of milliseconds.
    fn first_factor(
        &self,
        store: &Store,
        (name, password): (&str, &str),
        group: &AddressGroup,
    ) -> Result<FirstFactor, PeopleError> {
        let rows = Rows::new(store, None);
        let salt = Salt::draw(&mut SystemEntropy)?;
        let password = Password::new(password);
        // Counted when its turn has come, and still before it is verified: who is sent away is no failure.
        let outcome = self.hash(|| -> Result<_, PeopleError> {
            let check = self.with(|inner, now| inner.accounts.begin(&rows, (name, group), now))?;
            Ok(check.run(self.setting.cost, &salt, &password))
        })??;
        Ok(self.with(|inner, now| inner.accounts.finish(&rows, outcome, now))?)
    }

    /// Tells the audit trail how a sign-in ended; what was refused is told too.
    pub(super) fn told<T>(
        &self,
        store: &Store,
        name: &str,
        outcome: Result<T, PeopleError>,
    ) -> Result<T, PeopleError> {
        // Nothing was tried, and strangers do not make the trail grow.
        if matches!(outcome, Err(PeopleError::Busy)) {
            return outcome;
        }
        let known = UserId::parse(name).ok();
        let known = known.filter(|id| self.with(|inner, _| inner.accounts.user(id).is_some()));
        let mut entry = audit::of_name(known.as_ref().map_or(NOBODY, UserId::as_str), AuditSubtype::Login)?;
        if let Err(error) = &outcome {
            entry.outcome = AuditOutcome::MinorFailure;
            entry.outcome_text = Some(error.to_string());
        }
        store.audit_read(&entry)?;
        outcome
    }

    /// Signs in with a password.
    pub(crate) fn sign_in(
        &self,
        store: &Store,
        typed: (&str, &str),
        (client, group): (&str, &AddressGroup),
    ) -> Result<Signed, PeopleError> {
        let name = typed.0;
        let proof = self.first_factor(store, typed, group);
        let proof = self.told(store, name, proof)?;
        self.begin(store, &proof, client)
    }

    pub(super) fn begin(
        &self,
        store: &Store,
        proof: &FirstFactor,
        client: &str,
    ) -> Result<Signed, PeopleError> {
        let rows = Rows::new(store, None);
        let token =
            self.with(|inner, now| inner.sessions.open(&rows, &mut SystemEntropy, proof, client, now))?;
        Ok(Signed {
            token,
            wants_second: proof.needs_second_factor(),
        })
    }

    /// Signs in whom the hospital's own record names in a signed link.
    pub(crate) fn vouch(&self, store: &Store, user: &UserId, client: &str) -> Result<Signed, PeopleError> {
        let proof = if self.administers(user) {
            Err(PeopleError::NotByLink(user.clone()))
        } else {
            let proof = self.with(|inner, _| inner.accounts.vouched(user, false));
            proof.map_err(Into::into)
        };
        let proof = self.told(store, user.as_str(), proof)?;
        self.begin(store, &proof, client)
    }

    /// Takes the second factor of a session that waits for it; gives its new token, and how many recovery codes are left
    /// when it was one.
    pub(crate) fn second_factor(
        &self,
        store: &Store,
        token: &str,
        (typed, group): (&str, &AddressGroup),
    ) -> Result<(Token, Option<usize>), PeopleError> {
        let rows = Rows::new(store, None);
        let pending = self.with(|inner, now| inner.sessions.pending(&rows, token, now))?;
        let given = self.with(|inner, now| {
            let typed = (typed, group);
            inner
                .accounts
                .second_factor(&rows, &pending, typed, (wall(), now))
        });
        let given = self.told(store, pending.user().as_str(), given.map_err(Into::into))?;
        let token = self.with(|inner, now| {
            inner
                .sessions
                .complete(&rows, &mut SystemEntropy, token, &given, now)
        })?;
        Ok((token, given.recovery_codes_left()))
    }

    /// Unlocks a session with the password of its user.
    pub(crate) fn unlock_session(
        &self,
        store: &Store,
        token: &str,
        (password, group): (&str, &AddressGroup),
    ) -> Result<(), PeopleError> {
        let rows = Rows::new(store, None);
        let user = match self.resolve(
            store,
            token,
            tsumugi_access::Activity::Page,
            &super::Origin::default(),
        ) {
            Ok(_) => return Ok(()),
            Err(SessionError::Locked { user }) => user,
            Err(error) => return Err(error.into()),
        };
        let proof = self.first_factor(store, (user.as_str(), password), group);
        let proof = self.told(store, user.as_str(), proof)?;
        Ok(self.with(|inner, now| inner.sessions.unlock(&rows, token, &proof, now))?)
    }

    /// Hashes a new password of a person, when the rules accept it.
    fn new_password(&self, id: &UserId, password: &str) -> Result<HashedPassword, PeopleError> {
        let view = self.with(|inner, _| inner.accounts.view_of(id));
        let view = view.ok_or_else(|| AccountError::NotFound(id.clone()))?;
        let own = [id.as_str(), view.user.name.as_str()];
        let accepted = self
            .passwords
            .check(&own, view.has_second_factor, Password::new(password))?;
        let salt = Salt::draw(&mut SystemEntropy)?;
        Ok(self.hash(|| accepted.hash(self.setting.cost, &salt))??)
    }

    /// Whose password a link sets.
    pub(crate) fn sets_password_of(&self, token: &str) -> Option<UserId> {
        self.with(|inner, now| inner.links.sets_password_of(token, now))
    }

    /// Sets a password through a link; the person's sessions end.
    pub(crate) fn set_password_by_link(
        &self,
        store: &Store,
        token: &str,
        password: &str,
    ) -> Result<UserId, PeopleError> {
        let id = self.sets_password_of(token).ok_or(LinkError::None)?;
        let hashed = self.new_password(&id, password)?;
        let rows = Rows::new(
            store,
            Some(audit::of_name(id.as_str(), AuditSubtype::AccountChange)?),
        );
        self.with(|inner, now| {
            let id = inner.links.redeem_set_password(&rows, token, now)?;
            inner.accounts.set_password(&rows, &id, hashed, now)?;
            inner.sessions.revoke_user(&rows, &id, None)?;
            inner.grants.end_user(&rows, &id)?;
            Ok(id)
        })
    }

    /// Changes one's own password, the present one given; other sessions end.
    pub(crate) fn change_password(
        &self,
        store: &Store,
        (id, session): (&UserId, &str),
        (present, new): (&str, &str),
        group: &AddressGroup,
    ) -> Result<(), PeopleError> {
        self.ask_again(store, (id, present), group)?;
        let hashed = self.new_password(id, new)?;
        let rows = Rows::new(
            store,
            Some(audit::of_name(id.as_str(), AuditSubtype::AccountChange)?),
        );
        self.with(|inner, now| {
            inner.accounts.set_password(&rows, id, hashed, now)?;
            inner.sessions.revoke_user(&rows, id, Some(session))?;
            // What an app was granted in a session of somebody else ends too.
            inner.grants.end_user(&rows, id)?;
            Ok(())
        })
    }

    /// Asks somebody who is signed in for the password once more.
    pub(crate) fn ask_again(
        &self,
        store: &Store,
        (id, present): (&UserId, &str),
        group: &AddressGroup,
    ) -> Result<(), PeopleError> {
        let proof = self.first_factor(store, (id.as_str(), present), group);
        self.told(store, id.as_str(), proof).map(drop)
    }

    /// Begins to enrol a device, the present password given: whoever sits at an unlocked screen could otherwise put an own
    /// device in the place of the person's.
    pub(crate) fn enrol(
        &self,
        store: &Store,
        (id, present): (&UserId, &str),
        (issuer, group): (&str, &AddressGroup),
    ) -> Result<Enrolment, PeopleError> {
        self.ask_again(store, (id, present), group)?;
        let rows = Rows::new(store, None);
        Ok(self.with(|inner, _| {
            inner
                .accounts
                .enrol_second_factor(&rows, &mut SystemEntropy, id, issuer)
        })?)
    }

    /// Confirms a device with its first code; all sessions of the person end, so that each is signed in with both.
    pub(crate) fn confirm(
        &self,
        store: &Store,
        id: &UserId,
        code: &str,
    ) -> Result<RecoveryCodes, PeopleError> {
        let rows = Rows::new(
            store,
            Some(audit::of_name(id.as_str(), AuditSubtype::AccountChange)?),
        );
        self.with(|inner, _| {
            let codes = inner
                .accounts
                .confirm_second_factor(&rows, &mut SystemEntropy, id, code, wall())?;
            inner.sessions.revoke_user(&rows, id, None)?;
            inner.grants.end_user(&rows, id)?;
            Ok(codes)
        })
    }

    /// Reads the particulars of a person, with a role that the policy knows.
    pub(crate) fn user(
        &self,
        (id, name): (&str, &str),
        (role, department): (&str, &str),
        care_teams: BTreeSet<tsumugi_access::CareTeamId>,
    ) -> Result<User, PeopleError> {
        let role = Role::parse(role)?;
        if !self.policy_in_force().roles().contains(&role) || role.as_str() == "setup" {
            return Err(PeopleError::Role(role.to_string()));
        }
        Ok(User {
            id: UserId::parse(id)?,
            name: name.trim().to_owned(),
            role,
            department: DepartmentId::parse(department)?,
            care_teams,
            active: true,
        })
    }

    /// Creates an account; gives the token of the link with which the person sets a password.
    pub(crate) fn add(&self, store: &Store, user: User, entry: AuditEntry) -> Result<Token, PeopleError> {
        let rows = Rows::new(store, Some(audit::changes(entry, None, &user)));
        self.with(|inner, now| {
            let id = user.id.clone();
            inner.accounts.create(&rows, user, now)?;
            Ok(inner
                .links
                .offer_set_password(&rows, &mut SystemEntropy, &id, now)?)
        })
    }

    /// Offers a new link for setting a password.
    pub(crate) fn offer_password(
        &self,
        store: &Store,
        id: &UserId,
        entry: AuditEntry,
    ) -> Result<Token, PeopleError> {
        let rows = Rows::new(store, Some(entry));
        self.with(|inner, now| {
            if inner.accounts.user(id).is_none() {
                return Err(AccountError::NotFound(id.clone()).into());
            }
            Ok(inner
                .links
                .offer_set_password(&rows, &mut SystemEntropy, id, now)?)
        })
    }

    /// Creates the first administrator with a password; the first run ends with it. Where a password is refused, there
    /// is no account either.
    pub(crate) fn first_administrator(
        &self,
        store: &Store,
        user: User,
        password: &str,
    ) -> Result<(), PeopleError> {
        let own = [user.id.as_str(), user.name.as_str()];
        let accepted = self.passwords.check(&own, false, Password::new(password))?;
        let salt = Salt::draw(&mut SystemEntropy)?;
        let hashed = self.hash(|| accepted.hash(self.setting.cost, &salt))??;
        let entry = audit::of_name("setup", AuditSubtype::AccountChange)?;
        let rows = Rows::new(store, Some(audit::changes(entry, None, &user)));
        self.with(|inner, now| {
            let id = user.id.clone();
            inner.accounts.create(&rows, user, now)?;
            inner.accounts.set_password(&rows, &id, hashed, now)?;
            Ok(())
        })
    }

    /// The people who may sign in.
    pub(crate) fn active_users(&self) -> Vec<User> {
        let users = self.accounts().into_iter().map(|view| view.user);
        users.filter(|user| user.active).collect()
    }

    /// The person of an account, by its name.
    pub(crate) fn user_named(&self, account: &str) -> Option<User> {
        let id = UserId::parse(account).ok()?;
        self.with(|inner, _| inner.accounts.user(&id).cloned())
    }

    /// All accounts.
    pub(crate) fn accounts(&self) -> Vec<AccountView> {
        self.with(|inner, _| inner.accounts.list())
    }

    /// Lets a locked person try again.
    pub(crate) fn unlock(&self, store: &Store, id: &UserId, entry: AuditEntry) -> Result<(), PeopleError> {
        let rows = Rows::new(store, Some(entry));
        Ok(self.with(|inner, _| inner.accounts.unlock(&rows, id))?)
    }

    /// Takes a lost second factor away and ends the person's sessions; gives whether a password must be set anew.
    pub(crate) fn reset_second_factor(
        &self,
        store: &Store,
        id: &UserId,
        entry: AuditEntry,
    ) -> Result<bool, PeopleError> {
        let rows = Rows::new(store, Some(entry));
        self.with(|inner, _| {
            let needs = inner.accounts.reset_second_factor(&rows, id)?;
            inner.sessions.revoke_user(&rows, id, None)?;
            inner.grants.end_user(&rows, id)?;
            Ok(needs)
        })
    }

    /// Changes the particulars of a person, made from `expected`; who is no longer active is signed out.
    pub(crate) fn change(
        &self,
        store: &Store,
        expected: u32,
        user: User,
        entry: AuditEntry,
    ) -> Result<(), PeopleError> {
        self.with(|inner, _| {
            let before = inner.accounts.user(&user.id);
            let rows = Rows::new(store, Some(audit::changes(entry, before, &user)));
            let policy = inner.policies.in_force();
            // Who could administer with a second factor is one who administers.
            let administers = |user: &User| {
                let subject = Subject {
                    user: user.clone(),
                    second_factor: true,
                    emergencies: BTreeSet::new(),
                };
                let (action, resource) = (Action::Administer, Resource::System);
                policy
                    .is_allowed(&Request {
                        subject: &subject,
                        action,
                        resource,
                    })
                    .allowed
            };
            let (id, active) = (user.id.clone(), user.active);
            inner.accounts.change(&rows, expected, user, &administers)?;
            if !active {
                inner.sessions.revoke_user(&rows, &id, None)?;
                inner.grants.end_user(&rows, &id)?;
            }
            Ok(())
        })
    }

    /// Whether the policy knows a restriction.
    pub(crate) fn knows_label(&self, label: &str) -> bool {
        Label::parse(label).is_ok_and(|label| self.policy_in_force().labels().contains(&label))
    }
}
