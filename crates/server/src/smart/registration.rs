//! How an app is entered: from a form or the command line.

use crate::access::PeopleError;
use tsumugi_access::{AppError, AppId, NewApp, NewAuthentication, Scopes, UserId};

/// The fields as they are typed.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Typed {
    /// Id of the app (`client_id`): a-z, 0-9, `-`, `_`, `.`.
    #[arg(long)]
    pub(crate) id: String,
    /// Its name, as people are shown it.
    #[arg(long)]
    pub(crate) name: String,
    /// Addresses for codes, parted by blanks; compared letter by letter.
    #[arg(long = "redirect", default_value = "", hide_default_value = true)]
    pub(crate) redirects: String,
    /// Address where the app is started from a patient's page.
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) launch: String,
    /// Scopes that it may be granted at most, parted by blanks, e.g. `launch openid fhirUser patient/*.rs`.
    #[arg(long)]
    pub(crate) scopes: String,
    /// How it shows that it is itself: `public`, `secret` (one is drawn) or `keys` (it signs; give its JWK set).
    #[arg(long, value_parser = ["public", "secret", "keys"])]
    pub(crate) kind: String,
    /// Account under whose rights it reads when nobody is there (`system/` scopes).
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) account: String,
}

/// Reads the fields.
///
/// # Errors
/// A name with signs that names do not have, scopes that are none of ours. The rest is checked when it is registered.
pub(crate) fn new_app(typed: &Typed, jwks: &str) -> Result<NewApp, PeopleError> {
    let (scopes, unknown) = Scopes::parse(&typed.scopes);
    if !unknown.is_empty() {
        return Err(AppError::Scopes(unknown.join(" ")).into());
    }
    let account = typed.account.trim();
    let account = if account.is_empty() {
        None
    } else {
        Some(UserId::parse(account)?)
    };
    let launch = typed.launch.trim();
    Ok(NewApp {
        id: AppId::parse(typed.id.trim())?,
        name: typed.name.clone(),
        redirects: typed
            .redirects
            .split_ascii_whitespace()
            .map(str::to_owned)
            .collect(),
        launch: (!launch.is_empty()).then(|| launch.to_owned()),
        scopes,
        authentication: match typed.kind.as_str() {
            "secret" => NewAuthentication::Secret,
            "keys" => NewAuthentication::Keys(jwks.to_owned()),
            _ => NewAuthentication::Public,
        },
        account,
    })
}
