//! What a note prescribes, taken apart from what the record says is taken.

use std::sync::Arc;
use tsumugi_cds::Patient;
use tsumugi_cds::prescription::Order;
use tsumugi_clinical::{Phase, Polarity};

/// The orders of the note that is being written, and the patient without them. A drug that the record shows running is
/// no order again.
pub(crate) fn prescriptions_of(patient: &Patient) -> (Patient, Vec<Order>) {
    let mut known = patient.clone();
    let is_new = |place: &tsumugi_cds::Place| place.note.is_empty();
    let running: Vec<Arc<str>> = patient
        .current_drugs()
        .filter(|usage| !is_new(&usage.place))
        .map(|usage| Arc::clone(&usage.drug))
        .collect();
    let mut orders: Vec<Order> = Vec::new();
    for usage in patient.drugs.iter().filter(|usage| is_new(&usage.place)) {
        let is_ordered = usage.polarity == Polarity::Present
            && matches!(usage.phase, Phase::Current | Phase::Planned)
            && !running.contains(&usage.drug);
        if is_ordered && orders.iter().all(|order| order.drug != usage.drug) {
            orders.push(Order {
                drug: Arc::clone(&usage.drug),
                dosage: usage.dosage.clone().unwrap_or_default(),
                is_new: true,
            });
        }
    }
    known.drugs.retain(|usage| {
        !is_new(&usage.place)
            || usage.polarity == Polarity::Absent
            || !matches!(usage.phase, Phase::Current | Phase::Planned)
    });
    (known, orders)
}
