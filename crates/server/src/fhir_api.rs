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

use crate::log::{self, Cause};
use crate::web::{App, Ask, Doors};
use follow::Follower;
use outcome::Refusal;
use std::sync::{Arc, LazyLock, Mutex, OnceLock, TryLockError, Weak};
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
    follower: Arc<Follower>,
    is_open: OnceLock<()>,
    /// Held by who lets the store be followed.
    opening: Mutex<()>,
}

impl Resources {
    /// The index. Where nobody follows the store yet, that begins now, which indexes what is not yet; who asks meanwhile is
    /// told to come again.
    pub(crate) fn of(app: &App) -> Result<&Index, Refusal> {
        let own = &app.resources;
        if own.is_open.get().is_none() {
            let _opening = match own.opening.try_lock() {
                Ok(opening) => opening,
                Err(TryLockError::Poisoned(opening)) => opening.into_inner(),
                Err(TryLockError::WouldBlock) => return Err(Refusal::NotReady),
            };
            if own.is_open.get().is_none() {
                app.store
                    .follow(own.derived())
                    .map_err(|error| Refusal::Web(error.into()))?;
                let _ = own.is_open.set(());
            }
        }
        own.follower.index().ok_or(Refusal::NotReady)
    }

    fn derived(&self) -> Arc<dyn Derived> {
        Arc::clone(&self.follower) as Arc<dyn Derived>
    }
}

/// Pause between two bits of what a large import left over: others write meanwhile.
const BREATH: Duration = Duration::from_millis(20);
/// Pause after all is followed.
const REST: Duration = Duration::from_secs(1);
/// Pause after something could not be followed.
const RETRY: Duration = Duration::from_secs(60);

/// Follows what was written before the server ran, then what large imports leave over, until the server is gone. What
/// cannot be followed is told and tried again; the API says meanwhile that it cannot answer.
pub(crate) fn keep_up(server: &Weak<App>) {
    while let Some(app) = server.upgrade() {
        let followed = Resources::of(&app).and_then(|_| {
            let followed = app.store.catch_up(&app.resources.derived());
            followed.map_err(|error| Refusal::Web(error.into()))
        });
        drop(app);
        let pause = match followed {
            Ok(true) => BREATH,
            // Somebody else has begun.
            Ok(false) | Err(Refusal::NotReady) => REST,
            Err(refusal) => {
                let cause = match &refusal {
                    Refusal::Web(error) => error.fault(),
                    _ => None,
                };
                let cause = cause.unwrap_or_else(|| Cause::of_words("-"));
                log::error("the FHIR index cannot follow the record", &[("cause", &cause)]);
                RETRY
            }
        };
        std::thread::sleep(pause);
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
