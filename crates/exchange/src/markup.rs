//! Text out of HTML and CDA R2 (HL7 Clinical Document Architecture, release 2): what is read, without tags.

mod cda;
mod html;

pub(crate) use cda::{Cda, cda};
pub(crate) use html::{html_text, is_html};
