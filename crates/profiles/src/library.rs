//! The packages of a site, laid out for checking: profiles by address and version, elements with what they lead to, value
//! sets listed, slices by the hash of what tells them apart.

mod slices;

pub(crate) use slices::{Slices, Test, key_of, type_of};

use crate::fhirpath::Expression;
use crate::issue::Severity;
use crate::package::{self, Package};
use crate::schema::{ClassId, Schema};
use crate::value_sets::{Members, Terms};
use rustc_hash::FxHashMap;
use serde_json::Value;
use std::cmp::Ordering;
use std::sync::Arc;

/// Addresses of R4's own types.
pub(crate) const CORE: &str = "http://hl7.org/fhir/StructureDefinition/";

/// The profiles that are known.
#[derive(Debug, Default)]
pub(crate) struct Library {
    pub(crate) profiles: Vec<Profile>,
    /// Numbers of the profiles of an address, newest last.
    pub(crate) by_url: FxHashMap<Box<str>, Vec<u32>>,
    pub(crate) sets: Vec<Members>,
}

/// A profile.
#[derive(Debug)]
pub(crate) struct Profile {
    pub(crate) url: Box<str>,
    pub(crate) version: Box<str>,
    /// Both, joined by `|`.
    pub(crate) label: Arc<str>,
    pub(crate) of: Box<str>,
    pub(crate) base: Box<str>,
    pub(crate) problem: Option<Box<str>>,
    pub(crate) elements: Vec<Element>,
}

/// An element of a profile.
#[derive(Debug)]
pub(crate) struct Element {
    pub(crate) name: Box<str>,
    /// `coding:alb`, for sentences.
    pub(crate) slice: Option<Box<str>>,
    /// Elements inside, without slices.
    pub(crate) children: Vec<u32>,
    pub(crate) slices: Option<Slices>,
    pub(crate) least: u32,
    pub(crate) most: Option<u32>,
    pub(crate) types: Vec<Type>,
    pub(crate) fixed: Option<Value>,
    pub(crate) pattern: Option<Value>,
    pub(crate) binding: Option<Binding>,
    pub(crate) longest: Option<u32>,
    pub(crate) constraints: Vec<Constraint>,
    pub(crate) content: Option<u32>,
}

/// A type that may stand at an element.
#[derive(Debug)]
pub(crate) struct Type {
    pub(crate) code: Box<str>,
    /// The same, where it is a type of R4.
    pub(crate) class: Option<ClassId>,
    pub(crate) profiles: Vec<Link>,
    pub(crate) targets: Vec<Link>,
}

/// The address of a profile, and what it leads to.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub(crate) url: Box<str>,
    pub(crate) to: To,
}

/// What the address of a profile leads to.
#[derive(Debug, Clone)]
pub(crate) enum To {
    /// A type of R4 itself.
    Core(Box<str>),
    /// A profile, and the type that it is for.
    Profile(u32, Box<str>),
    /// Nothing here.
    Unknown,
}

#[derive(Debug)]
pub(crate) struct Binding {
    pub(crate) is_required: bool,
    pub(crate) set: Set,
    pub(crate) url: Box<str>,
}

/// Where the codes of a value set are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Set {
    /// Of a package.
    Listed(u32),
    /// Of R4, by its address.
    Core,
    Unknown,
}

#[derive(Debug)]
pub(crate) struct Constraint {
    pub(crate) key: Box<str>,
    pub(crate) severity: Severity,
    pub(crate) text: Box<str>,
    pub(crate) expression: Result<Expression, String>,
}

/// A claim of a profile that leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Missing {
    /// No version of the address is here.
    Address,
    /// These versions are here.
    Version(String),
}

impl Library {
    /// Links packages. Of the same address and version the later package counts.
    pub(crate) fn new(schema: &Schema, packages: &[Package]) -> Self {
        let mut library = Self::default();
        let mut found: Vec<&package::Profile> =
            packages.iter().flat_map(|package| &package.profiles).collect();
        found.sort_by(|a, b| a.url.cmp(&b.url).then_with(|| in_version(&a.version, &b.version)));
        for (number, profile) in found.iter().enumerate() {
            let list = library.by_url.entry(profile.url.as_str().into()).or_default();
            list.push(number as u32);
        }
        let mut sets: Vec<&package::ValueSet> =
            packages.iter().flat_map(|package| &package.value_sets).collect();
        sets.sort_by(|a, b| a.url.cmp(&b.url).then_with(|| in_version(&a.version, &b.version)));
        let systems = packages.iter().flat_map(|package| &package.systems);
        let terms = Terms {
            // A list that is complete counts before a part of it.
            systems: systems
                .clone()
                .filter(|system| !system.is_complete)
                .chain(systems.clone().filter(|system| system.is_complete))
                .map(|system| (system.url.as_str(), system))
                .collect(),
            sets: sets.iter().map(|set| (set.url.as_str(), *set)).collect(),
        };
        let mut numbers: FxHashMap<&str, Vec<(&str, u32)>> = FxHashMap::default();
        for set in &sets {
            numbers
                .entry(&set.url)
                .or_default()
                .push((&set.version, library.sets.len() as u32));
            library.sets.push(terms.list(set));
        }
        let linker = Linker {
            schema,
            found: &found,
            by_url: &library.by_url,
            sets: &numbers,
        };
        library.profiles = found.iter().map(|profile| linker.profile(profile)).collect();
        slices::link(&mut library);
        library
    }

    /// The profile that a claim names (`url` or `url|version`).
    pub(crate) fn find(&self, claim: &str) -> Result<u32, Missing> {
        find(
            &self.by_url,
            |number| {
                self.profiles
                    .get(number as usize)
                    .map(|profile| &*profile.version)
            },
            claim,
        )
    }

    /// A profile by its number.
    pub(crate) fn profile(&self, number: u32) -> Option<&Profile> {
        self.profiles.get(number as usize)
    }

    /// Whether a profile is another or built on it, whatever the version.
    pub(crate) fn is_built_on(&self, number: u32, url: &str) -> bool {
        let mut at = self.profile(number);
        for _ in 0..16 {
            let Some(profile) = at else { return false };
            if *profile.url == *url {
                return true;
            }
            at = self
                .find(&profile.base)
                .ok()
                .and_then(|number| self.profile(number));
        }
        false
    }
}

/// Splits `url|version`.
pub(crate) fn split(claim: &str) -> (&str, Option<&str>) {
    match claim.split_once('|') {
        Some((url, version)) => (url, Some(version)),
        None => (claim, None),
    }
}

fn find<'v>(
    by_url: &FxHashMap<Box<str>, Vec<u32>>,
    version_of: impl Fn(u32) -> Option<&'v str>,
    claim: &str,
) -> Result<u32, Missing> {
    let (url, version) = split(claim);
    let Some(numbers) = by_url.get(url) else {
        return Err(Missing::Address);
    };
    let last = match version {
        None => numbers.last().copied(),
        Some(version) => numbers
            .iter()
            .rev()
            .find(|number| version_of(**number) == Some(version))
            .copied(),
    };
    last.ok_or_else(|| {
        let known: Vec<&str> = numbers.iter().filter_map(|number| version_of(*number)).collect();
        Missing::Version(known.join(", "))
    })
}

/// Versions by their numbers; what is no number, as text.
pub(crate) fn in_version(a: &str, b: &str) -> Ordering {
    let parts = |version: &str| -> Vec<(u64, String)> {
        let parts = version.split(['.', '-']);
        parts
            .map(|part| {
                let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
                (
                    digits.parse().unwrap_or(0),
                    part.trim_start_matches(|c: char| c.is_ascii_digit()).to_owned(),
                )
            })
            .collect()
    };
    parts(a).cmp(&parts(b))
}

struct Linker<'l> {
    schema: &'l Schema,
    found: &'l [&'l package::Profile],
    by_url: &'l FxHashMap<Box<str>, Vec<u32>>,
    sets: &'l FxHashMap<&'l str, Vec<(&'l str, u32)>>,
}

impl Linker<'_> {
    fn profile(&self, profile: &package::Profile) -> Profile {
        let mut elements: Vec<Element> = profile
            .elements
            .iter()
            .map(|element| self.element(element))
            .collect();
        for (number, element) in profile.elements.iter().enumerate().skip(1) {
            let list = match &element.slice {
                None => elements
                    .get_mut(element.parent as usize)
                    .map(|parent| &mut parent.children),
                Some((owner, _)) => {
                    let owner = elements.get_mut(*owner as usize);
                    owner
                        .and_then(|owner| owner.slices.as_mut())
                        .map(|slices| &mut slices.all)
                }
            };
            if let Some(list) = list {
                list.push(number as u32);
            }
        }
        Profile {
            url: profile.url.as_str().into(),
            version: profile.version.as_str().into(),
            label: format!("{}|{}", profile.url, profile.version).into(),
            of: profile.of.as_str().into(),
            base: profile.base.as_str().into(),
            problem: profile.problem.as_deref().map(Into::into),
            elements,
        }
    }

    fn element(&self, element: &package::Element) -> Element {
        let value = |text: &Option<String>| text.as_deref().and_then(|text| serde_json::from_str(text).ok());
        let links = |urls: &[String]| urls.iter().map(|url| self.link(url)).collect();
        let types = element.types.iter().map(|of| Type {
            code: of.code.as_str().into(),
            class: self.schema.named(&of.code),
            profiles: links(&of.profiles),
            targets: links(&of.targets),
        });
        let constraints = element.constraints.iter().map(|constraint| Constraint {
            key: constraint.key.as_str().into(),
            severity: if constraint.is_warning {
                Severity::Warning
            } else {
                Severity::Error
            },
            text: constraint.text.as_str().into(),
            expression: Expression::parse(&constraint.expression),
        });
        Element {
            name: element.name.as_str().into(),
            slice: element
                .slice
                .as_ref()
                .map(|(_, name)| format!("{}:{name}", element.name).into()),
            children: Vec::new(),
            slices: element.slicing.as_ref().map(Slices::new),
            least: element.least,
            most: element.most,
            types: types.collect(),
            fixed: value(&element.fixed),
            pattern: value(&element.pattern),
            binding: element.binding.as_ref().map(|binding| Binding {
                is_required: binding.is_required,
                set: self.set(&binding.value_set),
                url: binding.value_set.as_str().into(),
            }),
            longest: element.longest,
            constraints: constraints.collect(),
            content: element.content,
        }
    }

    fn link(&self, url: &str) -> Link {
        let version_of = |number: u32| {
            self.found
                .get(number as usize)
                .map(|profile| profile.version.as_str())
        };
        let core = || {
            let name = split(url).0.strip_prefix(CORE);
            let name = name.filter(|name| self.schema.named(name).is_some());
            name.map_or(To::Unknown, |name| To::Core(name.into()))
        };
        let number = find(self.by_url, version_of, url).ok();
        let profile = number.and_then(|number| Some((number, self.found.get(number as usize)?)));
        let to = profile.map_or_else(core, |(number, profile)| {
            To::Profile(number, profile.of.as_str().into())
        });
        Link { url: url.into(), to }
    }

    fn set(&self, address: &str) -> Set {
        let (url, version) = split(address);
        if let Some(versions) = self.sets.get(url) {
            let exact = versions.iter().rev().find(|(known, _)| Some(*known) == version);
            if let Some((_, number)) = exact.or_else(|| versions.last()) {
                return Set::Listed(*number);
            }
        }
        let is_core = self.schema.value_sets.contains_key(url) || self.schema.grammars.contains_key(url);
        if is_core { Set::Core } else { Set::Unknown }
    }
}
