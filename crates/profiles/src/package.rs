//! A FHIR package as a site imports it: profiles, value sets and code systems as flat tables.
//!
//! [`Package::read`] takes the archive (`.tgz`) as its owner distributes it. What a profile asks beyond R4 is kept; what
//! R4 asks anyhow is left out, so that a check visits only what the profile adds. A profile that uses what is not known
//! here stays in, as one that cannot be checked: validating against it is an error that says why.

mod archive;
mod compile;
mod terms;

use crate::schema::Schema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Names that a message lists.
const MOST_NAMED: usize = 10;

/// Why a package is not imported.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PackageError {
    /// Not a gzip archive, cut, or larger than what is read.
    #[error("{0}")]
    Archive(String),
    /// `package.json` is missing or says no name or version.
    #[error("package/package.json is missing or has no name and version: not a FHIR package")]
    NoManifest,
    /// A file is no JSON.
    #[error("{0}: no readable JSON")]
    NotJson(String),
    /// For another edition of FHIR.
    #[error("it is for FHIR {0}; this program knows 4.0.1 (R4)")]
    OtherEdition(String),
    /// Profiles have differentials only.
    #[error("{count} profiles have no snapshot ({names}); ask its owner for the package with snapshots")]
    NoSnapshots {
        /// How many.
        count: usize,
        /// Some of them.
        names: String,
    },
    /// There is nothing to validate with.
    #[error("it has no profile, value set or code system")]
    Empty,
}

/// A compiled package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// Name of the package (`jp-core.r4`).
    pub name: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of the archive, hexadecimal.
    pub digest: String,
    pub(crate) profiles: Vec<Profile>,
    pub(crate) systems: Vec<CodeSystem>,
    pub(crate) value_sets: Vec<ValueSet>,
}

/// What a package holds, for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Name and version, joined by `#`.
    pub package: String,
    /// Profiles (extensions and data types among them).
    pub profiles: usize,
    /// Elements that ask something beyond R4.
    pub elements: usize,
    /// Value sets.
    pub value_sets: usize,
    /// Code systems.
    pub code_systems: usize,
    /// Codes in them.
    pub codes: usize,
    /// Profiles that cannot be checked, with the reason.
    pub uncheckable: BTreeMap<String, String>,
}

/// A profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Profile {
    pub(crate) url: String,
    /// Of the definition; of the package where it states none.
    pub(crate) version: String,
    pub(crate) of: String,
    pub(crate) base: String,
    /// Why it cannot be checked.
    pub(crate) problem: Option<String>,
    /// The first is the root; a parent stands before its children.
    pub(crate) elements: Vec<Element>,
}

/// An element of a profile.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Element {
    /// Without `[x]`; the key of JSON where the profile names the element so (`valueQuantity`).
    pub(crate) name: String,
    pub(crate) parent: u32,
    /// The element that is sliced, and the name of the slice.
    pub(crate) slice: Option<(u32, String)>,
    pub(crate) least: u32,
    pub(crate) most: Option<u32>,
    pub(crate) types: Vec<Type>,
    /// JSON.
    pub(crate) fixed: Option<String>,
    /// JSON.
    pub(crate) pattern: Option<String>,
    pub(crate) binding: Option<Binding>,
    pub(crate) longest: Option<u32>,
    pub(crate) slicing: Option<Slicing>,
    pub(crate) constraints: Vec<Constraint>,
    /// Its parts are those of another element.
    pub(crate) content: Option<u32>,
}

/// A type that may stand at an element.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Type {
    pub(crate) code: String,
    pub(crate) profiles: Vec<String>,
    pub(crate) targets: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Binding {
    pub(crate) is_required: bool,
    pub(crate) value_set: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Slicing {
    pub(crate) discriminators: Vec<Discriminator>,
    pub(crate) rules: Rules,
    pub(crate) is_ordered: bool,
}

/// What may stand beside the slices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Rules {
    Open,
    OpenAtEnd,
    Closed,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Discriminator {
    pub(crate) by: By,
    /// Names from the sliced element; `resolve()` among them; none: itself.
    pub(crate) path: Vec<String>,
}

/// By what slices are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum By {
    Value,
    Type,
    Profile,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Constraint {
    pub(crate) key: String,
    pub(crate) is_warning: bool,
    /// In the words of the profile.
    pub(crate) text: String,
    pub(crate) expression: String,
}

/// A code system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CodeSystem {
    pub(crate) url: String,
    pub(crate) version: String,
    pub(crate) is_complete: bool,
    /// Codes, each with the place of its parent in the list.
    pub(crate) codes: Vec<(String, Option<u32>)>,
}

/// A value set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ValueSet {
    pub(crate) url: String,
    pub(crate) version: String,
    pub(crate) include: Vec<Include>,
    pub(crate) exclude: Vec<Include>,
}

/// A part of a value set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Include {
    pub(crate) system: String,
    /// Listed codes; empty with `filter` empty: the whole system.
    pub(crate) codes: Vec<String>,
    pub(crate) filter: Vec<Filter>,
    pub(crate) sets: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Filter {
    /// Below a concept; with itself or without.
    Below { code: String, with_itself: bool },
    /// Another, which is not known here.
    Other(String),
}

impl Package {
    /// Reads an archive.
    ///
    /// # Errors
    /// Why it is refused as a whole.
    pub fn read(schema: &Schema, archive: &[u8]) -> Result<Self, PackageError> {
        let files = archive::unpack(archive)?;
        let manifest = files
            .get("package.json")
            .and_then(|bytes| serde_json::from_slice::<Value>(bytes).ok());
        let manifest = manifest.ok_or(PackageError::NoManifest)?;
        let text = |key: &str| manifest.get(key).and_then(Value::as_str).map(str::to_owned);
        let (Some(name), Some(version)) = (text("name"), text("version")) else {
            return Err(PackageError::NoManifest);
        };
        let editions = manifest.get("fhirVersions").and_then(Value::as_array);
        if let Some(editions) = editions
            && !editions
                .iter()
                .filter_map(Value::as_str)
                .any(|edition| edition.starts_with("4.0"))
        {
            let named: Vec<&str> = editions.iter().filter_map(Value::as_str).collect();
            return Err(PackageError::OtherEdition(named.join(", ")));
        }
        let mut package = Self {
            name,
            version,
            digest: hex(&Sha256::digest(archive)),
            profiles: Vec::new(),
            systems: Vec::new(),
            value_sets: Vec::new(),
        };
        let mut without = Vec::new();
        for (file, bytes) in &files {
            let value: Value =
                serde_json::from_slice(bytes).map_err(|_| PackageError::NotJson(file.clone()))?;
            package.take(schema, &value, &mut without);
        }
        if !without.is_empty() {
            let names: Vec<&str> = without.iter().take(MOST_NAMED).map(String::as_str).collect();
            return Err(PackageError::NoSnapshots {
                count: without.len(),
                names: names.join(", "),
            });
        }
        if package.profiles.is_empty() && package.systems.is_empty() && package.value_sets.is_empty() {
            return Err(PackageError::Empty);
        }
        Ok(package)
    }

    fn take(&mut self, schema: &Schema, value: &Value, without: &mut Vec<String>) {
        let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
        match text("resourceType") {
            "StructureDefinition" => {
                // R4's own types are in the program.
                let is_constraint = text("derivation") == "constraint";
                if !is_constraint || text("kind") == "logical" {
                    return;
                }
                if value.get("snapshot").is_none() {
                    without.push(text("name").to_owned());
                } else {
                    self.profiles.push(compile::profile(schema, value, &self.version));
                }
            }
            "CodeSystem" => self.systems.push(terms::code_system(value, &self.version)),
            "ValueSet" => self.value_sets.push(terms::value_set(value, &self.version)),
            _ => {}
        }
    }

    /// Name and version.
    pub fn label(&self) -> String {
        format!("{}#{}", self.name, self.version)
    }

    /// What it holds.
    pub fn summary(&self) -> Summary {
        let problem = |profile: &Profile| {
            let reason = profile.problem.clone()?;
            Some((format!("{}|{}", profile.url, profile.version), reason))
        };
        Summary {
            package: self.label(),
            profiles: self.profiles.len(),
            elements: self.profiles.iter().map(|profile| profile.elements.len()).sum(),
            value_sets: self.value_sets.len(),
            code_systems: self.systems.len(),
            codes: self.systems.iter().map(|system| system.codes.len()).sum(),
            uncheckable: self.profiles.iter().filter_map(problem).collect(),
        }
    }
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}
