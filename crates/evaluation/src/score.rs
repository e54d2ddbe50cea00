//! Counts hits, misses and extras, layer by layer.
//!
//! An entity is a hit when start, end and tag are those of the gold. Certainty, state, type, experiencer and code are
//! judged on hits only ("given the span"); a relation is a hit when both of its ends are and its type is the same.

use crate::gold::{GoldEntity, Record};
use crate::prediction::Prediction;
use std::collections::{BTreeMap, BTreeSet};
use tsumugi_clinical::{Because, CorpusCertainty, Entity, Tag};

/// Hits, extras and misses of a layer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// In both.
    pub hits: usize,
    /// Predicted only.
    pub extra: usize,
    /// In the gold only.
    pub missed: usize,
}

impl Counts {
    /// Precision; 1 when nothing was predicted.
    pub fn precision(&self) -> f64 {
        ratio(self.hits, self.hits + self.extra)
    }

    /// Recall; 1 when there was nothing to find.
    pub fn recall(&self) -> f64 {
        ratio(self.hits, self.hits + self.missed)
    }

    /// F1.
    pub fn f1(&self) -> f64 {
        ratio(2 * self.hits, 2 * self.hits + self.extra + self.missed)
    }

    fn add(&mut self, other: Self) {
        self.hits += other.hits;
        self.extra += other.extra;
        self.missed += other.missed;
    }
}

fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        1.0
    } else {
        part as f64 / whole as f64
    }
}

/// Everything that is counted; keys are the names of the annotation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Score {
    /// Records.
    pub records: usize,
    /// All entities.
    pub entities: Counts,
    /// Entities by tag (`d`, `m-key` …).
    pub tags: BTreeMap<String, Counts>,
    /// Classes of certainty on hits of `d`: by class.
    pub certainty: BTreeMap<String, Counts>,
    /// States on hits, by `tag state`.
    pub state: BTreeMap<String, Counts>,
    /// Types of time expressions on hits.
    pub timex: BTreeMap<String, Counts>,
    /// Whose: `family`, `other` on hits.
    pub experiencer: BTreeMap<String, Counts>,
    /// Relations by type.
    pub relations: BTreeMap<String, Counts>,
    /// Codes given the span: right, of those that the gold codes.
    pub codes: Counts,
    /// Codes by tag.
    pub codes_by_tag: BTreeMap<String, Counts>,
    /// What went wrong, by kind, with how often.
    pub errors: BTreeMap<(String, String), usize>,
}

impl Score {
    /// Share of hits whose class is right.
    pub fn accuracy(classes: &BTreeMap<String, Counts>) -> f64 {
        let hits: usize = classes.values().map(|counts| counts.hits).sum();
        let missed: usize = classes.values().map(|counts| counts.missed).sum();
        ratio(hits, hits + missed)
    }

    /// Cohen's kappa of a layer of classes, from the counts by class; 1 when everything agrees.
    pub fn kappa(classes: &BTreeMap<String, Counts>) -> f64 {
        let total: usize = classes.values().map(|counts| counts.hits + counts.missed).sum();
        if total == 0 {
            return 1.0;
        }
        let observed = Self::accuracy(classes);
        let by_chance: f64 = classes
            .values()
            .map(|counts| {
                let gold = (counts.hits + counts.missed) as f64 / total as f64;
                let said = (counts.hits + counts.extra) as f64 / total as f64;
                gold * said
            })
            .sum();
        if by_chance >= 1.0 {
            1.0
        } else {
            (observed - by_chance) / (1.0 - by_chance)
        }
    }

    fn add(&mut self, other: Self) {
        self.records += other.records;
        self.entities.add(other.entities);
        self.codes.add(other.codes);
        for (mine, theirs) in [
            (&mut self.tags, other.tags),
            (&mut self.certainty, other.certainty),
            (&mut self.state, other.state),
            (&mut self.timex, other.timex),
            (&mut self.experiencer, other.experiencer),
            (&mut self.relations, other.relations),
            (&mut self.codes_by_tag, other.codes_by_tag),
        ] {
            for (key, counts) in theirs {
                mine.entry(key).or_default().add(counts);
            }
        }
        for (key, count) in other.errors {
            *self.errors.entry(key).or_default() += count;
        }
    }
}

/// Scores predictions on records; a record without a prediction counts as nothing found.
pub fn score<'r>(
    records: impl IntoIterator<Item = &'r Record>,
    predictions: &BTreeMap<String, Prediction>,
) -> Score {
    let nothing = Prediction::default();
    let mut total = Score::default();
    for record in records {
        let prediction = predictions.get(&record.id).unwrap_or(&nothing);
        total.add(one(record, prediction));
    }
    total
}

/// The same, genre by genre.
pub fn score_by_genre<'r>(
    records: impl IntoIterator<Item = &'r Record>,
    predictions: &BTreeMap<String, Prediction>,
) -> BTreeMap<String, Score> {
    let nothing = Prediction::default();
    let mut genres: BTreeMap<String, Score> = BTreeMap::new();
    for record in records {
        let prediction = predictions.get(&record.id).unwrap_or(&nothing);
        genres
            .entry(record.genre.clone())
            .or_default()
            .add(one(record, prediction));
    }
    genres
}

type Place = (u32, u32, Tag);

fn place(entity: &Entity) -> Place {
    (entity.span.start, entity.span.end, entity.tag)
}

fn one(record: &Record, prediction: &Prediction) -> Score {
    let mut score = Score {
        records: 1,
        ..Score::default()
    };
    let gold: BTreeMap<Place, &GoldEntity> = record
        .entities
        .iter()
        .map(|gold| (place(&gold.entity), gold))
        .collect();
    let said: BTreeMap<Place, (usize, &Entity)> = prediction
        .entities
        .iter()
        .enumerate()
        .map(|(index, entity)| (place(entity), (index, entity)))
        .collect();
    for (at, known) in &gold {
        let tag = name(at.2);
        if let Some((index, entity)) = said.get(at) {
            count(&mut score.entities, &mut score.tags, &tag, |counts| {
                counts.hits += 1;
            });
            classes(&mut score, known, entity);
            code(&mut score, known, prediction, *index);
        } else {
            count(&mut score.entities, &mut score.tags, &tag, |counts| {
                counts.missed += 1;
            });
            note(&mut score, &format!("missed {tag}"), &known.entity.text);
        }
    }
    for (at, (_, entity)) in &said {
        if !gold.contains_key(at) {
            let tag = name(at.2);
            count(&mut score.entities, &mut score.tags, &tag, |counts| {
                counts.extra += 1;
            });
            note(&mut score, &format!("extra {tag}"), &entity.text);
        }
    }
    relations(&mut score, record, prediction);
    score
}

fn count(all: &mut Counts, by: &mut BTreeMap<String, Counts>, key: &str, add: impl Fn(&mut Counts)) {
    add(all);
    add(by.entry(key.to_owned()).or_default());
}

fn note(score: &mut Score, kind: &str, text: &str) {
    *score
        .errors
        .entry((kind.to_owned(), text.to_owned()))
        .or_default() += 1;
}

/// Certainty, state, type and experiencer of a hit.
fn classes(score: &mut Score, gold: &GoldEntity, said: &Entity) {
    let (known, tag) = (&gold.entity, gold.entity.tag);
    if tag == Tag::Disease {
        // The contract gives family members' findings to the corpus as general; the gold names the relative instead.
        let of_relative = known.experiencer.is_some();
        let wanted = known.certainty.unwrap_or(CorpusCertainty::Positive);
        let given = said.certainty.unwrap_or(CorpusCertainty::Positive);
        if !of_relative {
            class(
                score,
                |score| &mut score.certainty,
                &word(wanted),
                &word(given),
                &known.text,
            );
        }
    }
    if let (Some(wanted), Tag::TestName | Tag::DrugName | Tag::Remedy | Tag::Context) = (known.state, tag) {
        let given = said.state.map_or_else(|| "none".to_owned(), word);
        let tag = name(tag);
        class(
            score,
            |score| &mut score.state,
            &format!("{tag} {}", word(wanted)),
            &format!("{tag} {given}"),
            &known.text,
        );
    }
    if let Some(wanted) = known.timex {
        let given = said.timex.map_or_else(|| "none".to_owned(), word);
        class(
            score,
            |score| &mut score.timex,
            &word(wanted),
            &given,
            &known.text,
        );
    }
    let (wanted, given) = (known.experiencer.as_deref(), said.experiencer.as_deref());
    if wanted.is_some() || given.is_some() {
        class(
            score,
            |score| &mut score.experiencer,
            wanted.unwrap_or("patient"),
            given.unwrap_or("patient"),
            &known.text,
        );
    }
}

fn class(
    score: &mut Score,
    layer: impl Fn(&mut Score) -> &mut BTreeMap<String, Counts>,
    wanted: &str,
    given: &str,
    text: &str,
) {
    if wanted == given {
        layer(score).entry(wanted.to_owned()).or_default().hits += 1;
    } else {
        layer(score).entry(wanted.to_owned()).or_default().missed += 1;
        layer(score).entry(given.to_owned()).or_default().extra += 1;
        note(score, &format!("{wanted}, said {given}"), text);
    }
}

/// The concept of a hit: some event that rests on the entity has the concept of the gold. Where the gold says that
/// nothing is near, no event may name a concept.
fn code(score: &mut Score, gold: &GoldEntity, prediction: &Prediction, index: usize) {
    let Some(wanted) = gold.concept.as_deref() else {
        return;
    };
    let wanted = wanted.trim_start_matches('~');
    let rests_on =
        |reason: &Because| matches!(reason, Because::Entity { entity } if *entity as usize == index);
    let given: BTreeSet<&str> = prediction
        .events
        .iter()
        .filter(|event| event.because.iter().any(rests_on))
        .flat_map(|event| std::iter::once(event.concept.as_str()).chain(measured(event.measured.as_ref())))
        .collect();
    let is_right = if wanted == "-" {
        given.is_empty()
    } else {
        given.contains(wanted)
    };
    let tag = name(gold.entity.tag);
    let add = |counts: &mut Counts| {
        if is_right {
            counts.hits += 1;
        } else {
            counts.missed += 1;
        }
    };
    count(&mut score.codes, &mut score.codes_by_tag, &tag, add);
    if !is_right {
        let given = given.first().copied().unwrap_or("none");
        note(score, &format!("code {wanted}, said {given}"), &gold.entity.text);
    }
}

fn measured(value: Option<&serde_json::Value>) -> Option<&str> {
    value?.get("concept")?.as_str()
}

fn relations(score: &mut Score, record: &Record, prediction: &Prediction) {
    let of_gold = |index: u32| {
        record
            .entities
            .get(index as usize)
            .map(|gold| place(&gold.entity))
    };
    let of_said = |index: u32| prediction.entities.get(index as usize).map(place);
    let gold: BTreeSet<(Place, Place, String)> = record
        .relations
        .iter()
        .filter_map(|relation| {
            Some((
                of_gold(relation.from)?,
                of_gold(relation.to)?,
                word(relation.kind),
            ))
        })
        .collect();
    let said: BTreeSet<(Place, Place, String)> = prediction
        .relations
        .iter()
        .filter_map(|relation| {
            Some((
                of_said(relation.from)?,
                of_said(relation.to)?,
                word(relation.kind),
            ))
        })
        .collect();
    for relation in &gold {
        let counts = score.relations.entry(relation.2.clone()).or_default();
        if said.contains(relation) {
            counts.hits += 1;
        } else {
            counts.missed += 1;
        }
    }
    for relation in said.difference(&gold) {
        score.relations.entry(relation.2.clone()).or_default().extra += 1;
    }
}

fn name(tag: Tag) -> String {
    word(tag)
}

/// The word of the annotation for a value of the clinical types.
fn word(value: impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

#[cfg(test)]
#[expect(clippy::non_ascii_literal, reason = "test notes are Japanese")]
mod tests {
    use super::*;
    use crate::gold::read_hand;
    use crate::prediction::read_predictions;

    const GOLD: &str = r#"<hand id="c01" genre="case_report" split="dev">
<article id="c01-01" date="2026-01-02" sex="F" age="70"><d certainty="positive" concept="fever">発熱</d>あり、<d certainty="negative">咳</d>なし。<a>胸部</a></article>
<rel article="c01-01" from="0" to="2" type="region"/>
</hand>"#;

    #[test]
    fn hits_misses_classes_codes_and_relations_are_counted() {
        let hand = read_hand("c01.xml", GOLD).unwrap();
        let line = r#"{"id":"c01-01","entities":[{"start":0,"end":2,"text":"発熱","tag":"d","certainty":"positive"},{"start":5,"end":6,"text":"咳","tag":"d","certainty":"positive"},{"start":6,"end":8,"text":"なし","tag":"f"}],"events":[{"concept":"fever","because":[{"entity":0}]}]}"#;
        let (predictions, bad) = read_predictions(line);
        assert!(bad.is_empty());
        let score = score(&hand.records, &predictions);
        assert_eq!(
            score.entities,
            Counts {
                hits: 2,
                extra: 1,
                missed: 1
            }
        );
        assert!((Score::accuracy(&score.certainty) - 0.5).abs() < 1e-9);
        assert_eq!((score.codes.hits, score.codes.missed), (1, 0));
        assert_eq!(score.relations["region"].missed, 1);
    }

    #[test]
    fn no_prediction_finds_nothing_and_a_broken_line_is_told() {
        let hand = read_hand("c01.xml", GOLD).unwrap();
        let (predictions, bad) = read_predictions("{\n");
        assert_eq!(bad, [1]);
        let score = score(&hand.records, &predictions);
        assert_eq!((score.entities.hits, score.entities.missed), (0, 3));
    }

    #[test]
    fn kappa_is_agreement_beyond_chance() {
        let class = |hits, extra, missed| Counts { hits, extra, missed };
        let classes = BTreeMap::from([
            ("positive".to_owned(), class(45, 5, 5)),
            ("negative".to_owned(), class(45, 5, 5)),
        ]);
        assert!((Score::kappa(&classes) - 0.8).abs() < 1e-9);
    }
}
