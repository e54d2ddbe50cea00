//! Lines in terms of the Human Phenotype Ontology: ranked where the store has the ontology, refused with the way to
//! import it where it has not.

use super::super::knowledge::sex;
use super::super::line::{BadLine, Line};
use super::super::store::Place;
use super::{merged, round, word};
use crate::advice::Advice;
use crate::library::{self, Library};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tsumugi_cds::phenotypic::{Asked, Contribution, Ground, Part, Phenotypic, RankedPhenotypic};
use tsumugi_knowledge::hpo::Frequency;
use tsumugi_knowledge::{Phenotypes, State};

/// Databases of diseases, by the beginning of their ids, with the system of their codes.
const SYSTEMS: [(&str, &str); 4] = [
    ("OMIM", "https://omim.org"),
    ("ORPHA", "http://www.orpha.net"),
    ("DECIPHER", "https://www.deciphergenomics.org"),
    ("MONDO", "http://purl.obolibrary.org/obo/mondo.owl"),
];

/// What a line asks.
pub(super) struct Question {
    id: Option<String>,
    asked: Asked,
    candidates: Vec<String>,
}

/// The ontology of a site with its columns.
pub(super) struct Site {
    phenotypes: Phenotypes,
    phenotypic: Phenotypic,
    /// Index of a disease by its name in lower case; OMIM's where several databases have it.
    names: BTreeMap<String, usize>,
}

/// Reads a line that holds findings in HPO terms; none when it holds no list of them.
pub(super) fn question(line: &mut Line) -> Result<Option<Question>, BadLine> {
    let observed = states(line, ["observed", "obs"])?;
    let excluded = states(line, ["excluded", "exc"])?;
    if observed.is_none() && excluded.is_none() {
        return Ok(None);
    }
    let asked = Asked {
        observed: observed.unwrap_or_default(),
        excluded: excluded.unwrap_or_default(),
        sex: line.field::<String>("sex")?.as_deref().and_then(sex),
        age: line.field("age")?,
        onset: line.field::<String>("onset")?.map(State::new),
    };
    if asked.observed.is_empty() && asked.excluded.is_empty() {
        return Err(line.bad("no-finding", "observed and excluded are empty".to_owned()));
    }
    Ok(Some(Question {
        id: line.id.clone(),
        asked,
        candidates: line.field("candidates")?.unwrap_or_default(),
    }))
}

fn states(line: &mut Line, names: [&str; 2]) -> Result<Option<Vec<State>>, BadLine> {
    let mut all: Option<Vec<State>> = None;
    for name in names {
        if let Some(list) = line.field::<Vec<Option<String>>>(name)? {
            let list = list.into_iter().flatten().map(State::new);
            all.get_or_insert_default().extend(list);
        }
    }
    Ok(all)
}

impl Site {
    /// Opens the ontology of a store; the error says what a line is answered with.
    pub(super) fn open(place: &Place) -> Result<Self, String> {
        const HOW: &str =
            "import it first: tsumugi knowledge import hpo --obo hp.obo --hpoa phenotype.hpoa --data DIR";
        let (tables, edition) = library::tables().map_err(|error| format!("{error:#}"))?;
        let library = place
            .open_reading()
            .and_then(|store| Library::open(&store, tables, &edition))
            .map_err(|error| format!("{error:#}; findings in HPO terms need the ontology; {HOW}"))?;
        let phenotypes = library.knowledge.phenotypes;
        if phenotypes.terms.terms.is_empty() {
            return Err(format!("the store has no Human Phenotype Ontology; {HOW}"));
        }
        let mut names: BTreeMap<String, usize> = BTreeMap::new();
        // OMIM comes last, so that its diseases have the names that other databases use too.
        let is_omim = |id: &str| id.starts_with("OMIM:");
        for omim in [false, true] {
            let diseases = phenotypes.diseases.iter().enumerate();
            for (index, (_, about)) in diseases.filter(|(_, (id, _))| is_omim(id) == omim) {
                names.insert(about.name.to_lowercase(), index);
            }
        }
        names.remove("");
        Ok(Self {
            phenotypic: Phenotypic::new(&phenotypes),
            phenotypes,
            names,
        })
    }

    /// The answer to a question; `advice` is asked for only when a candidate has a name of ours.
    pub(super) fn answer<'s>(
        &self,
        question: &Question,
        top: usize,
        advice: impl FnOnce() -> anyhow::Result<&'s Advice>,
    ) -> anyhow::Result<Result<Value, BadLine>> {
        let asked = &question.asked;
        let unknown = self.phenotypic.unknown(asked);
        let is_known = |state: &State| self.phenotypic.term(state.as_str()).is_some();
        let edition = &self.phenotypes.terms.edition;
        let diagnostics: Vec<Value> = unknown
            .iter()
            .map(|state| {
                let message = format!("{state} is no phenotypic abnormality or onset of {edition}; left out");
                json!({"severity": "warning", "code": "unknown-term", "message": message})
            })
            .collect();
        if !asked.observed.iter().chain(&asked.excluded).any(is_known) {
            let unknown: Vec<&str> = unknown.iter().map(|state| state.as_str()).collect();
            let message = format!(
                "no id is a phenotypic abnormality of {edition}: {}",
                unknown.join(", ")
            );
            return Ok(Err(BadLine::new(question.id.clone(), "unknown-term", message)));
        }
        let ranked: Vec<Value> = if question.candidates.is_empty() {
            let ranked = self.phenotypic.rank(asked, top);
            ranked.iter().map(|ranked| self.entry(ranked)).collect()
        } else {
            self.of_candidates(question, advice)?
        };
        let answer = json!({"id": question.id, "ranked": ranked, "ask_next": []});
        Ok(Ok(if diagnostics.is_empty() {
            answer
        } else {
            merged(answer, json!({"diagnostics": diagnostics}))
        }))
    }

    /// Exactly the candidates, best first, those that the ontology does not have last.
    fn of_candidates<'s>(
        &self,
        question: &Question,
        advice: impl FnOnce() -> anyhow::Result<&'s Advice>,
    ) -> anyhow::Result<Vec<Value>> {
        let mut found: Vec<(&str, Option<usize>)> = question
            .candidates
            .iter()
            .map(|candidate| (candidate.as_str(), self.disease(candidate)))
            .collect();
        if found.iter().any(|(_, disease)| disease.is_none()) {
            let advice = advice()?;
            for (candidate, disease) in &mut found {
                *disease = disease.or_else(|| self.disease_in(advice, candidate));
            }
        }
        let indices: Vec<usize> = found.iter().filter_map(|(_, disease)| *disease).collect();
        let mut entries = Vec::new();
        for ranked in self.phenotypic.rank_among(&question.asked, &indices) {
            let index = self.phenotypic.index_of(&ranked.disease);
            for (candidate, _) in found.iter().filter(|(_, disease)| *disease == index) {
                entries.push(merged(json!({"candidate": candidate}), self.entry(&ranked)));
            }
        }
        for (candidate, _) in found.iter().filter(|(_, disease)| disease.is_none()) {
            let disease = json!({"name": candidate, "codes": []});
            entries.push(json!({"candidate": candidate, "disease": disease, "unknown": true}));
        }
        Ok(entries)
    }

    /// A disease by a code, however it is written, or by its name.
    fn disease(&self, candidate: &str) -> Option<usize> {
        let code = code_of(candidate);
        let by_code = code.and_then(|code| self.phenotypic.index_of(&code));
        let by_id = || self.phenotypic.index_of(candidate.trim());
        let by_name = || self.names.get(&candidate.trim().to_lowercase()).copied();
        by_code.or_else(by_id).or_else(by_name)
    }

    /// A disease by a name of our terminology: through its codes, or its English name.
    fn disease_in(&self, advice: &Advice, candidate: &str) -> Option<usize> {
        const MOST: usize = 8;
        let vocabulary = advice.coder.vocabulary();
        let hits = vocabulary.search().named(candidate, MOST);
        hits.iter()
            .filter_map(|hit| vocabulary.get(hit.key))
            .find_map(|concept| {
                let code = |code: &tsumugi_clinical::Code| {
                    let (database, _) = SYSTEMS
                        .iter()
                        .find(|(_, system)| *system == code.system.as_ref())?;
                    self.phenotypic.index_of(&format!("{database}:{}", code.code))
                };
                let by_code = concept.codes.iter().find_map(code);
                by_code.or_else(|| self.names.get(&concept.english.to_lowercase()).copied())
            })
    }

    fn entry(&self, ranked: &RankedPhenotypic) -> Value {
        let id = ranked.disease.as_ref();
        let about = self.phenotypes.diseases.get(id);
        let name = about
            .map(|about| about.name.as_ref())
            .filter(|name| !name.is_empty());
        let code = id.split_once(':').and_then(|(database, code)| {
            let (_, system) = SYSTEMS.iter().find(|(own, _)| *own == database)?;
            Some(json!({"system": system, "code": code}))
        });
        json!({
            "disease": {"name": name.unwrap_or(id), "codes": Vec::from_iter(code)},
            "score": round(ranked.score),
            "probability": round(ranked.probability),
            "because": ranked.because.iter().map(|reason| self.reason(reason)).collect::<Vec<_>>(),
        })
    }

    fn reason(&self, reason: &Contribution) -> Value {
        let (term, polarity, part) = match &reason.part {
            Part::Observed(term) => (Some(term), "present", None),
            Part::Excluded(term) => (Some(term), "absent", None),
            Part::Onset => (None, "present", Some("onset")),
            Part::Sex => (None, "present", Some("sex")),
            Part::NearestCase => (None, "present", Some("nearest-case")),
            Part::Likeness => (None, "present", Some("likeness")),
        };
        let finding = term.map(|term| self.name(term));
        let asked = term.map_or("", AsRef::as_ref);
        let sources = reason.grounds.iter().map(|ground| self.source(ground, asked));
        let entry = json!({
            "finding": finding,
            "polarity": polarity,
            "weight": round(reason.weight),
            "match": word(reason.met),
            "sources": sources.collect::<Vec<_>>(),
        });
        match term {
            Some(term) => merged(entry, json!({"code": term})),
            None => merged(entry, json!({"part": part})),
        }
    }

    /// A source with its frequency, and the term where it is not the one that was asked.
    fn source(&self, ground: &Ground, asked: &str) -> String {
        let mut words = vec![ground.source.to_string()];
        words.extend(ground.case.as_ref().map(|case| format!("(case {case})")));
        match ground.frequency {
            _ if ground.negated => words.push("not".to_owned()),
            Frequency::Count(with, of) => words.push(format!("{with}/{of}")),
            Frequency::Share(share) => words.push(format!("{:.0} %", share * 100.0)),
            Frequency::Unsaid => {}
        }
        if !ground.term.is_empty() && ground.term.as_ref() != asked {
            words.push(format!("({} {})", ground.term, self.name(&ground.term)));
        }
        words.join(" ")
    }

    /// The name of a term, in Japanese where the site has it.
    fn name(&self, term: &str) -> &str {
        let term = self.phenotypes.terms.terms.get(term);
        term.map_or("", |term| term.name_ja.as_deref().unwrap_or(&term.name))
    }
}

/// `OMIM:154700` from the ways in which such a code is written: with a system, as `MIM 154700`, as six digits.
fn code_of(text: &str) -> Option<String> {
    let text = text.trim();
    for (database, system) in SYSTEMS {
        if let Some(code) = text.strip_prefix(system) {
            let code = code
                .trim_start_matches(['|', '/', '#'])
                .trim_start_matches("entry/");
            return Some(format!("{database}:{code}"));
        }
    }
    let upper = text.to_ascii_uppercase();
    let (database, code) = match upper.split_once([':', ' ', '#']) {
        Some(("MIM" | "OMIM", code)) => ("OMIM", code),
        Some(("ORPHA" | "ORPHANET", code)) => ("ORPHA", code),
        Some(("DECIPHER", code)) => ("DECIPHER", code),
        Some(_) => return None,
        None if upper.len() == 6 => ("OMIM", upper.as_str()),
        None => return None,
    };
    let is_number = !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| format!("{database}:{code}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_however_they_are_written() {
        let check = |text: &str, wanted: Option<&str>| {
            assert_eq!(code_of(text).as_deref(), wanted, "{text}");
        };
        check("OMIM:154700", Some("OMIM:154700"));
        check("MIM:154700", Some("OMIM:154700"));
        check("omim 154700", Some("OMIM:154700"));
        check("154700", Some("OMIM:154700"));
        check("https://omim.org/entry/154700", Some("OMIM:154700"));
        check("https://omim.org|154700", Some("OMIM:154700"));
        check("ORPHA:558", Some("ORPHA:558"));
        check("Marfan syndrome", None);
        check("15470", None);
        check("OMIM:", None);
    }
}
