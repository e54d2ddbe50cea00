//! The doors: every address with what it asks before it answers. There is no other way to add an address.
//!
//! A door that needs somebody signed in is not opened without; one about the system as a whole asks the policy here; one
//! about records leaves that to its page, which knows the patient, and an answer of a page that asked nothing is withheld.

use crate::access::{Actor, Origin};
use crate::audit;
use crate::web::connections::Connection;
use crate::web::error::WebError;
use crate::web::notes::escape;
use crate::web::openapi::{
    self,
    takes::{Parts, Takes},
};
use crate::web::session;
use crate::web::state::{App, Desk, Visit};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Request};
use axum::handler::Handler;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{MethodRouter, get, post};
use std::net::SocketAddr;
use std::sync::Arc;
use tsumugi_access::{Action, Activity, SessionError};
use tsumugi_records::AuditSubtype;

/// Longest body at a door that asks nothing, in bytes.
const LONGEST_ANONYMOUS_BODY: usize = 64 << 10;

/// What a door asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ask {
    /// Nothing: it tells of no record and is for who is not signed in yet.
    Nothing,
    /// That somebody is signed in: it tells of no record.
    Person,
    /// That the policy allows this on the system as a whole.
    System(Action),
    /// That the page asks the policy about the records it tells of: for these actions.
    Records(&'static [Action]),
    /// That it is the hospital's own system, by its token.
    Service,
    /// That it is an app, by an access token; the page asks the policy about the person behind it.
    Token,
    /// That it is the patient, by the short session of a one-time code. It tells of that patient's own record alone.
    Patient,
}

/// A door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Door {
    /// Its address.
    pub(crate) path: &'static str,
    /// Its method.
    pub(crate) method: &'static str,
    /// What it asks.
    pub(crate) ask: Ask,
    /// What its page takes.
    pub(crate) takes: Takes,
}

/// The addresses, as they are added.
#[derive(Default)]
pub(crate) struct Doors {
    router: Router<Arc<App>>,
    list: Vec<Door>,
}

impl Doors {
    /// Adds an address that is read.
    pub(crate) fn get<H, T>(self, path: &'static str, ask: Ask, handler: H) -> Self
    where
        H: Handler<T, Arc<App>>,
        T: Parts + 'static,
    {
        self.taking(T::takes(), ("GET", path), ask, get(handler))
    }

    /// Adds an address that changes something.
    pub(crate) fn post<H, T>(self, path: &'static str, ask: Ask, handler: H) -> Self
    where
        H: Handler<T, Arc<App>>,
        T: Parts + 'static,
    {
        self.taking(T::takes(), ("POST", path), ask, post(handler))
    }

    /// Adds an address with methods of its own. What its body holds stands in `openapi::answers`.
    pub(crate) fn door(
        self,
        method: &'static str,
        path: &'static str,
        ask: Ask,
        route: MethodRouter<Arc<App>>,
    ) -> Self {
        self.taking(Takes::default(), (method, path), ask, route)
    }

    fn taking(
        mut self,
        takes: Takes,
        (method, path): (&'static str, &'static str),
        ask: Ask,
        route: MethodRouter<Arc<App>>,
    ) -> Self {
        // Who is not known yet sends forms of a few fields.
        let route = if matches!(ask, Ask::Nothing | Ask::Patient) {
            route.layer(DefaultBodyLimit::max(LONGEST_ANONYMOUS_BODY))
        } else {
            route
        };
        // A method that the address does not have is no door: 405 for everybody.
        let route = route.route_layer(axum::middleware::from_fn(move |request: Request, next: Next| {
            doorman(ask, request, next)
        }));
        self.router = self.router.route(path, route);
        self.list.push(Door {
            path,
            method,
            ask,
            takes,
        });
        self
    }

    /// Adds the address of the document that describes all doors so far, and itself.
    pub(crate) fn described(self, path: &'static str) -> Self {
        let mut list = self.list.clone();
        list.push(Door {
            path,
            method: "GET",
            ask: Ask::Nothing,
            takes: Takes::default(),
        });
        let document = Bytes::from(openapi::document(&list).to_string());
        let page = get(async move || {
            let headers = [
                (header::CONTENT_TYPE, "application/json"),
                (header::CACHE_CONTROL, "no-cache"),
            ];
            (headers, document.clone())
        });
        self.door("GET", path, Ask::Nothing, page)
    }

    /// Puts layers around all addresses so far.
    pub(crate) fn within(mut self, wrap: impl FnOnce(Router<Arc<App>>) -> Router<Arc<App>>) -> Self {
        self.router = wrap(self.router);
        self
    }

    /// The router, and the list of its doors.
    pub(crate) fn built(self) -> (Router<Arc<App>>, Vec<Door>) {
        (self.router, self.list)
    }
}

/// Lets a request through, or answers in place of the page.
async fn doorman(ask: Ask, mut request: Request, next: Next) -> Response {
    let Some(app) = request.extensions().get::<Arc<App>>().cloned() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    match ask {
        Ask::Nothing => return next.run(request).await,
        Ask::Service => {
            let (method, headers) = (request.method().clone(), request.headers().clone());
            if let Some(refusal) = serves(&app, &method, &headers).await {
                return refusal;
            }
            if headers.contains_key(header::AUTHORIZATION) {
                recognise(&request);
            }
            return next.run(request).await;
        }
        Ask::Token => {
            if let Some(refusal) = crate::smart::admit(&app, &mut request) {
                return refusal;
            }
            let actor = request.extensions().get::<Actor>().cloned();
            return withheld(next.run(request).await, actor.as_ref());
        }
        Ask::Patient => return crate::web::my::let_in(&app, request, next).await,
        Ask::Person | Ask::System(_) | Ask::Records(_) => {}
    }
    if let Some(launch) = launched(&request) {
        return launch;
    }
    if let Some(bounce) = bounced(&request) {
        return bounce;
    }
    let shown = Shown {
        token: session::token(&app, request.headers()),
        activity: activity(request.method(), request.headers(), request.uri().path()),
        origin: origin(&app, &request),
    };
    let actor = match resolve(&app, shown).await {
        Ok(actor) => actor,
        Err(error) => return turned_away(&app, request, &error).await,
    };
    if let Ask::System(action) = ask
        && !actor.may(action)
    {
        return forbidden(&app, request, actor).await;
    }
    recognise(&request);
    request.extensions_mut().insert(actor.clone());
    let response = next.run(request).await;
    if matches!(ask, Ask::Records(_)) {
        return withheld(response, Some(&actor));
    }
    response
}

/// Keeps back the answer of a page that asked nothing.
fn withheld(response: Response, actor: Option<&Actor>) -> Response {
    let tells = response.status().as_u16() < 400;
    if tells && !actor.is_some_and(Actor::has_asked) {
        crate::log::error(
            "a page answered without asking the policy; the answer was withheld",
            &[],
        );
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    response
}

/// Tells the connection that it is of somebody who is let in.
pub(crate) fn recognise(request: &Request) {
    if let Some(connection) = request.extensions().get::<Arc<Connection>>() {
        connection.recognise();
    }
}

/// What a request shows of who sends it.
struct Shown {
    token: Option<String>,
    activity: Activity,
    origin: Origin,
}

/// Who is behind a request; the store is waited for beside the asynchronous threads.
async fn resolve(app: &Arc<App>, shown: Shown) -> Result<Actor, SessionError> {
    let Shown {
        token,
        activity,
        origin,
    } = shown;
    let token = token.ok_or(SessionError::None)?;
    let app = Arc::clone(app);
    let resolved =
        tokio::task::spawn_blocking(move || app.gate.resolve(&app.store, &token, activity, &origin));
    resolved.await.unwrap_or(Err(SessionError::None))
}

/// From where a request came.
pub(crate) fn origin(app: &App, request: &Request) -> Origin {
    let address = request.extensions().get::<SocketAddr>();
    Origin {
        address: address.map(|address| address.ip().to_string()),
        request: Some(app.request_id()),
        app: None,
    }
}

/// What a page asks for by itself, or moves on to after a time, keeps no session from idling. A browser marks what a
/// person's act led to; one that marks nothing gets the benefit.
fn activity(method: &Method, headers: &HeaderMap, path: &str) -> Activity {
    let by_itself = matches!(path, "/api/draft" | "/ws");
    let marks = headers.contains_key("sec-fetch-mode");
    let is_navigation = headers
        .get("sec-fetch-mode")
        .is_some_and(|mode| mode == "navigate");
    let is_persons = headers.contains_key("sec-fetch-user");
    let moved_on = method == Method::GET && marks && is_navigation && !is_persons;
    if by_itself || moved_on {
        Activity::Page
    } else {
        Activity::Person
    }
}

/// A link of another system comes without the cookie, which goes to our own pages only: it is opened once more, from here.
/// What else a page from elsewhere makes a browser ask for (an image, a frame, a script's request) is refused before any
/// page is built and any entry names a reader.
pub(crate) fn bounced(request: &Request) -> Option<Response> {
    let is = |name: &str, value: &str| request.headers().get(name).is_some_and(|given| given == value);
    let comes_from_elsewhere = is("sec-fetch-site", "cross-site") || is("sec-fetch-site", "same-site");
    if !comes_from_elsewhere {
        return None;
    }
    let is_window = request
        .headers()
        .get("sec-fetch-dest")
        .is_none_or(|dest| dest == "document");
    if !is("sec-fetch-mode", "navigate") || request.method() != Method::GET || !is_window {
        return Some((StatusCode::FORBIDDEN, "asked for by a page of another site\n").into_response());
    }
    let here = request.uri().path_and_query().map_or("/", |path| path.as_str());
    Some(session::moved_on(here, None))
}

/// A signed link to a note signs in first.
fn launched(request: &Request) -> Option<Response> {
    let query = request.uri().query().unwrap_or_default();
    let is_signed = query.split('&').any(|pair| pair.starts_with("signature="));
    let is_launch = request.uri().path() == "/open" && is_signed;
    is_launch.then(|| Redirect::to(&format!("/launch?{query}")).into_response())
}

/// Refuses who is not the hospital's own system.
async fn serves(app: &Arc<App>, method: &Method, headers: &HeaderMap) -> Option<Response> {
    let given = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    if app.keys.admits(given) || method == Method::OPTIONS {
        // A browser asks without a token whether it may ask; nothing is told then.
        return None;
    }
    // While there are only dummies and nobody has an account, the services are there for trying out.
    let shared = Arc::clone(app);
    let installation = tokio::task::spawn_blocking(move || shared.gate.installation(&shared.store)).await;
    if matches!(installation, Ok(Ok(installation)) if installation.is_first_run()) && given.is_none() {
        return None;
    }
    let told = [(header::WWW_AUTHENTICATE, "Bearer")];
    Some(
        (
            StatusCode::UNAUTHORIZED,
            told,
            "a token is wanted: Authorization: Bearer ...\n",
        )
            .into_response(),
    )
}

/// Sends who has no session, a locked one, or half of one to where that is mended; scripts are told by the status.
async fn turned_away(app: &Arc<App>, request: Request, error: &SessionError) -> Response {
    let here = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let page = match error {
        SessionError::Locked { .. } => "/lock",
        SessionError::SecondFactorWanted { .. } => "/second-factor",
        SessionError::Storage(error) => {
            let error = WebError::Other(error.to_string());
            return told(app, request, None, Some(error)).await;
        }
        _ => "/sign-in",
    };
    let path = request.uri().path();
    let is_script = path.starts_with("/api/") || path == "/ws";
    if is_script {
        return (StatusCode::UNAUTHORIZED, page).into_response();
    }
    // What a form sent is not sent again; its page is where it goes on.
    let next = if request.method() == Method::GET {
        here
    } else {
        "/"
    };
    Redirect::to(&format!("{page}?next={}", escape(next))).into_response()
}

async fn forbidden(app: &Arc<App>, request: Request, actor: Actor) -> Response {
    told(app, request, Some(actor), None).await
}

/// The page that tells an error; without one, that the policy refused who asks.
async fn told(app: &Arc<App>, request: Request, actor: Option<Actor>, error: Option<WebError>) -> Response {
    let (mut parts, _) = request.into_parts();
    if let Some(actor) = actor {
        parts.extensions.insert(actor);
    }
    let visit = Visit::of(&parts);
    crate::web::state::answer::<(), _>(Arc::clone(app), visit, move |desk: &Desk| {
        if let Some(error) = error {
            return Err(error);
        }
        let entry = audit::of(desk.actor()?, AuditSubtype::Read)?;
        Err(desk.refuse(entry, &desk.visit.here, None))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_site_makes_a_browser_ask_for_is_refused() {
        let check = |method: Method, site: &str, mode: &str, dest: &str, want: Option<StatusCode>| {
            let request = Request::builder()
                .method(method.clone())
                .uri("/patients/1?range=all")
                .header("sec-fetch-site", site)
                .header("sec-fetch-mode", mode)
                .header("sec-fetch-dest", dest)
                .body(axum::body::Body::empty())
                .unwrap();
            let status = bounced(&request).map(|response| response.status());
            assert_eq!(status, want, "{method} {site} {mode} {dest}");
        };
        let (refused, opened) = (Some(StatusCode::FORBIDDEN), Some(StatusCode::OK));
        for site in ["cross-site", "same-site"] {
            check(Method::GET, site, "navigate", "document", opened);
            check(Method::GET, site, "navigate", "iframe", refused);
            check(Method::GET, site, "no-cors", "image", refused);
            check(Method::HEAD, site, "no-cors", "empty", refused);
            check(Method::HEAD, site, "navigate", "document", refused);
            check(Method::GET, site, "cors", "empty", refused);
        }
        check(Method::GET, "same-origin", "no-cors", "image", None);
        check(Method::GET, "none", "navigate", "document", None);
    }

    #[test]
    fn what_a_page_does_by_itself_is_no_use() {
        let check = |method: Method, path: &str, headers: &[(&'static str, &'static str)], want: Activity| {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.insert(*name, value.parse().unwrap());
            }
            assert_eq!(activity(&method, &map, path), want, "{method} {path} {headers:?}");
        };
        let navigate = ("sec-fetch-mode", "navigate");
        check(Method::GET, "/", &[], Activity::Person);
        check(
            Method::GET,
            "/",
            &[navigate, ("sec-fetch-user", "?1")],
            Activity::Person,
        );
        check(Method::GET, "/", &[navigate], Activity::Page);
        check(Method::POST, "/notes", &[navigate], Activity::Person);
        check(
            Method::POST,
            "/api/draft",
            &[("sec-fetch-mode", "no-cors")],
            Activity::Page,
        );
        check(
            Method::GET,
            "/ws",
            &[("sec-fetch-mode", "websocket")],
            Activity::Page,
        );
        check(
            Method::GET,
            "/api/concepts",
            &[("sec-fetch-mode", "cors")],
            Activity::Person,
        );
    }
}
