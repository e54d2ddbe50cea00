//! Reads the gold: one XML file a hand (a style of writing), `<article>` with inline tags, `<rel>` between entities.

use roxmltree::{Document, Node};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::path::Path;
use tsumugi_clinical::{Entity, Relation, Span};

/// Why a corpus cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum GoldError {
    /// A file cannot be read.
    #[error("{file}: {source}")]
    File {
        /// The file.
        file: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file is no XML.
    #[error("{file}: {source}")]
    Xml {
        /// The file.
        file: String,
        /// Where and why.
        source: roxmltree::Error,
    },
    /// An element says something the annotation does not know.
    #[error("{file}:{line}: {what}")]
    Annotation {
        /// The file.
        file: String,
        /// Line, counted from 1.
        line: u32,
        /// What is wrong.
        what: String,
    },
    /// A folder holds no hand of the wanted split.
    #[error("{folder}: no records of the split {split}")]
    Empty {
        /// The folder.
        folder: String,
        /// The split.
        split: &'static str,
    },
}

/// Which part of the corpus a hand belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Split {
    /// To learn from.
    Train,
    /// To look at while building.
    Dev,
    /// To measure on, and never to look at.
    Test,
}

impl Split {
    /// The name, as files and command lines write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Dev => "dev",
            Self::Test => "test",
        }
    }

    /// Reads the name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Train, Self::Dev, Self::Test]
            .into_iter()
            .find(|split| split.name() == name)
    }
}

/// Hands, in the order of their ids.
#[derive(Debug, Clone, PartialEq)]
pub struct Corpus {
    /// The hands.
    pub hands: Vec<Hand>,
}

impl Corpus {
    /// All records, in the order of the hands.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.hands.iter().flat_map(|hand| &hand.records)
    }
}

/// One style of writing: the unit of the split.
#[derive(Debug, Clone, PartialEq)]
pub struct Hand {
    /// Its id (`c01`).
    pub id: String,
    /// Kind of text: `case_report`, `radiology`, `nursing`, `progress`, `discharge`, `letter`.
    pub genre: String,
    /// Its part of the corpus.
    pub split: Split,
    /// How it writes, in words.
    pub style: String,
    /// What it wrote.
    pub records: Vec<Record>,
}

/// A record with its gold annotation.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Its id (`c01-07`).
    pub id: String,
    /// Kind of text.
    pub genre: String,
    /// Civil date of writing, `YYYY-MM-DD`.
    pub date: String,
    /// `M` or `F`.
    pub sex: String,
    /// Age in years.
    pub age: u32,
    /// Specialty, in Japanese.
    pub specialty: String,
    /// The note.
    pub text: String,
    /// Entities in the order of the text; spans are Unicode scalar offsets into `text`.
    pub entities: Vec<GoldEntity>,
    /// Relations by index of the entities.
    pub relations: Vec<Relation>,
}

/// An entity with the layers beyond `MedTxt`.
#[derive(Debug, Clone, PartialEq)]
pub struct GoldEntity {
    /// Span, tag, certainty, state, type, experiencer, group.
    pub entity: Entity,
    /// `past`, where the matter is over.
    pub phase: Option<String>,
    /// Which relative.
    pub relative: Option<String>,
    /// Concept of our vocabulary; `~` before it when it is the nearest there is; `-` when there is none near.
    pub concept: Option<String>,
    /// Normal value and unit, of test values and doses.
    pub value: Option<String>,
    /// Resolved interval, of time expressions: `from/to`.
    pub when: Option<String>,
}

/// Reads every `*.xml` of a folder that belongs to a split; all of them without one. Where the folder `codes` beside it
/// has a table for a split (`test.tsv`: tag, surface, concept), the entities of that split get their concepts.
pub fn read_corpus(folder: &Path, split: Option<Split>) -> Result<Corpus, GoldError> {
    let name = |path: &Path| path.display().to_string();
    let list = std::fs::read_dir(folder).map_err(|source| GoldError::File {
        file: name(folder),
        source,
    })?;
    let mut files: Vec<_> = list
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "xml"))
        .collect();
    files.sort();
    let mut hands = Vec::new();
    let mut codes: BTreeMap<Split, Codes> = BTreeMap::new();
    for path in files {
        let text = std::fs::read_to_string(&path).map_err(|source| GoldError::File {
            file: name(&path),
            source,
        })?;
        let mut hand = read_hand(&name(&path), &text)?;
        let codes = codes
            .entry(hand.split)
            .or_insert_with_key(|split| read_codes(folder, *split));
        give_codes(&mut hand, codes);
        if split.is_none_or(|split| split == hand.split) {
            hands.push(hand);
        }
    }
    if hands.is_empty() {
        return Err(GoldError::Empty {
            folder: name(folder),
            split: split.map_or("any", Split::name),
        });
    }
    Ok(Corpus { hands })
}

/// Concepts by tag and surface.
type Codes = BTreeMap<(String, String), String>;

/// The table of codes of a split; empty when there is none.
fn read_codes(folder: &Path, split: Split) -> Codes {
    let path = folder
        .parent()
        .unwrap_or(folder)
        .join("codes")
        .join(format!("{}.tsv", split.name()));
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let row = |line: &str| {
        let mut cells = line.split('\t').map(str::to_owned);
        Some(((cells.next()?, cells.next()?), cells.next()?))
    };
    text.lines().skip(1).filter_map(row).collect()
}

fn give_codes(hand: &mut Hand, codes: &Codes) {
    let entities = hand.records.iter_mut().flat_map(|record| &mut record.entities);
    for gold in entities.filter(|gold| gold.concept.is_none()) {
        let tag = serde_json::to_value(gold.entity.tag).unwrap_or_default();
        let key = (
            tag.as_str().unwrap_or_default().to_owned(),
            gold.entity.text.clone(),
        );
        gold.concept = codes.get(&key).cloned();
    }
}

/// Reads the text of one file.
pub fn read_hand(file: &str, xml: &str) -> Result<Hand, GoldError> {
    let document = Document::parse(xml).map_err(|source| GoldError::Xml {
        file: file.to_owned(),
        source,
    })?;
    let reader = HandReader {
        file,
        document: &document,
    };
    let root = document.root_element();
    let genre = reader.required(root, "genre")?;
    let split = reader.required(root, "split")?;
    let mut records: Vec<Record> = Vec::new();
    for node in root.children().filter(Node::is_element) {
        match node.tag_name().name() {
            "article" => records.push(reader.article(node, genre)?),
            "rel" => {
                let article = reader.required(node, "article")?;
                let relation = Relation {
                    from: reader.number(node, "from")?,
                    to: reader.number(node, "to")?,
                    kind: reader.word(node, "type")?,
                };
                let last = records.last_mut().filter(|record| {
                    let known = record.entities.len() as u32;
                    record.id == article && relation.from < known && relation.to < known
                });
                let Some(record) = last else {
                    return Err(reader.wrong(node, "a relation of no entities of the article before it"));
                };
                record.relations.push(relation);
            }
            other => return Err(reader.wrong(node, &format!("unknown element {other}"))),
        }
    }
    Ok(Hand {
        id: reader.required(root, "id")?.to_owned(),
        genre: genre.to_owned(),
        split: Split::parse(split).ok_or_else(|| reader.wrong(root, "unknown split"))?,
        style: root.attribute("style").unwrap_or_default().to_owned(),
        records,
    })
}

struct HandReader<'a> {
    file: &'a str,
    document: &'a Document<'a>,
}

impl<'a> HandReader<'a> {
    fn article(&self, node: Node<'a, 'a>, genre: &str) -> Result<Record, GoldError> {
        let mut text = String::new();
        let mut length = 0;
        let mut entities = Vec::new();
        for child in node.children() {
            let piece = child.text().unwrap_or_default();
            let end = length + piece.chars().count() as u32;
            if child.is_element() {
                entities.push(self.entity(child, piece, Span::new(length, end))?);
            }
            text.push_str(piece);
            length = end;
        }
        Ok(Record {
            id: self.required(node, "id")?.to_owned(),
            genre: genre.to_owned(),
            date: self.required(node, "date")?.to_owned(),
            sex: self.required(node, "sex")?.to_owned(),
            age: self.number(node, "age")?,
            specialty: node.attribute("specialty").unwrap_or_default().to_owned(),
            text,
            entities,
            relations: Vec::new(),
        })
    }

    fn entity(&self, node: Node<'a, 'a>, text: &str, span: Span) -> Result<GoldEntity, GoldError> {
        if text.is_empty() || node.children().any(|child| child.is_element()) {
            return Err(self.wrong(node, "an entity holds text and no other entity"));
        }
        let owned = |name: &str| node.attribute(name).map(str::to_owned);
        Ok(GoldEntity {
            entity: Entity {
                span,
                text: text.to_owned(),
                tag: self.known(node, node.tag_name().name())?,
                certainty: self.optional(node, "certainty")?,
                state: self.optional(node, "state")?,
                timex: self.optional(node, "type")?,
                experiencer: owned("experiencer"),
                group: node
                    .has_attribute("group")
                    .then(|| self.number(node, "group"))
                    .transpose()?,
                section: None,
            },
            phase: owned("phase"),
            relative: owned("relative"),
            concept: owned("concept"),
            value: owned("value"),
            when: owned("when"),
        })
    }

    fn required(&self, node: Node<'a, 'a>, name: &str) -> Result<&'a str, GoldError> {
        node.attribute(name)
            .ok_or_else(|| self.wrong(node, &format!("the attribute {name} is missing")))
    }

    fn number(&self, node: Node<'a, 'a>, name: &str) -> Result<u32, GoldError> {
        let text = self.required(node, name)?;
        text.parse()
            .map_err(|_| self.wrong(node, &format!("{name} is no number: {text}")))
    }

    fn word<T: DeserializeOwned>(&self, node: Node<'a, 'a>, name: &str) -> Result<T, GoldError> {
        let text = self.required(node, name)?;
        self.known(node, text)
    }

    fn optional<T: DeserializeOwned>(&self, node: Node<'a, 'a>, name: &str) -> Result<Option<T>, GoldError> {
        node.attribute(name)
            .map(|text| self.known(node, text))
            .transpose()
    }

    /// A word of the annotation, as the clinical types name it.
    fn known<T: DeserializeOwned>(&self, node: Node<'a, 'a>, word: &str) -> Result<T, GoldError> {
        serde_json::from_value(serde_json::Value::String(word.to_owned()))
            .map_err(|_| self.wrong(node, &format!("unknown word {word}")))
    }

    fn wrong(&self, node: Node<'a, 'a>, what: &str) -> GoldError {
        GoldError::Annotation {
            file: self.file.to_owned(),
            line: self.document.text_pos_at(node.range().start).row,
            what: what.to_owned(),
        }
    }
}

#[cfg(test)]
#[expect(clippy::non_ascii_literal, reason = "test notes are Japanese")]
mod tests {
    use super::*;

    const HAND: &str = r#"<hand id="c01" genre="case_report" split="dev" style="terse">
<article id="c01-01" date="2026-01-02" sex="F" age="70">母が<d certainty="positive" experiencer="family" relative="mother">糖尿病</d>。<t-key>WBC</t-key>&lt;<t-val>3</t-val></article>
<rel article="c01-01" from="1" to="2" type="value"/>
</hand>"#;

    #[test]
    fn a_hand_is_read_with_its_text_spans_and_relations() {
        let hand = read_hand("c01.xml", HAND).unwrap();
        let record = &hand.records[0];
        assert_eq!(record.text, "母が糖尿病。WBC<3");
        let spans: Vec<(u32, u32)> = record
            .entities
            .iter()
            .map(|gold| (gold.entity.span.start, gold.entity.span.end))
            .collect();
        assert_eq!(spans, [(2, 5), (6, 9), (10, 11)]);
        assert_eq!(record.entities[0].relative.as_deref(), Some("mother"));
        assert_eq!(record.relations.len(), 1);
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        let wrong = HAND.replace("certainty=\"positive\"", "certainty=\"sure\"");
        let error = read_hand("c01.xml", &wrong).unwrap_err();
        assert_eq!(error.to_string(), "c01.xml:2: unknown word sure");
        let dangling = HAND.replace("to=\"2\"", "to=\"3\"");
        assert!(read_hand("c01.xml", &dangling).is_err());
    }
}
