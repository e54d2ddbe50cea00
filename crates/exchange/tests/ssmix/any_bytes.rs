//! Whatever comes: no parser panics or hangs, and every byte is handed out.

use super::files::{files, read_hl7, read_ssmix2};
use proptest::prelude::*;
use proptest::sample::Index;
use std::sync::LazyLock;
use tsumugi_exchange::incoming::Handed;

static GOOD: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(|| {
    let mut all = files("hl7v2");
    all.extend(files("ssmix2"));
    all
});

const PATH: &str = "999/990/9999901/20260401/OMP-01/9999901_20260401_OMP-01_1_20260401103000123_01_1";
const DOCUMENT: &str = "999/990/9999901/20260401/K/9999901_20260401_K_1_20260401103000123_01_1/main";

fn kept(handed: &[Handed]) -> usize {
    handed
        .iter()
        .map(|one| match one {
            Handed::Statement(incoming) => incoming.bytes.len(),
            Handed::Dead { bytes, .. } => bytes.len(),
            Handed::Problem(_) => 0,
        })
        .sum()
}

fn check(bytes: &[u8]) {
    for handed in [
        read_hl7("x", bytes),
        read_ssmix2(PATH, bytes),
        read_ssmix2(DOCUMENT, bytes),
    ] {
        assert!(handed.iter().any(|one| !matches!(one, Handed::Problem(_))));
        assert!(kept(&handed) >= bytes.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        check(&bytes);
    }

    #[test]
    fn arbitrary_segments(lines in prop::collection::vec("(MSH|PID|OBX|OBR|ORC|RXE|PRB|SPM|TXA|[A-Z]{3})[|^~&\\\\0-9A-Za-z\u{3042}]{0,60}", 0..12)) {
        let message = format!("MSH|^~\\&|A|B|C|D|20260401||ORU^R01|1|P|2.5\rPID|1||77\r{}\r", lines.join("\r"));
        check(message.as_bytes());
    }

    #[test]
    fn good_files_cut_and_changed(
        which in any::<Index>(),
        cut in any::<Index>(),
        changes in prop::collection::vec((any::<Index>(), any::<u8>()), 0..8),
    ) {
        let (path, bytes) = which.get(&GOOD);
        let mut bytes = bytes.clone();
        bytes.push(b'\r');
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        check(&bytes);
        read_ssmix2(path, &bytes);
    }

    #[test]
    fn arbitrary_paths(path in "[0-9a-zA-Z_^/\\\\.\u{7d4c}-]{0,120}") {
        read_ssmix2(&path, b"MSH|^~\\&|A|B|C|D|20260401||ADT^A08|1|P|2.5\rPID|1||77\r");
    }
}
