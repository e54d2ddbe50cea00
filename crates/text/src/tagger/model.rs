//! The weights of the tagger, and the file that holds them.
//!
//! Little-endian: magic `TSUMTAG1`; `u32` number of rows, bits of the table, number of classifiers; transitions from every
//! label (and from the start) to every label, `i16`; the table in buckets of four, `u32` each (row plus one in the upper 20
//! bits, the lower 12 bits of the feature's hash below; 0 is empty; the upper bits of the hash name the bucket); the
//! rows, `i8` per label. All weights are multiples of one unit, so that integers are added. A classifier has the same table and
//! rows behind its number of classes.

use super::features::BIAS;
use tsumugi_clinical::Tag;

/// Labels: outside, then begin and inside of each tag.
pub const LABELS: usize = 25;
/// Weights of a row, labels padded to a cache line.
pub(crate) const ROW: usize = 32;
const MAGIC: &[u8; 8] = b"TSUMTAG1";
/// Places of a bucket; a feature that finds them all taken is left out.
const BUCKET: usize = 4;
const HASH_MARK: u32 = 0xFFF;
const ROW_SHIFT: u32 = 12;
/// Classes of a classifier, padded.
pub const CLASSES: usize = 8;

const TAGS: [Tag; 12] = [
    Tag::Disease,
    Tag::Anatomy,
    Tag::Feature,
    Tag::Change,
    Tag::Timex,
    Tag::TestName,
    Tag::TestKey,
    Tag::TestValue,
    Tag::DrugName,
    Tag::DrugValue,
    Tag::Remedy,
    Tag::Context,
];

/// Why a file of weights cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// It is no file of weights, or one of another version.
    #[error("no file of weights of this version; make it anew with cargo xtask train")]
    Magic,
    /// It ends too early.
    #[error("the file of weights is cut off; make it anew with cargo xtask train")]
    Short,
}

/// The labels that begin and continue an entity of a tag; none for tags that are not learned.
pub fn tag_labels(tag: Tag) -> Option<(u8, u8)> {
    let place = TAGS.iter().position(|known| *known == tag)? as u8;
    Some((1 + 2 * place, 2 + 2 * place))
}

/// The tag of a label, and whether it begins an entity.
pub(crate) fn label_tag(label: u8) -> Option<(Tag, bool)> {
    let place = label.checked_sub(1)?;
    TAGS.get(place as usize / 2).map(|tag| (*tag, place % 2 == 0))
}

/// Weights, ready to be asked.
pub struct Tagger {
    /// From the label before (the last row: from the start) to the label.
    pub(crate) transitions: Vec<[i16; ROW]>,
    /// By how much the second label can at most gain on the first in one step, by the first, then the second.
    pub(crate) gains: Vec<[i16; ROW]>,
    pub(crate) weights: Weights<ROW>,
    pub(crate) classifiers: Vec<Weights<CLASSES>>,
}

impl std::fmt::Debug for Tagger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tagger({} features)", self.weights.rows.len())
    }
}

/// Rows of weights, found by the hash of their feature.
#[derive(Default)]
pub(crate) struct Weights<const N: usize> {
    table: Vec<[u32; BUCKET]>,
    shift: u32,
    /// The first row is of features that nobody knows, and all zero.
    rows: Vec<Aligned<N>>,
}

/// A row that never lies in two lines of the cache.
#[derive(Debug, Clone, Copy)]
#[repr(align(32))]
struct Aligned<const N: usize>([i8; N]);

/// Number of classes, features with their weights.
pub type ClassifierParts = (u32, Vec<(u32, [i8; CLASSES])>);

/// What a model is made of, before it is written: weights in units, features by their hash.
#[derive(Debug, Default)]
pub struct TaggerParts {
    /// `LABELS + 1` rows of `LABELS` transitions.
    pub transitions: Vec<[i16; LABELS]>,
    /// Features with their weights.
    pub rows: Vec<(u32, [i8; LABELS])>,
    /// Classifiers, in the order of their numbers.
    pub classifiers: Vec<ClassifierParts>,
}

impl TaggerParts {
    /// The bytes of the file.
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::from(*MAGIC);
        word(&mut out, self.classifiers.len() as u32);
        for row in &self.transitions {
            out.extend(row.iter().flat_map(|weight| weight.to_le_bytes()));
        }
        rows(&mut out, &self.rows);
        for (classes, weights) in &self.classifiers {
            word(&mut out, *classes);
            rows(&mut out, weights);
        }
        out
    }
}

fn word(out: &mut Vec<u8>, value: u32) {
    out.extend(value.to_le_bytes());
}

fn rows<const N: usize>(out: &mut Vec<u8>, rows: &[(u32, [i8; N])]) {
    let bits = (rows.len() * 3 / 4).max(2).next_power_of_two().trailing_zeros();
    let mut table = vec![[0u32; BUCKET]; 1 << bits];
    let mut kept = Vec::new();
    for (hash, row) in rows {
        let bucket = table.get_mut((hash >> (u32::BITS - bits)) as usize);
        if let Some(place) = bucket.and_then(|bucket| bucket.iter_mut().find(|place| **place == 0)) {
            kept.push(row);
            *place = (kept.len() as u32) << ROW_SHIFT | hash & HASH_MARK;
        }
    }
    word(out, kept.len() as u32);
    word(out, bits);
    for entry in table.iter().flatten() {
        word(out, *entry);
    }
    for row in kept {
        out.extend(row.iter().map(|weight| weight.cast_unsigned()));
    }
}

impl Tagger {
    /// Reads the bytes of a file.
    pub fn load(bytes: &[u8]) -> Result<Self, ModelError> {
        let mut rest = bytes.strip_prefix(MAGIC).ok_or(ModelError::Magic)?;
        let classifiers = take_word(&mut rest)?;
        let mut transitions = Vec::with_capacity(LABELS + 1);
        for _ in 0..=LABELS {
            let mut row = [i16::MIN; ROW];
            for weight in row.iter_mut().take(LABELS) {
                let (pair, behind) = rest.split_first_chunk::<2>().ok_or(ModelError::Short)?;
                rest = behind;
                *weight = i16::from_le_bytes(*pair);
            }
            transitions.push(row);
        }
        let weights = Weights::take(&mut rest, LABELS)?;
        let classifiers = (0..classifiers)
            .map(|_| {
                take_word(&mut rest)?;
                Weights::take(&mut rest, CLASSES)
            })
            .collect::<Result<_, _>>()?;
        add_bias(&mut transitions, &weights);
        Ok(Self {
            gains: gains(&transitions),
            transitions,
            weights,
            classifiers,
        })
    }
}

/// What speaks for a label at every token alike is part of the way to it.
fn add_bias(transitions: &mut [[i16; ROW]], weights: &Weights<ROW>) {
    let bias = weights.row(weights.place(BIAS));
    for row in transitions {
        for (weight, bias) in row.iter_mut().zip(bias).filter(|(weight, _)| **weight > i16::MIN) {
            *weight = weight.saturating_add(i16::from(*bias));
        }
    }
}

fn gains(transitions: &[[i16; ROW]]) -> Vec<[i16; ROW]> {
    let most = |from: &[i16; ROW], to: &[i16; ROW]| {
        let steps = from.iter().zip(to).take(LABELS);
        steps.map(|(from, to)| to.saturating_sub(*from)).max()
    };
    let of = |from: &[i16; ROW]| {
        let mut row = [0; ROW];
        for (gain, to) in row.iter_mut().zip(transitions) {
            *gain = most(from, to).unwrap_or(i16::MAX);
        }
        row
    };
    transitions.iter().map(of).collect()
}

fn take_word(rest: &mut &[u8]) -> Result<u32, ModelError> {
    let (bytes, behind) = rest.split_first_chunk::<4>().ok_or(ModelError::Short)?;
    *rest = behind;
    Ok(u32::from_le_bytes(*bytes))
}

impl<const N: usize> Weights<N> {
    fn take(rest: &mut &[u8], width: usize) -> Result<Self, ModelError> {
        const MOST_BITS: u32 = 24;
        let count = take_word(rest)? as usize;
        let bits = take_word(rest)?;
        if !(1..=MOST_BITS).contains(&bits) {
            return Err(ModelError::Short);
        }
        let mut table = vec![[0; BUCKET]; 1 << bits];
        for entry in table.iter_mut().flatten() {
            *entry = take_word(rest)?;
            if (*entry >> ROW_SHIFT) as usize > count {
                return Err(ModelError::Short);
            }
        }
        let (bytes, behind) = rest.split_at_checked(count * width).ok_or(ModelError::Short)?;
        *rest = behind;
        let mut rows = vec![Aligned([0; N]); count + 1];
        for (row, chunk) in rows.iter_mut().skip(1).zip(bytes.chunks_exact(width)) {
            for (weight, byte) in row.0.iter_mut().zip(chunk) {
                *weight = byte.cast_signed();
            }
        }
        Ok(Self {
            table,
            shift: u32::BITS - bits,
            rows,
        })
    }

    /// Where the weights of a feature lie; the first row when nobody knows it. No branch depends on whether it is known:
    /// half of the features of a text are not, and nobody can predict which.
    pub(crate) fn place(&self, hash: u32) -> u32 {
        let Some(bucket) = self.table.get((hash >> self.shift) as usize) else {
            return 0;
        };
        let mut row = 0;
        for entry in bucket {
            let is_this = entry & HASH_MARK == hash & HASH_MARK;
            row |= if is_this { entry >> ROW_SHIFT } else { 0 };
        }
        row
    }

    /// The weights at a place.
    pub(crate) fn row(&self, place: u32) -> &[i8; N] {
        const ZERO: usize = 0;
        self.rows
            .get(place as usize)
            .or_else(|| self.rows.get(ZERO))
            .map_or(&[0; N], |row| &row.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let parts = TaggerParts {
            transitions: vec![[-3; LABELS]; LABELS + 1],
            rows: vec![(0x1234_5678, [7; LABELS]), (0x1234_5999, [-9; LABELS])],
            classifiers: vec![(4, vec![(42, [1; CLASSES])])],
        };
        let tagger = Tagger::load(&parts.bytes()).unwrap();
        assert_eq!(tagger.weights.row(tagger.weights.place(0x1234_5678))[0], 7);
        assert_eq!(tagger.weights.row(tagger.weights.place(0x1234_5999))[24], -9);
        assert_eq!(tagger.weights.place(0x9234_5999), 0);
        assert_eq!(tagger.weights.row(0), &[0; ROW]);
        assert_eq!(tagger.classifiers[0].row(tagger.classifiers[0].place(42))[0], 1);
        assert_eq!(tagger.transitions[25][0], -3);
    }

    #[test]
    fn a_broken_file_is_refused() {
        let bytes = TaggerParts {
            transitions: vec![[0; LABELS]; LABELS + 1],
            ..TaggerParts::default()
        }
        .bytes();
        assert_eq!(Tagger::load(b"nonsense").err(), Some(ModelError::Magic));
        let cut = &bytes[..bytes.len() - 1];
        assert!(Tagger::load(&bytes).is_ok());
        assert_eq!(Tagger::load(cut).err(), Some(ModelError::Short));
    }

    #[test]
    fn labels_name_tags() {
        for tag in TAGS {
            let (begin, inside) = tag_labels(tag).unwrap();
            assert_eq!(label_tag(begin), Some((tag, true)));
            assert_eq!(label_tag(inside), Some((tag, false)));
        }
        assert_eq!(label_tag(0), None);
    }
}
