//! What tells slices apart, found in the slices themselves and in the profiles that their types name.
//!
//! Where every discriminator of a slice is one plain value, the values are a key: two hundred slices cost one look-up.
//! The others are tried one after the other. A path at which a slice says nothing does not discriminate.

use super::{Element, Library, Link, Set, To};
use crate::package::{self, By, Discriminator, Rules};
use rustc_hash::FxHashMap;
use serde_json::Value;

/// Deepest chain of profiles and elements that is followed for a value.
const DEEPEST: usize = 12;

/// The slices of an element.
#[derive(Debug)]
pub(crate) struct Slices {
    pub(crate) discriminators: Vec<Discriminator>,
    pub(crate) rules: Rules,
    pub(crate) is_ordered: bool,
    /// Elements of the slices, in their order.
    pub(crate) all: Vec<u32>,
    /// Slices by the values of their discriminators.
    pub(crate) keyed: FxHashMap<String, u32>,
    /// Slices that are tried.
    pub(crate) tried: Vec<(u32, Vec<(u32, Test)>)>,
}

impl Slices {
    pub(super) fn new(slicing: &package::Slicing) -> Self {
        Self {
            discriminators: slicing.discriminators.clone(),
            rules: slicing.rules,
            is_ordered: slicing.is_ordered,
            all: Vec::new(),
            keyed: FxHashMap::default(),
            tried: Vec::new(),
        }
    }
}

/// What a discriminator asks of what its path leads to.
#[derive(Debug, Clone)]
pub(crate) enum Test {
    Equal(Value),
    Contains(Value),
    Bound(Set, Box<str>),
    OfType(Vec<Box<str>>),
    Claims(Vec<Link>),
    /// At an element inside.
    Inside(Box<str>, Box<Test>),
    All(Vec<Test>),
    Any(Vec<Test>),
}

/// The key of plain values.
pub(crate) fn key_of<'v>(values: impl Iterator<Item = &'v Value>) -> String {
    let mut key = String::new();
    for value in values {
        match value {
            Value::String(text) => key.push_str(text),
            other => key.push_str(&other.to_string()),
        }
        key.push('\u{1f}');
    }
    key
}

/// Finds the tests of all slices.
pub(super) fn link(library: &mut Library) {
    let mut found = Vec::new();
    for (profile, of) in library.profiles.iter().enumerate() {
        for (number, element) in of.elements.iter().enumerate() {
            let Some(slices) = &element.slices else { continue };
            for slice in &slices.all {
                let tests = tests_of(library, profile as u32, *slice, &slices.discriminators);
                found.push((profile, number, *slice, tests));
            }
        }
    }
    let mut problems = Vec::new();
    for (profile, number, slice, tests) in found {
        let Some(of) = library.profiles.get_mut(profile) else {
            continue;
        };
        let Some(slices) = of
            .elements
            .get_mut(number)
            .and_then(|element| element.slices.as_mut())
        else {
            continue;
        };
        let plain: Vec<&Value> = tests
            .iter()
            .filter_map(|(_, test)| match test {
                Test::Equal(value) if !value.is_object() && !value.is_array() => Some(value),
                _ => None,
            })
            .collect();
        if tests.is_empty() {
            problems.push((profile, slice));
        } else if plain.len() == slices.discriminators.len() {
            slices.keyed.entry(key_of(plain.into_iter())).or_insert(slice);
        } else {
            slices.tried.push((slice, tests));
        }
    }
    for (profile, slice) in problems {
        if let Some(of) = library.profiles.get_mut(profile) {
            let name = of
                .elements
                .get(slice as usize)
                .and_then(|element| element.slice.clone());
            let name = name.unwrap_or_default();
            of.problem = Some(format!("nothing tells the slice {name} from the others").into());
        }
    }
}

/// Number of the discriminator, and its test.
fn tests_of(
    library: &Library,
    profile: u32,
    slice: u32,
    discriminators: &[Discriminator],
) -> Vec<(u32, Test)> {
    let tests = discriminators
        .iter()
        .enumerate()
        .filter_map(|(number, discriminator)| {
            let at = At {
                profile,
                element: slice,
                depth: 0,
            };
            let test = match discriminator.by {
                By::Value => by_value(library, at, &discriminator.path),
                By::Type => by_type(library, at, &discriminator.path),
                By::Profile => by_profile(library, at, &discriminator.path),
            };
            Some((number as u32, test?))
        });
    tests.collect()
}

#[derive(Clone, Copy)]
struct At {
    profile: u32,
    element: u32,
    depth: usize,
}

impl At {
    fn get(self, library: &Library) -> Option<&Element> {
        library.profile(self.profile)?.elements.get(self.element as usize)
    }

    fn below(self, element: u32) -> Self {
        Self {
            element,
            depth: self.depth + 1,
            ..self
        }
    }

    fn child(self, library: &Library, name: &str) -> Option<Self> {
        let own = self.get(library)?;
        let found = own.children.iter().find(|child| {
            let child = self.below(**child).get(library);
            child.is_some_and(|child| *child.name == *name)
        });
        found.map(|child| self.below(*child))
    }
}

fn by_value(library: &Library, at: At, path: &[String]) -> Option<Test> {
    let element = at.get(library).filter(|_| at.depth < DEEPEST)?;
    let Some((step, rest)) = path.split_first() else {
        return own_value(library, at, element);
    };
    if let Some(child) = at.child(library, step) {
        if let Some(test) = by_value(library, child, rest) {
            return Some(test);
        }
        // A part that is sliced itself: one of the slices that must stand.
        let slices = child.get(library).and_then(|child| child.slices.as_ref());
        let parts = slices
            .map_or([].as_slice(), |slices| &slices.all)
            .iter()
            .filter_map(|slice| {
                let slice = child.below(*slice);
                let is_needed = slice.get(library).is_some_and(|slice| slice.least > 0);
                by_value(library, slice, rest).filter(|_| is_needed)
            });
        let parts: Vec<Test> = parts.collect();
        if !parts.is_empty() {
            return Some(Test::Any(parts));
        }
    }
    let links: Vec<&Link> = element.types.iter().flat_map(|of| &of.profiles).collect();
    let [link] = links.as_slice() else { return None };
    if let To::Profile(profile, _) = link.to {
        let root = At {
            profile,
            element: 0,
            depth: at.depth + 1,
        };
        if let Some(test) = by_value(library, root, path) {
            return Some(test);
        }
    }
    let is_url = path.len() == 1 && step == "url";
    is_url.then(|| Test::Equal(Value::from(super::split(&link.url).0)))
}

/// What an element says of its own value, or of what is inside.
fn own_value(library: &Library, at: At, element: &Element) -> Option<Test> {
    if let Some(fixed) = &element.fixed {
        return Some(Test::Equal(fixed.clone()));
    }
    if let Some(pattern) = &element.pattern {
        let is_plain = !pattern.is_object();
        return Some(if is_plain {
            Test::Equal(pattern.clone())
        } else {
            Test::Contains(pattern.clone())
        });
    }
    let inside = element.children.iter().filter_map(|child| {
        let child = at.below(*child);
        let name = child.get(library)?.name.clone();
        let test = by_value(library, child, &[])?;
        Some(Test::Inside(name, Box::new(test)))
    });
    let inside: Vec<Test> = inside.filter(|test| !is_bound(test)).collect();
    if !inside.is_empty() {
        return Some(Test::All(inside));
    }
    let binding = element.binding.as_ref().filter(|binding| binding.is_required)?;
    Some(Test::Bound(binding.set, binding.url.clone()))
}

fn is_bound(test: &Test) -> bool {
    match test {
        Test::Bound(..) => true,
        Test::Inside(_, inside) => is_bound(inside),
        _ => false,
    }
}

/// The element that a path leads to, and whether a reference is followed on the way.
fn follow(library: &Library, at: At, path: &[String]) -> Option<(At, bool)> {
    let (mut at, mut is_resolved) = (at, false);
    for step in path {
        if step == "resolve()" {
            is_resolved = true;
        } else {
            at = at.child(library, step)?;
        }
    }
    Some((at, is_resolved))
}

fn by_type(library: &Library, at: At, path: &[String]) -> Option<Test> {
    let (at, is_resolved) = follow(library, at, path)?;
    let element = at.get(library)?;
    let types: Vec<Box<str>> = if is_resolved {
        let targets = element.types.iter().flat_map(|of| &of.targets);
        targets.filter_map(type_of).collect()
    } else {
        element.types.iter().map(|of| of.code.clone()).collect()
    };
    (!types.is_empty()).then_some(Test::OfType(types))
}

fn by_profile(library: &Library, at: At, path: &[String]) -> Option<Test> {
    let (at, is_resolved) = follow(library, at, path)?;
    let types = at.get(library)?.types.iter();
    let links: Vec<Link> = if is_resolved {
        types.flat_map(|of| &of.targets).cloned().collect()
    } else {
        types.flat_map(|of| &of.profiles).cloned().collect()
    };
    (!links.is_empty()).then_some(Test::Claims(links))
}

/// The type of R4 that a profile is for.
pub(crate) fn type_of(link: &Link) -> Option<Box<str>> {
    match &link.to {
        To::Core(name) | To::Profile(_, name) => Some(name.clone()),
        To::Unknown => None,
    }
}
