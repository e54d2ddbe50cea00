//! Whole bundles against files; `UPDATE_EXPECT=1` writes them anew.

use crate::notes::golden;
use expect_test::expect_file;

#[test]
fn whole_bundles_are_as_in_the_golden_files() {
    for (name, case) in golden() {
        let bundle = serde_json::to_string_pretty(&case.bundle()).unwrap() + "\n";
        expect_file![format!("{}/tests/golden/{name}.json", env!("CARGO_MANIFEST_DIR"))].assert_eq(&bundle);
    }
}

#[test]
fn the_same_note_gives_the_same_bytes() {
    for (_, case) in golden() {
        assert_eq!(case.bundle().to_string(), case.bundle().to_string());
    }
}
