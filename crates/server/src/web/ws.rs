//! The live line between the editor and the engine: one session a connection, every message answered.

mod helping;
mod reasoning;
#[cfg(test)]
mod tests;

use crate::access::Notes;
use crate::advice::{Kind, Switches};
use crate::assist::Assist;
use crate::audit;
use crate::care::reasons::Reason;
use crate::log;
use crate::web::bounds::weighed;
use crate::web::error::WebError;
use crate::web::notes::{Conflict, LONGEST_NOTE, NoteLink, NotePlace, ToSign, conflict, today};
use crate::web::pages::care;
use crate::web::state::{App, Desk, Visit};
use crate::web::support::{Panel, Shown};
use crate::web::view::{Lens, feedback_view};
use crate::web::ws::helping::Helped;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tsumugi_access::{Action, Activity, SessionError};
use tsumugi_cds::templates::Answer as ItemAnswer;
use tsumugi_clinical::ConceptId;
use tsumugi_intake::{Answer, Correction, Session, Settled, candidates};
use tsumugi_records::{
    AuditEntity, AuditSubtype, Correction as Taught, DraftRevision, Meaning, Revision, SettledPhrase,
};

/// Most concepts offered in place of a wrong one: as many as there are digits.
const MOST_CANDIDATES: usize = 9;

/// What the editor says.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
enum Said {
    /// The text is now this.
    Edit { rev: u64, text: String },
    /// Keep this text.
    Save { text: String, base: Option<i64> },
    /// A phrase means this concept, nothing (`remember`), or is left as it is in this note.
    Settle {
        surface: String,
        concept: String,
        remember: bool,
    },
    /// These words do not mean `wrong` but `right` (empty: no fact).
    Correct {
        surface: String,
        wrong: String,
        right: String,
    },
    /// What else may these words mean?
    Candidates { surface: String, now: String },
    /// A question is answered.
    Answer { rule: String, option: String },
    /// What does the knowledge say to this note?
    Support { rev: u64 },
    /// What may come at the caret, counted in characters?
    Predict { rev: u64, caret: usize },
    /// Which items are missing?
    Ask { rev: u64 },
    /// An item is answered; `again` where it was before the line broke, so that nothing is to be written.
    Answered {
        item: String,
        answer: ItemAnswer,
        #[serde(default)]
        again: bool,
    },
    /// Why something of the note was chosen; empty words take the reason back. `again` where it was said before the line
    /// broke: what was on the screen then is what was kept.
    Reason {
        concept: String,
        name: String,
        words: String,
        #[serde(default)]
        shown: Option<Shown>,
    },
    /// Switches a kind of support, or `all`.
    Switch { kind: String, on: bool },
    /// Sign this text, or enter it on behalf of a physician.
    Sign {
        text: String,
        base: Option<i64>,
        #[serde(default)]
        physician: String,
    },
}

impl Said {
    /// What the editor says by itself keeps no session from idling.
    fn activity(&self) -> Activity {
        match self {
            Self::Save { .. } | Self::Support { .. } | Self::Predict { .. } | Self::Ask { .. } => {
                Activity::Page
            }
            _ => Activity::Person,
        }
    }
}

/// Opens the line.
pub(crate) async fn open(
    State(app): State<Arc<App>>,
    visit: Visit,
    Query(link): Query<NoteLink>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let desk = Desk::new(app, visit);
    let begun = tokio::task::spawn_blocking(move || Live::begin(desk, &link)).await;
    match begun {
        Ok(Ok((live, hello))) => upgrade
            .max_message_size(4 * LONGEST_NOTE)
            .on_upgrade(move |socket| talk(socket, live, hello)),
        Ok(Err(WebError::Denied(_))) => axum::http::StatusCode::FORBIDDEN.into_response(),
        Ok(Err(error)) => (axum::http::StatusCode::BAD_REQUEST, error.to_string()).into_response(),
        Err(_) => axum::http::StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn talk(mut socket: WebSocket, live: Live, hello: Value) {
    let mut live = live;
    if socket.send(Message::text(hello.to_string())).await.is_err() {
        return;
    }
    let mut tick = tokio::time::interval(looked_at(live.desk.app.gate.setting.sessions.idle_lock));
    loop {
        let heard = tokio::select! {
            heard = socket.recv() => match heard {
                Some(Ok(Message::Text(text))) => Some(text),
                Some(Ok(_)) => continue,
                Some(Err(_)) | None => return,
            },
            _ = tick.tick() => None,
        };
        // The engine and the disk are waited for beside the asynchronous threads.
        let answered = tokio::task::spawn_blocking(move || {
            let answer = match &heard {
                Some(text) => Some(live.hear(text)),
                None => live.look(Activity::Page).err(),
            };
            (live, answer)
        });
        let Ok((back, answer)) = answered.await else {
            return;
        };
        live = back;
        let Some(answer) = answer else { continue };
        let is_over = matches!(
            answer.get("type").and_then(Value::as_str),
            Some("locked" | "ended")
        );
        if socket.send(Message::text(answer.to_string())).await.is_err() || is_over {
            return;
        }
    }
}

/// How often a line that says nothing is looked at: a session that locks is to hide its page soon.
fn looked_at(idle_lock: Duration) -> Duration {
    (idle_lock / 4).clamp(Duration::from_secs(1), Duration::from_secs(15))
}

/// One open note.
struct Live {
    desk: Desk,
    place: NotePlace,
    session: Session,
    corrections: Vec<Correction>,
    answers: Vec<Answer>,
    rev: u64,
    text: String,
    notes: Notes,
    /// Whether the editor has told its first text.
    is_greeted: bool,
    helped: Helped,
    /// Why something was chosen, by its concept.
    reasons: BTreeMap<String, Reason>,
}

impl Live {
    fn begin(desk: Desk, link: &NoteLink) -> Result<(Self, Value), WebError> {
        let app = Arc::clone(&desk.app);
        let author = desk.author()?.to_owned();
        let place = app.note_place(link)?;
        let standing = desk.may_write(Action::Write, &place)?;
        desk.reads(place.patient.id, None)?;
        let (_, notes) = desk.events(&standing)?;
        let session = app.session(&place.patient, &author, today(), (None, &notes))?;
        let draft = app.draft(&place, &author)?;
        let hello =
            json!({"type": "hello", "draft": draft.as_ref().map(draft_json), "edition": session.edition()});
        let text = draft.map(|draft| draft.text).unwrap_or_default();
        let live = Self {
            desk,
            place,
            session,
            corrections: Vec::new(),
            answers: Vec::new(),
            rev: 0,
            text,
            notes,
            is_greeted: false,
            helped: Helped::default(),
            reasons: BTreeMap::new(),
        };
        Assist::wake(&app);
        Ok((live, hello))
    }

    /// Looks whether the session still holds and the policy still allows the note: what ends the line otherwise.
    fn look(&mut self, activity: Activity) -> Result<(), Value> {
        let app = Arc::clone(&self.desk.app);
        let token = self.desk.visit.token.clone().unwrap_or_default();
        let origin = self.desk.actor().map(|actor| actor.origin.clone());
        let resolved = app
            .gate
            .resolve(&app.store, &token, activity, &origin.unwrap_or_default());
        match resolved {
            Ok(actor) => self.desk.visit.actor = Some(actor),
            Err(SessionError::Locked { .. }) => return Err(json!({"type": "locked"})),
            Err(_) => return Err(json!({"type": "ended"})),
        }
        match self.desk.may_write(Action::Write, &self.place) {
            Ok(_) => Ok(()),
            Err(error) => Err(json!({"type": "ended", "message": error.sentence(&self.desk)})),
        }
    }

    /// Answers a message.
    fn hear(&mut self, message: &str) -> Value {
        if let Err(error) = weighed(message.as_bytes()) {
            return json!({"type": "error", "message": error.to_string()});
        }
        let said: Said = match serde_json::from_str(message) {
            Ok(said) => said,
            Err(error) => return json!({"type": "error", "message": error.to_string()}),
        };
        let activity = self.activity(&said);
        if let Err(end) = self.look(activity) {
            return end;
        }
        self.answer(said)
    }

    /// A line that came back says again what was said before, and the text as it then is: up to its first text nothing
    /// is a sign of a person.
    fn activity(&mut self, said: &Said) -> Activity {
        let is_greeting = !self.is_greeted;
        self.is_greeted |= matches!(said, Said::Edit { .. });
        match said {
            _ if is_greeting => Activity::Page,
            Said::Edit { text, .. } if *text == self.text => Activity::Page,
            said => said.activity(),
        }
    }

    fn answer(&mut self, said: Said) -> Value {
        let is_sign = matches!(said, Said::Sign { .. });
        match self.act(said) {
            Ok(answer) => answer,
            Err(error) => match noted(&error) {
                Some(against) => {
                    json!({"type": "conflict", "sign": is_sign, "current": against.current.map(draft_json)})
                }
                None => json!({"type": "error", "sign": is_sign, "message": error.sentence(&self.desk)}),
            },
        }
    }

    fn act(&mut self, said: Said) -> Result<Value, WebError> {
        match said {
            Said::Edit { rev, text } => {
                (self.rev, self.text) = (rev, text);
                Ok(self.feedback())
            }
            Said::Save { text, base } => {
                let stamp = self.desk.stamp()?;
                let base = base.map(Revision::new);
                let revision = self.desk.save_draft(&self.place, &stamp, base, &text)?;
                let at = stamp.at.civil().strftime("%H:%M:%S").to_string();
                Ok(json!({"type": "saved", "revision": revision, "at": at}))
            }
            Said::Settle {
                surface,
                concept,
                remember,
            } => self.settle(surface, concept, remember),
            Said::Correct {
                surface,
                wrong,
                right,
            } => self.correct(surface, wrong, right),
            Said::Candidates { surface, now } => {
                let list = candidates(&self.desk.app.coder, &surface, Some(&now), MOST_CANDIDATES);
                Ok(json!({"type": "candidates", "surface": surface, "now": now, "list": list}))
            }
            Said::Answer { rule, option } => {
                let answer = Answer { rule, option };
                self.session.answer(answer.clone());
                self.answers.push(answer);
                Ok(self.feedback())
            }
            Said::Support { rev } => self.support(rev),
            Said::Predict { rev, caret } => self.predict(rev, caret),
            Said::Ask { rev } => self.ask(rev),
            Said::Answered { item, answer, again } => self.answered(&item, answer, again),
            Said::Reason {
                concept,
                name,
                words,
                shown,
            } => self.reason(concept, name, &words, shown),
            Said::Switch { kind, on } => {
                if kind != "all" && Kind::of(&kind).is_none() {
                    return Err(WebError::Bad("error.invalid"));
                }
                let mut entry = audit::of(self.desk.actor()?, AuditSubtype::Update)?;
                let says = format!("support-switch {kind}: {}", if on { "on" } else { "off" });
                entry.entities.push(AuditEntity::Query(says));
                let store = self.desk.app.store.audited(entry);
                crate::advice::switch(&store, self.desk.stamp()?, &kind, on)?;
                self.support(self.rev)
            }
            Said::Sign {
                text,
                base,
                physician,
            } => {
                let given = ToSign {
                    text: &text,
                    base: base.map(Revision::new),
                    answers: &self.answers,
                    physician: &physician,
                    reasons: &self.reasons,
                };
                let address = self.desk.app.sign_note(&self.desk, &self.place, &given)?;
                Ok(json!({"type": "signed", "address": address}))
            }
        }
    }

    fn feedback(&mut self) -> Value {
        let feedback = self.session.edit(self.rev, &self.text);
        self.helped.note = Some(feedback.note.clone());
        let app = &self.desk.app;
        let lens = Lens {
            ui: self.desk.ui(),
            coder: &app.coder,
            rules: &app.rules,
        };
        let view = feedback_view(lens, &self.text, feedback);
        let mut answer = serde_json::to_value(view).unwrap_or_default();
        if let Some(fields) = answer.as_object_mut() {
            fields.insert("type".to_owned(), json!("feedback"));
        }
        answer
    }

    /// The panel of support; where all is off, nothing is computed.
    fn support(&mut self, rev: u64) -> Result<Value, WebError> {
        let app = Arc::clone(&self.desk.app);
        let patient = &self.place.patient;
        let switches = Switches::of(&app.store, self.desk.author()?, patient.population)?;
        let on = switches.all;
        if !on || rev != self.rev {
            return Ok(json!({"type": "support", "rev": rev, "on": on, "html": ""}));
        }
        let html = self.panel(&switches, |panel| panel.draw().into_string())?;
        Ok(json!({"type": "support", "rev": rev, "on": on, "html": html}))
    }

    /// The panel of support over the text as it is, for as long as `with` looks at it.
    fn panel<T>(&mut self, switches: &Switches, with: impl FnOnce(&Panel<'_>) -> T) -> Result<T, WebError> {
        let app = Arc::clone(&self.desk.app);
        let note = self.session.edit(self.rev, &self.text).note;
        let (_, state) = self.state(&note)?;
        let patient = &self.place.patient;
        let genes = care::genes::known(&self.desk, patient)?;
        let living = app.advice.living(patient.population);
        Ok(with(&Panel {
            genes: &genes,
            ui: self.desk.ui(),
            advice: &app.advice,
            living: &living,
            switches,
            patient: &state,
            note: &note,
            text: &self.text,
            number: &patient.details.number,
        }))
    }

    fn settle(&mut self, surface: String, concept: String, remember: bool) -> Result<Value, WebError> {
        if remember {
            let meaning = if concept.is_empty() {
                Meaning::Ignore
            } else {
                Meaning::Concept(ConceptId::new(concept.as_str()))
            };
            let stamp = self.desk.stamp()?;
            self.desk.app.store.settle_phrase(SettledPhrase {
                surface: surface.clone(),
                meaning,
                stamp,
            })?;
        }
        self.session.settle(Settled { surface, concept });
        Ok(self.feedback())
    }

    fn correct(&mut self, surface: String, wrong: String, right: String) -> Result<Value, WebError> {
        // A correction of a correction is one of what the engine reads.
        let earlier = self
            .corrections
            .iter()
            .find(|known| known.surface == surface && known.right == wrong);
        let wrong = earlier.map_or(wrong, |known| known.wrong.clone());
        let correction = Correction {
            surface,
            wrong,
            right,
        };
        let concept = |id: &str| (!id.is_empty()).then(|| ConceptId::new(id));
        self.desk.app.store.remember_correction(Taught {
            surface: correction.surface.clone(),
            wrong: concept(&correction.wrong),
            right: concept(&correction.right),
            stamp: self.desk.stamp()?,
        })?;
        self.corrections
            .retain(|known| known.surface != correction.surface || known.wrong != correction.wrong);
        self.corrections.push(correction.clone());
        self.session.correct(correction);
        Ok(self.feedback())
    }
}

fn draft_json(draft: &DraftRevision) -> Value {
    let at = draft.at.civil().strftime("%H:%M:%S").to_string();
    json!({"revision": draft.revision, "text": draft.text, "at": at})
}

/// What stands against a text, after a fault of ours was logged.
fn noted(error: &WebError) -> Option<Conflict<'_>> {
    if let Some(cause) = error.fault() {
        log::error("the live line of a note failed", &[("cause", &cause)]);
    }
    conflict(error)
}
