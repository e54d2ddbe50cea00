//! l-diversity and t-closeness against tables that were reckoned by hand, from the papers that define them.

use tsumugi_anonymize::privacy::{Distance, by_class, check};

fn near(one: f64, other: f64) -> bool {
    (one - other).abs() < 5e-4
}

/// Machanavajjhala and others 2007, figure 3: twelve inpatients in three classes of four; 0 heart disease, 1 viral infection,
/// 2 cancer. The paper calls it 3-diverse.
#[test]
fn the_inpatients_of_the_paper_are_3_diverse() {
    let conditions = [[0, 1, 2, 2], [2, 0, 1, 1], [0, 1, 2, 2]];
    let rows: Vec<(u32, u32)> = (0..)
        .zip(conditions)
        .flat_map(|(class, values)| values.map(|value| (class, value)))
        .collect();
    let told = check(&rows, 3, Distance::Equal).unwrap();
    assert_eq!((told.k, told.distinct_l), (4, 3));
    // Each class holds one value twice and two once: entropy 1/2 ln 2 + 2 (1/4 ln 4) = 3/2 ln 2; e to it 2^1.5.
    assert!(near(told.entropy_l, 2.0_f64.powf(1.5)));
    // Of all: heart 3/12, virus 4/12, cancer 5/12. The second class (1/4, 2/4, 1/4) lies (0 + 1/6 + 1/6) / 2 = 1/6 away; the
    // others (1/4, 1/4, 2/4) lie (0 + 1/12 + 1/12) / 2 = 1/12 away.
    assert!(near(told.t, 1.0 / 6.0));
    let each = by_class(&rows, 3, Distance::Equal);
    assert!(near(each[&0].t, 1.0 / 12.0) && near(each[&1].t, 1.0 / 6.0) && near(each[&2].t, 1.0 / 12.0));
    // In the order of the codes: the second class carries 0 past the first value and -1/6 + 0 past ... by hand:
    // gaps (0, 1/6, -1/6): |0| + |1/6| over 2 = 1/12.
    assert!(near(check(&rows, 3, Distance::Ordered).unwrap().t, 1.0 / 12.0));
}

/// Figure 2 of the same paper: 4-anonymous, and its third class all cancer: no diversity at all.
#[test]
fn a_class_of_one_value_has_l_1_however_large_it_is() {
    let conditions = [[0, 0, 1, 1], [2, 0, 1, 1], [2, 2, 2, 2]];
    let rows: Vec<(u32, u32)> = (0..)
        .zip(conditions)
        .flat_map(|(class, values)| values.map(|value| (class, value)))
        .collect();
    let told = check(&rows, 3, Distance::Equal).unwrap();
    assert_eq!((told.k, told.distinct_l), (4, 1));
    assert!(near(told.entropy_l, 1.0));
    // Of all: heart 3/12, virus 4/12, cancer 5/12; the third class lies (3/12 + 4/12 + 7/12) / 2 = 7/12 away.
    assert!(near(told.t, 7.0 / 12.0));
}

/// Li, Li and Venkatasubramanian 2007, table 5: three classes of three salaries of 3k to 11k, {3k, 5k, 9k}, {6k, 11k, 8k},
/// {4k, 7k, 10k}; the paper says 0.167-closeness.
#[test]
fn the_salaries_of_the_paper_are_0_167_close() {
    let classes = [[0, 2, 6], [3, 8, 5], [1, 4, 7]];
    let rows: Vec<(u32, u32)> = (0..)
        .zip(classes)
        .flat_map(|(class, values)| values.map(|value| (class, value)))
        .collect();
    let told = check(&rows, 9, Distance::Ordered).unwrap();
    assert!(near(told.t, 0.1667), "{}", told.t);
    assert_eq!((told.k, told.distinct_l), (3, 3));
}
