//! Whatever the bytes: no panic, an end, and no byte lost.

use super::{Read, device, dpc, file, okusuri, uke};
use proptest::prelude::*;
use tsumugi_exchange::claims::Tables;
use tsumugi_exchange::feed::Origin;

const FILES: [&str; 13] = [
    "receiptc.uke",
    "ff1.txt",
    "efn.txt",
    "en.txt",
    "fn.txt",
    "dn.txt",
    "hn.txt",
    "notebook.txt",
    "notebook_utf8.txt",
    "split_1_of_2.txt",
    "libreview.csv",
    "pressure.csv",
    "clarity.csv",
];

fn all(bytes: &[u8]) {
    let readers: [fn(&[u8]) -> Read; 4] = [
        |bytes| uke::read(bytes, &Origin::file("x")),
        dpc::read,
        |bytes| okusuri::read(bytes, &Origin::file("x")),
        |bytes| device::read(bytes, None),
    ];
    for reader in readers {
        let read = reader(bytes);
        read.covers(bytes.len());
        for resource in read.statements.iter().flat_map(|one| &one.resources) {
            let value: serde_json::Value = serde_json::from_slice(&resource.json).unwrap();
            assert_eq!(value["resourceType"], resource.kind.as_str());
        }
    }
}

/// Cuts, overwrites, doubles and drops pieces of a good file.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let edit = (
        any::<prop::sample::Index>(),
        any::<prop::sample::Index>(),
        0..6_u8,
        any::<u8>(),
    );
    (0..FILES.len(), prop::collection::vec(edit, 1..8)).prop_map(|(index, edits)| {
        let mut bytes = file(FILES[index]);
        for (one, other, kind, byte) in edits {
            if bytes.is_empty() {
                break;
            }
            let (from, to) = (one.index(bytes.len()), other.index(bytes.len()));
            let (from, to) = (from.min(to), from.max(to));
            match kind {
                0 => bytes.truncate(to),
                1 => bytes[from] = byte,
                2 => drop(bytes.drain(from..to.min(from + 40))),
                3 => {
                    let piece = bytes[from..to.min(from + 200)].to_vec();
                    bytes.splice(to..to, piece);
                }
                4 => bytes[from] = [b',', b'\t', b'\n', b'"', 0, b'9'][usize::from(byte) % 6],
                _ => drop(bytes.splice(from..from, [byte, byte])),
            }
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        all(&bytes);
    }

    #[test]
    fn lines_that_look_right(lines in prop::collection::vec("(IR|RE|HO|SY|SI|IY|TO|CO|SJ|GO|JAHISTC08|1|5|201|301|911|131234567)([,\t][0-9A-Z\u{3042}\u{ff11}.]{0,9}){0,45}", 0..12)) {
        all(lines.join("\r\n").as_bytes());
    }

    #[test]
    fn mutated_files(bytes in mutated()) {
        all(&bytes);
        let tables = Tables::embedded();
        let half = bytes.len() / 2;
        let (e, f) = bytes.split_at(half);
        let origin = Origin::file("x");
        let read = Read::of(|sink| tsumugi_exchange::claims::dpc::read_joined((e, &origin), (f, &origin), &tables, sink));
        read.covers(bytes.len());
    }
}
