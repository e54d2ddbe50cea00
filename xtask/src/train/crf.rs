//! A linear-chain conditional random field, learned by stochastic gradients with a step of its own for every weight
//! (`AdaGrad`; Duchi, Hazan and Singer 2011).

use super::{Args, Sentence};
use std::collections::BTreeMap;
use std::collections::HashMap;
use tsumugi_text::{LABELS, TaggerParts};

const FORBIDDEN: f32 = -40.0;

type Row = [f32; LABELS];

/// Weights while they are learned, with the sum of the squares of their gradients.
struct Learner {
    rows: Vec<Row>,
    squares: Vec<Row>,
    transitions: Vec<Row>,
    transition_squares: Vec<Row>,
    decay: f32,
    step: f32,
}

/// Learns the weights.
pub(crate) fn train(sentences: &[Sentence], args: &Args) -> TaggerParts {
    let epochs = args.epochs;
    let index = features(sentences, args);
    let known: Vec<Vec<Vec<u32>>> = sentences
        .iter()
        .map(|sentence| {
            sentence
                .features
                .iter()
                .map(|token| token.iter().filter_map(|hash| index.get(hash).copied()).collect())
                .collect()
        })
        .collect();
    let mut learner = Learner {
        rows: vec![[0.0; LABELS]; index.len()],
        squares: vec![[0.0; LABELS]; index.len()],
        transitions: allowed(),
        transition_squares: vec![[0.0; LABELS]; LABELS + 1],
        decay: args.decay,
        step: args.step,
    };
    let mut order: Vec<usize> = (0..sentences.len()).collect();
    let mut random = args.seed;
    // The mean of the weights over the later rounds depends less on the order of the sentences than the last ones do.
    let mut sums = vec![[0.0f32; LABELS]; index.len()];
    let mut transition_sums = vec![[0.0f32; LABELS]; LABELS + 1];
    let averaged_from = epochs / 2;
    for epoch in 0..epochs {
        shuffle(&mut order, &mut random);
        let mut loss = 0.0;
        for at in &order {
            if let (Some(sentence), Some(features)) = (sentences.get(*at), known.get(*at)) {
                let shown = shown(features, args.hidden, &mut random);
                loss += learner.learn(&shown, &sentence.labels);
            }
        }
        println!("round {}: loss {loss:.0}", epoch + 1);
        if epoch >= averaged_from {
            add(&mut sums, &learner.rows);
            add(&mut transition_sums, &learner.transitions);
        }
    }
    let rounds = (epochs - averaged_from) as f32;
    let mut counts = vec![0u32; index.len()];
    for feature in known.iter().flatten().flatten() {
        counts[*feature as usize] += 1;
    }
    write(
        &index,
        &counts,
        &sums,
        &transition_sums,
        rounds,
        args.least_weight,
    )
}

fn add(sums: &mut [Row], rows: &[Row]) {
    for (sum, row) in sums.iter_mut().zip(rows) {
        for (sum, weight) in sum.iter_mut().zip(row) {
            *sum += weight;
        }
    }
}

/// Features that are seen often enough, numbered in the order of their hashes.
fn features(sentences: &[Sentence], args: &Args) -> HashMap<u32, u32> {
    let mut seen: BTreeMap<u32, u32> = BTreeMap::new();
    for token in sentences.iter().flat_map(|sentence| &sentence.features) {
        let kept = token
            .iter()
            .enumerate()
            .filter(|(kind, _)| !args.without.contains(kind));
        for (_, hash) in kept {
            *seen.entry(*hash).or_default() += 1;
        }
    }
    let often = seen.into_iter().filter(|(_, count)| *count >= args.least_seen);
    (0..).zip(often).map(|(index, (hash, _))| (hash, index)).collect()
}

/// Inside follows only begin or inside of the same tag.
fn allowed() -> Vec<Row> {
    (0..=LABELS)
        .map(|from| {
            let mut row = [0.0; LABELS];
            for (to, weight) in row.iter_mut().enumerate() {
                let is_inside = to > 0 && to % 2 == 0;
                let continues = from < LABELS && (from == to || from + 1 == to);
                if is_inside && !continues {
                    *weight = FORBIDDEN;
                }
            }
            row
        })
        .collect()
}

/// Splitmix64.
fn next(random: &mut u64) -> u64 {
    *random = random.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *random;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

pub(crate) fn shuffle<T>(list: &mut [T], random: &mut u64) {
    for place in (1..list.len()).rev() {
        let other = (next(random) % (place as u64 + 1)) as usize;
        list.swap(place, other);
    }
}

/// The features that a step sees.
fn shown(features: &[Vec<u32>], hidden: f32, random: &mut u64) -> Vec<Vec<u32>> {
    const PARTS: u64 = 1000;
    let most = (hidden * PARTS as f32)
        .round()
        .clamp(0.0, PARTS as f32)
        .to_string()
        .parse()
        .unwrap_or(0);
    let mut keep = |_: &&u32| next(random) % PARTS >= most;
    features
        .iter()
        .map(|token| {
            if most == 0 {
                token.clone()
            } else {
                token.iter().filter(&mut keep).copied().collect()
            }
        })
        .collect()
}

impl Learner {
    /// One step on one sentence; gives its loss.
    fn learn(&mut self, features: &[Vec<u32>], labels: &[u8]) -> f32 {
        let length = features.len();
        if length == 0 {
            return 0.0;
        }
        let emissions: Vec<Row> = features.iter().map(|token| self.emission(token)).collect();
        let moves: Vec<Row> = self.transitions.iter().map(|row| row.map(f32::exp)).collect();
        let (forward, norm, peaks) = forward(&emissions, &moves);
        let backward = backward(&emissions, &moves, &norm, &peaks);
        let mut loss = norm.iter().map(|norm| norm.ln()).sum::<f32>() + peaks.iter().sum::<f32>();
        let mut change = vec![[0.0f32; LABELS]; LABELS + 1];
        for at in 0..length {
            let label = labels[at] as usize;
            loss -= emissions[at][label];
            let before = if at == 0 { LABELS } else { labels[at - 1] as usize };
            loss -= self.transitions[before][label];
            change[before][label] -= 1.0;
            let mut gradient: Row = std::array::from_fn(|label| forward[at][label] * backward[at][label]);
            if at == 0 {
                for (change, belief) in change[LABELS].iter_mut().zip(gradient) {
                    *change += belief;
                }
            } else {
                expect(
                    &mut change,
                    &forward[at - 1],
                    &emissions[at],
                    &backward[at],
                    norm[at],
                    peaks[at],
                    &moves,
                );
            }
            gradient[label] -= 1.0;
            for feature in &features[at] {
                let index = *feature as usize;
                step(
                    &mut self.rows[index],
                    &mut self.squares[index],
                    &gradient,
                    (self.step, self.decay),
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
                (self.step, 0.0),
            );
        }
        loss
    }

    fn emission(&self, token: &[u32]) -> Row {
        let mut sum = [0.0; LABELS];
        for feature in token {
            for (sum, weight) in sum.iter_mut().zip(&self.rows[*feature as usize]) {
                *sum += weight;
            }
        }
        sum
    }
}

/// Adds the expected number of each transition at a token.
fn expect(
    change: &mut [Row],
    before: &Row,
    emission: &Row,
    backward: &Row,
    norm: f32,
    peak: f32,
    moves: &[Row],
) {
    let here: Row = std::array::from_fn(|to| (emission[to] - peak).exp() * backward[to] / norm);
    for (from, belief) in before.iter().enumerate().take(LABELS) {
        if *belief > 1e-8 {
            for ((change, go), here) in change[from].iter_mut().zip(&moves[from]).zip(here) {
                *change += belief * go * here;
            }
        }
    }
}

fn step(weights: &mut Row, squares: &mut Row, gradient: &Row, (size, decay): (f32, f32)) {
    for ((weight, square), gradient) in weights.iter_mut().zip(squares).zip(gradient) {
        let gradient = gradient + decay * *weight;
        if gradient.abs() > 1e-7 {
            *square += gradient * gradient;
            *weight -= size * gradient / (square.sqrt() + 1e-6);
        }
    }
}

/// Forward beliefs, normed at every token; the norms, and the peaks of the emissions that were taken out.
fn forward(emissions: &[Row], moves: &[Row]) -> (Vec<Row>, Vec<f32>, Vec<f32>) {
    let mut beliefs: Vec<Row> = Vec::with_capacity(emissions.len());
    let (mut norms, mut peaks) = (Vec::new(), Vec::new());
    for emission in emissions {
        let peak = emission.iter().copied().fold(f32::MIN, f32::max);
        let mut row: Row = match beliefs.last() {
            None => moves[LABELS],
            Some(before) => {
                let mut row = [0.0; LABELS];
                for (belief, go) in before.iter().zip(moves) {
                    for (sum, go) in row.iter_mut().zip(go) {
                        *sum += belief * go;
                    }
                }
                row
            }
        };
        for (belief, emission) in row.iter_mut().zip(emission) {
            *belief *= (emission - peak).exp();
        }
        let norm: f32 = row.iter().sum::<f32>().max(1e-30);
        beliefs.push(row.map(|belief| belief / norm));
        norms.push(norm);
        peaks.push(peak);
    }
    (beliefs, norms, peaks)
}

fn backward(emissions: &[Row], moves: &[Row], norms: &[f32], peaks: &[f32]) -> Vec<Row> {
    let length = emissions.len();
    let mut beliefs = vec![[1.0; LABELS]; length];
    for at in (0..length - 1).rev() {
        let next: Row = std::array::from_fn(|to| {
            (emissions[at + 1][to] - peaks[at + 1]).exp() * beliefs[at + 1][to] / norms[at + 1]
        });
        beliefs[at] =
            std::array::from_fn(|from| moves[from].iter().zip(next).map(|(go, next)| go * next).sum());
    }
    beliefs
}

/// Weights in units that fit a byte; rows without weight are left out. What is seen often stands in front, so that the rows
/// a text asks for lie together.
fn write(
    index: &HashMap<u32, u32>,
    counts: &[u32],
    sums: &[Row],
    transitions: &[Row],
    rounds: f32,
    least: f32,
) -> TaggerParts {
    let mut hashes: Vec<(u32, u32)> = index.iter().map(|(hash, at)| (*hash, *at)).collect();
    hashes.sort_unstable_by_key(|(hash, at)| (std::cmp::Reverse(counts[*at as usize]), *hash));
    let largest = sums
        .iter()
        .flatten()
        .fold(0.0f32, |most, sum| most.max((sum / rounds).abs()))
        .clamp(0.1, 6.0);
    let unit = largest / 127.0;
    let rows = hashes
        .into_iter()
        .filter_map(|(hash, at)| {
            let row = sums[at as usize].map(|sum| sum / rounds);
            let most = row.iter().fold(0.0f32, |most, weight| most.max(weight.abs()));
            (most >= least).then(|| {
                (
                    hash,
                    row.map(|weight| (weight / unit).round().clamp(-127.0, 127.0) as i8),
                )
            })
        })
        .collect();
    let transitions = transitions
        .iter()
        .map(|row| {
            row.map(|sum| match sum / rounds {
                weight if weight <= FORBIDDEN / 2.0 => i16::MIN,
                weight => (weight / unit).round() as i16,
            })
        })
        .collect();
    TaggerParts {
        transitions,
        rows,
        classifiers: Vec::new(),
    }
}
