//! `cargo xtask licences`: writes `docs/reference/dependencies.md`, every crate in the lock with version and licence, and
//! of those that we chose ourselves why. The reasons are the comments in the workspace's `Cargo.toml`.

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

const FILE: &str = "docs/reference/dependencies.md";

/// Licences that may come in; of a choice (`OR`) one must be among them, of a sum (`AND`) all.
const ACCEPTED: [&str; 12] = [
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "MIT",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
    "0BSD",
];

#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
    workspace_members: BTreeSet<String>,
}

#[derive(Debug, Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Debug, Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dep>,
}

#[derive(Debug, Deserialize)]
struct Dep {
    pkg: String,
    dep_kinds: Vec<DepKind>,
}

#[derive(Debug, Deserialize)]
struct DepKind {
    kind: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
}

/// Writes the document.
///
/// # Errors
/// When `cargo metadata` fails, or a licence is not one of those that may come in.
pub(crate) fn write(root: &Path) -> Result<()> {
    let text = document(root)?;
    std::fs::write(root.join(FILE), text).context(FILE)?;
    let strange = strange(&read(root)?);
    ensure!(strange.is_empty(), "{}", strange.join("\n"));
    Ok(())
}

/// What is wrong with the document and the licences.
pub(crate) fn check(root: &Path) -> Vec<String> {
    let metadata = match read(root) {
        Ok(metadata) => metadata,
        Err(error) => return vec![format!("{FILE}: {error:#}")],
    };
    let mut mistakes = strange(&metadata);
    match written(root, &metadata) {
        Ok(fresh) if std::fs::read_to_string(root.join(FILE)).is_ok_and(|text| text == fresh) => {}
        Ok(_) => mistakes.push(format!("{FILE} is stale: run cargo xtask licences")),
        Err(error) => mistakes.push(format!("{FILE}: {error:#}")),
    }
    mistakes
}

fn document(root: &Path) -> Result<String> {
    written(root, &read(root)?)
}

fn read(root: &Path) -> Result<Metadata> {
    let done = Command::new("cargo")
        .args([
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--offline",
            "--all-features",
        ])
        .current_dir(root)
        .output()
        .context("cargo")?;
    ensure!(
        done.status.success(),
        "cargo metadata: {}; run cargo fetch --locked first",
        String::from_utf8_lossy(&done.stderr).trim()
    );
    serde_json::from_slice(&done.stdout).context("cargo metadata")
}

/// Crates whose licence is none of those that may come in.
fn strange(metadata: &Metadata) -> Vec<String> {
    let others = metadata.packages.iter().filter(|package| {
        let licence = package.license.as_deref().unwrap_or_default();
        !metadata.workspace_members.contains(&package.id) && !is_accepted(licence)
    });
    others
        .map(|package| {
            let licence = package.license.as_deref().unwrap_or("none named");
            format!(
                "{} {}: the licence {licence} is not among those that may come in",
                package.name, package.version
            )
        })
        .collect()
}

/// Whether an SPDX expression can be met (no deeper than a sum of choices, as all in the lock are).
fn is_accepted(expression: &str) -> bool {
    let expression = expression.replace(['(', ')'], "").replace('/', " OR ");
    let one = |licence: &str| ACCEPTED.contains(&licence.trim());
    let sum = expression.split(" AND ").collect::<Vec<_>>();
    !expression.is_empty() && sum.iter().all(|choice| choice.split(" OR ").any(one))
}

fn written(root: &Path, metadata: &Metadata) -> Result<String> {
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).context("Cargo.toml")?;
    let reasons = reasons(&manifest);
    let packages: BTreeMap<&str, &Package> = metadata
        .packages
        .iter()
        .map(|package| (package.id.as_str(), package))
        .collect();
    let shipped = shipped(metadata);
    let direct: BTreeSet<&str> = metadata
        .resolve
        .nodes
        .iter()
        .filter(|node| metadata.workspace_members.contains(&node.id))
        .flat_map(|node| node.deps.iter().map(|dep| dep.pkg.as_str()))
        .filter(|id| !metadata.workspace_members.contains(*id))
        .collect();
    let mut text = String::from(
        "# Crates that this is built from\n\nWritten by `cargo xtask licences` from the lock; a test holds it fresh. \
         *In the binary*: `tsumugi` holds it on some platform; the others build, check or test.\n\n",
    );
    let mut lines: BTreeSet<(bool, &str, &str, String)> = BTreeSet::new();
    for (id, package) in packages
        .iter()
        .filter(|(id, _)| !metadata.workspace_members.contains(**id))
    {
        let licence = package.license.as_deref().unwrap_or("none named");
        let is_shipped = if shipped.contains(id) { "yes" } else { "no" };
        let mut line = format!(
            "| {} | {} | {licence} | {is_shipped} |",
            package.name, package.version
        );
        let is_direct = direct.contains(id);
        if is_direct {
            let reason = reasons.get(package.name.as_str());
            let reason = reason
                .with_context(|| format!("Cargo.toml: no comment says why there is {}", package.name))?;
            let _ = write!(line, " {reason} |");
        }
        lines.insert((is_direct, &package.name, &package.version, line));
    }
    let count = |is_direct: bool| lines.iter().filter(|line| line.0 == is_direct).count();
    let _ = write!(
        text,
        "## Chosen by us: {}\n\n| crate | version | licence | in the binary | why |\n|---|---|---|---|---|\n",
        count(true)
    );
    for (_, _, _, line) in lines.iter().filter(|line| line.0) {
        text.push_str(line);
        text.push('\n');
    }
    let _ = write!(
        text,
        "\n## Brought along by them: {}\n\n| crate | version | licence | in the binary |\n|---|---|---|---|\n",
        count(false)
    );
    for (_, _, _, line) in lines.iter().filter(|line| !line.0) {
        text.push_str(line);
        text.push('\n');
    }
    Ok(text)
}

/// What the server is linked from: everything that it reaches but by dependencies of builds and tests.
fn shipped(metadata: &Metadata) -> BTreeSet<&str> {
    let nodes: BTreeMap<&str, &Node> = metadata
        .resolve
        .nodes
        .iter()
        .map(|node| (node.id.as_str(), node))
        .collect();
    let server = metadata
        .packages
        .iter()
        .find(|package| package.name == "tsumugi-server");
    let mut open: Vec<&str> = server.map(|package| package.id.as_str()).into_iter().collect();
    let mut seen = BTreeSet::new();
    while let Some(id) = open.pop() {
        if !seen.insert(id) {
            continue;
        }
        let deps = nodes.get(id).into_iter().flat_map(|node| &node.deps);
        open.extend(
            deps.filter(|dep| dep.dep_kinds.iter().any(|kind| kind.kind.is_none()))
                .map(|dep| dep.pkg.as_str()),
        );
    }
    seen
}

/// The comment above each dependency of the workspace, or behind it; several in a row share one.
fn reasons(manifest: &str) -> BTreeMap<&str, String> {
    let mut reasons = BTreeMap::new();
    let (mut reason, mut is_open) = (String::new(), false);
    let section = manifest
        .split("[workspace.dependencies]")
        .nth(1)
        .unwrap_or_default();
    for line in section.lines().take_while(|line| !line.starts_with('[')) {
        if let Some(comment) = line.strip_prefix('#') {
            if !is_open {
                reason.clear();
            }
            is_open = true;
            let gap = if reason.is_empty() { "" } else { " " };
            reason = format!("{reason}{gap}{}", comment.trim());
        } else if let Some((name, _)) = line.split_once(" = ") {
            is_open = false;
            if !name.starts_with("tsumugi-") && !reason.is_empty() {
                reasons.insert(name, reason.replace('|', "/"));
            }
        }
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licences_that_may_come_in() {
        for (licence, want) in [
            ("MIT", true),
            ("MIT/Apache-2.0", true),
            ("MIT OR Apache-2.0 OR LGPL-2.1-or-later", true),
            ("(Apache-2.0 OR MIT) AND BSD-3-Clause", true),
            ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
            ("Apache-2.0 WITH LLVM-exception", true),
            ("GPL-3.0-only", false),
            ("MIT AND GPL-3.0-only", false),
            ("", false),
        ] {
            assert_eq!(is_accepted(licence), want, "{licence}");
        }
    }

    #[test]
    fn the_comment_above_is_the_reason() {
        let manifest = "[workspace.dependencies]\ntsumugi-text = {}\n# one\n# line\na = \"1\"\nb = \"2\"\n# other\nc = \"3\"\n[x]\n# no\nd = 1\n";
        let reasons = reasons(manifest);
        let pairs: Vec<_> = reasons
            .iter()
            .map(|(name, reason)| (*name, reason.as_str()))
            .collect();
        assert_eq!(pairs, [("a", "one line"), ("b", "one line"), ("c", "other")]);
    }
}
