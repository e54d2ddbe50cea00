//! The screens: pages drawn on the server, one live line for the editor, nothing from outside this machine.

mod api;
mod assets;
mod chain_svg;
pub(crate) mod clock;
mod error;
mod failures;
mod guard;
mod health;
mod notes;
mod page;
mod pages;
mod reading;
mod rules;
mod state;
mod summary;
mod support;
mod timeline_rows;
mod timeline_svg;
mod ui_text;
mod view;
mod ws;

pub(crate) use error::WebError;
pub(crate) use notes::escape;
pub(crate) use state::App;
pub(crate) use support::{band, state_name};
pub(crate) use ui_text::{Language, Ui};

use crate::advice::Advice;
use crate::proposals::ReadingRules;
use crate::web::reading::Readings;
use crate::web::rules::RuleSources;
use crate::web::ui_text::Texts;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::routing::{get, post};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use std::collections::hash_map::RandomState;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tower_http::compression::CompressionLayer;
use tower_http::timeout::{RequestBodyTimeoutLayer, TimeoutLayer};
use tsumugi_coding::Coder;
use tsumugi_records::Store;
use tsumugi_terminology::{embedded_files, sources_of};

/// Longest body of a request: a note of the longest kind, escaped by a form.
const LONGEST_BODY: usize = 4 << 20;
/// Most connections at once; one person at one machine has a handful.
const MOST_CONNECTIONS: usize = 256;
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
const BODY_TIMEOUT: Duration = Duration::from_secs(20);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// Puts together what every request shares.
pub(crate) fn app(store: Store, coder: Arc<Coder>, address: SocketAddr) -> anyhow::Result<Arc<App>> {
    let files = embedded_files();
    let sources = sources_of(&files);
    let port = address.port();
    let mut hosts = vec![
        address.to_string(),
        format!("localhost:{port}"),
        format!("127.0.0.1:{port}"),
        format!("[::1]:{port}"),
    ];
    if port == 80 {
        hosts.extend(["localhost".to_owned(), "127.0.0.1".to_owned()]);
    }
    Ok(Arc::new(App {
        advice: Arc::new(Advice::open(Arc::clone(&coder), &store)?),
        store,
        coder,
        texts: Texts::new(&sources),
        rules: RuleSources::new(&sources),
        readings: Readings::default(),
        reading_rules: ReadingRules::new(&sources),
        hosts,
        nonces: (RandomState::new(), AtomicU64::new(0)),
    }))
}

/// All addresses of the screens.
fn router(app: Arc<App>) -> Router {
    let guarded = axum::middleware::from_fn_with_state(Arc::clone(&app), guard::guard);
    Router::new()
        .route("/", get(pages::patients::list))
        .route("/welcome", get(pages::welcome::ask))
        .route("/author", post(pages::welcome::keep))
        .route("/preferences", post(pages::welcome::prefer))
        .route("/patients", post(pages::patients::create))
        .route("/patients/new", get(pages::patients::new))
        .route("/patients/{id}", get(pages::patient::show))
        .route("/open", get(pages::note::open))
        .route("/notes", post(pages::note::post))
        .route("/drafts", get(pages::drafts::show).post(pages::drafts::discard))
        .route("/documents/{id}", get(pages::document::show))
        .route("/search", get(pages::search::show))
        .route("/search.csv", get(pages::search::csv))
        .route("/terms", get(pages::terms::find))
        .route("/terms/{id}", get(pages::terms::show))
        .route("/review", get(pages::review::list))
        .route("/review/{id}", get(pages::review::show).post(pages::review::keep))
        .route("/knowledge", get(pages::knowledge::find))
        .route("/knowledge/read", get(pages::texts::ask).post(pages::texts::read))
        .route("/knowledge/retract", post(pages::texts::retract))
        .route("/knowledge/{id}", get(pages::knowledge::show))
        .route("/api/concepts", get(api::concepts))
        .route("/api/draft", post(api::draft))
        .merge(crate::hooks::routes())
        .layer(TimeoutLayer::with_status_code(
            StatusCode::GATEWAY_TIMEOUT,
            ANSWER_TIMEOUT,
        ))
        .layer(RequestBodyTimeoutLayer::new(BODY_TIMEOUT))
        .layer(CompressionLayer::new())
        .route("/healthz", get(health::show))
        .route("/assets/{name}", get(assets::serve))
        .route("/ws", get(ws::open))
        .fallback(pages::missing)
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .layer(guarded)
        .layer(axum::middleware::from_fn(failures::log_failures))
        .with_state(app)
}

/// Serves until `stop` is done.
pub(crate) async fn serve(listener: TcpListener, app: Arc<App>, stop: impl Future<Output = ()>) {
    let router = router(app);
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => return,
        };
        let Ok((stream, _)) = accepted else {
            // Too many open files, most likely: some will be closed in a moment.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            continue;
        };
        // A key press and its answer are small packets that must not wait for company.
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(router.clone());
        tokio::spawn(async move {
            let mut builder = Builder::new(TokioExecutor::new());
            builder
                .http1()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER_TIMEOUT);
            // A connection that breaks is the browser's affair.
            let _ = builder
                .http1_only()
                .serve_connection_with_upgrades(TokioIo::new(stream), service)
                .await;
            drop(place);
        });
    }
}
