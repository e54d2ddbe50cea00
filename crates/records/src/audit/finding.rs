//! What a verification can find, in plain words.

use std::fmt;

/// Something that is wrong with the log. Entries are named by their `id`, those that are gone by the one they had.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuditFinding {
    /// The bytes of an entry were changed.
    Altered(i64),
    /// An entry was put in.
    Inserted(i64),
    /// An entry was taken out.
    Removed(i64),
    /// An entry stands where another was.
    Moved {
        /// Where it stands.
        entry: i64,
        /// Where it was appended.
        was: i64,
    },
    /// An entry has another `id` than its place in the log.
    Renumbered {
        /// Its `id`.
        entry: i64,
        /// Its place.
        place: i64,
    },
    /// A column does not say what the bytes say.
    Column {
        /// The entry.
        entry: i64,
        /// The column.
        column: &'static str,
    },
    /// The bytes are no entry of this program.
    Unreadable(i64),
    /// A node of the tree is not what its leaves make it, or is missing; the last entry below it is named.
    Node {
        /// The last entry below it.
        entry: i64,
        /// Its place among the nodes.
        place: i64,
    },
    /// More was changed than is followed up.
    ChangedThroughout,
    /// A head was signed over other entries: one of the first `size` was changed, and not one of the first `agreed`
    /// unless it is listed.
    Head {
        /// Size of the log that was signed.
        size: u64,
        /// Size of the last head before it that agrees; 0 when there is none.
        agreed: u64,
    },
    /// The end was cut off: a head was signed over more entries than there are.
    CutOff {
        /// Entries that are there; the first that is missing has this `id`.
        entries: u64,
        /// Entries that were signed.
        signed: u64,
    },
    /// The signature of a head is not that of its key, or its key is not believed.
    Signature {
        /// Size of the log that it says.
        size: u64,
    },
    /// A signed note is no longer what the entry that signed it says.
    DocumentAltered {
        /// The document.
        document: i64,
        /// Its version.
        version: u32,
        /// What of it.
        part: DocumentPart,
    },
    /// A signed version of a note is gone.
    DocumentRemoved {
        /// The document.
        document: i64,
        /// Its version.
        version: u32,
        /// The entry that signed it.
        entry: i64,
    },
    /// A version of a note is there that no entry signed: it was put in beside the trail.
    DocumentInserted {
        /// The document.
        document: i64,
        /// Its version.
        version: u32,
    },
    /// An entry signs a version that an entry before it signed with other contents.
    SignedOtherwise {
        /// The later entry.
        entry: i64,
        /// The document.
        document: i64,
        /// Its version.
        version: u32,
    },
}

/// A part of a signed version that has a digest of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocumentPart {
    /// The note as it came.
    Bytes,
    /// Its text.
    Text,
    /// Everything else that was signed: whose, by whom, when, of which kind, and the FHIR resources.
    Frame,
}

impl fmt::Display for DocumentPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bytes => "bytes",
            Self::Text => "text",
            Self::Frame => "author, times, patient, kind or resources",
        })
    }
}

impl fmt::Display for AuditFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Altered(entry) => write!(f, "entry {entry} was altered"),
            Self::Inserted(entry) => write!(f, "entry {entry} was inserted"),
            Self::Removed(entry) => write!(f, "entry {entry} was removed"),
            Self::Moved { entry, was } => write!(f, "entry {entry} was moved; it was entry {was}"),
            Self::Renumbered { entry, place } => write!(f, "entry {entry} stands at place {place}"),
            Self::Column { entry, column } => write!(f, "entry {entry}: column {column} was altered"),
            Self::Unreadable(entry) => write!(f, "entry {entry} is no audit event of this program"),
            Self::Node { entry, place } => {
                write!(
                    f,
                    "node {place} of the tree, at entry {entry}, was altered or removed"
                )
            }
            Self::ChangedThroughout => f.write_str("more was changed than is followed up"),
            Self::Head { size, agreed } => write!(
                f,
                "the head signed over {size} entries does not agree; the head over {agreed} is the last that does"
            ),
            Self::CutOff { entries, signed } => write!(
                f,
                "the end was cut off: {entries} entries are there, {signed} were signed"
            ),
            Self::Signature { size } => {
                write!(f, "the head over {size} entries is not signed by a known key")
            }
            Self::DocumentAltered {
                document,
                version,
                part,
            } => write!(
                f,
                "document {document} version {version} was altered since it was signed: its {part}"
            ),
            Self::DocumentRemoved {
                document,
                version,
                entry,
            } => write!(
                f,
                "document {document} version {version} was removed; entry {entry} signed it"
            ),
            Self::DocumentInserted { document, version } => write!(
                f,
                "document {document} version {version} was put in beside the trail: no entry signed it"
            ),
            Self::SignedOtherwise {
                entry,
                document,
                version,
            } => write!(
                f,
                "entry {entry} signs document {document} version {version} with other contents than an entry before it"
            ),
        }
    }
}
