//! The tables as they are compiled into the program.

use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::fmt::Write as _;
use std::path::Path;
use tsumugi_tables::Source;

#[derive(RustEmbed)]
#[folder = "../../data"]
struct Data;

/// The files that are no text.
const TAGGER: &str = "tagger/tagger.bin";
const DEIDENTIFIER: &str = "deidentification/model.bin";

/// A file of `data/`; in a release build its text stays where the program lies.
#[derive(Debug, Clone)]
pub struct DataFile {
    /// Path below `data/`, with `/`.
    pub path: Cow<'static, str>,
    /// Contents.
    pub text: Cow<'static, str>,
}

/// All embedded files, sorted by path.
pub fn embedded_files() -> Vec<DataFile> {
    files_where(|_| true)
}

/// The embedded files that the engine reads, sorted by path: all but what stands in [`NOT_OF_ENGINE`].
pub fn engine_files() -> Vec<DataFile> {
    files_where(is_of_engine)
}

/// Folders the engine does not read, so that the edition of its tables does not change with them: texts of the screens,
/// what the timeline offers, medical knowledge, what people state beside notes, rules of access and of consent, what helps while one types,
/// layouts of masters, what FHIR defines, tables for data that leave.
const NOT_OF_ENGINE: [&str; 13] = [
    "care/",
    "genomics/",
    "ui/",
    "timeline/",
    "knowledge/",
    "policy/",
    "consent/",
    "prediction/",
    "templates/",
    "terminology/layouts/",
    "fhir/",
    "anonymize/",
    "deidentification/",
];

fn is_of_engine(path: &str) -> bool {
    !NOT_OF_ENGINE.iter().any(|folder| path.starts_with(folder))
}

/// The embedded tables of names and of the words around them, without the notes that measure.
pub fn deidentification_files() -> Vec<DataFile> {
    let is_table = |path: &str| {
        Path::new(path)
            .extension()
            .is_some_and(|extension| extension == "tsv")
    };
    files_where(|path| path.starts_with("deidentification/") && is_table(path))
}

/// The embedded tables of what other systems speak.
pub(crate) fn exchange_files() -> Vec<DataFile> {
    files_where(|path| path.starts_with("exchange/"))
}

fn files_where(is_wanted: impl Fn(&str) -> bool) -> Vec<DataFile> {
    let mut files: Vec<DataFile> = Data::iter()
        .filter(|path| ![TAGGER, DEIDENTIFIER].contains(&path.as_ref()) && is_wanted(path))
        .filter_map(|path| {
            let text = text_of(Data::get(&path)?.data);
            Some(DataFile { path, text })
        })
        .collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn text_of(bytes: Cow<'static, [u8]>) -> Cow<'static, str> {
    match bytes {
        Cow::Borrowed(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => String::from_utf8_lossy(bytes),
        },
        Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
    }
}

/// The weights of the tagger, where they are there.
pub fn embedded_tagger() -> Option<Cow<'static, [u8]>> {
    Data::get(TAGGER).map(|file| file.data)
}

/// The weights with which names are found, where they are there.
pub fn embedded_deidentifier() -> Option<Cow<'static, [u8]>> {
    Data::get(DEIDENTIFIER).map(|file| file.data)
}

/// The files as sources for table readers.
pub fn sources_of(files: &[DataFile]) -> Vec<Source<'_>> {
    files
        .iter()
        .map(|file| Source {
            path: &file.path,
            text: &file.text,
        })
        .collect()
}

/// The edition of a set of tables and the weights that read with them: the first 16 hexadecimal digits of the SHA-256
/// over paths and contents. The texts of the screens, the medical knowledge, the rules of access, templates and the
/// tables of prediction are not among them: they change nothing of what the engine reads, and the knowledge has its own [`knowledge_edition`].
pub fn edition(files: &[DataFile], tagger: Option<&[u8]>) -> String {
    digest_of(files.iter().filter(|file| is_of_engine(&file.path)), tagger)
}

/// The edition of the embedded medical knowledge, in the same form.
pub fn knowledge_edition(files: &[DataFile]) -> String {
    digest_of(
        files.iter().filter(|file| file.path.starts_with("knowledge/")),
        None,
    )
}

fn digest_of<'f>(files: impl Iterator<Item = &'f DataFile>, tagger: Option<&[u8]>) -> String {
    let mut hash = Sha256::new();
    for file in files {
        hash.update(file.path.as_bytes());
        hash.update([0]);
        hash.update(file.text.as_bytes());
        hash.update([0]);
    }
    if let Some(weights) = tagger {
        hash.update(weights);
    }
    let digest = hash.finalize();
    let mut edition = String::with_capacity(16);
    for byte in digest.iter().take(8) {
        let _ = write!(edition, "{byte:02x}");
    }
    edition
}
