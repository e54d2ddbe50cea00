//! What the program says of itself while it runs: a line each on standard error, with time and level (`TSUMUGI_LOG`).
//!
//! No line may hold a patient's data or the text of a note. So nothing is logged but through this module (a test searches
//! the sources), and what it takes is fixed text, names of our own, and [`Cause`]: the sort of an error without the
//! details that may quote what was written. Panics are logged by their place, since their messages quote texts too.

use std::fmt;
use std::io;
use std::panic::PanicHookInfo;
use std::path::Path;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;
use tsumugi_records::StoreError;

/// The variable that says how much is logged: `off`, `error`, `warn` (the default), `info`, `debug`.
const LEVEL: &str = "TSUMUGI_LOG";

/// Begins to log to standard error. A level that is none is told, and the default holds.
pub(crate) fn start() {
    let named = std::env::var_os(LEVEL).unwrap_or_default();
    // What is no text is no level.
    let level = named.to_str().and_then(level);
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level.unwrap_or(LevelFilter::WARN))
        .with_ansi(false)
        .with_target(false)
        .with_writer(Lines);
    // Where somebody logs already (a test), the lines are his.
    let _ = subscriber.try_init();
    if level.is_none() {
        warn(
            "TSUMUGI_LOG is none of off, error, warn, info and debug; warn holds",
            &[],
        );
    }
    std::panic::set_hook(Box::new(panicked));
}

/// The level of a name; the default where there is none, nothing where it is no level.
fn level(name: &str) -> Option<LevelFilter> {
    match name.trim() {
        "" => Some(LevelFilter::WARN),
        name => name.parse().ok(),
    }
}

/// Says where it panicked, and not with what words: they may quote the text that was read.
fn panicked(info: &PanicHookInfo<'_>) {
    let place = Name(info.location().map_or_else(String::new, ToString::to_string));
    error("a mistake of the program; please report it", &[("at", &place)]);
}

/// A name that is fixed, and what it names here.
pub(crate) type Field<'f> = (&'static str, &'f dyn Loggable);

/// What may stand in a log: nothing that was written by or about a patient.
pub(crate) trait Loggable: fmt::Display {}

impl Loggable for &'static str {}
impl Loggable for Name {}
impl Loggable for u16 {}
impl Loggable for i64 {}
impl Loggable for u32 {}
impl Loggable for u64 {}
impl Loggable for usize {}
impl Loggable for Cause {}

/// A name that is no patient's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name(String);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Name {
    /// Of a file or folder that the operator named.
    pub(crate) fn of_path(path: &Path) -> Self {
        Self(path.display().to_string())
    }

    /// Of an account, which is not a patient's.
    pub(crate) fn of_account(id: &str) -> Self {
        Self(id.to_owned())
    }

    /// Of a request: its id, its method, or the address as it was declared (`/patients/{id}`), never as it was asked.
    pub(crate) fn of_request(word: &str) -> Self {
        Self(word.to_owned())
    }
}

/// The sort of an error: what an operator needs, without what it quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cause(String);

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Cause {
    /// Of words of our own.
    pub(crate) fn of_words(words: &'static str) -> Self {
        Self(words.to_owned())
    }

    /// Of an error of the system, which knows files only.
    pub(crate) fn of_io(error: &io::Error) -> Self {
        Self(error.to_string())
    }

    /// Of an error of the store: its sort, the file or operation, and what the system said. Names of patients, times and
    /// numbers that it quotes stay out.
    pub(crate) fn of_store(error: &StoreError) -> Self {
        Self(match error {
            StoreError::Locked { place } => format!("{place}: in use by another process"),
            StoreError::Damaged { place, .. } => format!("{place}: damaged; run tsumugi doctor"),
            StoreError::NotAStore { place, .. } => format!("{place}: not a store of this program"),
            StoreError::NewerSchema { place, .. } => format!("{place}: of a newer version"),
            StoreError::Full { place, detail } => format!("{place}: no space left ({detail})"),
            StoreError::Io { place, detail } => format!("{place}: {detail}"),
            StoreError::Exists { place } => format!("{place}: is already there"),
            StoreError::DraftConflict { .. } => "a draft was changed by another window".to_owned(),
            StoreError::Conflict { .. } => "what is there contradicts what was sent".to_owned(),
            StoreError::NotFound { what, .. } => format!("{what}: not found"),
            StoreError::Invalid { what, .. } => format!("{what}: cannot be stored"),
            StoreError::ReadOnly { place } => format!("{place}: open for reading only"),
            StoreError::Closed { place } => format!("{place}: the store is closed"),
            StoreError::Database { place, .. } => format!("{place}: the database refused"),
            _ => "an error of the store".to_owned(),
        })
    }

    /// Of any error: that of the store in it, or only that there was one.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        match error.downcast_ref::<StoreError>() {
            Some(error) => Self::of_store(error),
            None => match error.downcast_ref::<io::Error>() {
                Some(error) => Self::of_io(error),
                None => Self::of_words("a mistake of the program"),
            },
        }
    }
}

/// Logs what failed.
pub(crate) fn error(what: &'static str, fields: &[Field<'_>]) {
    let line = line(what, fields);
    tracing::error!("{line}");
}

/// Logs what goes on, but should be looked at.
pub(crate) fn warn(what: &'static str, fields: &[Field<'_>]) {
    let line = line(what, fields);
    tracing::warn!("{line}");
}

/// Logs what happened as it should.
pub(crate) fn info(what: &'static str, fields: &[Field<'_>]) {
    let line = line(what, fields);
    tracing::info!("{line}");
}

fn line(what: &str, fields: &[Field<'_>]) -> String {
    fields.iter().fold(what.to_owned(), |line, (name, value)| {
        format!("{line} {name}=[{value}]")
    })
}

/// Standard error, where each event is one line whatever stands in it.
#[derive(Debug, Clone, Copy)]
struct Lines;

impl<'w> MakeWriter<'w> for Lines {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        *self
    }
}

impl io::Write for Lines {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        // Nobody reads a log that cannot be written; care goes on.
        let _ = io::Write::write_all(&mut io::stderr().lock(), &one_line(event));
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// An event without control characters but the line break at its end.
fn one_line(event: &[u8]) -> Vec<u8> {
    let text = event.strip_suffix(b"\n").unwrap_or(event);
    let plain = text
        .iter()
        .map(|byte| if byte.is_ascii_control() { b' ' } else { *byte });
    plain.chain([b'\n']).collect()
}

#[cfg(test)]
#[expect(clippy::non_ascii_literal, reason = "test notes are Japanese")]
mod tests {
    use super::*;
    use std::path::PathBuf;

    #[test]
    fn levels_have_names() {
        assert_eq!(level(""), Some(LevelFilter::WARN));
        assert_eq!(level("info"), Some(LevelFilter::INFO));
        assert_eq!(level("off"), Some(LevelFilter::OFF));
        assert_eq!(level("loud"), None);
    }

    #[test]
    fn an_event_is_one_line() {
        assert_eq!(one_line(b"a\nb\r\x1b[31mc\n"), b"a b  [31mc\n");
        assert_eq!(one_line("発熱\n".as_bytes()), "発熱\n".as_bytes());
    }

    #[test]
    fn a_cause_keeps_back_what_an_error_quotes() {
        let told = "山田太郎 発熱 P123";
        let quoting = [
            StoreError::Damaged {
                place: "sign".to_owned(),
                detail: told.to_owned(),
            },
            StoreError::Database {
                place: "sign".to_owned(),
                detail: told.to_owned(),
            },
            StoreError::DraftConflict {
                author: told.to_owned(),
                current: None,
                yours: told.to_owned(),
            },
            StoreError::Conflict {
                what: told.to_owned(),
                detail: told.to_owned(),
            },
            StoreError::NotFound {
                what: "patient",
                id: told.to_owned(),
            },
            StoreError::Invalid {
                what: "time",
                detail: told.to_owned(),
            },
        ];
        for error in quoting {
            let cause = Cause::of(&anyhow::Error::from(error.clone()).context(told)).to_string();
            assert!(
                !told.split(' ').any(|word| cause.contains(word)),
                "{error:?}: {cause}"
            );
            assert!(!cause.is_empty());
        }
        let other = Cause::of(&anyhow::anyhow!("{told}"));
        assert_eq!(other, Cause::of_words("a mistake of the program"));
        let full = StoreError::Full {
            place: "sign".to_owned(),
            detail: "disk full".to_owned(),
        };
        assert_eq!(
            Cause::of_store(&full).to_string(),
            "sign: no space left (disk full)"
        );
    }

    fn sources(folder: &Path) -> Vec<PathBuf> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files.extend(sources(&path));
            } else if path.extension().is_some_and(|end| end == "rs") {
                files.push(path);
            }
        }
        files
    }

    /// The types above hold what may be logged; so there must be no way around them.
    #[test]
    fn nothing_is_logged_but_through_this_module() {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let files = sources(crates);
        assert!(files.len() > 100, "{}", files.len());
        let own = Path::new("server").join("src").join("log.rs");
        for file in files.iter().filter(|file| !file.ends_with(&own)) {
            let text = std::fs::read_to_string(file).unwrap();
            for (number, line) in text.lines().enumerate() {
                let code = line.split("//").next().unwrap_or_default();
                for way in ["tracing::", "eprintln!", "dbg!("] {
                    assert!(!code.contains(way), "{}:{}: {line}", file.display(), number + 1);
                }
            }
        }
    }
}
