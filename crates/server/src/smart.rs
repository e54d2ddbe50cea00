//! SMART App Launch 2.2: programs of others ask for access, a person agrees, and tokens open what that person may see.
//!
//! What is granted and what a token is worth is the crate `access`'s affair; here are the addresses. A token is asked
//! three times at each request: whether it holds, whether its scopes reach, and what the policy says of the person behind
//! it. What an app reads stands in the audit trail as the app's, on behalf of that person.
//!
//! | module | what |
//! |---|---|
//! | `discovery` | what is offered, and the key of id tokens |
//! | `asked` | an authorization request, read and checked |
//! | `authorize` | the person agrees, or not |
//! | `consent` | the page for that |
//! | `token` | codes, refresh tokens and assertions become access tokens |
//! | `inspect` | what a token is worth; taking one back |
//! | `client` | which app asks, and why it is refused |
//! | `bearer` | who stands behind a token |
//! | `registration` | how an app is entered |
//! | `cors` | pages of registered apps may ask |

mod asked;
mod authorize;
mod bearer;
mod client;
mod consent;
pub(crate) mod cors;
mod discovery;
mod inspect;
pub(crate) mod registration;
#[cfg(test)]
pub(crate) mod tests;
mod token;

pub(crate) use bearer::admit;

use crate::fhir_api::FHIR;
use crate::web::{App, Ask, Doors};
use std::sync::LazyLock;
use tsumugi_access::{Action, Scopes};

/// What may be granted at all: this server is read only.
static SUPPORTED: LazyLock<Scopes> = LazyLock::new(|| {
    let words = "launch launch/patient openid fhirUser offline_access online_access patient/*.rs user/*.rs system/*.rs";
    Scopes::parse(words).0
});

/// Adds the doors of apps.
pub(crate) fn doors(doors: Doors) -> Doors {
    use Ask::{Nothing, Records};
    doors
        .get("/.well-known/smart-configuration", Nothing, discovery::smart)
        .get("/.well-known/openid-configuration", Nothing, discovery::openid)
        .get(
            "/fhir/R4/.well-known/smart-configuration",
            Nothing,
            discovery::smart,
        )
        .get("/oauth/jwks", Nothing, discovery::keys)
        .get(
            "/oauth/authorize",
            Records(&[Action::Read, Action::Search]),
            authorize::ask,
        )
        .post(
            "/oauth/authorize",
            Records(&[Action::Read, Action::Search]),
            authorize::decide,
        )
        .post("/oauth/token", Nothing, token::give)
        .post("/oauth/introspect", Nothing, inspect::introspect)
        .post("/oauth/revoke", Nothing, inspect::revoke)
}

/// The address under which this server is called.
pub(crate) fn base(app: &App) -> String {
    let host = app.hosts.first().map_or("localhost", String::as_str);
    format!("{}{host}", app.scheme())
}

/// A path of this server under each of its names.
fn everywhere(app: &App, path: &str) -> Vec<String> {
    let scheme = app.scheme();
    app.hosts
        .iter()
        .map(|host| format!("{scheme}{host}{path}"))
        .collect()
}
