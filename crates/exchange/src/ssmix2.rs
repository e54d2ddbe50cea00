//! SS-MIX2 storages (Ver. 1.2g/h): the standard storage of HL7 v2.5 files and the extended storage of documents.
//!
//! A path says whose a file is, of which day and kind, and whether it still holds; what stands in the file is held against
//! it, and a file whose message is of another patient is refused. No file is opened here: the server walks the tree.

mod document;
mod place;
mod write;

pub use place::{Condition, Filed, Storage, path};
pub use write::{Written, write_document};

use crate::charset::decode;
use crate::hl7v2::{Origin, dead, messages};
use crate::incoming::{Evidence, Handed, Incoming, Person, Place, Sink, Standard, Standing};

/// Reads one file of a storage: `path` below (or above) its root, with `/` or `\` between folders.
///
/// `false` when the sink has stopped it.
pub fn file(path: &str, bytes: &[u8], sink: &mut Sink<'_>) -> bool {
    let filed = match place::path(path) {
        Ok(filed) => filed,
        Err(problem) => return sink(dead(problem, bytes)),
    };
    for problem in place::doubts(path, &filed) {
        if !sink(Handed::Problem(problem)) {
            return false;
        }
    }
    let is_blank = bytes.iter().all(u8::is_ascii_whitespace);
    if is_blank && filed.condition == Condition::Deleted {
        return sink(Handed::Statement(Box::new(deletion(path, &filed, bytes))));
    }
    match filed.storage {
        Storage::Standard => messages(
            Origin {
                file: path,
                filed: Some(&filed),
            },
            bytes,
            sink,
        ),
        Storage::Extended => document::read(path, &filed, bytes, sink),
    }
}

/// A file that only says that another is taken back.
fn deletion(path: &str, filed: &Filed, bytes: &[u8]) -> Incoming {
    Incoming {
        standard: Standard::Ssmix2,
        place: Place {
            file: path.to_owned(),
            ..Place::default()
        },
        person: Person {
            number: filed.number.clone(),
            ..Person::default()
        },
        key: filed.key(),
        sequence: filed.transaction.clone(),
        standing: Standing::Deleted,
        evidence: Evidence::Care,
        civil: filed.date.map(|date| date.at(0, 0, 0, 0)),
        bytes: bytes.to_vec(),
        charset: "us-ascii",
        resources: Vec::new(),
        texts: Vec::new(),
    }
}

/// The text of bytes whose character set nobody names.
fn text_of(bytes: &[u8]) -> (String, &'static str, usize) {
    let charset = crate::charset::guess(bytes);
    let decoded = decode(bytes, charset);
    (decoded.text, charset.name(), decoded.wrong_count)
}
