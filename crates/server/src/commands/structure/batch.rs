//! JSON lines, many at a time: lines are read in batches, structured on several threads, and written in their order.
//!
//! Notes of one patient are one record and stay in their order on one thread. A line that cannot be taken, or that the
//! engine fails on, gets an answer of its own, and the run goes on. With `--resume` the lines that an interrupted run has
//! answered are not written again; the records of their patients are learned anew, so that the rest comes out the same.

use super::super::line::{BadLine, Line, answer};
use super::super::remark;
use super::{Args, Format};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use tsumugi_clinical::Note;
use tsumugi_coding::{Coder, Record};

/// Lines and bytes of a batch: enough to keep the threads busy, few enough to hold in memory.
const MOST_LINES: usize = 512;
const MOST_BYTES: usize = 8 << 20;

/// A line of input, read or refused.
struct Item {
    note: Result<Note, Value>,
    /// Answered by the run that this one resumes.
    is_done: bool,
}

/// A run over lines.
pub(super) struct Batch<'a, W: Write> {
    pub(super) coder: &'a Coder,
    pub(super) args: &'a Args,
    pub(super) records: HashMap<String, Record>,
    pub(super) out: W,
    /// Answers that the output already holds.
    pub(super) done: u64,
    pub(super) bad: bool,
    pub(super) bar: Option<ProgressBar>,
}

/// A bar on standard error: over the bytes of the input where their number is known.
pub(super) fn bar(bytes: Option<u64>) -> ProgressBar {
    const BYTES: &str =
        "{elapsed_precise} [{wide_bar}] {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left{msg}";
    const COUNT: &str = "{elapsed_precise} {spinner} {bytes}, {bytes_per_sec}{msg}";
    let (bar, template) = match bytes {
        Some(bytes) => (ProgressBar::new(bytes), BYTES),
        None => (ProgressBar::new_spinner(), COUNT),
    };
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

impl<W: Write> Batch<'_, W> {
    /// Structures every line of a source.
    pub(super) fn run(&mut self, mut source: impl BufRead) -> anyhow::Result<()> {
        let mut number = 0;
        let mut said = false;
        loop {
            let items = self.read(&mut source, &mut number, &mut said)?;
            if items.is_empty() {
                break;
            }
            let answers = self.structure(&items);
            for (item, answer) in items.iter().zip(answers) {
                self.bad |= answer.is_err();
                if !item.is_done {
                    let (Ok(text) | Err(text)) = answer;
                    self.out.write_all(text.as_bytes())?;
                }
            }
            self.out.flush()?;
        }
        if let Some(bar) = &self.bar {
            bar.finish();
        }
        Ok(())
    }

    /// The next batch; empty at the end.
    fn read(
        &mut self,
        source: &mut impl BufRead,
        number: &mut u64,
        said: &mut bool,
    ) -> anyhow::Result<Vec<Item>> {
        let mut items = Vec::new();
        let mut line = Vec::new();
        let mut bytes = 0;
        while items.len() < MOST_LINES && bytes < MOST_BYTES {
            line.clear();
            let length = source.read_until(b'\n', &mut line)?;
            if length == 0 {
                break;
            }
            bytes += length;
            *number += 1;
            if let Some(bar) = &self.bar {
                bar.inc(length as u64);
            }
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let note = Line::read(&line).and_then(|mut line| {
                if let Some(encoding) = line.converted_from
                    && !std::mem::replace(said, true)
                {
                    remark(&format!(
                        "line {number}: read as {encoding}; offsets count characters of the text in UTF-8"
                    ));
                }
                note_of(&mut line)
            });
            let is_done = self.done > 0;
            self.done = self.done.saturating_sub(1);
            items.push(Item {
                note: note
                    .map(|note| Note {
                        date: note.date.or(self.args.date),
                        ..note
                    })
                    .map_err(|bad| bad.answer(*number)),
                is_done,
            });
        }
        Ok(items)
    }

    /// The text that answers each item, in their order; an error is an answer that says so.
    fn structure(&mut self, items: &[Item]) -> Vec<Result<String, String>> {
        let mut groups: Vec<(Option<String>, Vec<usize>)> = Vec::new();
        let mut of_patient: HashMap<&str, usize> = HashMap::new();
        for (index, item) in items.iter().enumerate() {
            let patient = item
                .note
                .as_ref()
                .ok()
                .and_then(|note| note.patient.as_ref()?.id.as_deref());
            match patient {
                Some(id) => {
                    let group = *of_patient.entry(id).or_insert_with(|| {
                        groups.push((Some(id.to_owned()), Vec::new()));
                        groups.len() - 1
                    });
                    if let Some((_, members)) = groups.get_mut(group) {
                        members.push(index);
                    }
                }
                // A note on its own that is answered already has nothing to teach.
                None if item.is_done => {}
                None => groups.push((None, vec![index])),
            }
        }
        let work: Vec<Mutex<(Record, &[usize])>> = groups
            .iter()
            .map(|(patient, members)| {
                let record = patient.as_ref().and_then(|id| self.records.remove(id));
                Mutex::new((record.unwrap_or_default(), members.as_slice()))
            })
            .collect();
        let answers: Vec<Mutex<Result<String, String>>> =
            items.iter().map(|_| Mutex::new(Ok(String::new()))).collect();
        self.share_out(items, &groups, &work, &answers);
        for ((patient, _), work) in groups.iter().zip(work) {
            if let Some(id) = patient {
                let (record, _) = unpoisoned(work);
                self.records.insert(id.clone(), record);
            }
        }
        answers.into_iter().map(unpoisoned).collect()
    }

    fn share_out(
        &self,
        items: &[Item],
        groups: &[(Option<String>, Vec<usize>)],
        work: &[Mutex<(Record, &[usize])>],
        answers: &[Mutex<Result<String, String>>],
    ) {
        let next = AtomicUsize::new(0);
        let (coder, format) = (self.coder, self.args.format);
        let worker = || {
            while let Some((work, (patient, _))) = {
                let index = next.fetch_add(1, Ordering::Relaxed);
                work.get(index).zip(groups.get(index))
            } {
                let Ok(mut work) = work.lock() else { continue };
                let (record, members) = &mut *work;
                for member in *members {
                    let (Some(item), Some(place)) = (items.get(*member), answers.get(*member)) else {
                        continue;
                    };
                    let text = match &item.note {
                        Ok(note) => one(coder, format, patient.is_some().then_some(&mut *record), note),
                        Err(answer) => Err(format!("{answer}\n")),
                    };
                    if let Ok(mut place) = place.lock() {
                        *place = text;
                    }
                }
            }
        };
        let threads = self.args.threads().min(work.len().max(1));
        std::thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(worker);
            }
            worker();
        });
    }
}

/// What a lock holds; a thread that failed leaves what it had.
fn unpoisoned<T>(lock: Mutex<T>) -> T {
    lock.into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Structures one note. The engine is total; should it fail all the same, the note gets an answer and the run goes on.
fn one(coder: &Coder, format: Format, record: Option<&mut Record>, note: &Note) -> Result<String, String> {
    let structured = catch_unwind(AssertUnwindSafe(|| match record {
        Some(record) => coder.structure_in(record, note),
        None => coder.structure(note),
    }));
    let written = structured
        .map_err(|_| "the engine failed on this note; please report it with a note that shows it".to_owned())
        .and_then(|structured| {
            super::written(coder, format, note, &structured).map_err(|error| error.to_string())
        });
    written.map_err(|message| format!("{}\n", answer(Some(&note.id), "internal", &message, None)))
}

/// The note of a line; what else the line holds is never looked at.
fn note_of(line: &mut Line) -> Result<Note, BadLine> {
    Ok(Note {
        text: line.text()?,
        date: line.field("date")?,
        patient: line.field("patient")?,
        id: line.id.clone().unwrap_or_default(),
    })
}
