//! What the mapping of one message gathers: resources, texts, and problems with their places.

use super::syntax::Segment;
use super::times::{When, when};
use crate::incoming::{Place, Problem, Resource, Severity, Text};
use crate::json::Json;
use jiff::civil::{Date, DateTime};

/// Most bytes of resources of one statement: what a message repeats for each of its parts (a comment, a usage) would else
/// grow with the square of its length.
const MOST_BYTES: usize = 32_000_000;
/// Most problems that one message tells.
const MOST_PROBLEMS: usize = 50;

/// Gathers what a message states.
#[derive(Debug)]
pub(crate) struct Making<'m> {
    /// The file.
    pub(crate) file: &'m str,
    /// When the message was sent; nothing in it was observed later.
    pub(crate) sent: Option<DateTime>,
    /// The day under which the storage files it; results without a time of their own are of this day.
    pub(crate) day: Option<Date>,
    /// Category of results, by the data kind.
    pub(crate) category: &'static str,
    /// What was dispensed, not given.
    pub(crate) is_dispense: bool,
    /// Resources.
    pub(crate) resources: Vec<Resource>,
    /// Texts.
    pub(crate) texts: Vec<Text>,
    /// When what it states was so.
    pub(crate) civil: Option<DateTime>,
    /// Problems that leave the statement in.
    pub(crate) problems: Vec<Problem>,
    /// Bytes of the resources so far.
    size: usize,
    /// Whether no more resources are taken.
    is_full: bool,
}

impl<'m> Making<'m> {
    /// Nothing yet.
    pub(crate) fn new(file: &'m str) -> Self {
        Self {
            file,
            sent: None,
            day: None,
            category: "",
            is_dispense: false,
            resources: Vec::new(),
            texts: Vec::new(),
            civil: None,
            problems: Vec::new(),
            size: 0,
            is_full: false,
        }
    }

    /// Adds a resource.
    pub(crate) fn resource(&mut self, kind: &'static str, body: &Json) {
        if let Json::Object(fields) = body {
            let mut all = Vec::with_capacity(fields.len() + 1);
            all.push(("resourceType", kind.into()));
            all.extend(fields.iter().cloned());
            let json = Json::Object(all).bytes();
            self.size = self.size.saturating_add(json.len());
            if self.size > MOST_BYTES {
                self.is_full = true;
                let message = "the resources of this statement pass 32 MB; the rest is kept in the bytes only, split it in the source";
                self.problem_at(Severity::Warning, "many-resources", None, None, message);
                return;
            }
            let kind = kind.to_owned();
            self.resources.push(Resource { kind, json });
        }
    }

    /// Whether no more resources are taken: what would only be thrown away need not be made.
    pub(crate) fn is_full(&self) -> bool {
        self.is_full
    }

    /// Tells a problem of a field.
    pub(crate) fn problem(
        &mut self,
        severity: Severity,
        code: &'static str,
        at: (&Segment<'_>, usize),
        message: impl Into<String>,
    ) {
        let (segment, number) = at;
        let field = if number == 0 {
            segment.name.to_owned()
        } else {
            format!("{}-{number}", segment.name)
        };
        self.problem_at(severity, code, Some(segment.line), Some(field), message);
    }

    /// Tells a problem of a place.
    pub(crate) fn problem_at(
        &mut self,
        severity: Severity,
        code: &'static str,
        line: Option<u32>,
        field: Option<String>,
        message: impl Into<String>,
    ) {
        // A field that is read for two purposes is wrong once.
        let is_told = self
            .problems
            .iter()
            .any(|told| told.code == code && told.place.line == line && told.place.field == field);
        if !is_told && self.problems.len() < MOST_PROBLEMS {
            self.problems.push(Problem {
                place: Place {
                    file: self.file.to_owned(),
                    line,
                    field,
                },
                severity,
                code,
                message: message.into(),
            });
        }
    }

    /// The time of a field's component; a wrong one is told and left out.
    pub(crate) fn time(&mut self, segment: &Segment<'_>, field: usize, component: usize) -> Option<When> {
        let written = segment.field(field).component(component).to_owned();
        if written.is_empty() || written == "\"\"" {
            return None;
        }
        // TS and DTM may have a degree of precision as their second component.
        if let Ok(read) = when(&written) {
            return read;
        }
        let message = "this is no date or time; it is left out, correct it in the source";
        self.problem(Severity::Warning, "wrong-date", (segment, field), message);
        None
    }

    /// A time at which something was observed or done: one after the message was sent is told.
    pub(crate) fn past(&mut self, segment: &Segment<'_>, field: usize, component: usize) -> Option<When> {
        let read = self.time(segment, field, component)?;
        if self
            .sent
            .is_some_and(|sent| read.civil.date() > sent.date().tomorrow().unwrap_or(sent.date()))
        {
            self.problem(
                Severity::Warning,
                "future-date",
                (segment, field),
                "it lies after the message was sent; it is taken as written, check the source",
            );
        }
        Some(read)
    }

    /// Keeps the latest of the times at which something was so.
    pub(crate) fn happened(&mut self, time: Option<&When>) {
        if let Some(time) = time
            && self.civil.is_none_or(|civil| civil < time.civil)
        {
            self.civil = Some(time.civil);
        }
    }
}
