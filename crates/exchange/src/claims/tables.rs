//! The codes of claims and survey files, as `data/exchange/uke.tsv` and `data/exchange/dpc.tsv` say them.

use std::collections::BTreeMap;
use tsumugi_tables::{Mistake, Source, Table};

const UKE: Source<'static> = Source {
    path: "exchange/uke.tsv",
    text: include_str!("../../../../data/exchange/uke.tsv"),
};
const DPC: Source<'static> = Source {
    path: "exchange/dpc.tsv",
    text: include_str!("../../../../data/exchange/dpc.tsv"),
};

/// How a disease of a claim ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It goes on.
    Active,
    /// It was cured.
    Resolved,
    /// It is no longer treated here.
    Inactive,
}

impl Outcome {
    /// Code of FHIR's clinical status.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Resolved => "resolved",
            Self::Inactive => "inactive",
        }
    }
}

/// What a drug billed under a category is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Giving {
    /// Prescribed.
    Request,
    /// Given.
    Administration,
}

/// What the quantity of a drug means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Amount {
    /// For one day.
    Daily,
    /// For one dose.
    Dose,
    /// All of it.
    #[default]
    Total,
}

/// What is billed under a 診療識別.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Category {
    pub(crate) name: String,
    pub(crate) giving: Giving,
    pub(crate) amount: Amount,
}

/// What a payload of the DPC survey states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Payload {
    pub(crate) says: String,
    pub(crate) name: String,
    pub(crate) unit: String,
    pub(crate) loinc: String,
}

/// The tables of both, as they were read.
#[derive(Debug, Clone, Default)]
pub struct Tables {
    pub(crate) outcomes: BTreeMap<String, Outcome>,
    pub(crate) categories: BTreeMap<String, Category>,
    pub(crate) details: BTreeMap<String, String>,
    /// Records that are known and not mapped; whether it is told.
    pub(crate) records: BTreeMap<String, bool>,
    pub(crate) suspected: Vec<String>,
    pub(crate) postfixes: Vec<String>,
    pub(crate) uncoded: Vec<String>,
    pub(crate) main: Vec<String>,
    /// Code of a comment that is free text, and the title of such texts.
    pub(crate) remarks: BTreeMap<String, String>,
    /// By code and number of the payload.
    pub(crate) payloads: BTreeMap<String, BTreeMap<u8, Payload>>,
}

impl Tables {
    /// The tables of the program.
    pub fn embedded() -> Self {
        Self::parse(&[UKE, DPC]).0
    }

    /// The tables of the program with those of a site behind them: the later row of a code counts.
    pub fn with_site(site: &[Source<'_>]) -> (Self, Vec<Mistake>) {
        let mut all = vec![UKE, DPC];
        all.extend_from_slice(site);
        Self::parse(&all)
    }

    /// Reads tables whose paths end as those of the program do; a row that cannot be read is a mistake and left out.
    pub fn parse(sources: &[Source<'_>]) -> (Self, Vec<Mistake>) {
        let mut tables = Self::default();
        let mut mistakes = Vec::new();
        for source in sources {
            let table = Table::parse(*source, &mut mistakes);
            for row in table.rows() {
                let read = if source.path.ends_with("uke.tsv") {
                    tables.claim_row(&row)
                } else {
                    tables.survey_row(&row)
                };
                if let Err(message) = read {
                    mistakes.push(Mistake::new(source.path, row.line, message));
                }
            }
        }
        (tables, mistakes)
    }

    fn claim_row(&mut self, row: &tsumugi_tables::Row<'_, '_>) -> Result<(), String> {
        let (code, name, says) = (
            row.get("code").to_owned(),
            row.get("name").to_owned(),
            row.get("as"),
        );
        match row.get("kind") {
            "outcome" => {
                let outcome = match says {
                    "active" => Outcome::Active,
                    "resolved" => Outcome::Resolved,
                    "inactive" => Outcome::Inactive,
                    other => return Err(format!("{other}: active, resolved or inactive wanted")),
                };
                self.outcomes.insert(code, outcome);
            }
            "category" => {
                let category = Category {
                    name,
                    giving: if says == "request" {
                        Giving::Request
                    } else {
                        Giving::Administration
                    },
                    amount: match row.get("amount") {
                        "daily" => Amount::Daily,
                        "dose" => Amount::Dose,
                        _ => Amount::Total,
                    },
                };
                self.categories.insert(code, category);
            }
            "modifier" if says == "suspected" => self.suspected.push(code),
            "modifier" if says == "postfix" => self.postfixes.push(code),
            "uncoded" => self.uncoded.push(code),
            "main" => self.main.push(code),
            "detail" => {
                self.details.insert(code, name);
            }
            "remark" => {
                self.remarks.insert(code, name);
            }
            "record" => {
                self.records.insert(code, says == "told");
            }
            other => return Err(format!("{other} is no kind of row")),
        }
        Ok(())
    }

    fn survey_row(&mut self, row: &tsumugi_tables::Row<'_, '_>) -> Result<(), String> {
        let number = row.get("payload");
        let payload: u8 = number
            .parse()
            .map_err(|_| format!("{number} is no number of a payload (0-20)"))?;
        let item = Payload {
            says: row.get("as").to_owned(),
            name: row.get("name").to_owned(),
            unit: row.get("unit").to_owned(),
            loinc: row.get("loinc").to_owned(),
        };
        self.payloads
            .entry(row.get("code").to_owned())
            .or_default()
            .insert(payload, item);
        Ok(())
    }

    /// Whether a modifier says that a disease is suspected only.
    pub(crate) fn is_suspected(&self, modifier: &str) -> bool {
        self.suspected.iter().any(|code| code == modifier)
    }

    /// Whether a modifier stands behind the disease.
    pub(crate) fn is_postfix(&self, modifier: &str) -> bool {
        self.postfixes
            .iter()
            .any(|start| modifier.starts_with(start.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_of_the_program_have_no_mistake() {
        let (tables, mistakes) = Tables::parse(&[UKE, DPC]);
        assert_eq!(mistakes, []);
        assert_eq!(tables.outcomes.len(), 4);
        assert!(tables.is_suspected("8002") && tables.is_postfix("8002") && !tables.is_postfix("2056"));
    }

    #[test]
    fn a_site_corrects_a_row_and_a_wrong_row_is_told() {
        let site = Source {
            path: "site/uke.tsv",
            text: "kind\tcode\tname\tas\tamount\tstatus\noutcome\t3\tx\tresolved\t\tcited\noutcome\t5\tx\tgone\t\tcited\n",
        };
        let (tables, mistakes) = Tables::with_site(&[site]);
        assert_eq!(tables.outcomes.get("3"), Some(&Outcome::Resolved));
        assert_eq!(mistakes.len(), 1);
        assert_eq!(mistakes[0].line, 3);
    }
}
