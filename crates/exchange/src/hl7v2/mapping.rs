//! One patient's segments become resources and texts: a walk over the segments with what stands around each.

use super::allergy::allergy;
use super::document::{Heading, loinc, text};
use super::making::Making;
use super::medication::Group;
use super::observation::{Around, is_document, is_item_only, is_narrative, observation, ordered_item};
use super::order::{diet, done, request};
use super::problem::{diagnosis, disease};
use super::syntax::Segment;
use super::visit::coverage;
use crate::incoming::Severity;
use crate::json::object;

/// Segments that are read elsewhere, or say nothing of the patient.
const QUIET: [&str; 14] = [
    "MSH", "EVN", "SFT", "MSA", "PID", "PV1", "PV2", "MRG", "NK1", "TQ2", "ROL", "DSC", "ZPR", "PD1",
];
/// From this length a text beside results is one to be structured, in characters.
const LONG_TEXT: usize = 100;

/// What a message asks its requests to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Orders.
    Ordered,
    /// Examinations that were done.
    Done,
    /// Results.
    Results,
    /// A document.
    Document,
    /// Anything else.
    Other,
}

/// Walks the segments of one patient.
struct Walk<'s, 't> {
    mode: Mode,
    /// Whether a specimen stands before what is examined of it (OUL, OML).
    is_specimen_first: bool,
    is_outpatient: bool,
    around: Around<'s, 't>,
    drugs: Group<'s, 't>,
    diets: Vec<&'s Segment<'t>>,
    heading: Heading,
    narrative: Vec<&'s Segment<'t>>,
    /// Whether all results of this request are narrative.
    is_report: bool,
    unmapped: Vec<&'t str>,
}

/// Maps segments of one patient in a message of this code (`ORU`, `RDE`).
pub(crate) fn map(code: &str, segments: &[&Segment<'_>], making: &mut Making<'_>) {
    let mode = match code {
        "OML" | "OMG" | "ORM" | "OMD" => Mode::Ordered,
        "OMI" => Mode::Done,
        "ORU" | "OUL" => Mode::Results,
        "MDM" => Mode::Document,
        _ => Mode::Other,
    };
    let is_outpatient = segments
        .iter()
        .any(|segment| segment.name == "PV1" && segment.text(2, 1) == "O");
    let mut walk = Walk {
        mode,
        is_specimen_first: matches!(code, "OUL" | "OML"),
        is_outpatient,
        around: Around::default(),
        drugs: Group::default(),
        diets: Vec::new(),
        heading: Heading::default(),
        narrative: Vec::new(),
        is_report: mode == Mode::Document,
        unmapped: Vec::new(),
    };
    if mode == Mode::Results {
        walk.begin_request(segments);
    }
    for (at, segment) in segments.iter().enumerate() {
        if making.is_full() {
            return;
        }
        let behind = segments.get(at + 1..).unwrap_or_default();
        walk.segment(segment, behind, making);
    }
    walk.end_order(making);
}

impl<'s, 't> Walk<'s, 't> {
    fn segment(&mut self, segment: &'s Segment<'t>, behind: &[&'s Segment<'t>], making: &mut Making<'_>) {
        match segment.name {
            // In OUL the order stands behind its request.
            "ORC" if self.is_specimen_first && self.mode == Mode::Results => {
                self.around.order = Some(segment);
            }
            "ORC" => {
                self.end_order(making);
                self.around.order = Some(segment);
                self.around.request = None;
            }
            "OBR" => self.request(segment, behind, making),
            "SPM" if self.is_specimen_first => self.around.specimen = Some(segment),
            // Else the specimen stands behind its results and was found with the request.
            "SPM" => {}
            "OBX" => self.result(segment, behind, making),
            "NTE" => self.note(segment, making),
            "RXE" | "RXO" | "RXA" | "RXC" | "RXR" | "TQ1" => {
                self.drugs.take(segment);
            }
            "ODS" | "ODT" => self.diets.push(segment),
            "PRB" => {
                let modifiers: Vec<&Segment<'_>> = behind
                    .iter()
                    .take_while(|next| matches!(next.name, "ZPR" | "NTE" | "VAR"))
                    .filter(|next| next.name == "ZPR")
                    .copied()
                    .collect();
                disease(segment, &modifiers, making);
            }
            "DG1" => diagnosis(segment, making),
            "IAM" | "AL1" => allergy(segment, making),
            "IN1" => coverage(segment, making),
            "TXA" => self.heading = Heading::read(segment, making),
            name if QUIET.contains(&name) => {}
            name => self.unmapped(name, segment, making),
        }
    }

    fn request(&mut self, obr: &'s Segment<'t>, behind: &[&'s Segment<'t>], making: &mut Making<'_>) {
        self.end_narrative(making);
        self.around.request = Some(obr);
        if self.is_specimen_first && self.mode == Mode::Results {
            self.around.order = None;
        }
        match self.mode {
            Mode::Ordered => {
                let has_items = behind
                    .iter()
                    .take_while(|next| !matches!(next.name, "OBR" | "ORC"))
                    .any(|next| next.name == "OBX" && is_item_only(next));
                if !has_items {
                    request(self.around, making);
                }
            }
            Mode::Done => done(self.around, making),
            Mode::Results => self.begin_request(behind),
            Mode::Document | Mode::Other => {}
        }
    }

    /// Looks once over the results of a request: whether they are a report, and at the specimen behind them.
    fn begin_request(&mut self, behind: &[&'s Segment<'t>]) {
        let mut results = 0;
        let mut narrative = 0;
        let mut specimen = None;
        for next in behind.iter().take_while(|next| next.name != "OBR") {
            match next.name {
                "OBX" if is_document(next) => {}
                "OBX" => {
                    results += 1;
                    narrative += usize::from(is_narrative(next));
                }
                "SPM" if results > 0 => specimen = specimen.or(Some(*next)),
                _ => {}
            }
        }
        self.is_report = results > 0 && results == narrative;
        if !self.is_specimen_first {
            self.around.specimen = specimen;
        }
    }

    fn result(&mut self, obx: &'s Segment<'t>, behind: &[&'s Segment<'t>], making: &mut Making<'_>) {
        if self.mode == Mode::Ordered && is_item_only(obx) {
            ordered_item(self.around, obx, making);
            return;
        }
        let is_long = || obx.field_raw(5).chars().nth(LONG_TEXT).is_some();
        if is_document(obx)
            || self.mode == Mode::Document
            || (is_narrative(obx) && (self.is_report || is_long()))
        {
            self.narrative.push(obx);
            return;
        }
        let notes: Vec<&Segment<'_>> = behind
            .iter()
            .take_while(|next| next.name == "NTE")
            .copied()
            .collect();
        observation(self.around, obx, &notes, making);
        // Notes are read with their result: the walk passes them by `note`.
    }

    fn note(&mut self, nte: &'s Segment<'t>, making: &mut Making<'_>) {
        if !self.drugs.drugs.is_empty() {
            self.drugs.take(nte);
        } else if self.around.request.is_none() && !matches!(self.mode, Mode::Results | Mode::Document) {
            self.unmapped("NTE", nte, making);
        }
    }

    fn unmapped(&mut self, name: &'t str, segment: &Segment<'_>, making: &mut Making<'_>) {
        if self.unmapped.contains(&name) || self.unmapped.len() >= 50 {
            return;
        }
        self.unmapped.push(name);
        let message = "segments of this name are not mapped; they are kept in the bytes only";
        making.problem(Severity::Warning, "unmapped-segment", (segment, 0), message);
    }

    /// An order ends: its drugs and diets are complete.
    fn end_order(&mut self, making: &mut Making<'_>) {
        self.end_narrative(making);
        let drugs = Group {
            order: self.around.order,
            ..std::mem::take(&mut self.drugs)
        };
        drugs.finish(self.is_outpatient, making);
        let diets = std::mem::take(&mut self.diets);
        if !diets.is_empty() {
            diet(self.around.order, &diets, making);
        }
        self.around.order = None;
    }

    /// The narrative of a request is complete.
    fn end_narrative(&mut self, making: &mut Making<'_>) {
        let parts = std::mem::take(&mut self.narrative);
        if parts.is_empty() {
            return;
        }
        if self.mode == Mode::Document {
            text(&self.heading, &parts, making);
            return;
        }
        let obr = self.around.request;
        let at = obr
            .and_then(|obr| making.past(obr, 22, 1).or_else(|| making.past(obr, 7, 1)))
            .or_else(|| self.around.order.and_then(|orc| making.past(orc, 9, 1)));
        making.happened(at.as_ref());
        let kind = obr.and_then(|obr| loinc(obr, 4));
        let title = obr
            .map(|obr| super::coded::name(obr, 4))
            .filter(|title| !title.is_empty());
        let heading = Heading::of(kind, title, at.as_ref().map(|at| at.civil));
        let before = making.texts.len();
        text(&heading, &parts, making);
        if let Some(obr) = obr.filter(|_| making.texts.len() > before) {
            let body = object([
                ("status", "final".into()),
                ("code", super::coded::field(obr, 4)),
                ("effectiveDateTime", at.map(|at| at.fhir).into()),
            ]);
            making.resource("DiagnosticReport", &body);
        }
    }
}
