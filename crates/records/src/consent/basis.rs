//! Legal bases as data: `data/consent/bases.tsv` says which recipient may get which form on which basis.

use crate::consent::study::{InstitutionKind, Recipient};
use crate::stamp::word;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;
use thiserror::Error;
use tsumugi_tables::{Source, Table};

const TABLE: &str = include_str!("../../../../data/consent/bases.tsv");

static RULES: LazyLock<Vec<Rule>> = LazyLock::new(read);

/// On which legal basis data are used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// The person's consent.
    Consent,
    /// Provision to a certified maker unless the person refuses, under the Next-Generation Medical Infrastructure Act: the
    /// person was told, and thirty days have passed since.
    OptOut {
        /// Day of the public notice; before it nobody can have been told.
        notice_at: Date,
        /// Id of the recipient that is the certified maker.
        maker: String,
    },
    /// Academic research (Act on the Protection of Personal Information, 27(1)(v)-(vii)): where provider or recipient is an
    /// academic research institution.
    Academic,
    /// Anonymised under article 34 of the Enforcement Rules.
    Anonymised,
    /// Pseudonymised under article 31 of the Enforcement Rules; it stays inside.
    Pseudonymised,
    /// Use inside the hospital for a purpose that is on its public notice.
    Notified,
}

/// In which form data are handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// Coded facts, without names and texts.
    CodedFacts,
    /// Free text that was de-identified and read by a reviewer. It never counts as anonymised.
    ReviewedText,
    /// A table that was anonymised and checked.
    AnonymisedTable,
    /// A table whose persons have pseudonyms.
    PseudonymisedTable,
    /// With the person's name.
    Personal,
}

/// Why a basis does not allow a recipient or a form.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BasisRefusal {
    /// The basis does not reach this recipient.
    #[error(
        "on the basis `{basis}` nothing goes to `{recipient}`, which is `{kind}`; choose another recipient or basis"
    )]
    Recipient {
        /// Basis.
        basis: String,
        /// Id of the recipient.
        recipient: String,
        /// What it is.
        kind: String,
    },
    /// The basis does not allow this form.
    #[error("the basis `{basis}` does not allow the form `{form}`; choose another form or basis")]
    Form {
        /// Basis.
        basis: String,
        /// Form.
        form: String,
    },
    /// Neither side is an academic research institution.
    #[error(
        "neither this hospital nor `{recipient}` is an academic research institution; choose another basis"
    )]
    NotAcademic {
        /// Id of the recipient.
        recipient: String,
    },
    /// The recipient is not the certified maker of the notice.
    #[error("`{recipient}` is not the certified maker `{maker}` of the notice")]
    OtherMaker {
        /// Id of the recipient.
        recipient: String,
        /// Id of the maker.
        maker: String,
    },
}

/// What silence means on a basis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Silence {
    /// Nothing is allowed that was not said.
    Refuses,
    /// It is allowed once the person was told and the wait is over.
    AllowsAfterNotice {
        /// Days.
        days: i32,
    },
    /// It is allowed.
    Allows,
}

struct Rule {
    basis: String,
    silence: Silence,
    academic: bool,
    recipients: Vec<String>,
    forms: Vec<String>,
}

impl Basis {
    /// Its id in the table.
    pub fn id(&self) -> &'static str {
        match self {
            Self::Consent => "consent",
            Self::OptOut { .. } => "opt-out",
            Self::Academic => "academic",
            Self::Anonymised => "anonymised",
            Self::Pseudonymised => "pseudonymised",
            Self::Notified => "notified",
        }
    }

    /// Whether this basis lets a hospital that is `provider` hand data in a form to a recipient.
    ///
    /// # Errors
    /// What the basis does not allow.
    pub fn allows(
        &self,
        provider: InstitutionKind,
        recipient: &Recipient,
        form: Form,
    ) -> Result<(), BasisRefusal> {
        self.reaches(provider, recipient)?;
        let form = word(&form).unwrap_or_default();
        match self.rule() {
            Some(rule) if rule.forms.contains(&form) => Ok(()),
            _ => Err(BasisRefusal::Form {
                basis: self.id().to_owned(),
                form,
            }),
        }
    }

    /// Whether this basis reaches a recipient at all.
    ///
    /// # Errors
    /// What the basis does not allow.
    pub fn reaches(&self, provider: InstitutionKind, recipient: &Recipient) -> Result<(), BasisRefusal> {
        let kind = word(&recipient.kind).unwrap_or_default();
        let rule = self.rule().filter(|rule| rule.recipients.contains(&kind));
        let Some(rule) = rule else {
            return Err(BasisRefusal::Recipient {
                basis: self.id().to_owned(),
                recipient: recipient.id.clone(),
                kind,
            });
        };
        let is_academic = [provider, recipient.kind].contains(&InstitutionKind::Academic);
        if rule.academic && !is_academic {
            let recipient = recipient.id.clone();
            return Err(BasisRefusal::NotAcademic { recipient });
        }
        match self {
            Self::OptOut { maker, .. } if *maker != recipient.id => Err(BasisRefusal::OtherMaker {
                recipient: recipient.id.clone(),
                maker: maker.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// What silence means.
    pub(crate) fn silence(&self) -> Silence {
        self.rule().map_or(Silence::Refuses, |rule| rule.silence)
    }

    fn rule(&self) -> Option<&'static Rule> {
        RULES.iter().find(|rule| rule.basis == self.id())
    }
}

fn read() -> Vec<Rule> {
    let source = Source {
        path: "consent/bases.tsv",
        text: TABLE,
    };
    // Mistakes are a matter of the tests of the tables.
    let table = Table::parse(source, &mut Vec::new());
    let rows = table.rows().map(|row| Rule {
        basis: row.get("basis").to_owned(),
        silence: match (row.get("silence"), row.get("wait_days").parse()) {
            ("allows", _) => Silence::Allows,
            ("notice", Ok(days)) => Silence::AllowsAfterNotice { days },
            _ => Silence::Refuses,
        },
        academic: row.get("academic") == "needed",
        recipients: row.list("recipients").map(str::to_owned).collect(),
        forms: row.list("forms").map(str::to_owned).collect(),
    });
    rows.collect()
}
