//! Which questions are worth asking now.

use super::known::{Said, Sayings};
use super::{
    Answer, Answers, COMMON, Condition, FINDING, Item, ItemKind, Stage, Template, Templates, Weights, When,
    Why,
};
use crate::differential::{Differential, Findings};
use crate::next::{Likely, Step, gain, likely, next, step_of};
use crate::patient::{Patient, Place};
use std::sync::Arc;
use tsumugi_clinical::Interpretation;
use tsumugi_knowledge::{Levels, Space, State};
use tsumugi_terminology::Vocabulary;

/// Questions that are shown at a time: rows, each answered at once.
pub const MOST_ASKED: usize = 5;
/// Items that one row asks at most.
pub const ROW: usize = 4;
/// Items with a choice each that one row asks at most: each brings its answers with it.
const ROW_OF_CHOICES: usize = 2;
/// Findings that no template asks and that are looked at.
const MOST_FINDINGS: usize = 24;

/// Who is asked about.
#[derive(Debug, Clone, Copy)]
pub struct Contact<'a> {
    /// The state of the patient: record and note.
    pub patient: &'a Patient,
    /// Concepts for which the patient comes, where somebody has said so (`Encounter.reasonCode`, the questionnaire of
    /// the reception): they choose templates and answer nothing.
    pub reasons: &'a [Arc<str>],
    /// What was answered in this contact.
    pub answers: &'a Answers,
}

/// What questions are chosen with.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    /// The templates.
    pub templates: &'a Templates,
    /// The concepts.
    pub vocabulary: &'a Vocabulary,
    /// Which finding a level of a test is.
    pub levels: &'a Levels,
    /// The differential, for what an answer would tell.
    pub differential: &'a Differential,
    /// Its diseases.
    pub space: &'a Space,
}

/// A question to ask.
#[derive(Debug, Clone)]
pub struct Asked<'a> {
    /// `template.item`; an item of the common ones has their key, whoever uses it.
    pub key: Arc<str>,
    /// The template that asks it.
    pub template: &'a Template,
    /// The item.
    pub item: &'a Item,
    /// Bits that the answer is expected to tell among the likely diseases.
    pub bits: f64,
    /// What it is worth: the order of the list.
    pub worth: f64,
}

/// A question that needs no answer any more.
#[derive(Debug, Clone)]
pub struct Known<'a> {
    /// Key of the item.
    pub key: Arc<str>,
    /// The item.
    pub item: &'a Item,
    /// The answer, where it is one that the item has: pre-answered.
    pub answer: Option<Answer>,
    /// Days since it was said; none where this note or an answer says so.
    pub days: Option<i32>,
    /// Where it is said.
    pub place: Place,
}

/// How an item is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    YesNo(Step),
    Number,
    Choice,
    Alone,
}

impl Manner {
    /// Items asked so that can stand in one row.
    fn most(self) -> usize {
        match self {
            Self::YesNo(_) | Self::Number => ROW,
            Self::Choice => ROW_OF_CHOICES,
            Self::Alone => 1,
        }
    }
}

/// An item of a template that is for this patient.
struct Candidate<'a> {
    template: &'a Template,
    item: &'a Item,
    key: Arc<str>,
    /// How near the template is to this contact.
    near: f64,
    /// Place in the template.
    place: usize,
}

impl<'a> Asking<'a> {
    /// The questions that are worth asking, best first: for this patient, not known, not answered, and no two that ask
    /// the same.
    pub fn ranked(&self, contact: &Contact<'_>) -> Vec<Asked<'a>> {
        let sayings = self.sayings(contact);
        let findings = Findings::of(contact.patient);
        let likely = likely(self.differential, self.space, self.vocabulary, &findings);
        let mut asked: Vec<Asked<'a>> = self
            .candidates(contact.patient, &sayings)
            .into_iter()
            .chain(self.findings(&findings))
            .filter(|candidate| self.is_open(candidate, &sayings, contact.answers))
            .map(|candidate| self.weigh(candidate, &likely))
            .collect();
        asked.sort_by(|a, b| b.worth.total_cmp(&a.worth).then_with(|| a.key.cmp(&b.key)));
        let mut kept: Vec<Asked<'a>> = Vec::new();
        for one in asked {
            if !kept.iter().any(|other| self.asks_the_same(other.item, one.item)) {
                kept.push(one);
            }
        }
        kept
    }

    /// The questions to show, at most `MOST_ASKED`, best first: what is asked in the same way stands in one row (the
    /// symptoms to ask for, the signs to look for, the numbers to fill in, two choices), at most `ROW` items in each.
    pub fn next(&self, contact: &Contact<'_>) -> Vec<Vec<Asked<'a>>> {
        let mut rows: Vec<(Manner, Vec<Asked<'a>>)> = Vec::new();
        for one in self.ranked(contact) {
            let manner = self.manner(one.item);
            let open = rows
                .iter_mut()
                .find(|(own, row)| *own == manner && row.len() < own.most());
            match open {
                Some((_, row)) => row.push(one),
                None => rows.push((manner, vec![one])),
            }
        }
        let mut rows: Vec<Vec<Asked<'a>>> = rows.into_iter().map(|(_, row)| row).collect();
        rows.sort_by(|a, b| worth_of(b).total_cmp(&worth_of(a)));
        rows.truncate(MOST_ASKED);
        rows
    }

    /// How an item is asked: a yes or no of the patient, of the body, of the laboratory; a number; alone.
    fn manner(&self, item: &Item) -> Manner {
        match &item.kind {
            ItemKind::Boolean { concept, .. } => {
                let step = concept
                    .as_ref()
                    .and_then(|concept| step_of(self.vocabulary, &State::new(Arc::clone(concept))));
                Manner::YesNo(step.unwrap_or(Step::Question))
            }
            ItemKind::Quantity { .. } => Manner::Number,
            ItemKind::Choice(_) => Manner::Choice,
            ItemKind::Date { .. } | ItemKind::Text { .. } => Manner::Alone,
        }
    }

    /// The items for this patient that are known, with the answer where it can be told.
    pub fn known(&self, contact: &Contact<'_>) -> Vec<Known<'a>> {
        let patient = contact.patient;
        let sayings = self.sayings(contact);
        let mut known: Vec<Known<'a>> = Vec::new();
        for candidate in self.candidates(patient, &sayings) {
            let Some(said) = sayings.answer_to(candidate.item) else {
                continue;
            };
            if known.iter().any(|other| other.key == candidate.key) {
                continue;
            }
            known.push(Known {
                answer: self.answer_of(candidate.item, said, patient),
                key: candidate.key,
                item: candidate.item,
                days: said.days,
                place: said.place.clone(),
            });
        }
        known
    }

    /// The templates that are for this contact.
    pub fn applying(&self, contact: &Contact<'_>) -> Vec<&'a Template> {
        let sayings = self.sayings(contact);
        let own = self.templates.all.iter();
        own.filter(|template| self.nearness(&template.when, contact.patient, &sayings).is_some())
            .collect()
    }

    fn sayings(&self, contact: &Contact<'_>) -> Sayings<'a> {
        let Contact {
            patient,
            reasons,
            answers,
        } = contact;
        Sayings::new(self.vocabulary, patient, reasons, self.templates, answers)
    }

    fn candidates(&self, patient: &Patient, sayings: &Sayings<'_>) -> Vec<Candidate<'a>> {
        let common = self.templates.get(COMMON);
        let mut candidates = Vec::new();
        for template in &self.templates.all {
            let Some(near) = self.nearness(&template.when, patient, sayings) else {
                continue;
            };
            let used = template
                .uses
                .iter()
                .filter_map(|id| Some((common?, common?.item(id)?)));
            let own = template.items.iter().map(|item| (template, item));
            for (place, (home, item)) in own.chain(used).enumerate() {
                if self.nearness(&item.when, patient, sayings).is_some() {
                    candidates.push(Candidate {
                        template,
                        item,
                        key: format!("{}.{}", home.id, item.id).into(),
                        near,
                        place,
                    });
                }
            }
        }
        candidates
    }

    /// What no template asks and the likely diseases call for.
    fn findings(&self, findings: &Findings) -> Vec<Candidate<'a>> {
        let Some(template) = self.templates.get(FINDING) else {
            return Vec::new();
        };
        let steps = next(
            self.differential,
            self.space,
            self.vocabulary,
            findings,
            MOST_FINDINGS,
        );
        let plain = steps
            .iter()
            .filter(|step| step.state.as_str() == step.state.concept());
        plain
            .filter_map(|step| {
                let key = format!("{FINDING}.{}", step.state.concept());
                let (_, item) = self.templates.item(&key)?;
                Some(Candidate {
                    template,
                    item,
                    key: key.into(),
                    near: self.templates.weights.finding,
                    place: 0,
                })
            })
            .collect()
    }

    /// How near a template is to this contact; none where it is for others.
    fn nearness(&self, when: &When, patient: &Patient, sayings: &Sayings<'_>) -> Option<f64> {
        let is_old_enough = when
            .age_min
            .is_none_or(|least| patient.age.is_none_or(|age| age >= least));
        let is_young_enough = when
            .age_max
            .is_none_or(|most| patient.age.is_some_and(|age| age.floor() <= most));
        let is_of_sex = when.sex.is_none_or(|sex| patient.sex == Some(sex));
        if !is_old_enough || !is_young_enough || !is_of_sex {
            return None;
        }
        let weights = &self.templates.weights;
        if when.any.is_empty() {
            return Some(weights.everybody);
        }
        let nearness = |concept: &Arc<str>| {
            let in_note = sayings.is_in_note(concept);
            let in_record = sayings.is_in_record(concept);
            let is_stage = match when.stage {
                Stage::First => in_note && !in_record,
                // A chronic disease that a note names is one that is followed up.
                Stage::FollowUp => in_record || (in_note && sayings.is_chronic(concept)),
                Stage::Any => in_note || in_record,
            };
            is_stage.then_some(if in_note {
                weights.in_note
            } else {
                weights.in_record
            })
        };
        when.any.iter().filter_map(nearness).max_by(f64::total_cmp)
    }

    fn is_open(&self, candidate: &Candidate<'_>, sayings: &Sayings<'_>, answers: &Answers) -> bool {
        let item = candidate.item;
        let is_closed = answers.keys().any(|key| {
            *key == candidate.key
                || self
                    .templates
                    .item(key)
                    .is_some_and(|(_, other)| self.asks_the_same(other, item))
        });
        !is_closed
            && sayings.answer_to(item).is_none()
            && item
                .enable
                .iter()
                .all(|condition| self.holds(condition, candidate.template, sayings, answers))
    }

    fn holds(
        &self,
        condition: &Condition,
        template: &Template,
        sayings: &Sayings<'_>,
        answers: &Answers,
    ) -> bool {
        let (id, named) = match condition {
            Condition::Fact(concept) => return sayings.is_present(concept),
            Condition::Answer { item, answer } => (item, answer),
        };
        let own = template.item(id).map(|item| (&template.id, item));
        let of_common =
            || Some(self.templates.get(COMMON)?).and_then(|common| Some((&common.id, common.item(id)?)));
        let Some((home, item)) = own.or_else(of_common) else {
            return false;
        };
        if let Some(given) = answers.get(&format!("{home}.{id}")) {
            return given.is(named);
        }
        let fact = condition.as_fact(item);
        fact.is_some_and(|(concept, is_there)| {
            sayings.is_present(&concept) == is_there && (is_there || sayings.answer_to(item).is_some())
        })
    }

    /// Whether the answer to one item answers the other.
    fn asks_the_same(&self, one: &Item, other: &Item) -> bool {
        let is_below = |concept: &str, above: &str| {
            let keys = self.vocabulary.key(concept).zip(self.vocabulary.key(above));
            keys.is_some_and(|(concept, above)| self.vocabulary.is_a(concept, above))
        };
        let answers = |from: &Item, to: &Item| {
            let mut concepts = from.concepts().peekable();
            concepts.peek().is_some()
                && concepts.all(|concept| to.known_by.iter().any(|above| is_below(concept, above)))
        };
        one == other || answers(one, other)
    }

    fn weigh(&self, candidate: Candidate<'a>, likely: &[Likely]) -> Asked<'a> {
        let weights = &self.templates.weights;
        let bits = self.bits(candidate.item, likely);
        let own: f64 = candidate.item.why.iter().map(|why| weights.of(*why)).sum();
        let key = if candidate.item.is_key { weights.key } else { 0.0 };
        let place = weights.place * candidate.place as f64;
        Asked {
            worth: candidate.near * (key + own + weights.bit * bits - place),
            key: candidate.key,
            template: candidate.template,
            item: candidate.item,
            bits,
        }
    }

    /// What the answer is expected to tell: by the findings of the diseases, or, where these do not hold the answer, by
    /// the diseases that the item says it tells apart.
    fn bits(&self, item: &Item, likely: &[Likely]) -> f64 {
        let weights = &self.templates.weights;
        let of_shares = |share: &dyn Fn(usize) -> f64| {
            let shares: Vec<f64> = likely.iter().map(|likely| share(likely.disease)).collect();
            gain(likely, &shares).unwrap_or(0.0)
        };
        let by_findings = self
            .states(item)
            .iter()
            .map(|state| of_shares(&|disease| self.differential.share(disease, state.as_str())))
            .fold(0.0, f64::max);
        let told: Vec<usize> = likely
            .iter()
            .map(|likely| likely.disease)
            .filter(|disease| self.is_told(item, *disease))
            .collect();
        if told.is_empty() {
            return by_findings;
        }
        let by_name = of_shares(&|disease| {
            if told.contains(&disease) {
                weights.told_share
            } else {
                weights.other_share
            }
        });
        by_findings.max(by_name)
    }

    fn is_told(&self, item: &Item, disease: usize) -> bool {
        let Some(own) = self
            .differential
            .key_of(disease)
            .and_then(|id| self.vocabulary.key(&id))
        else {
            return false;
        };
        let mut told = item.tells.iter().filter_map(|id| self.vocabulary.key(id));
        told.any(|above| self.vocabulary.is_a(own, above))
    }

    fn states(&self, item: &Item) -> Vec<State> {
        let concepts = item.concepts();
        if matches!(item.kind, ItemKind::Quantity { .. }) {
            let levels = [Interpretation::High, Interpretation::Low];
            return concepts
                .flat_map(|test| levels.map(|level| self.levels.canonical(State::of_test(test, level))))
                .collect();
        }
        concepts
            .map(|concept| self.levels.canonical(State::new(Arc::clone(concept))))
            .collect()
    }

    fn answer_of(&self, item: &Item, said: &Said, patient: &Patient) -> Option<Answer> {
        let is = |concept: &str| {
            let key = self.vocabulary.key(concept);
            key.is_some_and(|key| self.vocabulary.is_a(said.concept, key))
        };
        match &item.kind {
            ItemKind::Boolean { concept, .. } => {
                let is_own = is(concept.as_ref()?);
                is_own.then_some(if said.is_present { Answer::Yes } else { Answer::No })
            }
            ItemKind::Choice(choices) => {
                let fits = |concept: &Arc<str>, is_denied: bool| is(concept) && said.is_present != is_denied;
                let choice = choices.iter().find(|choice| {
                    choice
                        .concept
                        .as_ref()
                        .is_some_and(|own| fits(own, choice.is_denied))
                });
                choice.map(|choice| Answer::Choice(Arc::clone(&choice.id)))
            }
            ItemKind::Quantity { concept, .. } => {
                let latest = patient.latest(concept.as_ref()?)?;
                Some(Answer::Quantity(latest.value))
            }
            ItemKind::Date { .. } | ItemKind::Text { .. } => None,
        }
    }
}

/// What a row is worth: its best item, and half of each other, which is read beside it.
fn worth_of(row: &[Asked<'_>]) -> f64 {
    let sum: f64 = row.iter().map(|one| one.worth).sum();
    let best = row.iter().map(|one| one.worth).fold(0.0, f64::max);
    f64::midpoint(best, sum)
}

impl Weights {
    fn of(&self, why: Why) -> f64 {
        match why {
            Why::Discrimination => self.discrimination,
            Why::Safety => self.safety,
            Why::Registry => self.registry,
            Why::Severity => self.severity,
            Why::Treatment => self.treatment,
        }
    }
}
