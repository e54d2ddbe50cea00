//! What every request shares, and who asks.

use crate::advice::Advice;
use crate::proposals::ReadingRules;
use crate::web::error::WebError;
use crate::web::reading::Readings;
use crate::web::rules::RuleSources;
use crate::web::ui_text::{Language, Texts, Ui};
use axum::extract::FromRequestParts;
use axum::http::{header, request::Parts};
use axum::response::{IntoResponse, Response};
use std::collections::hash_map::RandomState;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tsumugi_coding::Coder;
use tsumugi_records::{Stamp, Store};

/// What every request shares.
#[derive(Debug)]
pub(crate) struct App {
    /// The store.
    pub(crate) store: Store,
    /// The engine.
    pub(crate) coder: Arc<Coder>,
    /// Decision support.
    pub(crate) advice: Arc<Advice>,
    /// The texts of the screens.
    pub(crate) texts: Texts,
    /// What the rules of the tables rest on.
    pub(crate) rules: RuleSources,
    /// Notes that were read again for their places.
    pub(crate) readings: Readings,
    /// How texts are read into proposals.
    pub(crate) reading_rules: ReadingRules,
    /// Names under which this server may be asked, with the port.
    pub(crate) hosts: Vec<String>,
    /// Seed and counter of the nonces.
    pub(crate) nonces: (RandomState, AtomicU64),
}

impl App {
    /// A value that no page before had and no other page can guess.
    fn nonce(&self) -> String {
        let (seed, counter) = &self.nonces;
        let count = counter.fetch_add(1, Ordering::Relaxed);
        let part = |salt: u64| {
            let mut hasher = seed.build_hasher();
            hasher.write_u64(count);
            hasher.write_u64(salt);
            hasher.finish()
        };
        format!("{:016x}{:016x}", part(0), part(1))
    }
}

/// Light, dark, or as the system says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Theme {
    /// As the system says.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// The word in cookie and page.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// Reads the word; anything else is the system's choice.
    pub(crate) fn of(word: &str) -> Self {
        match word {
            "light" => Self::Light,
            "dark" => Self::Dark,
            _ => Self::System,
        }
    }
}

/// Who asks, how the page shall look, and where the visitor stands.
#[derive(Debug, Clone, Default)]
pub(crate) struct Visit {
    author: Option<String>,
    /// Language of the page.
    pub(crate) language: Language,
    /// Its colours.
    pub(crate) theme: Theme,
    /// Path and query of the request.
    pub(crate) here: String,
}

impl<S: Sync> FromRequestParts<S> for Visit {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let here = parts
            .uri
            .path_and_query()
            .map_or("/", |path| path.as_str())
            .to_owned();
        let mut visit = Self {
            here,
            ..Self::default()
        };
        let cookies = parts
            .headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok());
        for (name, value) in cookies
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
        {
            match name {
                "tsumugi_author" => visit.author = unhex(value).filter(|name| !name.trim().is_empty()),
                "tsumugi_language" => visit.language = Language::of(value),
                "tsumugi_theme" => visit.theme = Theme::of(value),
                _ => {}
            }
        }
        Ok(visit)
    }
}

/// A cookie of ours, kept for a year and never shown to scripts; pages opened from another system's link get it too.
pub(crate) fn cookie(name: &str, value: &str) -> String {
    format!("tsumugi_{name}={value}; Path=/; Max-Age=31536000; SameSite=Lax; HttpOnly")
}

/// Text as hexadecimal digits, the form in which a cookie can hold a Japanese name.
pub(crate) fn hex(text: &str) -> String {
    text.bytes().fold(String::new(), |mut digits, byte| {
        // Writing to a string does not fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

fn unhex(digits: &str) -> Option<String> {
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let pairs = digits.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    String::from_utf8(pairs.map(byte).collect::<Option<Vec<u8>>>()?).ok()
}

/// One request at its desk: the shared things, the visitor, and the page's nonce.
#[derive(Debug, Clone)]
pub(crate) struct Desk {
    /// What every request shares.
    pub(crate) app: Arc<App>,
    /// Who asks.
    pub(crate) visit: Visit,
    /// Nonce of the page.
    pub(crate) nonce: String,
}

impl Desk {
    /// Sits down.
    pub(crate) fn new(app: Arc<App>, visit: Visit) -> Self {
        let nonce = app.nonce();
        Self { app, visit, nonce }
    }

    /// The texts in the visitor's language.
    pub(crate) fn ui(&self) -> Ui<'_> {
        self.app.texts.of(self.visit.language)
    }

    /// The author's name, if it is known.
    pub(crate) fn known_author(&self) -> Option<&str> {
        self.visit.author.as_deref()
    }

    /// The author's name; who has not said it yet is asked first.
    pub(crate) fn author(&self) -> Result<&str, WebError> {
        self.known_author().ok_or(WebError::NoAuthor)
    }

    /// The author, now.
    pub(crate) fn stamp(&self) -> Result<Stamp, WebError> {
        Ok(Stamp {
            author: self.author()?.to_owned(),
            at: crate::web::clock::now(),
        })
    }
}

/// Answers a request beside the asynchronous threads, since the store waits for its disk.
pub(crate) async fn answer<T, F>(app: Arc<App>, visit: Visit, work: F) -> Response
where
    T: IntoResponse,
    F: FnOnce(&Desk) -> Result<T, WebError> + Send + 'static,
{
    let desk = Desk::new(app, visit);
    let policy = super::guard::policy(&desk.nonce);
    let done = tokio::task::spawn_blocking(move || match work(&desk) {
        Ok(answer) => answer.into_response(),
        Err(error) => super::error::page(&desk, &error),
    });
    let mut response = match done.await {
        Ok(response) => response,
        Err(_) => {
            // The place where it panicked is in the log already; its message may quote a text.
            axum::http::StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    };
    if let Ok(policy) = policy.parse() {
        response
            .headers_mut()
            .insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
        .headers_mut()
        .entry(header::CACHE_CONTROL)
        .or_insert(axum::http::HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
#[expect(clippy::non_ascii_literal, reason = "test names are Japanese")]
mod tests {
    use super::*;

    #[test]
    fn a_japanese_name_survives_the_cookie() {
        for name in ["山田 太郎", "A. Smith", "𠮷田"] {
            assert_eq!(unhex(&hex(name)).as_deref(), Some(name));
        }
        for broken in ["zz", "f", "ff"] {
            assert_eq!(unhex(broken), None, "{broken}");
        }
    }
}
