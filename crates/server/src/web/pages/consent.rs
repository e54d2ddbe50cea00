//! Consent on the staff's screens.
//!
//! | module | what |
//! |---|---|
//! | `studies` | studies and their texts: list, a study's page, new versions with what changed |
//! | `person` | a patient's studies: card, code for the phone, answering together, paper forms, guardians |
//! | `exports` | exports of a study's data: order, preview, sign, watch, stop, files |
//! | `amendments` | what patients ask to have corrected, as tasks on the patient's page |

pub(crate) mod amendments;
pub(crate) mod exports;
pub(crate) mod person;
pub(crate) mod studies;

use crate::web::doors::{Ask, Doors};
use tsumugi_access::Action;

/// The pages.
pub(crate) fn doors(doors: Doors) -> Doors {
    use Ask::{Person, Records, System};
    const CONSENT: Ask = Records(&[Action::Consent]);
    const EXPORT: Ask = System(Action::ExportStudy);
    doors
        .get("/studies", Person, studies::list)
        .post("/studies", System(Action::ManageStudies), studies::add)
        .get("/studies/{study}", Person, studies::show)
        .post("/studies/{study}", System(Action::ManageStudies), studies::change)
        .get("/exports", EXPORT, exports::list)
        .post("/exports", EXPORT, exports::order)
        .post("/exports/{id}/stop", EXPORT, exports::stop)
        .get("/exports/{id}/{file}", EXPORT, exports::file)
        .get("/patients/{id}/consent", CONSENT, person::show)
        .post("/patients/{id}/consent-code", CONSENT, person::hand_over)
        .post("/patients/{id}/guardians", CONSENT, person::guardian)
        .get("/patients/{id}/consent/{study}", CONSENT, person::study)
        .post("/patients/{id}/consent/{study}", CONSENT, person::keep)
        .post(
            "/patients/{id}/amendments",
            Records(&[Action::Write]),
            amendments::settle,
        )
}
