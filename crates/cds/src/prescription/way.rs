//! Ways of giving a drug that kill or maim, whatever the amount: potassium at once into a vein, vincristine into the
//! cerebrospinal fluid.

use super::subject::{Outcome, Subject};
use super::{Grade, Kind};

pub(super) fn check(subject: &Subject<'_>) -> Outcome {
    let mut outcome = Outcome::new(Kind::Way);
    let book = subject.checks.book;
    let words = book.dose_words(&format!("{} {}", subject.order.words, subject.order.dosage.text));
    let rows = subject.lineage.iter().flat_map(|id| book.forbidden_ways(id));
    let found = rows.filter(|row| words.contains(&row.way)).map(|row| {
        subject
            .finding(
                Kind::Way,
                "way".to_owned(),
                Grade::Interruptive,
                0,
                subject.say("way-forbidden", &[]),
            )
            .on(&row.basis)
    });
    outcome.findings.extend(found);
    outcome
}
