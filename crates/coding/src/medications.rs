//! What a patient takes, over all who prescribed, dispensed and noted it: one line an ingredient and way of giving, with
//! where it comes from, its periods, and what does not fit (gaps, overlaps, changes of dose).
//!
//! A prescription and the dispensing that follows it are one supply. A refill that comes a little early is carried over; one
//! that comes much too early, or from another institution, is an overlap. Nothing is guessed: what has no date makes no
//! period, and a preparation of several ingredients is a line of its own.

mod join;
mod periods;

use jiff::civil::Date;
use std::collections::BTreeMap;
use std::sync::Arc;
use tsumugi_clinical::{Certainty, ConceptId, Dosage, Event, EventKind, Experiencer, Phase, Polarity};
use tsumugi_terminology::Vocabulary;

/// How a drug is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum How {
    /// An order or prescription.
    Prescribed,
    /// Handed out.
    Dispensed,
    /// Given by staff, once.
    Given,
    /// Noted as taken.
    Stated,
}

/// A way of giving: the same ingredient as tablets and as an injection is two lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RouteGroup {
    /// By mouth, under the tongue, by tube.
    Oral,
    /// Into a vein, muscle or under the skin.
    Injected,
    /// On or through the skin.
    Topical,
    /// Into eye, ear or nose.
    Local,
    /// Breathed in.
    Inhaled,
    /// Rectal, vaginal.
    Mucosal,
}

/// One source's word about a drug.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// The ingredient.
    pub drug: ConceptId,
    /// Its name.
    pub name: Arc<str>,
    /// How it is told.
    pub how: How,
    /// The first day.
    pub date: Option<Date>,
    /// Days of supply.
    pub days: Option<u32>,
    /// How it is taken.
    pub dosage: Dosage,
    /// Current, past, planned or stopped.
    pub phase: Phase,
    /// Taken, or expressly not.
    pub polarity: Polarity,
    /// Who prescribed, dispensed or wrote it; empty where the source does not say.
    pub institution: Arc<str>,
    /// Where it is kept: id of a document or resource.
    pub origin: Arc<str>,
}

impl Told {
    /// A drug event as told on a day; none for what is no drug of the patient, or only suspected.
    pub fn of(event: &Event, how: How, date: Option<Date>, institution: &str, origin: &str) -> Option<Self> {
        let is_taken = event.kind == EventKind::Medication
            && event.experiencer == Experiencer::Patient
            && event.certainty == Certainty::Asserted;
        if !is_taken {
            return None;
        }
        let time = event.time.as_ref();
        let dosage = event.dosage.as_deref().cloned().unwrap_or_default();
        let first = time.and_then(|time| time.from).map(jiff::civil::DateTime::date);
        Some(Self {
            drug: event.concept.clone(),
            name: Arc::clone(&event.name),
            how,
            date: first.or(date),
            days: dosage.days,
            dosage,
            phase: event.phase,
            polarity: event.polarity,
            institution: institution.into(),
            origin: origin.into(),
        })
    }

    pub(crate) fn is_stop(&self) -> bool {
        self.phase == Phase::Stopped || self.polarity == Polarity::Absent
    }
}

/// Where a line comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceOf {
    /// The first day.
    pub date: Option<Date>,
    /// How it is told.
    pub how: How,
    /// Who.
    pub institution: Arc<str>,
    /// Where it is kept.
    pub origin: Arc<str>,
}

/// A stretch in which the drug was supplied or noted; both days are in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Period {
    /// First day.
    pub from: Date,
    /// Last day; none where nothing says it.
    pub to: Option<Date>,
    /// How it is taken.
    pub dosage: Dosage,
    /// Who prescribed it, or the only one who tells it.
    pub institution: Arc<str>,
    /// Places in [`Line::sources`].
    pub sources: Vec<usize>,
}

/// Two supplies at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlap {
    /// First day of both.
    pub from: Date,
    /// Last day of both, where it is known.
    pub to: Option<Date>,
    /// Whose: twice the same where one institution supplied much too early.
    pub institutions: [Arc<str>; 2],
}

/// A line of the list.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// The ingredient.
    pub drug: ConceptId,
    /// Its name.
    pub name: Arc<str>,
    /// The way of giving.
    pub route: RouteGroup,
    /// Whether it is taken on the day of the list, as far as the sources tell.
    pub current: bool,
    /// How it is taken now, or was last.
    pub dosage: Dosage,
    /// Everyone who tells it, by day.
    pub sources: Vec<SourceOf>,
    /// Its periods, by day.
    pub periods: Vec<Period>,
    /// Days between two periods in which nothing was supplied, where nobody stopped it.
    pub gaps: Vec<(Date, Date)>,
    /// Two supplies at once.
    pub overlaps: Vec<Overlap>,
    /// Days on which one institution changed how it is taken.
    pub changes: Vec<Date>,
    /// The last day on which somebody stopped it.
    pub stopped: Option<Date>,
    /// Somebody plans it.
    pub planned: bool,
    /// Something of it has no date, and makes no period.
    pub undated: bool,
}

/// Days that a refill may come early and is only carried over (estimate).
pub const CARRIED_OVER: i32 = 7;
/// Days without supply that are no gap (estimate).
pub const GAP_FROM: i32 = 7;
/// Days within which a dispensing follows its prescription: one is valid for four days with that of its issue
/// (保険医療機関及び保険医療養担当規則 第20条).
pub const PRESCRIPTION_VALID: i32 = 3;
/// Days for which a drug that is only noted as taken counts as taken (estimate).
pub const NOTED_HOLDS: i32 = 90;

/// Makes the list of a patient on a day. What is suspected or another person's has no place in `told` ([`Told::of`]).
pub fn reconcile(vocabulary: &Vocabulary, told: &[Told], today: Date) -> Vec<Line> {
    let mut groups: BTreeMap<(&ConceptId, RouteGroup), Vec<&Told>> = BTreeMap::new();
    let mut unrouted: Vec<&Told> = Vec::new();
    for one in told {
        match group_of(one.dosage.route.as_deref()) {
            Some(route) => groups.entry((&one.drug, route)).or_default().push(one),
            None => unrouted.push(one),
        }
    }
    // What does not say how it is given goes to the one way that others tell, else to the usual one.
    let mut known: BTreeMap<&ConceptId, Vec<RouteGroup>> = BTreeMap::new();
    for (drug, route) in groups.keys() {
        known.entry(*drug).or_default().push(*route);
    }
    for one in unrouted {
        let route = match known.get(&one.drug).map(Vec::as_slice) {
            Some([only]) => *only,
            _ => usual(vocabulary, &one.drug),
        };
        groups.entry((&one.drug, route)).or_default().push(one);
    }
    let mut lines: Vec<Line> = groups
        .into_iter()
        .map(|((_, route), told)| periods::line(route, told, today))
        .collect();
    lines.sort_by(|a, b| (!a.current, &a.drug, a.route).cmp(&(!b.current, &b.drug, b.route)));
    lines
}

fn group_of(route: Option<&str>) -> Option<RouteGroup> {
    Some(match route? {
        "oral" | "sublingual" | "tube" | "buccal" => RouteGroup::Oral,
        "iv" | "im" | "sc" | "injection" | "ia" | "intrathecal" => RouteGroup::Injected,
        "topical" | "transdermal" => RouteGroup::Topical,
        "eye" | "ear" | "nasal" => RouteGroup::Local,
        "inhaled" => RouteGroup::Inhaled,
        "rectal" | "vaginal" => RouteGroup::Mucosal,
        _ => return None,
    })
}

fn usual(vocabulary: &Vocabulary, drug: &ConceptId) -> RouteGroup {
    let concept = vocabulary.concept(drug.as_str());
    let first = concept.and_then(|concept| concept.routes.first());
    group_of(first.map(AsRef::as_ref)).unwrap_or(RouteGroup::Oral)
}

/// Whether two dosages say the same, as far as both say something.
pub fn same_dose(one: &Dosage, other: &Dosage) -> bool {
    let agree = |one: &Option<tsumugi_clinical::Quantity>, other: &Option<tsumugi_clinical::Quantity>| {
        one.as_ref().zip(other.as_ref()).is_none_or(|(one, other)| {
            one.unit == other.unit && one.as_f64().map(f64::to_bits) == other.as_f64().map(f64::to_bits)
        })
    };
    let times = one.times_per_day.zip(other.times_per_day);
    agree(&one.strength, &other.strength)
        && agree(&one.amount, &other.amount)
        && times.is_none_or(|(a, b)| a == b)
}
