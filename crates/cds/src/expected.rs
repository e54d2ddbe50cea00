//! What the facts so far make likely to be written next: findings of the likely diseases, and these themselves.

use crate::differential::{Differential, Findings};
use crate::next::likely;
use std::collections::BTreeMap;
use std::sync::Arc;
use tsumugi_knowledge::Space;
use tsumugi_terminology::Vocabulary;

/// Concepts with how likely each is, greatest first, at most `top`: over the likely diseases, the probability of the
/// disease times the share of its patients who show the finding. What was said already is left out.
pub fn expected(
    differential: &Differential,
    space: &Space,
    vocabulary: &Vocabulary,
    findings: &Findings,
    top: usize,
) -> Vec<(Arc<str>, f64)> {
    let mut weights: BTreeMap<Arc<str>, f64> = BTreeMap::new();
    for likely in likely(differential, space, vocabulary, findings) {
        let Some(key) = differential.key_of(likely.disease) else {
            continue;
        };
        if let Some(disease) = space.disease(&key) {
            for state in disease.findings.keys() {
                let share = differential.share(likely.disease, state.as_str());
                *weights.entry(Arc::from(state.concept())).or_default() += likely.probability * share;
            }
        }
        *weights.entry(key).or_default() += likely.probability;
    }
    for finding in &findings.said {
        weights.remove(finding.state.concept());
    }
    let mut order: Vec<(Arc<str>, f64)> = weights.into_iter().collect();
    order.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    order.truncate(top);
    order
}
