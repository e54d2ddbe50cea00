//! A crate depends only on strictly lower layers, as ARCHITECTURE.md says.

use std::collections::BTreeMap;
use std::path::Path;

/// All crates that depend upward, sideways, or have no layer.
pub(crate) fn check(root: &Path) -> Vec<String> {
    let layers = match std::fs::read_to_string(root.join("ARCHITECTURE.md")) {
        Ok(text) => layers_of(&text),
        Err(error) => return vec![format!("ARCHITECTURE.md: {error}")],
    };
    let mut mistakes = Vec::new();
    let Ok(entries) = std::fs::read_dir(root.join("crates")) else {
        return vec!["no folder crates".to_owned()];
    };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Ok(text) = std::fs::read_to_string(entry.path().join("Cargo.toml")) else {
            continue;
        };
        let Some(own) = layers.get(&name) else {
            mistakes.push(format!(
                "ARCHITECTURE.md: the crate {name} has no row in the table of layers"
            ));
            continue;
        };
        for other in dependencies(&text) {
            let lower = layers.get(&other).is_some_and(|layer| layer < own);
            if !lower {
                mistakes.push(format!(
                    "crates/{name}/Cargo.toml: {name} may not depend on {other}; only lower layers"
                ));
            }
        }
    }
    mistakes
}

/// Rows of the table of layers: number, crate, sentence.
fn layers_of(text: &str) -> BTreeMap<String, u32> {
    let row = |line: &str| -> Option<(String, u32)> {
        let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
        let layer = cells.next()?.parse().ok()?;
        let name = cells.next()?.trim_matches('`').to_owned();
        Some((name, layer))
    };
    text.lines().filter_map(row).collect()
}

/// Crates of this house that a manifest depends on outside tests.
fn dependencies(text: &str) -> Vec<String> {
    let Ok(manifest) = text.parse::<toml::Table>() else {
        return Vec::new();
    };
    let section = manifest.get("dependencies").and_then(toml::Value::as_table);
    let names = section.into_iter().flat_map(|table| table.keys());
    names
        .filter_map(|name| name.strip_prefix("tsumugi-"))
        .map(str::to_owned)
        .collect()
}
