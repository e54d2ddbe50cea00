//! Who may do what: accounts, sign-in, sessions, the policy and emergency access.
//!
//! **State machines over values.** Nothing here reads a clock, draws randomness or touches a file: times come in as
//! [`Timestamp`], random bytes through [`Entropy`], and rows go out through [`Storage`], written before they count. No
//! medicine and no store is known here; patients and documents are numbers with the facts that the policy asks about.
//!
//! **Proofs are types.** A session opens only for a [`FirstFactor`], which only a verified password or the hospital's own
//! sign-in makes; it is completed only by a [`SecondFactor`].
//!
//! **One copy of the rules.** `data/policy/default.cedar` is the only place where a rule stands. Single requests
//! ([`Policy::is_allowed`]), lists ([`Filter`]) and the printed matrix ([`permission_matrix`]) all ask Cedar.
//!
//! **Default deny.** What no rule permits is not possible; a rule that fails to evaluate, a label that the schema does not
//! know and a fact of the wrong form deny as well.
#![expect(clippy::doc_markdown, reason = "names of standards and products are no code")]

mod account;
mod apps;
mod attempts;
mod common;
mod emergency;
mod federation;
mod grants;
mod ids;
mod jose;
mod launch;
mod links;
mod password;
mod policy;
mod scopes;
mod secret;
mod session;
mod sign_in;
mod storage;
mod time;
mod totp;

pub use account::{AccountError, AccountView, Accounts, User};
pub use apps::{App, AppError, Apps, Client, ClientError, Given, NewApp, NewAuthentication, assertion_of};
pub use attempts::{AddressGroup, LockoutRules};
pub use common::CommonPasswords;
pub use emergency::{
    EMERGENCY_FOR_AT_MOST, Emergencies, EmergencyAccess, EmergencyError, EmergencyId, Review,
};
pub use federation::{Federation, FederationError};
pub use grants::{
    ACCESS_FOR, Access, BACKEND_FOR, CODE_FOR, CONTEXT_FOR, Challenge, Consent, Grant, GrantError, Grants,
    LaunchContext, Tokens,
};
pub use ids::{
    AppId, CareTeamId, DepartmentId, DocumentId, LONGEST_NAME, Label, NameError, NoteKind, PatientId, Role,
    UserId,
};
pub use jose::{Claims, JwtError, KeySet, KeySetError};
pub use launch::{LAUNCH_FOR_AT_MOST, Launch, LaunchError, LaunchKey, Launches};
pub use links::{FIRST_RUN_FOR, FirstRun, Installation, LinkError, OneTimeLinks, SET_PASSWORD_FOR};
pub use password::{
    AcceptedPassword, Cost, HashError, HashedPassword, Password, PasswordRefused, PasswordRules, Salt,
};
pub use policy::{
    Action, Decision, DocumentFacts, Filter, MatrixRow, Mistake, PatientFacts, Policies, Policy,
    PolicyEditError, PolicyError, PolicyFile, PolicyLoadError, PolicyText, PolicyVersion, Position, Request,
    Resource, Standing, Subject, matrix_text, permission_matrix,
};
pub use scopes::{Interaction, Level, Scopes, Special};
pub use secret::{Entropy, EntropyError, Token};
pub use session::{
    ActiveSession, Activity, PendingSession, SessionError, SessionRules, SessionView, Sessions,
};
pub use sign_in::{FirstFactor, PasswordCheck, PasswordOutcome, SecondFactor, SignInError};
pub use storage::{Kind, MemoryStorage, Storage, StorageError, Write};
pub use time::{Clock, Timestamp};
pub use totp::{Enrolment, RecoveryCodes};
