//! `tsumugi diagnose`: findings in, ranked diseases out, a line each, with the reasons of every score. A line tells them
//! as a text, as orders alone, or in terms of the Human Phenotype Ontology.

mod explain;
mod phenotypic;

use super::line::{BadLine, Line, answer_lines};
use super::store::Place;
use crate::advice::{Advice, Living};
use anyhow::Context as _;
use phenotypic::{Question, Site};
use serde_json::{Value, json};
use std::process::ExitCode;
use std::sync::Arc;
use tsumugi_cds::prescription::Checks;
use tsumugi_cds::{
    Differential, Findings, Met, Missing, Pair, Patient, Ranked, Reason, Step, induced, next, together,
};
use tsumugi_clinical::{Note, Polarity};
use tsumugi_coding::Coder;
use tsumugi_knowledge::{Evidence, State};
use tsumugi_records::{Population, Store};

/// Options of `diagnose`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How standard input is read.
    #[arg(long, default_value = "jsonl", value_parser = ["jsonl"])]
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

/// Steps that are named.
const STEPS: usize = 5;

/// What answers, each made when the first line needs it.
struct Desk<'a> {
    args: &'a Args,
    advice: Option<Advice>,
    /// The site's ontology, or why there is none.
    site: Option<Result<Site, String>>,
}

/// What a line is answered from.
#[derive(Clone, Copy)]
struct Asking<'a> {
    advice: &'a Advice,
    living: &'a Living,
    top: usize,
}

/// What a line asks.
struct Asked {
    id: Option<String>,
    patient: Patient,
    candidates: Vec<String>,
    /// Only orders are told: what is being considered is asked.
    is_of_orders: bool,
}

/// Ranks for every line of standard input.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut desk = Desk {
        args,
        advice: None,
        site: None,
    };
    if args.explain {
        return explain::lines(|line| desk.answer(line));
    }
    answer_lines(|line| desk.answer(line))
}

impl Desk<'_> {
    fn answer(&mut self, mut line: Line) -> anyhow::Result<Result<Value, BadLine>> {
        match phenotypic::question(&mut line) {
            Err(refused) => Ok(Err(refused)),
            Ok(Some(question)) => self.phenotypic(&line, &question),
            Ok(None) => {
                let advice = opened(&mut self.advice, &self.args.place)?;
                let living = advice.living(Population::Real);
                let desk = Asking {
                    advice,
                    living: &living,
                    top: self.args.top,
                };
                Ok(asked(advice, &mut line).map(|asked| desk.answer(&asked)))
            }
        }
    }

    fn phenotypic(&mut self, line: &Line, question: &Question) -> anyhow::Result<Result<Value, BadLine>> {
        let place = &self.args.place;
        match self.site.get_or_insert_with(|| Site::open(place)) {
            Ok(site) => site.answer(question, self.args.top, || opened(&mut self.advice, place)),
            Err(message) => Ok(Err(line.bad("no-ontology", message.clone()))),
        }
    }
}

/// The engine, with what the site's store has learned where there is a store.
fn opened<'d>(advice: &'d mut Option<Advice>, place: &Place) -> anyhow::Result<&'d Advice> {
    if advice.is_none() {
        let coder = Coder::embedded().context("the embedded tables are broken")?;
        let store = match place.open_reading() {
            Ok(store) => store,
            Err(_) => Store::open_in_memory()?,
        };
        *advice = Some(Advice::open(Arc::new(coder), &store)?);
    }
    advice.as_ref().context("the engine was just made")
}

fn asked(advice: &Advice, line: &mut Line) -> Result<Asked, BadLine> {
    let id = line.id.clone();
    let candidates = line.field::<Vec<String>>("candidates")?.unwrap_or_default();
    let orders = line.field::<Vec<String>>("orders")?;
    let is_of_orders = orders.is_some();
    let note = Note {
        id: id.clone().unwrap_or_default(),
        text: if is_of_orders { String::new() } else { line.text()? },
        date: line.field("date")?,
        patient: line.field("patient")?,
    };
    let mut patient = advice.patient_of(&note);
    if let Some(sex) = line.field::<String>("sex")? {
        patient.sex = super::knowledge::sex(&sex).or(patient.sex);
    }
    patient.age = line.field("age")?.or(patient.age);
    for order in orders.into_iter().flatten() {
        let named = advice.order_named(&order);
        let named = named.ok_or_else(|| {
            line.bad(
                "unknown-order",
                format!("{order}: no test, drug or procedure has this name"),
            )
        })?;
        patient.orders.push((named, tsumugi_cds::Place::default()));
    }
    Ok(Asked {
        id,
        patient,
        candidates,
        is_of_orders,
    })
}

impl Asking<'_> {
    fn answer(&self, asked: &Asked) -> Value {
        if asked.is_of_orders {
            return self.considered(asked);
        }
        let findings = Findings::of(&asked.patient);
        let vocabulary = self.advice.coder.vocabulary();
        let ranked: Vec<Value> = if asked.candidates.is_empty() {
            let ranked = self.living.differential.rank(vocabulary, &findings, self.top);
            ranked.iter().map(|ranked| self.entry(ranked)).collect()
        } else {
            self.of_candidates(&findings, &asked.candidates)
        };
        let steps = next(
            &self.living.differential,
            &self.living.own,
            vocabulary,
            &findings,
            STEPS,
        );
        let steps = steps.iter().map(|step| {
            let kind = if step.step == Step::Laboratory { "test" } else { "finding" };
            json!({kind: name_of(self.advice, &step.state), "step": step.step.word(), "gain_bits": round(step.gain)})
        });
        let pair = Some(&asked.candidates)
            .filter(|candidates| candidates.is_empty())
            .and_then(|_| together(&self.living.differential, vocabulary, &findings));
        json!({
            "id": asked.id, "ranked": ranked, "ask_next": steps.collect::<Vec<_>>(),
            "together": pair.map(|pair| self.pair(&pair)), "drugs": self.drugs(&asked.patient),
        })
    }

    /// Two diseases with what each explains.
    fn pair(&self, pair: &Pair) -> Value {
        let disease = |(key, findings): &(Arc<str>, Vec<State>)| {
            let explains: Vec<String> = findings.iter().map(|state| name_of(self.advice, state)).collect();
            json!({"disease": name_of(self.advice, &State::new(Arc::clone(key))), "explains": explains})
        };
        let diseases: Vec<Value> = pair.diseases.iter().map(disease).collect();
        json!({"diseases": diseases, "gain": round(pair.gain)})
    }

    /// What drugs that are taken may have brought about.
    fn drugs(&self, patient: &Patient) -> Vec<Value> {
        let checks = Checks {
            vocabulary: self.advice.coder.vocabulary(),
            book: &self.advice.drugs,
        };
        let found = induced(&checks, patient);
        let one = |induced: &tsumugi_cds::Induced| {
            json!({
                "finding": name_of(self.advice, &induced.finding),
                "drug": name_of(self.advice, &State::new(Arc::clone(&induced.drug))),
                "frequency": induced.frequency.word(), "serious": induced.is_serious, "days": induced.days,
                "status": induced.basis.status.word(),
            })
        };
        found.iter().map(one).collect()
    }

    /// What the orders ask for, and the test that would tell.
    fn considered(&self, asked: &Asked) -> Value {
        let vocabulary = self.advice.coder.vocabulary();
        let found = self
            .living
            .orders
            .considered(vocabulary, &asked.patient, self.top);
        let ranked: Vec<Value> = found.ranked.iter().map(|ranked| self.entry(ranked)).collect();
        let missing = |missing: &Missing| {
            let test = State::new(Arc::clone(&missing.test));
            json!({"test": name_of(self.advice, &test), "share": round(missing.share), "worth": round(missing.worth)})
        };
        let missing: Vec<Value> = found.missing.iter().map(missing).collect();
        json!({"id": asked.id, "ranked": ranked, "ask_next": missing})
    }

    /// Exactly the candidates, best first, those that the knowledge does not have last.
    fn of_candidates(&self, findings: &Findings, candidates: &[String]) -> Vec<Value> {
        let vocabulary = self.advice.coder.vocabulary();
        let differential: &Differential = &self.living.differential;
        let scores = differential.scores(vocabulary, findings);
        let score = |disease: usize| scores.get(disease).copied();
        let mut found: Vec<(&String, Option<(usize, f64)>)> = candidates
            .iter()
            .map(|name| {
                let disease = self.advice.disease_named(self.living, name);
                (name, disease.and_then(|disease| Some((disease, score(disease)?))))
            })
            .collect();
        let of = |found: &Option<(usize, f64)>| found.map_or(f64::NEG_INFINITY, |(_, score)| score);
        found.sort_by(|a, b| of(&b.1).total_cmp(&of(&a.1)));
        let known: Vec<f64> = found
            .iter()
            .filter_map(|(_, known)| Some(known.as_ref()?.1))
            .collect();
        let mut probabilities = differential.probabilities(&known).into_iter();
        let entry = |(candidate, known): (&String, Option<(usize, f64)>)| {
            let ranked = known.and_then(|(disease, score)| {
                Some(Ranked {
                    disease: differential.key_of(disease)?,
                    score,
                    probability: probabilities.next()?,
                    because: differential.reasons(vocabulary, findings, disease),
                })
            });
            let given = json!({"candidate": candidate});
            match ranked {
                Some(ranked) => merged(given, self.entry(&ranked)),
                None => merged(
                    given,
                    json!({"disease": {"name": candidate, "codes": []}, "unknown": true}),
                ),
            }
        };
        found.into_iter().map(entry).collect()
    }

    fn entry(&self, ranked: &Ranked) -> Value {
        let concept = self.advice.coder.vocabulary().concept(&ranked.disease);
        let name = concept.map_or(ranked.disease.as_ref(), |concept| concept.name.as_ref());
        let codes = concept.map_or(&[][..], |concept| &concept.codes);
        let reasons = ranked.because.iter();
        json!({
            "disease": {"name": name, "codes": codes},
            "score": round(ranked.score),
            "probability": round(ranked.probability),
            "because": reasons.map(|reason| reason_of(self, ranked, reason)).collect::<Vec<_>>(),
        })
    }
}

/// Adds the fields of the second object to the first.
fn merged(mut entry: Value, other: Value) -> Value {
    if let (Value::Object(entry), Value::Object(other)) = (&mut entry, other) {
        entry.extend(other);
    }
    entry
}

fn reason_of(desk: &Asking<'_>, ranked: &Ranked, reason: &Reason) -> Value {
    let finding = reason.state.as_ref().map(|state| name_of(desk.advice, state));
    let disease = desk.living.own.disease(&ranked.disease);
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
fn name_of(advice: &Advice, state: &State) -> String {
    let concept = advice.coder.vocabulary().concept(state.concept());
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
