//! A small provider: its configuration, its key, and the token that the test tells it to send.

use crate::access::SigningKey;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

#[derive(Default)]
struct Told {
    issuer: String,
    challenge: String,
    token: String,
}

pub(super) struct Provider {
    pub(super) issuer: String,
    key: Arc<SigningKey>,
    told: Arc<Mutex<Told>>,
}

impl Provider {
    /// Listens until the test process ends.
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let key = Arc::new(SigningKey::drawn());
        let told = Arc::new(Mutex::new(Told {
            issuer: issuer.clone(),
            ..Told::default()
        }));
        let (own, own_told, own_key) = (issuer.clone(), Arc::clone(&told), Arc::clone(&key));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(stream, &own, &own_told.lock().unwrap(), &own_key);
            }
        });
        Self { issuer, key, told }
    }

    /// The challenge that the next verifier must fit.
    pub(super) fn expect(&self, challenge: &str) {
        challenge.clone_into(&mut self.told.lock().unwrap().challenge);
    }

    /// The claims of the next token.
    pub(super) fn says(&self, claims: &Value) {
        self.sends(&self.key.sign(claims).unwrap());
    }

    /// The next token.
    pub(super) fn sends(&self, token: &str) {
        token.clone_into(&mut self.told.lock().unwrap().token);
    }

    /// The issuer that its configuration names.
    pub(super) fn calls_itself(&self, issuer: &str) {
        issuer.clone_into(&mut self.told.lock().unwrap().issuer);
    }
}

/// A token with a signature of nothing.
pub(super) fn unsigned(algorithm: &str, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signature = if algorithm == "none" { "" } else { "AAAA" };
    format!(
        "{}.{}.{signature}",
        part(&json!({"alg": algorithm})),
        part(claims)
    )
}

fn answer(mut stream: TcpStream, own: &str, told: &Told, key: &SigningKey) {
    let request = read(&mut stream);
    let body = request.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let path = request.split(' ').nth(1).unwrap_or_default();
    let (status, body) = match path {
        "/.well-known/openid-configuration" => (
            200,
            json!({
                "issuer": told.issuer, "authorization_endpoint": format!("{own}/authorize"),
                "token_endpoint": format!("{own}/token"), "jwks_uri": format!("{own}/keys"),
            }),
        ),
        "/keys" => (200, key.set()),
        "/token" => {
            let field = |name: &str| {
                let mut pairs = form_urlencoded::parse(body.as_bytes());
                pairs
                    .find(|(own, _)| own == name)
                    .map(|(_, value)| value.into_owned())
                    .unwrap_or_default()
            };
            let fits = URL_SAFE_NO_PAD.encode(Sha256::digest(field("code_verifier"))) == told.challenge;
            if fits && field("code") == "c-1" && field("client_id") == "tsumugi" {
                (
                    200,
                    json!({"access_token": "x", "token_type": "Bearer", "id_token": told.token}),
                )
            } else {
                (400, json!({"error": "invalid_grant"}))
            }
        }
        _ => (404, json!({})),
    };
    let body = body.to_string();
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(format!("{head}{body}").as_bytes());
}

/// Reads a request with its body.
fn read(stream: &mut TcpStream) -> String {
    let mut raw = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let count = stream.read(&mut piece).unwrap_or(0);
        raw.extend_from_slice(&piece[..count]);
        let text = String::from_utf8_lossy(&raw).into_owned();
        let whole = text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length")
                    .then(|| value.trim().parse().ok())?
            });
            body.len() >= length.unwrap_or(0)
        });
        if whole || count == 0 {
            return text;
        }
    }
}
