//! A signed note as a document of the extended storage, so that the hospital's record shows it.

use super::place::prefixes;
use crate::hl7v2::{Document, mdm_t02, written_time};
use crate::incoming::{Place, Problem, Severity};

/// The file of a document's folder that is read first.
const MAIN: &str = "main_document.hl7";

/// A file to be put into the storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Path below the root of the extended storage, with `/`.
    pub path: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Writes a document: `<number>/…/<day>/<kind>/<seven parts>/main_document.hl7`, an MDM message as [`mdm_t02`] makes it.
/// `department` is the code of the department; empty when there is none. The file that it replaces is renamed to condition 2
/// by whoever owns the storage.
///
/// # Errors
/// `wrong-number` when a number cannot stand in a path.
pub fn write_document(document: &Document, department: &str) -> Result<Written, Problem> {
    let number = &document.person.number;
    for (field, part) in [("patient number", number), ("document number", &document.number)] {
        let is_plain = !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !is_plain {
            return Err(Problem {
                place: Place {
                    field: Some(field.to_owned()),
                    ..Place::default()
                },
                severity: Severity::Error,
                code: "wrong-number",
                message: "a number in a path holds ASCII letters, digits and - only; give it another number"
                    .to_owned(),
            });
        }
    }
    let [first, second] = prefixes(number);
    let day = document.written.strftime("%Y%m%d").to_string();
    let title = in_a_path(&document.title);
    let display = in_a_path(&document.kind.display);
    let kind = format!("^{title}^^{}^{display}^LN", in_a_path(&document.kind.code));
    let department = Some(in_a_path(department)).filter(|code| !code.is_empty());
    let transaction = format!(
        "{}{:03}",
        written_time(document.sent),
        document.sent.millisecond()
    );
    let name = format!(
        "{number}_{day}_{kind}_{}_{transaction}_{}_1",
        document.number,
        department.as_deref().unwrap_or("-")
    );
    Ok(Written {
        path: format!("{first}/{second}/{number}/{day}/{kind}/{name}/{MAIN}"),
        bytes: mdm_t02(document),
    })
}

/// A name that may stand in a path and in the parts of a file's name: separators of either become `-`.
fn in_a_path(name: &str) -> String {
    name.chars()
        .map(|letter| {
            if letter.is_control() || r#"/\:*?"<>|_^."#.contains(letter) {
                '-'
            } else {
                letter
            }
        })
        .take(40)
        .collect()
}
