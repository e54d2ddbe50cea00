//! Every table of `data/` against `data/manifest.toml`, and that the engine can be built from them.

use std::path::Path;
use tsumugi_cds::templates::Templates;
use tsumugi_prediction::{Keyboard, Predictor};
use tsumugi_tables::{Manifest, Source, check as check_tables};
use tsumugi_terminology::Vocabulary;

/// All mistakes of all tables.
pub(crate) fn check(root: &Path) -> Vec<String> {
    let data = root.join("data");
    let mut files = Vec::new();
    walk(&data, &data, &mut files);
    files.sort();
    let sources: Vec<Source<'_>> = files.iter().map(|(path, text)| Source { path, text }).collect();
    let manifest =
        match std::fs::read_to_string(data.join("manifest.toml")).map(|text| Manifest::parse(&text)) {
            Ok(Ok(manifest)) => manifest,
            Ok(Err(error)) => return vec![format!("data/manifest.toml: {error}")],
            Err(error) => return vec![format!("data/manifest.toml: {error}")],
        };
    let mut mistakes: Vec<String> = check_tables(&manifest, &sources)
        .iter()
        .map(ToString::to_string)
        .collect();
    mistakes.extend(screens(&files));
    match tsumugi_coding::Coder::new(&sources) {
        Ok(coder) => mistakes.extend(input(&sources, coder.vocabulary())),
        Err(error) => mistakes.push(format!("the engine cannot be built from data/: {error}")),
    }
    mistakes
}

/// What helps while one types: templates, and the tables of prediction.
fn input(sources: &[Source<'_>], vocabulary: &Vocabulary) -> Vec<String> {
    let mut mistakes = Vec::new();
    Templates::new(sources, vocabulary, &mut mistakes);
    Keyboard::new(sources, &mut mistakes);
    Predictor::new(sources, vocabulary, &mut mistakes);
    mistakes.iter().map(ToString::to_string).collect()
}

/// Every key of the screens exists in every language.
fn screens(files: &[(String, String)]) -> Vec<String> {
    let keys = |language: &str| -> Vec<&str> {
        let folder = format!("ui/{language}/");
        let texts = files
            .iter()
            .filter(|(path, _)| path.starts_with(&folder))
            .map(|(_, text)| text.as_str());
        texts
            .flat_map(|text| text.lines().skip(1))
            .filter_map(|line| line.split('\t').next())
            .collect()
    };
    let (japanese, english) = (keys("ja"), keys("en"));
    let missing = |from: &[&str], to: &[&str], language: &str| -> Vec<String> {
        let absent = from
            .iter()
            .filter(|key| !key.starts_with('#') && !to.contains(key));
        absent
            .map(|key| format!("data/ui/{language}: the key {key} is missing"))
            .collect()
    };
    let mut mistakes = missing(&japanese, &english, "en");
    mistakes.extend(missing(&english, &japanese, "ja"));
    mistakes
}

fn walk(folder: &Path, base: &Path, files: &mut Vec<(String, String)>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            walk(&path, base, files);
        } else if let (Ok(relative), Ok(text)) = (path.strip_prefix(base), std::fs::read_to_string(&path)) {
            files.push((relative.to_string_lossy().replace('\\', "/"), text));
        }
    }
}
