//! `tsumugi terms import`, `masters`, `remove`, `layouts`: the masters of a site.

use crate::commands::{remark, say};
use crate::{chart, masters};
use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tsumugi_tables::Mistake;
use tsumugi_terminology::import::{Importer, LAYOUTS_FOLDER, SourceFile};
use tsumugi_terminology::masters::snapshot;
use tsumugi_terminology::{
    DataFile, MasterKind, Vocabulary, edition, embedded_files, embedded_tagger, engine_files, sources_of,
};

/// Exit code when some rows were left out and the rest is in.
const SOME_REJECTED: u8 = 3;

/// Options of `terms import`.
#[derive(clap::Args)]
pub(crate) struct ImportArgs {
    /// Which master.
    #[arg(value_parser = kind)]
    kind: MasterKind,
    /// Its files, as its owner distributes them.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Folder with corrected layouts (`tsumugi terms layouts` writes the present ones).
    #[arg(long)]
    layouts: Option<PathBuf>,
    /// How the report is printed.
    #[arg(long, default_value = "json", value_parser = ["json"])]
    report: String,
    /// Folder of the store (default: the platform's data directory).
    #[arg(long)]
    data: Option<PathBuf>,
}

/// Options of `terms masters`.
#[derive(clap::Args)]
pub(crate) struct ListArgs {
    /// One JSON object a master and line.
    #[arg(long)]
    json: bool,
    /// Folder of the store (default: the platform's data directory).
    #[arg(long)]
    data: Option<PathBuf>,
}

/// Options of `terms remove`.
#[derive(clap::Args)]
pub(crate) struct RemoveArgs {
    /// Which master.
    #[arg(value_parser = kind)]
    kind: MasterKind,
    /// Folder of the store (default: the platform's data directory).
    #[arg(long)]
    data: Option<PathBuf>,
}

/// Options of `terms layouts`.
#[derive(clap::Args)]
pub(crate) struct LayoutsArgs {
    /// Folder to which the layouts are written; files that are there stay.
    #[arg(long)]
    out: PathBuf,
}

fn kind(word: &str) -> Result<MasterKind, String> {
    MasterKind::parse(word).ok_or_else(|| {
        let all = MasterKind::ALL.map(MasterKind::word);
        format!("no such master; one of {}", all.join(", "))
    })
}

/// Reads the files of a master, writes its snapshot, and prints the report.
pub(super) fn import(args: &ImportArgs) -> anyhow::Result<ExitCode> {
    let data = chart::data_folder(args.data.as_deref())?;
    let tables = embedded_files();
    let own = args
        .layouts
        .as_deref()
        .map(corrected)
        .transpose()?
        .unwrap_or_default();
    let mut mistakes = Vec::new();
    let importer = Importer::new(&sources_of(&with_layouts(tables, own)), &mut mistakes);
    refuse_mistakes(&mistakes, args.layouts.as_deref())?;
    let engine = engine_files();
    let others = masters::open(&data).without(args.kind);
    let vocabulary =
        Vocabulary::with_masters(&sources_of(&engine), &others).context("the embedded tables are broken")?;
    let imported = importer.import(
        args.kind,
        &vocabulary,
        args.files.iter().map(|path| source(path)).collect(),
    );
    let mut report = serde_json::to_value(&imported.report)?;
    let add = |report: &mut Value, name: &str, value: Value| {
        if let Some(fields) = report.as_object_mut() {
            fields.insert(name.to_owned(), value);
        }
    };
    add(&mut report, "kind", json!(args.kind));
    let Some(master) = imported.master else {
        say(&report.to_string())?;
        remark("nothing was written: the master that was there before holds");
        return Ok(ExitCode::from(1));
    };
    let tables = edition(&engine, embedded_tagger().as_deref());
    let bytes = snapshot::to_bytes(&master, &chart::now().date().to_string(), &tables);
    let path = masters::write(&data, args.kind, &bytes)?;
    add(&mut report, "edition", json!(master.edition));
    add(&mut report, "entries", json!(master.entries.len()));
    add(&mut report, "codes", json!(master.codes.len()));
    add(&mut report, "snapshot", json!(path.display().to_string()));
    say(&report.to_string())?;
    remark("a server that is running uses it from its next start");
    Ok(if imported.report.rejected > 0 {
        ExitCode::from(SOME_REJECTED)
    } else {
        ExitCode::SUCCESS
    })
}

/// A file that is read when its turn comes; one that cannot be opened fails then.
fn source(path: &Path) -> SourceFile<'static> {
    let name = path
        .file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned();
    let reader: Box<dyn std::io::BufRead> = match fs::File::open(path) {
        Ok(file) => Box::new(BufReader::with_capacity(1 << 16, file)),
        Err(error) => Box::new(BufReader::new(Unreadable(error))),
    };
    SourceFile { name, reader }
}

/// A file that could not be opened.
struct Unreadable(std::io::Error);

impl Read for Unreadable {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::Error::new(self.0.kind(), self.0.to_string()))
    }
}

/// The layouts of a folder.
fn corrected(folder: &Path) -> anyhow::Result<Vec<DataFile>> {
    let entries = fs::read_dir(folder).with_context(|| format!("--layouts {}", folder.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| folder.display().to_string())?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.extension().is_some_and(|extension| extension == "tsv") {
            let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            files.push(DataFile {
                path: format!("{LAYOUTS_FOLDER}{name}").into(),
                text: text.into(),
            });
        }
    }
    if files.is_empty() {
        bail!(
            "--layouts {}: no *.tsv; `tsumugi terms layouts --out DIR` writes them",
            folder.display()
        );
    }
    Ok(files)
}

/// The tables, with those of the site in the place of the embedded ones.
fn with_layouts(mut tables: Vec<DataFile>, own: Vec<DataFile>) -> Vec<DataFile> {
    tables.retain(|table| !own.iter().any(|other| other.path == table.path));
    tables.extend(own);
    tables
}

fn refuse_mistakes(mistakes: &[Mistake], folder: Option<&Path>) -> anyhow::Result<()> {
    let Some(first) = mistakes.first() else {
        return Ok(());
    };
    let place = folder.map_or_else(|| "embedded".to_owned(), |folder| folder.display().to_string());
    bail!(
        "{} mistakes in the layouts ({place}); the first: {first}",
        mistakes.len()
    )
}

/// Lists the masters of the site; one that cannot be used says why.
pub(super) fn list(args: &ListArgs) -> anyhow::Result<ExitCode> {
    let data = chart::data_folder(args.data.as_deref())?;
    let (mut found, mut damaged) = (0, 0);
    for kind in MasterKind::ALL {
        match masters::open_one(&data, kind) {
            Ok(None) => {}
            Ok(Some(opened)) => {
                found += 1;
                let about = opened.manifest;
                if args.json {
                    say(&serde_json::to_string(&about)?)?;
                    continue;
                }
                say(&format!(
                    "{}\tedition {}\timported {}\t{} entries\t{} codes\ttables {}",
                    kind.word(),
                    if about.edition.is_empty() {
                        "-"
                    } else {
                        &about.edition
                    },
                    about.imported,
                    about.entries,
                    about.codes,
                    about.tables
                ))?;
                for file in about.files {
                    say(&format!(
                        "\t{}\t{} rows\tsha256 {}",
                        file.name, file.rows, file.sha256
                    ))?;
                }
            }
            Err(error) => {
                damaged += 1;
                if args.json {
                    say(&json!({"kind": kind, "error": format!("{error:#}")}).to_string())?;
                } else {
                    say(&format!("{}\tnot used: {error:#}", kind.word()))?;
                }
            }
        }
    }
    if found + damaged == 0 {
        remark("there are no masters; `tsumugi terms import KIND FILE...` reads one");
    }
    Ok(if damaged > 0 {
        ExitCode::from(SOME_REJECTED)
    } else {
        ExitCode::SUCCESS
    })
}

/// Takes a master off.
pub(super) fn remove(args: &RemoveArgs) -> anyhow::Result<ExitCode> {
    let data = chart::data_folder(args.data.as_deref())?;
    if !masters::remove(&data, args.kind)? {
        bail!(
            "there is no master {}; `tsumugi terms masters` lists them",
            args.kind.word()
        );
    }
    remark(&format!(
        "{} is taken off; a server that is running goes on with it until its next start",
        args.kind.word()
    ));
    Ok(ExitCode::SUCCESS)
}

/// Writes the embedded layouts to a folder, where a site can correct them.
pub(super) fn layouts(args: &LayoutsArgs) -> anyhow::Result<ExitCode> {
    let folder = &args.out;
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    for table in embedded_files() {
        let Some(name) = table.path.strip_prefix(LAYOUTS_FOLDER) else {
            continue;
        };
        let path = folder.join(name);
        if path.exists() {
            remark(&format!("{}: is there and stays as it is", path.display()));
            continue;
        }
        fs::write(&path, table.text.as_bytes()).with_context(|| path.display().to_string())?;
        say(&path.display().to_string())?;
    }
    Ok(ExitCode::SUCCESS)
}
