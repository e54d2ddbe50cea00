//! Guidelines as recommendations: for whom, what, how strongly, how certain the evidence, from which edition.

use crate::accepted::{AcceptedRow, Cells as _, Concepts};
use crate::evidence::Status;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use tsumugi_tables::{Mistake, Source};

/// For or against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// It is recommended.
    For,
    /// It is recommended not to.
    Against,
}

/// How strongly, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Advice {
    /// Strong.
    Strong,
    /// Weak, conditional.
    Weak,
    /// Not graded, or not remembered.
    None,
}

/// Certainty of the evidence (GRADE).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EvidenceCertainty {
    /// A.
    High,
    /// B.
    Moderate,
    /// C.
    Low,
    /// D.
    VeryLow,
    /// Not graded, or not remembered.
    Unknown,
}

/// A recommendation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recommendation {
    /// Id, unique within its guideline.
    pub id: Arc<str>,
    /// Chapter or question.
    #[serde(default)]
    pub section: Arc<str>,
    /// For whom, in words.
    pub population: Arc<str>,
    /// Concepts that the patient must have, all of them.
    #[serde(default)]
    pub applies: Vec<Arc<str>>,
    /// Concepts that the patient must not have.
    #[serde(default)]
    pub excludes: Vec<Arc<str>>,
    /// What is recommended, in words.
    pub action: Arc<str>,
    /// Concepts of drugs, procedures, tests.
    #[serde(default)]
    pub what: Vec<Arc<str>>,
    /// For or against.
    pub direction: Direction,
    /// How strongly.
    pub strength: Advice,
    /// Certainty of the evidence.
    pub certainty: EvidenceCertainty,
    /// How far the row can be trusted.
    pub status: Status,
}

/// A guideline in one edition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guideline {
    /// Id, `guideline.…`.
    pub id: Arc<str>,
    /// Name.
    pub name: Arc<str>,
    /// Who publishes it.
    pub organisation: Arc<str>,
    /// Edition or year.
    pub edition: Arc<str>,
    /// Id of the guideline that replaces it; empty while it holds.
    #[serde(default)]
    pub superseded_by: Arc<str>,
    /// How far the file can be trusted.
    pub status: Status,
    /// Clinicians who have read it.
    #[serde(default)]
    pub reviewed_by: Vec<Arc<str>>,
    /// The recommendations.
    #[serde(rename = "recommendation", default)]
    pub recommendations: Vec<Recommendation>,
}

/// All guidelines by id.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Guidelines(BTreeMap<Arc<str>, Guideline>);

impl Guidelines {
    /// Reads `knowledge/guidelines/*.toml`; what is wrong goes to `mistakes`, and the file is left out.
    pub fn new(sources: &[Source<'_>], mistakes: &mut Vec<Mistake>) -> Self {
        let mut all = BTreeMap::new();
        for source in sources
            .iter()
            .filter(|source| source.path.starts_with("knowledge/guidelines/"))
        {
            match toml::from_str::<Guideline>(source.text) {
                Ok(guideline) => {
                    all.insert(Arc::clone(&guideline.id), guideline);
                }
                Err(error) => {
                    let before = error
                        .span()
                        .and_then(|span| source.text.get(..span.start))
                        .unwrap_or_default();
                    let line = 1 + before.matches('\n').count() as u32;
                    mistakes.push(Mistake::new(source.path, line, error.message()));
                }
            }
        }
        Self(all)
    }

    /// Adds a recommendation that was accepted from a text, to the guideline that the text is.
    pub(crate) fn accept(&mut self, row: &AcceptedRow<'_>, concepts: &Concepts) -> Result<(), String> {
        let recommendation = accepted(row, concepts)?;
        let (source, place) = (&row.held.source, &row.held.said.place);
        let id = accepted_id(source);
        let guideline = self.0.entry(Arc::clone(&id)).or_insert_with(|| Guideline {
            id,
            name: Arc::clone(source),
            organisation: "".into(),
            edition: "".into(),
            superseded_by: "".into(),
            status: Status::Accepted,
            reviewed_by: Vec::new(),
            recommendations: Vec::new(),
        });
        // The newest statement knows the text best.
        if !place.title.is_empty() {
            guideline.name = Arc::clone(&place.title);
            guideline.organisation = Arc::clone(&place.organisation);
            guideline.edition = Arc::clone(&place.edition);
        }
        guideline.recommendations.push(recommendation);
        Ok(())
    }

    /// A guideline by its id.
    pub fn get(&self, id: &str) -> Option<&Guideline> {
        self.0.get(id)
    }

    /// All guidelines, superseded editions among them.
    pub fn iter(&self) -> impl Iterator<Item = &Guideline> {
        self.0.values()
    }

    /// Recommendations of editions that hold for a patient who `has` what they ask and nothing that they exclude: strong
    /// ones first, then those that ask most of the patient.
    pub fn for_patient(&self, has: impl Fn(&str) -> bool) -> Vec<(&Guideline, &Recommendation)> {
        let mut found: Vec<_> = self
            .0
            .values()
            .filter(|guideline| guideline.superseded_by.is_empty())
            .flat_map(|guideline| {
                guideline
                    .recommendations
                    .iter()
                    .map(move |recommendation| (guideline, recommendation))
            })
            .filter(|(_, recommendation)| {
                !recommendation.applies.is_empty()
                    && recommendation.applies.iter().all(|concept| has(concept))
                    && !recommendation.excludes.iter().any(|concept| has(concept))
            })
            .collect();
        found.sort_by_key(|(_, recommendation)| {
            (recommendation.strength, Reverse(recommendation.applies.len()))
        });
        found
    }
}

/// Id of the guideline that a source is from which recommendations were accepted.
fn accepted_id(source: &str) -> Arc<str> {
    let digest = Sha256::digest(source.as_bytes());
    let digits = digest.iter().take(6).fold(String::new(), |mut digits, byte| {
        // Writing to a string does not fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    });
    format!("guideline.accepted-{digits}").into()
}

fn accepted(row: &AcceptedRow<'_>, concepts: &Concepts) -> Result<Recommendation, String> {
    let applies = concepts.list("applies", row.cell("applies"))?;
    if applies.is_empty() {
        return Err(
            "applies: a recommendation for nobody is never shown; name what the patient must have".to_owned(),
        );
    }
    let said = &row.held.said;
    let action = match row.cell("action") {
        "" => Arc::clone(&said.quote),
        action => action.into(),
    };
    Ok(Recommendation {
        id: format!("accepted-{}", row.number).into(),
        section: Arc::clone(&said.place.section),
        population: row.cell("population").into(),
        applies,
        excludes: concepts.list("excludes", row.cell("excludes"))?,
        action,
        what: concepts.list("what", row.cell("what"))?,
        direction: word(row, "direction")?,
        strength: word(row, "strength")?,
        certainty: word(row, "certainty")?,
        status: Status::Accepted,
    })
}

/// A word of the files.
fn word<T: DeserializeOwned>(row: &AcceptedRow<'_>, column: &str) -> Result<T, String> {
    let cell = row.cell(column);
    serde_json::from_value(Value::from(cell)).map_err(|_| format!("unknown {column} \"{cell}\""))
}

/// FHIR R4 extension: strength of a recommendation.
const STRENGTH: &str = "http://hl7.org/fhir/StructureDefinition/cqf-strengthOfRecommendation";
/// FHIR R4 extension: quality of the evidence.
const QUALITY: &str = "http://hl7.org/fhir/StructureDefinition/cqf-qualityOfEvidence";

/// A guideline as a FHIR R4 `PlanDefinition` (`eca-rule`), an action a recommendation, with the extensions of strength and
/// quality. `name_of` gives the name and address of a concept's code system.
pub fn plan_definition(
    guideline: &Guideline,
    system: &str,
    name_of: impl Fn(&str) -> Option<Arc<str>>,
) -> Value {
    let coding = |concept: &Arc<str>| json!({"system": system, "code": concept, "display": name_of(concept)});
    let actions: Vec<Value> = guideline
        .recommendations
        .iter()
        .map(|recommendation| {
            let mut action = json!({
                "id": recommendation.id,
                "title": recommendation.action,
                "description": recommendation.population,
                "extension": graded(recommendation),
            });
            let codes: Vec<Value> = recommendation.what.iter().map(coding).collect();
            let subjects: Vec<Value> = recommendation.applies.iter().map(coding).collect();
            if let Some(fields) = action.as_object_mut() {
                if !codes.is_empty() {
                    fields.insert("code".to_owned(), json!([{"coding": codes}]));
                }
                if !subjects.is_empty() {
                    fields.insert("reason".to_owned(), json!([{"coding": subjects}]));
                }
                if recommendation.direction == Direction::Against {
                    fields.insert("prefix".to_owned(), json!("against"));
                }
            }
            action
        })
        .collect();
    let status = if guideline.superseded_by.is_empty() {
        "active"
    } else {
        "retired"
    };
    json!({
        "resourceType": "PlanDefinition",
        "id": guideline.id.replace('.', "-"),
        "url": format!("{system}/PlanDefinition/{}", guideline.id),
        "version": guideline.edition,
        "name": guideline.id,
        "title": guideline.name,
        "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/plan-definition-type", "code": "eca-rule"}]},
        "status": status,
        "experimental": true,
        "publisher": guideline.organisation,
        "action": actions,
    })
}

fn graded(recommendation: &Recommendation) -> Vec<Value> {
    let concept = |url: &str, system: &str, code: &str| json!({"url": url, "valueCodeableConcept": {"coding": [{"system": system, "code": code}]}});
    let mut extensions = Vec::new();
    let strength = match recommendation.strength {
        Advice::Strong => Some("strong"),
        Advice::Weak => Some("weak"),
        Advice::None => None,
    };
    if let Some(code) = strength {
        let system = "http://terminology.hl7.org/CodeSystem/recommendation-strength";
        extensions.push(concept(STRENGTH, system, code));
    }
    let quality = match recommendation.certainty {
        EvidenceCertainty::High => Some("high"),
        EvidenceCertainty::Moderate => Some("moderate"),
        EvidenceCertainty::Low => Some("low"),
        EvidenceCertainty::VeryLow => Some("very-low"),
        EvidenceCertainty::Unknown => None,
    };
    if let Some(code) = quality {
        let system = "http://terminology.hl7.org/CodeSystem/evidence-quality";
        extensions.push(concept(QUALITY, system, code));
    }
    extensions
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
id = "guideline.x"
name = "X"
organisation = "Y"
edition = "2018"
status = "citation-unchecked"
[[recommendation]]
id = "early"
population = "p"
applies = ["a"]
excludes = ["b"]
action = "do"
what = ["proc.c"]
direction = "for"
strength = "strong"
certainty = "very-low"
status = "editorial-estimate"
"#;

    fn read(text: &str) -> (Guidelines, Vec<Mistake>) {
        let mut mistakes = Vec::new();
        let source = Source {
            path: "knowledge/guidelines/x.toml",
            text,
        };
        (Guidelines::new(&[source], &mut mistakes), mistakes)
    }

    #[test]
    fn recommendations_hold_for_the_patients_they_name() {
        let (guidelines, mistakes) = read(FILE);
        assert_eq!(mistakes, []);
        let check = |has: &[&str], wanted: usize| {
            let found = guidelines.for_patient(|concept| has.contains(&concept)).len();
            assert_eq!(found, wanted, "{has:?}");
        };
        check(&["a"], 1);
        check(&["a", "b"], 0);
        check(&[], 0);
    }

    #[test]
    fn a_guideline_leaves_as_a_plan_definition() {
        let (guidelines, _) = read(FILE);
        let plan = plan_definition(guidelines.get("guideline.x").unwrap(), "urn:x", |_| None);
        assert_eq!(plan["status"], "active");
        let extensions = &plan["action"][0]["extension"];
        assert_eq!(
            extensions[0]["valueCodeableConcept"]["coding"][0]["code"],
            "strong"
        );
        assert_eq!(
            extensions[1]["valueCodeableConcept"]["coding"][0]["code"],
            "very-low"
        );
        assert_eq!(plan["action"][0]["code"][0]["coding"][0]["code"], "proc.c");
    }

    #[test]
    fn a_mistake_names_its_line() {
        let (_, mistakes) = read(&FILE.replace("\"strong\"", "\"very\""));
        assert_eq!(mistakes.len(), 1);
        assert_eq!(mistakes[0].line, 15);
    }
}
