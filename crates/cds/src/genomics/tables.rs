//! The tables of `data/genomics`.

use std::sync::LazyLock;
use tsumugi_tables::{Source, Table};

/// A variant that defines an allele.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    /// Its dbSNP id.
    pub id: String,
    /// The gene.
    pub gene: String,
    /// Chromosome, without `chr`.
    pub chromosome: String,
    /// Position in `GRCh38`, from 1.
    pub position: u64,
    /// Reference.
    pub reference: String,
    /// Alternative.
    pub alternative: String,
}

/// An allele of a gene.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allele {
    /// The gene.
    pub gene: String,
    /// Its name, as `*3`.
    pub name: String,
    /// The variant that defines it; empty for the allele without any.
    pub variant: String,
}

/// How grave a hint is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// The drug is better not given.
    Avoid,
    /// To be given with care.
    Caution,
}

/// A hint for a drug and a phenotype.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// The drug, a concept.
    pub drug: String,
    /// The gene.
    pub gene: String,
    /// The phenotype.
    pub phenotype: String,
    /// How grave.
    pub grade: Grade,
    /// In words, Japanese.
    pub ja: String,
    /// In words, English.
    pub en: String,
    /// Where it comes from.
    pub source: String,
}

struct Diplotype {
    gene: String,
    alleles: [String; 2],
    phenotype: String,
}

static VARIANTS: LazyLock<Vec<Variant>> = LazyLock::new(|| {
    let text = include_str!("../../../../data/genomics/variants.tsv");
    let table = table("genomics/variants.tsv", text);
    let rows = table.rows().filter_map(|row| {
        Some(Variant {
            id: row.get("id").to_owned(),
            gene: row.get("gene").to_owned(),
            chromosome: row.get("chromosome").to_owned(),
            position: row.get("position").parse().ok()?,
            reference: row.get("ref").to_owned(),
            alternative: row.get("alt").to_owned(),
        })
    });
    rows.collect()
});

static ALLELES: LazyLock<Vec<Allele>> = LazyLock::new(|| {
    let text = include_str!("../../../../data/genomics/alleles.tsv");
    let table = table("genomics/alleles.tsv", text);
    let rows = table.rows().map(|row| Allele {
        gene: row.get("gene").to_owned(),
        name: row.get("allele").to_owned(),
        variant: row.get("variant").to_owned(),
    });
    rows.collect()
});

static PHENOTYPES: LazyLock<Vec<Diplotype>> = LazyLock::new(|| {
    let text = include_str!("../../../../data/genomics/phenotypes.tsv");
    let table = table("genomics/phenotypes.tsv", text);
    let rows = table.rows().map(|row| Diplotype {
        gene: row.get("gene").to_owned(),
        alleles: [row.get("one").to_owned(), row.get("other").to_owned()],
        phenotype: row.get("phenotype").to_owned(),
    });
    rows.collect()
});

static NAMES: LazyLock<Vec<[String; 3]>> = LazyLock::new(|| {
    let text = include_str!("../../../../data/genomics/names.tsv");
    let table = table("genomics/names.tsv", text);
    let rows = table
        .rows()
        .map(|row| ["phenotype", "ja", "en"].map(|column| row.get(column).to_owned()));
    rows.collect()
});

static ADVICE: LazyLock<Vec<Advice>> = LazyLock::new(|| {
    let text = include_str!("../../../../data/genomics/advice.tsv");
    let table = table("genomics/advice.tsv", text);
    let rows = table.rows().map(|row| Advice {
        drug: row.get("drug").to_owned(),
        gene: row.get("gene").to_owned(),
        phenotype: row.get("phenotype").to_owned(),
        grade: if row.get("grade") == "avoid" {
            Grade::Avoid
        } else {
            Grade::Caution
        },
        ja: row.get("ja").to_owned(),
        en: row.get("en").to_owned(),
        source: row.get("source").to_owned(),
    });
    rows.collect()
});

/// All variants.
pub fn variants() -> &'static [Variant] {
    &VARIANTS
}

/// All alleles, those of a gene in the order in which a diplotype names them.
pub fn alleles() -> &'static [Allele] {
    &ALLELES
}

/// The genes that a result may be of, in the order of the table.
pub fn gene_names() -> Vec<&'static str> {
    let mut names: Vec<&'static str> = ALLELES.iter().map(|allele| allele.gene.as_str()).collect();
    names.dedup();
    names
}

/// All hints.
pub fn advice() -> &'static [Advice] {
    &ADVICE
}

/// The name of a phenotype: Japanese and English.
pub fn phenotype_name(code: &str) -> Option<(&'static str, &'static str)> {
    let found = NAMES.iter().find(|[own, ..]| own == code)?;
    let [_, ja, en] = found;
    Some((ja, en))
}

/// The phenotype of a diplotype; none where the table does not know it.
pub(super) fn phenotype(gene: &str, one: &str, other: &str) -> Option<&'static str> {
    let found = PHENOTYPES.iter().find(|row| {
        let [first, second] = &row.alleles;
        row.gene == gene && ((first == one && second == other) || (first == other && second == one))
    });
    found.map(|row| row.phenotype.as_str())
}

fn table<'a>(path: &'a str, text: &'a str) -> Table<'a> {
    // Mistakes are a matter of the tests of the tables.
    Table::parse(Source { path, text }, &mut Vec::new())
}
