//! What every request shares, and who asks.

use crate::access::{Actor, Gate, Keys};
use crate::advice::Advice;
use crate::assist::Assist;
use crate::oidc::Oidc;
use crate::proposals::ReadingRules;
use crate::web::error::WebError;
use crate::web::lanes::since::Monitoring;
use crate::web::reading::Readings;
use crate::web::rules::RuleSources;
use crate::web::session;
use crate::web::ui_text::{Language, Texts, Ui};
use axum::extract::FromRequestParts;
use axum::http::{header, request::Parts};
use axum::response::{IntoResponse, Response};
use std::collections::hash_map::RandomState;
use std::convert::Infallible;
use std::hash::{BuildHasher, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tsumugi_access::AddressGroup;
use tsumugi_coding::Coder;
use tsumugi_records::{Stamp, Store};

/// What every request shares.
#[derive(Debug)]
pub(crate) struct App {
    /// The store.
    pub(crate) store: Store,
    /// Its records as FHIR resources.
    pub(crate) resources: crate::fhir_api::Resources,
    /// The engine.
    pub(crate) coder: Arc<Coder>,
    /// Decision support.
    pub(crate) advice: Arc<Advice>,
    /// Help while one types.
    pub(crate) assist: Assist,
    /// The texts of the screens.
    pub(crate) texts: Texts,
    /// What the rules of the tables rest on.
    pub(crate) rules: RuleSources,
    /// Which values are watched with which drug.
    pub(crate) monitoring: Monitoring,
    /// Notes that were read again for their places.
    pub(crate) readings: Readings,
    /// How texts are read into proposals.
    pub(crate) reading_rules: ReadingRules,
    /// Accounts, sessions and rules.
    pub(crate) gate: Gate,
    /// Secrets shared with other systems.
    pub(crate) keys: Keys,
    /// The hospital's own sign-in, where it has one.
    pub(crate) oidc: Option<Oidc>,
    /// Names under which this server may be asked, with the port.
    pub(crate) hosts: Vec<String>,
    /// Seed and counter of the nonces.
    pub(crate) nonces: (RandomState, AtomicU64),
}

impl App {
    /// How addresses of this server begin.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.gate.setting.secure {
            "https://"
        } else {
            "http://"
        }
    }

    /// The id of a request, for the audit trail.
    pub(crate) fn request_id(&self) -> String {
        self.nonce()
    }

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
    /// Who is signed in.
    pub(crate) actor: Option<Actor>,
    /// The token that the request shows, whatever it is worth.
    pub(crate) token: Option<String>,
    /// How the browser calls itself.
    pub(crate) client: String,
    /// Network address of the browser.
    pub(crate) address: Option<IpAddr>,
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
        Ok(Self::of(parts))
    }
}

impl Visit {
    /// Reads who asks, as the door found it, and how the page shall look.
    pub(crate) fn of(parts: &Parts) -> Self {
        let here = parts
            .uri
            .path_and_query()
            .map_or("/", |path| path.as_str())
            .to_owned();
        let app = parts.extensions.get::<Arc<App>>();
        let mut visit = Self {
            here,
            actor: parts.extensions.get().cloned(),
            token: app.and_then(|app| session::token(app, &parts.headers)),
            client: session::client(&parts.headers),
            address: parts.extensions.get::<SocketAddr>().map(SocketAddr::ip),
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
                "tsumugi_language" => visit.language = Language::of(value),
                "tsumugi_theme" => visit.theme = Theme::of(value),
                _ => {}
            }
        }
        visit
    }
}

impl Visit {
    /// Where the request comes from, as failed sign-ins are counted.
    pub(crate) fn group(&self) -> AddressGroup {
        AddressGroup::of(self.address)
    }
}

/// A cookie of ours, kept for a year and never shown to scripts; pages opened from another system's link get it too.
pub(crate) fn cookie(name: &str, value: &str) -> String {
    format!("tsumugi_{name}={value}; Path=/; Max-Age=31536000; SameSite=Lax; HttpOnly")
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

    /// Who is signed in.
    pub(crate) fn actor(&self) -> Result<&Actor, WebError> {
        self.visit.actor.as_ref().ok_or(WebError::NoActor)
    }

    /// The account under which what is written is kept.
    pub(crate) fn author(&self) -> Result<&str, WebError> {
        Ok(self.actor()?.user().id.as_str())
    }

    /// The author, now.
    pub(crate) fn stamp(&self) -> Result<Stamp, WebError> {
        Ok(Stamp {
            author: self.author()?.to_owned(),
            at: crate::web::clock::now(),
        })
    }

    /// The name of a person as written; what stands in the record where it is no account's.
    pub(crate) fn person(&self, author: &str) -> String {
        if author == "setup" {
            return self.ui().t("first-run.person").to_owned();
        }
        if crate::web::my::is_own(author) {
            return self.ui().t("mine.person").to_owned();
        }
        self.app.gate.person(author).unwrap_or_else(|| author.to_owned())
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
