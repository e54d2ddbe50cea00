//! `tsumugi terms`: the terminology of the program and of the site, to search, to look at, to count, and to import.

mod masters;

use super::remark;
use crate::chart;
use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tsumugi_tables::Table;
use tsumugi_terminology::{
    Concept, DataFile, Masters, TermHit, Vocabulary, edition, embedded_files, embedded_tagger, kind_word,
    sources_of, system,
};

/// Names that are offered when a name is not there.
const MOST_OFFERED: usize = 5;
/// Concepts of one name that are shown.
const MOST_SHOWN: usize = 20;

/// What of the terminology.
#[derive(clap::Subcommand)]
pub(crate) enum Terms {
    /// Finds concepts by a name, its beginning, kana, romaji, English or a code.
    Search(SearchArgs),
    /// Shows a concept: names, place in the hierarchy, codes.
    Show(ShowArgs),
    /// Counts concepts, names, codes and ambiguous forms.
    Stats(StatsArgs),
    /// Reads a master of the site (MEDIS, claims, HOT, JLAC, LOINC, SNOMED CT, HPO) or its dictionary.
    Import(masters::ImportArgs),
    /// Lists the masters of the site.
    Masters(masters::ListArgs),
    /// Takes a master of the site off.
    Remove(masters::RemoveArgs),
    /// Writes the layouts of the masters' files to a folder, to be corrected.
    Layouts(masters::LayoutsArgs),
}

/// Options of `terms search`.
#[derive(clap::Args)]
pub(crate) struct SearchArgs {
    /// What to look for; several words are one name.
    #[arg(required = true)]
    words: Vec<String>,
    /// Most concepts printed.
    #[arg(long, default_value_t = 20)]
    limit: usize,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
    /// Folder whose masters are known too (default: the platform's data directory).
    #[arg(long)]
    data: Option<PathBuf>,
}

/// Options of `terms show`.
#[derive(clap::Args)]
pub(crate) struct ShowArgs {
    /// An id, a name, a reading or a code.
    #[arg(required = true)]
    concept: Vec<String>,
    /// One JSON object a concept and line.
    #[arg(long)]
    json: bool,
    /// Folder whose masters are known too (default: the platform's data directory).
    #[arg(long)]
    data: Option<PathBuf>,
}

/// Options of `terms stats`.
#[derive(clap::Args)]
pub(crate) struct StatsArgs {
    /// A JSON object.
    #[arg(long)]
    json: bool,
    /// Folder whose masters are known too (default: the platform's data directory).
    #[arg(long)]
    data: Option<PathBuf>,
}

/// Runs one of them.
pub(crate) fn run(terms: &Terms) -> anyhow::Result<ExitCode> {
    match terms {
        Terms::Search(args) => search(&vocabulary(args.data.as_deref())?, args),
        Terms::Show(args) => show(&vocabulary(args.data.as_deref())?, args),
        Terms::Stats(args) => stats(args),
        Terms::Import(args) => masters::import(args),
        Terms::Masters(args) => masters::list(args),
        Terms::Remove(args) => masters::remove(args),
        Terms::Layouts(args) => masters::layouts(args),
    }
}

/// What the program and the site know.
fn vocabulary(data: Option<&Path>) -> anyhow::Result<Vocabulary> {
    let masters = of_site(data);
    let files = embedded_files();
    Vocabulary::with_masters(&sources_of(&files), &masters).context("the embedded tables are broken")
}

fn of_site(data: Option<&Path>) -> Masters {
    let folder = chart::data_folder(data).ok();
    folder
        .map(|folder| crate::masters::open(&folder))
        .unwrap_or_default()
}

/// One line a concept: id, name, kind, codes, and what matched; the count goes to standard error.
fn search(vocabulary: &Vocabulary, args: &SearchArgs) -> anyhow::Result<ExitCode> {
    let words = args.words.join(" ");
    let hits = vocabulary.search().find(&words, args.limit);
    let mut out = std::io::stdout().lock();
    for hit in &hits {
        let Some(concept) = vocabulary.get(hit.key) else {
            continue;
        };
        if args.json {
            writeln!(out, "{}", hit_value(concept, hit))?;
        } else {
            let codes: Vec<String> = codes(concept).map(|(_, code)| code.to_owned()).collect();
            writeln!(
                out,
                "{}\t{}\t{}\t{}\t{} <- {}",
                concept.id,
                concept.name,
                kind_word(concept.kind),
                codes.join(" "),
                how(hit),
                hit.name
            )?;
        }
    }
    if hits.is_empty() {
        remark(&format!("{words}: nothing has such a name, reading or code"));
    }
    Ok(ExitCode::SUCCESS)
}

fn how(hit: &TermHit) -> String {
    let word = |value: Value| value.as_str().unwrap_or_default().to_owned();
    let (how, by) = (word(json!(hit.how)), word(json!(hit.by)));
    if hit.slips > 0 {
        format!("{how}-{} {by}", hit.slips)
    } else {
        format!("{how} {by}")
    }
}

fn hit_value(concept: &Concept, hit: &TermHit) -> Value {
    json!({
        "concept": concept.id.as_str(),
        "name": &*concept.name,
        "kind": kind_word(concept.kind),
        "codes": codes_value(concept),
        "matched": &*hit.name,
        "by": hit.by,
        "how": hit.how,
        "slips": hit.slips,
    })
}

/// Codes in other systems, with the short name of the system.
fn codes(concept: &Concept) -> impl Iterator<Item = (&str, &str)> {
    let others = concept
        .codes
        .iter()
        .filter(|code| code.system.as_ref() != system::TSUMUGI);
    others.map(|code| (system::label(&code.system), code.code.as_ref()))
}

fn codes_value(concept: &Concept) -> Value {
    let codes = concept.codes.iter();
    codes
        .map(|code| json!({"system": &*code.system, "code": &*code.code}))
        .collect()
}

/// Everything about the concepts of a name.
fn show(vocabulary: &Vocabulary, args: &ShowArgs) -> anyhow::Result<ExitCode> {
    let words = args.concept.join(" ");
    let keys: Vec<u32> = if let Some(key) = vocabulary.key(&words) {
        vec![key]
    } else {
        let named = vocabulary.search().named(&words, MOST_SHOWN);
        named.into_iter().map(|hit| hit.key).collect()
    };
    if keys.is_empty() {
        let near = vocabulary.search().find(&words, MOST_OFFERED);
        let ids: Vec<String> = near
            .iter()
            .filter_map(|hit| vocabulary.get(hit.key))
            .map(|concept| format!("{} ({})", concept.name, concept.id))
            .collect();
        if ids.is_empty() {
            bail!("{words}: no concept has this id, name or code, nor one like it");
        }
        bail!(
            "{words}: no concept has this id, name or code; near it: {}",
            ids.join(", ")
        );
    }
    let mut out = std::io::stdout().lock();
    for key in keys {
        if let Some(concept) = vocabulary.get(key) {
            if args.json {
                writeln!(out, "{}", concept_value(vocabulary, key, concept))?;
            } else {
                write!(out, "{}", concept_text(vocabulary, key, concept))?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn concept_value(vocabulary: &Vocabulary, key: u32, concept: &Concept) -> Value {
    let place = |keys: &[u32]| -> Value {
        let concepts = keys.iter().filter_map(|key| vocabulary.get(*key));
        concepts
            .map(|concept| json!({"concept": concept.id.as_str(), "name": &*concept.name}))
            .collect()
    };
    let names: Value = concept
        .synonyms
        .iter()
        .map(|(name, reading)| json!({"name": name, "reading": reading}))
        .collect();
    let interval = concept.interval;
    json!({
        "concept": concept.id.as_str(),
        "name": &*concept.name,
        "reading": concept.kana,
        "english": &*concept.english,
        "kind": kind_word(concept.kind),
        "names": names,
        "parents": place(&concept.parents),
        "ancestors": place(vocabulary.ancestors(key).get(1..).unwrap_or(&[])),
        "children": place(vocabulary.children(key)),
        "site": concept.site.and_then(|site| vocabulary.get(site)).map(|site| site.id.as_str()),
        "codes": codes_value(concept),
        "flags": concept.flags,
        "unit": concept.unit.as_deref(),
        "interval": {"low": interval.low, "high": interval.high, "low_women": interval.low_women, "high_women": interval.high_women},
        "routes": concept.routes,
    })
}

/// A concept for people: a line a fact.
fn concept_text(vocabulary: &Vocabulary, key: u32, concept: &Concept) -> String {
    let read = |name: &str, reading: &str| match reading {
        "" => name.to_owned(),
        reading => format!("{name} ({reading})"),
    };
    let mut lines = vec![format!(
        "{}  {}  [{}]",
        concept.id,
        read(&concept.name, &concept.kana),
        kind_word(concept.kind)
    )];
    let mut line = |label: &str, text: &str| {
        if !text.is_empty() {
            lines.push(format!("  {label:<10}{text}"));
        }
    };
    line("english", &concept.english);
    for (name, reading) in &concept.synonyms {
        line("name", &read(name, reading));
    }
    for (system, code) in codes(concept) {
        line("code", &format!("{system} {code}"));
    }
    let place = |key: u32| {
        let concept = vocabulary.get(key);
        concept.map_or_else(String::new, |concept| format!("{}  {}", concept.id, concept.name))
    };
    for above in vocabulary.ancestors(key).into_iter().skip(1) {
        let is_parent = concept.parents.contains(&above);
        line(if is_parent { "parent" } else { "above" }, &place(above));
    }
    for child in vocabulary.children(key) {
        line("child", &place(*child));
    }
    line("site", &concept.site.map(place).unwrap_or_default());
    line("flags", &concept.flags.join(" "));
    line("unit", concept.unit.as_deref().unwrap_or(""));
    line("routes", &concept.routes.join(" "));
    lines.join("\n") + "\n"
}

/// What the terminology holds.
#[derive(Default)]
struct Counts {
    concepts: BTreeMap<&'static str, usize>,
    names: BTreeMap<&'static str, usize>,
    codes: BTreeMap<String, usize>,
    /// Names of more than one concept in the tables, without the forms of `lexicon/ambiguous.tsv`.
    shared: usize,
    /// Forms of `lexicon/ambiguous.tsv`.
    ambiguous: usize,
    /// Their readings.
    ambiguous_readings: usize,
}

fn count(vocabulary: &Vocabulary, files: &[DataFile]) -> Counts {
    let mut counts = Counts::default();
    let mut owners: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
    for (_, concept) in vocabulary.iter() {
        let word = kind_word(concept.kind);
        *counts.concepts.entry(word).or_default() += 1;
        *counts.names.entry(word).or_default() += 1 + concept.synonyms.len();
        for (system, _) in codes(concept) {
            *counts.codes.entry(system.to_owned()).or_default() += 1;
        }
    }
    for (key, form, _) in vocabulary.readings() {
        owners.entry(form).or_default().insert(key);
    }
    let sources = sources_of(files);
    let table = sources
        .iter()
        .find(|source| source.path == "lexicon/ambiguous.tsv")
        .map(|source| Table::parse(*source, &mut Vec::new()));
    let forms: Vec<&str> = table
        .iter()
        .flat_map(Table::rows)
        .map(|row| row.get("form"))
        .collect();
    let distinct: BTreeSet<&str> = forms.iter().copied().collect();
    counts.ambiguous = distinct.len();
    counts.ambiguous_readings = forms.len();
    counts.shared = owners
        .iter()
        .filter(|(form, owners)| owners.len() > 1 && !distinct.contains(*form))
        .count();
    counts
}

fn stats(args: &StatsArgs) -> anyhow::Result<ExitCode> {
    let files = embedded_files();
    let masters = of_site(args.data.as_deref());
    let sources = sources_of(&files);
    let vocabulary =
        Vocabulary::with_masters(&sources, &masters).context("the embedded tables are broken")?;
    let counts = count(&vocabulary, &files);
    let edition = edition(&files, embedded_tagger().as_deref()) + &masters.edition();
    let (concepts, names): (usize, usize) = (counts.concepts.values().sum(), counts.names.values().sum());
    let mut out = std::io::stdout().lock();
    if args.json {
        let value = json!({
            "edition": edition,
            "concepts": {"all": concepts, "by_kind": counts.concepts},
            "names": {"all": names, "by_kind": counts.names},
            "codes": counts.codes,
            "ambiguous": {"forms": counts.ambiguous, "readings": counts.ambiguous_readings, "other_shared_names": counts.shared},
        });
        writeln!(out, "{value}")?;
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(out, "edition {edition}")?;
    writeln!(out, "{:<14}{:>9}{:>9}", "kind", "concepts", "names")?;
    for (word, count) in &counts.concepts {
        let names = counts.names.get(word).copied().unwrap_or_default();
        writeln!(out, "{word:<14}{count:>9}{names:>9}")?;
    }
    writeln!(out, "{:<14}{concepts:>9}{names:>9}", "all")?;
    for (system, count) in &counts.codes {
        writeln!(out, "{:<14}{count:>9}", format!("code {system}"))?;
    }
    writeln!(
        out,
        "{:<14}{:>9}  ({} readings; {} other names of several concepts)",
        "ambiguous", counts.ambiguous, counts.ambiguous_readings, counts.shared
    )?;
    Ok(ExitCode::SUCCESS)
}
