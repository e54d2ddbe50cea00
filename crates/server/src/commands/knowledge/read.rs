//! `knowledge read`, `plan` and `mechanism`: statements proposed from a text, a guideline as a FHIR resource, and the
//! diseases that share a mechanism.

use super::super::say;
use super::super::store::Place;
use super::Report;
use crate::advice::{Advice, NewStatement, Taken};
use crate::library;
use crate::proposals::{KINDS, Proposal, ReadingRules, guess, propose, text_of};
use anyhow::Context as _;
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use tsumugi_knowledge::{State, plan_definition};
use tsumugi_records::{Population, Store};
use tsumugi_terminology::{embedded_files, sources_of, system};

/// Options of `read`.
#[derive(clap::Args)]
pub(crate) struct ReadArgs {
    /// Text, or the XML of a package insert.
    file: PathBuf,
    /// What it is; guessed where it is not said.
    #[arg(long, value_parser = KINDS)]
    kind: Option<String>,
    /// The drug of an insert that does not name it, as a concept id.
    #[arg(long)]
    subject: Option<String>,
    /// Numbers of the proposals that a person accepts, from 1; without it they are only printed.
    #[arg(long, value_delimiter = ',', requires = "source", requires = "by")]
    accept: Vec<usize>,
    /// Id of the source under which they are asserted.
    #[arg(long)]
    source: Option<String>,
    /// Title of the text (default: the id of the source).
    #[arg(long)]
    title: Option<String>,
    /// Who publishes the text.
    #[arg(long)]
    organisation: Option<String>,
    /// Edition, version or date of revision of the text.
    #[arg(long)]
    edition: Option<String>,
    /// Licence under which the text may be used.
    #[arg(long)]
    licence: Option<String>,
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
    let kind = args.kind.as_deref().unwrap_or_else(|| guess(&rules, &text));
    if args.accept.is_empty() {
        let advice = args.place.advice()?;
        let living = advice.living(Population::Real);
        let proposals = propose(&advice, &living, &rules, kind, args.subject.as_deref(), &text);
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
    let store = args.place.open()?;
    let advice = Advice::open(Arc::new(args.place.engine()?), &store)?;
    let living = advice.living(Population::Real);
    let proposals = propose(&advice, &living, &rules, kind, args.subject.as_deref(), &text);
    accept(args, &store, &advice, &proposals)
}

fn accept(
    args: &ReadArgs,
    store: &Store,
    advice: &Advice,
    proposals: &[Proposal],
) -> anyhow::Result<ExitCode> {
    let file = args.file.display().to_string();
    let mut report = Report {
        read: proposals.len() as u64,
        ..Report::default()
    };
    let source: Arc<str> = args.source.as_deref().unwrap_or_default().into();
    let given = |word: &Option<String>| Arc::from(word.as_deref().unwrap_or_default());
    let mut numbers = Vec::new();
    let mut statements = Vec::new();
    for number in &args.accept {
        let Some(proposal) = number.checked_sub(1).and_then(|index| proposals.get(index)) else {
            report.reject(&file, *number as u64, "there is no proposal with this number");
            continue;
        };
        let mut said = proposal.said.clone();
        said.place.title = args.title.as_deref().unwrap_or(&source).into();
        said.place.organisation = given(&args.organisation);
        said.place.edition = given(&args.edition);
        said.place.licence = given(&args.licence);
        numbers.push(*number as u64);
        statements.push(NewStatement {
            source: Arc::clone(&source),
            said,
        });
    }
    let taken = advice.accept(store, args.by.as_deref().unwrap_or_default(), &statements)?;
    for (number, taken) in numbers.into_iter().zip(taken) {
        match taken {
            Taken::In(_) => report.added += 1,
            Taken::Known(held) => report.diagnostics.push(json!({
                "file": file, "line": number, "severity": "warning",
                "message": format!("the log holds it already, as number {held}"),
            })),
            Taken::Refused(message) => report.reject(&file, number, &message),
        }
    }
    report.edition = super::recompile(store)?;
    report.print()
}

/// A guideline as a FHIR R4 `PlanDefinition`.
pub(super) fn plan(place: &Place, id: &str) -> anyhow::Result<ExitCode> {
    let advice = place.advice()?;
    let living = advice.living(Population::Real);
    let guidelines = living.guidelines();
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
pub(super) fn mechanism(place: &Place, words: &str) -> anyhow::Result<ExitCode> {
    let advice = place.advice()?;
    let living = advice.living(Population::Real);
    let chains = living.chains();
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
