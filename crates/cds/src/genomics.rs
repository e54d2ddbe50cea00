//! Genes at prescribing: from a result (VCF or typed) to diplotype, phenotype and hint. Facts are tables of `data/genomics`.
//!
//! **What was not looked at is unknown, never the reference.** A diplotype is told only where every position that defines an
//! allele of the gene was called; else all that are still possible are told, and a phenotype only where they agree.

mod tables;
mod vcf;

pub use tables::{Advice, Allele, Grade, Variant, advice, alleles, gene_names, phenotype_name, variants};
pub use vcf::{Call, Calls, VcfError, read_vcf};

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use tables::phenotype;
use vcf::Phase;

/// What is known of a gene.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GeneResult {
    /// The gene, as the tables call it.
    pub gene: String,
    /// The diplotypes that are possible, each with its two alleles in the order of the table; one where it is known.
    pub diplotypes: Vec<(String, String)>,
    /// The phenotype, where all possible diplotypes have the same.
    pub phenotype: Option<String>,
    /// Variants that were not called.
    pub missing: Vec<String>,
    /// Whether two variants were taken to lie on different chromosomes, though nobody phased them.
    pub assumed_trans: bool,
}

/// The results of all genes of which the calls tell something.
pub fn results(calls: &Calls) -> Vec<GeneResult> {
    let genes: BTreeSet<&str> = variants().iter().map(|variant| variant.gene.as_str()).collect();
    genes.into_iter().filter_map(|gene| result(gene, calls)).collect()
}

/// A result that somebody typed: two alleles of a gene, as `*1/*3`; `positive` or `negative` of an HLA allele.
///
/// # Errors
/// The gene or allele that no table knows.
pub fn typed(gene: &str, written: &str) -> Result<GeneResult, String> {
    if !gene_names().contains(&gene) {
        return Err(gene.to_owned());
    }
    let written = written.trim();
    let halves = match written.split_once('/') {
        Some((one, other)) => [one.trim(), other.trim()],
        // That an HLA allele is carried says nothing of the other chromosome.
        None if written == "positive" => ["negative", "positive"],
        None if written == "negative" => ["negative", "negative"],
        None => return Err(written.to_owned()),
    };
    for half in halves {
        if !alleles()
            .iter()
            .any(|allele| allele.gene == gene && allele.name == half)
        {
            return Err(half.to_owned());
        }
    }
    let [one, other] = halves;
    Ok(of_diplotypes(
        gene,
        vec![ordered(gene, one, other)],
        Vec::new(),
        false,
    ))
}

/// The hints for a drug that is being prescribed, from results that are known; those to avoid first.
pub fn hints<'r>(drug: &str, results: impl IntoIterator<Item = &'r GeneResult>) -> Vec<&'static Advice> {
    let mut found = Vec::new();
    for result in results {
        let Some(phenotype) = &result.phenotype else {
            continue;
        };
        let fits = |row: &&Advice| row.drug == drug && row.gene == result.gene && row.phenotype == *phenotype;
        found.extend(advice().iter().filter(fits));
    }
    found.sort_by_key(|row| row.grade);
    found
}

/// Genes of which a hint for a drug would be known, and of which there is no result with a phenotype.
pub fn unknown_genes<'r>(drug: &str, results: impl IntoIterator<Item = &'r GeneResult>) -> Vec<&'static str> {
    let known: Vec<&str> = results
        .into_iter()
        .filter(|result| result.phenotype.is_some())
        .map(|result| result.gene.as_str())
        .collect();
    let genes: BTreeSet<&'static str> = advice()
        .iter()
        .filter(|row| row.drug == drug)
        .map(|row| row.gene.as_str())
        .collect();
    genes.into_iter().filter(|gene| !known.contains(gene)).collect()
}

/// A gene's result; none where none of its positions was called.
fn result(gene: &str, calls: &Calls) -> Option<GeneResult> {
    let own: Vec<&Variant> = variants().iter().filter(|variant| variant.gene == gene).collect();
    let called = |variant: &&&Variant| calls.get(&variant.id).is_some();
    if !own.iter().any(|variant| called(&variant)) {
        return None;
    }
    let missing = own.iter().filter(|variant| !called(variant));
    let missing: Vec<String> = missing.map(|variant| variant.id.clone()).collect();
    let mut possible = vec![Vec::new()];
    for variant in &own {
        possible = possible
            .into_iter()
            .flat_map(|known| with(&known, variant, calls.get(&variant.id)))
            .collect();
    }
    let mut assumed = false;
    let mut diplotypes: Vec<(String, String)> = Vec::new();
    for carried in possible {
        let Some((one, other, is_assumed)) = diplotype(gene, &carried) else {
            continue;
        };
        assumed |= is_assumed;
        let diplotype = ordered(gene, &one, &other);
        if !diplotypes.contains(&diplotype) {
            diplotypes.push(diplotype);
        }
    }
    Some(of_diplotypes(gene, diplotypes, missing, assumed))
}

/// A variant that is carried: on how many chromosomes, and on which where that is phased.
type Carried<'v> = (&'v Variant, usize, Option<Phase>);

/// What may be carried with one more variant: as it was called, or each of the three where it was not.
fn with<'v>(known: &[Carried<'v>], variant: &'v Variant, call: Option<&Call>) -> Vec<Vec<Carried<'v>>> {
    let more = |count: usize, phase: Option<Phase>| {
        let mut next = known.to_vec();
        if count > 0 {
            next.push((variant, count, phase));
        }
        next
    };
    match call {
        Some(call) => vec![more(call.count(), call.phase())],
        None => (0..=2).map(|count| more(count, None)).collect(),
    }
}

/// The two alleles, and whether two variants were taken to lie on different chromosomes; none where no table defines what
/// is carried.
fn diplotype(gene: &str, carried: &[Carried<'_>]) -> Option<(String, String, bool)> {
    let name = |variant: Option<&Variant>| {
        let id = variant.map_or("", |variant| variant.id.as_str());
        let mut of_gene = alleles().iter().filter(|allele| allele.gene == gene);
        of_gene
            .find(|allele| allele.variant == id)
            .map(|allele| allele.name.clone())
    };
    match carried {
        [] => Some((name(None)?, name(None)?, false)),
        [(variant, 2, _)] => Some((name(Some(variant))?, name(Some(variant))?, false)),
        [(variant, _, _)] => Some((name(None)?, name(Some(variant))?, false)),
        [(one, 1, phase), (other, 1, other_phase)] => {
            let same_set = phase
                .zip(*other_phase)
                .filter(|((_, set), (_, other))| set == other);
            // Both on one chromosome: no table defines such an allele.
            if same_set.is_some_and(|((one, _), (other, _))| one == other) {
                return None;
            }
            Some((name(Some(one))?, name(Some(other))?, same_set.is_none()))
        }
        _ => None,
    }
}

/// Two alleles in the order of the table.
fn ordered(gene: &str, one: &str, other: &str) -> (String, String) {
    let place = |name: &str| {
        alleles()
            .iter()
            .position(|allele| allele.gene == gene && allele.name == name)
    };
    if place(one) <= place(other) {
        (one.to_owned(), other.to_owned())
    } else {
        (other.to_owned(), one.to_owned())
    }
}

fn of_diplotypes(
    gene: &str,
    diplotypes: Vec<(String, String)>,
    missing: Vec<String>,
    assumed_trans: bool,
) -> GeneResult {
    let mut phenotypes: Vec<Option<&str>> = diplotypes
        .iter()
        .map(|(one, other)| phenotype(gene, one, other))
        .collect();
    phenotypes.dedup();
    let agreed = match phenotypes.as_slice() {
        [Some(phenotype)] => Some((*phenotype).to_owned()),
        _ => None,
    };
    GeneResult {
        gene: gene.to_owned(),
        diplotypes,
        phenotype: agreed,
        missing,
        assumed_trans,
    }
}

#[cfg(test)]
mod tests;
