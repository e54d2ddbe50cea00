//! The way in: bytes and profiles in, a report out.

use crate::base::Checker;
use crate::issue::{Found, Issues, Report, Texts};
use crate::json::{self, Parsed, Step};
use crate::library::{self, Library, Missing};
use crate::package::Package;
use crate::place::Place;
use crate::references::References;
use crate::schema::{ClassId, Node, Schema};
use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::Value;
use tsumugi_tables::{Mistake, Source};

/// R4, the profiles that were imported, and the sentences.
#[derive(Debug)]
pub struct Validator {
    pub(crate) schema: Schema,
    pub(crate) texts: Texts,
    pub(crate) library: Library,
    /// The class of extensions.
    pub(crate) extension: Option<ClassId>,
}

impl Validator {
    /// Reads the tables of `data/fhir`; other tables are passed over.
    ///
    /// # Errors
    /// All mistakes of the tables.
    pub fn new(sources: &[Source<'_>]) -> Result<Self, Vec<Mistake>> {
        let mut mistakes = Vec::new();
        let schema = Schema::read(sources, &mut mistakes);
        let texts = Texts::read(sources, &mut mistakes);
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        Ok(Self {
            extension: schema.named("Extension"),
            schema,
            texts,
            library: Library::default(),
        })
    }

    /// With the profiles of packages. Several versions of one profile stand side by side; of the same version the later
    /// package counts.
    #[must_use]
    pub fn with_packages(mut self, packages: &[Package]) -> Self {
        self.library = Library::new(&self.schema, packages);
        self
    }

    /// R4, for reading packages.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The profile of an address, with or without its version, as it is known here.
    ///
    /// # Errors
    /// The versions that are here, joined by commas; nothing where the address is not known.
    pub fn profile(&self, claim: &str) -> Result<String, String> {
        match self.library.find(claim) {
            Ok(number) => Ok(self
                .library
                .profile(number)
                .map_or_else(String::new, |found| found.label.to_string())),
            Err(Missing::Version(known)) => Err(known),
            Err(Missing::Address) if self.core_type(claim).is_some() => Ok(claim.to_owned()),
            Err(Missing::Address) => Err(String::new()),
        }
    }

    /// The type of R4 itself that an address is the definition of.
    pub(crate) fn core_type(&self, claim: &str) -> Option<ClassId> {
        let name = library::split(claim).0.strip_prefix(library::CORE)?;
        self.schema.named(name)
    }

    /// Profiles of a package that cannot be checked here, with the reason: address with version, sentence.
    pub fn uncheckable(&self, package: &Package) -> Vec<(String, String)> {
        let claims = package
            .profiles
            .iter()
            .map(|profile| format!("{}|{}", profile.url, profile.version));
        let linked = claims.filter_map(|claim| self.library.profile(self.library.find(&claim).ok()?));
        linked
            .filter_map(|profile| Some((profile.label.to_string(), profile.problem.as_ref()?.to_string())))
            .collect()
    }

    /// Checks a resource as JSON: R4's own rules, the profiles that it and what is in it claim, and those that are named
    /// (`url` or `url|version`).
    pub fn validate(&self, bytes: &[u8], profiles: &[String]) -> Report {
        match json::parse(bytes) {
            Ok(parsed) => self.examine(&parsed, profiles),
            Err(error) => {
                let mut issues = Issues::default();
                // The words of the reader name no text of the document.
                let values = vec![("reason", error.to_string())];
                issues.push(&self.texts, Found::new("malformed", String::new(), values));
                issues.report(&self.texts)
            }
        }
    }

    fn examine(&self, parsed: &Parsed, profiles: &[String]) -> Report {
        let root = &parsed.value;
        let name = root
            .get("resourceType")
            .and_then(Value::as_str)
            .unwrap_or("Resource");
        let references = References::of(&self.schema, root);
        let node = Node {
            value: Some(root),
            extra: None,
            class: 0,
        };
        let mut checker = Checker {
            validator: self,
            references: &references,
            issues: Issues::default(),
            place: Place::default(),
            resource: node,
            root: node,
            profile: None,
            told: FxHashSet::default(),
            asked: FxHashSet::default(),
            fitting: FxHashMap::default(),
        };
        checker.place.enter(name, None);
        for place in &parsed.doubled {
            let key = match place.last() {
                Some(Step::Key(key)) => key.clone(),
                _ => String::new(),
            };
            let text = path_of(name, place);
            checker
                .issues
                .push(&self.texts, Found::new("doubled-key", text, vec![("name", key)]));
        }
        checker.resource(root, false);
        if let Some(class) = self.schema.type_of_resource(root) {
            let node = self.schema.node(Some(root), None, class);
            (checker.resource, checker.root) = (node, node);
            for claim in profiles {
                checker.claim(node, claim, "");
            }
        }
        checker.issues.report(&self.texts)
    }
}

fn path_of(root: &str, steps: &[Step]) -> String {
    let mut text = root.to_owned();
    for step in steps {
        match step {
            Step::Key(key) => {
                text.push('.');
                text.push_str(key);
            }
            Step::Index(index) => {
                text.push('[');
                text.push_str(&index.to_string());
                text.push(']');
            }
        }
    }
    text
}
