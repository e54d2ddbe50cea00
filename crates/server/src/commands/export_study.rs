//! `tsumugi export study`: hands over the data of those who allow a study, as a folder with a table and its manifest.

use super::account::OPERATOR;
use super::pseudonyms;
use super::say;
use super::store::Place;
use crate::provide::{Desk, Order, provide};
use crate::{audit, chart};
use anyhow::{anyhow, bail};
use jiff::civil::Date;
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;
use tsumugi_anonymize::write::Format;
use tsumugi_anonymize::{Hierarchies, Period};
use tsumugi_records::AuditSubtype;
use tsumugi_records::consent::{DataKind, ExportId, Form};

/// Options of `export study`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The study.
    #[arg(long)]
    study: String,
    /// Who gets it: the id of a recipient of the study.
    #[arg(long)]
    recipient: String,
    /// In which form it leaves; the legal basis of the study must allow it.
    #[arg(long, default_value = "anonymised-table",
        value_parser = ["anonymised-table", "coded-facts", "pseudonymised-table", "reviewed-text", "personal"])]
    form: String,
    /// Kind of file.
    #[arg(long, default_value = "csv", value_parser = ["csv", "parquet", "ndjson"])]
    format: String,
    /// Kinds of data, with commas between them (default: all that the study asks for).
    #[arg(long, value_delimiter = ',')]
    kinds: Vec<String>,
    /// First day of the period.
    #[arg(long, default_value = "1900-01-01")]
    from: Date,
    /// Last day of the period; ages are those on it.
    #[arg(long)]
    to: Date,
    /// Columns of an anonymised table that may identify, with commas between them.
    #[arg(long, value_delimiter = ',', default_value = "sex,age,region,month")]
    columns: Vec<String>,
    /// Columns of an anonymised table that are sensitive, with commas between them.
    #[arg(long, value_delimiter = ',', default_value = "diagnosis")]
    sensitive: Vec<String>,
    /// Every row has this many that are alike; in a table of facts, every code this many persons.
    #[arg(long, default_value_t = 10)]
    k: u32,
    /// Rows that may be left out for it, of 100.
    #[arg(long, default_value_t = 4)]
    suppress: u32,
    /// Different sensitive values among rows that are alike, at least.
    #[arg(long, default_value_t = 2)]
    l: u32,
    /// Distance of the sensitive values of rows that are alike to those of all, in hundredths, at most.
    #[arg(long)]
    t: Option<u32>,
    /// A column that is counted with noise in the manifest, e.g. `age`, or `age=100` with thousandths of epsilon.
    #[arg(long)]
    noisy: Option<String>,
    /// Number of an earlier export that this repeats; refused where a person in it has taken something back.
    #[arg(long)]
    again: Option<i64>,
    /// File of the key table of pseudonyms, for tables of facts.
    #[arg(long, requires = "keeper_key")]
    keys: Option<PathBuf>,
    /// File of its key.
    #[arg(long, requires = "keys")]
    keeper_key: Option<PathBuf>,
    /// Folder below which the folder of the export comes into being.
    #[arg(long)]
    out: PathBuf,
    #[command(flatten)]
    place: Place,
}

/// Runs it.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let hierarchies = Hierarchies::embedded().map_err(|mistakes| {
        anyhow!(
            "{}",
            mistakes.first().map(ToString::to_string).unwrap_or_default()
        )
    })?;
    let order = args.order()?;
    let mut keys = match (&args.keys, &args.keeper_key) {
        (Some(keys), Some(key)) => Some(pseudonyms::keys(keys, key)?),
        _ => None,
    };
    let store = args.place.open_existing()?;
    let engine = args.place.engine()?;
    let desk = Desk {
        store: &store,
        hierarchies: &hierarchies,
        edition: engine.edition(),
        now: &|| chart::moment(chart::now()),
        entry: audit::of_name(OPERATOR, AuditSubtype::Export)?,
    };
    let made = provide(&desk, &order, keys.as_mut(), &args.out)?;
    let line = json!({
        "export": made.export.get(), "folder": made.folder, "rows": made.rows, "form": args.form, "format": args.format,
    });
    say(&line.to_string())
}

impl Args {
    fn order(&self) -> anyhow::Result<Order> {
        let form = match self.form.as_str() {
            "anonymised-table" => Form::AnonymisedTable,
            "coded-facts" => Form::CodedFacts,
            "pseudonymised-table" => Form::PseudonymisedTable,
            "reviewed-text" => Form::ReviewedText,
            "personal" => Form::Personal,
            other => bail!("no form {other}"),
        };
        Ok(Order {
            study: self.study.clone(),
            recipient: self.recipient.clone(),
            form,
            format: Format::by_name(&self.format)
                .ok_or_else(|| anyhow!("no kind of file {}", self.format))?,
            kinds: self.kinds.iter().map(DataKind::new).collect(),
            period: Period {
                from: self.from,
                to: self.to,
            },
            columns: self.columns.clone(),
            sensitive: named(&self.sensitive),
            k: self.k,
            suppress: self.suppress,
            l: self.l,
            t: self.t,
            noisy: self.noisy.as_deref().map(noisy).transpose()?,
            again: self.again.map(ExportId::new),
            by: OPERATOR.to_owned(),
        })
    }
}

/// Names that are not empty: `--sensitive ''` asks for none.
fn named(names: &[String]) -> Vec<String> {
    names.iter().filter(|name| !name.is_empty()).cloned().collect()
}

fn noisy(asked: &str) -> anyhow::Result<(String, Option<u32>)> {
    let Some((column, cost)) = asked.split_once('=') else {
        return Ok((asked.to_owned(), None));
    };
    let cost = cost.parse().map_err(|_| {
        anyhow!("--noisy {asked}: write the column, `=` and thousandths of epsilon as a whole number")
    })?;
    Ok((column.to_owned(), Some(cost)))
}
