//! The weights of the model, the file that holds them, and the best sequence of labels.
//!
//! Little-endian: magic `TSUMDEI1`; `u32` number of rows; transitions from every label (and from the start) to every
//! label, `i16`; the hashes of the features, `u32` each; the rows, `i8` per label. All weights are multiples of one unit.

use super::features::FEATURES;

/// Labels: outside, then begin and inside of each kind.
pub const LABELS: usize = 19;
const MAGIC: &[u8; 8] = b"TSUMDEI1";
/// Places that are looked at for a feature.
const PROBES: usize = 8;
/// What no sequence may do.
const FORBIDDEN: i32 = -1_000_000;

/// Why a file of weights cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// It is no file of weights, or one of another version.
    #[error("no file of weights of this version; make it anew with cargo xtask train-deid")]
    Magic,
    /// It ends too early, or goes on too long.
    #[error("the file of weights is cut off; make it anew with cargo xtask train-deid")]
    Length,
}

/// What a model is made of, before it is written.
#[derive(Debug, Clone, Default)]
pub struct ModelParts {
    /// `LABELS + 1` rows of `LABELS` transitions; the last are from the start.
    pub transitions: Vec<[i16; LABELS]>,
    /// Features by their hash, with their weights.
    pub rows: Vec<(u32, [i8; LABELS])>,
}

impl ModelParts {
    /// The bytes of the file.
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::from(*MAGIC);
        out.extend((self.rows.len() as u32).to_le_bytes());
        for weight in self.transitions.iter().flatten() {
            out.extend(weight.to_le_bytes());
        }
        for (hash, _) in &self.rows {
            out.extend(hash.to_le_bytes());
        }
        for weight in self.rows.iter().flat_map(|(_, row)| row) {
            out.push(weight.cast_unsigned());
        }
        out
    }
}

/// Weights, ready to be asked.
pub struct Model {
    transitions: Vec<[i32; LABELS]>,
    keys: Vec<u32>,
    rows: Vec<[i8; LABELS]>,
    shift: u32,
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Model({} places)", self.keys.len())
    }
}

/// Scores of the labels of a character.
pub(crate) type Scores = [i32; LABELS];

impl Model {
    /// Reads the bytes of a file.
    pub fn load(bytes: &[u8]) -> Result<Self, ModelError> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(ModelError::Magic)?;
        let (count, rest) = rest.split_first_chunk::<4>().ok_or(ModelError::Length)?;
        let count = u32::from_le_bytes(*count) as usize;
        let width = LABELS * (LABELS + 1) * 2;
        let (transitions, rest) = rest.split_at_checked(width).ok_or(ModelError::Length)?;
        let (hashes, rows) = rest
            .split_at_checked(count.checked_mul(4).ok_or(ModelError::Length)?)
            .ok_or(ModelError::Length)?;
        if rows.len() != count * LABELS {
            return Err(ModelError::Length);
        }
        let mut model = Self::empty(count);
        for (row, chunk) in model
            .transitions
            .iter_mut()
            .zip(transitions.chunks_exact(LABELS * 2))
        {
            for (weight, pair) in row.iter_mut().zip(chunk.chunks_exact(2)) {
                if let [low, high] = pair {
                    let value = i16::from_le_bytes([*low, *high]);
                    *weight = if value == i16::MIN {
                        FORBIDDEN
                    } else {
                        i32::from(value)
                    };
                }
            }
        }
        for (hash, row) in hashes.chunks_exact(4).zip(rows.chunks_exact(LABELS)) {
            if let [a, b, c, d] = hash {
                let weights =
                    std::array::from_fn(|label| row.get(label).map_or(0, |byte| byte.cast_signed()));
                model.insert(u32::from_le_bytes([*a, *b, *c, *d]), weights);
            }
        }
        Ok(model)
    }

    fn empty(count: usize) -> Self {
        let bits = (count * 2).max(64).next_power_of_two().trailing_zeros().min(24);
        Self {
            transitions: vec![[0; LABELS]; LABELS + 1],
            keys: vec![0; (1 << bits) + PROBES],
            rows: vec![[0; LABELS]; (1 << bits) + PROBES],
            shift: u32::BITS - bits,
        }
    }

    /// A feature that finds its places taken is left out.
    fn insert(&mut self, hash: u32, weights: [i8; LABELS]) {
        let first = (hash >> self.shift) as usize;
        let places = self.keys.iter_mut().zip(&mut self.rows).skip(first).take(PROBES);
        for (key, row) in places {
            if *key == 0 || *key == hash {
                *key = hash;
                *row = weights;
                return;
            }
        }
    }

    fn row(&self, hash: u32) -> Option<&[i8; LABELS]> {
        let first = (hash >> self.shift) as usize;
        let keys = self.keys.get(first..first + PROBES)?;
        for (offset, key) in keys.iter().enumerate() {
            if *key == hash {
                return self.rows.get(first + offset);
            }
            if *key == 0 {
                return None;
            }
        }
        None
    }

    /// Adds up the weights of a character's features.
    pub(crate) fn emission(&self, features: &[u32; FEATURES]) -> Scores {
        let mut sum = [0; LABELS];
        for hash in features.iter().filter(|hash| **hash != 0) {
            if let Some(row) = self.row(*hash) {
                for (sum, weight) in sum.iter_mut().zip(row) {
                    *sum += i32::from(*weight);
                }
            }
        }
        sum
    }

    /// The best labels of a line. `outside` is taken from the score of being outside: the higher, the more is found.
    pub(crate) fn decode(&self, emissions: &[Scores], outside: i32, labels: &mut Vec<u8>) {
        labels.clear();
        let mut from: Vec<[u8; LABELS]> = Vec::with_capacity(emissions.len());
        let mut scores: Scores = [0; LABELS];
        for (at, emission) in emissions.iter().enumerate() {
            let (mut best, origin) = if at == 0 {
                (
                    self.transitions.last().copied().unwrap_or([0; LABELS]),
                    [0; LABELS],
                )
            } else {
                self.step(&scores)
            };
            for (score, weight) in best.iter_mut().zip(emission) {
                *score += weight;
            }
            if let Some(first) = best.first_mut() {
                *first -= outside;
            }
            let peak = best.iter().copied().max().unwrap_or(0);
            scores = best.map(|score| (score - peak).max(FORBIDDEN));
            from.push(origin);
        }
        let last = (0u8..).zip(scores).max_by_key(|(_, score)| *score);
        let Some((mut label, _)) = last.filter(|_| !emissions.is_empty()) else {
            return;
        };
        labels.push(label);
        for origin in from.iter().skip(1).rev() {
            label = origin.get(label as usize).copied().unwrap_or(0);
            labels.push(label);
        }
        labels.reverse();
    }

    fn step(&self, scores: &Scores) -> (Scores, [u8; LABELS]) {
        let mut best = [i32::MIN / 2; LABELS];
        let mut origin = [0u8; LABELS];
        for ((label, score), row) in (0u8..).zip(scores).zip(&self.transitions) {
            if *score <= FORBIDDEN / 2 {
                continue;
            }
            for ((best, origin), weight) in best.iter_mut().zip(&mut origin).zip(row) {
                let reached = score + weight;
                if reached > *best {
                    *best = reached;
                    *origin = label;
                }
            }
        }
        (best, origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts() -> ModelParts {
        let mut transitions = vec![[0; LABELS]; LABELS + 1];
        // Inside of a kind follows its begin or inside only.
        for (from, row) in transitions.iter_mut().enumerate() {
            for kind in 0..LABELS / 2 {
                if from != 1 + 2 * kind && from != 2 + 2 * kind {
                    row[2 + 2 * kind] = i16::MIN;
                }
            }
        }
        let mut begin = [0; LABELS];
        begin[1] = 9;
        let mut inside = [0; LABELS];
        inside[2] = 9;
        ModelParts {
            transitions,
            rows: vec![(7 << 24, begin), (9 << 24 | 1, inside)],
        }
    }

    #[test]
    fn what_is_written_is_read_again_and_decoded() {
        let model = Model::load(&parts().bytes()).unwrap();
        let features = |hash| {
            let mut features = [0; FEATURES];
            features[3] = hash;
            model.emission(&features)
        };
        let emissions = [
            features(9 << 24 | 1),
            features(7 << 24),
            features(9 << 24 | 1),
            features(5),
        ];
        let mut labels = Vec::new();
        model.decode(&emissions, 0, &mut labels);
        assert_eq!(labels[1..3], [1, 2], "{labels:?}");
        assert_ne!(labels[0], 2, "nothing begins inside");
        model.decode(&[], 0, &mut labels);
        assert!(labels.is_empty());
    }

    #[test]
    fn a_broken_file_is_refused() {
        let bytes = parts().bytes();
        assert_eq!(Model::load(b"nonsense").err(), Some(ModelError::Magic));
        assert_eq!(
            Model::load(&bytes[..bytes.len() - 1]).err(),
            Some(ModelError::Length)
        );
        assert_eq!(
            Model::load(&[bytes, vec![0]].concat()).err(),
            Some(ModelError::Length)
        );
    }
}
