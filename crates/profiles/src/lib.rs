//! FHIR R4's own rules and profiles as tables, and what a resource breaks of them, with the place.
//!
//! Nothing here knows a profile or a type of resource by name: R4 comes from `data/fhir`, profiles from the packages that
//! a site imports.
#![expect(clippy::doc_markdown, reason = "names of standards and resources are no code")]

mod base;
mod check;
mod extensions;
mod fhirpath;
mod issue;
mod json;
mod library;
mod narrative;
mod package;
mod patterns;
mod place;
mod references;
mod schema;
mod slicing;
pub mod store;
mod validator;
mod value_sets;

pub use issue::{Issue, MOST_ISSUES, Report, Severity};
pub use package::{Package, PackageError, Summary};
pub use schema::Schema;
pub use validator::Validator;
