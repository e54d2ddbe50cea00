//! `tsumugi knowledge …`: imports, learns, takes back, compares and shows what the knowledge base holds. Each command ends
//! with one JSON report.

mod read;
mod show;

use super::say;
use super::store::Place;
use crate::library::{self, Library};
use anyhow::Context as _;
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use tsumugi_clinical::Sex;
use tsumugi_knowledge::hpo::{Terms, read_annotations, read_labels, read_terms};
use tsumugi_knowledge::{Case, State, Statement, View};
use tsumugi_records::Store;

/// What is done.
#[derive(clap::Subcommand)]
pub(crate) enum Knowledge {
    /// Imports a site's own files.
    Import {
        #[command(subcommand)]
        what: Import,
    },
    /// Learns cases: JSON lines `id, observed|obs, excluded|exc, sex, age, onset, disease, source|pmid`, or phenopackets.
    Learn(LearnArgs),
    /// Takes back a source or a case: afterwards the knowledge is as if it had never been seen.
    Retract(RetractArgs),
    /// Compares two days of the log, or two sets of sources.
    Diff(DiffArgs),
    /// Shows what is known of a concept, with its sources.
    Show(ShowArgs),
    /// Proposes statements from a guideline, an abstract or a package insert; asserts those that a person accepts.
    Read(read::ReadArgs),
    /// Prints a guideline as a FHIR R4 `PlanDefinition`.
    Plan {
        /// Id of the guideline.
        guideline: String,
    },
    /// Lists the diseases that share a mechanism.
    Mechanism {
        /// Name or id of an abnormal state.
        state: String,
    },
    /// Counts.
    Stats(Place),
}

/// What is imported.
#[derive(clap::Subcommand)]
pub(crate) enum Import {
    /// The Human Phenotype Ontology: `hp.obo`, `phenotype.hpoa` and Japanese labels.
    Hpo(HpoArgs),
}

/// Options of `import hpo`.
#[derive(clap::Args)]
pub(crate) struct HpoArgs {
    /// `hp.obo`, unaltered.
    #[arg(long)]
    obo: PathBuf,
    /// `phenotype.hpoa`, unaltered.
    #[arg(long)]
    hpoa: PathBuf,
    /// Japanese labels (Babelon).
    #[arg(long)]
    ja: Option<PathBuf>,
    /// Databases whose diseases are taken, by the beginning of their ids.
    #[arg(long, value_delimiter = ',', default_value = "OMIM,DECIPHER")]
    databases: Vec<String>,
    #[command(flatten)]
    place: Place,
}

/// Options of `learn`.
#[derive(clap::Args)]
pub(crate) struct LearnArgs {
    /// JSON lines.
    file: PathBuf,
    #[command(flatten)]
    place: Place,
}

/// Options of `retract`.
#[derive(clap::Args)]
pub(crate) struct RetractArgs {
    /// A source (`PMID:10077612`) or the id of a case.
    what: String,
    #[command(flatten)]
    place: Place,
}

/// Options of `diff`.
#[derive(clap::Args)]
pub(crate) struct DiffArgs {
    /// The earlier day (YYYY-MM-DD), or `-SOURCE` for everything without a source.
    #[arg(allow_hyphen_values = true)]
    a: String,
    /// The later day, or `now`.
    #[arg(allow_hyphen_values = true)]
    b: String,
    #[command(flatten)]
    place: Place,
}

/// Options of `show`.
#[derive(clap::Args)]
pub(crate) struct ShowArgs {
    /// A concept id, a name, or a code such as `OMIM:154700`.
    concept: String,
    #[command(flatten)]
    place: Place,
}

/// Exit code when some input was bad and the rest was done.
const SOME_BAD: u8 = 3;

/// Runs a command.
pub(crate) fn run(what: &Knowledge) -> anyhow::Result<ExitCode> {
    match what {
        Knowledge::Import {
            what: Import::Hpo(args),
        } => import_hpo(args),
        Knowledge::Learn(args) => learn(args),
        Knowledge::Retract(args) => retract(args),
        Knowledge::Diff(args) => show::diff(&args.place, &args.a, &args.b),
        Knowledge::Show(args) => show::show(&args.place, &args.concept),
        Knowledge::Read(args) => read::read(args),
        Knowledge::Plan { guideline } => read::plan(guideline),
        Knowledge::Mechanism { state } => read::mechanism(state),
        Knowledge::Stats(place) => show::stats(place),
    }
}

/// What a command has done.
#[derive(Default)]
struct Report {
    read: u64,
    added: u64,
    changed: u64,
    rejected: u64,
    diagnostics: Vec<Value>,
    edition: String,
}

impl Report {
    fn reject(&mut self, file: &str, line: u64, message: &str) {
        self.rejected += 1;
        self.diagnostics
            .push(json!({"file": file, "line": line, "severity": "error", "message": message}));
    }

    fn print(self) -> anyhow::Result<ExitCode> {
        let bad = self.rejected > 0;
        say(&json!({
            "read": self.read, "added": self.added, "changed": self.changed, "rejected": self.rejected,
            "diagnostics": self.diagnostics, "edition": self.edition,
        })
        .to_string())?;
        Ok(if bad {
            ExitCode::from(SOME_BAD)
        } else {
            ExitCode::SUCCESS
        })
    }
}

/// Compiles anew and keeps the snapshot; gives the edition of what is now known.
fn recompile(store: &Store) -> anyhow::Result<String> {
    let (tables, edition) = library::tables()?;
    let library = Library::open(store, tables, &edition)?;
    Ok(format!("{}+{}", library.origin.edition, library.origin.head))
}

fn import_hpo(args: &HpoArgs) -> anyhow::Result<ExitCode> {
    let mut report = Report::default();
    let (obo, hpoa) = (library::read_text(&args.obo)?, library::read_text(&args.hpoa)?);
    let named = |path: &PathBuf, remark: tsumugi_knowledge::hpo::Remark| {
        anyhow::anyhow!("{}:{}: {}", path.display(), remark.line, remark.message)
    };
    let (mut terms, remarks) = read_terms(&obo).map_err(|remark| named(&args.obo, remark))?;
    let (edition, diseases, more) = read_annotations(&hpoa).map_err(|remark| named(&args.hpoa, remark))?;
    for (path, remark) in remarks
        .iter()
        .map(|remark| (&args.obo, remark))
        .chain(more.iter().map(|remark| (&args.hpoa, remark)))
    {
        report.reject(&path.display().to_string(), remark.line.into(), &remark.message);
    }
    if let Some(ja) = &args.ja {
        let labels = read_labels(&library::read_text(ja)?).map_err(|remark| named(ja, remark))?;
        for (id, label) in labels {
            if let Some(term) = terms.terms.get_mut(&id) {
                term.name_ja = Some(label);
            }
        }
    }
    let source: Arc<str> = format!("HPO {edition}").into();
    let store = args.place.open()?;
    let mut statements: Vec<(Arc<str>, Statement)> =
        vec![(Arc::clone(&source), Statement::RetractSource(Arc::clone(&source)))];
    let term = |term| (Arc::clone(&source), Statement::Term(term));
    statements.extend(terms.terms.into_values().map(term));
    let wanted = diseases.into_iter().filter(|disease| {
        let database = disease.disease.split(':').next().unwrap_or_default();
        args.databases.iter().any(|own| own == database)
    });
    statements.extend(wanted.map(|disease| (Arc::clone(&source), Statement::Annotated(disease))));
    report.read = statements.len() as u64 - 1;
    report.added = report.read;
    library::append(
        &store,
        concat!("import hpo ", env!("CARGO_PKG_VERSION")),
        &statements,
    )?;
    recompile(&store)?;
    report.edition = edition;
    report.print()
}

/// A line of cases; other fields are not read.
#[derive(Deserialize)]
struct CaseLine {
    id: String,
    #[serde(alias = "obs", default)]
    observed: Vec<String>,
    #[serde(alias = "exc", default)]
    excluded: Vec<String>,
    sex: Option<String>,
    age: Option<f64>,
    onset: Option<String>,
    disease: String,
    #[serde(alias = "pmid")]
    source: Option<Sources>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Sources {
    One(String),
    Many(Vec<String>),
}

fn learn(args: &LearnArgs) -> anyhow::Result<ExitCode> {
    let mut report = Report::default();
    let name = args.file.display().to_string();
    let text = library::read_text(&args.file)?;
    let store = args.place.open()?;
    let (tables, edition) = library::tables()?;
    let known = Library::open(&store, tables, &edition)?.knowledge;
    let also = also(&known.phenotypes.terms);
    let mut statements: Vec<(Arc<str>, Statement)> = Vec::new();
    for (number, line) in (1u64..).zip(text.lines()) {
        if line.trim().is_empty() {
            continue;
        }
        report.read += 1;
        match read_case(line) {
            Ok((source, mut case)) => {
                for unknown in leave_out_unknown(&known.phenotypes.terms, &also, &mut case) {
                    report.diagnostics.push(json!({
                        "file": name, "line": number, "severity": "warning",
                        "message": format!("{unknown} is not known here; left out"),
                    }));
                }
                match case.checked() {
                    Ok(case) => statements.push((source, Statement::Case(case))),
                    Err(error) => report.reject(&name, number, &error.to_string()),
                }
            }
            Err(error) => report.reject(&name, number, &format!("{error:#}")),
        }
    }
    report.added = statements.len() as u64;
    library::append(&store, concat!("learn ", env!("CARGO_PKG_VERSION")), &statements)?;
    report.edition = recompile(&store)?;
    report.print()
}

fn read_case(line: &str) -> anyhow::Result<(Arc<str>, Case)> {
    let value: Value = serde_json::from_str(line).context("not JSON")?;
    if value.get("phenotypicFeatures").is_some() {
        return phenopacket(&value);
    }
    let line: CaseLine = serde_json::from_value(value).context("not a case")?;
    let source = match line.source {
        Some(Sources::One(source)) => source,
        Some(Sources::Many(sources)) => sources.join(" "),
        None => "unnamed".to_owned(),
    };
    let states = |list: Vec<String>| list.into_iter().map(State::new).collect();
    let case = Case {
        id: line.id.into(),
        disease: line.disease.into(),
        observed: states(line.observed),
        excluded: states(line.excluded),
        sex: line.sex.as_deref().and_then(sex),
        age: line.age,
        onset: line.onset.map(State::new),
    };
    Ok((source.into(), case))
}

/// M, F, or the words of other systems; anything else is not known.
pub(super) fn sex(word: &str) -> Option<Sex> {
    match word.to_ascii_uppercase().as_str() {
        "M" | "MALE" => Some(Sex::Male),
        "F" | "FEMALE" => Some(Sex::Female),
        _ => None,
    }
}

/// A GA4GH phenopacket (schema version 2): subject, phenotypicFeatures, the first disease or interpreted diagnosis.
fn phenopacket(packet: &Value) -> anyhow::Result<(Arc<str>, Case)> {
    let text = |value: &Value, path: &str| value.pointer(path).and_then(Value::as_str).map(str::to_owned);
    let id = text(packet, "/id").context("id is missing")?;
    let disease = text(packet, "/interpretations/0/diagnosis/disease/id")
        .or_else(|| text(packet, "/diseases/0/term/id"))
        .context("neither interpretations nor diseases name a disease")?;
    let mut states: BTreeMap<bool, Vec<State>> = BTreeMap::new();
    for feature in packet
        .get("phenotypicFeatures")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let is_excluded = feature.get("excluded").and_then(Value::as_bool) == Some(true);
        if let Some(term) = text(feature, "/type/id") {
            states.entry(is_excluded).or_default().push(State::new(term));
        }
    }
    let case = Case {
        disease: disease.into(),
        observed: states.remove(&false).unwrap_or_default(),
        excluded: states.remove(&true).unwrap_or_default(),
        sex: text(packet, "/subject/sex").as_deref().and_then(sex),
        age: text(packet, "/subject/timeAtLastEncounter/age/iso8601duration")
            .or_else(|| text(packet, "/subject/timeAtEncounter/age/iso8601duration"))
            .as_deref()
            .and_then(years),
        onset: text(packet, "/diseases/0/onset/ontologyClass/id")
            .or_else(|| text(packet, "/diseases/0/onset/age/iso8601duration"))
            .map(State::new),
        id: id.as_str().into(),
    };
    let source = text(packet, "/metaData/externalReferences/0/id").unwrap_or(id);
    Ok((source.into(), case))
}

/// Years of an ISO 8601 duration (`P3Y6M`).
fn years(duration: &str) -> Option<f64> {
    let span: jiff::Span = duration.parse().ok()?;
    Some(
        f64::from(span.get_years())
            + f64::from(span.get_months()) / 12.0
            + f64::from(span.get_weeks()) / 52.18
            + f64::from(span.get_days()) / 365.25,
    )
}

/// The ids that mean a term beside its own.
fn also(terms: &Terms) -> BTreeMap<&str, &Arc<str>> {
    let all = terms.terms.values();
    all.flat_map(|term| term.also.iter().map(|old| (old.as_ref(), &term.id)))
        .collect()
}

/// Replaces ids that mean a term by its own id, and takes out those that no imported ontology has.
fn leave_out_unknown(terms: &Terms, also: &BTreeMap<&str, &Arc<str>>, case: &mut Case) -> Vec<State> {
    if terms.terms.is_empty() {
        return Vec::new();
    }
    let mut unknown = Vec::new();
    for list in [&mut case.observed, &mut case.excluded] {
        list.retain_mut(|state| {
            if !state.as_str().starts_with("HP:") || terms.terms.contains_key(state.as_str()) {
                return true;
            }
            let Some(id) = also.get(state.as_str()) else {
                unknown.push(state.clone());
                return false;
            };
            *state = State::new(Arc::clone(id));
            true
        });
    }
    unknown
}

fn retract(args: &RetractArgs) -> anyhow::Result<ExitCode> {
    let store = args.place.open_existing()?;
    let log = library::log_of(&store)?;
    let held = tsumugi_knowledge::active(&log, &View::default());
    let by_source = held.iter().filter(|entry| *entry.source == *args.what).count();
    let is_case = |entry: &&&tsumugi_knowledge::Assertion| match &entry.said {
        Statement::Case(case) => *case.id == *args.what,
        _ => false,
    };
    let by_case = held.iter().filter(is_case).count();
    let said = match (by_source, by_case) {
        (0, 0) => anyhow::bail!(
            "{}: neither a source nor a case of the log; `tsumugi knowledge stats` lists the sources",
            args.what
        ),
        (0, _) => Statement::RetractCase(args.what.as_str().into()),
        _ => Statement::RetractSource(args.what.as_str().into()),
    };
    library::append(&store, "retract", &[("site".into(), said)])?;
    let report = Report {
        read: held.len() as u64,
        changed: by_source.max(by_case) as u64,
        edition: recompile(&store)?,
        ..Report::default()
    };
    report.print()
}

/// A view of the log by its word: a day, `now`, or `-SOURCE`.
fn view_of(word: &str) -> anyhow::Result<View> {
    if word == "now" {
        return Ok(View::default());
    }
    if let Some(source) = word.strip_prefix('-') {
        return Ok(View {
            without: [source.into()].into(),
            ..View::default()
        });
    }
    let day: Date = word
        .parse()
        .with_context(|| format!("{word}: a day (YYYY-MM-DD), now, or -SOURCE is wanted"))?;
    Ok(View {
        as_of: Some(day),
        ..View::default()
    })
}
