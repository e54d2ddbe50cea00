//! Who comes from the hospital's own sign-in (OpenID Connect), whose word the server has verified.

use super::Gate;
use super::people::{PeopleError, Signed};
use super::rows::Rows;
use crate::audit;
use std::collections::BTreeSet;
use tsumugi_access::{FirstFactor, SignInError, UserId};
use tsumugi_records::{AuditEntity, AuditSubtype, Store};

/// What the hospital's sign-in says of a person.
#[derive(Debug, Clone)]
pub(crate) struct Vouched {
    /// Who says it.
    pub(crate) issuer: String,
    /// The person there; never given to another.
    pub(crate) subject: String,
    /// The claim that names the account here.
    pub(crate) account: String,
    /// The person's name as written.
    pub(crate) name: Option<String>,
    /// Whether two factors were given there.
    pub(crate) two_factors: bool,
}

/// What a person who has no account yet becomes.
#[derive(Debug, Clone)]
pub(crate) struct Newcomers {
    /// Role; none that administers.
    pub(crate) role: String,
    /// Department.
    pub(crate) department: String,
}

impl Gate {
    /// Signs in whom the hospital's sign-in vouches for. The first time binds the account to that person. Who administers
    /// must have given two factors, there or here.
    ///
    /// # Errors
    /// Why the person is not let in.
    pub(crate) fn federated(
        &self,
        store: &Store,
        who: &Vouched,
        newcomers: Option<&Newcomers>,
        client: &str,
    ) -> Result<Signed, PeopleError> {
        let proof = self.proof(store, who, newcomers);
        let proof = self.told(store, &who.account, proof)?;
        self.begin(store, &proof, client)
    }

    fn proof(
        &self,
        store: &Store,
        who: &Vouched,
        newcomers: Option<&Newcomers>,
    ) -> Result<FirstFactor, PeopleError> {
        let id = UserId::parse(&who.account)?;
        let is_there = self.with(|inner, _| inner.accounts.user(&id).is_some());
        match (is_there, newcomers) {
            (true, _) => {}
            (false, None) => return Err(SignInError::Wrong.into()),
            (false, Some(newcomers)) => self.create(store, &id, who, newcomers)?,
        }
        let proof = self.with(|inner, _| inner.accounts.vouched(&id, who.two_factors))?;
        if self.administers(&id) && !who.two_factors && !proof.needs_second_factor() {
            return Err(PeopleError::NotByLink(id));
        }
        let rows = Rows::new(store, None);
        let person = (who.issuer.as_str(), who.subject.as_str());
        // Who has not shown the second factor yet binds nothing: the rightful person would be shut out.
        self.with(|inner, _| {
            if proof.needs_second_factor() {
                inner.federation.check(&id, person)
            } else {
                inner.federation.bind(&rows, &id, person)
            }
        })?;
        Ok(proof)
    }

    fn create(
        &self,
        store: &Store,
        id: &UserId,
        who: &Vouched,
        newcomers: &Newcomers,
    ) -> Result<(), PeopleError> {
        let name = who.name.as_deref().unwrap_or(id.as_str());
        let role = (newcomers.role.as_str(), newcomers.department.as_str());
        let user = self.user((id.as_str(), name), role, BTreeSet::new())?;
        if self.would_administer(user.clone()) {
            return Err(PeopleError::NotByLink(id.clone()));
        }
        let mut entry = audit::of_name("server", AuditSubtype::AccountChange)?;
        let what = format!("add {id} as {} by {}", newcomers.role, who.issuer);
        entry.entities.push(AuditEntity::Query(what));
        let rows = Rows::new(store, Some(entry));
        Ok(self.with(|inner, now| inner.accounts.create(&rows, user, now))?)
    }
}
