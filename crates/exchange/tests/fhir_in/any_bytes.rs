//! Any bytes at all: the reader ends, and every byte that says something is in a statement or told as dead.

use crate::support::all;
use proptest::prelude::*;
use tsumugi_exchange::fhir_in::{Form, Limits};
use tsumugi_exchange::incoming::Handed;

const GOOD: &[u8] = include_bytes!("files/bundle.json");

fn small() -> Limits {
    Limits {
        depth: 20,
        resource: 2048,
        window: 4096,
        patients: 4,
    }
}

/// Bytes that are handed out as statements or dead letters.
fn handed_out(bytes: &[u8], form: Form, limits: Limits) -> usize {
    all(bytes, form, limits)
        .iter()
        .map(|handed| match handed {
            Handed::Statement(statement) => statement.bytes.len(),
            Handed::Dead { bytes, .. } => bytes.len(),
            Handed::Problem(_) => 0,
        })
        .sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn arbitrary_bytes_end_and_nothing_is_lost(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        for form in [Form::Json, Form::Lines] {
            let got = handed_out(&bytes, form, small());
            let said = bytes.iter().filter(|byte| !byte.is_ascii_whitespace() && !matches!(byte, 0xEF | 0xBB | 0xBF | b'[' | b']' | b',' | b'{' | b'}')).count();
            prop_assert!(got >= said, "{got} of {said}");
        }
    }

    #[test]
    fn a_file_that_is_cut_anywhere_keeps_its_good_part(length in 0..GOOD.trim_ascii_end().len()) {
        let handed = all(&GOOD[..length], Form::Json, Limits::default());
        let statements = handed.iter().filter(|handed| matches!(handed, Handed::Statement(_))).count();
        let whole = all(GOOD, Form::Json, Limits::default()).len();
        prop_assert!(statements < whole);
        prop_assert!(handed.iter().any(|handed| matches!(handed, Handed::Dead { .. })), "a cut file is told");
    }

    #[test]
    fn a_file_with_changed_bytes_ends(changes in prop::collection::vec((0..GOOD.len(), any::<u8>()), 1..6), form in any::<bool>()) {
        let mut bytes = GOOD.to_vec();
        for (place, byte) in changes {
            bytes[place] = byte;
        }
        let form = if form { Form::Json } else { Form::Lines };
        for limits in [small(), Limits::default()] {
            prop_assert!(handed_out(&bytes, form, limits) > 0);
        }
    }

    #[test]
    fn pieces_of_json_in_any_order_end(pieces in prop::collection::vec(prop::sample::select(vec![
        "{", "}", "[", "]", ",", ":", "\"", "\\", "\n", "\"entry\"", "\"resourceType\"", "\"Bundle\"", "\"Patient\"", "\"resource\"",
        "\"id\"", "\"1\"", "null", "1", " ", "{\"resource\":{\"resourceType\":\"Patient\",\"id\":\"1\"}}",
    ]), 0..60)) {
        let text = pieces.concat();
        for form in [Form::Json, Form::Lines] {
            for limits in [small(), Limits::default()] {
                let _ = handed_out(text.as_bytes(), form, limits);
            }
        }
    }
}
