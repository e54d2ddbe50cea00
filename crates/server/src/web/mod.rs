//! The screens: pages drawn on the server, one live line for the editor, nothing from outside this machine.

mod api;
mod assets;
mod attending;
mod bounds;
mod chain_svg;
pub(crate) mod clock;
mod connections;
mod diff;
mod doors;
mod error;
mod failures;
mod guard;
mod health;
mod import;
mod lanes;
pub(crate) mod my;
mod notes;
mod openapi;
mod page;
mod pages;
mod permit;
mod reading;
mod rules;
mod serving;
mod session;
mod state;
mod summary;
mod support;
mod timeline_rows;
mod timeline_svg;
mod topics;
mod ui_text;
mod view;
mod ws;

pub(crate) use bounds::{Fields, weighed};
pub(crate) use doors::{Ask, Doors, origin};
pub(crate) use error::WebError;
pub(crate) use failures::Why;
pub(crate) use notes::escape;
pub(crate) use page::{Shell, dummy_mark, shell};

pub(crate) use pages::launch::signed as launch_link;
pub(crate) use pages::patients::allowed as listed_patients;
pub(crate) use pages::sign_in::{card, whose};
pub(crate) use permit::Rows;
pub(crate) use serving::{Tls, serve};
pub(crate) use session::{cookie as session_cookie, local, moved_on};
pub(crate) use state::{App, Desk, Visit, answer};
pub(crate) use support::{Shown, band, state_name};
pub(crate) use ui_text::{Language, Ui};

use crate::access::{Gate, Keys};
use crate::advice::Advice;
use crate::assist::Assist;
use crate::oidc::Oidc;
use crate::proposals::ReadingRules;
use crate::web::reading::Readings;
use crate::web::rules::RuleSources;
use crate::web::ui_text::Texts;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use std::collections::hash_map::RandomState;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use tower_http::compression::CompressionLayer;
use tower_http::timeout::{RequestBodyTimeoutLayer, TimeoutLayer};
use tsumugi_access::Action;
use tsumugi_coding::Coder;
use tsumugi_records::Store;
use tsumugi_terminology::{embedded_files, sources_of};

/// Longest body of a request: a note of the longest kind, escaped by a form.
const LONGEST_BODY: usize = 4 << 20;
const BODY_TIMEOUT: Duration = Duration::from_secs(20);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// Puts together what every request shares. `names` are further names of this server, without a port.
pub(crate) fn app(
    store: Store,
    coder: Arc<Coder>,
    address: SocketAddr,
    names: &[String],
    (gate, keys, oidc): (Gate, Keys, Option<Oidc>),
) -> anyhow::Result<Arc<App>> {
    let files = embedded_files();
    let sources = sources_of(&files);
    Ok(Arc::new(App {
        advice: Arc::new(Advice::open(Arc::clone(&coder), &store)?),
        assist: Assist::new(&sources, coder.vocabulary()),
        hosts: hosts(address, names, gate.setting.secure),
        store,
        resources: crate::fhir_api::Resources::default(),
        coder,
        gate,
        keys,
        oidc,
        texts: Texts::new(&sources),
        rules: RuleSources::new(&sources),
        monitoring: lanes::since::Monitoring::new(&sources),
        readings: Readings::default(),
        reading_rules: ReadingRules::new(&sources),
        nonces: (RandomState::new(), AtomicU64::new(0)),
    }))
}

/// The same for tests: on the loopback interface, with secrets of its own.
#[cfg(test)]
pub(crate) fn app_for_tests(store: Store, coder: Arc<Coder>, address: SocketAddr) -> Arc<App> {
    let gate = Gate::open(&store, crate::access::Setting::default()).unwrap();
    app(store, coder, address, &[], (gate, Keys::drawn(), None)).unwrap()
}

/// The names under which the server may be asked. Links to it carry the first: what it is called, else where it listens.
fn hosts(address: SocketAddr, names: &[String], secure: bool) -> Vec<String> {
    let port = address.port();
    let usual = if secure { 443 } else { 80 };
    let with_port = |name: &str| {
        let short = (port == usual).then(|| name.to_owned());
        std::iter::once(format!("{name}:{port}")).chain(short)
    };
    let own = ["localhost", "127.0.0.1", "[::1]"];
    names
        .iter()
        .flat_map(|name| with_port(name))
        .chain([address.to_string()])
        .chain(own.into_iter().flat_map(with_port))
        .collect()
}

/// All addresses of the screens, with what each asks.
fn doors() -> Doors {
    use Action::{Confirm, Export, Read, Search, Sign, Write};
    use Ask::{Nothing, Person, Records, System};
    let doors = patient_doors(Doors::default())
        .get("/", Records(&[Search]), pages::patients::list)
        .post("/preferences", Nothing, pages::preferences::prefer)
        .post("/patients", System(Action::Register), pages::patients::create)
        .get("/patients/new", System(Action::Register), pages::patients::new)
        .get("/open", Records(&[Write]), pages::note::open)
        .get("/launch", Nothing, pages::launch::open)
        .post("/notes", Records(&[Write, Sign]), pages::note::post)
        .get("/drafts", Records(&[Write]), pages::drafts::show)
        .post("/drafts", Records(&[Write]), pages::drafts::discard)
        .get("/documents/{id}", Records(&[Read]), pages::document::show)
        .get("/documents/{id}/print", Records(&[Read]), pages::as_of::print)
        .get(
            "/confirmations",
            Records(&[Search, Confirm]),
            pages::confirmations::list,
        )
        .post(
            "/confirmations/{id}",
            Records(&[Confirm]),
            pages::confirmations::decide,
        )
        .get("/search", Records(&[Search]), pages::search::show)
        .get("/search.csv", Records(&[Export]), pages::search::csv)
        .get("/terms", Person, pages::terms::find)
        .get("/terms/{id}", Person, pages::terms::show)
        .get("/review", Records(&[Read]), pages::review::list)
        .get("/review/{id}", Records(&[Read]), pages::review::show)
        .post("/review/{id}", Records(&[Read]), pages::review::keep)
        .get("/knowledge", Person, pages::knowledge::find)
        .get("/knowledge/read", System(Action::Curate), pages::texts::ask)
        .post("/knowledge/read", System(Action::Curate), pages::texts::read)
        .post(
            "/knowledge/retract",
            System(Action::Curate),
            pages::texts::retract,
        )
        .get("/knowledge/{id}", Records(&[Read]), pages::knowledge::show)
        .get("/api/concepts", Person, api::concepts)
        .post("/api/draft", Records(&[Write]), api::draft);
    let doors = my::doors(pages::care::doors(pages::consent::doors(doors)));
    let doors = crate::smart::doors(administration_doors(sign_in_doors(doors)));
    let doors = crate::fhir_api::doors(doors);
    import::doors(crate::oidc::doors(crate::hooks::doors(doors)))
        .within(|router| {
            router
                .layer(TimeoutLayer::with_status_code(
                    StatusCode::GATEWAY_TIMEOUT,
                    ANSWER_TIMEOUT,
                ))
                .layer(RequestBodyTimeoutLayer::new(BODY_TIMEOUT))
                .layer(CompressionLayer::new())
        })
        .get("/healthz", Nothing, health::show)
        .get("/assets/{name}", Nothing, assets::serve)
        .get("/ws", Records(&[Read, Write, Sign]), ws::open)
        .described("/openapi.json")
}

/// One patient.
fn patient_doors(doors: Doors) -> Doors {
    use Action::{Read, Restrict, Write};
    use Ask::Records;
    doors
        .get("/patients/{id}", Records(&[Read]), pages::patient::show)
        .get("/patients/{id}/who", Records(&[Read]), pages::who::show)
        .get("/patients/{id}/as-of", Records(&[Read]), pages::as_of::show)
        .get(
            "/patients/{id}/medications",
            Records(&[Read]),
            pages::medications::show,
        )
        .get("/patients/{id}/topics", Records(&[Read]), topics::show)
        .get("/patients/{id}/lanes", Records(&[Read]), lanes::show)
        .get("/patients/{id}/since", Records(&[Read]), lanes::since::show)
        .get(
            "/patients/{id}/events/{event}",
            Records(&[Read]),
            lanes::source::show,
        )
        .get(
            "/patients/{id}/access",
            Records(&[Write, Restrict]),
            pages::standing::show,
        )
        .post(
            "/patients/{id}/access",
            Records(&[Write, Restrict]),
            pages::standing::keep,
        )
}

/// Emergency access, and what administrators and other systems use.
fn administration_doors(doors: Doors) -> Doors {
    use Action::BreakGlass;
    use Ask::{Person, Records, System};
    doors
        .get("/emergency", Records(&[BreakGlass]), pages::emergency::ask)
        .post("/emergency", Records(&[BreakGlass]), pages::emergency::open)
        .post("/emergency/close", Person, pages::emergency::close)
        .get(
            "/emergencies",
            System(Action::ReviewAccess),
            pages::emergency::list,
        )
        .post(
            "/emergencies",
            System(Action::ReviewAccess),
            pages::emergency::review,
        )
        .get("/users", System(Action::Administer), pages::users::list)
        .post("/users", System(Action::Administer), pages::users::add)
        .post("/users/{id}", System(Action::Administer), pages::users::change)
        .get("/apps", System(Action::Administer), pages::apps::list)
        .post("/apps", System(Action::Administer), pages::apps::add)
        .post("/apps/{id}", System(Action::Administer), pages::apps::change)
        .post("/apps/{id}/launch", Records(&[Action::Read]), pages::apps::launch)
        .post("/account/apps", Person, pages::apps::withdraw)
        .get("/policy", System(Action::EditPolicy), pages::policy::show)
        .post("/policy", System(Action::EditPolicy), pages::policy::keep)
        .post("/api/launch", Ask::Service, pages::launch::offer)
}

/// What is for who is not signed in yet, and for everybody who is.
fn sign_in_doors(doors: Doors) -> Doors {
    use Ask::{Nothing, Person, System};
    use pages::{account, first_run, sign_in};
    doors
        .get("/sign-in", Nothing, sign_in::ask)
        .post("/sign-in", Nothing, sign_in::enter)
        .get("/second-factor", Nothing, sign_in::ask_second)
        .post("/second-factor", Nothing, sign_in::second)
        .get("/lock", Nothing, sign_in::locked)
        .post("/lock", Nothing, sign_in::lock)
        .post("/unlock", Nothing, sign_in::unlock)
        .post("/api/unlock", Nothing, sign_in::unlock_script)
        .post("/sign-out", Nothing, sign_in::leave)
        .get("/set-password", Nothing, sign_in::ask_password)
        .post("/set-password", Nothing, sign_in::set_password)
        .get("/first-run", Nothing, first_run::ask)
        .post("/first-run", Nothing, first_run::enter)
        .get(
            "/first-run/administrator",
            System(Action::Administer),
            first_run::administrator,
        )
        .post(
            "/first-run/administrator",
            System(Action::Administer),
            first_run::create,
        )
        .get("/account", Person, account::show)
        .post("/account/password", Person, account::password)
        .post("/account/second-factor", Person, account::enrol)
        .post("/account/second-factor/confirm", Person, account::confirm)
        .post("/account/sessions", Person, account::revoke)
}

/// The router of all addresses.
fn router(app: Arc<App>) -> Router {
    let guarded = axum::middleware::from_fn_with_state(Arc::clone(&app), guard::guard);
    let (router, _) = doors().built();
    router
        .fallback(pages::missing)
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .layer(guarded)
        .layer(axum::middleware::from_fn(failures::log_failures))
        .layer(axum::middleware::from_fn(attending::attend))
        .with_state(app)
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect_file;

    #[test]
    fn links_carry_the_name_of_the_server() {
        let address: SocketAddr = "0.0.0.0:443".parse().unwrap();
        let named = hosts(address, &["tsumugi.example".to_owned()], true);
        assert_eq!(
            named[..3],
            ["tsumugi.example:443", "tsumugi.example", "0.0.0.0:443"]
        );
        let here: SocketAddr = "127.0.0.1:8765".parse().unwrap();
        assert_eq!(hosts(here, &[], false)[0], "127.0.0.1:8765");
    }

    /// A door that is added shows here with what it asks; there is no other way to add one.
    #[test]
    fn every_door_says_what_it_asks() {
        let (_, list) = doors().built();
        let mut lines: Vec<String> = list
            .iter()
            .map(|door| format!("{}\t{}\t{:?}\n", door.path, door.method, door.ask))
            .collect();
        lines.sort();
        expect_file!["../../tests/doors.tsv"].assert_eq(&lines.concat());
    }
}
