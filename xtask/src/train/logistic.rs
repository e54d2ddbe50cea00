//! Multinomial logistic regression, learned as the sequence model is.

use super::crf::shuffle;
use std::collections::{BTreeMap, HashMap};
use tsumugi_text::CLASSES;

const WIDTH: usize = CLASSES;
const EPOCHS: u32 = 12;
const LEAST_SEEN: u32 = 2;
const LEAST_WEIGHT: f32 = 0.03;
const STEP: f32 = 0.12;
const DECAY: f32 = 1e-4;

/// A mention with its class.
pub(crate) struct Example {
    pub(crate) features: Vec<u32>,
    pub(crate) class: usize,
}

/// Learns the weights.
pub(crate) fn train(examples: &[Example], classes: usize, seed: u64) -> Vec<(u32, [i8; WIDTH])> {
    let mut seen: BTreeMap<u32, u32> = BTreeMap::new();
    for hash in examples.iter().flat_map(|example| &example.features) {
        *seen.entry(*hash).or_default() += 1;
    }
    let hashes: Vec<u32> = seen
        .into_iter()
        .filter(|(_, count)| *count >= LEAST_SEEN)
        .map(|(hash, _)| hash)
        .collect();
    let index: HashMap<u32, usize> = (0..).zip(&hashes).map(|(at, hash)| (*hash, at)).collect();
    let mut rows = vec![[0.0f32; WIDTH]; hashes.len()];
    let mut squares = rows.clone();
    let mut sums = rows.clone();
    let mut order: Vec<usize> = (0..examples.len()).collect();
    let mut random = seed;
    for epoch in 0..EPOCHS {
        shuffle(&mut order, &mut random);
        for at in &order {
            let example = &examples[*at];
            let known: Vec<usize> = example
                .features
                .iter()
                .filter_map(|hash| index.get(hash).copied())
                .collect();
            let mut beliefs = [0.0f32; WIDTH];
            for row in &known {
                for (sum, weight) in beliefs.iter_mut().zip(&rows[*row]) {
                    *sum += weight;
                }
            }
            let peak = beliefs.iter().take(classes).copied().fold(f32::MIN, f32::max);
            let mut gradient = beliefs.map(|belief| (belief - peak).exp());
            let norm: f32 = gradient.iter().take(classes).sum();
            for belief in &mut gradient {
                *belief /= norm;
            }
            gradient[example.class] -= 1.0;
            for row in known {
                let weights = rows[row].iter_mut().zip(&mut squares[row]).zip(&gradient);
                for ((weight, square), gradient) in weights.take(classes) {
                    let gradient = gradient + DECAY * *weight;
                    *square += gradient * gradient;
                    *weight -= STEP * gradient / (square.sqrt() + 1e-6);
                }
            }
        }
        if epoch >= EPOCHS / 2 {
            for (sums, row) in sums.iter_mut().zip(&rows) {
                for (sum, weight) in sums.iter_mut().zip(row) {
                    *sum += weight;
                }
            }
        }
    }
    let rounds = (EPOCHS - EPOCHS / 2) as f32;
    let largest = sums
        .iter()
        .flatten()
        .fold(0.1f32, |most, sum| most.max((sum / rounds).abs()));
    hashes
        .into_iter()
        .zip(sums)
        .filter_map(|(hash, row)| {
            let row = row.map(|sum| sum / rounds);
            let most = row.iter().fold(0.0f32, |most, weight| most.max(weight.abs()));
            (most >= LEAST_WEIGHT).then(|| (hash, row.map(|weight| (weight / largest * 127.0).round() as i8)))
        })
        .collect()
}
