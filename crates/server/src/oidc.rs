//! OpenID Connect: who signs in at the hospital's own provider signs in here (authorization code, PKCE, nonce, state).
//!
//! The state of a sign-in is in memory, for ten minutes, and bound to the browser by a cookie; it is used once, whatever
//! comes of it. The id token is believed when its signature, issuer, audience, times and nonce are right
//! (OpenID Connect Core 1.0, clause 3.1.3.7), and an account belongs to one subject there for good.
//!
//! | module | what |
//! |---|---|
//! | `settings` | the file that `serve --oidc` names |
//! | `client` | asking the provider over HTTP |
//! | `provider` | its addresses and keys; a code becomes verified claims |
//! | `pages` | leaving for the provider and coming back |

mod client;
mod pages;
mod provider;
mod settings;
#[cfg(test)]
mod tests;

pub(crate) use settings::Oidc;

use crate::web::{Ask, Doors};

/// Adds the doors of the hospital's own sign-in.
pub(crate) fn doors(doors: Doors) -> Doors {
    doors.get("/oidc/sign-in", Ask::Nothing, pages::leave).get(
        "/oidc/callback",
        Ask::Nothing,
        pages::come_back,
    )
}
