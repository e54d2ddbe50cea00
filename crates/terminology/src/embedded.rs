//! The tables as they are compiled into the program.

use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::fmt::Write as _;
use tsumugi_tables::Source;

#[derive(RustEmbed)]
#[folder = "../../data"]
struct Data;

/// The one file that is no text.
const TAGGER: &str = "tagger/tagger.bin";

/// A file of `data/`.
#[derive(Debug, Clone)]
pub struct DataFile {
    /// Path below `data/`, with `/`.
    pub path: String,
    /// Contents.
    pub text: String,
}

/// All embedded files, sorted by path.
pub fn embedded_files() -> Vec<DataFile> {
    let mut files: Vec<DataFile> = Data::iter()
        .filter(|path| path.as_ref() != TAGGER)
        .filter_map(|path| {
            let file = Data::get(&path)?;
            let text = match file.data {
                Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                Cow::Owned(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            };
            Some(DataFile {
                path: path.into_owned(),
                text,
            })
        })
        .collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// The weights of the tagger, where they are there.
pub fn embedded_tagger() -> Option<Cow<'static, [u8]>> {
    Data::get(TAGGER).map(|file| file.data)
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
/// over paths and contents. The texts of the screens, the medical knowledge and the rules of access are not among them:
/// they change nothing of what the engine reads, and the knowledge has its own [`knowledge_edition`].
pub fn edition(files: &[DataFile], tagger: Option<&[u8]>) -> String {
    digest_of(
        files.iter().filter(|file| {
            !["ui/", "knowledge/", "policy/"]
                .iter()
                .any(|kind| file.path.starts_with(kind))
        }),
        tagger,
    )
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
