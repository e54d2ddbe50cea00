//! Reads the masters of a site from the files as their owners distribute them, by layouts that a site can correct.
//!
//! Everything or nothing: where a file is refused no master comes out, so that none is half there. Rows that are wrong
//! are left out and told with line and field.

mod builder;
mod dictionary;
mod diseases;
mod hpo;
mod laboratory;
mod layout;
mod lines;
mod products;
mod report;
mod sheet;
mod snomed;
mod ssk;

pub use layout::{FOLDER as LAYOUTS_FOLDER, Layouts};
pub use lines::SourceFile;
pub use report::{Finding, ReadFile, Report, Severity};

pub(crate) use layout::icd10;
pub(crate) use lines::hex;

use crate::masters::{FormKeys, Master, MasterKind, NoteWords};
use crate::vocabulary::Vocabulary;
use builder::Builder;
use products::ProductWords;
use report::Fault;
use sheet::{Row, Sheet};
use tsumugi_tables::{Mistake, Source};

/// What an import needs beside its files.
#[derive(Debug)]
pub struct Importer {
    layouts: Layouts,
    words: ProductWords,
    keys: FormKeys,
    notes: NoteWords,
}

/// What came out of an import.
#[derive(Debug)]
pub struct Imported {
    /// The master; nothing where a file was refused or no row was taken.
    pub master: Option<Master>,
    /// What was read and what is wrong.
    pub report: Report,
}

impl Importer {
    /// Reads layouts and words from the tables; what is wrong goes to `mistakes`.
    pub fn new(sources: &[Source<'_>], mistakes: &mut Vec<Mistake>) -> Self {
        Self {
            layouts: Layouts::new(sources, mistakes),
            words: ProductWords::new(sources, mistakes),
            notes: NoteWords::new(sources, &FormKeys::new(sources)),
            keys: FormKeys::new(sources),
        }
    }

    /// Reads the files of a master. `vocabulary` is what the site knows without this master: products are mapped to its
    /// ingredients, and a dictionary names its concepts.
    pub fn import(&self, kind: MasterKind, vocabulary: &Vocabulary, files: Vec<SourceFile<'_>>) -> Imported {
        let mut report = Report {
            files: files.len() as u64,
            ..Report::default()
        };
        let mut builder = Builder::default();
        let mut reader = Reader::new(kind, vocabulary, &self.words, &self.keys);
        for file in files {
            let name = file.name.clone();
            let mut context = Context {
                kind,
                layouts: &self.layouts,
                keys: &self.keys,
                notes: &self.notes,
                vocabulary,
                builder: &mut builder,
                report: &mut report,
                file: &name,
            };
            match read(&mut reader, &mut context, file) {
                Ok(read) => {
                    report.accepted += 1;
                    report.records += read.rows;
                    builder.file(read);
                }
                Err(fault) => report.refuse(&name, fault),
            }
        }
        let mut context = Context {
            kind,
            layouts: &self.layouts,
            keys: &self.keys,
            notes: &self.notes,
            vocabulary,
            builder: &mut builder,
            report: &mut report,
            file: "",
        };
        reader.finish(&mut context);
        let is_whole = report.refused == 0 && report.records > 0;
        let master = is_whole.then(|| builder.finish(kind));
        Imported { master, report }
    }
}

/// What the readers of rows share.
pub(crate) struct Context<'c> {
    pub(crate) kind: MasterKind,
    pub(crate) layouts: &'c Layouts,
    pub(crate) keys: &'c FormKeys,
    pub(crate) notes: &'c NoteWords,
    pub(crate) vocabulary: &'c Vocabulary,
    pub(crate) builder: &'c mut Builder,
    pub(crate) report: &'c mut Report,
    pub(crate) file: &'c str,
}

impl Context<'_> {
    pub(crate) fn reject(&mut self, fault: Fault) {
        self.report.reject(self.file, fault);
    }

    pub(crate) fn warn(&mut self, fault: Fault) {
        self.report.warn(self.file, fault);
    }
}

fn read(
    reader: &mut Reader<'_>,
    context: &mut Context<'_>,
    mut file: SourceFile<'_>,
) -> Result<ReadFile, Fault> {
    let name = file.name.clone();
    if context.kind == MasterKind::Hpo && hpo::is_obo(&mut file)? {
        return reader.ontology(context, file);
    }
    let layouts = context.layouts;
    let mut sheet = Sheet::open(context.kind, layouts, file)?;
    let table = sheet.table();
    while let Some(row) = sheet.next(&name, context.report)? {
        context.builder.date(row.get("date"));
        reader.row(context, table, &row);
    }
    let (sha256, bytes) = sheet.digest();
    if sheet.rows() == 0 {
        return Err(Fault::at(1, "empty", "no row of the file could be taken"));
    }
    Ok(ReadFile {
        name,
        sha256,
        bytes,
        rows: sheet.rows(),
    })
}

/// The reader of a kind of master.
enum Reader<'v> {
    Medis(diseases::Diseases),
    Ssk(Box<ssk::Claims<'v>>),
    Hot(products::Products<'v>),
    Laboratory(laboratory::Items),
    Loinc,
    Snomed(Box<snomed::Ontology>),
    Hpo(hpo::Terms),
    Dictionary,
}

impl<'v> Reader<'v> {
    fn new(
        kind: MasterKind,
        vocabulary: &'v Vocabulary,
        words: &'v ProductWords,
        keys: &'v FormKeys,
    ) -> Self {
        match kind {
            MasterKind::Medis => Self::Medis(diseases::Diseases::default()),
            MasterKind::Ssk => Self::Ssk(Box::new(ssk::Claims::new(vocabulary, words, keys))),
            MasterKind::Hot => Self::Hot(products::Products::new(vocabulary, words, keys)),
            MasterKind::Jlac => Self::Laboratory(laboratory::Items::default()),
            MasterKind::Loinc => Self::Loinc,
            MasterKind::Snomed => Self::Snomed(Box::new(snomed::Ontology::new(vocabulary))),
            MasterKind::Hpo => Self::Hpo(hpo::Terms::default()),
            MasterKind::Dictionary => Self::Dictionary,
        }
    }

    fn row(&mut self, context: &mut Context<'_>, table: &str, row: &Row<'_>) {
        match self {
            Self::Medis(diseases) => diseases.medis(context, table, row),
            Self::Ssk(claims) => claims.row(context, table, row),
            Self::Hot(products) => products.hot(context, row),
            Self::Laboratory(items) => items.row(context, table, row),
            Self::Loinc => laboratory::loinc(context, row),
            Self::Snomed(concepts) => concepts.row(context, table, row),
            Self::Hpo(terms) => terms.label(row),
            Self::Dictionary => dictionary::row(context, row),
        }
    }

    fn ontology(&mut self, context: &mut Context<'_>, file: SourceFile<'_>) -> Result<ReadFile, Fault> {
        match self {
            Self::Hpo(terms) => terms.ontology(context, file),
            _ => Err(Fault::at(1, "layout", "an ontology is no table of this kind")),
        }
    }

    fn finish(self, context: &mut Context<'_>) {
        match self {
            Self::Medis(diseases) => diseases.finish(context),
            Self::Ssk(claims) => claims.finish(context),
            Self::Hot(products) => products.finish(context),
            Self::Laboratory(items) => items.finish(context),
            Self::Snomed(concepts) => concepts.finish(context),
            Self::Hpo(terms) => terms.finish(context),
            Self::Loinc | Self::Dictionary => {}
        }
    }
}
