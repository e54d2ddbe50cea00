//! Two apps for `cargo xtask api`: one that a physician lets in, which reads by its token, and one that is there to be
//! switched. Both are registered on the page, as an administrator does.

use crate::site::{Person, Site};
use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The app that is let in.
const APP: &str = "probe";
/// Where its codes go; nobody listens there.
pub(crate) const REDIRECT: &str = "https://app.example/done";
/// All that it may be granted.
const SCOPES: &str = "launch launch/patient openid fhirUser offline_access patient/*.rs user/*.rs";
/// What the app keeps for itself at an authorization (RFC 7636, appendix B).
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// The app that is let in.
#[derive(Debug)]
pub(crate) struct Probe {
    basic: String,
}

/// What was granted.
#[derive(Debug)]
pub(crate) struct Granted {
    /// Opens what the person may see, for a quarter of an hour.
    pub(crate) access: String,
    /// Gets the next tokens, once.
    pub(crate) refresh: String,
}

impl Probe {
    /// Registers the apps.
    ///
    /// # Errors
    /// When the page does not do what it is told.
    pub(crate) fn register(site: &Site, administrator: &Person) -> Result<Self> {
        let scopes = encoded(SCOPES);
        let (redirect, launch) = (encoded(REDIRECT), encoded("https://app.example/launch"));
        for (id, kind) in [("probe-2", "public"), (APP, "secret")] {
            let form =
                format!("id={id}&name={id}&redirects={redirect}&launch={launch}&scopes={scopes}&kind={kind}");
            let answer = site.post("/apps", &administrator.header, &form)?;
            ensure!(
                answer.status == 200 || answer.status == 303,
                "app {id} was not registered: {}",
                answer.head
            );
            if kind == "secret" {
                let secret = answer
                    .body
                    .split("class=\"secret\">")
                    .nth(1)
                    .and_then(|rest| rest.split('<').next());
                let secret = secret.context("no secret of an app")?;
                let basic = STANDARD.encode(format!("{APP}:{secret}"));
                return Ok(Self { basic });
            }
        }
        anyhow::bail!("no app with a secret")
    }

    /// The app as it asks for tokens.
    pub(crate) fn client(&self) -> Person {
        Person {
            role: "client",
            header: format!("Authorization: Basic {}", self.basic),
        }
    }

    /// What it gets when a physician agrees, for a patient; id token and context are looked at.
    ///
    /// # Errors
    /// When nothing is granted.
    pub(crate) fn granted(&self, site: &Site, physician: &Person, patient: usize) -> Result<Granted> {
        let form = format!("{}&patient={patient}&decision=allow", request(site));
        let answer = site.post("/oauth/authorize", &physician.header, &form)?;
        let code = answer
            .head
            .split("code=")
            .nth(1)
            .and_then(|rest| rest.split('&').next());
        let code = code.with_context(|| format!("no code: {}", answer.head))?;
        let form = format!(
            "grant_type=authorization_code&code={code}&redirect_uri={}&code_verifier={VERIFIER}",
            encoded(REDIRECT)
        );
        let answer = site.post("/oauth/token", &self.client().header, &form)?;
        let tokens: Value = serde_json::from_str(&answer.body)
            .with_context(|| format!("no tokens: {} {}", answer.head, answer.body))?;
        let text = |name: &str| tokens.get(name).and_then(Value::as_str).map(str::to_owned);
        ensure!(
            text("patient").as_deref() == Some(patient.to_string().as_str()) && text("id_token").is_some(),
            "the tokens lack patient or id_token: {}",
            answer.head
        );
        Ok(Granted {
            access: text("access_token").context("no access token")?,
            refresh: text("refresh_token").context("no refresh token")?,
        })
    }
}

impl Granted {
    /// The app as it reads.
    pub(crate) fn reader(&self) -> Person {
        Person {
            role: "app",
            header: format!("Authorization: Bearer {}", self.access),
        }
    }
}

/// An authorization request as a query.
pub(crate) fn request(site: &Site) -> String {
    let fields = [
        ("response_type", "code"),
        ("client_id", APP),
        ("redirect_uri", REDIRECT),
        ("scope", &SCOPES.replace("launch launch", "launch")),
        ("state", "s-1"),
        ("aud", &format!("http://{}/fhir/R4", site.address)),
        (
            "code_challenge",
            &URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER)),
        ),
        ("code_challenge_method", "S256"),
        ("nonce", "n-1"),
    ];
    let pairs: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{name}={}", encoded(value)))
        .collect();
    pairs.join("&")
}

/// Percent-encoded, but for letters and digits.
fn encoded(text: &str) -> String {
    let bytes = text.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    });
    bytes.collect()
}

#[cfg(test)]
mod tests {
    use super::encoded;

    #[test]
    fn what_is_sent_in_a_form_is_encoded() {
        assert_eq!(encoded("a b/*.rs"), "a%20b%2F%2A.rs");
    }
}
