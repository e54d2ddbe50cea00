//! What is ordered, and why it is refused.

use super::ended_words;
use std::fmt;
use std::path::PathBuf;
use tsumugi_anonymize::facts::FactsError;
use tsumugi_anonymize::manifest::Query;
use tsumugi_anonymize::pseudonyms::{KeyTable, KeyTableError};
use tsumugi_anonymize::write::Format;
use tsumugi_anonymize::{AnonymousError, Hierarchies, Period};
use tsumugi_records::StoreError;
use tsumugi_records::consent::{BasisRefusal, DataKind, ExportId, Form, Reason, SetEnded, Study};
use tsumugi_records::research::ReadError;

/// Seals a key table and puts it in its place.
pub(crate) type Keep = Box<dyn FnMut(&KeyTable) -> Result<(), KeepError> + Send>;

/// The key table, open; what is added to it is kept by whoever opened it, before anything leaves.
pub(crate) struct Keys {
    /// The table.
    pub(crate) table: KeyTable,
    /// Seals and keeps it.
    pub(crate) keep: Keep,
}

/// Why the key table could not be kept.
#[derive(Debug, thiserror::Error)]
#[error("the key table of pseudonyms could not be kept: {0}")]
pub(crate) struct KeepError(pub(crate) String);

/// What is ordered.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Order {
    /// Which study.
    pub(crate) study: String,
    /// Id of the recipient in the study.
    pub(crate) recipient: String,
    /// In which form.
    pub(crate) form: Form,
    /// Kind of file.
    pub(crate) format: Format,
    /// Kinds of data; empty for all that the study asks for.
    pub(crate) kinds: Vec<DataKind>,
    /// Of which days.
    pub(crate) period: Period,
    /// Columns that may identify.
    pub(crate) columns: Vec<String>,
    /// Columns that are sensitive.
    pub(crate) sensitive: Vec<String>,
    /// k.
    pub(crate) k: u32,
    /// Rows that may be left out, of 100.
    pub(crate) suppress: u32,
    /// l.
    pub(crate) l: u32,
    /// t, in hundredths.
    pub(crate) t: Option<u32>,
    /// A column that is counted with noise, and thousandths of epsilon where not the usual.
    pub(crate) noisy: Option<(String, Option<u32>)>,
    /// The export that this repeats.
    pub(crate) again: Option<ExportId>,
    /// Who orders.
    pub(crate) by: String,
}

/// What was handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Provided {
    /// Its number.
    pub(crate) export: ExportId,
    /// The folder with table and manifest.
    pub(crate) folder: PathBuf,
    /// Rows of the table.
    pub(crate) rows: u64,
}

/// Why nothing was handed over.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Refusal {
    /// The study, its basis or its approval.
    #[error("{0}; nothing left")]
    Consent(Reason),
    /// Recipient or form.
    #[error("{0}; nothing left")]
    Basis(#[from] BasisRefusal),
    /// A withdrawal, or the end of the study, while it was made.
    #[error("the export was ended: {}; nothing left; order it anew", ended_words(.0))]
    Ended(SetEnded),
    /// Nobody is permitted.
    #[error("nobody in the study allows this use now; nothing left")]
    Nobody,
    /// Earlier export with withdrawals.
    #[error(
        "export {export} cannot be made again: {withdrawn} persons in it have taken something back since; order a new export without --again, in which they are not"
    )]
    Withdrawn {
        /// Which export.
        export: ExportId,
        /// How many persons.
        withdrawn: u64,
    },
    /// Not the same question.
    #[error("export {0} was another question; repeat it with the same options, or leave out --again")]
    OtherQuery(ExportId),
    /// A limit of the house.
    #[error("{what} is {asked}; the limit is {limit} (data/anonymize/limits.tsv)")]
    Limit {
        /// Of what.
        what: &'static str,
        /// What was asked.
        asked: u32,
        /// The limit.
        limit: u32,
    },
    /// No such column, or one that cannot be counted with noise.
    #[error("no column {name}; there are {known}")]
    Column {
        /// What was asked.
        name: String,
        /// What there is.
        known: String,
    },
    /// Facts need pseudonyms.
    #[error("a table of facts needs the key table of pseudonyms; name it with --keys and --keeper-key")]
    NoKeys,
    /// The form is not made here.
    #[error(
        "the form {0} is not made here: texts and names leave only one by one, by a person who has read them"
    )]
    OtherForm(&'static str),
    /// The period ends before it begins.
    #[error("the period ends before it begins; give --from and --to in their order")]
    Period,
    /// The table cannot be made anonymous as asked.
    #[error(transparent)]
    Anonymous(#[from] AnonymousError),
    /// No table of facts.
    #[error(transparent)]
    Facts(#[from] FactsError),
    /// The key table.
    #[error(transparent)]
    Keys(#[from] KeyTableError),
    /// The key table could not be kept.
    #[error(transparent)]
    Keep(#[from] KeepError),
    /// The budget of privacy.
    #[error(
        "the study has spent {spent} of {budget} thousandths of epsilon; this table needs {asked} more; leave out --noisy or ask for less"
    )]
    Budget {
        /// Spent by now.
        spent: u64,
        /// The limit.
        budget: u32,
        /// What was asked.
        asked: u32,
    },
    /// The folder is there with other contents.
    #[error("{0} is there already with other contents; name another folder with --out")]
    Exists(PathBuf),
    /// The table cannot be written in this kind of file.
    #[error("the table cannot be written: {0}")]
    Format(String),
    /// The files.
    #[error(
        "the export could not be written ({0}); nothing was handed over; free some space or name another folder"
    )]
    Io(#[from] std::io::Error),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<ReadError> for Refusal {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Store(error) => Self::Store(error),
            ReadError::Ended(ended) => Self::Ended(ended),
        }
    }
}

/// For the audit trail: what was asked for, in a line.
impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "export study={} recipient={} form={} format={} from={} to={}",
            self.study,
            self.recipient,
            word(self.form),
            self.format.ending(),
            self.period.from,
            self.period.to
        )
    }
}

impl Order {
    /// The kinds of data that are asked for.
    pub(super) fn kinds(&self, study: &Study) -> Vec<DataKind> {
        let mut kinds = if self.kinds.is_empty() {
            study.kinds.clone()
        } else {
            self.kinds.clone()
        };
        kinds.sort();
        kinds.dedup();
        kinds
    }

    /// The question, where the study's basis and the limits of the house allow it.
    ///
    /// # Errors
    /// What they do not allow.
    pub(crate) fn query(
        &self,
        study: &Study,
        hierarchies: &Hierarchies,
        has_keys: bool,
    ) -> Result<Query, Refusal> {
        let unknown = || Refusal::Consent(Reason::OtherRecipient(self.recipient.clone()));
        let recipient = study.recipient(&self.recipient).ok_or_else(unknown)?;
        study.basis.allows(study.provider, recipient, self.form)?;
        match self.form {
            Form::AnonymisedTable => self.check_limits(hierarchies)?,
            Form::CodedFacts | Form::PseudonymisedTable if has_keys => self.check_limits(hierarchies)?,
            Form::CodedFacts | Form::PseudonymisedTable => return Err(Refusal::NoKeys),
            Form::ReviewedText | Form::Personal => return Err(Refusal::OtherForm(word(self.form))),
        }
        if self.period.from > self.period.to {
            return Err(Refusal::Period);
        }
        let is_table = self.form == Form::AnonymisedTable;
        let of_table = |columns: &[String]| if is_table { columns.to_vec() } else { Vec::new() };
        let noisy = self.noisy.as_ref().map(|(column, cost)| {
            (
                column.clone(),
                cost.unwrap_or_else(|| hierarchies.rules().question),
            )
        });
        Ok(Query {
            study: study.id.clone(),
            purpose: study.purpose,
            kinds: self.kinds(study).iter().map(ToString::to_string).collect(),
            recipient: self.recipient.clone(),
            form: self.form,
            format: self.format.ending(),
            period: self.period,
            columns: of_table(&self.columns),
            sensitive: of_table(&self.sensitive),
            k: self.k,
            suppress: if is_table { self.suppress } else { 0 },
            l: if is_table { self.l } else { 1 },
            t: self.t.filter(|_| is_table),
            noisy,
        })
    }

    fn check_limits(&self, hierarchies: &Hierarchies) -> Result<(), Refusal> {
        let rules = hierarchies.rules();
        let limit = |what, asked, limit| Refusal::Limit { what, asked, limit };
        // What stays inside may be finer.
        if self.form != Form::PseudonymisedTable && self.k < rules.k {
            return Err(limit("k", self.k, rules.k));
        }
        if self.suppress > rules.suppressed {
            return Err(limit(
                "the share of rows left out",
                self.suppress,
                rules.suppressed,
            ));
        }
        let asked = self
            .columns
            .iter()
            .chain(&self.sensitive)
            .chain(self.noisy.as_ref().map(|(column, _)| column));
        for name in asked {
            if hierarchies.column(name).is_none() {
                return Err(no_column(name, hierarchies));
            }
        }
        Ok(())
    }
}

/// That there is no such column.
pub(super) fn no_column(name: &str, hierarchies: &Hierarchies) -> Refusal {
    let known: Vec<&str> = hierarchies
        .columns()
        .iter()
        .map(|column| column.id.as_str())
        .collect();
    Refusal::Column {
        name: name.to_owned(),
        known: known.join(", "),
    }
}

/// The word of a form, as on the command line.
pub(crate) fn word(form: Form) -> &'static str {
    match form {
        Form::CodedFacts => "coded-facts",
        Form::ReviewedText => "reviewed-text",
        Form::AnonymisedTable => "anonymised-table",
        Form::PseudonymisedTable => "pseudonymised-table",
        Form::Personal => "personal",
    }
}
