//! The phenotypic abnormalities of the ontology, numbered so that broader terms come first.

use super::lists::Lists;
use rustc_hash::FxHashMap;
use std::sync::Arc;
use tsumugi_knowledge::hpo::Terms;

/// "Phenotypic abnormality": what is beneath it is a finding; inheritance, onset and modifiers are elsewhere.
const ROOT: &str = "HP:0000118";

/// The terms beneath the root, itself included, by their depth (longest way from the root) and their id.
#[derive(Debug)]
pub(super) struct Hierarchy {
    /// Id of each term.
    pub(super) ids: Vec<Arc<str>>,
    /// Broader terms, one step.
    pub(super) parents: Lists<u32>,
    /// The term itself and everything broader, ascending.
    pub(super) ancestors: Lists<u32>,
    /// The term itself and everything narrower, ascending.
    pub(super) descendants: Lists<u32>,
    numbers: FxHashMap<Arc<str>, u32>,
    /// Alternative and replaced ids with the id that is used.
    also: FxHashMap<Arc<str>, Arc<str>>,
}

impl Hierarchy {
    /// Numbers the terms. Terms on a circle of `is_a` are left out: none of them is broader than the others.
    pub(super) fn new(terms: &Terms) -> Self {
        let mut order = depths(terms);
        order.sort_unstable();
        let ids: Vec<Arc<str>> = order.into_iter().map(|(_, id)| Arc::clone(id)).collect();
        let numbers: FxHashMap<Arc<str>, u32> = ids.iter().cloned().zip(0..).collect();
        let mut parents = Lists::default();
        let mut ancestors = Lists::default();
        let mut narrower: Vec<(u32, u32)> = Vec::new();
        for (number, id) in (0u32..).zip(&ids) {
            let own = terms.terms.get(id).map_or(&[][..], |term| &term.parents);
            let mut own: Vec<u32> = own.iter().filter_map(|id| numbers.get(id).copied()).collect();
            own.sort_unstable();
            own.dedup();
            let mut all: Vec<u32> = own
                .iter()
                .flat_map(|parent| ancestors.get(*parent).iter().copied())
                .chain([number])
                .collect();
            all.sort_unstable();
            all.dedup();
            narrower.extend(all.iter().map(|ancestor| (*ancestor, number)));
            parents.push(own);
            ancestors.push(all);
        }
        let mut also = FxHashMap::default();
        for term in terms.terms.values() {
            for other in &term.also {
                also.insert(Arc::clone(other), Arc::clone(&term.id));
            }
        }
        Self {
            descendants: Lists::by_number(ids.len(), &narrower),
            ids,
            parents,
            ancestors,
            numbers,
            also,
        }
    }

    /// Number of terms.
    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    /// The id that is used for an id: a term's own one stays, an alternative or replaced one is mapped.
    pub(super) fn used<'a>(&'a self, id: &'a str) -> &'a str {
        if self.numbers.contains_key(id) {
            return id;
        }
        self.also.get(id).map_or(id, AsRef::as_ref)
    }

    /// Number of a phenotypic term, by any of its ids.
    pub(super) fn number(&self, id: &str) -> Option<u32> {
        let number = |id: &str| self.numbers.get(id).copied();
        number(id).or_else(|| number(self.also.get(id)?))
    }

    /// Id of a term.
    pub(super) fn id(&self, term: u32) -> Option<&Arc<str>> {
        self.ids.get(term as usize)
    }

    /// The terms and everything broader, ascending.
    pub(super) fn closure(&self, terms: &[u32]) -> Vec<u32> {
        let mut closure: Vec<u32> = terms
            .iter()
            .flat_map(|term| self.ancestors.get(*term).iter().copied())
            .collect();
        closure.sort_unstable();
        closure.dedup();
        closure
    }

    /// Whether `narrow` is `broad` or something narrower.
    pub(super) fn is_a(&self, narrow: u32, broad: u32) -> bool {
        self.ancestors.get(narrow).binary_search(&broad).is_ok()
    }
}

/// The terms beneath the root with the length of the longest way down to them. Those on a circle are never reached.
fn depths(terms: &Terms) -> Vec<(u32, &Arc<str>)> {
    let ids: Vec<&Arc<str>> = terms.terms.keys().collect();
    let numbers: FxHashMap<&str, u32> = ids.iter().copied().map(AsRef::as_ref).zip(0..).collect();
    let Some(root) = numbers.get(ROOT).copied() else {
        return Vec::new();
    };
    let mut below: Vec<(u32, u32)> = Vec::new();
    for (child, term) in (0u32..).zip(terms.terms.values()) {
        let parents = term.parents.iter().filter(|_| child != root);
        let parents = parents.filter_map(|parent| numbers.get(parent.as_ref()));
        below.extend(parents.map(|parent| (*parent, child)));
    }
    let children = Lists::by_number(ids.len(), &below);
    // How many of a term's parents are beneath the root and have not been reached yet.
    let mut waiting = vec![0u32; ids.len()];
    let mut found = vec![root];
    let mut next = 0;
    while let Some(term) = found.get(next).copied() {
        next += 1;
        for child in children.get(term) {
            if let Some(parents) = waiting.get_mut(*child as usize) {
                if *parents == 0 {
                    found.push(*child);
                }
                *parents += 1;
            }
        }
    }
    // Level by level: a term is reached with the last of its parents, which is the deepest.
    let mut depths = Vec::with_capacity(found.len());
    let mut level = vec![root];
    for depth in 0u32.. {
        if level.is_empty() {
            break;
        }
        let mut deeper = Vec::new();
        for term in level {
            depths.extend(ids.get(term as usize).map(|id| (depth, *id)));
            for child in children.get(term) {
                if let Some(parents) = waiting.get_mut(*child as usize) {
                    *parents -= 1;
                    if *parents == 0 {
                        deeper.push(*child);
                    }
                }
            }
        }
        level = deeper;
    }
    depths
}

#[cfg(test)]
mod tests {
    use super::*;
    use tsumugi_knowledge::hpo::Term;

    fn hierarchy(rows: &[(&str, &[&str], &[&str])]) -> Hierarchy {
        let mut terms = Terms::default();
        for (id, parents, also) in rows {
            let ids = |list: &[&str]| list.iter().map(|id| (*id).into()).collect();
            let term = Term {
                id: (*id).into(),
                parents: ids(parents),
                also: ids(also),
                ..Term::default()
            };
            terms.terms.insert(Arc::clone(&term.id), term);
        }
        Hierarchy::new(&terms)
    }

    #[test]
    fn broader_terms_come_first_by_the_longest_way() {
        let own = hierarchy(&[
            ("HP:0000001", &[], &[]),
            ("HP:0000118", &["HP:0000001"], &[]),
            ("HP:0000005", &["HP:0000001"], &[]),
            ("HP:1", &["HP:2", "HP:0000118"], &["HP:9"]),
            ("HP:2", &["HP:0000118"], &[]),
            ("HP:3", &["HP:1", "HP:0000005"], &[]),
        ]);
        let ids: Vec<&str> = own.ids.iter().map(AsRef::as_ref).collect();
        assert_eq!(ids, ["HP:0000118", "HP:2", "HP:1", "HP:3"]);
        assert_eq!(own.parents.get(2), [0, 1]);
        assert_eq!(own.ancestors.get(3), [0, 1, 2, 3]);
        assert_eq!(own.descendants.get(1), [1, 2, 3]);
        assert_eq!(own.number("HP:9"), Some(2));
        assert_eq!(own.number("HP:0000005"), None);
        assert_eq!(own.closure(&[1]), [0, 1]);
        assert!(own.is_a(3, 1) && !own.is_a(1, 3));
    }

    #[test]
    fn a_circle_is_left_out_and_a_missing_root_gives_nothing() {
        let own = hierarchy(&[
            ("HP:0000118", &[], &[]),
            ("HP:1", &["HP:0000118", "HP:2"], &[]),
            ("HP:2", &["HP:1"], &[]),
            ("HP:3", &["HP:0000118"], &[]),
        ]);
        let ids: Vec<&str> = own.ids.iter().map(AsRef::as_ref).collect();
        assert_eq!(ids, ["HP:0000118", "HP:3"]);
        assert_eq!(hierarchy(&[("HP:1", &["HP:1"], &[])]).len(), 0);
    }
}
