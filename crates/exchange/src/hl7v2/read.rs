//! From bytes to statements: messages of a file, their character set, their patients.

use super::identity::{is_cancelled, is_taken_back, numbers, shortened};
use super::making::Making;
use super::mapping::map;
use super::parts::{Part, parts, patients};
use super::person::{merged, patient, person};
use super::pieces::{Cut, message_length, offsets, piece};
use super::syntax::{Message, Segment};
use super::tables::{EventRow, TABLES};
use super::visit::encounter;
use crate::charset::{Charset, Decoded, breaks, decode, guess};
use crate::incoming::{
    Evidence, Handed, Incoming, Person, Place, Problem, Severity, Sink, Standard, Standing,
};
use crate::ssmix2::Filed;

/// Most numbers that a merge may take over.
const MOST_MERGED: usize = 100;

/// Where bytes come from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin<'a> {
    /// File, or peer of the connection.
    pub(crate) file: &'a str,
    /// Where an SS-MIX2 storage has filed it.
    pub(crate) filed: Option<&'a Filed>,
}

/// Reads a file of HL7 v2.5 messages, or one message as it came over MLLP. `file` is its name, or the peer's.
///
/// `false` when the sink has stopped it.
pub fn read(bytes: &[u8], file: &str, sink: &mut Sink<'_>) -> bool {
    messages(Origin { file, filed: None }, bytes, sink)
}

/// As [`read`], with what a storage says of the file.
pub(crate) fn messages(origin: Origin<'_>, bytes: &[u8], sink: &mut Sink<'_>) -> bool {
    if bytes.iter().all(|byte| byte.is_ascii_whitespace() || *byte == 0) {
        let message = "the file is empty; send it again";
        return sink(dead(
            problem(origin.file, Some(1), None, "empty-file", message),
            bytes,
        ));
    }
    let mut rest = bytes;
    let mut line = 1;
    let mut index = 0;
    while !rest.is_empty() {
        let length = message_length(rest);
        let (message, behind) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        index += 1;
        if !statement(origin, message, line, index, sink) {
            return false;
        }
        line += breaks(message);
        rest = behind;
    }
    true
}

/// Decodes one message: by MSH-18 where that fits the bytes, else by the bytes. Tells what differs.
pub(crate) fn charset_of(bytes: &[u8], making: &mut Making<'_>) -> (Decoded, Charset) {
    let found = guess(bytes);
    let first_line = bytes
        .split(|byte| matches!(*byte, b'\r' | b'\n'))
        .find(|line| line.starts_with(b"MSH"));
    let header = decode(first_line.unwrap_or_default(), found).text;
    let separator = header.chars().nth(3).unwrap_or('|');
    let written = header.split(separator).nth(17).unwrap_or("");
    let names: Vec<&str> = written
        .split('~')
        .filter(|name| !name.trim().is_empty())
        .collect();
    let named = names
        .iter()
        .filter_map(|name| Charset::named(name))
        .rfind(|charset| *charset != Charset::Ascii);
    let line = Some(1);
    let mut tell = |code: &'static str, message: String| {
        making.problem_at(
            Severity::Information,
            code,
            line,
            Some("MSH-18".to_owned()),
            message,
        );
    };
    if names.iter().any(|name| Charset::named(name).is_none()) {
        tell(
            "unknown-charset",
            "a character set of this name is unknown; the bytes say which one it is".to_owned(),
        );
    }
    if found == Charset::Ascii || named == Some(found) {
        return (decode(bytes, named.unwrap_or(found)), found);
    }
    if let Some(named) =
        named.filter(|named| matches!(named, Charset::Cp932 | Charset::EucJp) && found != Charset::Utf8)
    {
        let decoded = decode(bytes, named);
        // Two double-byte sets look alike in short texts: the sender is believed when nothing speaks against it.
        if decoded.wrong_count == 0 && found != Charset::Iso2022Jp {
            return (decoded, named);
        }
    }
    tell(
        "charset-differs",
        format!(
            "the header names {}, the bytes are {}; they are read as what they are",
            named.map_or("no character set", Charset::name),
            found.name()
        ),
    );
    (decode(bytes, found), found)
}

fn tell_decoding(decoded: &Decoded, first_line: u32, making: &mut Making<'_>) {
    if let Some(first) = decoded.wrong.first() {
        let message = format!(
            "{} places cannot be decoded, the first at byte {}; they are replaced, the bytes are kept",
            decoded.wrong_count, first.offset
        );
        let line = Some(first_line + first.line - 1);
        making.problem_at(Severity::Warning, "wrong-bytes", line, None, message);
    }
    if decoded.own_count > 0 {
        let message = "characters of the site's own (gaiji) are replaced by U+3013; the bytes are kept";
        making.problem_at(
            Severity::Information,
            "own-characters",
            Some(first_line),
            None,
            message,
        );
    }
    if decoded.unclosed_count > 0 {
        let message = "a line ends inside double-byte characters; the next one is read from ASCII on";
        making.problem_at(
            Severity::Information,
            "unclosed-escape",
            Some(first_line),
            None,
            message,
        );
    }
}

/// One message: a statement for each of its patients.
fn statement(origin: Origin<'_>, bytes: &[u8], line: u32, index: usize, sink: &mut Sink<'_>) -> bool {
    let mut general = Making::new(origin.file);
    let (decoded, charset) = charset_of(bytes, &mut general);
    for told in &mut general.problems {
        told.place.line = Some(line);
    }
    tell_decoding(&decoded, line, &mut general);
    let message = match Message::parse(&decoded.text, line) {
        Ok(message) => message,
        Err(error) => {
            let place = match error {
                super::SyntaxError::LongSegment(at) => Some(at),
                _ => Some(line),
            };
            let text = format!("{error}; correct the source and send it again");
            let found = problem(origin.file, place, Some("MSH".to_owned()), error.code(), &text);
            return sink(dead(found, bytes));
        }
    };
    tell_odd(&message, &mut general);
    let is_ended = decoded.text.ends_with(['\r', '\n', '\u{1C}']);
    if let Some(last) = message.segments.last().filter(|_| !is_ended) {
        let text = "the last segment is not ended by CR; if the file was cut, send it again";
        general.problem_at(Severity::Information, "not-ended", Some(last.line), None, text);
    }
    let Some(header) = message.header() else {
        return true;
    };
    let groups = patients(&message);
    general.sent = general.time(header, 7, 1).map(|sent| sent.civil);
    if groups.is_empty() {
        let text = "no PID segment says whose this is; correct the source and send it again";
        let field = Some("PID".to_owned());
        return sink(dead(
            problem(origin.file, Some(line), field, "no-patient", text),
            bytes,
        ));
    }
    let header_end = groups.first().map_or(0, |group| group.start);
    let context = Context {
        origin,
        header,
        front: message.segments.get(..header_end).unwrap_or_default(),
        charset: charset.name(),
        index,
        is_ended,
    };
    let starts = groups
        .iter()
        .filter_map(|group| message.segments.get(group.start));
    let offsets = offsets(bytes, starts.map(|pid| pid.line.saturating_sub(line)));
    for (number, group) in groups.into_iter().enumerate() {
        let segments = message.segments.get(group).unwrap_or_default();
        let own = Own {
            segments,
            number,
            bytes,
            offsets: &offsets,
            line,
        };
        if !context.hand_out(&own, &mut general, sink) {
            return false;
        }
    }
    true
}

/// What one patient of a message has.
struct Own<'o, 't> {
    segments: &'o [Segment<'t>],
    number: usize,
    /// Bytes of the message, and where its patients begin in them.
    bytes: &'o [u8],
    offsets: &'o [usize],
    /// The message's first line.
    line: u32,
}

impl Own<'_, '_> {
    fn cut(&self) -> Cut<'_> {
        let lines = self.segments.iter().map(|segment| segment.line);
        let front = self.offsets.first().copied().unwrap_or(0);
        let end = self.offsets.get(self.number + 1).copied();
        Cut {
            bytes: self.bytes,
            front: self.bytes.get(..front).unwrap_or_default(),
            starts: offsets(self.bytes, lines.map(|line| line.saturating_sub(self.line))),
            end: end.unwrap_or(self.bytes.len()),
        }
    }
}

fn tell_odd(message: &Message<'_>, making: &mut Making<'_>) {
    for (line, is_text) in &message.odd_lines {
        let (severity, text) = if *is_text {
            (
                Severity::Information,
                "a line break inside a text; the line is taken as part of the segment before",
            )
        } else {
            (
                Severity::Warning,
                "this line is no segment; it is kept in the bytes only",
            )
        };
        making.problem_at(severity, "odd-line", Some(*line), None, text);
    }
    for segment in &message.segments {
        if segment.name != "MSH" && super::escape::has_unknown(segment.raw, &message.delimiters) {
            let text = "an escape sequence is unknown or not ended; it stands as it is written";
            making.problem(Severity::Information, "wrong-escape", (segment, 0), text);
        }
    }
}

/// What all patients of a message share.
struct Context<'c, 't> {
    origin: Origin<'c>,
    header: &'c Segment<'t>,
    front: &'c [Segment<'t>],
    charset: &'static str,
    index: usize,
    /// Whether the last segment is ended by CR or LF.
    is_ended: bool,
}

impl Context<'_, '_> {
    /// The statements of a patient, and what is to be told of them; `false` when the sink has stopped it.
    fn hand_out(&self, own: &Own<'_, '_>, general: &mut Making<'_>, sink: &mut Sink<'_>) -> bool {
        let row = TABLES.event(&self.header.text(9, 1), &self.header.text(9, 2));
        let kind = row
            .filter(|_| self.origin.filed.is_none())
            .map_or("", |row| row.kind);
        let front = self.front.iter().map(|segment| segment.raw.len()).sum();
        let parts = parts(kind, own.segments, front);
        let cut = (parts.len() > 1).then(|| own.cut());
        let mut known = std::mem::take(&mut general.problems);
        let mut told = 0;
        for part in parts {
            let mut making = Making::new(self.origin.file);
            // What was told of one part is not told again of the next.
            making.problems = std::mem::take(&mut known);
            making.sent = general.sent;
            let made = self.incoming(&part.of(own.segments), own.number, &part, &mut making);
            known = making.problems;
            let is_dead = made.is_err();
            let handed = match made {
                Ok(incoming) => Handed::Statement(Box::new(Incoming {
                    bytes: cut.as_ref().map_or_else(
                        || piece(own.bytes, own.offsets, own.number),
                        |cut| cut.of(&part.ranges),
                    ),
                    ..incoming
                })),
                // Whose it is holds for all parts.
                Err(found) => dead(found, &piece(own.bytes, own.offsets, own.number)),
            };
            let mut news = known.iter().skip(told).cloned();
            if !sink(handed) || !news.all(|told| sink(Handed::Problem(told))) {
                return false;
            }
            told = known.len();
            if is_dead {
                break;
            }
        }
        true
    }

    fn incoming(
        &self,
        segments: &[&Segment<'_>],
        number: usize,
        part: &Part,
        making: &mut Making<'_>,
    ) -> Result<Incoming, Problem> {
        let pid = segments
            .first()
            .copied()
            .ok_or_else(|| self.refused(self.header, "no-patient", "there is no PID segment"))?;
        let mut whose = person(pid, making);
        self.check_number(pid, &mut whose, making)?;
        let (code, event) = (self.header.text(9, 1), self.header.text(9, 2));
        let row = TABLES.event(&code, &event);
        if row.is_none() {
            let text =
                "messages of this type are not known; what its segments say is read, all of it is kept";
            making.problem(Severity::Warning, "unmapped-message", (self.header, 9), text);
        }
        if let Some(filed) = self.origin.filed {
            filed.set_up(making);
            filed.check_kind(&format!("{code}^{event}"), self.header.line, making);
        }
        let replaced: Vec<(String, String)> = segments
            .iter()
            .filter(|segment| segment.name == "MRG")
            .flat_map(|segment| merged(segment))
            .filter(|other| *other != (whose.issuer.clone(), whose.number.clone()))
            .take(MOST_MERGED)
            .collect();
        let is_merge = row.is_some_and(|row| row.kind == "merge");
        if is_merge && replaced.is_empty() {
            let text =
                "the merge names no other number (MRG-1), or the same; nothing is merged, correct the source";
            return Err(self.refused(pid, "no-merge", text));
        }
        self.map(row, &code, segments, &replaced, making);
        for other in replaced {
            if !whose.other_numbers.contains(&other) {
                whose.other_numbers.push(other);
            }
        }
        let (key, sequence, standing) = self.identity(row, &code, segments, number, (&whose, part));
        Ok(Incoming {
            standard: if self.origin.filed.is_some() {
                Standard::Ssmix2
            } else {
                Standard::Hl7
            },
            place: Place {
                file: self.origin.file.to_owned(),
                line: Some(part.line),
                field: None,
            },
            person: whose,
            key,
            sequence,
            standing,
            evidence: Evidence::Care,
            civil: making
                .civil
                .or_else(|| making.day.map(|day| day.at(0, 0, 0, 0)))
                .or(making.sent),
            bytes: Vec::new(),
            charset: self.charset,
            resources: std::mem::take(&mut making.resources),
            texts: std::mem::take(&mut making.texts),
        })
    }

    /// Whose it is must be sure: an empty or damaged number, or another than the storage's, is refused.
    fn check_number(
        &self,
        pid: &Segment<'_>,
        whose: &mut Person,
        making: &mut Making<'_>,
    ) -> Result<(), Problem> {
        // A file that was cut may end inside the number.
        if !self.is_ended && pid.field_raw(4).is_empty() && pid.raw.ends_with(pid.field_raw(3)) {
            let text = "the message ends at the patient's number, which may be cut; send it again";
            return Err(self.refused(pid, "wrong-patient-number", text));
        }
        if whose.number.contains(char::REPLACEMENT_CHARACTER) {
            return Err(self.refused(
                pid,
                "wrong-patient-number",
                "the patient's number cannot be decoded; send it again",
            ));
        }
        let Some(filed) = self.origin.filed else {
            if whose.number.is_empty() {
                return Err(self.refused(
                    pid,
                    "no-patient",
                    "PID-3 has no number; correct the source and send it again",
                ));
            }
            return Ok(());
        };
        if whose.number.is_empty() {
            let text = "PID-3 has no number; the one of the file's name is taken";
            making.problem(Severity::Warning, "no-patient-number", (pid, 3), text);
            whose.number.clone_from(&filed.number);
        } else if whose.number != filed.number {
            if whose.number.trim_start_matches('0') != filed.number.trim_start_matches('0') {
                let text = "the message is of another patient than the file's name says; it is not taken in, file it rightly";
                return Err(self.refused(pid, "wrong-patient", text));
            }
            let text = "the number differs from the file's name by leading zeros; the file's name is taken";
            making.problem(Severity::Information, "leading-zeros", (pid, 3), text);
            whose.number.clone_from(&filed.number);
        }
        Ok(())
    }

    fn refused(&self, segment: &Segment<'_>, code: &'static str, text: &str) -> Problem {
        let field = if segment.name == "PID" {
            "PID-3"
        } else {
            segment.name
        };
        problem(
            self.origin.file,
            Some(segment.line),
            Some(field.to_owned()),
            code,
            text,
        )
    }

    fn map(
        &self,
        row: Option<EventRow>,
        code: &str,
        segments: &[&Segment<'_>],
        replaced: &[(String, String)],
        making: &mut Making<'_>,
    ) {
        let of_name = |name: &str| segments.iter().copied().find(|segment| segment.name == name);
        let event = self.front.iter().find(|segment| segment.name == "EVN");
        let kind = row.map_or("", |row| row.kind);
        if let Some(pid) = segments
            .first()
            .filter(|_| matches!(kind, "patient" | "merge" | "visit" | "admission"))
        {
            let kin: Vec<&Segment<'_>> = segments
                .iter()
                .copied()
                .filter(|segment| segment.name == "NK1")
                .take(50)
                .collect();
            patient(pid, &kin, replaced, making);
        }
        if let (Some(status), Some(pv1)) = (
            row.map(|row| row.encounter).filter(|status| !status.is_empty()),
            of_name("PV1"),
        ) {
            encounter(pv1, event, of_name("PV2"), status, making);
        }
        if code == "ORU" && self.header.text(9, 2) == "R30" && making.category.is_empty() {
            making.category = "vital-signs";
        }
        let all: Vec<&Segment<'_>> = self.front.iter().chain(segments.iter().copied()).collect();
        map(code, &all, making);
        if let Some(recorded) = event
            .and_then(|evn| making.time(evn, 2, 1))
            .filter(|_| making.civil.is_none())
        {
            making.civil = Some(recorded.civil);
        }
    }

    /// Key, sequence, standing.
    fn identity(
        &self,
        row: Option<EventRow>,
        code: &str,
        segments: &[&Segment<'_>],
        number: usize,
        (whose, part): (&Person, &Part),
    ) -> (String, String, Standing) {
        let deleted = row.is_some_and(|row| row.is_deletion) || is_cancelled(segments);
        if let Some(filed) = self.origin.filed {
            let place = if self.index > 1 || number > 0 {
                format!("{}#{}.{number}", filed.key(), self.index)
            } else {
                filed.key()
            };
            return (place, filed.transaction.clone(), filed.standing(deleted));
        }
        let deleted = deleted || (part.number.is_some() && is_taken_back(segments));
        let kind = row.map_or_else(|| code.to_owned(), |row| row.kind.to_owned());
        let mut parts = vec![kind.clone()];
        match kind.as_str() {
            "patient" => {}
            "merge" => parts.extend(whose.other_numbers.iter().map(|(_, number)| number.clone())),
            _ => match &part.number {
                Some(number) => parts.extend(Some(number.clone()).filter(|number| !number.is_empty())),
                None => parts.extend(numbers(&kind, segments)),
            },
        }
        if parts.len() == 1 && kind != "patient" {
            parts.push(self.header.text(10, 1));
        }
        let digits: String = self
            .header
            .field(7)
            .component(1)
            .chars()
            .filter(char::is_ascii_digit)
            .take(17)
            .collect();
        let sequence = if digits.is_empty() {
            digits
        } else {
            format!("{digits:0<17}")
        };
        let standing = if deleted {
            Standing::Deleted
        } else {
            Standing::Valid
        };
        (shortened(parts.join("|")), sequence, standing)
    }
}

/// A problem that keeps a statement out.
pub(crate) fn problem(
    file: &str,
    line: Option<u32>,
    field: Option<String>,
    code: &'static str,
    message: &str,
) -> Problem {
    Problem {
        place: Place {
            file: file.to_owned(),
            line,
            field,
        },
        severity: Severity::Error,
        code,
        message: message.to_owned(),
    }
}

/// A dead letter.
pub(crate) fn dead(problem: Problem, bytes: &[u8]) -> Handed {
    Handed::Dead {
        problem,
        bytes: bytes.to_vec(),
    }
}
