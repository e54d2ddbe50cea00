//! Products and their ingredients: a name as 「アムロジピン錠5mg「A」」 is the longest name of a drug that we know, if
//! nothing but dosage forms, salts and strengths stands behind it. A combination, or a word that we do not know, is no
//! ingredient: a wrong one is worse than none.

use super::Context;
use super::builder::{entry, form};
use super::sheet::Row;
use crate::concept::system;
use crate::masters::{Entry, FormKeys};
use crate::vocabulary::Vocabulary;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use tsumugi_tables::{Mistake, Source, Table, TermKind};
use unicode_normalization::UnicodeNormalization;

/// Shortest name of an ingredient or brand, in characters.
const SHORTEST: usize = 3;

/// Words behind the name in `layouts/product_words.tsv`, longest first.
#[derive(Debug, Default)]
pub(crate) struct ProductWords {
    marks: Vec<String>,
    /// Word, and the route that it says.
    words: Vec<(String, Box<str>)>,
}

impl ProductWords {
    pub(crate) fn new(sources: &[Source<'_>], mistakes: &mut Vec<Mistake>) -> Self {
        let mut all = Self::default();
        let path = "terminology/layouts/product_words.tsv";
        let Some(source) = sources.iter().find(|source| source.path == path) else {
            return all;
        };
        let table = Table::parse(*source, mistakes);
        for row in table.rows() {
            let word: String = row.get("word").nfkc().flat_map(char::to_lowercase).collect();
            match row.get("kind") {
                "mark" => all.marks.push(word),
                _ if word.is_empty() => mistakes.push(Mistake::new(path, row.line, "word: is empty")),
                _ => all.words.push((word, row.get("route").into())),
            }
        }
        all.words
            .sort_by(|a, b| b.0.len().cmp(&a.0.len()).then_with(|| a.cmp(b)));
        all
    }

    /// Whether only forms, salts and strengths stand here; the route that they say, if any.
    fn rest(&self, rest: &str) -> Option<&str> {
        let mut route = "";
        let mut rest = rest;
        while let Some(c) = rest.chars().next() {
            if let Some((word, said)) = self
                .words
                .iter()
                .find(|(word, _)| rest.starts_with(word.as_str()))
            {
                if !said.is_empty() {
                    route = said;
                }
                rest = rest.get(word.len()..)?;
                continue;
            }
            let is_strength = c.is_ascii_alphanumeric() || matches!(c, '.' | '%' | '-' | ' ' | '\u{3000}');
            if !is_strength {
                return None;
            }
            rest = rest.get(c.len_utf8()..)?;
        }
        Some(route)
    }

    /// The part of a product's name before the maker and without marks, in small letters.
    fn bare(&self, name: &str) -> String {
        const MAKER: [char; 3] = ['\u{300C}', '(', '\u{3014}'];
        let small: String = name.nfkc().flat_map(char::to_lowercase).collect();
        let mut text = small.trim();
        for mark in &self.marks {
            text = text.strip_prefix(mark.as_str()).unwrap_or(text);
        }
        let end = text.find(MAKER).unwrap_or(text.len());
        text.get(..end).unwrap_or(text).trim().to_owned()
    }
}

/// What is known of the products of one ingredient or brand.
#[derive(Debug, Default)]
struct Group {
    name: String,
    /// Smallest code of the group; its id is made of it.
    code: Box<str>,
    system: &'static str,
    codes: Vec<ProductCode>,
}

/// A code with the address of its system.
type ProductCode = (&'static str, Box<str>);

/// Products of an ingredient that we know.
#[derive(Debug, Default)]
struct Known {
    /// Brands that no table has.
    brands: Vec<String>,
    codes: Vec<ProductCode>,
}

/// Products that are being read.
pub(crate) struct Products<'v> {
    vocabulary: &'v Vocabulary,
    words: &'v ProductWords,
    /// Drugs by their folded names.
    drugs: FxHashMap<Box<str>, u32>,
    keys: &'v FormKeys,
    /// By the id of the concept.
    known: BTreeMap<Box<str>, Known>,
    unknown: BTreeMap<String, Group>,
}

impl<'v> Products<'v> {
    pub(crate) fn new(vocabulary: &'v Vocabulary, words: &'v ProductWords, keys: &'v FormKeys) -> Self {
        let mut drugs = FxHashMap::default();
        for (key, concept) in vocabulary
            .iter()
            .filter(|(_, concept)| concept.kind == TermKind::Drug)
        {
            let others = concept.synonyms.iter().map(|(name, _)| name.as_ref());
            for name in std::iter::once(concept.name.as_ref()).chain(others) {
                drugs.entry(keys.of(name).into()).or_insert(key);
            }
        }
        Self {
            vocabulary,
            words,
            drugs,
            keys,
            known: BTreeMap::new(),
            unknown: BTreeMap::new(),
        }
    }

    /// Reads a row of HOT13 or HOT9.
    pub(crate) fn hot(&mut self, context: &mut Context<'_>, row: &Row<'_>) {
        let (hot, hot7) = (row.get("hot"), row.get("hot7"));
        if !hot.starts_with(hot7) {
            context.reject(row.fault(
                "hot7",
                "cell",
                format!("{hot7} is not the beginning of {hot}; correct the row"),
            ));
            return;
        }
        let nine = hot.get(..9).unwrap_or_default();
        let mut codes = vec![
            (system::HOT9, nine),
            (system::HOT7, hot7),
            (system::YJ, row.get("yj")),
            (system::CLAIM_DRUG, row.get("claim")),
            (system::CLAIM_DRUG, row.get("claim_other")),
        ];
        if hot.len() == 13 {
            codes.push((system::HOT13, hot));
        }
        let names = [row.get("notice"), row.get("product"), row.get("claim_name")];
        self.add(&names, row.get("product"), (system::HOT7, hot7), &codes);
    }

    /// Reads a row of the drugs for claims.
    pub(crate) fn claim(&mut self, row: &Row<'_>) {
        let code = row.get("code");
        let codes = [(system::CLAIM_DRUG, code), (system::PRICE_LIST, row.get("price"))];
        let names = [row.get("generic"), row.get("basic"), row.get("product")];
        self.add(&names, row.get("product"), (system::CLAIM_DRUG, code), &codes);
    }

    /// The concept that a product's name says, and nothing else.
    fn ingredient(&self, name: &str) -> Option<u32> {
        let bare = self.words.bare(name);
        let ends = bare.char_indices().map(|(at, c)| at + c.len_utf8());
        let ends: Vec<usize> = ends.skip(SHORTEST - 1).collect();
        for end in ends.into_iter().rev() {
            let (head, rest) = bare.split_at_checked(end)?;
            let known = self.drugs.get(&*self.keys.of(head)).copied();
            if let (Some(key), Some(route)) = (known, self.words.rest(rest)) {
                return Some(self.by_route(key, route));
            }
        }
        None
    }

    /// Systemic and topical forms are concepts of their own.
    fn by_route(&self, key: u32, route: &str) -> u32 {
        let id = self.vocabulary.get(key).map_or("", |concept| concept.id.as_str());
        let suffix = match route {
            "topical" | "transdermal" => "-topical",
            "eye" => "-eye",
            _ => return key,
        };
        if id.ends_with(suffix) {
            return key;
        }
        self.vocabulary.key(&format!("{id}{suffix}")).unwrap_or(key)
    }

    /// The part of a name before dosage form and strength.
    fn stem(&self, name: &str) -> String {
        let bare = self.words.bare(name);
        let ends = bare
            .char_indices()
            .map(|(at, c)| at + c.len_utf8())
            .skip(SHORTEST - 1);
        for end in ends {
            let Some((head, rest)) = bare.split_at_checked(end) else {
                break;
            };
            if !rest.is_empty() && self.words.rest(rest).is_some() {
                return head.trim().to_owned();
            }
        }
        bare
    }

    fn add(
        &mut self,
        names: &[&str],
        product: &str,
        own: (&'static str, &str),
        codes: &[(&'static str, &str)],
    ) {
        let codes = codes.iter().filter(|(_, code)| !code.is_empty());
        let codes: Vec<ProductCode> = codes.map(|(system, code)| (*system, Box::from(*code))).collect();
        let found = names
            .iter()
            .filter(|name| !name.is_empty())
            .find_map(|name| self.ingredient(name));
        let concept = found.and_then(|key| self.vocabulary.get(key));
        if let Some(concept) = concept {
            let id: Box<str> = concept.id.as_str().into();
            let brand = self.ingredient(product).is_none().then(|| self.stem(product));
            let known = self.known.entry(id).or_default();
            let is_new = |brand: &String| brand.chars().count() >= SHORTEST && !known.brands.contains(brand);
            if let Some(brand) = brand.filter(is_new) {
                known.brands.push(brand);
            }
            known.codes.extend(codes);
            return;
        }
        let stem = self.stem(product);
        let group = self.unknown.entry(stem.clone()).or_default();
        if group.code.is_empty() || *own.1 < *group.code {
            group.code = own.1.into();
            group.system = own.0;
        }
        group.name = stem;
        group.codes.extend(codes);
    }

    pub(crate) fn finish(self, context: &mut Context<'_>) {
        for (id, Known { brands, codes }) in self.known {
            let concept = self.vocabulary.concept(&id);
            let name = form(
                context.keys,
                concept.map_or("", |concept| concept.name.as_ref()),
                "",
                true,
            );
            let own = format!("product:{id}");
            let forms = brands
                .iter()
                .map(|brand| form(context.keys, brand, "", true))
                .collect();
            for (system, code) in &codes {
                context.builder.map(system, code, &own);
            }
            context.builder.add(Entry {
                forms,
                target: Some(id),
                ..entry(own, Some(TermKind::Drug), name)
            });
        }
        for group in self.unknown.into_values() {
            let word = if group.system == system::HOT7 {
                "hot"
            } else {
                "claim-drug"
            };
            let id = format!("{word}:{}", group.code);
            for (system, code) in &group.codes {
                context.builder.map(system, code, &id);
            }
            let name = form(context.keys, &group.name, "", true);
            context.builder.add(entry(id, Some(TermKind::Drug), name));
        }
    }
}
