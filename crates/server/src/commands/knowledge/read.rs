//! `knowledge read`, `plan` and `mechanism`: statements proposed from a text, a guideline as a FHIR resource, and the
//! diseases that share a mechanism.

use super::super::say;
use super::super::store::Place;
use super::Report;
use crate::advice::Advice;
use crate::library;
use crate::proposals::{KINDS, Proposal, ReadingRules, propose, text_of};
use anyhow::Context as _;
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use tsumugi_knowledge::{State, Statement, plan_definition};
use tsumugi_records::Population;
use tsumugi_terminology::{embedded_files, sources_of, system};

/// Options of `read`.
#[derive(clap::Args)]
pub(crate) struct ReadArgs {
    /// Text, or the XML of a package insert.
    file: PathBuf,
    /// What it is.
    #[arg(long, value_parser = KINDS)]
    kind: String,
    /// The drug of an insert that does not name it, as a concept id.
    #[arg(long)]
    subject: Option<String>,
    /// Numbers of the proposals that a person accepts, from 1; without it they are only printed.
    #[arg(long, value_delimiter = ',', requires = "source", requires = "by")]
    accept: Vec<usize>,
    /// Id of the source under which they are asserted.
    #[arg(long)]
    source: Option<String>,
    /// Who accepts them.
    #[arg(long)]
    by: Option<String>,
    #[command(flatten)]
    place: Place,
}

/// Proposes, and asserts what a person accepts.
pub(super) fn read(args: &ReadArgs) -> anyhow::Result<ExitCode> {
    let files = embedded_files();
    let rules = ReadingRules::new(&sources_of(&files));
    let contents = library::read_text(&args.file)?;
    let text =
        text_of(&rules, &contents).map_err(|error| anyhow::anyhow!("{}: {error}", args.file.display()))?;
    let advice = Advice::embedded()?;
    let living = advice.living(Population::Real);
    let proposals = propose(
        &advice,
        &living,
        &rules,
        &args.kind,
        args.subject.as_deref(),
        &text,
    );
    if args.accept.is_empty() {
        for (number, proposal) in (1..).zip(&proposals) {
            let mut line = serde_json::to_value(proposal)?;
            if let Some(fields) = line.as_object_mut() {
                fields.insert("number".to_owned(), json!(number));
            }
            say(&line.to_string())?;
        }
        if proposals.is_empty() {
            super::super::remark("nothing in this text is a statement that the tables know");
        }
        return Ok(ExitCode::SUCCESS);
    }
    let mut report = Report {
        read: proposals.len() as u64,
        ..Report::default()
    };
    let mut accepted: Vec<&Proposal> = Vec::new();
    for number in &args.accept {
        match number.checked_sub(1).and_then(|index| proposals.get(index)) {
            Some(proposal) => accepted.push(proposal),
            None => report.reject(
                &args.file.display().to_string(),
                *number as u64,
                "there is no proposal with this number",
            ),
        }
    }
    let store = args.place.open()?;
    let source: Arc<str> = args.source.as_deref().unwrap_or_default().into();
    let statements: Vec<(Arc<str>, Statement)> = accepted
        .iter()
        .map(|proposal| (Arc::clone(&source), Statement::Accepted(proposal.said.clone())))
        .collect();
    report.added = statements.len() as u64;
    library::append(&store, args.by.as_deref().unwrap_or_default(), &statements)?;
    report.edition = super::recompile(&store)?;
    report.print()
}

/// A guideline as a FHIR R4 `PlanDefinition`.
pub(super) fn plan(id: &str) -> anyhow::Result<ExitCode> {
    let advice = Advice::embedded()?;
    let guidelines = &advice.guidelines;
    let guideline = guidelines.get(id).with_context(|| {
        let known: Vec<&str> = guidelines.iter().map(|guideline| guideline.id.as_ref()).collect();
        format!("no guideline {id}; there are {}", known.join(", "))
    })?;
    let name = |concept: &str| {
        let concept = advice.coder.vocabulary().concept(concept)?;
        Some(Arc::clone(&concept.name))
    };
    say(&plan_definition(guideline, system::TSUMUGI, name).to_string())
}

/// Diseases whose causal chain holds a state, one JSON object a line.
pub(super) fn mechanism(words: &str) -> anyhow::Result<ExitCode> {
    let advice = Advice::embedded()?;
    let chains = &advice.chains;
    let by_name = chains
        .states()
        .find(|state| {
            [&state.id, &state.name, &state.english]
                .iter()
                .any(|name| name.as_ref() == words)
        })
        .map(|state| State::new(Arc::clone(&state.id)));
    let concept = || {
        let index = advice.coder.vocabulary().search().named(words, 1);
        let key = index.first()?.key;
        Some(State::new(advice.coder.vocabulary().get(key)?.id.as_str()))
    };
    let state = by_name
        .or_else(concept)
        .with_context(|| format!("{words}: neither an abnormal state nor a concept"))?;
    for (disease, held) in chains.sharing(&state) {
        let concept = advice.coder.vocabulary().concept(&disease);
        let name = concept.map(|concept| concept.name.to_string());
        say(&json!({"disease": disease, "name": name, "state": held}).to_string())?;
    }
    Ok(ExitCode::SUCCESS)
}
