//! What stands in the panel, as data: kept with the reason that somebody gives while it is shown.

use super::{Panel, band, checks};
use crate::advice::Kind;
use serde::{Deserialize, Serialize};
use tsumugi_knowledge::State;

/// What was on the screen.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Shown {
    /// Whether support was on; nothing was shown where it was not.
    pub(crate) on: bool,
    /// Edition of the knowledge that it came from.
    pub(crate) edition: String,
    /// The diseases of the strip, the likeliest first: concept, name, key of the band.
    pub(crate) diseases: Vec<(String, String, String)>,
    /// What was offered to ask, examine or test: concept and name.
    pub(crate) steps: Vec<(String, String)>,
    /// Alerts and hints on what the note prescribes, in words.
    pub(crate) alerts: Vec<String>,
}

/// What the panel shows now.
pub(crate) fn shown(panel: &Panel<'_>) -> Shown {
    let findings = panel.findings();
    let is_on = |kind| panel.switches.all && panel.switches.is_on(kind);
    let mut shown = Shown {
        on: panel.switches.all,
        edition: panel.living.edition.clone(),
        ..Shown::default()
    };
    if is_on(Kind::Differential) {
        let ranked = panel.ranked(&findings);
        let disease = |one: &tsumugi_cds::Ranked| {
            let state = State::new(std::sync::Arc::clone(&one.disease));
            let (band, _) = band(one.probability);
            (one.disease.to_string(), panel.name(&state), band.to_owned())
        };
        shown.diseases = ranked.iter().map(disease).collect();
    }
    if is_on(Kind::Next) {
        let steps = panel.steps(&findings);
        let step = |one: &tsumugi_cds::Next| (one.state.as_str().to_owned(), panel.name(&one.state));
        shown.steps = steps.iter().map(step).collect();
    }
    if is_on(Kind::Prescription) {
        shown.alerts = checks::told(panel);
    }
    shown
}
