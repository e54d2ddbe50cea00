//! The phenotypes as they stand in a snapshot: every id once, and everything else by its number.
//!
//! The bytes have no names of fields, so that nothing may be left out of them as JSON leaves it out; and a hundred
//! thousand annotations share some thousand terms and references, which are then also shared in memory.

use crate::hpo::{Annotation, Frequency, Term, Terms};
use crate::knowledge::{Phenotyped, Phenotypes};
use crate::log::Case;
use crate::state::State;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tsumugi_clinical::Sex;

/// Place of an id in the list of ids.
type Id = u32;

#[derive(Serialize, Deserialize)]
struct Packed {
    ids: Vec<Arc<str>>,
    edition: String,
    terms: Vec<PackedTerm>,
    diseases: Vec<PackedDisease>,
}

#[derive(Serialize, Deserialize)]
struct PackedTerm {
    id: Id,
    name: Arc<str>,
    name_ja: Option<Arc<str>>,
    parents: Vec<Id>,
    also: Vec<Id>,
}

#[derive(Serialize, Deserialize)]
struct PackedDisease {
    id: Id,
    name: Arc<str>,
    annotations: Vec<PackedAnnotation>,
    cases: Vec<PackedCase>,
}

#[derive(Serialize, Deserialize)]
struct PackedAnnotation {
    term: Id,
    frequency: Frequency,
    negated: bool,
    reference: Id,
    sex: Option<char>,
    onset: Option<Id>,
    aspect: char,
}

#[derive(Serialize, Deserialize)]
struct PackedCase {
    source: Id,
    id: Arc<str>,
    observed: Vec<Id>,
    excluded: Vec<Id>,
    sex: Option<Sex>,
    age: Option<f64>,
    onset: Option<Id>,
}

/// Writes the phenotypes.
pub(crate) fn serialize<S: Serializer>(phenotypes: &Phenotypes, serializer: S) -> Result<S::Ok, S::Error> {
    pack(phenotypes).serialize(serializer)
}

/// Reads the phenotypes.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Phenotypes, D::Error> {
    let packed = Packed::deserialize(deserializer)?;
    unpack(packed).ok_or_else(|| D::Error::custom("an id that is not in the list of ids"))
}

fn pack(phenotypes: &Phenotypes) -> Packed {
    let ids = ids_of(phenotypes);
    // An id that is not listed cannot occur; it would be refused on reading.
    let id = |text: &str| ids.get(text).copied().unwrap_or(Id::MAX);
    let states = |list: &[State]| list.iter().map(|state| id(state.as_str())).collect();
    let list = |list: &[Arc<str>]| list.iter().map(|text| id(text)).collect();
    let annotation = |row: &Annotation| PackedAnnotation {
        term: id(&row.term),
        frequency: row.frequency,
        negated: row.negated,
        reference: id(&row.reference),
        sex: row.sex,
        onset: row.onset.as_deref().map(id),
        aspect: row.aspect,
    };
    let case = |((source, name), case): (&(Arc<str>, Arc<str>), &Case)| PackedCase {
        source: id(source),
        id: Arc::clone(name),
        observed: states(&case.observed),
        excluded: states(&case.excluded),
        sex: case.sex,
        age: case.age,
        onset: case.onset.as_ref().map(|onset| id(onset.as_str())),
    };
    let terms = phenotypes.terms.terms.values().map(|term| PackedTerm {
        id: id(&term.id),
        name: Arc::clone(&term.name),
        name_ja: term.name_ja.clone(),
        parents: list(&term.parents),
        also: list(&term.also),
    });
    let diseases = phenotypes.diseases.iter().map(|(disease, about)| PackedDisease {
        id: id(disease),
        name: Arc::clone(&about.name),
        annotations: about.annotations.iter().map(annotation).collect(),
        cases: about.cases.iter().map(case).collect(),
    });
    Packed {
        edition: phenotypes.terms.edition.clone(),
        terms: terms.collect(),
        diseases: diseases.collect(),
        ids: ids.keys().map(|text| Arc::from(*text)).collect(),
    }
}

/// Every id with its place in sorted order.
fn ids_of(phenotypes: &Phenotypes) -> BTreeMap<&str, Id> {
    let mut ids: BTreeSet<&str> = BTreeSet::new();
    for term in phenotypes.terms.terms.values() {
        ids.insert(&term.id);
        ids.extend(term.parents.iter().chain(&term.also).map(AsRef::as_ref));
    }
    for (disease, about) in &phenotypes.diseases {
        ids.insert(disease);
        for row in &about.annotations {
            ids.extend([row.term.as_ref(), row.reference.as_ref()]);
            ids.extend(row.onset.as_deref());
        }
        for ((source, _), case) in &about.cases {
            ids.insert(source);
            let states = case.observed.iter().chain(&case.excluded).chain(&case.onset);
            ids.extend(states.map(State::as_str));
        }
    }
    ids.into_iter().zip(0..).collect()
}

fn unpack(packed: Packed) -> Option<Phenotypes> {
    let ids = Ids(packed.ids);
    let mut phenotypes = Phenotypes {
        terms: Terms {
            edition: packed.edition,
            terms: BTreeMap::new(),
        },
        diseases: BTreeMap::new(),
    };
    for term in packed.terms {
        let id = ids.get(term.id)?;
        let term = Term {
            id: Arc::clone(&id),
            name: term.name,
            name_ja: term.name_ja,
            parents: ids.list(&term.parents)?,
            also: ids.list(&term.also)?,
        };
        phenotypes.terms.terms.insert(id, term);
    }
    for disease in packed.diseases {
        let id = ids.get(disease.id)?;
        let annotations = disease.annotations.iter().map(|row| ids.annotation(row));
        let cases = disease.cases.into_iter().map(|case| {
            let (source, case) = ids.case(&id, case)?;
            Some(((source, Arc::clone(&case.id)), case))
        });
        let about = Phenotyped {
            name: disease.name,
            annotations: annotations.collect::<Option<_>>()?,
            cases: cases.collect::<Option<_>>()?,
        };
        phenotypes.diseases.insert(id, about);
    }
    Some(phenotypes)
}

/// The list of ids.
struct Ids(Vec<Arc<str>>);

impl Ids {
    fn get(&self, id: Id) -> Option<Arc<str>> {
        self.0.get(id as usize).cloned()
    }

    fn list(&self, list: &[Id]) -> Option<Vec<Arc<str>>> {
        list.iter().map(|id| self.get(*id)).collect()
    }

    fn states(&self, list: &[Id]) -> Option<Vec<State>> {
        list.iter().map(|id| self.get(*id).map(State::new)).collect()
    }

    fn annotation(&self, row: &PackedAnnotation) -> Option<Annotation> {
        let onset = match row.onset {
            Some(id) => Some(self.get(id)?),
            None => None,
        };
        Some(Annotation {
            term: self.get(row.term)?,
            frequency: row.frequency,
            negated: row.negated,
            reference: self.get(row.reference)?,
            sex: row.sex,
            onset,
            aspect: row.aspect,
        })
    }

    /// A case with its source.
    fn case(&self, disease: &Arc<str>, case: PackedCase) -> Option<(Arc<str>, Case)> {
        let source = self.get(case.source)?;
        let onset = match case.onset {
            Some(id) => Some(State::new(self.get(id)?)),
            None => None,
        };
        let case = Case {
            id: case.id,
            disease: Arc::clone(disease),
            observed: self.states(&case.observed)?,
            excluded: self.states(&case.excluded)?,
            sex: case.sex,
            age: case.age,
            onset,
        };
        Some((source, case))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phenotypes() -> Phenotypes {
        let term = |id: &str, parents: &[&str]| Term {
            id: id.into(),
            name: format!("name of {id}").into(),
            name_ja: (id == "HP:2").then(|| "label".into()),
            parents: parents.iter().map(|parent| (*parent).into()).collect(),
            also: if id == "HP:3" {
                vec!["HP:9".into()]
            } else {
                Vec::new()
            },
        };
        let row = |term: &str, negated: bool, onset: Option<&str>| Annotation {
            term: term.into(),
            frequency: if negated {
                Frequency::Unsaid
            } else {
                Frequency::Count(1, 2)
            },
            negated,
            reference: "PMID:1".into(),
            sex: negated.then_some('F'),
            onset: onset.map(Into::into),
            aspect: 'P',
        };
        let case = |id: &str, excluded: &[&str], onset: Option<&str>| Case {
            id: id.into(),
            disease: "OMIM:1".into(),
            observed: vec![State::new("HP:3")],
            excluded: excluded.iter().map(|state| State::new(*state)).collect(),
            sex: onset.map(|_| Sex::Female),
            age: onset.map(|_| 3.5),
            onset: onset.map(State::new),
        };
        let about = Phenotyped {
            name: "A".into(),
            annotations: vec![row("HP:2", false, None), row("HP:3", true, Some("HP:7"))],
            cases: [case("a", &[], None), case("b", &["HP:2"], Some("P3M"))]
                .map(|case| (("PMID:2".into(), Arc::clone(&case.id)), case))
                .into(),
        };
        let terms = [
            term("HP:1", &[]),
            term("HP:2", &["HP:1"]),
            term("HP:3", &["HP:1", "HP:2"]),
        ];
        Phenotypes {
            terms: Terms {
                edition: "2025".to_owned(),
                terms: terms.map(|term| (Arc::clone(&term.id), term)).into(),
            },
            diseases: [("OMIM:1".into(), about), ("OMIM:2".into(), Phenotyped::default())].into(),
        }
    }

    #[test]
    fn what_is_packed_is_unpacked_whole() {
        let phenotypes = phenotypes();
        let bytes = postcard::to_stdvec(&pack(&phenotypes)).unwrap();
        let packed: Packed = postcard::from_bytes(&bytes).unwrap();
        assert_eq!(unpack(packed).as_ref(), Some(&phenotypes));
    }

    #[test]
    fn an_id_beyond_the_list_is_refused() {
        let mut packed = pack(&phenotypes());
        packed.ids.pop();
        assert_eq!(unpack(packed), None);
    }
}
