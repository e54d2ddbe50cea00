//! The texts of statements: signed as documents in the transaction of their statement.

use crate::documents::{self, Content, VersionReason};
use crate::errors::StoreError;
use crate::ids::{DocumentId, PatientId};
use crate::received::{Opened, ReceivedStatement, ReceivedText, Standing, StatementReceipt};
use crate::sign::{self, SignNote, Target};
use crate::stamp::Stamp;
use crate::statements::Which;
use rusqlite::{Connection, params};

/// Signs the texts as documents, or as next versions of those that an earlier version of the statement made. A text that
/// was taken back, or is no longer there, becomes a version without text.
pub(crate) fn sign(
    conn: &Connection,
    opened: &mut Opened<'_>,
    key: &Which<'_>,
    statement: &ReceivedStatement,
    receipt: &mut StatementReceipt,
) -> Result<(), StoreError> {
    let earlier = documents_of(conn, key)?;
    let is_valid = statement.standing == Standing::Valid;
    let texts: &[ReceivedText] = if is_valid { &statement.texts } else { &[] };
    let most = texts.len().max(earlier.len());
    for number in 0..most {
        let known = earlier
            .iter()
            .find(|(of, _)| *of == number as u64)
            .map(|(_, document)| *document);
        let newest = known
            .map(|document| documents::newest(conn, document))
            .transpose()?;
        let note_key = format!("{}/{}/{number}/{}", key.source, key.key, receipt.version);
        let note = match (texts.get(number), newest) {
            (None, None) => continue,
            (Some(text), Some(newest)) if newest.text == text.text => {
                link(conn, key, receipt, number, (newest.document, newest.version))?;
                continue;
            }
            (None, Some(newest)) if newest.text.is_empty() => continue,
            (None, Some(newest)) => withdrawn(&newest, note_key, &opened.batch.stamp),
            (Some(text), newest) => note(text, newest.as_ref(), key.patient, note_key, &opened.batch.stamp),
        };
        let signed = sign::sign(conn, &note)?;
        receipt.events += note.events.len() as u64;
        receipt.documents.push((signed.document, signed.version));
        link(conn, key, receipt, number, (signed.document, signed.version))?;
        opened.signed.push((key.patient, signed));
    }
    Ok(())
}

/// The documents that versions of a statement made, by the number of the text.
fn documents_of(conn: &Connection, key: &Which<'_>) -> Result<Vec<(u64, DocumentId)>, StoreError> {
    let mut list = conn.prepare_cached(
        "SELECT DISTINCT d.number, d.document FROM observation o JOIN received_document d ON d.observation = o.id
         WHERE o.patient = ?1 AND o.source = ?2 AND o.key = ?3 ORDER BY d.number",
    )?;
    let rows = list.query_map(params![key.patient, key.source, key.key], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn link(
    conn: &Connection,
    key: &Which<'_>,
    receipt: &StatementReceipt,
    number: usize,
    (document, version): (DocumentId, u32),
) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO received_document (observation, number, patient, document, version) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        receipt.observation,
        number as u64,
        key.patient,
        document,
        version
    ])?;
    // What came from there does not go back.
    conn.prepare_cached("DELETE FROM delivery_due WHERE document = ?1")?
        .execute([document])?;
    Ok(())
}

fn target(newest: &documents::DocumentVersion) -> Target {
    Target::Version {
        document: newest.document,
        expected: newest.version,
        reason: VersionReason::Correction,
    }
}

fn note(
    text: &ReceivedText,
    newest: Option<&documents::DocumentVersion>,
    patient: PatientId,
    key: String,
    stamp: &Stamp,
) -> SignNote {
    let new = || Target::New {
        patient,
        encounter: None,
        kind: text.kind.clone(),
    };
    SignNote {
        target: newest.map_or_else(new, target),
        key: Some(key),
        content: plain(&text.text),
        signed: Stamp {
            author: text.author.clone(),
            at: stamp.at.clone(),
        },
        written_at: text.written_at.clone(),
        edition: text.edition.clone(),
        events: text.events.clone(),
        resources: text.resources.clone(),
        draft: None,
        on_behalf_of: None,
    }
}

/// The version that says that the source took its text back.
fn withdrawn(newest: &documents::DocumentVersion, key: String, stamp: &Stamp) -> SignNote {
    SignNote {
        target: target(newest),
        key: Some(key),
        content: plain(""),
        signed: Stamp {
            author: stamp.author.clone(),
            at: stamp.at.clone(),
        },
        written_at: newest.written_at.clone(),
        edition: newest.edition.clone(),
        events: Vec::new(),
        resources: Vec::new(),
        draft: None,
        on_behalf_of: None,
    }
}

fn plain(text: &str) -> Content {
    Content {
        bytes: text.as_bytes().to_vec(),
        media_type: "text/plain".to_owned(),
        encoding: "utf-8".to_owned(),
        text: text.to_owned(),
    }
}
