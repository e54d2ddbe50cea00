//! What `data/fhir` defines: types, their search parameters, whose resources are, and addresses of systems.

mod elements;

use crate::path::{self, Alternative, Shape};
use elements::Elements;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use tsumugi_tables::{Mistake, Row, Source, Table};

/// Raised when values are read otherwise from the same tables: the index is then made anew.
const READER: &str = "1";

const PARAMETERS: &str = "fhir/search_parameters.tsv";
const TYPES: &str = "fhir/resource_types.tsv";
const ALIASES: &str = "fhir/system_aliases.tsv";
const COMPARTMENT: &str = "fhir/compartment_patient.tsv";

/// The type of a search parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Several parameters of one element.
    Composite,
    /// A date or period.
    Date,
    /// A number.
    Number,
    /// A number with a unit.
    Quantity,
    /// A reference.
    Reference,
    /// A text.
    String,
    /// A code, identifier, flag.
    Token,
    /// A URI.
    Uri,
}

impl Kind {
    /// As R4 writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Composite => "composite",
            Self::Date => "date",
            Self::Number => "number",
            Self::Quantity => "quantity",
            Self::Reference => "reference",
            Self::String => "string",
            Self::Token => "token",
            Self::Uri => "uri",
        }
    }

    fn of(name: &str) -> Option<Self> {
        let all = [
            Self::Composite,
            Self::Date,
            Self::Number,
            Self::Quantity,
            Self::Reference,
            Self::String,
            Self::Token,
            Self::Uri,
        ];
        all.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// Whose a resource of a type is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// It is the patient.
    Itself,
    /// At most one patient, whom an element names.
    One,
    /// Maybe several patients.
    Many,
    /// It follows from what it points to.
    Content,
    /// The site's.
    Site,
}

/// A search parameter of a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its name in an address.
    pub name: String,
    /// Its type.
    pub kind: Kind,
    /// Types that a reference may lead to; empty for any.
    pub targets: Vec<String>,
    /// Type and name: what the index knows it by.
    pub(crate) key: String,
    /// The same for the texts of its concepts.
    pub(crate) words_key: String,
    /// The same for the identifiers by which references name their targets.
    pub(crate) identified_key: String,
    pub(crate) path: Vec<Alternative>,
    /// Of a composite: type and path of each part.
    pub(crate) parts: Vec<(Kind, Vec<Alternative>)>,
    /// Only readings of names, as JP Core marks them.
    pub(crate) is_reading: bool,
}

impl Parameter {
    /// Whether texts of its concepts are indexed, for `:text`.
    pub(crate) fn has_words(&self) -> bool {
        let shapes = [Shape::CodeableConcept, Shape::Coding, Shape::Identifier];
        self.kind == Kind::Token && self.path.iter().any(|one| shapes.contains(&one.shape))
    }
}

/// A type of resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceType {
    /// Its name.
    pub name: String,
    /// Whose its resources are.
    pub owner: Owner,
    /// The element that names the owner.
    pub owner_path: String,
    /// Parameters by which a resource is in the compartment of a patient.
    pub compartment: Vec<String>,
    /// Its search parameters, by name; without `_id` and `_lastUpdated`, which every type has.
    pub parameters: Vec<Parameter>,
}

impl ResourceType {
    /// A parameter by its name.
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        let found = self
            .parameters
            .binary_search_by(|own| own.name.as_str().cmp(name));
        found.ok().and_then(|index| self.parameters.get(index))
    }
}

/// All that `data/fhir` defines and a search needs.
#[derive(Debug, Default)]
pub struct Definitions {
    types: BTreeMap<String, ResourceType>,
    aliases: BTreeMap<String, String>,
    edition: String,
}

impl Definitions {
    /// Reads the tables `fhir/*.tsv`. Every path is held against `elements.tsv`: an element that is not there, or is of
    /// another type, is a mistake.
    pub fn read(sources: &[Source<'_>]) -> (Self, Vec<Mistake>) {
        let mut mistakes = Vec::new();
        let mut definitions = Self::default();
        let elements = Elements::read(sources, &mut mistakes);
        let table = |path: &'static str, mistakes: &mut Vec<Mistake>| {
            let found = sources.iter().find(|source| source.path == path);
            if found.is_none() {
                mistakes.push(Mistake::new(path, 1, "missing"));
            }
            found.map(|source| Table::parse(*source, mistakes))
        };
        let Some(types) = table(TYPES, &mut mistakes) else {
            return (definitions, mistakes);
        };
        let rows = types.rows().filter(|row| row.get("kind") == "resource");
        definitions.types = rows
            .map(|row| (row.get("type").to_owned(), resource_type(&row)))
            .collect();
        for row in table(COMPARTMENT, &mut mistakes).iter().flat_map(Table::rows) {
            if let Some(of) = definitions.types.get_mut(row.get("resource")) {
                of.compartment = row.list("parameters").map(str::to_owned).collect();
            }
        }
        for row in table(ALIASES, &mut mistakes).iter().flat_map(Table::rows) {
            definitions
                .aliases
                .insert(row.get("alias").to_owned(), row.get("canonical").to_owned());
        }
        for row in table(PARAMETERS, &mut mistakes).iter().flat_map(Table::rows) {
            definitions.add(&row, &elements, &mut mistakes);
        }
        for of in definitions.types.values_mut() {
            of.parameters.sort_by(|a, b| a.name.cmp(&b.name));
        }
        definitions.edition = edition(sources);
        (definitions, mistakes)
    }

    fn add(&mut self, row: &Row<'_, '_>, elements: &Elements, mistakes: &mut Vec<Mistake>) {
        let (resource, name) = (row.get("resource"), row.get("name"));
        let Some(kind) = Kind::of(row.get("type")) else {
            return;
        };
        // Every type has these two, and the row of a resource answers them.
        if row.get("path").is_empty() || ["_id", "_lastUpdated"].contains(&name) {
            return;
        }
        let read = (path::parse(row.get("path")), parts(row.get("parts")));
        let (path, parts) = match read {
            (Ok(path), Ok(parts)) => (path, parts),
            (Err(why), _) | (_, Err(why)) => return mistakes.push(Mistake::new(PARAMETERS, row.line, why)),
        };
        let is_name = path.iter().any(|one| one.shape == Shape::HumanName);
        let mut parameter = Parameter {
            name: name.to_owned(),
            kind,
            targets: row
                .list("target")
                .filter(|target| *target != "*")
                .map(str::to_owned)
                .collect(),
            key: String::new(),
            words_key: String::new(),
            identified_key: String::new(),
            path,
            parts,
            is_reading: name == "phonetic" && is_name,
        };
        let all = ["Resource", "DomainResource"].contains(&resource);
        for of in self.types.values_mut().filter(|of| all || of.name == resource) {
            if let Err(why) = elements.check(&of.name, &mut parameter) {
                mistakes.push(Mistake::new(PARAMETERS, row.line, why));
            }
            parameter.key = format!("{}.{name}", of.name);
            parameter.words_key = format!("{}:text", parameter.key);
            parameter.identified_key = format!("{}:identifier", parameter.key);
            of.parameters.push(parameter.clone());
        }
    }

    /// A type of resource.
    pub fn resource_type(&self, name: &str) -> Option<&ResourceType> {
        self.types.get(name)
    }

    /// All types of resources, by name.
    pub fn resource_types(&self) -> impl Iterator<Item = &ResourceType> {
        self.types.values()
    }

    /// The address under which a system is kept and looked up.
    pub fn canonical<'s>(&'s self, system: &'s str) -> &'s str {
        self.aliases.get(system).map_or(system, String::as_str)
    }

    /// What the index was made with: it changes when the tables do, or the way they are read.
    pub fn edition(&self) -> &str {
        &self.edition
    }
}

fn resource_type(row: &Row<'_, '_>) -> ResourceType {
    ResourceType {
        name: row.get("type").to_owned(),
        owner: match row.get("owner") {
            "self" => Owner::Itself,
            "one" => Owner::One,
            "many" => Owner::Many,
            "content" => Owner::Content,
            _ => Owner::Site,
        },
        owner_path: row.get("owner_path").to_owned(),
        compartment: Vec::new(),
        parameters: Vec::new(),
    }
}

fn parts(written: &str) -> Result<Vec<(Kind, Vec<Alternative>)>, String> {
    let part = |part: &str| {
        let (kind, path) = part
            .split_once(' ')
            .ok_or_else(|| format!("{part}: type and path are wanted"))?;
        let kind = Kind::of(kind).ok_or_else(|| format!("{kind}: no type of a parameter"))?;
        Ok((kind, path::parse(path)?))
    };
    written
        .split(" $ ")
        .filter(|part| !part.is_empty())
        .map(part)
        .collect()
}

fn edition(sources: &[Source<'_>]) -> String {
    let mut hasher = Sha256::new();
    hasher.update(READER);
    let mut of: Vec<_> = sources
        .iter()
        .filter(|source| {
            [
                PARAMETERS,
                ALIASES,
                "fhir/elements.tsv",
                "fhir/required_codes.tsv",
            ]
            .contains(&source.path)
        })
        .collect();
    of.sort_by_key(|source| source.path);
    for source in of {
        hasher.update(source.path);
        hasher.update(source.text);
    }
    let mut text = String::new();
    for byte in hasher.finalize().iter().take(8) {
        // Writing to a text does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
