//! The FHIR R4 API: what apps and other systems read of the record, by standard searches.
//!
//! | module | what |
//! |---|---|
//! | `follow` | notes, statements of others and patients become resources of the API, in the transaction that changes them |
//! | `seen` | scopes and policy: which resources somebody may see |
//! | `search`, `read`, `everything` | the doors |
//! | `bundle` | pages as bundles |
//! | `capability` | what is offered, made of the tables |
//! | `terms` | terminology: `$lookup`, `$validate-code`, `$expand`, `$translate`, `$subsumes` |
//! | `outcome` | why a request gets nothing |

mod bundle;
mod capability;
mod everything;
mod follow;
pub(crate) mod outcome;
mod read;
mod search;
mod seen;
mod terms;
#[cfg(test)]
mod tests;

use crate::web::{App, Ask, Doors, WebError};
use follow::Follower;
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tsumugi_fhirstore::{Definitions, Index};
use tsumugi_records::Derived;
use tsumugi_terminology::{embedded_files, sources_of};

/// Path of the FHIR addresses.
pub(crate) const FHIR: &str = "/fhir/R4";

/// The definitions of `data/fhir`; a test holds that they have no mistakes.
static DEFINITIONS: LazyLock<Arc<Definitions>> = LazyLock::new(|| {
    let files = embedded_files();
    let files: Vec<_> = files
        .into_iter()
        .filter(|file| file.path.starts_with("fhir/"))
        .collect();
    Arc::new(Definitions::read(&sources_of(&files)).0)
});

/// Types that are not among what is kept: they are parts of an exchange, or have a door of their own.
const NOT_KEPT: [&str; 5] = ["AuditEvent", "Binary", "Bundle", "OperationOutcome", "Parameters"];

/// The index of this store, once somebody follows its changes.
#[derive(Debug, Default)]
pub(crate) struct Resources {
    index: OnceLock<Index>,
    /// Held by who lets the store be followed.
    opening: Mutex<()>,
}

impl Resources {
    /// The index; the first to ask lets the store be followed, which indexes what is not yet.
    pub(crate) fn of(app: &App) -> Result<&Index, WebError> {
        let own = &app.resources;
        if let Some(index) = own.index.get() {
            return Ok(index);
        }
        let _opening = own.opening.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = own.index.get() {
            return Ok(index);
        }
        let follower = Arc::new(Follower::default());
        app.store.follow(Arc::clone(&follower) as Arc<dyn Derived>)?;
        let index = follower.index().cloned();
        let index = index.ok_or_else(|| WebError::Other("the FHIR index is not open".to_owned()))?;
        Ok(own.index.get_or_init(|| index))
    }
}

/// Pause between two bits of what a large import left over: others write meanwhile.
const BREATH: Duration = Duration::from_millis(20);
/// Pause after all is followed.
const REST: Duration = Duration::from_secs(1);

/// Follows what was written before the server ran, then what large imports leave over, until the server is gone.
pub(crate) fn keep_up(app: Arc<App>) {
    let _ = Resources::of(&app);
    let server = Arc::downgrade(&app);
    drop(app);
    while let Some(app) = server.upgrade() {
        // What cannot be followed now is tried again; searches say meanwhile that they cannot answer.
        let is_busy = app.store.catch_up().unwrap_or(false);
        drop(app);
        std::thread::sleep(if is_busy { BREATH } else { REST });
    }
}

/// The address of this server's API.
fn base(app: &App) -> String {
    format!("{}{FHIR}", crate::smart::base(app))
}

/// Adds the doors of the API.
pub(crate) fn doors(doors: Doors) -> Doors {
    use Ask::{Nothing, Token};
    doors
        .get("/fhir/R4/metadata", Nothing, capability::metadata)
        .get("/fhir/R4/{kind}", Token, search::by_address)
        .post("/fhir/R4/{kind}/_search", Token, search::by_form)
        .get("/fhir/R4/{kind}/{id}", Token, read::current)
        .get("/fhir/R4/{kind}/{id}/_history", Token, read::history)
        .get("/fhir/R4/{kind}/{id}/_history/{version}", Token, read::version)
        .get("/fhir/R4/{kind}/{id}/$everything", Token, everything::everything)
}
