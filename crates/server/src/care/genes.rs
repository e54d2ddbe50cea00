//! Results about genes: what was typed or read from a VCF, as it now stands.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use tsumugi_cds::genomics::GeneResult;
use tsumugi_records::{CareEntry, CareTopic, NewCareEntry, PatientId, Stamp};

/// How a result came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum From {
    /// Somebody typed what a laboratory reported.
    Typed,
    /// It was read from a VCF.
    Vcf,
}

/// What an entry says. Its subject is the gene.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GeneEntry {
    /// The result.
    #[serde(flatten)]
    pub(crate) result: GeneResult,
    /// How it came in.
    pub(crate) from: From,
    /// The laboratory, or what the file is called.
    pub(crate) laboratory: String,
    /// When it was reported.
    pub(crate) reported: Option<Date>,
}

/// The entry of a result.
pub(crate) fn entry(patient: PatientId, gene: &GeneEntry, stamp: Stamp) -> NewCareEntry {
    NewCareEntry {
        patient,
        topic: CareTopic::Genome,
        subject: gene.result.gene.clone(),
        key: None,
        body: json!(gene),
        stamp,
    }
}

/// Of each gene the result that was entered last, by gene.
pub(crate) fn now(entries: &[CareEntry]) -> Vec<(&CareEntry, GeneEntry)> {
    let mut newest: BTreeMap<&str, (&CareEntry, GeneEntry)> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry.topic == CareTopic::Genome) {
        if let Ok(gene) = serde_json::from_value::<GeneEntry>(entry.body.clone()) {
            newest.insert(&entry.subject, (entry, gene));
        }
    }
    newest.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tsumugi_cds::genomics::typed;
    use tsumugi_records::Moment;

    #[test]
    fn a_later_result_of_a_gene_replaces_the_earlier() {
        let stamp = Stamp {
            author: "sato".to_owned(),
            at: Moment::parse("2026-11-29T10:00").unwrap(),
        };
        let kept = |id: i64, written: &str| {
            let gene = GeneEntry {
                result: typed("NUDT15", written).unwrap(),
                from: From::Typed,
                laboratory: String::new(),
                reported: None,
            };
            let new = entry(PatientId::new(1), &gene, stamp.clone());
            CareEntry {
                id,
                patient: new.patient,
                topic: new.topic,
                subject: new.subject,
                body: new.body,
                stamp: new.stamp,
            }
        };
        let all = [kept(1, "*1/*1"), kept(2, "*1/*3")];
        let now = now(&all);
        assert_eq!(now.len(), 1);
        assert_eq!(now[0].1.result.phenotype.as_deref(), Some("intermediate"));
    }
}
