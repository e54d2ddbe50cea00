//! Drug facts: what a drug is for, what forbids it, what it must not meet, how much of it is usual.
//!
//! The tables lie below `knowledge/`, a folder a kind of fact, a file an area. A row stands at a drug or at a class of
//! drugs, and a class's row holds for every member: who asks gives a drug's own id and its classes, nearest first
//! ([`DrugBook::lineage`]). Interactions hold in both directions. Every row keeps its place, status and source.

mod read;
mod support;
#[cfg(test)]
mod tests;

use crate::evidence::Status;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tsumugi_tables::{Mistake, Source};
use tsumugi_terminology::Vocabulary;

pub use support::{DoseWord, Role};

/// What a row rests on, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basis {
    /// Table, as a path below `data/`.
    pub table: Arc<str>,
    /// Line of the table, from 1.
    pub line: u32,
    /// How far the row can be trusted.
    pub status: Status,
    /// Its source, where it has one.
    pub source: Arc<str>,
    /// Mechanism, effect, advice: what the row adds in words.
    pub note: Arc<str>,
}

/// How often one who is allergic to the one reacts to the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Likelihood {
    /// Seldom.
    Low,
    /// Sometimes.
    Moderate,
    /// As a rule.
    High,
}

/// How grave a combination of two drugs is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Hardly felt.
    Minor,
    /// To be watched.
    Moderate,
    /// Real harm: to be avoided or monitored closely.
    Serious,
    /// Forbidden.
    Contraindicated,
}

/// How far a condition forbids a drug.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Objection {
    /// To be used with care.
    Caution,
    /// Forbidden.
    Contraindicated,
}

/// The organ that clears a drug.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Organ {
    /// Kidneys.
    Renal,
    /// Liver.
    Hepatic,
}

/// The part of a measure of an organ's function for which a row holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Impairment {
    /// Estimated glomerular filtration rate, mL/min/1.73 m²: from ≤ value < to.
    Egfr {
        /// First value.
        from: f64,
        /// The value at which it ends.
        to: f64,
    },
    /// Creatinine clearance, mL/min: from ≤ value < to.
    Clearance {
        /// First value.
        from: f64,
        /// The value at which it ends.
        to: f64,
    },
    /// Child-Pugh classes, both included.
    ChildPugh {
        /// Least severe class, `A` to `C`.
        from: char,
        /// Most severe class.
        to: char,
    },
    /// On haemodialysis.
    Hemodialysis,
}

/// What to do with the dose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Nothing.
    None,
    /// Give it less often.
    Extend,
    /// Give less.
    Reduce,
    /// Better not.
    Avoid,
    /// Forbidden.
    Contraindicated,
}

impl Action {
    /// The word of the tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Extend => "extend",
            Self::Reduce => "reduce",
            Self::Avoid => "avoid",
            Self::Contraindicated => "contraindicated",
        }
    }
}

/// Pregnancy or lactation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Situation {
    /// Pregnant.
    Pregnancy,
    /// Breastfeeding.
    Lactation,
}

/// How a drug goes with pregnancy or lactation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Safety {
    /// Well.
    Compatible,
    /// Where its benefit outweighs.
    Caution,
    /// Better not.
    Avoid,
    /// Forbidden.
    Contraindicated,
}

/// How often an adverse effect occurs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Frequency {
    /// Nobody knows.
    Unknown,
    /// In fewer than 1 of 10,000.
    VeryRare,
    /// In 1 to 10 of 10,000.
    Rare,
    /// In 1 to 10 of 1,000.
    Uncommon,
    /// In 1 to 10 of 100.
    Common,
    /// In 1 of 10 or more.
    VeryCommon,
}

impl Frequency {
    /// The word of the table.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::VeryRare => "very-rare",
            Self::Rare => "rare",
            Self::Uncommon => "uncommon",
            Self::Common => "common",
            Self::VeryCommon => "very-common",
        }
    }
}

/// Whom a usual dose is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Population {
    /// From 15 years.
    Adult,
    /// Below 15 years.
    Child,
}

/// What a drug is for.
#[derive(Debug, Clone, PartialEq)]
pub struct Indication {
    /// Disease, finding, procedure.
    pub condition: Arc<str>,
    /// What the row rests on.
    pub basis: Basis,
}

/// A condition that forbids a drug or asks for care.
#[derive(Debug, Clone, PartialEq)]
pub struct Contraindication {
    /// Disease, finding, circumstance, procedure; a drug or class that is taken. None where the age alone forbids it.
    pub condition: Option<Arc<str>>,
    /// Only for patients younger than this many years.
    pub below_age: Option<f64>,
    /// How far.
    pub objection: Objection,
    /// What the row rests on.
    pub basis: Basis,
}

impl Contraindication {
    /// Whether it holds at an age in years; none where the row asks for the age and nobody knows it.
    pub fn holds_at(&self, age: Option<f64>) -> Option<bool> {
        self.below_age
            .map_or(Some(true), |limit| age.map(|age| age < limit))
    }
}

/// Two drugs that do not go together.
#[derive(Debug, Clone, PartialEq)]
pub struct Interaction {
    /// The other drug, class, or food.
    pub partner: Arc<str>,
    /// How grave.
    pub severity: Severity,
    /// What the row rests on; its note is the mechanism.
    pub basis: Basis,
}

/// A reaction to one thing by those who are allergic to another.
#[derive(Debug, Clone, PartialEq)]
pub struct CrossAllergy {
    /// Drug, class or allergen that is reacted to.
    pub drug: Arc<str>,
    /// How often.
    pub likelihood: Likelihood,
    /// What the row rests on.
    pub basis: Basis,
}

/// What an impaired organ asks of the dose.
#[derive(Debug, Clone, PartialEq)]
pub struct OrganDose {
    /// Which organ.
    pub organ: Organ,
    /// From which function to which.
    pub impairment: Impairment,
    /// What to do.
    pub action: Action,
    /// The most of a day with this function, and its UCUM unit, where the row says so.
    pub max_day: Option<(f64, Arc<str>)>,
    /// What the row rests on.
    pub basis: Basis,
}

/// A way of giving a drug that kills or maims (`knowledge/prescription/ways.tsv`).
#[derive(Debug, Clone, PartialEq)]
pub struct ForbiddenWay {
    /// The way.
    pub way: DoseWord,
    /// What the row rests on; its note is the mechanism.
    pub basis: Basis,
}

/// How a drug goes with pregnancy or lactation.
#[derive(Debug, Clone, PartialEq)]
pub struct Reproduction {
    /// Which of the two.
    pub situation: Situation,
    /// How it goes.
    pub safety: Safety,
    /// What the row rests on.
    pub basis: Basis,
}

/// Something that a drug does beside its purpose.
#[derive(Debug, Clone, PartialEq)]
pub struct AdverseEffect {
    /// Finding or disease.
    pub effect: Arc<str>,
    /// How often.
    pub frequency: Frequency,
    /// Whether it threatens life or leaves lasting harm.
    pub is_serious: bool,
    /// What the row rests on.
    pub basis: Basis,
}

/// A usual dose.
#[derive(Debug, Clone, PartialEq)]
pub struct UsualDose {
    /// Route (`oral`, `iv` …); `any` for all.
    pub route: Arc<str>,
    /// For whom.
    pub population: Population,
    /// UCUM unit of the numbers.
    pub unit: Arc<str>,
    /// The unit as it is written.
    pub unit_name: Arc<str>,
    /// Least usual amount a day.
    pub usual_low: f64,
    /// Greatest usual amount a day.
    pub usual_high: f64,
    /// Most in a day.
    pub max_day: f64,
    /// Most in one dose, where the row says so.
    pub max_single: Option<f64>,
    /// Whether the numbers are for each kilogram of the body.
    pub per_kilogram: bool,
    /// Whether it is taken once a week or less often, as the note says: the numbers are those of a day of intake.
    pub is_weekly: bool,
    /// What the row rests on.
    pub basis: Basis,
}

/// A kind of fact that was looked into for a drug, whether or not anything is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aspect {
    /// What it is for.
    Indication,
    /// Conditions that forbid it.
    Contraindication,
    /// Partners.
    Interaction,
    /// Renal function.
    Renal,
    /// Hepatic function.
    Hepatic,
    /// Pregnancy.
    Pregnancy,
    /// Lactation.
    Lactation,
    /// Adverse effects.
    Adverse,
    /// Usual doses.
    Dose,
}

/// Rows by the drug or class at which they stand.
type Rows<T> = BTreeMap<Arc<str>, Vec<T>>;

/// All drug facts.
#[derive(Debug, Clone, Default)]
pub struct DrugBook {
    indications: Rows<Indication>,
    contraindications: Rows<Contraindication>,
    interactions: Rows<Interaction>,
    cross_allergies: Rows<CrossAllergy>,
    organ_doses: Rows<OrganDose>,
    reproduction: Rows<Reproduction>,
    adverse_effects: Rows<AdverseEffect>,
    usual_doses: Rows<UsualDose>,
    coverage: BTreeMap<Arc<str>, BTreeSet<Aspect>>,
    ingredients: BTreeMap<Arc<str>, Vec<Arc<str>>>,
    allergens: BTreeMap<Arc<str>, Vec<Arc<str>>>,
    roles: BTreeMap<Role, Vec<Arc<str>>>,
    wording: BTreeMap<Arc<str>, Arc<str>>,
    dose_words: Vec<(Box<str>, DoseWord)>,
    ways: Rows<ForbiddenWay>,
    agents: BTreeMap<Arc<str>, Vec<Arc<str>>>,
}

impl DrugBook {
    /// Reads the tables below `knowledge/`, with the concepts of `terminology/` to check them against; what is wrong
    /// goes to `mistakes`, and the row is left out.
    pub fn new(sources: &[Source<'_>], mistakes: &mut Vec<Mistake>) -> Self {
        read::book(sources, mistakes)
    }

    /// What a drug or class is for.
    pub fn indications(&self, id: &str) -> &[Indication] {
        rows(&self.indications, id)
    }

    /// The conditions that forbid a drug or class or ask for care.
    pub fn contraindications(&self, id: &str) -> &[Contraindication] {
        rows(&self.contraindications, id)
    }

    /// What a drug or class does not go together with.
    pub fn interactions(&self, id: &str) -> &[Interaction] {
        rows(&self.interactions, id)
    }

    /// What those react to who are allergic to a drug, class or allergen.
    pub fn cross_allergies(&self, id: &str) -> &[CrossAllergy] {
        rows(&self.cross_allergies, id)
    }

    /// What impaired organs ask of the dose.
    pub fn organ_doses(&self, id: &str) -> &[OrganDose] {
        rows(&self.organ_doses, id)
    }

    /// Ways in which it must not be given.
    pub fn forbidden_ways(&self, id: &str) -> &[ForbiddenWay] {
        rows(&self.ways, id)
    }

    /// The drugs that are given for an examination (contrast media).
    pub fn agents(&self, exam: &str) -> &[Arc<str>] {
        self.agents.get(exam).map_or(&[], Vec::as_slice)
    }

    /// How a drug or class goes with pregnancy and lactation.
    pub fn reproduction(&self, id: &str) -> &[Reproduction] {
        rows(&self.reproduction, id)
    }

    /// Adverse effects of a drug or class.
    pub fn adverse_effects(&self, id: &str) -> &[AdverseEffect] {
        rows(&self.adverse_effects, id)
    }

    /// Usual doses of a drug or class.
    pub fn usual_doses(&self, id: &str) -> &[UsualDose] {
        rows(&self.usual_doses, id)
    }

    /// The kinds of facts that were looked into for exactly this drug or class; none where nobody has.
    pub fn coverage(&self, id: &str) -> Option<&BTreeSet<Aspect>> {
        self.coverage.get(id)
    }

    /// The ingredients of a fixed combination, as its name tells them; empty for a drug of one ingredient.
    pub fn ingredients(&self, id: &str) -> &[Arc<str>] {
        rows(&self.ingredients, id)
    }

    /// A drug or class, its ingredients, and all their classes, nearest first: where rows may stand that hold for it.
    pub fn lineage(&self, vocabulary: &Vocabulary, id: &str) -> Vec<Arc<str>> {
        let mut lineage: Vec<Arc<str>> = vec![id.into()];
        lineage.extend(self.ingredients(id).iter().cloned());
        for one in lineage.clone() {
            let ancestors = vocabulary
                .key(&one)
                .map_or_else(Vec::new, |key| vocabulary.ancestors(key));
            for concept in ancestors.into_iter().filter_map(|key| vocabulary.get(key)) {
                let id = concept.id.as_str();
                if !lineage.iter().any(|known| known.as_ref() == id) {
                    lineage.push(id.into());
                }
            }
        }
        lineage
    }

    /// The drugs and classes that an allergen stands for which names a group of them.
    pub fn stands_for(&self, allergen: &str) -> &[Arc<str>] {
        rows(&self.allergens, allergen)
    }

    /// The concepts that play a part in the checks.
    pub fn role(&self, role: Role) -> &[Arc<str>] {
        self.roles.get(&role).map_or(&[], Vec::as_slice)
    }

    /// The sentence of a key, with `{names}` to fill in; none where the table lacks it.
    pub fn wording(&self, key: &str) -> Option<&str> {
        self.wording.get(key).map(AsRef::as_ref)
    }

    /// What the words of a dosage say about its numbers.
    pub fn dose_words(&self, text: &str) -> BTreeSet<DoseWord> {
        support::dose_words(&self.dose_words, text)
    }
}

fn rows<'b, T>(rows: &'b Rows<T>, id: &str) -> &'b [T] {
    rows.get(id).map_or(&[], Vec::as_slice)
}
