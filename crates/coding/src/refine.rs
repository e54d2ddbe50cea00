//! Refinement of a diagnosis from the whole record (糖尿病 → its type), by `coding/refinement.toml`.
//!
//! What the writer states stands. Evidence that settles changes what is asserted, in this note or, for a note signed
//! before, by a new event that supersedes the earlier one and names its reasons. Evidence that only suggests adds a
//! suspected event and a question; the open diagnosis stays asserted.

use crate::fact::fact_key;
use crate::record::Record;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use tsumugi_clinical::{
    Because, Certainty, Event, EventKind, Experiencer, Interpretation, Note, Phase, Polarity, Question,
    StructuredNote, Supersedes,
};
use tsumugi_tables::{Mistake, Source};
use tsumugi_terminology::Vocabulary;

const PATH: &str = "coding/refinement.toml";

/// The rules of refinement.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Refinement {
    refinement: Vec<Rule>,
    evidence: BTreeMap<String, Vec<Test>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    id: Arc<str>,
    of: String,
    ask: String,
    types: Vec<String>,
    options: Vec<String>,
    #[serde(rename = "source")]
    _source: String,
    #[serde(default)]
    settle: Vec<Settle>,
    #[serde(default)]
    suggest: Vec<Suggest>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settle {
    rule: Arc<str>,
    to: String,
    when: Vec<String>,
    #[serde(default)]
    unless: Vec<String>,
    #[serde(rename = "source")]
    _source: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Suggest {
    to: String,
    evidence: BTreeMap<String, u32>,
}

/// A test that an event passes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Test {
    #[serde(default)]
    concept: String,
    #[serde(default)]
    is: Vec<Interpretation>,
    polarity: Option<Polarity>,
    below: Option<f64>,
    above: Option<f64>,
    at_least: Option<f64>,
    age_below: Option<f64>,
    age_at_least: Option<f64>,
    /// The event began at least so many days before the note.
    since_days: Option<i32>,
}

/// Weight of suggestions from which a type is named, and by how much it must lead.
const NAMED_FROM: u32 = 2;
const NAMED_AHEAD: u32 = 2;

/// Where an event stands: in this note, or in an earlier one of the record.
#[derive(Clone, Copy)]
struct Known<'a> {
    event: &'a Event,
    place: Place<'a>,
}

#[derive(Clone, Copy)]
enum Place<'a> {
    Here,
    Earlier { note: &'a str, event: u32 },
}

impl Refinement {
    /// Reads the rules; every concept they name must exist.
    pub(crate) fn new(sources: &[Source<'_>], vocabulary: &Vocabulary, mistakes: &mut Vec<Mistake>) -> Self {
        let Some(source) = sources.iter().find(|source| source.path == PATH) else {
            mistakes.push(Mistake::new(PATH, 1, "missing"));
            return Self::default();
        };
        match toml::from_str::<Self>(source.text) {
            Ok(refinement) => {
                refinement.check(vocabulary, mistakes);
                refinement
            }
            Err(error) => {
                let start = error.span().map_or(0, |span| span.start);
                let line = source
                    .text
                    .bytes()
                    .take(start)
                    .filter(|byte| *byte == b'\n')
                    .count() as u32
                    + 1;
                mistakes.push(Mistake::new(PATH, line, error.message()));
                Self::default()
            }
        }
    }

    fn check(&self, vocabulary: &Vocabulary, mistakes: &mut Vec<Mistake>) {
        let concepts = self
            .evidence
            .values()
            .flatten()
            .map(|test| &test.concept)
            .filter(|concept| !concept.is_empty());
        let targets = self.refinement.iter().flat_map(|rule| {
            let named = rule
                .settle
                .iter()
                .map(|settle| &settle.to)
                .chain(rule.suggest.iter().map(|suggest| &suggest.to));
            named.chain(&rule.types).chain(std::iter::once(&rule.of))
        });
        for concept in concepts.chain(targets) {
            if vocabulary.key(concept).is_none() {
                mistakes.push(Mistake::new(PATH, 1, format!("no concept {concept}")));
            }
        }
        let used = self.refinement.iter().flat_map(|rule| {
            let settles = rule
                .settle
                .iter()
                .flat_map(|settle| settle.when.iter().chain(&settle.unless));
            settles.chain(rule.suggest.iter().flat_map(|suggest| suggest.evidence.keys()))
        });
        for name in used {
            if !self.evidence.contains_key(name) {
                mistakes.push(Mistake::new(PATH, 1, format!("no evidence named {name}")));
            }
        }
    }

    /// Refines a note in place.
    pub(crate) fn refine(
        &self,
        vocabulary: &Vocabulary,
        record: &Record,
        note: &Note,
        out: &mut StructuredNote,
    ) {
        for rule in &self.refinement {
            let book = Book {
                refinement: self,
                vocabulary,
                record,
                note,
            };
            if let Some(outcome) = book.judge(rule, out) {
                book.apply(rule, outcome, out);
            }
        }
    }
}

/// What the evidence comes to.
struct Outcome {
    /// The open diagnosis: an event of this note, or of an earlier one.
    open: Open,
    to: String,
    because: Vec<Because>,
    certainty: Certainty,
}

#[derive(Clone)]
enum Open {
    Here {
        index: usize,
        earlier: Option<(String, u32)>,
    },
    Earlier {
        note: String,
        event: u32,
    },
}

struct Book<'a> {
    refinement: &'a Refinement,
    vocabulary: &'a Vocabulary,
    record: &'a Record,
    note: &'a Note,
}

impl Book<'_> {
    fn known<'e>(&'e self, out: &'e StructuredNote) -> Vec<Known<'e>> {
        let earlier = self.record.notes.iter().flat_map(|note| {
            (0u32..).zip(&note.events).map(|(index, event)| Known {
                event,
                place: Place::Earlier {
                    note: &note.id,
                    event: index,
                },
            })
        });
        let here = out.events.iter().map(|event| Known {
            event,
            place: Place::Here,
        });
        earlier
            .chain(here)
            .filter(|known| {
                known.event.experiencer == Experiencer::Patient && !known.event.is_claimed_state()
            })
            .collect()
    }

    fn is_a(&self, event: &Event, concept: &str) -> bool {
        let ids = [
            Some(&event.concept),
            event.measured.as_ref().map(|measured| &measured.concept),
        ];
        let Some(ancestor) = self.vocabulary.key(concept) else {
            return false;
        };
        ids.into_iter().flatten().any(|id| {
            id.as_str() == concept
                || self
                    .vocabulary
                    .key(id.as_str())
                    .is_some_and(|key| self.vocabulary.is_a(key, ancestor))
        })
    }

    /// Finds what the record says of an open diagnosis; nothing when none is open, or its type is stated.
    fn judge(&self, rule: &Rule, out: &StructuredNote) -> Option<Outcome> {
        let known = self.known(out);
        let asserted = |event: &Event| {
            event.polarity == Polarity::Present
                && event.certainty == Certainty::Asserted
                && event.phase != Phase::Planned
        };
        let is_open = |event: &Event| event.concept.as_str() == rule.of && asserted(event);
        let here = out
            .events
            .iter()
            .position(|event| event.experiencer == Experiencer::Patient && is_open(event));
        let earlier = known.iter().rev().find_map(|known| match known.place {
            Place::Earlier { note, event } if is_open(known.event) => Some((note.to_owned(), event)),
            _ => None,
        });
        let open = match (here, earlier) {
            (Some(index), earlier) => Open::Here { index, earlier },
            (None, Some((note, event))) => Open::Earlier { note, event },
            (None, None) => return None,
        };
        let is_typed = |event: &Event| rule.types.iter().any(|concept| self.is_a(event, concept));
        if known
            .iter()
            .any(|known| asserted(known.event) && is_typed(known.event))
        {
            return None;
        }
        self.settled(rule, &known).map_or_else(
            || self.suggested(rule, &known, &open, out),
            |(to, because)| {
                Some(Outcome {
                    open: open.clone(),
                    to,
                    because,
                    certainty: Certainty::Asserted,
                })
            },
        )
    }

    fn settled(&self, rule: &Rule, known: &[Known<'_>]) -> Option<(String, Vec<Because>)> {
        rule.settle.iter().find_map(|settle| {
            let reasons: Option<Vec<Vec<Because>>> = settle
                .when
                .iter()
                .map(|name| self.evidence(name, known))
                .collect();
            let blocked = settle
                .unless
                .iter()
                .any(|name| self.evidence(name, known).is_some());
            let mut because: Vec<Because> = reasons.filter(|_| !blocked)?.into_iter().flatten().collect();
            because.push(Because::Rule {
                rule: Arc::clone(&settle.rule),
            });
            Some((settle.to.clone(), because))
        })
    }

    /// The type that the weights favour; asked in the note that speaks of the diagnosis, and only there.
    fn suggested(
        &self,
        rule: &Rule,
        known: &[Known<'_>],
        open: &Open,
        _out: &StructuredNote,
    ) -> Option<Outcome> {
        if matches!(open, Open::Earlier { .. }) {
            return None;
        }
        let mut best: Option<(u32, &Suggest, Vec<Because>)> = None;
        let mut rival = 0;
        for suggest in &rule.suggest {
            let mut weight = 0;
            let mut because = Vec::new();
            for (name, points) in &suggest.evidence {
                if let Some(reasons) = self.evidence(name, known) {
                    weight += points;
                    because.extend(reasons);
                }
            }
            match &best {
                Some((most, ..)) if weight <= *most => rival = rival.max(weight),
                _ => {
                    rival = best.as_ref().map_or(0, |(most, ..)| *most).max(rival);
                    best = Some((weight, suggest, because));
                }
            }
        }
        let (weight, suggest, because) = best?;
        let named = weight >= NAMED_FROM && weight >= rival + NAMED_AHEAD;
        Some(Outcome {
            open: open.clone(),
            to: if named { suggest.to.clone() } else { String::new() },
            because: if named { because } else { Vec::new() },
            certainty: Certainty::Suspected,
        })
    }

    /// Reasons for a piece of evidence; none when nothing in the record shows it.
    fn evidence(&self, name: &str, known: &[Known<'_>]) -> Option<Vec<Because>> {
        let tests = self.refinement.evidence.get(name)?;
        tests.iter().find_map(|test| {
            if test.concept.is_empty() {
                let patient = self.note.patient.as_ref().or(Some(&self.record.patient));
                let age = patient.and_then(|patient| patient.age_at(self.note.date))?;
                let fits = test.age_below.is_none_or(|limit| age < limit)
                    && test.age_at_least.is_none_or(|limit| age >= limit);
                return fits.then(Vec::new);
            }
            known
                .iter()
                .find(|known| self.passes(test, known.event))
                .map(|known| match known.place {
                    Place::Here => entities_of(known.event),
                    Place::Earlier { note, event } => vec![Because::Earlier {
                        note: note.to_owned(),
                        event,
                    }],
                })
        })
    }

    fn passes(&self, test: &Test, event: &Event) -> bool {
        let value = event.value.as_ref();
        let number = value.and_then(tsumugi_clinical::Quantity::as_f64);
        let in_range = test
            .below
            .is_none_or(|limit| number.is_some_and(|number| number < limit))
            && test
                .above
                .is_none_or(|limit| number.is_some_and(|number| number > limit))
            && test
                .at_least
                .is_none_or(|limit| number.is_some_and(|number| number >= limit));
        let judged = test.is.is_empty()
            || value
                .and_then(|value| value.interpretation)
                .is_some_and(|interpretation| test.is.contains(&interpretation));
        let wanted = test.polarity.unwrap_or(Polarity::Present);
        let stated = event.polarity == wanted
            && event.certainty == Certainty::Asserted
            && event.phase != Phase::Planned;
        let long_since = test.since_days.is_none_or(|days| self.began_before(event, days));
        stated && in_range && judged && long_since && self.is_a(event, &test.concept)
    }

    fn began_before(&self, event: &Event, days: i32) -> bool {
        let from = event.time.as_ref().and_then(|time| time.from);
        let elapsed = from
            .zip(self.note.date)
            .and_then(|(from, date)| date.since(from.date()).ok());
        elapsed.is_some_and(|elapsed| elapsed.get_days() >= days)
    }

    fn apply(&self, rule: &Rule, outcome: Outcome, out: &mut StructuredNote) {
        let Outcome {
            open,
            to,
            because,
            certainty,
        } = outcome;
        match (open, certainty) {
            (Open::Here { index, earlier }, Certainty::Asserted) => {
                if let (Some(event), Some(typed)) = (out.events.get_mut(index), self.vocabulary.concept(&to))
                {
                    event.concept = typed.id.clone();
                    event.name = Arc::clone(&typed.name);
                    event.codes = Arc::clone(&typed.codes);
                    extend(&mut event.because, because);
                    event.supersedes = earlier.map(|(id, event)| Supersedes { id, event });
                    event.fact = fact_key(event);
                }
            }
            (Open::Here { index, .. }, _) => {
                let suspected = out
                    .events
                    .get(index)
                    .and_then(|event| self.typed(event, &to, because, certainty));
                out.events.extend(suspected);
                out.questions.push(Question {
                    event: index as u32,
                    rule: Arc::clone(&rule.id),
                    ask: rule.ask.clone(),
                    options: rule.options.clone(),
                });
            }
            (Open::Earlier { note, event }, _) => {
                let before = self.record.notes.iter().find(|known| known.id == note);
                let before = before.and_then(|known| known.events.get(event as usize));
                if let Some(mut settled) =
                    before.and_then(|before| self.typed(before, &to, because, certainty))
                {
                    settled.because.push(Because::Earlier {
                        note: note.clone(),
                        event,
                    });
                    settled.supersedes = Some(Supersedes { id: note, event });
                    out.events.push(settled);
                }
            }
        }
    }

    /// The event of the type, beside or in place of the open one.
    fn typed(&self, open: &Event, to: &str, because: Vec<Because>, certainty: Certainty) -> Option<Event> {
        let typed = self.vocabulary.concept(to)?;
        let mut event = Event {
            concept: typed.id.clone(),
            name: Arc::clone(&typed.name),
            codes: Arc::clone(&typed.codes),
            kind: EventKind::Condition,
            certainty,
            because,
            ..open.clone()
        };
        event.fact = fact_key(&event);
        Some(event)
    }
}

fn entities_of(event: &Event) -> Vec<Because> {
    let measured = event
        .measured
        .iter()
        .flat_map(|measured| &measured.entities)
        .map(|entity| Because::Entity { entity: *entity });
    let stated = event
        .because
        .iter()
        .filter(|reason| matches!(reason, Because::Entity { .. }))
        .cloned();
    let mut all: Vec<Because> = stated.chain(measured).collect();
    all.dedup();
    all
}

fn extend(because: &mut Vec<Because>, more: Vec<Because>) {
    for reason in more {
        if !because.contains(&reason) {
            because.push(reason);
        }
    }
}
