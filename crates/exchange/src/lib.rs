//! What other systems speak, one module a standard.
//!
//! Standards stay at the rim: inside there are the clinical types only, outside `serde_json::Value` and text.
#![expect(
    clippy::doc_markdown,
    reason = "names of standards and Japanese terms are no code"
)]

pub mod charset;
pub mod claims;
pub mod device;
pub mod feed;
pub mod fhir;
pub mod fhir_in;
pub mod hl7v2;
pub mod incoming;
pub mod medtxt;
pub mod okusuri;
pub mod outgoing;
pub mod ssmix2;

mod json;
mod made;
mod markup;
