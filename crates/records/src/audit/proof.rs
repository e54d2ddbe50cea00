//! Verification of proofs, by the algorithms of RFC 9162 §2.1.3.2 and §2.1.4.2: what somebody does who has a tree head
//! and no log. Nothing here knows how proofs are built.

use crate::audit::merkle::{TreeHash, node_hash};

/// Whether `proof` shows that the leaf with this hash is entry `index` of the log of `size` entries with this root.
pub fn verify_inclusion(leaf: &TreeHash, index: u64, size: u64, proof: &[TreeHash], root: &TreeHash) -> bool {
    if index >= size {
        return false;
    }
    let (mut node, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// Whether `proof` shows that the log of `to.0` entries with root `to.1` begins with the log of `from.0` entries with root
/// `from.1`. Every log begins with the empty one.
pub fn verify_consistency(from: (u64, &TreeHash), to: (u64, &TreeHash), proof: &[TreeHash]) -> bool {
    let ((first, first_root), (second, second_root)) = (from, to);
    if first >= second || first == 0 {
        let is_same = first == second && first_root == second_root;
        return proof.is_empty() && (is_same || (first == 0 && second > 0));
    }
    let mut path = proof.iter();
    let seed = if first.is_power_of_two() {
        Some(first_root)
    } else {
        path.next()
    };
    let Some(seed) = seed else { return false };
    let (mut node, mut last) = (first - 1, second - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let (mut old, mut new) = (*seed, *seed);
    for part in path {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            old = node_hash(part, &old);
            new = node_hash(part, &new);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            new = node_hash(&new, part);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && old == *first_root && new == *second_root
}
