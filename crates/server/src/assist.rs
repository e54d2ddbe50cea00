//! Help while one types: what may come next, from tables and from what was signed before, and the items that templates
//! find missing. It computes; the live line asks and shows.

mod habits;
mod learning;
mod typed;

pub(crate) use habits::Habits;
pub(crate) use learning::names_of;
pub(crate) use typed::{Spot, spot};

use crate::advice::Advice;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use tsumugi_cds::templates::{Asking, Templates};
use tsumugi_cds::{Differential, Temper};
use tsumugi_clinical::StructuredNote;
use tsumugi_knowledge::{Implied, Space};
use tsumugi_prediction::{Ask, DrugLine, Predictor, Suggestion, Suggestions};
use tsumugi_records::{PatientId, Population};
use tsumugi_tables::Source;
use tsumugi_terminology::{Vocabulary, embedded_files, sources_of};

/// Suggestions that are shown at a time.
pub(crate) const MOST_SUGGESTED: usize = 5;

/// What helps while one types.
#[derive(Debug)]
pub(crate) struct Assist {
    /// Made at its first use, or in the background: it indexes every name.
    predictor: OnceLock<Predictor>,
    templates: Templates,
    /// No disease at all: what questions are weighed with where the site has not allowed suggestions of what to ask.
    nothing: (Space, Differential),
    habits: RwLock<Habits>,
    /// Whether somebody has begun to learn what was signed before.
    is_woken: AtomicBool,
}

/// Whose text is being written, and what is known of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Writing<'a> {
    /// Real or dummy.
    pub(crate) population: Population,
    /// Account of the writer.
    pub(crate) author: &'a str,
    /// Concepts with how likely the facts make each.
    pub(crate) likely: &'a [(Arc<str>, f64)],
    /// How the patient was given drugs.
    pub(crate) lines: &'a [DrugLine],
}

/// A suggestion with the place from which it replaces the text.
#[derive(Debug, Clone)]
pub(crate) struct Offer {
    /// First character that it replaces.
    pub(crate) start: usize,
    pub(crate) suggestion: Suggestion,
}

/// What is offered at a place.
#[derive(Debug, Clone, Default)]
pub(crate) struct Offers {
    /// Best first.
    pub(crate) list: Vec<Offer>,
    /// Whether the first is sure enough to be drawn behind the caret.
    pub(crate) is_sure: bool,
}

/// Least lead over what does not begin alike, as a share of all, and fewest kana saved, of ghost text.
const SURE: (f64, usize) = (0.6, 4);
/// Suggestions that are looked at for ghost text.
const LOOKED_AT: usize = 12;

impl Assist {
    /// Reads the templates; the tables of prediction are read at their first use.
    pub(crate) fn new(sources: &[Source<'_>], vocabulary: &Vocabulary) -> Self {
        // Mistakes of the tables are found by their own test; a template with one is left out.
        let templates = Templates::new(sources, vocabulary, &mut Vec::new());
        let space = Space::default();
        let differential = Differential::new(&space, vocabulary, &Implied::default(), Temper::default());
        Self {
            predictor: OnceLock::new(),
            templates,
            nothing: (space, differential),
            habits: RwLock::default(),
            is_woken: AtomicBool::new(false),
        }
    }

    /// The templates.
    pub(crate) fn templates(&self) -> &Templates {
        &self.templates
    }

    /// What names and phrases are foretold with, once it is made: nobody who types waits for it.
    pub(crate) fn ready(&self) -> Option<&Predictor> {
        self.predictor.get()
    }

    /// The same, made where it is not yet.
    pub(crate) fn predictor(&self, vocabulary: &Vocabulary) -> &Predictor {
        self.predictor.get_or_init(|| {
            let files = embedded_files();
            Predictor::new(&sources_of(&files), vocabulary, &mut Vec::new())
        })
    }

    /// What the questions of templates are chosen with. `weighs` says whether what a disease makes likely may count.
    pub(crate) fn asking<'a>(
        &'a self,
        advice: &'a Advice,
        living: &'a crate::advice::Living,
        weighs: bool,
    ) -> Asking<'a> {
        let (space, differential) = if weighs {
            (&living.own, &living.differential)
        } else {
            (&self.nothing.0, &self.nothing.1)
        };
        Asking {
            templates: &self.templates,
            vocabulary: advice.coder.vocabulary(),
            levels: &advice.levels,
            differential,
            space,
        }
    }

    /// What may come at a place.
    pub(crate) fn offers(&self, vocabulary: &Vocabulary, spot: &Spot, writing: Writing<'_>) -> Offers {
        let Some(predictor) = self.ready() else {
            return Offers::default();
        };
        let habits = self.habits.read().unwrap_or_else(PoisonError::into_inner);
        let (personal, site) = habits.of(writing.population, writing.author);
        let drug = spot.before.last().and_then(|unit| unit.concept.as_deref());
        let mut lines = writing.lines.to_vec();
        lines.extend(
            drug.map(|drug| habits.lines(writing.population, drug))
                .unwrap_or_default(),
        );
        let suggest = |typed: &str, before: &[tsumugi_prediction::Unit]| -> Suggestions {
            let ask = Ask {
                before,
                typed,
                likely: writing.likely,
                lines: &lines,
                personal,
                site,
                most: LOOKED_AT,
            };
            predictor.suggest(vocabulary, &ask)
        };
        let mut offers = Offers::default();
        let mut first = suggest(&spot.typed, &spot.before);
        offers.is_sure = longest_first(&mut first.list);
        offers.add(first, spot.start, &spot.typed);
        if let Some((start, name)) = &spot.longer {
            // A whole name may be the beginning of another.
            let before = spot.before.split_last().map_or(&[][..], |(_, before)| before);
            offers.add(suggest(name, before), *start, name);
        }
        offers.list.truncate(MOST_SUGGESTED);
        offers
    }

    /// Learns a note that was signed.
    pub(crate) fn observe(
        &self,
        vocabulary: &Vocabulary,
        (population, patient, author): (Population, PatientId, &str),
        text: &str,
        note: &StructuredNote,
    ) {
        if self.ready().is_none() {
            // What was signed is listed after the predictor is made, and learned then.
            return;
        }
        let lesson = learning::lesson(vocabulary, author, patient, text, note);
        self.learn(vocabulary, population, &lesson, true);
    }

    fn learn(
        &self,
        vocabulary: &Vocabulary,
        population: Population,
        lesson: &learning::Lesson,
        for_site: bool,
    ) {
        let predictor = self.predictor(vocabulary);
        let mut habits = self.habits.write().unwrap_or_else(PoisonError::into_inner);
        let learn = |history: &mut _| predictor.learn(history, vocabulary, &lesson.units);
        habits.learn(population, lesson, for_site, learn);
    }
}

/// Puts the longest text that is sure first, in place of its own beginnings; gives whether there is one.
fn longest_first(list: &mut Vec<Suggestion>) -> bool {
    let (least, saves) = SURE;
    let is_alike = |one: &str, other: &str| one.starts_with(other) || other.starts_with(one);
    let is_sure = |own: &&Suggestion| {
        let (alike, rivals): (Vec<&Suggestion>, Vec<&Suggestion>) =
            list.iter().partition(|other| is_alike(&own.text, &other.text));
        let greatest = |of: &[&Suggestion]| of.iter().map(|other| other.share).fold(0.0, f64::max);
        // A text and what it goes on to are one event, counted once.
        let twice = alike.iter().map(|other| other.share).sum::<f64>() - greatest(&alike);
        let whole = (1.0 - twice).max(own.share).max(f64::MIN_POSITIVE);
        (own.share - greatest(&rivals)) / whole >= least && own.saves >= saves
    };
    let Some(sure) = list.iter().filter(is_sure).max_by_key(|own| own.saves).cloned() else {
        return false;
    };
    list.retain(|own| !sure.text.starts_with(&own.text));
    list.insert(0, sure);
    true
}

impl Offers {
    fn add(&mut self, suggestions: Suggestions, start: usize, typed: &str) {
        for suggestion in suggestions.list {
            let is_known = self
                .list
                .iter()
                .any(|own| own.start == start && own.suggestion.text == suggestion.text);
            if suggestion.text != typed && !is_known {
                self.list.push(Offer { start, suggestion });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(text: &str, share: f64) -> Suggestion {
        Suggestion {
            text: text.to_owned(),
            reading: String::new(),
            concept: None,
            share,
            saves: text.chars().count(),
            from: Vec::new(),
        }
    }

    #[test]
    fn the_longest_sure_text_stands_for_its_beginnings() {
        let mut list = vec![
            own("abc", 0.39),
            own("abcdef", 0.35),
            own("abcdefgh", 0.21),
            own("xyz", 0.05),
        ];
        assert!(longest_first(&mut list));
        let texts: Vec<&str> = list.iter().map(|own| own.text.as_str()).collect();
        assert_eq!(texts, ["abcdef", "abcdefgh", "xyz"]);
        for mut unsure in [
            vec![own("abcdef", 0.7), own("xyz", 0.3)],
            vec![own("abc", 1.0)],
            vec![],
        ] {
            assert!(!longest_first(&mut unsure), "{unsure:?}");
        }
    }
}
