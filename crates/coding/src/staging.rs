//! Stages, grades, classes and types as modifiers of the disease they belong to, and what they make of its concept and code.
//!
//! The reader finds how a staging is written and what it may mean; here the hierarchy decides whose it is. Right beside a
//! disease that has such a staging it is that disease's; one that says itself what it is (cT2N1M0) may stand farther off:
//! in the same sentence, or in one of the two sentences behind the only disease it can belong to.

mod refine;

pub(crate) use self::refine::Refinements;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tsumugi_clinical::{Modifier, ModifierKind, Note, Polarity, Span, Tag};
use tsumugi_tables::{Mistake, TermKind};
use tsumugi_terminology::Vocabulary;
use tsumugi_text::{Mention, Reader, Reading, Staging, StagingReading};

/// The rows of `lexicon/staging.tsv`, with their concepts resolved.
#[derive(Debug, Default)]
pub(crate) struct Stagings(Vec<Row>);

#[derive(Debug)]
struct Row {
    staging: Arc<str>,
    name: Arc<str>,
    kind: ModifierKind,
    concepts: Vec<u32>,
    except: Vec<u32>,
    alone: bool,
    in_fact: bool,
    has_item: bool,
    implies: Option<u32>,
}

/// What the stagings of a note are modifiers of.
#[derive(Debug, Default)]
pub(crate) struct Attached {
    /// Modifiers by mention.
    pub(crate) of_mention: BTreeMap<usize, Vec<Modifier>>,
    /// Mentions that are only part of a staging (M1 in cT4N1M1).
    pub(crate) parts: BTreeSet<usize>,
    /// Diseases that the names of items say beside their values (CKD stage 3), by the mention of the item.
    pub(crate) implied: BTreeMap<usize, (u32, Modifier)>,
    /// Stagings whose disease the note does not name near them.
    pub(crate) unattached: Vec<Modifier>,
}

/// A note whose stagings are attached.
#[derive(Clone, Copy)]
struct Place<'a> {
    vocabulary: &'a Vocabulary,
    reader: &'a Reader,
    reading: &'a Reading,
    chars: &'a [char],
}

/// A mention that a reading of a staging fits, and how far off it stands.
struct Host {
    mention: usize,
    reading: usize,
    distance: u32,
}

impl Stagings {
    pub(crate) fn new(reader: &Reader, vocabulary: &Vocabulary, mistakes: &mut Vec<Mistake>) -> Self {
        const PATH: &str = "lexicon/staging.tsv";
        let mut rows = Vec::with_capacity(reader.stagings().len());
        for row in reader.stagings() {
            let mut keys = |ids: &[Box<str>]| -> Vec<u32> {
                let mut keys = Vec::with_capacity(ids.len());
                for id in ids {
                    match vocabulary.key(id) {
                        Some(key) => keys.push(key),
                        None => mistakes.push(Mistake::new(PATH, row.line, format!("no concept {id}"))),
                    }
                }
                keys
            };
            rows.push(Row {
                staging: row.staging.as_ref().into(),
                name: row.name.as_ref().into(),
                kind: row.kind,
                concepts: keys(&row.concepts),
                except: keys(&row.except),
                alone: row.alone,
                in_fact: row.in_fact,
                has_item: row.has_item,
                implies: keys(row.implies.as_slice()).first().copied(),
            });
        }
        Self(rows)
    }

    /// Attaches the stagings of a note.
    pub(crate) fn attach(
        &self,
        vocabulary: &Vocabulary,
        reader: &Reader,
        note: &Note,
        reading: &Reading,
    ) -> Attached {
        let mut attached = Attached::default();
        if reading.stagings.is_empty() {
            return attached;
        }
        let chars: Vec<char> = note.text.chars().collect();
        let place = Place {
            vocabulary,
            reader,
            reading,
            chars: &chars,
        };
        for staging in &reading.stagings {
            match self.host(place, staging) {
                Some((mention, chosen)) => {
                    attached.add_parts(reading, staging, mention, !chosen.parts.is_empty());
                    let modifiers = attached.of_mention.entry(mention).or_default();
                    modifiers.extend(self.modifier(chosen, staging.span));
                }
                None => attached.leave(self, reading, staging),
            }
        }
        for modifiers in attached.of_mention.values_mut() {
            order(modifiers);
        }
        attached
    }

    fn modifier(&self, reading: &StagingReading, span: Span) -> Option<Modifier> {
        let row = self.0.get(reading.row as usize)?;
        Some(Modifier {
            kind: row.kind,
            system: Arc::clone(&row.staging),
            name: Arc::clone(&row.name),
            value: Arc::clone(&reading.value),
            parts: reading.parts.iter().cloned().collect(),
            in_fact: row.in_fact,
            span,
        })
    }

    /// The mention that a staging belongs to, and the reading that fits it.
    fn host<'a>(&self, place: Place<'_>, staging: &'a Staging) -> Option<(usize, &'a StagingReading)> {
        let in_other = self.stands_in_other_name(place, staging);
        let near = self.hosts(place, staging, |host, alone| {
            let is_own = alone || !in_other || host.span.overlaps(staging.span);
            is_own.then(|| place.distance(staging, host, alone)).flatten()
        });
        let best = near.into_iter().min_by_key(|host| (host.distance, host.reading));
        let best = best.or_else(|| self.only_one_before(place, staging))?;
        Some((best.mention, staging.readings.get(best.reading)?))
    }

    /// Every mention that a reading fits, as far off as `distance` says; none where it is out of reach.
    fn hosts(
        &self,
        place: Place<'_>,
        staging: &Staging,
        distance: impl Fn(&Mention, bool) -> Option<u32>,
    ) -> Vec<Host> {
        let mut hosts = Vec::new();
        let first = staging.sentence.saturating_sub(SENTENCES_BEFORE);
        for (index, mention) in place.sentences(first, staging.sentence) {
            if mention.tag != Tag::Disease || mention.term.is_none() {
                continue;
            }
            for (number, reading) in staging.readings.iter().enumerate() {
                let Some(row) = self.0.get(reading.row as usize) else {
                    continue;
                };
                if row.fits(place.vocabulary, mention)
                    && let Some(distance) = distance(mention, row.alone)
                {
                    hosts.push(Host {
                        mention: index,
                        reading: number,
                        distance,
                    });
                }
            }
        }
        hosts
    }

    /// Whether the staging is a piece of a name that it says nothing of (2型 of 2型糖尿病).
    fn stands_in_other_name(&self, place: Place<'_>, staging: &Staging) -> bool {
        let holds = |mention: &Mention| {
            mention.term.is_some()
                && !matches!(mention.tag, Tag::TestKey | Tag::TestValue | Tag::Timex)
                && mention.span != staging.span
                && mention.span.contains(staging.span)
        };
        let fits = |mention: &Mention| {
            let mut rows = staging
                .readings
                .iter()
                .filter_map(|reading| self.0.get(reading.row as usize));
            rows.any(|row| row.fits(place.vocabulary, mention))
        };
        let mut of_sentence = place.sentences(staging.sentence, staging.sentence);
        of_sentence.any(|(_, mention)| holds(mention) && !fits(mention))
    }

    /// The last mention, in the two sentences before, of the only disease that the staging can belong to.
    fn only_one_before(&self, place: Place<'_>, staging: &Staging) -> Option<Host> {
        let hosts = self.hosts(place, staging, |mention, alone| {
            let is_there = mention.assertion.polarity == Polarity::Present;
            (alone && is_there && mention.sentence < staging.sentence).then_some(0)
        });
        let key = |host: &Host| {
            place
                .reading
                .mentions
                .get(host.mention)?
                .term
                .map(|term| term.key)
        };
        let keys: BTreeSet<u32> = hosts.iter().filter_map(key).collect();
        let is_one = keys.iter().all(|one| {
            keys.iter()
                .all(|other| place.vocabulary.is_a(*one, *other) || place.vocabulary.is_a(*other, *one))
        });
        hosts
            .into_iter()
            .filter(|_| is_one)
            .max_by_key(|host| (host.mention, std::cmp::Reverse(host.reading)))
    }
}

impl Row {
    fn fits(&self, vocabulary: &Vocabulary, mention: &Mention) -> bool {
        let Some(term) = mention.term.filter(|_| mention.tag == Tag::Disease) else {
            return false;
        };
        if !matches!(term.kind, TermKind::Disease | TermKind::Finding) {
            return false;
        }
        let is_below = |key: &u32| vocabulary.is_a(term.key, *key);
        // Of a name that nobody knows only its head is known, and the staging may be of what the name narrows.
        let is_above = |key: &u32| mention.nearest && vocabulary.is_a(*key, term.key);
        let has = |key: &u32| is_below(key) || is_above(key);
        (self.concepts.is_empty() || self.concepts.iter().any(has)) && !self.except.iter().any(is_below)
    }
}

/// Sentences before a staging in which its disease may stand.
const SENTENCES_BEFORE: u32 = 2;
/// How far off a disease stands that is not right beside its staging.
const FAR: u32 = 1000;
/// Characters between a staging and a disease behind it, at most (Stage IVと診断された膵癌).
const MOST_BEFORE_DISEASE: u32 = 12;

impl<'a> Place<'a> {
    /// The mentions of these sentences, both included, with their index: mentions stand in the order of the text.
    fn sentences(&self, first: u32, last: u32) -> impl Iterator<Item = (usize, &'a Mention)> + use<'a> {
        let mentions = &self.reading.mentions;
        let start = mentions.partition_point(|mention| mention.sentence < first);
        let end = mentions.partition_point(|mention| mention.sentence <= last);
        mentions.iter().enumerate().take(end).skip(start)
    }

    /// How far a mention of the sentence stands from the staging; none where it is out of reach. `far` says whether the
    /// staging may stand anywhere in the sentence.
    fn distance(&self, staging: &Staging, mention: &Mention, far: bool) -> Option<u32> {
        let (own, other) = (staging.span, mention.span);
        if mention.sentence != staging.sentence || (own.contains(other) && own.start < other.start) {
            return None;
        }
        if own.overlaps(other) {
            return Some(0);
        }
        let is_before = other.end <= own.start;
        let gap = if is_before {
            Span::new(other.end, own.start)
        } else {
            Span::new(own.end, other.start)
        };
        let words = self.bare_words(gap);
        let is_beside = self.reader.joins_staging(&words) && (is_before || !has_comma(&words));
        if is_beside {
            let is_loose = has_comma(&words) && !far && !self.ends_phrase(own.end);
            return (!is_loose).then_some(gap.len() * 2 + u32::from(!is_before));
        }
        let is_in_reach = far && (is_before || (gap.len() <= MOST_BEFORE_DISEASE && !has_comma(&words)));
        is_in_reach.then_some(FAR + gap.len() * 2 + u32::from(!is_before))
    }

    /// The text of a gap without what other stagings, values, sites, features and times say.
    fn bare_words(&self, gap: Span) -> String {
        let is_light = |tag: Tag| {
            matches!(
                tag,
                Tag::TestKey | Tag::TestValue | Tag::Anatomy | Tag::Feature | Tag::Timex
            )
        };
        let mentions = self
            .reading
            .mentions
            .iter()
            .filter(|mention| is_light(mention.tag));
        let spans: Vec<Span> = mentions
            .map(|mention| mention.span)
            .chain(self.reading.stagings.iter().map(|staging| staging.span))
            .filter(|span| span.overlaps(gap))
            .collect();
        (gap.start..gap.end)
            .filter(|at| !spans.iter().any(|span| span.start <= *at && *at < span.end))
            .filter_map(|at| self.chars.get(at as usize))
            .collect()
    }

    /// Whether a phrase ends here: nothing follows, or a mark does.
    fn ends_phrase(&self, at: u32) -> bool {
        self.chars.get(at as usize).is_none_or(|c| !c.is_alphanumeric())
    }
}

fn has_comma(words: &str) -> bool {
    words.contains(['\u{3001}', ',', '\u{FF0C}'])
}

impl Attached {
    /// Names that stand within a staging and are only a part of it are no facts; of a staging of parts none is.
    fn add_parts(&mut self, reading: &Reading, staging: &Staging, host: usize, of_parts: bool) {
        let inside = |mention: &Mention| {
            staging.span.contains(mention.span)
                && (of_parts || staging.span.start < mention.span.start)
                && !matches!(mention.tag, Tag::TestKey | Tag::TestValue)
        };
        let parts = reading.mentions.iter().enumerate();
        self.parts.extend(
            parts
                .filter(|(index, mention)| *index != host && inside(mention))
                .map(|(index, _)| index),
        );
    }

    /// A staging without a disease is told as such where its writing says what it is and no item states it.
    fn leave(&mut self, stagings: &Stagings, reading: &Reading, staging: &Staging) {
        let row = |reading: &StagingReading| stagings.0.get(reading.row as usize);
        let says = |wanted: fn(&Row) -> bool| {
            let mut readings = staging.readings.iter();
            readings.find_map(|reading| Some((reading, row(reading).filter(|row| wanted(row))?)))
        };
        let implying = says(|row| row.implies.is_some());
        let Some((alone, row)) = implying.or_else(|| says(|row| row.alone)) else {
            return;
        };
        let Some(modifier) = stagings.modifier(alone, staging.span) else {
            return;
        };
        self.add_parts(reading, staging, usize::MAX, !alone.parts.is_empty());
        let item = reading.mentions.iter().position(|mention| {
            mention.tag == Tag::TestKey && !mention.values.is_empty() && mention.span.overlaps(staging.span)
        });
        match (item.filter(|_| row.has_item), row.implies) {
            (Some(item), Some(disease)) => {
                self.implied.insert(item, (disease, modifier));
            }
            (Some(_), None) => {}
            (None, _) => self.unattached.push(modifier),
        }
    }
}

/// In the order of their system, each value of it once.
pub(crate) fn order(modifiers: &mut Vec<Modifier>) {
    if modifiers.len() < 2 {
        return;
    }
    modifiers.sort_by(|a, b| (&a.system, a.span).cmp(&(&b.system, b.span)));
    let mut seen: BTreeSet<(Arc<str>, Arc<str>)> = BTreeSet::new();
    modifiers.retain(|modifier| seen.insert((Arc::clone(&modifier.system), Arc::clone(&modifier.value))));
}
