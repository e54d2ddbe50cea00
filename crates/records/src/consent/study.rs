//! Studies: what is asked for, by whom, for whom, on which legal basis; and the texts that a person reads.

use crate::consent::basis::Basis;
use crate::consent::duo::DuoTerm;
use crate::consent::kinds::{DataKind, is_known};
use crate::errors::StoreError;
use crate::stamp::Population;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::fmt;
use tsumugi_tables::{Source, Table};

/// Id of the study that stands for learning from cases inside the hospital. It is there without being saved
/// (`data/consent/own.tsv`); a site may save one of its own under this id, on another basis.
pub const KNOWLEDGE_STUDY: &str = "own-knowledge";

/// Longest id of a study or recipient, in bytes.
const LONGEST_ID: usize = 64;
/// Longest of the three texts, in bytes.
const LONGEST_TEXT: usize = 100_000;
/// Most kinds, recipients or terms of a study.
const MOST: usize = 64;

const OWN: &str = include_str!("../../../../data/consent/own.tsv");

/// What an institution is, as far as the law asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstitutionKind {
    /// A university or other academic research institution (gakujutsu kenkyu kikan to).
    Academic,
    /// A hospital or clinic that is none.
    Medical,
    /// A company.
    Company,
    /// A maker of anonymised medical data, certified under the Next-Generation Medical Infrastructure Act.
    CertifiedMaker,
    /// The hospital itself.
    Own,
}

/// What data are used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// The person's own care.
    Care,
    /// The hospital's own work: quality, planning.
    Operation,
    /// Learning from cases, inside the hospital.
    Knowledge,
    /// Research.
    Research,
    /// Development of products, and other commercial use.
    Commercial,
    /// Handing over to a certified maker.
    Provision,
}

impl Purpose {
    /// Whether an ethics committee's approval must hold: for all but care and what the hospital does for itself.
    pub const fn needs_approval(self) -> bool {
        matches!(self, Self::Research | Self::Commercial | Self::Provision)
    }
}

/// Who gets the data.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Recipient {
    /// Id within the study.
    pub id: String,
    /// Name as shown.
    pub name: String,
    /// What it is.
    pub kind: InstitutionKind,
}

/// The approval of an ethics committee.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The committee.
    pub committee: String,
    /// Its number of the approval.
    pub number: String,
    /// Last day on which it holds.
    pub until: Date,
}

/// A study, as one version of it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Study {
    /// Id, lower-case ASCII with `-`.
    pub id: String,
    /// For real patients or for dummies; never changes.
    pub population: Population,
    /// Title as shown.
    pub title: String,
    /// Who conducts it.
    pub institution: String,
    /// What that is.
    pub kind_of_institution: InstitutionKind,
    /// What this hospital, which gives the data, is: `Academic` where it is an academic research institution, else
    /// `Medical`.
    pub provider: InstitutionKind,
    /// What the use is, in terms of GA4GH DUO: investigations, and the modifiers whose promise is given.
    #[serde(default)]
    pub duo: Vec<DuoTerm>,
    /// ICD-10 code or prefix of the disease that it is about, where it is about one.
    #[serde(default)]
    pub disease: Option<String>,
    /// Purpose.
    pub purpose: Purpose,
    /// Kinds of data that it asks for.
    pub kinds: Vec<DataKind>,
    /// Who gets them.
    pub recipients: Vec<Recipient>,
    /// Legal basis.
    pub basis: Basis,
    /// Approval of the ethics committee.
    #[serde(default)]
    pub approval: Option<Approval>,
    /// Last day on which data may be used.
    #[serde(default)]
    pub ends_at: Option<Date>,
}

/// What a person reads: three lengths of the same, and what data under it may be used for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StudyText {
    /// One line.
    pub one_line: String,
    /// One page.
    pub one_page: String,
    /// In full.
    pub full: String,
    /// What a yes to it allows, in terms of GA4GH DUO (permission and modifiers). Empty: this study alone.
    #[serde(default)]
    pub duo: Vec<DuoTerm>,
}

/// SHA-256 over the three texts, hexadecimal: the version to which an answer is bound.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TextHash(String);

impl TextHash {
    /// Its 64 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn from_column(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for TextHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StudyText {
    /// The version: SHA-256 over the three texts, each behind its length in bytes (64 bits, big-endian).
    pub fn hash(&self) -> TextHash {
        let mut hash = Sha256::new();
        for text in [&self.one_line, &self.one_page, &self.full] {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        }
        TextHash(crate::documents::hex(&hash.finalize()))
    }

    /// Refuses what nobody could have read.
    ///
    /// # Errors
    /// `Invalid` for an empty or overlong text.
    pub fn check(&self) -> Result<(), StoreError> {
        for (name, text) in [
            ("one line", &self.one_line),
            ("one page", &self.one_page),
            ("full text", &self.full),
        ] {
            if text.trim().is_empty() {
                return Err(invalid(format!("{name} is empty; write all three")));
            }
            if text.len() > LONGEST_TEXT {
                return Err(invalid(format!("{name} is longer than {LONGEST_TEXT} bytes")));
            }
        }
        Ok(())
    }
}

impl Study {
    /// The recipient of an id.
    pub fn recipient(&self, id: &str) -> Option<&Recipient> {
        self.recipients.iter().find(|recipient| recipient.id == id)
    }

    /// Refuses what contradicts itself.
    ///
    /// # Errors
    /// `Invalid`, with the field.
    pub fn check(&self) -> Result<(), StoreError> {
        check_id(&self.id)?;
        if self.title.trim().is_empty() || self.institution.trim().is_empty() {
            return Err(invalid("title or institution is empty"));
        }
        if !matches!(
            self.provider,
            InstitutionKind::Academic | InstitutionKind::Medical
        ) {
            return Err(invalid(
                "provider is what this hospital is: `academic` or `medical`",
            ));
        }
        if self.kinds.is_empty() || self.recipients.is_empty() {
            return Err(invalid("name at least one kind of data and one recipient"));
        }
        if self.kinds.len() > MOST || self.recipients.len() > MOST || self.duo.len() > MOST {
            return Err(invalid(format!("more than {MOST} kinds, recipients or terms")));
        }
        if let Some(kind) = self.kinds.iter().find(|kind| !is_known(kind)) {
            return Err(invalid(format!(
                "kind of data `{kind}` is not in data/consent/kinds.tsv"
            )));
        }
        let kinds: BTreeSet<&DataKind> = self.kinds.iter().collect();
        let ids: BTreeSet<&str> = self.recipients.iter().map(|one| one.id.as_str()).collect();
        if kinds.len() < self.kinds.len() || ids.len() < self.recipients.len() {
            return Err(invalid("a kind of data or a recipient is named twice"));
        }
        for recipient in &self.recipients {
            check_id(&recipient.id)?;
        }
        Ok(())
    }
}

/// The study of learning from cases that every store has, with its text (`data/consent/own.tsv`).
pub(crate) fn own_knowledge(population: Population) -> (Study, StudyText) {
    let source = Source {
        path: "consent/own.tsv",
        text: OWN,
    };
    // Mistakes are a matter of the tests of the tables.
    let table = Table::parse(source, &mut Vec::new());
    let of = |key: &str| {
        let mut rows = table.rows();
        let found = rows.find(|row| row.get("key") == key);
        found.map(|row| row.get("ja").to_owned()).unwrap_or_default()
    };
    let study = Study {
        id: KNOWLEDGE_STUDY.to_owned(),
        population,
        title: of("title"),
        institution: of("institution"),
        kind_of_institution: InstitutionKind::Own,
        provider: InstitutionKind::Medical,
        duo: Vec::new(),
        disease: None,
        purpose: Purpose::Knowledge,
        kinds: vec![DataKind::new("diagnoses")],
        recipients: vec![Recipient {
            id: "own".to_owned(),
            name: of("institution"),
            kind: InstitutionKind::Own,
        }],
        basis: Basis::Notified,
        approval: None,
        ends_at: None,
    };
    let text = StudyText {
        one_line: of("one-line"),
        one_page: of("one-page"),
        full: of("full"),
        duo: Vec::new(),
    };
    (study, text)
}

fn check_id(id: &str) -> Result<(), StoreError> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if id.is_empty() || id.len() > LONGEST_ID || !id.bytes().all(is_plain) {
        return Err(invalid(format!(
            "id `{}` is not 1 to {LONGEST_ID} lower-case ASCII letters, digits and `-`",
            id.chars().take(LONGEST_ID).collect::<String>()
        )));
    }
    Ok(())
}

fn invalid(detail: impl Into<String>) -> StoreError {
    StoreError::Invalid {
        what: "study",
        detail: detail.into(),
    }
}
