//! `phenotype.hpoa`: one annotation a line, twelve columns separated by tabs.

use super::{Annotated, Annotation, Frequency, Remark};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Columns of a line.
const COLUMNS: usize = 12;

/// Reads the annotations of all diseases, and the edition (`#version`); lines that cannot be used are remarked on.
///
/// # Errors
/// A remark when no line is an annotation: it is another kind of file.
pub fn read_annotations(text: &str) -> Result<(String, Vec<Annotated>, Vec<Remark>), Remark> {
    let mut edition = String::new();
    let mut diseases: BTreeMap<Arc<str>, Annotated> = BTreeMap::new();
    let mut remarks = Vec::new();
    for (line, row) in (1u32..).zip(text.lines()) {
        if let Some(version) = row.strip_prefix("#version:") {
            version.trim().clone_into(&mut edition);
        }
        if row.starts_with('#') || row.starts_with("database_id") || row.is_empty() {
            continue;
        }
        let cells: Vec<&str> = row.split('\t').collect();
        let Some((disease, name, annotation)) = annotation(&cells) else {
            remarks.push(Remark {
                line,
                message: format!("{} columns or an unknown frequency; left out", cells.len()),
            });
            continue;
        };
        let entry = diseases.entry(disease.into()).or_insert_with(|| Annotated {
            disease: disease.into(),
            name: name.into(),
            annotations: Vec::new(),
        });
        entry.annotations.push(annotation);
    }
    if diseases.is_empty() {
        return Err(Remark {
            line: 1,
            message: "no line of twelve columns; is this phenotype.hpoa?".to_owned(),
        });
    }
    Ok((edition, diseases.into_values().collect(), remarks))
}

fn annotation<'a>(cells: &[&'a str]) -> Option<(&'a str, &'a str, Annotation)> {
    let cell = |index: usize| cells.get(index).copied().unwrap_or("");
    if cells.len() < COLUMNS || !cell(3).starts_with("HP:") {
        return None;
    }
    let annotation = Annotation {
        term: cell(3).into(),
        negated: cell(2) == "NOT",
        reference: cell(4).into(),
        frequency: frequency(cell(7))?,
        sex: match cell(8).to_ascii_uppercase().as_str() {
            "MALE" => Some('M'),
            "FEMALE" => Some('F'),
            _ => None,
        },
        onset: Some(cell(6))
            .filter(|onset| onset.starts_with("HP:"))
            .map(Into::into),
        aspect: cell(10).chars().next().unwrap_or('P'),
    };
    Some((cell(0), cell(1), annotation))
}

/// `3/4`, `45%`, a category of the ontology at its middle, or nothing.
fn frequency(cell: &str) -> Option<Frequency> {
    if cell.is_empty() {
        return Some(Frequency::Unsaid);
    }
    if let Some((with, of)) = cell.split_once('/') {
        let (with, of): (u32, u32) = (with.parse().ok()?, of.parse().ok()?);
        return (with <= of && of > 0).then_some(Frequency::Count(with, of));
    }
    if let Some(percent) = cell.strip_suffix('%') {
        return Some(Frequency::Share(percent.parse::<f32>().ok()? / 100.0));
    }
    // HPO: obligate, very frequent 80–99 %, frequent 30–79 %, occasional 5–29 %, very rare 1–4 %, excluded.
    let middle = match cell {
        "HP:0040280" => 1.0,
        "HP:0040281" => 0.895,
        "HP:0040282" => 0.545,
        "HP:0040283" => 0.17,
        "HP:0040284" => 0.025,
        "HP:0040285" => 0.0,
        _ => return None,
    };
    Some(Frequency::Share(middle))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_are_read_with_their_frequencies() {
        let text = "#version: 2025-01-16\ndatabase_id\tdisease_name\n\
            OMIM:1\tA\t\tHP:0000002\tPMID:1\tPCS\t\t3/4\tMALE\t\tP\tx\n\
            OMIM:1\tA\tNOT\tHP:0000003\tPMID:1\tPCS\tHP:0003577\tHP:0040283\t\t\tP\tx\n\
            OMIM:1\tA\t\tHP:0000004\tPMID:1\tPCS\t\toften\t\t\tP\tx\n";
        let (edition, diseases, remarks) = read_annotations(text).unwrap();
        assert_eq!(edition, "2025-01-16");
        assert_eq!(diseases.len(), 1);
        let rows = &diseases[0].annotations;
        assert_eq!(rows[0].frequency, Frequency::Count(3, 4));
        assert_eq!(rows[0].sex, Some('M'));
        assert!(rows[1].negated);
        assert_eq!(rows[0].onset, None);
        assert_eq!(rows[1].onset.as_deref(), Some("HP:0003577"));
        assert_eq!(rows[1].frequency, Frequency::Share(0.17));
        assert_eq!(remarks.len(), 1);
        assert_eq!(remarks[0].line, 5);
    }

    #[test]
    fn another_kind_of_file_is_refused() {
        assert!(
            read_annotations("x\n")
                .unwrap_err()
                .message
                .contains("phenotype.hpoa")
        );
    }
}
