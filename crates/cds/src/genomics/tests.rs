//! Cases of calls, diplotypes and hints.

use super::*;
use std::fmt::Write as _;

const HEADER: &str = "##fileformat=VCFv4.2\n##contig=<ID=chr10,length=133797422>\n";
const COLUMNS: &str = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS1\n";

/// A file with records: position on a chromosome, reference, alternative, filter, genotype.
fn vcf(records: &[(&str, u64, &str, &str, &str, &str)]) -> String {
    let mut text = format!("{HEADER}{COLUMNS}");
    for (chromosome, position, reference, alternative, filter, genotype) in records {
        writeln!(
            text,
            "chr{chromosome}\t{position}\t.\t{reference}\t{alternative}\t50\t{filter}\t.\tGT:PS\t{genotype}"
        )
        .unwrap();
    }
    text
}

const S2: (&str, u64, &str, &str) = ("10", 94_781_859, "G", "A");
const S3: (&str, u64, &str, &str) = ("10", 94_780_653, "G", "A");
const S17: (&str, u64, &str, &str) = ("10", 94_761_900, "C", "T");

/// Genotypes at *2, *3 and *17 of CYP2C19; an empty one is no record.
fn cyp2c19(name: &str, genotypes: [&str; 3], wanted: &str) {
    let records: Vec<_> = [S2, S3, S17]
        .into_iter()
        .zip(genotypes)
        .filter(|(_, genotype)| !genotype.is_empty())
        .map(|((chromosome, position, reference, alternative), genotype)| {
            (chromosome, position, reference, alternative, "PASS", genotype)
        })
        .collect();
    let found = results(&read_vcf(&vcf(&records)).unwrap());
    let shown = found
        .iter()
        .find(|result| result.gene == "CYP2C19")
        .map(|result| {
            let diplotypes: Vec<String> = result
                .diplotypes
                .iter()
                .map(|(one, other)| format!("{one}/{other}"))
                .collect();
            let phenotype = result.phenotype.as_deref().unwrap_or("?");
            let assumed = if result.assumed_trans { " assumed" } else { "" };
            format!(
                "{} {phenotype} -{}{assumed}",
                diplotypes.join(" "),
                result.missing.len()
            )
        });
    assert_eq!(shown.unwrap_or_default(), wanted, "{name}");
}

#[test]
fn a_diplotype_is_told_where_all_of_it_was_called() {
    cyp2c19("reference", ["0/0", "0/0", "0/0"], "*1/*1 normal -0");
    cyp2c19("one copy", ["0/1", "0/0", "0/0"], "*1/*2 intermediate -0");
    cyp2c19("two copies", ["1/1", "0/0", "0/0"], "*2/*2 poor -0");
    cyp2c19("phased on both", ["0|1", "1|0", "0|0"], "*2/*3 poor -0");
    cyp2c19(
        "phased on one: no allele of the table",
        ["0|1", "0|1", "0|0"],
        " ? -0",
    );
    cyp2c19("phased within one set", ["0|1:7", "0|1:7", "0/0:."], " ? -0");
    cyp2c19(
        "phased within two sets",
        ["0|1:7", "0|1:8", "0/0:."],
        "*2/*3 poor -0 assumed",
    );
    cyp2c19(
        "not phased",
        ["0/1", "0/0", "0/1"],
        "*2/*17 intermediate -0 assumed",
    );
    cyp2c19("nothing called", ["", "", ""], "");
    cyp2c19("no call", ["./.", "", ""], "");
    cyp2c19(
        "two copies of one: the others cannot be there",
        ["1/1", "", "0/0"],
        "*2/*2 poor -1",
    );
    // *17 was not looked at: rapid and normal are both possible.
    cyp2c19(
        "a missing position is not the reference",
        ["0/0", "0/0", ""],
        "*1/*1 *1/*17 *17/*17 ? -1",
    );
    cyp2c19(
        "missing, and yet agreed",
        ["0/1", "0/0", ""],
        "*1/*2 *2/*17 intermediate -1 assumed",
    );
}

#[test]
fn what_did_not_pass_or_is_another_change_is_unknown() {
    let (chromosome, position, reference, alternative) = S2;
    for (name, record) in [
        (
            "filtered",
            (chromosome, position, reference, alternative, "LowQual", "0/1"),
        ),
        (
            "another change",
            (chromosome, position, reference, "T", "PASS", "0/1"),
        ),
        (
            "half a call",
            (chromosome, position, reference, alternative, "PASS", "0/."),
        ),
        (
            "one chromosome",
            (chromosome, position, reference, alternative, "PASS", "1"),
        ),
    ] {
        assert!(read_vcf(&vcf(&[record])).unwrap().is_empty(), "{name}");
    }
    let block =
        format!("{HEADER}{COLUMNS}chr10\t94780000\t.\tT\t<NON_REF>\t.\tPASS\tEND=94790000\tGT:DP\t0/0:30\n");
    assert_eq!(
        read_vcf(&block).unwrap().len(),
        2,
        "a block of the reference covers *2 and *3"
    );
}

#[test]
fn a_file_of_another_build_or_of_none_is_refused() {
    let record = vcf(&[("10", 94_781_859, "G", "A", "PASS", "0/1")]);
    let with = |header: &str| record.replace("##contig=<ID=chr10,length=133797422>", header);
    for (header, wanted) in [
        ("##reference=file:///data/GRCh38.fa", ""),
        ("##contig=<ID=10,length=133797422,assembly=x>", ""),
        ("##reference=hg19.fa", "another genome build"),
        ("##contig=<ID=chr10,length=135534747>", "another genome build"),
        ("##source=caller", "does not say the genome build"),
    ] {
        let read = read_vcf(&with(header));
        let said = read.map_or_else(|error| error.to_string(), |_| String::new());
        assert!(
            said.contains(wanted) && said.is_empty() == wanted.is_empty(),
            "{header}: {said}"
        );
    }
    for (text, wanted) in [
        ("hello".to_owned(), VcfError::NoVcf),
        (
            record.replace("\tS1", "\tS1\tS2"),
            VcfError::Samples { line: 3, found: 2 },
        ),
        (
            record.replace("\tG\tA\t", "\tC\tA\t"),
            VcfError::Reference {
                line: 4,
                place: "10:94781859".to_owned(),
            },
        ),
        (
            format!("{HEADER}{COLUMNS}chr10\tx\n"),
            VcfError::Record {
                line: 4,
                what: "the position is no number",
            },
        ),
    ] {
        assert_eq!(read_vcf(&text), Err(wanted));
    }
}

#[test]
fn a_typed_result_leads_to_the_hint_at_prescribing() {
    let hint = |drug: &str, gene: &str, written: &str| -> Vec<(Grade, &str)> {
        let result = typed(gene, written).unwrap();
        hints(drug, [&result])
            .iter()
            .map(|row| (row.grade, row.gene.as_str()))
            .collect()
    };
    assert_eq!(
        hint("drug.azathioprine", "NUDT15", "*3/*3"),
        [(Grade::Avoid, "NUDT15")]
    );
    assert_eq!(
        hint("drug.azathioprine", "NUDT15", " *3/*1 "),
        [(Grade::Caution, "NUDT15")]
    );
    assert_eq!(hint("drug.azathioprine", "NUDT15", "*1/*1"), []);
    assert_eq!(
        hint("drug.allopurinol", "HLA-B*58:01", "positive"),
        [(Grade::Avoid, "HLA-B*58:01")]
    );
    assert_eq!(hint("drug.allopurinol", "HLA-B*58:01", "negative"), []);
    assert_eq!(
        hint("drug.warfarin", "VKORC1", "-1639A/-1639A"),
        [(Grade::Caution, "VKORC1")]
    );
    assert_eq!(typed("NUDT15", "*1/*99"), Err("*99".to_owned()));
    assert_eq!(typed("BRCA1", "*1/*1"), Err("BRCA1".to_owned()));
    let known = typed("CYP2C9", "*1/*1").unwrap();
    assert_eq!(unknown_genes("drug.warfarin", [&known]), ["VKORC1"]);
}

#[test]
fn every_diplotype_of_the_tables_has_a_phenotype_and_every_phenotype_a_name() {
    for gene in gene_names() {
        let own: Vec<&Allele> = alleles().iter().filter(|allele| allele.gene == gene).collect();
        for one in &own {
            for other in &own {
                let found = phenotype(gene, &one.name, &other.name);
                let found = found.unwrap_or_else(|| panic!("{gene} {}/{}", one.name, other.name));
                assert!(phenotype_name(found).is_some(), "{found}");
            }
        }
        let advised = advice().iter().any(|row| row.gene == gene);
        assert!(advised, "no hint rests on {gene}");
    }
    for row in advice() {
        assert!(gene_names().contains(&row.gene.as_str()), "{}", row.gene);
        assert!(phenotype_name(&row.phenotype).is_some(), "{}", row.phenotype);
    }
}
