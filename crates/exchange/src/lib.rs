//! What other systems speak, one module a standard.
//!
//! Standards stay at the rim: inside there are the clinical types only, outside `serde_json::Value` and text.
#![expect(
    clippy::doc_markdown,
    reason = "names of standards and Japanese terms are no code"
)]

pub mod fhir;
pub mod fhir_in;
pub mod incoming;
pub mod medtxt;
