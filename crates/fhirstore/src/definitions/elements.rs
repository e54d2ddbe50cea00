//! The elements of R4's types, as far as the paths of search parameters ask for them.

use super::{Kind, Parameter};
use crate::path::Alternative;
use std::collections::BTreeMap;
use tsumugi_tables::{Mistake, Source, Table};

const ELEMENTS: &str = "fhir/elements.tsv";
const CODES: &str = "fhir/required_codes.tsv";

/// An element: its types, and the value set that its codes must be of.
#[derive(Debug)]
struct Element {
    types: Vec<String>,
    required: String,
}

/// An element that was looked up: its key, itself, and of a choice the type chosen.
type Found<'e> = ((String, String), &'e Element, Option<String>);

/// All elements, and the codes of value sets.
#[derive(Debug, Default)]
pub(super) struct Elements {
    /// Definition and path → element; the definition alone stands for what it is built on.
    of: BTreeMap<(String, String), Element>,
    /// Value set → codes with their systems, by code.
    codes: BTreeMap<String, Vec<(String, String)>>,
}

impl Elements {
    pub(super) fn read(sources: &[Source<'_>], mistakes: &mut Vec<Mistake>) -> Self {
        let mut elements = Self::default();
        for path in [ELEMENTS, CODES] {
            let Some(source) = sources.iter().find(|source| source.path == path) else {
                mistakes.push(Mistake::new(path, 1, "missing"));
                continue;
            };
            for row in Table::parse(*source, mistakes).rows() {
                if path == CODES {
                    let codes = elements.codes.entry(row.get("value_set").to_owned()).or_default();
                    codes.push((row.get("code").to_owned(), row.get("system").to_owned()));
                    continue;
                }
                let element = Element {
                    types: types(row.get("types")),
                    required: row.get("required").to_owned(),
                };
                let key = (row.get("definition").to_owned(), row.get("path").to_owned());
                elements.of.insert(key, element);
            }
        }
        elements.codes.values_mut().for_each(|codes| codes.sort());
        elements
    }

    /// Holds the paths of a parameter against the elements of a type; fills in the systems of its codes.
    pub(super) fn check(&self, resource: &str, parameter: &mut Parameter) -> Result<(), String> {
        let bases: Vec<Alternative> = match parameter.kind {
            Kind::Composite => parameter.path.clone(),
            _ => {
                return parameter
                    .path
                    .iter_mut()
                    .try_for_each(|one| self.check_path((resource, ""), one));
            }
        };
        for base in &bases {
            let (definition, path) = self.walk((resource, ""), base)?;
            for one in parameter.parts.iter_mut().flat_map(|(_, path)| path) {
                let from = if one.rooted {
                    (resource, "")
                } else {
                    (definition.as_str(), path.as_str())
                };
                self.check_path(from, one)?;
            }
        }
        Ok(())
    }

    fn check_path(&self, from: (&str, &str), one: &mut Alternative) -> Result<(), String> {
        if one.constant.is_some() {
            return Ok(());
        }
        let element = self.last(from, one)?;
        // Of what is only asked whether it is there, the type is that of the answer.
        if !one.asks_presence && !element.0.contains(&one.data_type) {
            return Err(format!(
                "{}: {} stands there, not {}",
                one.written,
                element.0.join(" or "),
                one.data_type
            ));
        }
        one.systems = self.codes.get(element.1).cloned().unwrap_or_default();
        Ok(())
    }

    /// Types and value set of the last element of a path.
    fn last(&self, from: (&str, &str), one: &Alternative) -> Result<(Vec<String>, &str), String> {
        let (last, before) = one
            .steps
            .split_last()
            .ok_or_else(|| format!("{}: leads nowhere", one.written))?;
        let mut at = (from.0.to_owned(), from.1.to_owned());
        for step in before {
            at = self.step((&at.0, &at.1), &step.name)?;
        }
        let (_, element, chosen) = self.find((&at.0, &at.1), &last.name)?;
        let types = chosen.map_or_else(|| element.types.clone(), |chosen| vec![chosen]);
        Ok((types, element.required.as_str()))
    }

    /// Where a path ends: a definition, and a path inside of it.
    fn walk(&self, from: (&str, &str), one: &Alternative) -> Result<(String, String), String> {
        let mut at = (from.0.to_owned(), from.1.to_owned());
        for step in &one.steps {
            at = self.step((&at.0, &at.1), &step.name)?;
        }
        Ok(at)
    }

    fn step(&self, (definition, path): (&str, &str), name: &str) -> Result<(String, String), String> {
        let (key, element, chosen) = self.find((definition, path), name)?;
        let kind = chosen
            .or_else(|| element.types.first().cloned())
            .unwrap_or_default();
        if let Some((definition, path)) = kind.strip_prefix('#').and_then(|place| place.split_once('.')) {
            return Ok((definition.to_owned(), path.to_owned()));
        }
        Ok(match kind.as_str() {
            "BackboneElement" | "Element" => key,
            kind => (kind.to_owned(), String::new()),
        })
    }

    /// An element by its name in JSON, which of a choice says the type (`valueQuantity`): its key, itself, the type chosen.
    fn find(&self, (definition, path): (&str, &str), name: &str) -> Result<Found<'_>, String> {
        let below = |name: &str| {
            if path.is_empty() {
                name.to_owned()
            } else {
                format!("{path}.{name}")
            }
        };
        let key = (definition.to_owned(), below(name));
        if let Some(element) = self.of.get(&key) {
            return Ok((key, element, None));
        }
        let stems = name
            .char_indices()
            .filter(|(at, letter)| *at > 0 && letter.is_ascii_uppercase());
        for (at, _) in stems {
            let (stem, chosen) = name.split_at_checked(at).unwrap_or((name, ""));
            let key = (definition.to_owned(), below(&format!("{stem}[x]")));
            let Some(element) = self.of.get(&key) else {
                continue;
            };
            if let Some(own) = element.types.iter().find(|own| own.eq_ignore_ascii_case(chosen)) {
                return Ok((key, element, Some(own.clone())));
            }
        }
        let built_on = self.of.get(&(definition.to_owned(), String::new()));
        match built_on.and_then(|built| built.types.first()) {
            Some(base) if path.is_empty() && !base.is_empty() => self
                .find((base, ""), name)
                .map_err(|_| format!("{definition} has no element {name}")),
            _ => Err(format!("{definition} has no element {}", below(name))),
        }
    }
}

/// Names of types, without targets and profiles: `Reference(Patient)<…>` is a `Reference`.
fn types(written: &str) -> Vec<String> {
    let mut names = vec![String::new()];
    let mut depth = 0_u32;
    for letter in written.chars() {
        match letter {
            '(' | '<' => depth += 1,
            ')' | '>' => depth = depth.saturating_sub(1),
            '|' if depth == 0 => names.push(String::new()),
            letter if depth == 0 => names.last_mut().into_iter().for_each(|name| name.push(letter)),
            _ => {}
        }
    }
    names
}
