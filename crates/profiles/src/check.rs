//! Profiles: what a resource claims or is asked to be, element by element.

use crate::base::{Checker, codes_of};
use crate::fhirpath::{Verdict, same};
use crate::issue::{Issues, shown};
use crate::library::{Binding, Element, Library, Link, Missing, Profile, Set, To, Type, split, type_of};
use crate::schema::{ClassId, Kind, Node};
use crate::value_sets::Membership;
use serde_json::Value;

/// A node at an element of a list.
#[derive(Clone, Copy)]
pub(crate) struct Found<'a> {
    pub(crate) index: Option<usize>,
    /// The type of a choice.
    pub(crate) of_type: Option<&'a str>,
    pub(crate) node: Node<'a>,
}

impl<'a> Checker<'a> {
    /// The profiles.
    pub(crate) fn library(&self) -> &'a Library {
        &self.validator.library
    }

    /// Asks the profiles that a resource claims.
    pub(crate) fn claims(&mut self, node: Node<'a>) {
        let claims = node
            .value
            .and_then(|value| value.get("meta")?.get("profile"))
            .and_then(Value::as_array);
        for (index, claim) in claims.into_iter().flatten().enumerate() {
            let Some(claim) = claim.as_str() else { continue };
            self.claim(node, claim, &format!("meta.profile[{index}]"));
        }
    }

    /// Asks the profile of an address; that of a type of R4 asks nothing but the type.
    pub(crate) fn claim(&mut self, node: Node<'a>, claim: &str, below: &str) {
        match self.library().find(claim) {
            Ok(number) => self.conforms(node, number),
            Err(missing) => match self.validator.core_type(claim) {
                Some(wanted) => self.is_of_type(node, wanted, claim),
                None => self.missing(claim, &missing, below),
            },
        }
    }

    fn is_of_type(&mut self, node: Node<'a>, wanted: ClassId, claim: &str) {
        let schema = &self.validator.schema;
        if !schema.is_a(node.class, wanted) {
            let name = |id| {
                schema
                    .class(id)
                    .map_or_else(String::new, |class| class.name.to_string())
            };
            let values = vec![
                ("profile", claim.to_owned()),
                ("wanted", name(wanted)),
                ("found", name(node.class)),
            ];
            self.tell("profile-type", "", values);
        }
    }

    /// Tells of a profile that is not here.
    pub(crate) fn missing(&mut self, claim: &str, missing: &Missing, below: &str) {
        match missing {
            Missing::Address => {
                if self.told.insert(format!("profile-unknown {claim}")) {
                    self.tell("profile-unknown", below, vec![("profile", claim.to_owned())]);
                }
            }
            Missing::Version(known) => {
                let (url, version) = split(claim);
                let values = vec![
                    ("profile", url.to_owned()),
                    ("version", version.unwrap_or_default().to_owned()),
                    ("known", known.clone()),
                ];
                self.tell("profile-version", below, values);
            }
        }
    }

    /// Asks a profile, once for each value.
    pub(crate) fn conforms(&mut self, node: Node<'a>, number: u32) {
        let Some(profile) = self.library().profile(number) else {
            return;
        };
        let Some(value) = node.value.or(node.extra) else {
            return;
        };
        if !self.asked.insert((std::ptr::from_ref(value) as usize, number)) {
            return;
        }
        let around = self.profile.replace(profile.label.clone());
        self.ask(node, profile);
        self.profile = around;
    }

    fn ask(&mut self, node: Node<'a>, profile: &'a Profile) {
        if let Some(problem) = &profile.problem {
            let values = vec![
                ("profile", profile.label.to_string()),
                ("reason", problem.to_string()),
            ];
            self.tell("profile-uncheckable", "", values);
            return;
        }
        let schema = &self.validator.schema;
        let wanted = schema.named(&profile.of);
        if !wanted.is_some_and(|wanted| schema.is_a(node.class, wanted)) {
            let found = schema
                .class(node.class)
                .map_or_else(String::new, |class| class.name.to_string());
            let values = vec![
                ("profile", profile.label.to_string()),
                ("wanted", profile.of.to_string()),
                ("found", found),
            ];
            self.tell("profile-type", "", values);
            return;
        }
        let Some(root) = profile.elements.first() else {
            return;
        };
        let is_resource = schema
            .class(node.class)
            .is_some_and(|class| matches!(class.kind, Kind::Resource));
        let around = self.resource;
        if is_resource {
            self.resource = node;
        }
        self.own_constraints(node, root);
        self.inside(node, profile, root);
        self.resource = around;
    }

    /// Elements inside a node.
    fn inside(&mut self, node: Node<'a>, profile: &'a Profile, element: &'a Element) {
        let schema = &self.validator.schema;
        let Some(class) = schema.class(node.class) else {
            return;
        };
        for child in &element.children {
            let Some(child) = profile.elements.get(*child as usize) else {
                continue;
            };
            let field = class
                .element(&child.name)
                .or_else(|| class.field(&child.name).map(|field| field.element));
            let Some(of) = field else { continue };
            let mut found = Vec::new();
            schema.each_of(node, of, |key, index, node| {
                if *of.name == *child.name || *key.name == *child.name {
                    let name = || schema.class(key.class).map_or("", |class| &*class.name);
                    let of_type = of.is_choice.then(name);
                    found.push(Found { index, of_type, node });
                }
            });
            self.count("cardinality", &of.name, child, found.len());
            let matched = self.slices(profile, child, &of.name, &found);
            for (number, at) in found.iter().enumerate() {
                self.place.enter(&of.name, at.of_type);
                self.place.at(at.index);
                self.at(at.node, profile, child);
                if let Some(slice) = matched.get(number).copied().flatten()
                    && let Some(slice) = profile.elements.get(slice as usize)
                {
                    self.at(at.node, profile, slice);
                }
                self.place.leave();
            }
        }
    }

    /// How often an element or a slice stands.
    pub(crate) fn count(&mut self, what: &str, place: &str, element: &Element, count: usize) {
        let keys = match what {
            "slice" => ("slice-least", "slice-most"),
            _ => ("cardinality-least", "cardinality-most"),
        };
        let name = element.slice.as_deref().unwrap_or(place);
        let values = |wanted: u32| {
            vec![
                ("name", name.to_owned()),
                ("wanted", wanted.to_string()),
                ("found", count.to_string()),
            ]
        };
        if count < element.least as usize {
            self.tell(keys.0, place, values(element.least));
        }
        if let Some(most) = element.most.filter(|most| count > *most as usize) {
            self.tell(keys.1, place, values(most));
        }
    }

    /// What an element of a profile asks of one node.
    fn at(&mut self, node: Node<'a>, profile: &'a Profile, element: &'a Element) {
        let around = (self.resource, self.root);
        let class = self.validator.schema.class(node.class);
        if class.is_some_and(|class| matches!(class.kind, Kind::Resource)) {
            self.resource = node;
            if *element.name != *"contained" {
                self.root = node;
            }
        }
        if self.is_of_types(node, element) {
            self.value(node, element);
            self.own_constraints(node, element);
            self.inside(node, profile, element);
            let content = element
                .content
                .and_then(|number| profile.elements.get(number as usize));
            if let Some(content) = content {
                self.inside(node, profile, content);
            }
        }
        (self.resource, self.root) = around;
    }

    /// What an element asks of the value itself.
    fn value(&mut self, node: Node<'a>, element: &'a Element) {
        if let Some(fixed) = &element.fixed
            && !node.value.is_some_and(|value| same(value, fixed))
        {
            let found = node.value.map(shown).unwrap_or_default();
            self.tell("fixed", "", vec![("wanted", shown(fixed)), ("found", found)]);
        }
        if let Some(pattern) = &element.pattern
            && !node.value.is_some_and(|value| contains(value, pattern))
        {
            if pattern.is_object() {
                self.tell("pattern", "", vec![("wanted", shown(pattern))]);
            } else {
                let found = node.value.map(shown).unwrap_or_default();
                self.tell("fixed", "", vec![("wanted", shown(pattern)), ("found", found)]);
            }
        }
        if let Some(binding) = &element.binding {
            self.bound(node, binding);
        }
        if let Some(longest) = element.longest
            && let Some(text) = node.value.and_then(Value::as_str)
            && text.chars().count() > longest as usize
        {
            let values = vec![
                ("most", longest.to_string()),
                ("found", text.chars().count().to_string()),
            ];
            self.tell("length", "", values);
        }
    }

    fn own_constraints(&mut self, node: Node<'a>, element: &'a Element) {
        for constraint in &element.constraints {
            let verdict = match &constraint.expression {
                Ok(expression) => self.world().holds(expression, node),
                Err(reason) => Verdict::Unknown(reason.clone()),
            };
            self.judge(&verdict, &constraint.key, constraint.severity, &constraint.text);
        }
    }

    /// Types, the profiles that they name, and what references lead to. Whether the node is of a right type.
    fn is_of_types(&mut self, node: Node<'a>, element: &'a Element) -> bool {
        if element.types.is_empty() {
            return true;
        }
        let schema = &self.validator.schema;
        let Some(class) = schema.class(node.class) else {
            return true;
        };
        let is_of = |of: &Type| {
            // System types of ids and addresses are no types of R4.
            of.class
                .is_none_or(|wanted| schema.is_a(node.class, wanted) || schema.is_a(wanted, node.class))
        };
        let fitting: Vec<&'a Type> = element.types.iter().filter(|of| is_of(of)).collect();
        if fitting.is_empty() {
            let wanted: Vec<&str> = element.types.iter().map(|of| &*of.code).collect();
            let values = vec![("wanted", wanted.join(", ")), ("found", class.name.to_string())];
            let is_resource = matches!(class.kind, Kind::Resource);
            self.tell(
                if is_resource {
                    "resource-type-wrong"
                } else {
                    "type-choice"
                },
                "",
                values,
            );
            return false;
        }
        let links: Vec<&'a Link> = fitting.iter().flat_map(|of| &of.profiles).collect();
        self.profiles_of_type(node, &links);
        let targets: Vec<&'a Link> = fitting.iter().flat_map(|of| &of.targets).collect();
        if !targets.is_empty() && *class.name == *"Reference" {
            self.leads_to(node, &targets);
        }
        true
    }

    /// One of the profiles of a type must fit.
    fn profiles_of_type(&mut self, node: Node<'a>, links: &[&'a Link]) {
        match links {
            [] => {}
            [link] => match &link.to {
                To::Profile(number, _) => self.conforms(node, *number),
                To::Core(_) => {}
                To::Unknown if link.url.ends_with("/SimpleQuantity") => {}
                // Its value is checked wherever it stands.
                To::Unknown if self.validator.schema.extensions.contains_key(split(&link.url).0) => {}
                To::Unknown => self.missing(&link.url, &Missing::Address, ""),
            },
            [first, ..] => {
                let numbers = links.iter().filter_map(|link| match link.to {
                    To::Profile(number, _) => Some(number),
                    _ => None,
                });
                let numbers: Vec<u32> = numbers.collect();
                let is_open = numbers.len() < links.len();
                if numbers.iter().any(|number| self.fits(node, *number, true)) {
                    return;
                }
                match numbers.first() {
                    Some(number) if !is_open => self.conforms(node, *number),
                    _ => self.missing(&first.url, &Missing::Address, ""),
                }
            }
        }
    }

    /// Whether a profile has no error at a node (`is_contained`: or at a part of the present resource); nothing is told.
    fn fits(&mut self, node: Node<'a>, number: u32, is_contained: bool) -> bool {
        let Some(value) = node.value else { return false };
        let key = (std::ptr::from_ref(value) as usize, number);
        if let Some(fits) = self.fitting.get(&key) {
            return *fits;
        }
        // What leads back to itself fits as far as this is concerned.
        self.fitting.insert(key, true);
        let Some(profile) = self.library().profile(number) else {
            return false;
        };
        let around = self.root;
        if !is_contained {
            self.root = node;
        }
        let issues = std::mem::take(&mut self.issues);
        let (asked, told) = (std::mem::take(&mut self.asked), std::mem::take(&mut self.told));
        self.ask(node, profile);
        let found: Issues = std::mem::replace(&mut self.issues, issues);
        (self.asked, self.told, self.root) = (asked, told, around);
        let fits = found.first_error(&self.validator.texts).is_none();
        self.fitting.insert(key, fits);
        fits
    }

    /// What a reference leads to: its type, and inside the document its profile.
    fn leads_to(&mut self, node: Node<'a>, targets: &[&'a Link]) {
        let Some(found) = self.target_type(node) else {
            return;
        };
        let types: Vec<Box<str>> = targets.iter().filter_map(|link| type_of(link)).collect();
        let is_open = types.len() < targets.len();
        if !is_open && !types.iter().any(|of| **of == *found || **of == *"Resource") {
            self.tell(
                "reference-type",
                "",
                vec![("wanted", types.join(", ")), ("found", found)],
            );
            return;
        }
        let reference = node
            .value
            .and_then(|value| value.get("reference"))
            .and_then(Value::as_str);
        let target = reference.and_then(|reference| self.references.target(self.root, reference));
        let (Some(target), false) = (target, is_open) else {
            return;
        };
        let mut numbers = Vec::new();
        for link in targets {
            match &link.to {
                To::Core(of) if **of == *found || **of == *"Resource" => return,
                To::Profile(number, of) if **of == *found => numbers.push(*number),
                _ => {}
            }
        }
        let is_contained = reference.is_some_and(|reference| reference.starts_with('#'));
        if !numbers
            .iter()
            .any(|number| self.claims_one(target, *number) || self.fits(target, *number, is_contained))
        {
            let labels = numbers
                .iter()
                .filter_map(|number| self.library().profile(*number));
            let wanted: Vec<String> = labels.map(|profile| profile.label.to_string()).collect();
            let values = vec![
                ("target", reference.unwrap_or_default().to_owned()),
                ("wanted", wanted.join(", ")),
            ];
            self.tell("reference-profile", "", values);
        }
    }

    /// Whether a resource claims a profile or one that is built on it: its own faults are told at itself.
    pub(crate) fn claims_one(&self, node: Node<'a>, number: u32) -> bool {
        let Some(profile) = self.library().profile(number) else {
            return false;
        };
        claims_of(node).any(|claim| {
            let claimed = self.library().find(claim);
            claimed.is_ok_and(|claimed| self.library().is_built_on(claimed, &profile.url))
        })
    }

    fn bound(&mut self, node: Node<'a>, binding: &Binding) {
        let codes = codes_of(node.value);
        if codes.is_empty() {
            return;
        }
        let set = ("set", binding.url.to_string());
        match self.membership(binding.set, &binding.url, &codes) {
            Membership::Yes => {}
            Membership::No => {
                let shown: Vec<String> = codes.iter().map(crate::base::Coded::shown).collect();
                let key = if binding.is_required {
                    "binding-required"
                } else {
                    "binding-extensible"
                };
                self.tell(key, "", vec![("code", shown.join(", ")), set]);
            }
            Membership::Open if binding.is_required => {
                self.tell_once("binding-unchecked", &binding.url, vec![set]);
            }
            Membership::Open => {}
        }
    }

    /// Whether a value set has one of the codes.
    pub(crate) fn membership(&self, set: Set, url: &str, codes: &[crate::base::Coded<'_>]) -> Membership {
        match set {
            Set::Listed(number) => {
                let members = self.library().sets.get(number as usize);
                members.map_or(Membership::Open, |members| members.has_any(codes))
            }
            Set::Core => {
                let schema = &self.validator.schema;
                let url = split(url).0;
                let is_there =
                    codes.iter().any(
                        |code| match (schema.value_sets.get(url), schema.grammars.get(url)) {
                            (Some(known), _) => match code.system {
                                Some(system) => known.codings.contains(&(system.into(), code.code.into())),
                                None => code.is_plain && known.codes.contains(code.code),
                            },
                            (None, Some(grammar)) => grammar.is_match(code.code),
                            (None, None) => false,
                        },
                    );
                if is_there { Membership::Yes } else { Membership::No }
            }
            Set::Unknown => Membership::Open,
        }
    }
}

/// The profiles that a resource claims.
pub(crate) fn claims_of(node: Node<'_>) -> impl Iterator<Item = &str> {
    let claims = node
        .value
        .and_then(|value| value.get("meta")?.get("profile"))
        .and_then(Value::as_array);
    claims.into_iter().flatten().filter_map(Value::as_str)
}

/// Whether a value has everything of a pattern: fields of objects, and for each item of a list one that has it.
pub(crate) fn contains(value: &Value, pattern: &Value) -> bool {
    match (value, pattern) {
        (Value::Object(value), Value::Object(pattern)) => pattern
            .iter()
            .all(|(key, wanted)| value.get(key).is_some_and(|found| contains(found, wanted))),
        (Value::Array(value), Value::Array(pattern)) => pattern
            .iter()
            .all(|wanted| value.iter().any(|found| contains(found, wanted))),
        _ => same(value, pattern),
    }
}
