//! Why a test, a drug or a diagnosis was chosen, with what was on the screen when it was said.

use crate::web::Shown;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tsumugi_records::{CareEntry, CareTopic, NewCareEntry, PatientId, Stamp, fold_name};

/// Most characters of a reason.
pub(crate) const LONGEST_REASON: usize = 500;
/// Most reasons of one note.
pub(crate) const MOST_REASONS: usize = 50;

/// What an entry says. Its subject is the concept of the fact that the reason is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reason {
    /// The fact as it was shown.
    pub(crate) name: String,
    /// Why, in words.
    pub(crate) words: String,
    /// What was on the screen.
    pub(crate) shown: Shown,
    /// The note that it was signed with; the store fills it in.
    #[serde(default)]
    pub(crate) document: i64,
    /// The version of the note.
    #[serde(default)]
    pub(crate) version: u32,
}

/// What an entry says; none where it is about something else.
pub(crate) fn reason_of(entry: &CareEntry) -> Option<Reason> {
    (entry.topic == CareTopic::Reason)
        .then(|| serde_json::from_value(entry.body.clone()).ok())
        .flatten()
}

/// The entry of a reason.
pub(crate) fn entry(patient: PatientId, concept: &str, reason: &Reason, stamp: Stamp) -> NewCareEntry {
    NewCareEntry {
        patient,
        topic: CareTopic::Reason,
        subject: concept.to_owned(),
        key: None,
        body: json!(reason),
        stamp,
    }
}

/// Whether a reason is found by words: each of them stands in the fact's name, in the reason, or in what was shown.
pub(crate) fn is_found(reason: &Reason, query: &str) -> bool {
    let diseases = reason.shown.diseases.iter().map(|(_, name, _)| name.as_str());
    let all = [reason.name.as_str(), reason.words.as_str()].into_iter();
    let text: Vec<String> = all.chain(diseases).map(fold_name).collect();
    let text = text.join("\n");
    query
        .split_whitespace()
        .all(|word| text.contains(&fold_name(word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_found_by_what_it_is_of_what_it_says_and_what_was_shown() {
        let reason = Reason {
            name: "CT".to_owned(),
            words: "No jaundice, ERCP can wait".to_owned(),
            shown: Shown {
                diseases: vec![(
                    "acute-cholangitis".to_owned(),
                    "Acute cholangitis".to_owned(),
                    String::new(),
                )],
                ..Shown::default()
            },
            document: 1,
            version: 1,
        };
        for (query, found) in [
            ("", true),
            ("ct", true),
            ("jaundice ercp", true),
            ("CHOLANGITIS", true),
            ("jaundice stone", false),
            ("\u{ff25}\u{ff32}\u{ff23}\u{ff30}", true),
        ] {
            assert_eq!(is_found(&reason, query), found, "{query}");
        }
    }
}
