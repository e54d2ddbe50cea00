//! When a disease begins: eight bins from before birth to late adulthood.

/// Number of bins.
pub(super) const BINS: usize = 8;

/// A mass for each bin: antenatal, congenital or neonatal, infantile (< 1 year), childhood (< 5), juvenile (< 16),
/// young adult (< 40), middle age (< 60), late.
pub(super) type Onset = [f64; BINS];

/// Terms of onset with the first and the last bin over which they spread.
const TERMS: [(&str, usize, usize); 19] = [
    ("HP:0003577", 1, 1),
    ("HP:0003581", 5, 7),
    ("HP:0003584", 7, 7),
    ("HP:0003593", 2, 2),
    ("HP:0003596", 6, 6),
    ("HP:0003621", 4, 4),
    ("HP:0003623", 1, 1),
    ("HP:0011460", 0, 0),
    ("HP:0011461", 0, 0),
    ("HP:0011462", 5, 5),
    ("HP:0011463", 3, 3),
    ("HP:0025708", 5, 5),
    ("HP:0025709", 5, 5),
    ("HP:0025710", 5, 5),
    ("HP:0030674", 0, 0),
    ("HP:0034197", 0, 0),
    ("HP:0034198", 0, 0),
    ("HP:0034199", 0, 0),
    ("HP:0410280", 1, 4),
];

/// Upper ends, in years, of the bins from the second on; 28 days end the neonatal period.
const ENDS: [f64; BINS - 2] = [28.0 / 365.0, 1.0, 5.0, 16.0, 40.0, 60.0];

/// The bins of a term of onset or of an age as an ISO 8601 duration; none for anything else.
pub(super) fn bins(text: &str) -> Option<Onset> {
    let term = TERMS.iter().find(|(id, ..)| *id == text);
    let (first, last) = if let Some((_, first, last)) = term {
        (*first, *last)
    } else {
        let years = years(text)?;
        let bin = 1 + ENDS.iter().filter(|end| years >= **end).count();
        (bin, bin)
    };
    let share = 1.0 / (last - first + 1) as f64;
    let mut bins = [0.0; BINS];
    for (_, mass) in bins
        .iter_mut()
        .enumerate()
        .filter(|(bin, _)| (first..=last).contains(bin))
    {
        *mass = share;
    }
    Some(bins)
}

/// Sum of the masses.
pub(super) fn mass(onset: &Onset) -> f64 {
    onset.iter().sum()
}

/// Adds a part of another.
pub(super) fn add(onset: &mut Onset, other: &Onset, part: f64) {
    for (own, other) in onset.iter_mut().zip(other) {
        *own += part * other;
    }
}

/// The same with its masses multiplied.
pub(super) fn scaled(onset: &Onset, by: f64) -> Onset {
    onset.map(|mass| mass * by)
}

/// Spreads the masses to the neighbours: a case a little earlier or later than those known is no surprise.
pub(super) fn spread(onset: &Onset) -> Onset {
    let kernel = |from: usize, to: usize| match from.abs_diff(to) {
        0 => 1.0,
        1 => 0.4,
        2 => 0.1,
        _ => 0.02,
    };
    let mut spread = [0.0; BINS];
    for (from, mass) in onset.iter().enumerate() {
        let row: f64 = (0..BINS).map(|to| kernel(from, to)).sum();
        for (to, own) in spread.iter_mut().enumerate() {
            *own += mass * kernel(from, to) / row;
        }
    }
    spread
}

/// Years of an ISO 8601 duration such as `P3Y6M`; hours and less do not count.
fn years(text: &str) -> Option<f64> {
    const UNITS: [(char, f64); 4] = [
        ('Y', 1.0),
        ('M', 1.0 / 12.0),
        ('W', 7.0 / 365.0),
        ('D', 1.0 / 365.0),
    ];
    let date = text.strip_prefix('P')?.split('T').next()?;
    let mut years = 0.0;
    let mut units = UNITS.iter();
    let mut digits = String::new();
    for letter in date.chars() {
        if letter.is_ascii_digit() || letter == '.' {
            digits.push(letter);
            continue;
        }
        // The units come in this order, each at most once.
        let (_, worth) = units.find(|(unit, _)| *unit == letter)?;
        years += digits.parse::<f64>().ok()? * worth;
        digits.clear();
    }
    digits.is_empty().then_some(years)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn onsets_come_into_their_bins() {
        assert!(TERMS.is_sorted());
        let check = |text: &str, wanted: Option<&[usize]>| {
            let found = bins(text).map(|bins| {
                assert!((mass(&bins) - 1.0).abs() < 1e-12, "{text}");
                (0..BINS).filter(|bin| bins[*bin] > 0.0).collect::<Vec<_>>()
            });
            assert_eq!(found.as_deref(), wanted, "{text}");
        };
        check("HP:0034199", Some(&[0]));
        check("HP:0003577", Some(&[1]));
        check("HP:0003581", Some(&[5, 6, 7]));
        check("HP:0410280", Some(&[1, 2, 3, 4]));
        check("HP:0000118", None);
        check("P27D", Some(&[1]));
        check("P28D", Some(&[2]));
        check("P4W", Some(&[2]));
        check("P15M", Some(&[3]));
        check("P1Y8M0D", Some(&[3]));
        check("P5Y", Some(&[4]));
        check("P39.5Y", Some(&[5]));
        check("P40Y", Some(&[6]));
        check("P72YT3H", Some(&[7]));
        check("PT3H", Some(&[1]));
        check("P3", None);
        check("P3M2Y", None);
        check("3Y", None);
    }

    #[test]
    fn spreading_keeps_the_mass() {
        let spread = spread(&bins("P3Y").unwrap());
        assert!((mass(&spread) - 1.0).abs() < 1e-12);
        assert!(spread[3] > spread[2] && spread[2] > spread[1] && spread[1] > spread[0]);
    }
}
