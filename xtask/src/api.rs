//! `cargo xtask api`: the built binary against its own description, by property-based requests.
//!
//! Needs a built `tsumugi` and Python 3.10 or later with `venv`; installs schemathesis of a pinned version into
//! `target/api`. A fresh store holds dummies, and real patients who are closed to everybody here. Requests come from
//! somebody without a session, from several roles, from the hospital's own system, and from an app with its secret and
//! with a token that a physician let it have, in rounds until there are enough.
//! No answer may be a failure of ours (5xx), of a status, type or form that the description does not have, tell of a
//! closed record, or be a success where the right for it is missing.

mod apps;

use crate::site::{Person, Site, built};
use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The version that is installed.
const SCHEMATHESIS: &str = "schemathesis==4.32.5";
/// Stands in every note of the closed patients.
const MARK: &str = "himitsu-4711";
/// Closed patients; they come after the dummies.
const CLOSED: usize = 3;
/// Number of dummies in a new store.
const DUMMIES: usize = 30;
/// Who may use what is about the system as a whole: the action as a door asks it, and roles of the default rules.
const RIGHTS: [(&str, &[&str]); 7] = [
    ("System(Administer)", &["administrator"]),
    ("System(EditPolicy)", &["administrator"]),
    ("System(ReviewAccess)", &["privacy-officer"]),
    ("System(Register)", &["physician", "nurse"]),
    ("System(Curate)", &["physician"]),
    ("Service", &["service"]),
    ("Token", &["app"]),
];
/// Doors that ask nothing of a person, and find out by themselves which program asks.
const FOR_PROGRAMS: [(&str, &[&str]); 3] = [
    ("POST\t/oauth/token", &["client"]),
    ("POST\t/oauth/introspect", &["client", "service"]),
    ("POST\t/oauth/revoke", &["client"]),
];
/// Who has no session of a person.
const SESSIONLESS: [&str; 4] = ["nobody", "service", "app", "client"];
/// The addresses that a token, and the secret of an app, are for.
const READ_BY_APPS: &str = "^/fhir/";
const ASKED_BY_APPS: &str = "^/oauth/(token|introspect|revoke)$";
/// Addresses that end or change the session they are asked with: they get people of their own.
const ENDS: &str = "^/(sign-out|lock|unlock|api/unlock|second-factor|account/.*)$";
/// Checks that ask for more than forms promise: a form takes any text and says itself what is wrong with it.
const UNASKED: &str = "negative_data_rejection,positive_data_acceptance,missing_required_header,ignored_auth,use_after_free,ensure_resource_availability";

/// What the command takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The binary (default: the release build, else the debug build).
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Requests in all, at least.
    #[arg(long, default_value_t = 10_000)]
    cases: usize,
    /// Requests a door and round that are drawn beside those that are always made.
    #[arg(long, default_value_t = 12)]
    examples: usize,
    /// Python.
    #[arg(long, default_value = "python3")]
    python: PathBuf,
}

/// Runs the command.
///
/// # Errors
/// When something is missing or found.
pub(crate) fn run(args: &Args) -> Result<()> {
    let binary = built(args.binary.as_deref())?;
    let work = crate::root().join("target/api");
    fs::create_dir_all(&work)?;
    let program = installed(&work, &args.python)?;
    let roles = ["physician", "nurse", "administrator", "privacy-officer"];
    let notes: String = (1..=CLOSED).map(closed_note).collect();
    let mut site = Site::start(&binary, &work.join("store"), &roles, &notes)?;
    let nobody = Person {
        role: "nobody",
        header: "Accept-Language: en".to_owned(),
    };
    let mut people = vec![nobody, site.service()?];
    for role in roles {
        people.push(site.sign_in(role, role == "administrator")?);
    }
    let doors = doors(&site)?;
    let physician = people.iter().find(|person| person.role == "physician");
    let administrator = people.iter().find(|person| person.role == "administrator");
    let (physician, administrator) = physician.zip(administrator).context("nobody to let apps in")?;
    let physician = physician.clone();
    let probe = apps::Probe::register(&site, administrator)?;
    let mut tally = Tally::default();
    let mut findings = Vec::new();
    let mut round = 0;
    while tally.cases < args.cases {
        // A token holds for a quarter of an hour: each round has its own.
        let reads = probe.granted(&site, &physician, 1)?;
        let spent = probe.granted(&site, &physician, 2)?;
        let programs = [reads.reader(), probe.client()];
        for person in people.iter().chain(&programs) {
            let counts = work.join("counts.tsv");
            let _ = fs::remove_file(&counts);
            let asked = Asked {
                person,
                examples: args.examples,
                round,
                spent: &spent,
            };
            let report = ask(&program, &site, &asked, &counts)?;
            let counted = fs::read_to_string(&counts).unwrap_or_default();
            ensure!(
                !counted.is_empty(),
                "schemathesis asked nothing as {}:\n{report}",
                person.role
            );
            findings.extend(tally.count(person, &counted, &doors));
            if let Some(report) = report.strip_prefix("FOUND\n") {
                findings.push(format!("as {}:\n{report}", person.role));
            }
            ensure!(site.is_up(), "the server ended while {} asked", person.role);
            let still =
                SESSIONLESS.contains(&person.role) || site.get("/account", &person.header)?.status == 200;
            ensure!(still, "the session of {} ended", person.role);
        }
        round += 1;
        ensure!(
            findings.is_empty(),
            "{} findings:\n{}",
            findings.len(),
            findings.join("\n")
        );
        println!("round {round}: {} cases so far, no finding", tally.cases);
    }
    tally.told(&doors);
    Ok(())
}

fn closed_note(number: usize) -> String {
    serde_json::json!({
        "id": format!("closed-{number}"), "patient": format!("CLOSED-{number}"), "author": "dr. a",
        "date": "2026-11-20", "text": format!("{MARK} fever."),
    })
    .to_string()
        + "\n"
}

/// What every door asks, by method and address.
fn doors(site: &Site) -> Result<BTreeMap<String, String>> {
    let document: Value = serde_json::from_str(&site.get("/openapi.json", "")?.body)?;
    let paths = document
        .get("paths")
        .and_then(Value::as_object)
        .context("no paths")?;
    let mut doors = BTreeMap::new();
    for (path, item) in paths {
        for (method, operation) in item.as_object().into_iter().flatten() {
            let asks = operation
                .get("x-asks")
                .and_then(Value::as_str)
                .unwrap_or_default();
            doors.insert(
                format!("{}\t{path}", method.to_ascii_uppercase()),
                asks.to_owned(),
            );
        }
    }
    Ok(doors)
}

/// The program of schemathesis, installed where it is not there yet.
fn installed(work: &Path, python: &Path) -> Result<PathBuf> {
    let venv = work.join("venv");
    let mark = venv.join("installed");
    let program = venv.join("bin/schemathesis");
    if fs::read_to_string(&mark).unwrap_or_default() == SCHEMATHESIS {
        return Ok(program);
    }
    let run = |command: &mut Command| -> Result<()> {
        let status = command.status().with_context(|| format!("{command:?}"))?;
        ensure!(status.success(), "{command:?} failed");
        Ok(())
    };
    run(Command::new(python).args(["-m", "venv", "--clear"]).arg(&venv))?;
    run(Command::new(venv.join("bin/python")).args(["-m", "pip", "install", "--quiet", SCHEMATHESIS]))?;
    fs::write(&mark, SCHEMATHESIS)?;
    Ok(program)
}

/// A run of schemathesis.
struct Asked<'a> {
    person: &'a Person,
    examples: usize,
    round: u64,
    /// Tokens to be looked at, renewed and taken back.
    spent: &'a apps::Granted,
}

/// Asks as somebody; gives what was printed, after `FOUND` where something was found.
fn ask(program: &Path, site: &Site, asked: &Asked<'_>, counts: &Path) -> Result<String> {
    let Asked {
        person,
        examples,
        round,
        spent,
    } = asked;
    let hooks = crate::root().join("xtask/src/api");
    let mut command = Command::new(program);
    command
        .arg("run")
        .arg(format!("http://{}/openapi.json", site.address))
        .args(["--header", &person.header])
        .args(["--phases", "examples,coverage,fuzzing", "--mode", "all"])
        .args([
            "--max-examples",
            &examples.to_string(),
            "--seed",
            &(4711 + round).to_string(),
        ])
        .args(["--exclude-checks", UNASKED, "--suppress-health-check", "all"])
        .args([
            "--continue-on-failure",
            "--no-shrink",
            "--no-color",
            "--warnings",
            "off",
        ])
        .args(["--generation-database", "none", "--request-timeout", "30"])
        .env("PYTHONPATH", &hooks)
        .env("SCHEMATHESIS_HOOKS", "hooks")
        .env("TSUMUGI_COUNTS", counts)
        .env("TSUMUGI_MARK", MARK)
        .env("TSUMUGI_IDS", (DUMMIES + CLOSED).to_string())
        .env("TSUMUGI_REQUEST", apps::request(site))
        .env("TSUMUGI_ACCESS", &spent.access)
        .env("TSUMUGI_REFRESH", &spent.refresh)
        .current_dir(program.parent().unwrap_or(Path::new(".")))
        .stdin(Stdio::null());
    match person.role {
        "nobody" => {}
        "app" => {
            command.args(["--include-path-regex", READ_BY_APPS]);
        }
        "client" => {
            command.args(["--include-path-regex", ASKED_BY_APPS]);
        }
        _ => {
            command.args(["--exclude-path-regex", ENDS]);
        }
    }
    let done = command.output().context("schemathesis")?;
    let said = String::from_utf8_lossy(&done.stdout);
    match done.status.code() {
        Some(0) => Ok(said.into_owned()),
        Some(1) => Ok(format!("FOUND\n{said}")),
        _ => bail!(
            "schemathesis failed: {said}\n{}",
            String::from_utf8_lossy(&done.stderr)
        ),
    }
}

/// What was answered.
#[derive(Debug, Default)]
struct Tally {
    cases: usize,
    /// By role and hundred of the status.
    classes: BTreeMap<(&'static str, u16), usize>,
    /// Answers that let somebody in (2xx, or on to another page than that of signing in), by door.
    opened: BTreeMap<String, usize>,
}

impl Tally {
    /// Counts the lines of a run; gives what must not be.
    fn count(&mut self, person: &Person, counted: &str, doors: &BTreeMap<String, String>) -> Vec<String> {
        let mut findings = BTreeMap::new();
        for line in counted.lines() {
            let Some((door, status)) = line.rsplit_once('\t') else {
                continue;
            };
            let status: u16 = status.parse().unwrap_or(0);
            self.cases += 1;
            *self.classes.entry((person.role, status / 100)).or_default() += 1;
            // A browser asks beforehand whether it may ask; that tells of nothing.
            let is_preflight = door.starts_with("OPTIONS\t") && status == 204;
            let is_success = (200..300).contains(&status) && !is_preflight;
            if is_success || status == 303 {
                *self.opened.entry(door.to_owned()).or_default() += 1;
            }
            let asks = doors.get(door).map_or("", String::as_str);
            if status >= 500 || is_success && !may(person.role, door, asks) {
                *findings
                    .entry(format!("{status} {door}, which asks {asks}, as {}", person.role))
                    .or_insert(0) += 1;
            }
        }
        findings
            .into_iter()
            .map(|(finding, times)| format!("{finding}, {times} times"))
            .collect()
    }

    fn told(&self, doors: &BTreeMap<String, String>) {
        println!("{} cases over {} doors:", self.cases, doors.len());
        for ((role, class), count) in &self.classes {
            println!("  {role} {class}xx: {count}");
        }
        let never: Vec<&str> = doors
            .keys()
            .filter(|door| !self.opened.contains_key(*door))
            .map(String::as_str)
            .collect();
        println!(
            "  doors that let nobody in ({}): {}",
            never.len(),
            never.join(", ").replace('\t', " ")
        );
        println!(
            "0 findings: no 5xx, no status, type or form beside the description, no success without the right"
        );
    }
}

/// Whether a door may answer a role with success at all.
fn may(role: &str, door: &str, asks: &str) -> bool {
    let program = FOR_PROGRAMS.iter().find(|(known, _)| *known == door);
    let right = program.or_else(|| RIGHTS.iter().find(|(right, _)| *right == asks));
    match right {
        Some((_, roles)) => roles.contains(&role),
        None => asks == "Nothing" || !SESSIONLESS.contains(&role),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_success_without_the_right_is_a_finding() {
        let doors = BTreeMap::from([
            ("GET\t/users".to_owned(), "System(Administer)".to_owned()),
            ("GET\t/".to_owned(), "Records([Search])".to_owned()),
            ("GET\t/sign-in".to_owned(), "Nothing".to_owned()),
        ]);
        let person = |role| Person {
            role,
            header: String::new(),
        };
        let mut tally = Tally::default();
        let counted = "GET\t/users\t403\nGET\t/\t200\nGET\t/sign-in\t200\n";
        assert_eq!(
            tally.count(&person("nurse"), counted, &doors),
            Vec::<String>::new()
        );
        assert_eq!(tally.count(&person("nobody"), counted, &doors).len(), 1);
        assert_eq!(tally.count(&person("service"), "GET\t/\t303\n", &doors).len(), 0);
        assert_eq!(
            tally.count(&person("nurse"), "GET\t/users\t200\n", &doors).len(),
            1
        );
        assert_eq!(
            tally
                .count(
                    &person("administrator"),
                    "GET\t/users\t200\nGET\t/\t500\n",
                    &doors
                )
                .len(),
            1
        );
        assert_eq!(tally.cases, 10);
        for (role, door, asks, want) in [
            ("app", "GET\t/fhir/R4/{kind}", "Token", true),
            ("client", "GET\t/fhir/R4/{kind}", "Token", false),
            ("physician", "GET\t/fhir/R4/{kind}", "Token", false),
            ("client", "POST\t/oauth/token", "Nothing", true),
            ("nobody", "POST\t/oauth/token", "Nothing", false),
            ("app", "GET\t/", "Records([Search])", false),
        ] {
            assert_eq!(may(role, door, asks), want, "{role} {door}");
        }
    }
}
