//! Small answers for scripts: names to choose from, and the last save of a tab that is being closed.

use crate::web::notes::NoteLink;
use crate::web::state::{App, Visit, answer};
use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use std::sync::Arc;
use tsumugi_access::Action;
use tsumugi_intake::complete;
use tsumugi_records::Revision;

const MOST_NAMES: usize = 10;

/// What has been typed of a name.
#[derive(Debug, Deserialize)]
pub(crate) struct Typed {
    #[serde(default)]
    q: String,
}

/// Concepts whose name or reading begins with what is typed.
pub(crate) async fn concepts(
    State(app): State<Arc<App>>,
    visit: Visit,
    Query(typed): Query<Typed>,
) -> Response {
    answer(app, visit, move |desk| {
        let names = if typed.q.trim().is_empty() {
            Vec::new()
        } else {
            complete(&desk.app.coder, typed.q.trim(), MOST_NAMES)
        };
        Ok(Json(names))
    })
    .await
}

/// The last save of a tab.
#[derive(Debug, Deserialize)]
pub(crate) struct LastSave {
    link: NoteLinkBody,
    text: String,
    base: Option<i64>,
}

#[derive(Debug, Deserialize)]
struct NoteLinkBody {
    patient: String,
    #[serde(default)]
    encounter: String,
    #[serde(default)]
    addendum: Option<i64>,
}

/// Keeps what a tab still held when it was closed.
pub(crate) async fn draft(State(app): State<Arc<App>>, visit: Visit, Json(save): Json<LastSave>) -> Response {
    answer(app, visit, move |desk| {
        let NoteLinkBody {
            patient,
            encounter,
            addendum,
        } = save.link;
        let place = desk.app.note_place(&NoteLink {
            patient,
            encounter,
            addendum,
        })?;
        desk.may_write(Action::Write, &place)?;
        desk.save_draft(&place, &desk.stamp()?, save.base.map(Revision::new), &save.text)?;
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}
