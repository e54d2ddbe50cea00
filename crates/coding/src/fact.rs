//! The key of what is stated.

use tsumugi_clinical::{
    Certainty, Event, EventKind, Experiencer, FactKey, Interpretation, Laterality, Phase, Polarity,
};

/// Composes the key of an event. `normal_form` of the parts, in this order: what (with site, side and stages), polarity,
/// certainty, who, phase.
pub(crate) fn fact_key(event: &Event) -> FactKey {
    fact_key_in(&mut String::with_capacity(64), event)
}

/// The same, composed in memory that is used again.
pub(crate) fn fact_key_in(key: &mut String, event: &Event) -> FactKey {
    key.clear();
    if event.kind == EventKind::Allergy {
        key.push_str("allergy:");
    }
    key.push_str(event.concept.as_str());
    if let Some(site) = &event.site {
        key.push('@');
        key.push_str(site.concept.as_str());
    }
    match event.laterality {
        Some(Laterality::Left) => key.push_str("/left"),
        Some(Laterality::Right) => key.push_str("/right"),
        Some(Laterality::Both) => key.push_str("/both"),
        None => {}
    }
    for modifier in event.modifiers.iter().filter(|modifier| modifier.in_fact) {
        key.push('#');
        key.push_str(&modifier.system);
        key.push('=');
        key.push_str(&modifier.value);
    }
    if event.kind == EventKind::Measurement {
        key.push_str(
            match event.value.as_ref().and_then(|value| value.interpretation) {
                Some(Interpretation::Low) => "=low",
                Some(Interpretation::Normal) => "=normal",
                Some(Interpretation::High) => "=high",
                Some(Interpretation::Positive) => "=positive",
                Some(Interpretation::Negative) => "=negative",
                None => "=uninterpreted",
            },
        );
    }
    key.push_str(match event.polarity {
        Polarity::Present => ";present",
        Polarity::Absent => ";absent",
    });
    key.push_str(match event.certainty {
        Certainty::Asserted => ";asserted",
        Certainty::Suspected => ";suspected",
        Certainty::General => ";general",
    });
    key.push_str(match event.experiencer {
        Experiencer::Patient => ";patient",
        Experiencer::Family => ";family",
        Experiencer::Other => ";other",
    });
    if let Some(relative) = &event.relative {
        key.push(':');
        key.push_str(relative);
    }
    key.push_str(match event.phase {
        Phase::Current => ";current",
        Phase::Past => ";past",
        Phase::Planned => ";planned",
        Phase::Stopped => ";stopped",
    });
    FactKey::new(key.as_str())
}
