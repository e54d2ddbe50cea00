//! The best sequence of labels of a sentence.
//!
//! Scores are kept small by taking out the best of every token, so that sixteen bits hold them and a row of labels is a
//! few machine words. Only the scores are kept on the way; where a score came from is asked on the way back, for the one
//! label that was chosen.

use super::features::{FEATURES, Infos};
use super::model::{LABELS, ROW, Tagger};

/// Memory that is used again from sentence to sentence.
#[derive(Debug, Default)]
pub(crate) struct Lattice {
    /// Score of every label at every token, before the token's own weights.
    before: Vec<[i16; ROW]>,
    /// And with them.
    scores: Vec<[i16; ROW]>,
    pub(crate) labels: Vec<u8>,
}

impl Tagger {
    /// Labels every token; the labels lie in the lattice.
    pub(crate) fn label(&self, infos: &Infos, lattice: &mut Lattice) {
        lattice.before.clear();
        lattice.scores.clear();
        let mut scores = [0; ROW];
        for at in 0..infos.len() {
            let best = if at == 0 {
                self.transitions.last().copied().unwrap_or([0; ROW])
            } else {
                self.step(&scores)
            };
            let emission = self.emission(infos, at);
            for ((score, best), weight) in scores.iter_mut().zip(best).zip(emission) {
                *score = best.saturating_add(weight);
            }
            let peak = scores.iter().copied().max().unwrap_or(0);
            for score in &mut scores {
                *score = score.saturating_sub(peak);
            }
            lattice.before.push(best);
            lattice.scores.push(scores);
        }
        self.trace(lattice);
    }

    /// Weights of a token: the rows of its features, added up. All rows are looked up before the first is added, so that
    /// the memory is asked for many at a time; half of the features nobody knows, and they are not added.
    fn emission(&self, infos: &Infos, at: usize) -> [i16; ROW] {
        let mut places = [0; FEATURES];
        let mut known = 0;
        // The first feature is the bias, which the transitions hold.
        for hash in infos.features(at).into_iter().skip(1) {
            let found = self.weights.place(hash);
            if let Some(place) = places.get_mut(known) {
                *place = found;
            }
            known += usize::from(found != 0);
        }
        let mut sum = [0i16; ROW];
        for place in places.iter().take(known) {
            for (total, weight) in sum.iter_mut().zip(self.weights.row(*place)) {
                *total += i16::from(*weight);
            }
        }
        sum
    }

    /// The best way to every label. A label that lies so far behind the leading one that no next label can make it up is
    /// not asked: most of them.
    fn step(&self, scores: &[i16; ROW]) -> [i16; ROW] {
        let mut best = [i16::MIN; ROW];
        let leader = scores.iter().position(|score| *score == 0).unwrap_or(0);
        let gains = self.gains.get(leader).unwrap_or(&[i16::MAX; ROW]);
        let rows = scores.iter().zip(gains).zip(&self.transitions).take(LABELS);
        for ((score, gain), row) in rows {
            if score.saturating_add(*gain) < 0 {
                continue;
            }
            for (best, weight) in best.iter_mut().zip(row) {
                *best = (*best).max(score.saturating_add(*weight));
            }
        }
        best
    }

    fn trace(&self, lattice: &mut Lattice) {
        let Lattice {
            before,
            scores,
            labels,
        } = lattice;
        labels.clear();
        let last = scores
            .last()
            .into_iter()
            .flat_map(|row| (0u8..).zip(row).take(LABELS));
        let Some((mut label, _)) = last.max_by_key(|(_, score)| **score) else {
            return;
        };
        labels.push(label);
        for (best, scores) in before.iter().skip(1).zip(&*scores).rev() {
            let wanted = best.get(label as usize).copied();
            let comes_from = |(score, row): (&i16, &[i16; ROW])| {
                row.get(label as usize)
                    .map(|weight| score.saturating_add(*weight))
                    == wanted
            };
            let from = scores
                .iter()
                .zip(&self.transitions)
                .take(LABELS)
                .position(comes_from);
            label = from.unwrap_or(0) as u8;
            labels.push(label);
        }
        labels.reverse();
    }
}
