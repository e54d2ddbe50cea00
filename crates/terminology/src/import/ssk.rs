//! The claims masters: disease names, modifiers, drugs, acts, comments.

use super::Context;
use super::builder::{entry, form};
use super::diseases::{Diseases, modifier};
use super::products::{ProductWords, Products};
use super::sheet::Row;
use crate::concept::system;
use crate::masters::{Entry, FormKeys};
use crate::vocabulary::Vocabulary;

/// What is being read.
pub(crate) struct Claims<'v> {
    diseases: Diseases,
    products: Products<'v>,
}

impl<'v> Claims<'v> {
    pub(crate) fn new(vocabulary: &'v Vocabulary, words: &'v ProductWords, keys: &'v FormKeys) -> Self {
        Self {
            diseases: Diseases::default(),
            products: Products::new(vocabulary, words, keys),
        }
    }

    /// Reads a row of one of the tables.
    pub(crate) fn row(&mut self, context: &mut Context<'_>, table: &str, row: &Row<'_>) {
        match table {
            "b" => self.diseases.claim(context, row),
            "z" => modifier(context, row, row.get("code")),
            "y" => self.products.claim(row),
            "s" => act(context, row),
            "c" => comment(context, row),
            _ => {}
        }
    }

    pub(crate) fn finish(self, context: &mut Context<'_>) {
        self.diseases.finish(context);
        self.products.finish(context);
    }
}

/// An act. Items of their own in the sections of `kinds.tsv` are concepts; fees and additions are codes with names.
fn act(context: &mut Context<'_>, row: &Row<'_>) {
    let basic = row.get("name");
    let short = row.get("short");
    let own = form(
        context.keys,
        if basic.is_empty() { short } else { basic },
        "",
        true,
    );
    let other = form(context.keys, short, row.get("kana"), true);
    let is_item = context.layouts.word(context.kind, "s", "basis", row.get("basis")) == Some("item");
    let kind = context
        .layouts
        .term_kind(context.kind, "s", "section", row.get("section"));
    let kind = kind.filter(|_| is_item && !row.is_withdrawn());
    let code = context.builder.code(system::CLAIM_ACT, row.get("code"));
    let forms = Some(other)
        .filter(|other| other.key != own.key)
        .into_iter()
        .collect();
    context.builder.add(Entry {
        forms,
        codes: vec![code],
        ..entry(format!("claim-act:{}", row.get("code")), kind, own)
    });
}

/// A comment: a code with a name.
fn comment(context: &mut Context<'_>, row: &Row<'_>) {
    let name = form(context.keys, row.get("name"), "", false);
    let code = context.builder.code(system::CLAIM_COMMENT, row.get("code"));
    context.builder.add(Entry {
        codes: vec![code],
        ..entry(format!("claim-comment:{}", row.get("code")), None, name)
    });
}
