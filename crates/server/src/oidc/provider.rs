//! The provider's addresses and keys, fetched when they are needed and kept; a code becomes verified claims.

use super::client::Url;
use super::settings::{Oidc, Pending, lock};
use crate::web::escape;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::fmt::Write as _;
use std::time::{Duration, Instant};
use tsumugi_access::{Claims, JwtError, KeySet, Timestamp};

/// How long addresses and keys are believed; keys that do not know a token's are fetched sooner.
const KEPT_FOR: Duration = Duration::from_secs(60 * 60);
/// Not sooner than this.
const NOT_SOONER: Duration = Duration::from_secs(10);
/// How far the clocks of two systems may be apart, in seconds.
const APART: i64 = 60;

/// Where the provider is asked.
#[derive(Debug, Clone)]
pub(crate) struct Discovered {
    pub(super) authorize: String,
    token: Url,
    keys: Url,
    since: Instant,
}

/// Its keys.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    set: KeySet,
    since: Instant,
}

/// Why nobody is let in by the provider's word.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    /// The provider could not be asked.
    #[error("the provider cannot be asked: {0:#}")]
    Away(anyhow::Error),
    /// It says another thing than it must.
    #[error("the provider's answer is not right: {0}")]
    Wrong(&'static str),
    /// The id token is not believed.
    #[error("id token: {0}")]
    Token(#[from] JwtError),
    /// A claim is missing or wrong.
    #[error("id token: the claim {0} is missing or not right")]
    Claim(&'static str),
}

impl From<anyhow::Error> for Refused {
    fn from(error: anyhow::Error) -> Self {
        Self::Away(error)
    }
}

impl Oidc {
    /// The provider's addresses (OpenID Connect Discovery 1.0, clause 4).
    pub(super) async fn addresses(&self) -> Result<Discovered, Refused> {
        let kept = lock(&self.discovered).clone();
        if let Some(kept) = kept.filter(|kept| kept.since.elapsed() < KEPT_FOR) {
            return Ok(kept);
        }
        let place = format!(
            "{}/.well-known/openid-configuration",
            self.issuer.trim_end_matches('/')
        );
        let document = self.http.get(&Url::parse(&place)?).await?;
        let text = |name: &str| document.get(name).and_then(Value::as_str);
        // Another issuer's document would send its users, or our secret, elsewhere.
        if text("issuer") != Some(self.issuer.as_str()) {
            return Err(Refused::Wrong(
                "its issuer is not the one of the settings, letter by letter",
            ));
        }
        let missing = || Refused::Wrong("its configuration names no addresses");
        let authorize = text("authorization_endpoint").ok_or_else(missing)?;
        Url::parse(authorize)?;
        let found = Discovered {
            authorize: authorize.to_owned(),
            token: Url::parse(text("token_endpoint").ok_or_else(missing)?)?,
            keys: Url::parse(text("jwks_uri").ok_or_else(missing)?)?,
            since: Instant::now(),
        };
        *lock(&self.discovered) = Some(found.clone());
        Ok(found)
    }

    /// The address at which a person signs in there.
    pub(super) fn leave(
        &self,
        to: &Discovered,
        (callback, state): (&str, &str),
        pending: &Pending,
        challenge: &str,
    ) -> String {
        let mut address = to.authorize.clone();
        let mut sign = if address.contains('?') { '&' } else { '?' };
        for (name, value) in [
            ("response_type", "code"),
            ("client_id", self.client_id.as_str()),
            ("redirect_uri", callback),
            ("scope", "openid profile"),
            ("state", state),
            ("nonce", pending.nonce.as_str()),
            ("code_challenge", challenge),
            ("code_challenge_method", "S256"),
        ] {
            // Writing to a string does not fail.
            let _ = write!(address, "{sign}{name}={}", escape(value));
            sign = '&';
        }
        address
    }

    /// Redeems a code and verifies what the provider says of the person.
    pub(super) async fn redeem(
        &self,
        (code, callback): (&str, &str),
        pending: &Pending,
        now: Timestamp,
    ) -> Result<Claims, Refused> {
        let to = self.addresses().await?;
        let mut form = format!(
            "grant_type=authorization_code&code={}&redirect_uri={}&code_verifier={}",
            escape(code),
            escape(callback),
            escape(&pending.verifier)
        );
        let basic = self.secret.as_ref().map(|secret| {
            let pair = format!("{}:{}", escape(&self.client_id), escape(secret));
            format!("Basic {}", STANDARD.encode(pair))
        });
        if basic.is_none() {
            // Writing to a string does not fail.
            let _ = write!(form, "&client_id={}", escape(&self.client_id));
        }
        let answer = self.http.post(&to.token, basic, form).await?;
        let token = answer.get("id_token").and_then(Value::as_str);
        let token = token.ok_or(Refused::Wrong("there is no id_token in it"))?;
        let claims = self.verify(&to, token).await?;
        self.check(&claims, pending, now)?;
        Ok(claims)
    }

    /// Verifies the signature; keys that do not know the token's are fetched anew once.
    async fn verify(&self, to: &Discovered, token: &str) -> Result<Claims, Refused> {
        let keys = self.keys(to, KEPT_FOR).await?;
        match keys.verify(token) {
            Err(JwtError::UnknownKey) => Ok(self.keys(to, NOT_SOONER).await?.verify(token)?),
            verified => Ok(verified?),
        }
    }

    async fn keys(&self, to: &Discovered, not_older: Duration) -> Result<KeySet, Refused> {
        let kept = lock(&self.keys).clone();
        if let Some(kept) = kept.filter(|kept| kept.since.elapsed() < not_older) {
            return Ok(kept.set);
        }
        let document = self.http.get(&to.keys).await?;
        let set = KeySet::parse(&document.to_string()).map_err(anyhow::Error::from)?;
        let since = Instant::now();
        *lock(&self.keys) = Some(Keys {
            set: set.clone(),
            since,
        });
        Ok(set)
    }

    /// OpenID Connect Core 1.0, clause 3.1.3.7.
    fn check(&self, claims: &Claims, pending: &Pending, now: Timestamp) -> Result<(), Refused> {
        let holds = |is: bool, name| is.then_some(()).ok_or(Refused::Claim(name));
        holds(claims.text("iss") == Some(self.issuer.as_str()), "iss")?;
        let audience = claims.texts("aud");
        holds(audience.contains(&self.client_id.as_str()), "aud")?;
        let azp = claims.text("azp");
        holds(audience.len() == 1 || azp.is_some(), "azp")?;
        holds(azp.is_none_or(|azp| azp == self.client_id), "azp")?;
        let (exp, iat) = (claims.seconds("exp"), claims.seconds("iat"));
        holds(exp.is_some_and(|exp| exp > now.get()), "exp")?;
        holds(
            iat.is_some_and(|iat| iat <= now.get().saturating_add(APART)),
            "iat",
        )?;
        let nbf = claims.seconds("nbf");
        holds(
            nbf.is_none_or(|nbf| nbf <= now.get().saturating_add(APART)),
            "nbf",
        )?;
        holds(claims.text("nonce") == Some(pending.nonce.as_str()), "nonce")?;
        holds(claims.text("sub").is_some_and(|sub| !sub.is_empty()), "sub")
    }
}
