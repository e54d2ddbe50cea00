//! Labels in another language, as the translation effort of the ontology writes them (Babelon, TSV with a header).

use super::Remark;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Reads the Japanese labels by id; what is not translated is left out.
///
/// # Errors
/// A remark when the header lacks a column.
pub fn read_labels(text: &str) -> Result<BTreeMap<Arc<str>, Arc<str>>, Remark> {
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap_or("").split('\t').collect();
    let column = |name: &str| {
        header.iter().position(|own| *own == name).ok_or_else(|| Remark {
            line: 1,
            message: format!("column {name} is missing; is this a Babelon file?"),
        })
    };
    let (id, language) = (column("subject_id")?, column("translation_language")?);
    let (predicate, label) = (column("predicate_id")?, column("translation_value")?);
    let status = column("translation_status")?;
    let mut labels = BTreeMap::new();
    for line in lines {
        let cells: Vec<&str> = line.split('\t').collect();
        let cell = |index: usize| cells.get(index).copied().unwrap_or("");
        let is_label = cell(predicate) == "rdfs:label" && cell(language) == "ja";
        if is_label && cell(status) != "NOT_TRANSLATED" && !cell(label).is_empty() {
            labels.insert(cell(id).into(), cell(label).into());
        }
    }
    Ok(labels)
}

#[cfg(test)]
#[expect(clippy::non_ascii_literal, reason = "labels are Japanese")]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read() {
        let text = "translation_language\tsubject_id\tpredicate_id\ttranslation_value\ttranslation_status\n\
            ja\tHP:0000002\trdfs:label\t身長の異常\tOFFICIAL\nja\tHP:0000001\trdfs:label\tNA\tNOT_TRANSLATED\n";
        let labels = read_labels(text).unwrap();
        assert_eq!(labels.len(), 1);
        assert_eq!(labels["HP:0000002"].as_ref(), "身長の異常");
        assert!(read_labels("a\tb\n").unwrap_err().message.contains("subject_id"));
    }
}
