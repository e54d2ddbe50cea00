//! One criterion of an address: its parameter, modifier, chain, and values.

use super::wants::{self, split};
use super::{Asked, Context, Criterion, MAX_ALTERNATIVES, MAX_LINKS, Modifier, QueryError};
use crate::definitions::{Kind, Parameter, ResourceType};

/// Reads criteria, counting what they cost.
pub(super) struct Reader<'c> {
    pub(super) context: Context<'c>,
    pub(super) alternatives: usize,
}

impl<'c> Reader<'c> {
    /// Reads one; `depth` is how many links of chains lead here.
    pub(super) fn criterion(
        &mut self,
        kind: &str,
        name: &str,
        value: &str,
        depth: usize,
    ) -> Result<Criterion, QueryError> {
        if depth > MAX_LINKS {
            return Err(QueryError::too_costly(format!(
                "a chain of more than {MAX_LINKS} links"
            )));
        }
        let of = self.of(kind)?;
        if let Some(rest) = name.strip_prefix("_has:") {
            return self.has(kind, rest, value, depth);
        }
        if let Some((link, rest)) = name.split_once('.') {
            return self.chain(of, link, (rest, value), depth);
        }
        let (name, modifier) = name
            .split_once(':')
            .map_or((name, None), |(name, modifier)| (name, Some(modifier)));
        match name {
            "_id" if modifier.is_none() => {
                let ids = split(value, ',');
                self.cost(ids.len())?;
                return Ok(Criterion::Id(ids.iter().map(|id| wants::plain(id)).collect()));
            }
            "_lastUpdated" if modifier.is_none() => {
                let parts = split(value, ',');
                let wants = parts.iter().map(|one| wants::date(self.context, name, one));
                let wants: Vec<_> = wants.collect::<Result<_, _>>()?;
                self.cost(wants.len())?;
                return Ok(Criterion::Updated(wants));
            }
            _ => {}
        }
        let Some(parameter) = of.parameter(name) else {
            return Err(unknown(of, name));
        };
        self.asked(parameter, modifier, value)
            .map(|asked| Criterion::Is(Box::new(asked)))
    }

    fn of(&self, kind: &str) -> Result<&'c ResourceType, QueryError> {
        let found = self.context.definitions.resource_type(kind);
        found
            .ok_or_else(|| QueryError::not_supported(format!("{} is no type of resource of R4", shown(kind))))
    }

    fn cost(&mut self, alternatives: usize) -> Result<(), QueryError> {
        self.alternatives += alternatives;
        if self.alternatives > MAX_ALTERNATIVES {
            return Err(QueryError::too_costly(format!(
                "more than {MAX_ALTERNATIVES} alternatives"
            )));
        }
        Ok(())
    }

    fn has(&mut self, kind: &str, rest: &str, value: &str, depth: usize) -> Result<Criterion, QueryError> {
        let wanted = || {
            QueryError::invalid(
                "_has: type, reference and parameter are wanted, e.g. _has:Observation:subject:code=718-7",
            )
        };
        let (other, rest) = rest.split_once(':').ok_or_else(wanted)?;
        let (link, rest) = rest.split_once(':').ok_or_else(wanted)?;
        let of = self.of(other)?;
        let parameter = of.parameter(link).filter(|own| own.kind == Kind::Reference);
        let Some(parameter) = parameter.filter(|own| leads_to(own, kind)) else {
            return Err(QueryError::not_supported(format!(
                "_has: {other} has no reference {} to {kind}",
                shown(link)
            )));
        };
        let inner = self.criterion(other, rest, value, depth + 1)?;
        Ok(Criterion::Has {
            kind: other.to_owned(),
            parameter: Box::new(parameter.clone()),
            inner: Box::new(inner),
        })
    }

    fn chain(
        &mut self,
        of: &ResourceType,
        link: &str,
        (rest, value): (&str, &str),
        depth: usize,
    ) -> Result<Criterion, QueryError> {
        let (name, only) = link
            .split_once(':')
            .map_or((link, None), |(name, only)| (name, Some(only)));
        let Some(parameter) = of.parameter(name).filter(|own| own.kind == Kind::Reference) else {
            let text = format!(
                "{} has no reference {}; a chain goes over references",
                of.name,
                shown(name)
            );
            return Err(QueryError::not_supported(text));
        };
        if let Some(only) = only {
            if !leads_to(parameter, only) {
                let text = format!("{}:{name} leads to no {}", of.name, shown(only));
                return Err(QueryError::not_supported(text));
            }
            return self.link(parameter, only, (rest, value), depth);
        }
        // Every type that the reference may lead to and that has the parameter.
        let all: Vec<&str> = match parameter.targets.as_slice() {
            [] => self
                .context
                .definitions
                .resource_types()
                .map(|of| of.name.as_str())
                .collect(),
            some => some.iter().map(String::as_str).collect(),
        };
        let first = rest.split(['.', ':']).next().unwrap_or_default();
        let fits = |kind: &&str| {
            let of = self.context.definitions.resource_type(kind);
            ["_id", "_lastUpdated", "_has"].contains(&first)
                || of.is_some_and(|of| of.parameter(first).is_some())
        };
        let kinds: Vec<&str> = all.into_iter().filter(fits).collect();
        let mut ways = Vec::new();
        let mut refused = None;
        for kind in kinds {
            match self.link(parameter, kind, (rest, value), depth) {
                Ok(way) => ways.push(way),
                Err(error) if error.why == super::Why::TooCostly => return Err(error),
                Err(error) => refused = Some(error),
            }
        }
        match (ways.len(), refused) {
            (0, Some(error)) => Err(error),
            (0, None) => {
                let text = format!(
                    "no type that {}:{name} leads to has a parameter {}",
                    of.name,
                    shown(first)
                );
                Err(QueryError::not_supported(text))
            }
            _ => Ok(Criterion::Any(ways)),
        }
    }

    fn link(
        &mut self,
        parameter: &Parameter,
        kind: &str,
        (rest, value): (&str, &str),
        depth: usize,
    ) -> Result<Criterion, QueryError> {
        let inner = self.criterion(kind, rest, value, depth + 1)?;
        Ok(Criterion::Chain {
            parameter: Box::new(parameter.clone()),
            kind: kind.to_owned(),
            inner: Box::new(inner),
        })
    }

    fn asked(
        &mut self,
        parameter: &Parameter,
        modifier: Option<&str>,
        value: &str,
    ) -> Result<Asked, QueryError> {
        let name = &parameter.name;
        let mut only = None;
        let modifier = match (modifier, parameter.kind) {
            (None, _) => Modifier::Plain,
            (Some("missing"), kind) if kind != Kind::Composite => Modifier::Missing(match value {
                "true" => true,
                "false" => false,
                _ => {
                    return Err(QueryError::invalid(format!(
                        "{name}:missing: true or false is wanted"
                    )));
                }
            }),
            (Some("exact"), Kind::String) => Modifier::Exact,
            (Some("contains"), Kind::String) => Modifier::Contains,
            (Some("not"), Kind::Token) => Modifier::Not,
            (Some("text"), Kind::Token) if parameter.has_words() => Modifier::Text,
            (Some("below"), Kind::Uri) => Modifier::Below,
            (Some("above"), Kind::Uri) => Modifier::Above,
            (Some("identifier"), Kind::Reference) => Modifier::Identifier,
            (Some(kind), Kind::Reference) if leads_to(parameter, kind) && self.of(kind).is_ok() => {
                only = Some(kind);
                Modifier::Plain
            }
            (Some(other), kind) => {
                let text = format!(
                    "{name}:{}: a parameter of type {} does not offer that",
                    shown(other),
                    kind.as_str()
                );
                return Err(QueryError::not_supported(text));
            }
        };
        if matches!(modifier, Modifier::Missing(_)) {
            return Ok(Asked {
                parameter: parameter.clone(),
                modifier,
                wants: Vec::new(),
            });
        }
        let mut wants = Vec::new();
        for one in split(value, ',') {
            match modifier {
                Modifier::Text => wants.push(super::Want::Text(wants::plain(one))),
                Modifier::Identifier => wants.push(wants::token(self.context, one)),
                _ => wants::read(self.context, (parameter, only), one, &mut wants)?,
            }
        }
        self.cost(wants.len())?;
        Ok(Asked {
            parameter: parameter.clone(),
            modifier,
            wants,
        })
    }
}

fn leads_to(parameter: &Parameter, kind: &str) -> bool {
    parameter.targets.is_empty() || parameter.targets.iter().any(|target| target == kind)
}

fn unknown(of: &ResourceType, name: &str) -> QueryError {
    QueryError::not_supported(format!(
        "{} has no search parameter {}; the CapabilityStatement lists those that are there",
        of.name,
        shown(name)
    ))
}

/// What a caller wrote, short enough to be repeated.
fn shown(text: &str) -> String {
    text.chars().take(64).collect()
}
