//! What a note prescribes, taken apart from what it and the record say is taken.

use std::sync::Arc;
use tsumugi_cds::prescription::Order;
use tsumugi_cds::{DrugUse, Patient};
use tsumugi_clinical::{Because, Phase, Polarity, SectionKind, StructuredNote};

/// The orders of the note that is being written, and the patient without them. A drug that the note tells as history is
/// an order that goes on, so that its dose is checked too; a drug that the record shows running is ordered again. `text`
/// is the text of the note.
pub(crate) fn prescriptions_of(
    patient: &Patient,
    note: &StructuredNote,
    text: &str,
) -> (Patient, Vec<Order>) {
    let mut known = patient.clone();
    let mut orders: Vec<Order> = Vec::new();
    for usage in patient.drugs.iter().filter(|usage| is_order(usage)) {
        if orders.iter().all(|order| order.drug != usage.drug) {
            orders.push(Order {
                drug: Arc::clone(&usage.drug),
                dosage: usage.dosage.clone().unwrap_or_default(),
                words: words_of(note, text, usage),
                is_new: !is_told_as_history(note, usage),
            });
        }
    }
    known.drugs.retain(|usage| !is_order(usage));
    (known, orders)
}

/// What is written from the name of a drug to the end of its sentence.
fn words_of(note: &StructuredNote, text: &str, usage: &DrugUse) -> String {
    const FULL_STOP: char = '\u{3002}';
    let event = note.events.get(usage.place.event as usize);
    let start = event
        .into_iter()
        .flat_map(|event| &event.because)
        .find_map(|reason| match reason {
            Because::Entity { entity } => note
                .entities
                .get(*entity as usize)
                .map(|entity| entity.span.start),
            _ => None,
        });
    let Some(start) = start else { return String::new() };
    let rest = text.chars().skip(start as usize);
    rest.take_while(|c| !matches!(*c, FULL_STOP | '\n')).collect()
}

fn is_order(usage: &DrugUse) -> bool {
    usage.place.note.is_empty()
        && usage.polarity == Polarity::Present
        && matches!(usage.phase, Phase::Current | Phase::Planned)
}

/// Whether a drug stands in a part of the note that tells what is taken already.
fn is_told_as_history(note: &StructuredNote, usage: &DrugUse) -> bool {
    let Some(event) = note.events.get(usage.place.event as usize) else {
        return false;
    };
    usage.phase == Phase::Current
        && event.because.iter().any(|reason| match reason {
            Because::Entity { entity } => note.entities.get(*entity as usize).is_some_and(|entity| {
                matches!(
                    entity.section,
                    Some(
                        SectionKind::S
                            | SectionKind::History
                            | SectionKind::Medication
                            | SectionKind::PresentIllness
                            | SectionKind::Complaint
                    )
                )
            }),
            _ => false,
        })
}

#[cfg(test)]
#[expect(clippy::non_ascii_literal, reason = "test notes are Japanese")]
mod tests {
    use crate::advice::{Advice, prescriptions_of};
    use std::sync::Arc;
    use tsumugi_clinical::Note;
    use tsumugi_coding::{Coder, Record};
    use tsumugi_records::Store;

    #[test]
    fn what_is_taken_goes_on_and_what_is_planned_is_new() {
        let coder = Arc::new(Coder::embedded().unwrap());
        let advice = Advice::open(coder, &Store::open_in_memory().unwrap()).unwrap();
        let check = |text: &str, wanted: &[(&str, bool)]| {
            let note = Note {
                text: text.to_owned(),
                ..Note::default()
            };
            let structured = advice.coder.structure(&note);
            let patient = advice.patient(&Record::default(), Some(&structured));
            let (known, orders) = prescriptions_of(&patient, &structured, text);
            let orders: Vec<(&str, bool)> = orders
                .iter()
                .map(|order| (order.drug.as_ref(), order.is_new))
                .collect();
            assert_eq!(orders, wanted, "{text}");
            assert_eq!(known.current_drugs().count(), 0, "{text}");
        };
        check(
            "S)アムロジピン内服中。頭痛あり。\nP)クラリスロマイシン 400mg 分2 5日分",
            &[("drug.amlodipine", false), ("drug.clarithromycin", true)],
        );
        check("ロキソプロフェンを処方する。", &[("drug.loxoprofen", true)]);
        check("アスピリンは中止した。", &[]);
    }
}
