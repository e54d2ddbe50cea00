//! A linear-chain model over characters for `tsumugi deidentify`: conditional likelihood, steps by Adagrad, features hidden at
//! random so that no few of them carry all.

use super::chance::Chance;
use std::collections::HashMap;
use tsumugi_anonymize::deidentify::{FEATURES, LABELS, ModelParts};

/// A line to learn from.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    /// Features of each character; 0 says nothing.
    pub(crate) features: Vec<[u32; FEATURES]>,
    /// Label of each character.
    pub(crate) labels: Vec<u8>,
}

/// How it is learned.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Options {
    /// Seed of the order of the lines and of what is hidden.
    #[arg(long, default_value_t = 20_261_129)]
    pub(crate) seed: u64,
    /// Rounds over the lines.
    #[arg(long, default_value_t = 12)]
    pub(crate) epochs: u32,
    /// Size of a step.
    #[arg(long, default_value_t = 0.15)]
    pub(crate) step: f32,
    /// Share of features that are hidden.
    #[arg(long, default_value_t = 0.4)]
    pub(crate) hidden: f32,
    /// Strength of the pull of weights to zero.
    #[arg(long, default_value_t = 1e-4)]
    pub(crate) decay: f32,
    /// Features seen less often are left out.
    #[arg(long, default_value_t = 2)]
    pub(crate) least_seen: u32,
    /// Rows whose largest weight is smaller say nothing and are left out, in nats.
    #[arg(long, default_value_t = 0.08)]
    pub(crate) least_weight: f32,
    /// How often each note is told with other names.
    #[arg(long, default_value_t = 8)]
    pub(crate) copies: u32,
    /// Share of these copies, in hundredths, whose names are in kana, half of them with all kana in half width.
    #[arg(long, default_value_t = 0)]
    pub(crate) scripts: u32,
    /// Share of the lines of the corpus, which names nobody, in thousandths.
    #[arg(long, default_value_t = 300)]
    pub(crate) without_names: u32,
}

type Row = [f32; LABELS];
const FORBIDDEN: f32 = -1e4;
/// Weights are written in multiples of this part of a nat.
const UNITS: f32 = 20.0;

struct Learner {
    rows: Vec<Row>,
    squares: Vec<Row>,
    transitions: Vec<Row>,
    transition_squares: Vec<Row>,
}

/// Learns the weights.
pub(crate) fn train(lines: &[Line], options: &Options) -> ModelParts {
    let index = index(lines, options.least_seen);
    let known: Vec<(Vec<Vec<u32>>, &[u8])> = lines
        .iter()
        .filter(|line| !line.labels.is_empty())
        .map(|line| {
            let features = line.features.iter();
            let features =
                features.map(|all| all.iter().filter_map(|hash| index.get(hash).copied()).collect());
            (features.collect(), line.labels.as_slice())
        })
        .collect();
    let mut learner = Learner {
        rows: vec![[0.0; LABELS]; index.len()],
        squares: vec![[1.0; LABELS]; index.len()],
        transitions: (0..=LABELS).map(allowed).collect(),
        transition_squares: vec![[1.0; LABELS]; LABELS + 1],
    };
    let mut sums = vec![[0.0f32; LABELS]; index.len()];
    let mut transition_sums = vec![[0.0f32; LABELS]; LABELS + 1];
    let mut chance = Chance::new(options.seed);
    let mut order: Vec<usize> = (0..known.len()).collect();
    let averaged_from = options.epochs / 2;
    for epoch in 0..options.epochs {
        chance.shuffle(&mut order);
        for at in &order {
            let (features, labels) = &known[*at];
            let shown: Vec<Vec<u32>> = features
                .iter()
                .map(|all| {
                    all.iter()
                        .copied()
                        .filter(|_| chance.unit() >= options.hidden)
                        .collect()
                })
                .collect();
            learner.learn(&shown, labels, 1.0 / (1.0 - options.hidden), options);
        }
        if epoch >= averaged_from {
            add(&mut sums, &learner.rows);
            add(&mut transition_sums, &learner.transitions);
        }
    }
    let rounds = (options.epochs - averaged_from).max(1) as f32;
    parts(&index, &sums, &transition_sums, rounds, options.least_weight)
}

fn add(sums: &mut [Row], rows: &[Row]) {
    for (sums, rows) in sums.iter_mut().zip(rows) {
        for (sum, weight) in sums.iter_mut().zip(rows) {
            *sum += weight;
        }
    }
}

fn index(lines: &[Line], least_seen: u32) -> HashMap<u32, u32> {
    let mut seen: HashMap<u32, u32> = HashMap::new();
    for hash in lines
        .iter()
        .flat_map(|line| line.features.iter().flatten())
        .filter(|hash| **hash != 0)
    {
        *seen.entry(*hash).or_default() += 1;
    }
    let mut kept: Vec<u32> = seen
        .into_iter()
        .filter(|(_, count)| *count >= least_seen)
        .map(|(hash, _)| hash)
        .collect();
    kept.sort_unstable();
    kept.into_iter().zip(0..).collect()
}

/// What may follow a label: an inside follows its begin or inside only.
fn allowed(from: usize) -> Row {
    std::array::from_fn(|to| {
        let is_inside = to > 0 && to % 2 == 0;
        if is_inside && from != to && from + 1 != to {
            FORBIDDEN
        } else {
            0.0
        }
    })
}

impl Learner {
    fn learn(&mut self, features: &[Vec<u32>], labels: &[u8], scale: f32, options: &Options) {
        let emissions: Vec<Row> = features
            .iter()
            .map(|known| {
                let mut sum = [0.0; LABELS];
                for feature in known {
                    for (sum, weight) in sum.iter_mut().zip(&self.rows[*feature as usize]) {
                        *sum += weight * scale;
                    }
                }
                let peak = sum.iter().copied().fold(f32::MIN, f32::max);
                sum.map(|score| (score - peak).exp())
            })
            .collect();
        let moves: Vec<Row> = self.transitions.iter().map(|row| row.map(f32::exp)).collect();
        let (forward, norms) = forward(&emissions, &moves);
        let backward = backward(&emissions, &moves, &norms);
        let mut change = vec![[0.0f32; LABELS]; LABELS + 1];
        for (at, label) in labels.iter().enumerate() {
            let label = *label as usize;
            let before = if at == 0 { LABELS } else { labels[at - 1] as usize };
            change[before][label] -= 1.0;
            let mut gradient: Row = std::array::from_fn(|to| forward[at][to] * backward[at][to]);
            if at == 0 {
                for (change, belief) in change[LABELS].iter_mut().zip(gradient) {
                    *change += belief;
                }
            } else {
                let here: Row = std::array::from_fn(|to| emissions[at][to] * backward[at][to] / norms[at]);
                for (from, belief) in forward[at - 1]
                    .iter()
                    .enumerate()
                    .filter(|(_, belief)| **belief > 1e-6)
                {
                    for to in 0..LABELS {
                        change[from][to] += belief * moves[from][to] * here[to];
                    }
                }
            }
            gradient[label] -= 1.0;
            for feature in &features[at] {
                let feature = *feature as usize;
                step(
                    &mut self.rows[feature],
                    &mut self.squares[feature],
                    &gradient,
                    options.step,
                    options.decay,
                );
            }
        }
        for (from, mut gradient) in change.into_iter().enumerate() {
            for (gradient, weight) in gradient.iter_mut().zip(&self.transitions[from]) {
                if *weight <= FORBIDDEN / 2.0 {
                    *gradient = 0.0;
                }
            }
            step(
                &mut self.transitions[from],
                &mut self.transition_squares[from],
                &gradient,
                options.step,
                0.0,
            );
        }
    }
}

fn step(weights: &mut Row, squares: &mut Row, gradient: &Row, size: f32, decay: f32) {
    for ((weight, square), gradient) in weights.iter_mut().zip(squares).zip(gradient) {
        if gradient.abs() > 1e-5 {
            let gradient = gradient + decay * *weight;
            *square += gradient * gradient;
            *weight -= size * gradient / square.sqrt();
        }
    }
}

fn forward(emissions: &[Row], moves: &[Row]) -> (Vec<Row>, Vec<f32>) {
    let mut beliefs: Vec<Row> = Vec::with_capacity(emissions.len());
    let mut norms = Vec::with_capacity(emissions.len());
    for emission in emissions {
        let mut row: Row = match beliefs.last() {
            None => moves[LABELS],
            Some(before) => {
                let mut row = [0.0; LABELS];
                for (belief, go) in before.iter().zip(moves).filter(|(belief, _)| **belief > 1e-9) {
                    for (sum, go) in row.iter_mut().zip(go) {
                        *sum += belief * go;
                    }
                }
                row
            }
        };
        for (belief, emission) in row.iter_mut().zip(emission) {
            *belief *= emission;
        }
        let norm = row.iter().sum::<f32>().max(1e-30);
        beliefs.push(row.map(|belief| belief / norm));
        norms.push(norm);
    }
    (beliefs, norms)
}

fn backward(emissions: &[Row], moves: &[Row], norms: &[f32]) -> Vec<Row> {
    let mut beliefs = vec![[1.0; LABELS]; emissions.len()];
    for at in (0..emissions.len().saturating_sub(1)).rev() {
        let next: Row = std::array::from_fn(|to| emissions[at + 1][to] * beliefs[at + 1][to] / norms[at + 1]);
        beliefs[at] =
            std::array::from_fn(|from| moves[from].iter().zip(next).map(|(go, next)| go * next).sum());
    }
    beliefs
}

fn parts(
    index: &HashMap<u32, u32>,
    sums: &[Row],
    transitions: &[Row],
    rounds: f32,
    least: f32,
) -> ModelParts {
    let mut hashes: Vec<(u32, u32)> = index.iter().map(|(hash, at)| (*hash, *at)).collect();
    hashes.sort_unstable();
    let rows = hashes.into_iter().filter_map(|(hash, at)| {
        let row = sums[at as usize].map(|sum| sum / rounds);
        let most = row.iter().fold(0.0f32, |most, weight| most.max(weight.abs()));
        let written = || row.map(|weight| (weight * UNITS).round().clamp(-127.0, 127.0) as i8);
        (most >= least).then(|| (hash, written()))
    });
    let transitions = transitions.iter().map(|row| {
        row.map(|sum| match sum / rounds {
            weight if weight <= FORBIDDEN / 2.0 => i16::MIN,
            weight => (weight * UNITS).round().clamp(-30_000.0, 30_000.0) as i16,
        })
    });
    ModelParts {
        transitions: transitions.collect(),
        rows: rows.collect(),
    }
}
