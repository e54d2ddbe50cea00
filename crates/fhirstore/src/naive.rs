//! A search decided from bodies alone: the oracle of the index, and what decides where the index cannot.
//!
//! It shares the reader of paths, of dates and of text folding with the index, and nothing else.

mod compare;

use crate::definitions::{Definitions, Kind, Parameter};
use crate::fold::fold;
use crate::json::Node;
use crate::path::{Alternative, Literal, Shape};
use crate::query::{Asked, Criterion, Modifier, Query, SortBy, Want};
use compare::{Ends, amount, ends, fits_amount, fits_time};
use std::cmp::Ordering;

/// A resource as the oracle knows it.
#[derive(Debug)]
pub struct Known<'n, 't> {
    /// Type.
    pub kind: &'n str,
    /// Id.
    pub id: &'n str,
    /// Milliseconds after 1970.
    pub updated: i64,
    /// Its body.
    pub node: &'n Node<'t>,
    /// Whether it may be seen.
    pub may_be_seen: bool,
}

/// All that the oracle searches in, in the order in which they were kept.
#[derive(Debug)]
pub struct Universe<'n, 't> {
    /// The definitions.
    pub definitions: &'n Definitions,
    /// The address of this server.
    pub base: &'n str,
    /// The resources that count.
    pub all: &'n [Known<'n, 't>],
}

impl Universe<'_, '_> {
    /// Places of what fulfils a query and may be seen, in its order.
    pub fn search(&self, query: &Query) -> Vec<usize> {
        let fulfils = |place: &usize| {
            self.all.get(*place).is_some_and(|known| {
                known.kind == query.kind
                    && known.may_be_seen
                    && query.criteria.iter().all(|one| self.holds(one, known))
            })
        };
        let mut found: Vec<usize> = (0..self.all.len()).filter(fulfils).collect();
        // A stable order keeps equals as they were.
        found.sort_by(|a, b| match (self.all.get(*a), self.all.get(*b)) {
            (Some(a), Some(b)) => compare(query, a, b),
            _ => Ordering::Equal,
        });
        found
    }

    fn holds(&self, criterion: &Criterion, known: &Known<'_, '_>) -> bool {
        match criterion {
            Criterion::Id(ids) => ids.iter().any(|id| id == known.id),
            Criterion::Updated(wants) => {
                let moment = (known.updated, known.updated.saturating_add(1));
                wants.iter().any(|want| fits_time(want, moment))
            }
            Criterion::Is(asked) => is(self.definitions, self.base, asked, known.node),
            Criterion::Any(some) => some.iter().any(|one| self.holds(one, known)),
            Criterion::Chain {
                parameter,
                kind,
                inner,
            } => self.all.iter().any(|other| {
                other.kind == kind
                    && other.may_be_seen
                    && refers(self.base, parameter, known.node, other)
                    && self.holds(inner, other)
            }),
            Criterion::Has {
                kind,
                parameter,
                inner,
            } => self.all.iter().any(|other| {
                other.kind == kind
                    && other.may_be_seen
                    && refers(self.base, parameter, other.node, known)
                    && self.holds(inner, other)
            }),
        }
    }
}

fn compare(query: &Query, a: &Known<'_, '_>, b: &Known<'_, '_>) -> Ordering {
    for sort in &query.sort {
        let (a, b) = (
            sort_key(&sort.by, a, sort.descending),
            sort_key(&sort.by, b, sort.descending),
        );
        let order = match (a, b) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(a), Some(b)) if sort.descending => b.compare(&a),
            (Some(a), Some(b)) => a.compare(&b),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    Ordering::Equal
}

/// Whether a body fulfils what is asked of one parameter.
pub fn is(definitions: &Definitions, base: &str, asked: &Asked, node: &Node<'_>) -> bool {
    let parameter = &asked.parameter;
    let any = |test: &dyn Fn(&Alternative, &Node<'_>) -> bool| {
        each(parameter, node).iter().any(|(one, node)| test(one, node))
    };
    match asked.modifier {
        Modifier::Missing(is_missing) => has_value(parameter, node) != is_missing,
        Modifier::Not => {
            let plain = Asked {
                modifier: Modifier::Plain,
                ..asked.clone()
            };
            !is(definitions, base, &plain, node)
        }
        Modifier::Text => any(&|one, node| {
            let said: Vec<String> = words(one.shape, node).iter().map(|text| fold(text)).collect();
            let wanted = |want: &Want| matches!(want, Want::Text(text) if said.iter().any(|own| own.contains(&fold(text))));
            asked.wants.iter().any(wanted)
        }),
        Modifier::Identifier => any(&|one, node| {
            let identifier = if one.shape == Shape::Reference {
                node.get("identifier")
            } else {
                None
            };
            identifier.is_some_and(|identifier| {
                let code = identifier.text_of("value").unwrap_or_default();
                let system = identifier.text_of("system").unwrap_or_default();
                asked
                    .wants
                    .iter()
                    .any(|want| fits_code(definitions, want, system, code))
            })
        }),
        _ if parameter.kind == Kind::Composite => composite(definitions, base, asked, node),
        _ => {
            let constant = parameter.path.iter().find_map(|one| one.constant.as_deref());
            let found = each(parameter, node);
            if let (true, Some(constant)) = (found.is_empty(), constant) {
                return asked
                    .wants
                    .iter()
                    .any(|want| fits_code(definitions, want, "", constant));
            }
            let fits = |(one, node): &(&Alternative, &Node<'_>)| {
                asked.wants.iter().any(|want| {
                    fits(
                        definitions,
                        base,
                        (parameter.kind, asked.modifier),
                        one,
                        (want, node),
                    )
                })
            };
            found.iter().any(fits)
        }
    }
}

/// All that stands at the ends of a parameter's paths.
fn each<'n, 't>(parameter: &'n Parameter, node: &'n Node<'t>) -> Vec<(&'n Alternative, &'n Node<'t>)> {
    let mut found = Vec::new();
    for one in parameter.path.iter().filter(|one| one.constant.is_none()) {
        one.walk(node, &mut |node| found.push((one, node)));
    }
    if parameter.is_reading {
        let is_marked = |node: &Node<'_>| {
            node.all("extension").iter().any(|mark| {
                let is_form = mark
                    .text_of("url")
                    .is_some_and(|url| url.ends_with("/iso21090-EN-representation"));
                is_form && mark.text_of("valueCode") == Some("SYL")
            })
        };
        if found.iter().any(|(_, node)| is_marked(node)) {
            found.retain(|(_, node)| is_marked(node));
        }
    }
    found
}

/// Whether a parameter finds anything that a search could ask for.
fn has_value(parameter: &Parameter, node: &Node<'_>) -> bool {
    parameter.path.iter().any(|one| one.constant.is_some())
        || each(parameter, node)
            .iter()
            .any(|(one, node)| match parameter.kind {
                Kind::Token => {
                    one.asks_presence || !codes(one, node).is_empty() || !words(one.shape, node).is_empty()
                }
                Kind::Date => ends(one.shape, node).is_some(),
                Kind::Number | Kind::Quantity => amount(one.shape, node).is_some(),
                Kind::String => !texts(one.shape, node).is_empty(),
                Kind::Uri => node.text().is_some_and(|text| !text.is_empty()),
                Kind::Reference => {
                    let literal = if one.shape == Shape::Uri {
                        node.text()
                    } else {
                        node.text_of("reference")
                    };
                    let identifier = node
                        .get("identifier")
                        .and_then(|identifier| identifier.text_of("value"));
                    literal.and_then(Literal::parse).is_some()
                        || identifier.is_some_and(|value| !value.is_empty())
                        || (one.shape == Shape::Resource && node.text_of("id").is_some())
                }
                Kind::Composite => false,
            })
}

fn fits(
    definitions: &Definitions,
    base: &str,
    (kind, modifier): (Kind, Modifier),
    one: &Alternative,
    (want, node): (&Want, &Node<'_>),
) -> bool {
    match (kind, want) {
        (Kind::Token, _) if one.asks_presence => fits_code(definitions, want, "", "true"),
        (Kind::Token, _) => codes(one, node)
            .iter()
            .any(|(system, code)| fits_code(definitions, want, system, code)),
        (Kind::Date, _) => ends(one.shape, node).is_some_and(|range| fits_time(want, range)),
        (Kind::Number | Kind::Quantity, _) => {
            amount(one.shape, node).is_some_and(|amount| fits_amount(definitions, want, &amount))
        }
        (Kind::String, Want::Text(text)) => texts(one.shape, node).iter().any(|own| match modifier {
            Modifier::Exact => own == text,
            Modifier::Contains => fold(own).contains(&fold(text)),
            _ => fold(own).starts_with(&fold(text)),
        }),
        (Kind::Uri, Want::Uri(uri)) => {
            node.text()
                .filter(|own| !own.is_empty())
                .is_some_and(|own| match modifier {
                    Modifier::Below => {
                        own == uri || own.starts_with(&format!("{}/", uri.trim_end_matches('/')))
                    }
                    Modifier::Above => own == uri || is_above(own, uri),
                    _ => own == uri,
                })
        }
        (Kind::Reference, Want::Reference { kind, id }) => leads_to(base, one, node, kind, id),
        _ => false,
    }
}

/// Whether an address lies on the way to another.
fn is_above(address: &str, below: &str) -> bool {
    let rest = below.strip_prefix(address);
    rest.is_some_and(|rest| rest.is_empty() || address.ends_with('/') || rest.starts_with('/'))
}

fn fits_code(definitions: &Definitions, want: &Want, system: &str, code: &str) -> bool {
    let Want::Token {
        system: wanted,
        code: wanted_code,
    } = want
    else {
        return false;
    };
    let system = definitions.canonical(system);
    !code.is_empty()
        && wanted.as_ref().is_none_or(|wanted| wanted == system)
        && wanted_code.as_ref().is_none_or(|wanted| wanted == code)
}

/// Codes with their systems.
fn codes<'n>(one: &'n Alternative, node: &'n Node<'_>) -> Vec<(&'n str, &'n str)> {
    let pair = |node: &'n Node<'_>, key: &str| {
        let system = node.text_of("system").unwrap_or_default();
        node.text_of(key)
            .filter(|code| !code.is_empty())
            .map(|code| (system, code))
    };
    match (one.shape, node) {
        (Shape::CodeableConcept, _) => node
            .all("coding")
            .iter()
            .filter_map(|coding| pair(coding, "code"))
            .collect(),
        (Shape::Coding, _) => pair(node, "code").into_iter().collect(),
        (Shape::Identifier, _) => pair(node, "value").into_iter().collect(),
        (Shape::ContactPoint, _) => pair(node, "value")
            .map(|(_, code)| ("", code))
            .into_iter()
            .collect(),
        (_, Node::Flag(flag)) => vec![("", if *flag { "true" } else { "false" })],
        (_, Node::Text(code)) if !code.is_empty() => {
            let system = one.systems.iter().find(|(own, _)| own == code.as_ref());
            vec![(system.map_or("", |(_, system)| system.as_str()), code.as_ref())]
        }
        _ => Vec::new(),
    }
}

/// Texts of a concept or identifier.
fn words<'n>(shape: Shape, node: &'n Node<'_>) -> Vec<&'n str> {
    let mut all = Vec::new();
    match shape {
        Shape::CodeableConcept => {
            all.extend(node.text_of("text"));
            all.extend(
                node.all("coding")
                    .iter()
                    .filter_map(|coding| coding.text_of("display")),
            );
        }
        Shape::Coding => all.extend(node.text_of("display")),
        Shape::Identifier => all.extend(node.get("type").and_then(|kind| kind.text_of("text"))),
        _ => {}
    }
    all.retain(|text| !text.is_empty());
    all
}

/// Texts of a name, an address, or plain.
fn texts<'n>(shape: Shape, node: &'n Node<'_>) -> Vec<&'n str> {
    let keys: &[&str] = match shape {
        Shape::HumanName => &["text", "family", "given", "prefix", "suffix"],
        Shape::Address => &[
            "text",
            "line",
            "city",
            "district",
            "state",
            "country",
            "postalCode",
        ],
        _ => return node.text().filter(|text| !text.is_empty()).into_iter().collect(),
    };
    let all = keys.iter().flat_map(|key| node.all(key)).filter_map(Node::text);
    all.filter(|text| !text.is_empty()).collect()
}

fn leads_to(base: &str, one: &Alternative, node: &Node<'_>, kind: &str, id: &str) -> bool {
    if one.shape == Shape::Resource {
        return !kind.is_empty()
            && node.text_of("resourceType") == Some(kind)
            && node.text_of("id") == Some(id);
    }
    let literal = if one.shape == Shape::Uri {
        node.text()
    } else {
        node.text_of("reference")
    };
    let Some(literal) = literal else { return false };
    let is_it = |literal: &str| match Literal::parse(literal) {
        None => false,
        Some(Literal::Address(own)) => kind.is_empty() && own == id,
        Some(Literal::Resource {
            base: at,
            kind: own,
            id: own_id,
        }) => {
            if at.is_empty() || at == base {
                own == kind && own_id == id
            } else {
                kind.is_empty() && format!("{at}/{own}/{own_id}") == id
            }
        }
    };
    is_it(literal)
        || (one.shape == Shape::Uri && literal.split_once('|').is_some_and(|(plain, _)| is_it(plain)))
}

fn refers(base: &str, parameter: &Parameter, from: &Node<'_>, to: &Known<'_, '_>) -> bool {
    each(parameter, from)
        .iter()
        .any(|(one, node)| leads_to(base, one, node, to.kind, to.id))
}

/// Whether one element fulfils all parts of a composite.
fn composite(definitions: &Definitions, base: &str, asked: &Asked, node: &Node<'_>) -> bool {
    let parameter = &asked.parameter;
    let part_fits = |element: &Node<'_>, (want, (kind, path)): (&Want, &(Kind, Vec<Alternative>))| {
        path.iter().any(|one| {
            let from = if one.rooted { node } else { element };
            let mut is_any = false;
            one.walk(from, &mut |node| {
                is_any = is_any || fits(definitions, base, (*kind, Modifier::Plain), one, (want, node));
            });
            is_any
        })
    };
    parameter.path.iter().any(|way| {
        let mut is_any = false;
        way.walk(node, &mut |element| {
            is_any = is_any
                || asked.wants.iter().any(|want| match want {
                    Want::Parts(wants) => wants
                        .iter()
                        .zip(&parameter.parts)
                        .all(|pair| part_fits(element, pair)),
                    _ => false,
                });
        });
        is_any
    })
}

/// What a resource is ordered by.
enum SortKey {
    Whole(i64),
    Number(f64),
    Text(String),
}

impl SortKey {
    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Whole(a), Self::Whole(b)) => a.cmp(b),
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            _ => Ordering::Equal,
        }
    }
}

fn sort_key(by: &SortBy, known: &Known<'_, '_>, descending: bool) -> Option<SortKey> {
    let parameter = match by {
        SortBy::Id => return Some(SortKey::Text(known.id.to_owned())),
        SortBy::Updated => return Some(SortKey::Whole(known.updated)),
        SortBy::Parameter(parameter) => parameter,
    };
    let mut keys = Vec::new();
    for (one, node) in each(parameter, known.node) {
        match parameter.kind {
            Kind::Date => {
                keys.extend(
                    ends(one.shape, node)
                        .map(|(low, high)| SortKey::Whole(if descending { high } else { low })),
                );
            }
            Kind::Number | Kind::Quantity => keys.extend(amount(one.shape, node).map(|amount| {
                let Ends { low, high } = amount.ends;
                SortKey::Number(if descending { high } else { low })
            })),
            Kind::String => keys.extend(
                texts(one.shape, node)
                    .iter()
                    .map(|text| SortKey::Text(fold(text))),
            ),
            Kind::Uri => keys.extend(node.text().map(|text| SortKey::Text(text.to_owned()))),
            _ if one.asks_presence => keys.push(SortKey::Text("true".to_owned())),
            _ => keys.extend(
                codes(one, node)
                    .iter()
                    .map(|(_, code)| SortKey::Text((*code).to_owned())),
            ),
        }
    }
    if keys.is_empty() {
        let constant = parameter.path.iter().find_map(|one| one.constant.clone());
        keys.extend(constant.map(SortKey::Text));
    }
    if descending {
        keys.into_iter().max_by(SortKey::compare)
    } else {
        keys.into_iter().min_by(SortKey::compare)
    }
}
