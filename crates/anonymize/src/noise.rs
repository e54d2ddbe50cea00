//! Counts with noise: differential privacy (Dwork and others 2006) by the discrete Laplace mechanism, sampled exactly with whole
//! numbers (Canonne, Kamath and Steinke 2020, algorithms 1 and 2), so that no rounding of floating numbers leaks anything.
//!
//! One person stands in one cell of a table, so that adding or leaving out a person changes one count by 1; noise of scale
//! 1/epsilon makes the table epsilon-private. What a study has spent is kept in the store
//! ([`Store::spend_privacy`](tsumugi_records::Store::spend_privacy)), with the answer: the same question is answered with the
//! same noise and spends nothing.

use hmac::{Hmac, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::collections::BTreeMap;

/// Random bits from a secret seed: HMAC-SHA-256 over a counter. The seed is drawn from the operating system for each table and
/// forgotten.
#[derive(Debug)]
pub struct Randomness {
    mac: Hmac<Sha256>,
    counter: u64,
    left: Vec<u8>,
}

/// How much privacy a table spends, in thousandths of epsilon; from 1 to 100,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epsilon(u32);

/// A table of counts with noise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoisyTable {
    /// The column that is counted.
    pub column: String,
    /// Thousandths of epsilon.
    pub epsilon: Epsilon,
    /// Every value the column can have, with its count; below 0 is told as 0.
    pub counts: BTreeMap<String, u64>,
}

/// An epsilon outside its range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("epsilon is {0} thousandths; give 1 to {MOST} of them")]
pub struct EpsilonError(u32);

const MOST: u32 = 100_000;

impl Epsilon {
    /// From thousandths.
    ///
    /// # Errors
    /// What is not from 1 to 100,000.
    pub fn thousandths(value: u32) -> Result<Self, EpsilonError> {
        if (1..=MOST).contains(&value) {
            Ok(Self(value))
        } else {
            Err(EpsilonError(value))
        }
    }

    /// In thousandths.
    pub fn get(self) -> u32 {
        self.0
    }
}

impl Randomness {
    /// From 32 secret bytes.
    pub fn new(seed: &[u8; 32]) -> Self {
        Self {
            mac: keyed(seed),
            counter: 0,
            left: Vec::new(),
        }
    }

    fn byte(&mut self) -> u8 {
        if let Some(byte) = self.left.pop() {
            return byte;
        }
        let mut mac = self.mac.clone();
        mac.update(&self.counter.to_be_bytes());
        self.counter += 1;
        self.left = mac.finalize().into_bytes().to_vec();
        self.left.pop().unwrap_or(0)
    }

    /// A whole number below `end`, each as likely; 0 where `end` is 0.
    fn below(&mut self, end: u64) -> u64 {
        if end < 2 {
            return 0;
        }
        let bits = u64::BITS - (end - 1).leading_zeros();
        let mask = u64::MAX >> (u64::BITS - bits);
        loop {
            let mut value = 0_u64;
            for _ in 0..bits.div_ceil(8) {
                value = value << 8 | u64::from(self.byte());
            }
            // What lies past the end is drawn again: no value is likelier than another.
            if value & mask < end {
                return value & mask;
            }
        }
    }

    /// Whether something of the chance `over / under`, at most 1, happens.
    fn happens(&mut self, over: u64, under: u64) -> bool {
        self.below(under) < over
    }

    /// Whether something of the chance exp(-over/under), `over` at most `under`, happens (algorithm 1).
    fn happens_exp_below_one(&mut self, over: u64, under: u64) -> bool {
        let mut round = 1;
        while self.happens(over, under.saturating_mul(round)) {
            round += 1;
        }
        round % 2 == 1
    }

    /// A whole number of the discrete Laplace distribution of scale `over / under` (algorithm 2): its chance falls by
    /// exp(-under/over) with each step away from 0.
    fn laplace(&mut self, over: u64, under: u64) -> i64 {
        loop {
            let rest = self.below(over);
            if !self.happens_exp_below_one(rest, over) {
                continue;
            }
            let mut whole = 0_u64;
            while self.happens_exp_below_one(1, 1) {
                whole += 1;
            }
            let size = (rest + over * whole) / under.max(1);
            let is_negative = self.happens(1, 2);
            if is_negative && size == 0 {
                continue;
            }
            let size = i64::try_from(size).unwrap_or(i64::MAX);
            return if is_negative { -size } else { size };
        }
    }
}

/// HMAC-SHA-256 under a key of 32 bytes; the standard fills it up to a block with zeros.
pub(crate) fn keyed(key: &[u8; 32]) -> Hmac<Sha256> {
    let mut block = [0; 64];
    for (place, byte) in block.iter_mut().zip(key) {
        *place = *byte;
    }
    Hmac::new(&block.into())
}

/// Counts with noise; what falls below 0 is told as 0. The values must be all that the column can have, whoever is in the set.
pub fn noisy(
    column: &str,
    counts: &BTreeMap<String, u64>,
    epsilon: Epsilon,
    randomness: &mut Randomness,
) -> NoisyTable {
    let of = |(value, count): (&String, &u64)| {
        let noise = randomness.laplace(1000, u64::from(epsilon.0));
        (value.clone(), count.saturating_add_signed(noise))
    };
    NoisyTable {
        column: column.to_owned(),
        epsilon,
        counts: counts.iter().map(of).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Draws against the distribution itself: p(x) = (1 - q) / (1 + q) q^|x|, q = exp(-1/scale).
    fn check(over: u64, under: u64, draws: u32) {
        let mut randomness = Randomness::new(&[7; 32]);
        let mut seen: BTreeMap<i64, u32> = BTreeMap::new();
        for _ in 0..draws {
            *seen.entry(randomness.laplace(over, under)).or_default() += 1;
        }
        let q = (-(under as f64) / over as f64).exp();
        let chance = |x: i64| (1.0 - q) / (1.0 + q) * q.powi(i32::try_from(x.abs()).unwrap());
        // Chi-squared over the cells that expect 20 or more, and one for the rest.
        let (mut sum, mut cells, mut rest, mut rest_chance) = (0.0, 0, f64::from(draws), 1.0);
        for x in -60..=60 {
            let wanted = chance(x) * f64::from(draws);
            if wanted >= 20.0 {
                let got = f64::from(seen.get(&x).copied().unwrap_or(0));
                sum += (got - wanted).powi(2) / wanted;
                cells += 1;
                rest -= got;
                rest_chance -= chance(x);
            }
        }
        let wanted = (rest_chance * f64::from(draws)).max(1.0);
        sum += (rest - wanted).powi(2) / wanted;
        // Mean `cells`, deviation sqrt(2 cells): five deviations.
        let most = f64::from(cells) + 5.0 * (2.0 * f64::from(cells)).sqrt() + 5.0;
        assert!(
            sum < most,
            "{over}/{under}: {sum} of {cells} cells, at most {most}"
        );
        assert!(cells > 2);
    }

    #[test]
    fn draws_follow_the_discrete_laplace_distribution() {
        check(1000, 1000, 40_000);
        check(1000, 100, 40_000);
        check(1000, 2500, 20_000);
        check(1, 1, 20_000);
    }

    #[test]
    fn chances_are_exact() {
        let mut randomness = Randomness::new(&[3; 32]);
        let draws = 40_000;
        for (over, under) in [(1, 1), (1, 2), (999, 1000), (0, 5)] {
            let got = (0..draws)
                .filter(|_| randomness.happens_exp_below_one(over, under))
                .count() as f64;
            let wanted = (-(over as f64) / under as f64).exp() * f64::from(draws);
            assert!(
                (got - wanted).abs() <= 5.0 * (wanted + 1.0).sqrt(),
                "{over}/{under}: {got} {wanted}"
            );
        }
        let mut seen = [0_u32; 5];
        for _ in 0..50_000 {
            seen[usize::try_from(randomness.below(5)).unwrap()] += 1;
        }
        assert!(
            seen.iter().all(|count| (9_500..10_500).contains(count)),
            "{seen:?}"
        );
    }

    #[test]
    fn the_same_seed_gives_the_same_table_and_another_another() {
        let counts: BTreeMap<String, u64> = (0..40).map(|value| (format!("v{value}"), 100)).collect();
        let of = |seed| {
            noisy(
                "x",
                &counts,
                Epsilon::thousandths(100).unwrap(),
                &mut Randomness::new(&[seed; 32]),
            )
        };
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
        let none = counts.keys().map(|value| (value.clone(), 0)).collect();
        let told = noisy(
            "x",
            &none,
            Epsilon::thousandths(1000).unwrap(),
            &mut Randomness::new(&[5; 32]),
        );
        assert!(told.counts.values().any(|count| *count == 0) && told.counts.len() == 40);
        assert!(Epsilon::thousandths(0).is_err() && Epsilon::thousandths(MOST + 1).is_err());
    }
}
