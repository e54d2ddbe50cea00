//! `tsumugi diagnose`: findings in, ranked diseases out, a line each, with the reasons of every score. A line tells them
//! as a text, or in terms of the Human Phenotype Ontology.

mod phenotypic;

use super::line::{BadLine, Line};
use super::say;
use super::store::Place;
use crate::support::Support;
use anyhow::Context as _;
use phenotypic::{Question, Site};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read};
use std::process::ExitCode;
use tsumugi_cds::{Findings, Met, Ranked, Reason};
use tsumugi_clinical::{Note, Polarity};
use tsumugi_knowledge::{Evidence, State};

/// Options of `diagnose`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How standard input is read.
    #[arg(long, default_value = "jsonl")]
    input: String,
    /// How many diseases are printed.
    #[arg(long, default_value_t = 10)]
    top: usize,
    /// Prints it for people instead of JSON lines.
    #[arg(long)]
    explain: bool,
    #[command(flatten)]
    place: Place,
}

/// Exit code when some input was bad and the rest was done.
const SOME_BAD: u8 = 3;

/// What answers, each made when the first line needs it.
struct Desk<'a> {
    args: &'a Args,
    support: Option<Support>,
    /// The site's ontology, or why there is none.
    site: Option<Result<Site, String>>,
}

/// What a line asks.
struct Asked {
    id: Option<String>,
    findings: Findings,
    candidates: Vec<String>,
}

/// Ranks for every line of standard input.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(
        args.input == "jsonl",
        "--input {}: only jsonl is read",
        args.input
    );
    let mut desk = Desk {
        args,
        support: None,
        site: None,
    };
    let mut source = BufReader::new(std::io::stdin().lock());
    let (mut number, mut bad) = (0, false);
    let mut line = Vec::new();
    loop {
        line.clear();
        if source.by_ref().read_until(b'\n', &mut line)? == 0 {
            break;
        }
        number += 1;
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let answer = desk.answer(&line)?.unwrap_or_else(|refused| {
            bad = true;
            refused.answer(number)
        });
        say(&answer.to_string())?;
    }
    Ok(if bad {
        ExitCode::from(SOME_BAD)
    } else {
        ExitCode::SUCCESS
    })
}

impl Desk<'_> {
    fn answer(&mut self, line: &[u8]) -> anyhow::Result<Result<Value, BadLine>> {
        let read = Line::read(line).and_then(|mut line| {
            let question = phenotypic::question(&mut line)?;
            Ok((line, question))
        });
        match read {
            Err(refused) => Ok(Err(refused)),
            Ok((line, Some(question))) => self.phenotypic(&line, &question),
            Ok((mut line, None)) => {
                let support = embedded(&mut self.support)?;
                Ok(asked(support, &mut line).map(|asked| answer(support, self.args, &asked)))
            }
        }
    }

    fn phenotypic(&mut self, line: &Line, question: &Question) -> anyhow::Result<Result<Value, BadLine>> {
        let place = &self.args.place;
        match self.site.get_or_insert_with(|| Site::open(place)) {
            Ok(site) => site.answer(question, self.args.top, || embedded(&mut self.support)),
            Err(message) => Ok(Err(line.bad("no-ontology", message.clone()))),
        }
    }
}

fn embedded(support: &mut Option<Support>) -> anyhow::Result<&Support> {
    if support.is_none() {
        *support = Some(Support::embedded()?);
    }
    support.as_ref().context("the support was just made")
}

fn asked(support: &Support, line: &mut Line) -> Result<Asked, BadLine> {
    let id = line.id.clone();
    let candidates = line.field::<Vec<String>>("candidates")?.unwrap_or_default();
    let note = Note {
        id: id.clone().unwrap_or_default(),
        text: line.text()?,
        date: line.field("date")?,
        patient: line.field("patient")?,
    };
    Ok(Asked {
        id,
        findings: support.findings_of(&note),
        candidates,
    })
}

fn answer(support: &Support, args: &Args, asked: &Asked) -> Value {
    let ranked = if asked.candidates.is_empty() {
        let vocabulary = support.coder.vocabulary();
        let ranked = support.differential.rank(vocabulary, &asked.findings, args.top);
        ranked.into_iter().map(|ranked| (None, Some(ranked))).collect()
    } else {
        of_candidates(support, asked)
    };
    let ranked: Vec<Value> = ranked
        .iter()
        .map(|(candidate, ranked)| entry(support, candidate.as_deref(), ranked.as_ref()))
        .collect();
    json!({"id": asked.id, "ranked": ranked, "ask_next": []})
}

/// Exactly the candidates, best first, those that the knowledge does not have last.
fn of_candidates(support: &Support, asked: &Asked) -> Vec<(Option<String>, Option<Ranked>)> {
    let vocabulary = support.coder.vocabulary();
    let scores = support.differential.scores(vocabulary, &asked.findings);
    let found: Vec<(usize, Option<usize>)> = asked
        .candidates
        .iter()
        .map(|name| support.disease_named(name))
        .enumerate()
        .collect();
    let score = |disease: Option<usize>| disease.and_then(|disease| scores.get(disease)).copied();
    let known: Vec<f64> = found.iter().filter_map(|(_, disease)| score(*disease)).collect();
    let mut probabilities = support.differential.probabilities(&known).into_iter();
    let mut out: Vec<(Option<String>, Option<Ranked>)> = Vec::new();
    for (index, disease) in found {
        let ranked = disease.and_then(|disease| {
            Some(Ranked {
                disease: support.differential.key_of(disease)?,
                score: score(Some(disease))?,
                probability: probabilities.next()?,
                because: support.differential.reasons(vocabulary, &asked.findings, disease),
            })
        });
        out.push((asked.candidates.get(index).cloned(), ranked));
    }
    let score_of = |ranked: &Option<Ranked>| ranked.as_ref().map_or(f64::NEG_INFINITY, |ranked| ranked.score);
    out.sort_by(|a, b| score_of(&b.1).total_cmp(&score_of(&a.1)));
    out
}

fn entry(support: &Support, candidate: Option<&str>, ranked: Option<&Ranked>) -> Value {
    let Some(ranked) = ranked else {
        return json!({
            "candidate": candidate, "disease": {"name": candidate, "codes": []}, "unknown": true,
        });
    };
    let concept = support.coder.vocabulary().concept(&ranked.disease);
    let name = concept.map_or(ranked.disease.as_ref(), |concept| concept.name.as_ref());
    let codes = concept.map_or(&[][..], |concept| &concept.codes);
    let reasons = ranked.because.iter();
    let entry = json!({
        "disease": {"name": name, "codes": codes},
        "score": round(ranked.score),
        "probability": round(ranked.probability),
        "because": reasons.map(|reason| reason_of(support, ranked, reason)).collect::<Vec<_>>(),
    });
    match candidate {
        Some(candidate) => merged(json!({"candidate": candidate}), entry),
        None => entry,
    }
}

/// Adds the fields of the second object to the first.
fn merged(mut entry: Value, other: Value) -> Value {
    if let (Value::Object(entry), Value::Object(other)) = (&mut entry, other) {
        entry.extend(other);
    }
    entry
}

fn reason_of(support: &Support, ranked: &Ranked, reason: &Reason) -> Value {
    let finding = reason.state.as_ref().map(|state| name_of(support, state));
    let disease = support.knowledge.own.disease(&ranked.disease);
    let evidence = reason
        .row
        .as_ref()
        .zip(disease)
        .and_then(|(row, disease)| disease.findings.get(row));
    let sources: Vec<String> = evidence.into_iter().flatten().map(source_of).collect();
    json!({
        "finding": finding,
        "polarity": if reason.polarity == Polarity::Absent { "absent" } else { "present" },
        "weight": round(reason.weight),
        "match": word(reason.met),
        "sources": sources,
    })
}

fn word(met: Met) -> &'static str {
    match met {
        Met::Exact => "exact",
        Met::Ancestor => "ancestor",
        Met::Descendant => "descendant",
        Met::None => "none",
        Met::Prior => "prior",
    }
}

fn source_of(evidence: &Evidence) -> String {
    let note = if evidence.note.is_empty() {
        &evidence.source
    } else {
        &evidence.note
    };
    let status = evidence.status.word();
    if evidence.of > 0 {
        return format!("{note} {}/{} ({status})", evidence.with, evidence.of);
    }
    format!("{note} ({status})")
}

/// The name of a state: the concept's, with the level of a test behind it.
fn name_of(support: &Support, state: &State) -> String {
    let concept = support.coder.vocabulary().concept(state.concept());
    let name = concept.map_or(state.concept(), |concept| concept.name.as_ref());
    match state.level() {
        Some(level) => format!("{name}={level}"),
        None => name.to_owned(),
    }
}

fn round(number: f64) -> f64 {
    const DIGITS: f64 = 1e6;
    (number * DIGITS).round() / DIGITS
}
