//! What is answered, by whom and how; and everything else that the log says.

use crate::consent::kinds::DataKind;
use crate::consent::study::{Purpose, Study, TextHash};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Item {
    /// A kind of data.
    Kind(DataKind),
    /// What they are used for.
    Purpose(Purpose),
    /// Who gets them: the id of a recipient of the study.
    Recipient(String),
    /// Whether the person may be asked for more later.
    Recontact,
    /// Whether results are told to the person.
    Results,
    /// One use that was asked for by itself, after "ask each time": its id.
    Use(String),
}

/// An answer. There is none that is chosen in advance: what is not answered is not in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Yes.
    Yes,
    /// No.
    No,
    /// Ask each time.
    AskEachTime,
}

/// Who answered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Respondent {
    /// The person.
    Own,
    /// A guardian, by the id under which the guardian is noted for this person.
    Guardian(String),
}

/// How it was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// On the person's phone.
    Phone,
    /// With the help of staff.
    Staff {
        /// Who helped.
        staff: String,
    },
    /// On paper.
    Paper {
        /// Who entered it.
        staff: String,
        /// Where the paper is kept.
        place: String,
        /// Day of the signature.
        signed: Date,
    },
}

/// Who answered, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct By {
    /// Who.
    pub respondent: Respondent,
    /// How.
    pub way: Way,
}

/// A guardian of one person. The same guardian may stand for several; the answers for each are separate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guardian {
    /// Id, e.g. the guardian's own number; the same for all children of the guardian.
    pub id: String,
    /// Name.
    pub name: String,
    /// What the guardian is to the person.
    pub relation: String,
}

/// Answers given at once, to one version of a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerSheet {
    /// The study.
    pub study: String,
    /// The version of its text that was read.
    pub text: TextHash,
    /// The answers; an item not in it stays as it was.
    pub answers: Vec<(Item, Answer)>,
    /// Who answered, and how.
    pub by: By,
    /// A key of the sender's: the same sheet sent again is kept once.
    #[serde(default)]
    pub key: Option<String>,
}

/// What an entry of the log says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum Happening {
    /// The person was told (the notice of an opt-out).
    Told {
        /// Who told, and how.
        by: By,
    },
    /// The person was asked.
    Asked {
        /// The version of the text.
        text: TextHash,
    },
    /// The person answered.
    Answered {
        /// The version of the text.
        text: TextHash,
        /// The answers.
        answers: Vec<(Item, Answer)>,
        /// Who answered, and how.
        by: By,
    },
    /// The person withdrew from the study, or refused it as a whole.
    Withdrawn {
        /// Who, and how.
        by: By,
    },
    /// Somebody is the person's guardian.
    GuardianNoted {
        /// Who.
        guardian: Guardian,
    },
    /// Somebody is no longer the person's guardian.
    GuardianEnded {
        /// Id of the guardian.
        guardian: String,
    },
    /// The study was saved, or its text.
    StudyChanged {
        /// Version of the study.
        version: u32,
        /// Version of its text.
        text: TextHash,
    },
}

impl Happening {
    /// The word for it in the column `what`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Told { .. } => "told",
            Self::Asked { .. } => "asked",
            Self::Answered { .. } => "answered",
            Self::Withdrawn { .. } => "withdrawn",
            Self::GuardianNoted { .. } => "guardian-noted",
            Self::GuardianEnded { .. } => "guardian-ended",
            Self::StudyChanged { .. } => "study-changed",
        }
    }
}

impl Study {
    /// Everything that a person is asked about it, in the order it is shown.
    pub fn items(&self) -> Vec<Item> {
        let kinds = self.kinds.iter().cloned().map(Item::Kind);
        let recipients = self.recipients.iter().map(|one| Item::Recipient(one.id.clone()));
        kinds
            .chain([Item::Purpose(self.purpose)])
            .chain(recipients)
            .chain([Item::Recontact, Item::Results])
            .collect()
    }
}
