//! Which parser of `exchange` reads which standard, and what makes events of its resources.

use std::io::{self, BufRead};
use tsumugi_clinical::Event;
use tsumugi_coding::Coder;
use tsumugi_exchange::incoming::{Incoming, Problem, Sink, Standard};

/// What is known of a source beside its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Origin {
    /// Its name: the file relative to what was named, or the peer.
    pub(crate) file: String,
    /// Number of the patient, for sources that do not say whose they are (a device, a medication notebook).
    pub(crate) patient: Option<String>,
}

/// A parser: where the bytes come from, the bytes, and who takes what is read.
pub(crate) type Read = Box<dyn Fn(&Origin, &mut dyn BufRead, &mut Sink<'_>) -> io::Result<()> + Send + Sync>;

/// Makes events of a statement's resources; what has no concept is told, and is in the resources all the same.
pub(crate) type Stating = dyn Fn(&Coder, &Incoming) -> (Vec<Event>, Vec<Problem>) + Send + Sync;

/// The standards, by the words of the command line.
pub(crate) const STANDARDS: [(&str, Standard); 7] = [
    ("ssmix2", Standard::Ssmix2),
    ("hl7", Standard::Hl7),
    ("uke", Standard::Uke),
    ("dpc", Standard::Dpc),
    ("okusuri", Standard::Okusuri),
    ("fhir", Standard::Fhir),
    ("device", Standard::Device),
];

/// The word of a standard.
pub(crate) fn word(standard: Standard) -> &'static str {
    let mut all = STANDARDS.iter();
    all.find(|(_, known)| *known == standard)
        .map_or("", |(word, _)| word)
}

/// The standard of a word.
pub(crate) fn named(word: &str) -> Option<Standard> {
    let mut all = STANDARDS.iter();
    all.find(|(known, _)| *known == word)
        .map(|(_, standard)| *standard)
}

/// The parser of a standard; none where this program has none.
pub(crate) fn of(standard: Standard) -> Option<Read> {
    match standard {
        #[cfg(test)]
        Standard::Fhir | Standard::Hl7 => Some(super::tests::reader()),
        _ => None,
    }
}

/// The parser of a standard.
///
/// # Errors
/// Where this program has none.
pub(crate) fn wanted(standard: Standard) -> anyhow::Result<Read> {
    of(standard).ok_or_else(|| {
        anyhow::anyhow!(
            "{}: this version of the program has no reader of it; update the program",
            word(standard)
        )
    })
}

/// Makes events of resources.
pub(crate) fn stating() -> Box<Stating> {
    #[cfg(test)]
    return super::tests::stating();
    #[cfg(not(test))]
    Box::new(|_, _| (Vec::new(), Vec::new()))
}
