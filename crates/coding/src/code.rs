//! Mention → event: concept, codes, kind, site and side, value, time.

use crate::coder::Coder;
use crate::entities::EntityIndex;
use crate::fact::fact_key_in;
use crate::merge::Events;
use crate::staging::Attached;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tsumugi_clinical::{
    Because, ClinicalTime, Code, Event, EventKind, Experiencer, FactKey, Laterality, Modifier, Note, Phase,
    Polarity, Quantity, RelationType, SectionKind, SiteRef, Span, Tag,
};
use tsumugi_tables::TermKind;
use tsumugi_terminology::Concept;
use tsumugi_text::{Mention, Reading, TermRef};

/// Codes all mentions of a note, in the order of the text; what says the same is one event. Beside the events the
/// stagings that belong to none.
pub(crate) fn code(
    coder: &Coder,
    note: &Note,
    reading: &Reading,
    index: &EntityIndex,
) -> (Vec<Event>, Vec<Modifier>) {
    let mut coding = Coding {
        coder,
        note,
        index,
        values_of: BTreeMap::new(),
        is_value: BTreeSet::new(),
        memory: Cell::default(),
        attached: coder
            .stagings
            .attach(&coder.vocabulary, &coder.reader, note, reading),
    };
    for link in &reading.links {
        coding.is_value.insert(link.to);
        if link.kind == RelationType::Value {
            coding.values_of.entry(link.from).or_default().push(link.to);
        }
    }
    let mut events = Events::with_capacity(reading.mentions.len());
    for (at, mention) in reading.mentions.iter().enumerate() {
        coding.mention(at, mention, &mut events);
    }
    (events.finish(), coding.attached.unattached)
}

struct Coding<'a> {
    coder: &'a Coder,
    note: &'a Note,
    index: &'a EntityIndex,
    /// Values of every item, by mention.
    values_of: BTreeMap<u32, Vec<u32>>,
    /// Mentions that a relation leads to.
    is_value: BTreeSet<u32>,
    /// Where keys are composed.
    memory: Cell<String>,
    /// Stagings by their mention.
    attached: Attached,
}

impl<'a> Coding<'a> {
    fn mention(&self, at: usize, mention: &'a Mention, events: &mut Events) {
        let Some(term) = mention.term else {
            self.unlinked_value(at, mention, events);
            return;
        };
        let Some(concept) = self.coder.vocabulary.get(term.key) else {
            return;
        };
        if self.attached.parts.contains(&at) {
            return;
        }
        if let Some((key, modifier)) = self.attached.implied.get(&at) {
            let term = TermRef {
                kind: TermKind::Disease,
                key: *key,
            };
            let event = self.finish(self.event(at, mention, term, EventKind::Condition));
            let plain = event.fact.clone();
            events.push_staged(self.staged(event, std::slice::from_ref(modifier)), plain);
        }
        match mention.tag {
            Tag::TestKey => self.measurement(at, mention, concept, events),
            Tag::Anatomy | Tag::Timex | Tag::Change | Tag::Context | Tag::TestValue | Tag::DrugValue => {}
            _ => {
                if let Some(kind) = Self::kind(mention, concept) {
                    let event = self.finish(self.event(at, mention, term, kind));
                    match self.attached.of_mention.get(&at) {
                        None => events.push(event),
                        Some(modifiers) => {
                            let plain = event.fact.clone();
                            events.push_staged(self.staged(event, modifiers), plain);
                        }
                    }
                }
            }
        }
    }

    fn kind(mention: &Mention, concept: &Concept) -> Option<EventKind> {
        let in_allergies = mention.section == Some(SectionKind::Allergy) || mention.assertion.allergy;
        Some(match concept.kind {
            TermKind::Disease => EventKind::Condition,
            TermKind::Finding | TermKind::Normal => EventKind::Finding,
            TermKind::Drug | TermKind::DrugClass | TermKind::Allergen if in_allergies => EventKind::Allergy,
            TermKind::Drug if concept.has("vaccine") => EventKind::Immunization,
            TermKind::Drug | TermKind::DrugClass => EventKind::Medication,
            TermKind::Procedure => EventKind::Procedure,
            TermKind::Exam => EventKind::Examination,
            TermKind::Circumstance if concept.has("preference") => EventKind::Preference,
            TermKind::Circumstance => EventKind::Lifestyle,
            TermKind::Allergen | TermKind::Test | TermKind::Site => return None,
        })
    }

    /// An event of a mention as it stands.
    fn event(&self, at: usize, mention: &Mention, term: TermRef, kind: EventKind) -> Event {
        let (key, site) = self.with_site(term, mention.site);
        let key = self.by_route(key, mention);
        let concept = self.coder.vocabulary.get(key);
        let assertion = &mention.assertion;
        let of_patient = assertion.experiencer == Experiencer::Patient;
        // Among allergies 「X禁」 names one.
        let is_forbidden = assertion.polarity == Polarity::Absent && assertion.phase == Phase::Planned;
        Event {
            fact: FactKey::new(""),
            concept: concept.map_or_else(
                || tsumugi_clinical::ConceptId::new(""),
                |concept| concept.id.clone(),
            ),
            name: concept.map_or_else(|| Arc::from(""), |concept| Arc::clone(&concept.name)),
            kind,
            codes: self.codes(key, mention, site.is_some()),
            polarity: if kind == EventKind::Allergy && is_forbidden {
                Polarity::Present
            } else {
                assertion.polarity
            },
            certainty: assertion.certainty,
            experiencer: assertion.experiencer,
            relative: assertion.relative.clone(),
            phase: if of_patient {
                Self::phase(mention)
            } else {
                Phase::Current
            },
            resolved: assertion.resolved && of_patient,
            modifiers: Vec::new(),
            laterality: Self::laterality(mention, concept),
            site,
            value: habit_value(mention),
            dosage: mention.dosage.clone(),
            time: self.time(mention, kind),
            measured: None,
            item: None,
            evidence: None,
            because: self.reasons(at),
            supersedes: None,
        }
    }

    /// The codes of the concept, by its wording where that has one of its own. Such codes are for what the wording leaves
    /// open: where the note names the site, the concept's own hold.
    fn codes(&self, key: u32, mention: &Mention, has_site: bool) -> Arc<[Code]> {
        if has_site || mention.site.is_some() {
            let concept = self.coder.vocabulary.get(key);
            return concept.map_or_else(|| Arc::from([]), |concept| Arc::clone(&concept.codes));
        }
        let Span { start, end } = mention.span;
        let wording = || {
            let (before, length) = (start as usize, end.saturating_sub(start) as usize);
            self.note.text.chars().skip(before).take(length).collect()
        };
        let codes = self.coder.vocabulary.codes_as(key, wording);
        codes.unwrap_or_else(|| Arc::from([]))
    }

    /// The time of a mention. What is not given this time is denied for the day of the note; what is never to be given has
    /// no time, whatever happened when.
    fn time(&self, mention: &Mention, kind: EventKind) -> Option<ClinicalTime> {
        let assertion = &mention.assertion;
        let is_denied_plan = kind == EventKind::Medication
            && assertion.polarity == Polarity::Absent
            && assertion.phase == Phase::Planned;
        match (is_denied_plan, assertion.forbidden) {
            (true, true) => None,
            (true, false) => self.note.date.map(ClinicalTime::of_day),
            (false, _) => mention.time.clone(),
        }
    }

    fn finish(&self, mut event: Event) -> Event {
        self.coder.equivalents.apply(&self.coder.vocabulary, &mut event);
        let mut memory = self.memory.take();
        event.fact = fact_key_in(&mut memory, &event);
        self.memory.set(memory);
        event
    }

    /// An event with its stages, the concept and code that follow from them, and the fact that they make of it.
    fn staged(&self, mut event: Event, modifiers: &[Modifier]) -> Event {
        event.modifiers = modifiers.to_vec();
        self.coder.staged.apply(&self.coder.vocabulary, &mut event);
        self.finish(event)
    }

    /// Allergies are lasting facts, wherever they are told.
    fn phase(mention: &Mention) -> Phase {
        let lasting = mention.assertion.allergy || mention.section == Some(SectionKind::Allergy);
        if lasting {
            Phase::Current
        } else {
            mention.assertion.phase
        }
    }

    /// The most specific finding that includes the site (痛み at 膝 → 膝痛), else the finding and its site.
    fn with_site(&self, term: TermRef, site: Option<TermRef>) -> (u32, Option<SiteRef>) {
        let vocabulary = &self.coder.vocabulary;
        let own = vocabulary.get(term.key);
        let Some(site) = site.filter(|_| own.is_some_and(|concept| concept.site.is_none())) else {
            return (term.key, None);
        };
        let composed = vocabulary
            .ancestors(term.key)
            .into_iter()
            .take(1)
            .find_map(|finding| vocabulary.at_site(finding, site.key));
        if let Some(key) = composed {
            (key, None)
        } else {
            let place = vocabulary.get(site.key);
            (
                term.key,
                place.map(|place| SiteRef {
                    concept: place.id.clone(),
                    name: Arc::clone(&place.name),
                }),
            )
        }
    }

    /// A drug that exists as a systemic and a topical ingredient is the one its route says.
    fn by_route(&self, key: u32, mention: &Mention) -> u32 {
        let vocabulary = &self.coder.vocabulary;
        let route = mention.dosage.as_ref().and_then(|dosage| dosage.route.as_deref());
        let Some(concept) = vocabulary
            .get(key)
            .filter(|concept| concept.kind == TermKind::Drug)
        else {
            return key;
        };
        let id = concept.id.as_str();
        let other = match route {
            Some("topical" | "transdermal") if !id.ends_with("-topical") => {
                vocabulary.key(&format!("{id}-topical"))
            }
            Some("eye") => vocabulary.key(&format!("{id}-eye")),
            _ => None,
        };
        other.unwrap_or(key)
    }

    /// A side counts where the place has one.
    fn laterality(mention: &Mention, concept: Option<&Concept>) -> Option<Laterality> {
        let is_body = concept.is_some_and(|concept| {
            matches!(
                concept.kind,
                TermKind::Disease | TermKind::Finding | TermKind::Procedure | TermKind::Normal
            )
        });
        mention.laterality.filter(|_| is_body)
    }

    fn reasons(&self, at: usize) -> Vec<Because> {
        let values = self
            .values_of
            .get(&(at as u32))
            .into_iter()
            .flatten()
            .map(|mention| *mention as usize);
        std::iter::once(at)
            .chain(values)
            .filter_map(|mention| self.index.get(mention).copied().flatten())
            .map(|entity| Because::Entity { entity })
            .collect()
    }

    /// An item with its value; blood pressure is two items.
    fn measurement(&self, at: usize, mention: &Mention, concept: &Concept, events: &mut Events) {
        let values = mention.values.as_slice();
        let parts: Vec<(&Concept, &Quantity)> = match (concept.id.as_str(), values) {
            (BLOOD_PRESSURE | SYSTOLIC, [upper, lower]) => {
                let vocabulary = &self.coder.vocabulary;
                [(SYSTOLIC, upper), (DIASTOLIC, lower)]
                    .into_iter()
                    .filter_map(|(id, value)| Some((vocabulary.concept(id)?, value)))
                    .collect()
            }
            (_, [.., last]) => vec![(concept, last)],
            _ => return,
        };
        for (concept, value) in parts {
            self.value(at, mention, concept, value, events);
        }
    }

    /// A value without an item says by its unit what it is of (39.2℃).
    fn unlinked_value(&self, at: usize, mention: &Mention, events: &mut Events) {
        let linked = self.is_value.contains(&(at as u32));
        let Some(value) = mention
            .values
            .last()
            .filter(|_| mention.tag == Tag::TestValue && !linked)
        else {
            return;
        };
        let item = value
            .unit
            .as_deref()
            .and_then(|unit| self.coder.derivations.implied_item(unit));
        if let Some(concept) = item.and_then(|id| self.coder.vocabulary.concept(id)) {
            self.value(at, mention, concept, value, events);
        }
    }

    fn value(&self, at: usize, mention: &Mention, concept: &Concept, value: &Quantity, events: &mut Events) {
        let counted = self.coder.derivations.counted(concept, value);
        let concept = counted
            .and_then(|id| self.coder.vocabulary.concept(id))
            .unwrap_or(concept);
        let Some(key) = self.coder.vocabulary.key(concept.id.as_str()) else {
            return;
        };
        let term = TermRef {
            kind: TermKind::Test,
            key,
        };
        let mut event = self.event(at, mention, term, EventKind::Measurement);
        event.laterality = None;
        let patient = self.note.patient.as_ref();
        let sex = patient.and_then(|patient| patient.sex);
        let age = patient.and_then(|patient| patient.age_at(self.note.date));
        let value = self.coder.derivations.interpret(concept, sex, value);
        event.value = Some(value);
        self.coder
            .derivations
            .derive(&self.coder.vocabulary, sex, age, &mut event);
        events.push(self.finish(event));
    }
}

const BLOOD_PRESSURE: &str = "test.blood-pressure";
const SYSTOLIC: &str = "test.systolic-bp";
const DIASTOLIC: &str = "test.diastolic-bp";

/// The amount of a habit: pack-years where cigarettes a day and years are written (20 cigarettes are a pack), else the
/// amount as written.
fn habit_value(mention: &Mention) -> Option<Quantity> {
    const CIGARETTES_A_PACK: f64 = 20.0;
    if mention.tag == Tag::TestKey {
        return None;
    }
    match mention.values.as_slice() {
        [a_day, years] if years.unit.as_deref() == Some("a") => {
            let pack_years = a_day.as_f64()? * years.as_f64()? / CIGARETTES_A_PACK;
            Some(Quantity {
                number: Some(format!("{}", (pack_years * 10.0).round() / 10.0)),
                unit: Some("{pack-years}".into()),
                text: Some(format!(
                    "{} x {}",
                    a_day.number.as_deref().unwrap_or(""),
                    years.number.as_deref().unwrap_or("")
                )),
                ..Quantity::default()
            })
        }
        [first, ..] => Some(first.clone()),
        [] => None,
    }
}
