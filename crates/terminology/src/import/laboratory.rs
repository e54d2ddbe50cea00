//! Laboratory items: JLAC10 and JLAC11 with their analytes, and LOINC.

use super::Context;
use super::builder::{entry, form};
use super::sheet::Row;
use crate::concept::system;
use crate::masters::{Entry, EntryForm};
use std::collections::BTreeMap;
use tsumugi_tables::TermKind;

/// Characters of the analyte in a code of either system.
const ANALYTE: usize = 5;

/// Items by analyte and name.
#[derive(Debug, Default)]
pub(crate) struct Items {
    items: BTreeMap<(Box<str>, Box<str>), Item>,
}

#[derive(Debug)]
struct Item {
    name: EntryForm,
    short: Option<EntryForm>,
    codes: Vec<(&'static str, Box<str>)>,
}

impl Items {
    /// Reads a row of one of the tables.
    pub(crate) fn row(&mut self, context: &mut Context<'_>, table: &str, row: &Row<'_>) {
        let codes: Vec<(&'static str, &str)> = match table {
            "shared" => vec![
                (system::JLAC11, row.get("jlac11")),
                (system::JLAC10, row.get("jlac10")),
            ],
            "jlac10" => vec![(system::JLAC10, row.get("code"))],
            "jlac11" => vec![(system::JLAC11, row.get("code"))],
            _ => vec![(system::JLAC10, row.get("analyte"))],
        };
        let codes = codes.into_iter().filter(|(_, code)| !code.is_empty());
        let codes: Vec<(&'static str, Box<str>)> =
            codes.map(|(address, code)| (address, Box::from(code))).collect();
        // The analyte of JLAC10 is what the embedded tests name.
        let best = codes
            .iter()
            .find(|(address, _)| *address == system::JLAC10)
            .or(codes.first());
        let Some((address, code)) = best else { return };
        let prefix = if *address == system::JLAC10 {
            "jlac10"
        } else {
            "jlac11"
        };
        let analyte = format!("{prefix}:{}", code.get(..ANALYTE).unwrap_or(code));
        let name = form(context.keys, row.get("name"), "", true);
        let short = Some(row.get("short")).filter(|short| !short.is_empty());
        let short = short.map(|short| form(context.keys, short, "", true));
        let item = self
            .items
            .entry((analyte.into(), name.key.clone()))
            .or_insert_with(|| Item {
                name,
                short,
                codes: Vec::new(),
            });
        item.codes.extend(codes);
    }

    pub(crate) fn finish(self, context: &mut Context<'_>) {
        let mut before: Box<str> = "".into();
        let mut count = 0;
        for ((analyte, _), item) in self.items {
            count = if analyte == before { count + 1 } else { 0 };
            let id = if count == 0 {
                analyte.to_string()
            } else {
                format!("{analyte}.{count}")
            };
            let carried = analyte.strip_prefix("jlac10:");
            let codes = carried.map(|code| context.builder.code(system::JLAC10, code));
            for (address, code) in &item.codes {
                context.builder.map(address, code, &id);
            }
            context.builder.add(Entry {
                forms: item.short.into_iter().collect(),
                codes: codes.into_iter().collect(),
                ..entry(id, Some(TermKind::Test), item.name)
            });
            before = analyte;
        }
    }
}

/// Reads a row of LOINC: a code with its English name.
pub(crate) fn loinc(context: &mut Context<'_>, row: &Row<'_>) {
    context.builder.date(row.get("edition"));
    let display = row.get("display");
    let name = if display.is_empty() {
        row.get("name")
    } else {
        display
    };
    let code = context.builder.code(system::LOINC, row.get("code"));
    context.builder.add(Entry {
        english: row.get("name").into(),
        codes: vec![code],
        ..entry(
            format!("loinc:{}", row.get("code")),
            None,
            form(context.keys, name, "", false),
        )
    });
}
