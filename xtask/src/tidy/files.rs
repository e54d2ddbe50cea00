//! File lengths, documents that must stand, and words that must not be in the tree.

use std::path::{Path, PathBuf};

/// Longest Rust file, in lines.
const LONGEST_FILE: usize = 600;

const DOCUMENTS: [&str; 9] = [
    "README.md",
    "README.ja.md",
    "ARCHITECTURE.md",
    "GLOSSARY.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "data/LICENSE",
];

/// All mistakes of files.
pub(crate) fn check(root: &Path) -> Vec<String> {
    let mut mistakes = Vec::new();
    for document in DOCUMENTS {
        if !root.join(document).is_file() {
            mistakes.push(format!("{document} is missing"));
        }
    }
    let mut files = Vec::new();
    for folder in ["crates", "xtask", "web/src", "docs", ".ci"] {
        walk(&root.join(folder), &mut files);
    }
    files.sort();
    for path in files {
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue;
        };
        let name = path.strip_prefix(root).unwrap_or(&path).display();
        let is_rust = path.extension().is_some_and(|extension| extension == "rs");
        let lines = text.lines().count();
        if is_rust && lines > LONGEST_FILE {
            mistakes.push(format!(
                "{name}: {lines} lines; split it along a seam (at most {LONGEST_FILE})"
            ));
        }
        for (number, line) in text.lines().enumerate() {
            if is_rust && names_machine_path(line) {
                mistakes.push(format!("{name}:{}: a path of one machine", number + 1));
            }
        }
    }
    mistakes.extend(links(root));
    mistakes
}

/// Paths of one machine, put together so that this file does not hold them itself.
fn names_machine_path(line: &str) -> bool {
    ["work", "root", "home"]
        .iter()
        .any(|folder| line.contains(&format!("\"/{folder}/")))
}

/// Links of the documents to files of the tree must lead somewhere.
fn links(root: &Path) -> Vec<String> {
    let mut documents: Vec<PathBuf> = DOCUMENTS.iter().map(|name| root.join(name)).collect();
    walk(&root.join("docs"), &mut documents);
    let mut mistakes = Vec::new();
    for path in documents
        .iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
    {
        let Ok(text) = std::fs::read_to_string(path) else {
            continue;
        };
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or("");
            let is_local = !file.is_empty() && !file.contains("://") && !file.starts_with("mailto:");
            let exists = path.parent().is_some_and(|folder| folder.join(file).exists());
            if is_local && !exists {
                let name = path.strip_prefix(root).unwrap_or(path).display();
                mistakes.push(format!("{name}: the link {target} leads nowhere"));
            }
        }
    }
    mistakes
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            walk(&path, files);
        } else {
            files.push(path);
        }
    }
}
