//! The tree against the definitions of RFC 6962 §2.1, written down as they stand there.

use crate::audit::hex::Hex;
use crate::audit::merkle::{self, Nodes, TreeHash, leaf_hash, place};
use crate::audit::proof::{verify_consistency, verify_inclusion};
use proptest::prelude::*;
use sha2::{Digest, Sha256};
use std::convert::Infallible;

fn sha256(parts: &[&[u8]]) -> TreeHash {
    Hex(Sha256::digest(parts.concat()).into())
}

/// k: the largest power of two smaller than n.
fn split(count: usize) -> usize {
    let mut power = 1;
    while power * 2 < count {
        power *= 2;
    }
    power
}

/// MTH of RFC 6962 §2.1.
fn mth(entries: &[Vec<u8>]) -> TreeHash {
    match entries {
        [] => sha256(&[]),
        [entry] => sha256(&[&[0], entry]),
        _ => {
            let (left, right) = entries.split_at(split(entries.len()));
            sha256(&[&[1], &mth(left).0, &mth(right).0])
        }
    }
}

/// PATH of RFC 6962 §2.1.1.
fn path(index: usize, entries: &[Vec<u8>]) -> Vec<TreeHash> {
    if entries.len() == 1 {
        return Vec::new();
    }
    let middle = split(entries.len());
    let (left, right) = entries.split_at(middle);
    let (mut proof, other) = if index < middle {
        (path(index, left), mth(right))
    } else {
        (path(index - middle, right), mth(left))
    };
    proof.push(other);
    proof
}

/// SUBPROOF of RFC 6962 §2.1.2.
fn subproof(from: usize, entries: &[Vec<u8>], is_whole: bool) -> Vec<TreeHash> {
    if from == entries.len() {
        return if is_whole { Vec::new() } else { vec![mth(entries)] };
    }
    let middle = split(entries.len());
    let (left, right) = entries.split_at(middle);
    let (mut proof, other) = if from <= middle {
        (subproof(from, left, is_whole), mth(right))
    } else {
        (subproof(from - middle, right, false), mth(left))
    };
    proof.push(other);
    proof
}

#[derive(Default)]
struct InMemory(Vec<TreeHash>);

impl Nodes for InMemory {
    type Error = Infallible;

    fn node(&self, place: u64) -> Result<TreeHash, Infallible> {
        Ok(self.0[usize::try_from(place).unwrap()])
    }
}

fn built(entries: &[Vec<u8>]) -> InMemory {
    let mut nodes = InMemory::default();
    for (size, entry) in (0..).zip(entries) {
        assert_eq!(nodes.0.len() as u64, place(0, size));
        let completed = merkle::append(&nodes, size, leaf_hash(entry)).unwrap();
        nodes.0.extend(completed);
    }
    nodes
}

fn numbered(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|number| number.to_string().into_bytes()).collect()
}

/// The leaves and roots that implementations of RFC 6962 are tested with.
#[test]
fn known_vectors() {
    let leaves: [&[u8]; 8] = [
        b"",
        &[0x00],
        &[0x10],
        &[0x20, 0x21],
        &[0x30, 0x31],
        &[0x40, 0x41, 0x42, 0x43],
        &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
        &[
            0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f,
        ],
    ];
    let roots = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let entries: Vec<_> = leaves.iter().map(|leaf| leaf.to_vec()).collect();
    let nodes = built(&entries);
    for (size, root) in (0..).zip(roots) {
        assert_eq!(mth(&entries[..size]).to_string(), root);
        assert_eq!(merkle::root(&nodes, size as u64).unwrap().to_string(), root);
    }
}

#[test]
fn every_proof_of_small_trees() {
    let entries = numbered(33);
    let nodes = built(&entries);
    let root = |size: usize| mth(&entries[..size]);
    for size in 0..=entries.len() {
        let to = size as u64;
        assert_eq!(merkle::root(&nodes, to).unwrap(), root(size));
        for index in 0..size {
            let proof = merkle::inclusion(&nodes, index as u64, to).unwrap();
            assert_eq!(proof, path(index, &entries[..size]));
            let leaf = leaf_hash(&entries[index]);
            for other in 0..size {
                let is_it = verify_inclusion(&leaf, other as u64, to, &proof, &root(size));
                assert_eq!(is_it, other == index, "{index} {other} {size}");
            }
        }
        for from in 0..=size {
            let proof = merkle::consistency(&nodes, from as u64, to).unwrap();
            if from > 0 {
                assert_eq!(proof, subproof(from, &entries[..size], true));
            }
            let (old, new) = (root(from), root(size));
            assert!(verify_consistency((from as u64, &old), (to, &new), &proof));
            if from > 0 {
                assert!(!verify_consistency((from as u64, &new), (to, &old), &proof) || old == new);
            }
        }
    }
}

proptest! {
    #[test]
    fn trees_are_those_of_the_definition(
        entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9), 1..400),
        (index, from) in (any::<prop::sample::Index>(), any::<prop::sample::Index>()),
    ) {
        let nodes = built(&entries);
        let (size, index, from) = (entries.len() as u64, index.index(entries.len()), from.index(entries.len() + 1));
        let root = mth(&entries);
        prop_assert_eq!(merkle::root(&nodes, size).unwrap(), root);
        let proof = merkle::inclusion(&nodes, index as u64, size).unwrap();
        prop_assert_eq!(&proof, &path(index, &entries));
        prop_assert!(verify_inclusion(&leaf_hash(&entries[index]), index as u64, size, &proof, &root));
        let proof = merkle::consistency(&nodes, from as u64, size).unwrap();
        let old = mth(&entries[..from]);
        prop_assert!(verify_consistency((from as u64, &old), (size, &root), &proof));
    }

    #[test]
    fn a_proof_with_anything_changed_is_none(
        size in 2_usize..200,
        (index, from, part) in (any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<prop::sample::Index>()),
        (byte, bit) in (0_usize..32, 0_u8..8),
    ) {
        let entries = numbered(size);
        let nodes = built(&entries);
        let root = mth(&entries);
        let (index, from, to) = (index.index(size), from.index(size - 1) + 1, size as u64);
        let leaf = leaf_hash(&entries[index]);
        let proof = merkle::inclusion(&nodes, index as u64, to).unwrap();
        let mut changed = proof.clone();
        changed[part.index(proof.len())].0[byte] ^= 1 << bit;
        prop_assert!(!verify_inclusion(&leaf, index as u64, to, &changed, &root));
        prop_assert!(!verify_inclusion(&leaf, index as u64, to, &proof[1..], &root));
        let longer = [proof.as_slice(), &[root]].concat();
        prop_assert!(!verify_inclusion(&leaf, index as u64, to, &longer, &root));

        let old = mth(&entries[..from]);
        let proof = merkle::consistency(&nodes, from as u64, to).unwrap();
        let mut changed = proof.clone();
        changed[part.index(proof.len())].0[byte] ^= 1 << bit;
        let (from, to) = ((from as u64, &old), (to, &root));
        prop_assert!(!verify_consistency(from, to, &changed));
        prop_assert!(!verify_consistency(from, to, &proof[1..]));
        let longer = [proof.as_slice(), &[root]].concat();
        prop_assert!(!verify_consistency(from, to, &longer));
    }
}
