//! VCF 4.x: the calls at the positions of the table, and nothing else.
//!
//! The header must say the build. Another build than `GRCh38` is refused, and so is a file that does not say: the same number
//! is another place there. A record whose reference differs from the table's is refused as well.

use super::tables::{Variant, variants};
use std::collections::BTreeMap;

/// Lengths of chromosomes that tell builds apart (`GRCh38`, `GRCh37`).
const LENGTHS: [(&str, u64, u64); 4] = [
    ("2", 242_193_529, 243_199_373),
    ("10", 133_797_422, 135_534_747),
    ("13", 114_364_328, 115_169_878),
    ("16", 90_338_345, 90_354_753),
];

/// Longest file that is read, in bytes.
const LONGEST: usize = 64 << 20;

/// Which of two chromosomes, and within which phase set.
pub(super) type Phase = ([bool; 2], u64);

/// A genotype at a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    carried: [bool; 2],
    is_phased: bool,
    set: u64,
}

impl Call {
    /// How many of the two chromosomes carry the variant.
    pub(super) fn count(&self) -> usize {
        self.carried.iter().filter(|carried| **carried).count()
    }

    /// Which of the two chromosomes carries it, and the set within which chromosomes are told apart, where it is phased.
    pub(super) fn phase(&self) -> Option<Phase> {
        self.is_phased.then_some((self.carried, self.set))
    }
}

/// The calls by variant. What is not there was not called.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Calls(BTreeMap<String, Call>);

impl Calls {
    /// The call of a variant.
    pub fn get(&self, id: &str) -> Option<&Call> {
        self.0.get(id)
    }

    /// How many variants of the table were called.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none was.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Why a file is not read. Lines are counted from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VcfError {
    /// It is none.
    #[error("the first line does not begin with ##fileformat=VCF; give a VCF 4 file as text")]
    NoVcf,
    /// It is too long.
    #[error(
        "the file is longer than {LONGEST} bytes; take out the positions of data/genomics/variants.tsv first"
    )]
    TooLong,
    /// The header does not say the build.
    #[error(
        "the header does not say the genome build (##reference or ##contig with length); GRCh38 is needed"
    )]
    NoBuild,
    /// It is of another build.
    #[error("line {line}: the file is of another genome build ({found}); call the variants on GRCh38 again")]
    OtherBuild {
        /// Line of the header.
        line: usize,
        /// What it says.
        found: String,
    },
    /// It has no or several persons.
    #[error("line {line}: {found} samples; give the file of one person")]
    Samples {
        /// Line of the column names.
        line: usize,
        /// How many.
        found: usize,
    },
    /// A record cannot be read.
    #[error("line {line}: {what}")]
    Record {
        /// Line.
        line: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// The reference is another one than the table's.
    #[error("line {line}: the reference at {place} is not that of GRCh38; is it of another build?")]
    Reference {
        /// Line.
        line: usize,
        /// Chromosome and position.
        place: String,
    },
}

/// Reads the calls of one person.
///
/// # Errors
/// As [`VcfError`] tells; then nothing of the file is used.
pub fn read_vcf(text: &str) -> Result<Calls, VcfError> {
    if !text.starts_with("##fileformat=VCF") {
        return Err(VcfError::NoVcf);
    }
    if text.len() > LONGEST {
        return Err(VcfError::TooLong);
    }
    let mut is_stated = false;
    let mut has_columns = false;
    let mut calls = Calls::default();
    for (line, row) in (1..).zip(text.lines()) {
        if row.starts_with("##") {
            is_stated |= states_build(line, row)?;
        } else if row.starts_with('#') {
            let samples = row.split('\t').count().saturating_sub(9);
            if samples != 1 {
                return Err(VcfError::Samples { line, found: samples });
            }
            if !is_stated {
                return Err(VcfError::NoBuild);
            }
            has_columns = true;
        } else if !row.trim().is_empty() {
            if !has_columns {
                return Err(VcfError::Record {
                    line,
                    what: "a record stands before the line of column names",
                });
            }
            take(&mut calls, line, row)?;
        }
    }
    if has_columns {
        Ok(calls)
    } else {
        Err(VcfError::NoBuild)
    }
}

/// Whether a line of the header says that the build is `GRCh38`.
fn states_build(line: usize, row: &str) -> Result<bool, VcfError> {
    let lower = row.to_ascii_lowercase();
    let other = |found: &str| VcfError::OtherBuild {
        line,
        found: found.to_owned(),
    };
    if lower.starts_with("##reference") || lower.starts_with("##contig") {
        let says = |names: &[&str]| names.iter().any(|name| lower.contains(name));
        if says(&["grch37", "hg19", "b37", "hs37", "grch36", "hg18", "chm13", "t2t"]) {
            return Err(other(row.get(..80).unwrap_or(row)));
        }
        if says(&["grch38", "hg38", "b38", "hs38"]) {
            return Ok(true);
        }
    }
    let Some(fields) = row.strip_prefix("##contig=<") else {
        return Ok(false);
    };
    let field = |name: &str| {
        let mut pairs = fields.trim_end_matches('>').split(',');
        pairs.find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    };
    let (id, length) = (
        field("ID").map(bare),
        field("length").and_then(|text| text.parse::<u64>().ok()),
    );
    for (chromosome, ours, theirs) in LENGTHS {
        if id == Some(chromosome) && length == Some(ours) {
            return Ok(true);
        }
        if id == Some(chromosome) && length.is_some_and(|length| length == theirs || length != ours) {
            return Err(other(row.get(..80).unwrap_or(row)));
        }
    }
    Ok(false)
}

fn bare(chromosome: &str) -> &str {
    chromosome.strip_prefix("chr").unwrap_or(chromosome)
}

/// Takes what a record calls at the positions of the table.
fn take(calls: &mut Calls, line: usize, row: &str) -> Result<(), VcfError> {
    let wrong = |what| VcfError::Record { line, what };
    let mut cells = row.split('\t');
    let mut next = || cells.next();
    let (Some(chromosome), Some(position)) = (next(), next()) else {
        return Err(wrong("has no position"));
    };
    let position: u64 = position.parse().map_err(|_| wrong("the position is no number"))?;
    let (Some(_id), Some(reference), Some(alternatives), Some(_quality), Some(filter)) =
        (next(), next(), next(), next(), next())
    else {
        return Err(wrong("has fewer than ten columns"));
    };
    let (Some(info), Some(format), Some(sample)) = (next(), next(), next()) else {
        return Err(wrong("has fewer than ten columns"));
    };
    let end = info.split(';').find_map(|pair| pair.strip_prefix("END="));
    let end: u64 = end.and_then(|end| end.parse().ok()).unwrap_or(position);
    let covered = variants().iter().filter(|variant| {
        variant.chromosome == bare(chromosome) && (position..=end).contains(&variant.position)
    });
    let record = Record {
        line,
        position,
        reference,
        alternatives,
        is_passed: matches!(filter, "PASS" | "."),
        format,
        sample,
    };
    for variant in covered {
        if let Some(call) = record.call(variant)? {
            calls.0.insert(variant.id.clone(), call);
        }
    }
    Ok(())
}

struct Record<'r> {
    line: usize,
    position: u64,
    reference: &'r str,
    alternatives: &'r str,
    is_passed: bool,
    format: &'r str,
    sample: &'r str,
}

impl Record<'_> {
    /// What the record says of a variant; none where it was not called, did not pass, or is something else.
    fn call(&self, variant: &Variant) -> Result<Option<Call>, VcfError> {
        let field = |name: &str| {
            let place = self.format.split(':').position(|own| own == name)?;
            self.sample.split(':').nth(place)
        };
        let Some(genotype) = field("GT").filter(|_| self.is_passed) else {
            return Ok(None);
        };
        let is_phased = genotype.contains('|');
        let numbers: Vec<Option<usize>> = genotype
            .split(['|', '/'])
            .map(|number| number.parse().ok())
            .collect();
        let [Some(one), Some(other)] = numbers.as_slice() else {
            return Ok(None);
        };
        // A block of the reference over the position; the record's own reference is that of its first base.
        let is_block = (*one, *other) == (0, 0) && self.position != variant.position;
        if is_block || (self.alternatives == "<NON_REF>" && (*one, *other) == (0, 0)) {
            return Ok(Some(called([false; 2], is_phased, 0)));
        }
        if self.position != variant.position {
            return Ok(None);
        }
        let is_same_base = self.reference.get(..1) == variant.reference.get(..1);
        if !is_same_base {
            return Err(VcfError::Reference {
                line: self.line,
                place: format!("{}:{}", variant.chromosome, variant.position),
            });
        }
        let set = field("PS").and_then(|set| set.parse().ok()).unwrap_or(0);
        if (*one, *other) == (0, 0) {
            return Ok(Some(called([false; 2], is_phased, set)));
        }
        let written: Vec<&str> = self.alternatives.split(',').collect();
        let is_ours = |number: usize| match number {
            0 => Some(false),
            // Another change at the place is not ours, and not the reference either.
            number => {
                let alternative = written.get(number - 1)?;
                (self.reference == variant.reference && *alternative == variant.alternative).then_some(true)
            }
        };
        let carried = is_ours(*one).zip(is_ours(*other));
        Ok(carried.map(|(one, other)| called([one, other], is_phased, set)))
    }
}

fn called(carried: [bool; 2], is_phased: bool, set: u64) -> Call {
    Call {
        carried,
        is_phased,
        set,
    }
}
