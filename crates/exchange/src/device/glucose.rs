//! Summary of glucose samples.
//!
//! Ranges: Battelino et al., International Consensus on Time in Range, Diabetes Care 2019;42:1593. GMI: Bergenstal et al.,
//! Diabetes Care 2018;41:2275 (GMI % = 3.31 + 0.02392 x mean glucose in mg/dL).

/// Lower limit of the target, mg/dL, inclusive.
pub const TARGET_LOW: f64 = 70.0;
/// Upper limit of the target, mg/dL, inclusive.
pub const TARGET_HIGH: f64 = 180.0;
/// Below this is a level 2 hypoglycaemia, mg/dL.
pub const VERY_LOW: f64 = 54.0;
/// Above this is a level 2 hyperglycaemia, mg/dL.
pub const VERY_HIGH: f64 = 250.0;
const GMI_BASE: f64 = 3.31;
const GMI_SLOPE: f64 = 0.02392;

/// What the samples of a period say; parts are percentages of the samples (0-100).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Glucose {
    /// Number of samples.
    pub count: usize,
    /// Samples of those that the sensor would have made, in percent; `None` where their number is not known.
    pub active: Option<f64>,
    /// Mean, mg/dL.
    pub mean: f64,
    /// Standard deviation of the sample (n - 1), mg/dL; 0 for one sample.
    pub deviation: f64,
    /// Coefficient of variation, percent.
    pub variation: f64,
    /// Glucose management indicator, percent HbA1c (NGSP).
    pub gmi: f64,
    /// 70-180 mg/dL.
    pub in_range: f64,
    /// Below 70 mg/dL, with what is below 54.
    pub below: f64,
    /// Below 54 mg/dL.
    pub very_low: f64,
    /// Above 180 mg/dL, with what is above 250.
    pub above: f64,
    /// Above 250 mg/dL.
    pub very_high: f64,
}

/// Sums up samples in mg/dL; `expected` is how many the sensor makes in the period. `None` without samples. Values that are
/// no numbers are left out.
pub fn summary(samples: &[f64], expected: Option<usize>) -> Option<Glucose> {
    let values: Vec<f64> = samples
        .iter()
        .copied()
        .filter(|value| value.is_finite())
        .collect();
    if values.is_empty() {
        return None;
    }
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let deviation = if values.len() > 1 {
        (squares / (count - 1.0)).sqrt()
    } else {
        0.0
    };
    let part = |is_in: &dyn Fn(f64) -> bool| {
        100.0 * values.iter().filter(|value| is_in(**value)).count() as f64 / count
    };
    Some(Glucose {
        count: values.len(),
        active: expected
            .filter(|expected| *expected > 0)
            .map(|expected| (100.0 * count / expected as f64).min(100.0)),
        mean,
        deviation,
        variation: if mean > 0.0 { 100.0 * deviation / mean } else { 0.0 },
        gmi: GMI_BASE + GMI_SLOPE * mean,
        in_range: part(&|value| (TARGET_LOW..=TARGET_HIGH).contains(&value)),
        below: part(&|value| value < TARGET_LOW),
        very_low: part(&|value| value < VERY_LOW),
        above: part(&|value| value > TARGET_HIGH),
        very_high: part(&|value| value > VERY_HIGH),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn near(one: f64, other: f64) {
        assert!((one - other).abs() < 0.005, "{one} is not {other}");
    }

    #[test]
    fn ten_samples_summed_by_hand() {
        // Sum 1440, mean 144; squares of the differences 8836 + 5476 + 1936 + 576 + 16 + 1296 + 1936 + 5776 + 12996 + 900 =
        // 39744, over 9 = 4416, root 66.453; of the mean 46.148 %.
        let samples = [50.0, 70.0, 100.0, 120.0, 140.0, 180.0, 188.0, 220.0, 258.0, 114.0];
        let got = summary(&samples, Some(20)).unwrap();
        assert_eq!(got.count, 10);
        near(got.mean, 144.0);
        near(got.active.unwrap(), 50.0);
        near(got.in_range, 60.0);
        near(got.below, 10.0);
        near(got.very_low, 10.0);
        near(got.above, 30.0);
        near(got.very_high, 10.0);
        near(got.gmi, 3.31 + 0.02392 * 144.0);
        near(got.deviation, 66.453);
        near(got.variation, 46.148);
    }

    #[test]
    fn borders_belong_to_the_target_and_published_gmi_holds() {
        let got = summary(&[70.0, 180.0, 69.9, 180.1, 54.0, 53.9, 250.0, 250.1], None).unwrap();
        near(got.in_range, 25.0);
        near(got.below, 37.5);
        near(got.very_low, 12.5);
        near(got.above, 37.5);
        near(got.very_high, 12.5);
        assert_eq!(got.active, None);
        // Table 1 of the publication: mean 150 mg/dL is a GMI of 6.9 %, 200 mg/dL of 8.1 %.
        assert_eq!(format!("{:.1}", summary(&[150.0], None).unwrap().gmi), "6.9");
        assert_eq!(format!("{:.1}", summary(&[200.0], None).unwrap().gmi), "8.1");
    }

    #[test]
    fn nothing_gives_nothing() {
        assert_eq!(summary(&[], Some(96)), None);
        assert_eq!(summary(&[f64::NAN], Some(96)), None);
        let one = summary(&[100.0], Some(0)).unwrap();
        assert_eq!((one.deviation, one.active), (0.0, None));
    }
}
