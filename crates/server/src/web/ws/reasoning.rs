//! Why something of the note was chosen, with what is on the screen at that moment.

use super::Live;
use crate::advice::Switches;
use crate::care::reasons::{LONGEST_REASON, MOST_REASONS, Reason};
use crate::web::error::WebError;
use crate::web::support::{Shown, shown};
use serde_json::{Value, json};

/// Longest name and concept of a fact, in characters.
const LONGEST_NAME: usize = 200;
/// Longest account of what was on the screen, in bytes.
const LONGEST_SHOWN: usize = 16 << 10;

impl Live {
    /// Keeps a reason until the note is signed; the answer carries what was on the screen, so that a line that breaks loses
    /// nothing of it. Empty words take it back.
    pub(super) fn reason(
        &mut self,
        concept: String,
        name: String,
        words: &str,
        shown: Option<Shown>,
    ) -> Result<Value, WebError> {
        let words = words.trim();
        let is_short = |text: &str, most: usize| text.chars().count() <= most;
        let is_new = !self.reasons.contains_key(&concept);
        let fits = is_short(words, LONGEST_REASON)
            && is_short(&name, LONGEST_NAME)
            && is_short(&concept, LONGEST_NAME);
        let is_known = self.desk.app.coder.vocabulary().concept(&concept).is_some();
        if !fits || !is_known || (is_new && self.reasons.len() >= MOST_REASONS) {
            return Err(WebError::Bad("error.invalid"));
        }
        if words.is_empty() {
            self.reasons.remove(&concept);
            return Ok(
                json!({"type": "reasoned", "concept": concept, "name": name, "words": "", "shown": null}),
            );
        }
        // What comes back with the reason is what was kept before; what is too long never was.
        let shown = match shown.filter(|shown| json!(shown).to_string().len() <= LONGEST_SHOWN) {
            Some(shown) => shown,
            None => self.on_screen()?,
        };
        let answer =
            json!({"type": "reasoned", "concept": concept, "name": name, "words": words, "shown": shown});
        let reason = Reason {
            name,
            words: words.to_owned(),
            shown,
            document: 0,
            version: 0,
        };
        self.reasons.insert(concept, reason);
        Ok(answer)
    }

    /// What the panel shows now; where all is off, nothing is computed.
    fn on_screen(&mut self) -> Result<Shown, WebError> {
        let store = &self.desk.app.store;
        let switches = Switches::of(store, self.desk.author()?, self.place.patient.population)?;
        if !switches.all {
            return Ok(Shown::default());
        }
        self.panel(&switches, shown)
    }
}
