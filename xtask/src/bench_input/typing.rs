//! Keystrokes over the notes of `corpus/typing`, typed by somebody who always takes the cheapest way, with help and
//! without.
//!
//! Without help: the keys of the input method. With help, at each place he may take what is offered before he types,
//! or after some keys of romaji: `Tab` for ghost text is one key, the n-th of the list n arrows and `Enter`; a list
//! over romaji is called by one key more. Reading takes no time here. The notes are of thirty hands: the history of the
//! others is a site's, and nobody's own.

use super::Bench;
use super::keys::{cost, is_direct};
use anyhow::{Context as _, ensure};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tsumugi_cds::{Findings, expected};
use tsumugi_clinical::{Because, Entity, Note, Tag};
use tsumugi_coding::Record;
use tsumugi_prediction::{Ask, History, Keyboard, Predictor, Suggestions, Unit};
use tsumugi_tables::to_hiragana;
use tsumugi_terminology::{embedded_files, sources_of};

/// Key that calls the list over romaji.
const TRIGGER: usize = 1;
/// Romaji after which a list is no longer looked at.
const LONGEST: usize = 8;
/// Suggestions in the list.
const LISTED: usize = 5;
/// Concepts of the context.
const EXPECTED: usize = 200;

/// Concepts with how likely each is.
type Likely = Vec<(Arc<str>, f64)>;

/// A note as it is typed.
struct Typed {
    id: String,
    units: Vec<Unit>,
    /// First character of each unit.
    starts: Vec<usize>,
    chars: Vec<char>,
    /// Concepts of the text: first character, the one behind the last, concept.
    names: Vec<(usize, usize, Arc<str>)>,
    /// What the text before a unit makes likely, by the place where its sentence begins.
    likely: Vec<(usize, Likely)>,
}

#[derive(Default, Clone, Copy)]
struct Keys {
    without: f64,
    with: f64,
}

impl Keys {
    fn add(&mut self, other: Self) {
        self.without += other.without;
        self.with += other.with;
    }

    fn saved(self) -> f64 {
        1.0 - self.with / self.without.max(1.0)
    }
}

struct Typist<'a> {
    bench: &'a Bench,
    predictor: &'a Predictor,
    keyboard: &'a Keyboard,
    times: Vec<Duration>,
}

/// Runs all notes, with an empty history and with that of the other notes.
pub(super) fn run(root: &Path, each: bool) -> anyhow::Result<()> {
    if cfg!(debug_assertions) {
        println!("a debug build: times say nothing, build with --release");
    }
    let bench = Bench::new()?;
    let files = embedded_files();
    let sources = sources_of(&files);
    let mut mistakes = Vec::new();
    let keyboard = Keyboard::new(&sources, &mut mistakes);
    let started = Instant::now();
    let predictor = Predictor::new(&sources, bench.coder.vocabulary(), &mut mistakes);
    println!("{} names, made in {:?}", predictor.len(), started.elapsed());
    ensure!(mistakes.is_empty(), "{mistakes:?}");
    let notes = notes(root, &bench)?;
    let mut typist = Typist {
        bench: &bench,
        predictor: &predictor,
        keyboard: &keyboard,
        times: Vec::new(),
    };
    for (title, learns) in [
        ("history empty", false),
        ("history of the other 29 notes, as the site's", true),
    ] {
        let (mut whole, mut coded) = (Keys::default(), Keys::default());
        for (index, note) in notes.iter().enumerate() {
            let mut history = History::default();
            for (_, other) in notes
                .iter()
                .enumerate()
                .filter(|(other, _)| learns && *other != index)
            {
                predictor.learn(&mut history, bench.coder.vocabulary(), &other.units);
            }
            let (own, own_coded) = typist.note(note, &history, each);
            whole.add(own);
            coded.add(own_coded);
            if each {
                println!(
                    "  {} {:.3} whole, {:.3} coded",
                    note.id,
                    own.saved(),
                    own_coded.saved()
                );
            }
        }
        println!(
            "{title}: keys saved {:.3} of whole notes ({:.0} to {:.0}), {:.3} of coded concepts ({:.0} to {:.0})",
            whole.saved(),
            whole.without,
            whole.with,
            coded.saved(),
            coded.without,
            coded.with
        );
    }
    typist.times.sort_unstable();
    let at = |part: usize| {
        typist
            .times
            .get((typist.times.len() * part / 100).min(typist.times.len().saturating_sub(1)))
    };
    println!(
        "{} suggestions, p50 {:?}, p95 {:?}, worst {:?}",
        typist.times.len(),
        at(50),
        at(95),
        typist.times.last()
    );
    Ok(())
}

fn notes(root: &Path, bench: &Bench) -> anyhow::Result<Vec<Typed>> {
    let mut files: Vec<_> = std::fs::read_dir(root.join("corpus/typing"))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "tsv"))
        .collect();
    files.sort();
    files.iter().map(|file| read(file, bench)).collect()
}

fn read(file: &Path, bench: &Bench) -> anyhow::Result<Typed> {
    let text = std::fs::read_to_string(file)?;
    let mut note = Typed {
        id: file
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        units: Vec::new(),
        starts: Vec::new(),
        chars: Vec::new(),
        names: Vec::new(),
        likely: Vec::new(),
    };
    for line in text.lines().skip(1).filter(|line| !line.is_empty()) {
        let (surface, reading) = line
            .split_once('\t')
            .with_context(|| format!("{}: {line}", file.display()))?;
        let surface = surface.replace("\\n", "\n");
        note.starts.push(note.chars.len());
        note.chars.extend(surface.chars());
        note.units.push(Unit {
            surface,
            reading: reading.replace("\\n", "\n"),
            concept: None,
        });
    }
    let whole: String = note.chars.iter().collect();
    note.names = names(bench, &whole);
    for (unit, start) in note.units.iter_mut().zip(&note.starts) {
        let end = start + unit.surface.chars().count();
        let inside = note
            .names
            .iter()
            .find(|(first, _, _)| start <= first && *first < end);
        unit.concept = inside.map(|(_, _, concept)| Arc::clone(concept));
    }
    note.likely = likely(bench, &note);
    Ok(note)
}

/// The coded concepts of a text.
fn names(bench: &Bench, text: &str) -> Vec<(usize, usize, Arc<str>)> {
    let note = Note {
        text: text.to_owned(),
        ..Note::default()
    };
    let structured = bench.coder.structure(&note);
    let mut names = Vec::new();
    for event in &structured.events {
        for reason in &event.because {
            let Because::Entity { entity } = reason else {
                continue;
            };
            // A value and a time are nobody's name: they are typed.
            let is_name =
                |entity: &&Entity| !matches!(entity.tag, Tag::TestValue | Tag::DrugValue | Tag::Timex);
            if let Some(entity) = structured.entities.get(*entity as usize).filter(is_name) {
                let concept = event
                    .measured
                    .as_ref()
                    .map_or(&event.concept, |measured| &measured.concept);
                names.push((
                    entity.span.start as usize,
                    entity.span.end as usize,
                    Arc::from(concept.as_str()),
                ));
            }
        }
    }
    names.sort();
    names.dedup_by_key(|(start, end, _)| (*start, *end));
    names
}

/// What the text before each sentence makes likely.
fn likely(bench: &Bench, note: &Typed) -> Vec<(usize, Likely)> {
    let mut likely = Vec::new();
    let is_end = |c: char| matches!(c, '\u{3002}' | '\n');
    let ends = note
        .chars
        .iter()
        .enumerate()
        .filter(|(_, c)| is_end(**c))
        .map(|(at, _)| at + 1);
    for at in std::iter::once(0).chain(ends) {
        let before: String = note.chars.iter().take(at).collect();
        let patient = bench.coder.person(&before);
        let own = Note {
            text: before,
            patient: Some(patient),
            ..Note::default()
        };
        let events = bench.coder.structure(&own).events;
        let patient = bench.patient(&Record::default(), &own, &events);
        let findings = Findings::of(&patient);
        let vocabulary = bench.coder.vocabulary();
        likely.push((
            at,
            expected(&bench.differential, &bench.space, vocabulary, &findings, EXPECTED),
        ));
    }
    likely
}

/// The cheapest way to a place of the text.
#[derive(Clone)]
struct Way {
    keys: usize,
    from: usize,
    /// The reading of what is left of the unit in which the place lies.
    reading: String,
    /// What was taken, and by how many keys; empty where it was typed.
    taken: String,
}

impl Typist<'_> {
    fn note(&mut self, note: &Typed, history: &History, shows: bool) -> (Keys, Keys) {
        let end = note.chars.len();
        let mut ways: Vec<Option<Way>> = vec![None; end + 1];
        if let Some(first) = ways.first_mut() {
            *first = Some(Way {
                keys: 0,
                from: 0,
                reading: String::new(),
                taken: String::new(),
            });
        }
        for at in 0..end {
            let Some(way) = ways.get(at).cloned().flatten() else {
                continue;
            };
            for (to, next) in self.steps(note, history, at, &way) {
                let Some(known) = ways.get_mut(to) else { continue };
                if known.as_ref().is_none_or(|known| next.keys < known.keys) {
                    *known = Some(next);
                }
            }
        }
        self.sum(note, &ways, shows)
    }

    /// The keys with and without help, over the whole note and over its coded concepts, each key spread over the
    /// characters that it makes.
    fn sum(&self, note: &Typed, ways: &[Option<Way>], shows: bool) -> (Keys, Keys) {
        let end = note.chars.len();
        let mut chars = vec![Keys::default(); end];
        for (unit, start) in note.units.iter().zip(&note.starts) {
            let count = unit.surface.chars().count();
            let own = cost(self.keyboard, &unit.surface, &unit.reading) as f64 / count.max(1) as f64;
            for keys in chars.iter_mut().skip(*start).take(count) {
                keys.without = own;
            }
        }
        let mut at = end;
        let mut taken = Vec::new();
        while let Some(way) = ways.get(at).and_then(Option::as_ref).filter(|_| at > 0) {
            let before = ways
                .get(way.from)
                .and_then(Option::as_ref)
                .map_or(0, |before| before.keys);
            let own = (way.keys - before) as f64 / (at - way.from).max(1) as f64;
            for keys in chars.iter_mut().skip(way.from).take(at - way.from) {
                keys.with = own;
            }
            let text: String = note.chars.iter().skip(way.from).take(at - way.from).collect();
            taken.push(format!("{text}[{}{}]", way.taken, way.keys - before));
            at = way.from;
        }
        if shows {
            taken.reverse();
            println!("{}", taken.join(" ").replace('\n', "/"));
        }
        let mut whole = Keys::default();
        let mut coded = Keys::default();
        for (place, keys) in chars.iter().enumerate() {
            whole.add(*keys);
            if note
                .names
                .iter()
                .any(|(start, end, _)| (*start..*end).contains(&place))
            {
                coded.add(*keys);
            }
        }
        (whole, coded)
    }

    /// What can be done at a place: type to the end of the unit, or take a suggestion.
    fn steps(&mut self, note: &Typed, history: &History, at: usize, way: &Way) -> Vec<(usize, Way)> {
        let index = note
            .starts
            .partition_point(|start| *start <= at)
            .saturating_sub(1);
        let (Some(unit), Some(start)) = (note.units.get(index), note.starts.get(index)) else {
            return Vec::new();
        };
        let inner = at - start;
        let surface: String = unit.surface.chars().skip(inner).collect();
        let reading = if inner == 0 {
            unit.reading.clone()
        } else {
            way.reading.clone()
        };
        let own = cost(self.keyboard, &surface, &reading);
        let to = start + unit.surface.chars().count();
        let mut steps = vec![(
            to,
            Way {
                keys: way.keys + own,
                from: at,
                reading: String::new(),
                taken: String::new(),
            },
        )];
        if surface == "\n" {
            return steps;
        }
        let before = before(note, index, at);
        let likely = note.likely.iter().rev().find(|(place, _)| *place <= at);
        let likely = likely.map_or(&[][..], |(_, likely)| likely.as_slice());
        let keys = self.keyboard.keys(&to_hiragana(&reading));
        let trigger = if is_direct(&surface) { 0 } else { TRIGGER };
        let mut typed = String::new();
        let letters = std::iter::once(None).chain(keys.chars().take(LONGEST).map(Some));
        for letter in letters {
            typed.extend(letter);
            let spent = typed.chars().count() + if typed.is_empty() { 0 } else { trigger };
            if spent + 1 >= own && !typed.is_empty() {
                break;
            }
            let offered = self.suggest(history, &before, &typed, likely);
            for (place, offer) in (1..).zip(&offered.list) {
                let Some((to, rest)) = fits(note, index, at, &offer.text, &offer.reading, &reading) else {
                    continue;
                };
                let accept = if place == 1 && offered.is_sure {
                    1
                } else {
                    place + 1
                };
                steps.push((
                    to,
                    Way {
                        keys: way.keys + spent + accept,
                        from: at,
                        reading: rest,
                        taken: format!("<{typed}> "),
                    },
                ));
            }
        }
        steps
    }

    fn suggest(
        &mut self,
        history: &History,
        before: &[Unit],
        typed: &str,
        likely: &[(Arc<str>, f64)],
    ) -> Suggestions {
        let personal = History::default();
        let started = Instant::now();
        let ask = Ask {
            before,
            typed,
            likely,
            lines: &[],
            personal: &personal,
            site: history,
            most: LISTED,
        };
        let offered = self.predictor.suggest(self.bench.coder.vocabulary(), &ask);
        self.times.push(started.elapsed());
        offered
    }
}

/// The units before a place, the open one as far as it is written.
fn before(note: &Typed, index: usize, at: usize) -> Vec<Unit> {
    let first = index.saturating_sub(2);
    let mut before: Vec<Unit> = note
        .units
        .iter()
        .skip(first)
        .take(index - first)
        .cloned()
        .collect();
    let start = note.starts.get(index).copied().unwrap_or(at);
    if at > start {
        let ending = note.names.iter().find(|(_, end, _)| *end == at);
        before.push(Unit {
            surface: note.chars.iter().skip(start).take(at - start).collect(),
            reading: String::new(),
            concept: ending.map(|(_, _, concept)| Arc::clone(concept)),
        });
    }
    before
}

/// Where the text stands after an offer is taken at `at`, and the reading of what is left of the unit there; none where
/// the offer is not what is to be written, or where nobody knows how the rest reads.
fn fits(
    note: &Typed,
    index: usize,
    at: usize,
    text: &str,
    offered: &str,
    reading: &str,
) -> Option<(usize, String)> {
    let count = text.chars().count();
    let is_same = text.chars().eq(note.chars.iter().skip(at).take(count).copied());
    if count == 0 || !is_same {
        return None;
    }
    let to = at + count;
    let last = note.starts.partition_point(|start| *start < to).saturating_sub(1);
    let (unit, start) = (note.units.get(last)?, note.starts.get(last)?);
    let length = unit.surface.chars().count();
    if start + length == to {
        return Some((to, String::new()));
    }
    let rest: String = unit.surface.chars().skip(to - start).collect();
    let is_kana = |c: char| ('\u{3041}'..='\u{30FF}').contains(&c) || c.is_ascii() || !c.is_alphanumeric();
    if rest.chars().all(is_kana) {
        return Some((to, rest));
    }
    let offered = to_hiragana(if offered.is_empty() { text } else { offered });
    let between: String = note
        .units
        .iter()
        .take(last)
        .skip(index + 1)
        .map(|unit| to_hiragana(&unit.reading))
        .collect();
    let own = if last == index {
        to_hiragana(reading)
    } else {
        to_hiragana(&unit.reading)
    };
    let first = if last == index {
        String::new()
    } else {
        to_hiragana(reading)
    };
    let begun = offered.strip_prefix(&first)?.strip_prefix(&between)?;
    Some((to, own.strip_prefix(begun)?.to_owned()))
}
