//! Which slice a value belongs to.

use crate::base::{Checker, codes_of};
use crate::check::{Found, claims_of, contains};
use crate::fhirpath::same;
use crate::library::{Element, Link, Profile, Slices, Test, key_of, split, type_of};
use crate::package::{By, Discriminator, Rules};
use crate::schema::Node;
use crate::value_sets::Membership;

/// Names of slices that a sentence lists.
const MOST_NAMED: usize = 8;

impl<'a> Checker<'a> {
    /// The slice of each node, with how often each may stand, in which order, and whether something may stand beside.
    pub(crate) fn slices(
        &mut self,
        profile: &'a Profile,
        element: &'a Element,
        name: &'a str,
        found: &[Found<'a>],
    ) -> Vec<Option<u32>> {
        let Some(slices) = &element.slices else {
            return Vec::new();
        };
        let mut matched = Vec::with_capacity(found.len());
        let mut open: Vec<u32> = Vec::new();
        for at in found {
            let (slice, undecided) = self.slice_of(slices, at.node);
            self.place.enter(name, at.of_type);
            self.place.at(at.index);
            if slice.is_none() {
                for (slice, set) in &undecided {
                    let slice = slice_name(profile, *slice);
                    self.tell(
                        "slice-unchecked",
                        "",
                        vec![("name", slice), ("set", set.to_string())],
                    );
                }
                if undecided.is_empty() && slices.rules == Rules::Closed {
                    let names: Vec<String> = slices
                        .all
                        .iter()
                        .take(MOST_NAMED)
                        .map(|slice| slice_name(profile, *slice))
                        .collect();
                    self.tell("slice-unmatched", "", vec![("known", names.join(", "))]);
                }
            }
            self.place.leave();
            open.extend(undecided.into_iter().map(|(slice, _)| slice));
            matched.push(slice);
        }
        self.order(profile, slices, name, found, &matched);
        for slice in &slices.all {
            let Some(of) = profile.elements.get(*slice as usize) else {
                continue;
            };
            let count = matched.iter().filter(|matched| **matched == Some(*slice)).count();
            if open.contains(slice) && count < of.least as usize {
                continue;
            }
            self.count("slice", name, of, count);
        }
        matched
    }

    /// Slices stand in their order, what belongs to none where it may.
    fn order(
        &mut self,
        profile: &'a Profile,
        slices: &Slices,
        name: &'a str,
        found: &[Found<'a>],
        matched: &[Option<u32>],
    ) {
        if !slices.is_ordered && slices.rules != Rules::OpenAtEnd {
            return;
        }
        let mut last = 0;
        let mut is_end = false;
        for (at, slice) in found.iter().zip(matched) {
            let Some(slice) = slice else {
                is_end = true;
                continue;
            };
            let is_behind = slices.is_ordered && *slice < last;
            if is_behind || (is_end && slices.rules == Rules::OpenAtEnd) {
                self.place.enter(name, at.of_type);
                self.place.at(at.index);
                self.tell("slice-order", "", vec![("name", slice_name(profile, *slice))]);
                self.place.leave();
            }
            last = last.max(*slice);
        }
    }

    /// The slice of a node; else those that it may belong to, with the value set that is not here.
    fn slice_of(&self, slices: &'a Slices, node: Node<'a>) -> (Option<u32>, Vec<(u32, &'a str)>) {
        let is_by_profile = slices.discriminators.iter().any(|of| of.by == By::Profile);
        if is_by_profile {
            return (self.claimed(slices, node), Vec::new());
        }
        let ends: Vec<Vec<Node<'a>>> = slices
            .discriminators
            .iter()
            .map(|discriminator| self.ends(node, discriminator))
            .collect();
        if !slices.keyed.is_empty()
            && let Some(slice) = keyed(slices, &ends)
        {
            return (Some(slice), Vec::new());
        }
        let mut open = Vec::new();
        for (slice, tests) in &slices.tried {
            let mut verdict = Membership::Yes;
            let mut set = "";
            for (number, test) in tests {
                let ends = ends.get(*number as usize).map_or([].as_slice(), |ends| ends);
                match self.any(test, ends, &mut set) {
                    Membership::Yes => {}
                    Membership::No => {
                        verdict = Membership::No;
                        break;
                    }
                    Membership::Open => verdict = Membership::Open,
                }
            }
            match verdict {
                Membership::Yes => return (Some(*slice), Vec::new()),
                Membership::Open => open.push((*slice, set)),
                Membership::No => {}
            }
        }
        (None, open)
    }

    /// What the path of a discriminator leads to.
    fn ends(&self, node: Node<'a>, discriminator: &Discriminator) -> Vec<Node<'a>> {
        let schema = &self.validator.schema;
        let mut at = vec![node];
        for step in &discriminator.path {
            let mut next = Vec::new();
            for node in at {
                if step == "resolve()" {
                    let reference = node.value.and_then(|value| value.get("reference")?.as_str());
                    let target = reference.and_then(|reference| self.references.target(self.root, reference));
                    next.extend(target);
                } else if let Some(element) = schema.class(node.class).and_then(|class| class.element(step)) {
                    schema.each_of(node, element, |_, _, node| next.push(node));
                }
            }
            at = next;
        }
        at
    }

    /// Whether a test holds at one of the nodes.
    fn any(&self, test: &'a Test, nodes: &[Node<'a>], set: &mut &'a str) -> Membership {
        let mut best = Membership::No;
        for node in nodes {
            match self.test(test, *node, set) {
                Membership::Yes => return Membership::Yes,
                Membership::Open => best = Membership::Open,
                Membership::No => {}
            }
        }
        best
    }

    fn test(&self, test: &'a Test, node: Node<'a>, set: &mut &'a str) -> Membership {
        let schema = &self.validator.schema;
        let decided = match test {
            Test::Equal(wanted) => node.value.is_some_and(|value| same(value, wanted)),
            Test::Contains(wanted) => node.value.is_some_and(|value| contains(value, wanted)),
            Test::OfType(types) => types.iter().any(|of| {
                let wanted = schema.named(of);
                wanted.is_some_and(|wanted| schema.is_a(node.class, wanted))
            }),
            Test::Claims(links) => links.iter().any(|link| claims(self, node, link)),
            Test::Bound(of, url) => {
                let codes = codes_of(node.value);
                if codes.is_empty() {
                    return Membership::No;
                }
                let membership = self.membership(*of, url, &codes);
                if membership == Membership::Open {
                    *set = url;
                }
                return membership;
            }
            Test::Inside(name, inside) => {
                let Some(element) = schema.class(node.class).and_then(|class| class.element(name)) else {
                    return Membership::No;
                };
                let mut parts = Vec::new();
                schema.each_of(node, element, |_, _, node| parts.push(node));
                return self.any(inside, &parts, set);
            }
            Test::All(tests) => {
                let mut worst = Membership::Yes;
                for test in tests {
                    match self.test(test, node, set) {
                        Membership::No => return Membership::No,
                        Membership::Open => worst = Membership::Open,
                        Membership::Yes => {}
                    }
                }
                return worst;
            }
            Test::Any(tests) => {
                let mut best = Membership::No;
                for test in tests {
                    match self.test(test, node, set) {
                        Membership::Yes => return Membership::Yes,
                        Membership::Open => best = Membership::Open,
                        Membership::No => {}
                    }
                }
                return best;
            }
        };
        if decided { Membership::Yes } else { Membership::No }
    }

    /// The slice whose profile a resource claims; where no slice knows its claims, the only one of its type.
    fn claimed(&self, slices: &'a Slices, node: Node<'a>) -> Option<u32> {
        let schema = &self.validator.schema;
        let mut of_type = Vec::new();
        for (slice, tests) in &slices.tried {
            for (number, test) in tests {
                let Test::Claims(links) = test else { continue };
                let discriminator = slices.discriminators.get(*number as usize)?;
                for end in self.ends(node, discriminator) {
                    if links.iter().any(|link| claims(self, end, link)) {
                        return Some(*slice);
                    }
                    let is_of = |link: &Link| {
                        let wanted = type_of(link).and_then(|of| schema.named(&of));
                        wanted.is_some_and(|wanted| schema.is_a(end.class, wanted))
                    };
                    if links.iter().any(is_of) {
                        of_type.push(*slice);
                    }
                }
            }
        }
        of_type.dedup();
        match of_type.as_slice() {
            [only] => Some(*only),
            _ => None,
        }
    }
}

/// Whether a resource claims the profile of an address, or one that is built on it.
fn claims(checker: &Checker<'_>, node: Node<'_>, link: &Link) -> bool {
    let (url, _) = split(&link.url);
    claims_of(node).any(|claim| {
        let claimed = checker.library().find(claim);
        split(claim).0 == url || claimed.is_ok_and(|claimed| checker.library().is_built_on(claimed, url))
    })
}

/// The slice of the values that the paths lead to.
fn keyed(slices: &Slices, ends: &[Vec<Node<'_>>]) -> Option<u32> {
    if let [ends] = ends {
        let mut values = ends.iter().filter_map(|end| end.value);
        return values.find_map(|value| slices.keyed.get(&key_of(std::iter::once(value))).copied());
    }
    let values: Option<Vec<_>> = ends
        .iter()
        .map(|ends| ends.first().and_then(|end| end.value))
        .collect();
    slices.keyed.get(&key_of(values?.into_iter())).copied()
}

fn slice_name(profile: &Profile, slice: u32) -> String {
    let element = profile.elements.get(slice as usize);
    element
        .and_then(|element| element.slice.as_deref())
        .unwrap_or_default()
        .to_owned()
}
