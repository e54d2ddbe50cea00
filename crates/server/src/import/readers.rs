//! Which parser of `exchange` reads which standard, and what makes events of its resources.

use std::io::{self, BufRead, Read as _};
use std::sync::Arc;
use tsumugi_clinical::{Event, Evidence, Patient};
use tsumugi_coding::{Coder, ImportContext};
use tsumugi_exchange::incoming::{self, Handed, Incoming, Person, Place, Problem, Severity, Sink, Standard};
use tsumugi_exchange::{claims, device, feed, fhir_in, hl7v2, okusuri, ssmix2};

/// Largest file of those that are read as a whole (a message, a document of a storage, a medication notebook), in bytes.
const LARGEST: u64 = 256 << 20;

/// What is known of a source beside its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Origin {
    /// Its name: the file relative to what was named, or the peer.
    pub(crate) file: String,
    /// Number of the patient, for sources that do not say whose they are (a device, a medication notebook).
    pub(crate) patient: Option<String>,
    /// Issuer of this site's numbers.
    pub(crate) facility: Option<String>,
    /// What the device's clock showed at a time that is known.
    pub(crate) clock: Option<device::Clock>,
}

impl Origin {
    /// As the parsers of files without a person of their own want it.
    fn feed(&self) -> feed::Origin {
        feed::Origin {
            file: self.file.clone(),
            facility: self.facility.clone(),
            person: self.patient.clone().map(|number| Person {
                issuer: self.facility.clone().unwrap_or_default(),
                number,
                ..Person::default()
            }),
        }
    }
}

/// A parser: where the bytes come from, the bytes, and who takes what is read.
pub(crate) type Read = Box<dyn Fn(&Origin, &mut dyn BufRead, &mut Sink<'_>) -> io::Result<()> + Send + Sync>;

/// Makes events of a statement's resources; what has no concept is told, and is in the resources all the same.
pub(crate) type Stating = dyn Fn(&Coder, &Patient, &Incoming) -> (Vec<Event>, Vec<Problem>) + Send + Sync;

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

/// The parser of a standard.
pub(crate) fn of(standard: Standard) -> Read {
    // The tests of doors and batches have a reader of lines that say what is wanted; the parsers have their own tests.
    #[cfg(test)]
    if matches!(standard, Standard::Fhir | Standard::Hl7) {
        return super::tests::reader();
    }
    match standard {
        Standard::Ssmix2 => Box::new(|origin, input, sink| {
            ssmix2::file(&origin.file, &whole(input)?, sink);
            Ok(())
        }),
        Standard::Hl7 => Box::new(|origin, input, sink| {
            hl7v2::read(&whole(input)?, &origin.file, sink);
            Ok(())
        }),
        Standard::Uke => {
            let tables = Arc::new(claims::Tables::embedded());
            Box::new(move |origin, input, sink| {
                claims::uke::read(input, &origin.feed(), &tables, sink);
                Ok(())
            })
        }
        Standard::Dpc => {
            let tables = Arc::new(claims::Tables::embedded());
            Box::new(move |origin, input, sink| {
                claims::dpc::read(input, &origin.feed(), &tables, sink);
                Ok(())
            })
        }
        Standard::Okusuri => {
            let tables = okusuri::Tables::embedded();
            Box::new(move |origin, input, sink| {
                okusuri::read(&whole(input)?, &origin.feed(), &tables, sink);
                Ok(())
            })
        }
        Standard::Fhir => Box::new(|origin, mut input, sink| {
            let form = fhir_in::Form::of(&origin.file);
            fhir_in::read(&mut input, &origin.file, form, fhir_in::Limits::default(), sink);
            Ok(())
        }),
        Standard::Device => {
            let tables = device::Tables::embedded();
            Box::new(move |origin, input, sink| {
                if origin.patient.is_none() {
                    return nobodys(origin, input, sink);
                }
                device::read(input, &origin.feed(), &tables, origin.clock.as_ref(), sink);
                Ok(())
            })
        }
    }
}

/// Samples of which nobody says whose they are: the file stays whole, so that it can be read once somebody does.
fn nobodys(origin: &Origin, input: &mut dyn BufRead, sink: &mut Sink<'_>) -> io::Result<()> {
    let problem = Problem {
        place: Place {
            file: origin.file.clone(),
            line: Some(1),
            field: None,
        },
        severity: Severity::Error,
        code: "no-patient",
        message: "the file does not say whose it is; read it again with the number of the patient, --patient NUMBER"
            .to_owned(),
    };
    let bytes = whole(input)?;
    sink(Handed::Dead { problem, bytes });
    Ok(())
}

/// All of a source that is no stream.
fn whole(input: &mut dyn BufRead) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        let message = format!("the file is larger than {LARGEST} bytes; no message or document is");
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    Ok(bytes)
}

/// Makes events of resources.
pub(crate) fn stating() -> Box<Stating> {
    #[cfg(test)]
    return super::tests::stating();
    #[cfg(not(test))]
    Box::new(events)
}

#[cfg_attr(test, expect(dead_code, reason = "the tests of doors have their own"))]
fn events(coder: &Coder, patient: &Patient, incoming: &Incoming) -> (Vec<Event>, Vec<Problem>) {
    let (mut events, mut problems) = (Vec::new(), Vec::new());
    if incoming.standing != incoming::Standing::Valid {
        return (events, problems);
    }
    // What is no JSON has said so when it was read; its bytes are kept.
    let read = incoming.resources.iter();
    let values: Vec<serde_json::Value> = read
        .map(|one| serde_json::from_slice(&one.json).unwrap_or_default())
        .collect();
    let maps = coder.vocabulary().maps();
    let context = ImportContext {
        patient,
        date: incoming.civil.map(jiff::civil::DateTime::date),
        evidence: match incoming.evidence {
            incoming::Evidence::Care => None,
            incoming::Evidence::Claim => Some(Evidence::Claim),
            incoming::Evidence::Personal => Some(Evidence::Personal),
        },
        codes: &maps,
        beside: &values,
    };
    for value in &values {
        let imported = coder.import(&context, value);
        events.extend(imported.events);
        problems.extend(imported.remarks.into_iter().map(|remark| Problem {
            place: Place {
                field: None,
                ..incoming.place.clone()
            },
            severity: Severity::Warning,
            code: remark.code,
            message: format!("{}: no event was made of it; the resource is kept", remark.about),
        }));
    }
    (events, problems)
}
