//! The Merkle tree of RFC 6962 §2.1 over the entries: built from stored nodes, one leaf at a time.
//!
//! A node is stored once all its leaves are there, and then never changes. Nodes are numbered in the order in which
//! appending completes them (each leaf, then the nodes that it completes, from the lowest), so that appending writes at
//! the end only. The root and every proof are put together from at most a few dozen stored nodes, whatever the size.
//! What is built here is checked by `proof` and `verify`, which share nothing with it but the two hash functions.

use crate::audit::hex::Hex;
use sha2::{Digest, Sha256};

/// A SHA-256 hash of the tree.
pub type TreeHash = Hex<32>;

/// Where nodes whose leaves are all there can be read.
pub(crate) trait Nodes {
    /// Why one could not be read.
    type Error;

    /// The node at a place (see [`place`]).
    fn node(&self, place: u64) -> Result<TreeHash, Self::Error>;
}

/// Hash of an entry: SHA-256 of 0x00 and its bytes.
pub fn leaf_hash(entry: &[u8]) -> TreeHash {
    let hasher = Sha256::new().chain_update([0]).chain_update(entry);
    Hex(hasher.finalize().into())
}

/// Hash of two nodes: SHA-256 of 0x01, the left and the right hash.
pub fn node_hash(left: &TreeHash, right: &TreeHash) -> TreeHash {
    let hasher = Sha256::new()
        .chain_update([1])
        .chain_update(left.0)
        .chain_update(right.0);
    Hex(hasher.finalize().into())
}

/// Root of the empty tree: SHA-256 of nothing.
pub(crate) fn empty_root() -> TreeHash {
    Hex(Sha256::digest([]).into())
}

/// Place of the node over the leaves `index * 2^level` up to `(index + 1) * 2^level`.
pub(crate) fn place(level: u32, index: u64) -> u64 {
    // The node is completed by its last leaf, `level` nodes after it. Before leaf n stand n leaves, n/2 nodes of level 1,
    // n/4 of level 2 and so on: 2 n less the number of ones in n.
    let last = ((index + 1) << level) - 1;
    2 * last - u64::from(last.count_ones()) + u64::from(level)
}

/// The nodes that a leaf completes when it is appended to a tree of `size` leaves: itself first, then upwards. Their
/// places follow each other, from `place(0, size)`.
pub(crate) fn append<N: Nodes>(nodes: &N, size: u64, leaf: TreeHash) -> Result<Vec<TreeHash>, N::Error> {
    let mut completed = vec![leaf];
    let mut hash = leaf;
    for level in 0..size.trailing_ones() {
        let left = nodes.node(place(level, (size >> level) - 1))?;
        hash = node_hash(&left, &hash);
        completed.push(hash);
    }
    Ok(completed)
}

/// Root of the first `size` leaves.
pub(crate) fn root<N: Nodes>(nodes: &N, size: u64) -> Result<TreeHash, N::Error> {
    if size == 0 {
        return Ok(empty_root());
    }
    range(nodes, (0, size))
}

/// Inclusion proof (RFC 6962 §2.1.1) of leaf `index` in the first `size` leaves, from the leaf upwards. `index < size`.
pub(crate) fn inclusion<N: Nodes>(nodes: &N, index: u64, size: u64) -> Result<Vec<TreeHash>, N::Error> {
    let (mut start, mut end) = (0, size);
    let mut siblings = Vec::new();
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            siblings.push((middle, end));
            end = middle;
        } else {
            siblings.push((start, middle));
            start = middle;
        }
    }
    hashes(nodes, siblings)
}

/// Consistency proof (RFC 6962 §2.1.2) between the first `from` and the first `to` leaves; empty for `from` of 0 or `to`.
/// `from <= to`.
pub(crate) fn consistency<N: Nodes>(nodes: &N, from: u64, to: u64) -> Result<Vec<TreeHash>, N::Error> {
    if from == 0 || from == to {
        return Ok(Vec::new());
    }
    let (mut start, mut end) = (0, to);
    let mut parts = Vec::new();
    while end != from {
        let middle = start + split(end - start);
        if from <= middle {
            parts.push((middle, end));
            end = middle;
        } else {
            parts.push((start, middle));
            start = middle;
        }
    }
    if start > 0 {
        // The smaller tree ends in a node that its root alone does not show.
        parts.push((start, end));
    }
    hashes(nodes, parts)
}

fn hashes<N: Nodes>(nodes: &N, ranges: Vec<(u64, u64)>) -> Result<Vec<TreeHash>, N::Error> {
    ranges
        .into_iter()
        .rev()
        .map(|leaves| range(nodes, leaves))
        .collect()
}

/// Hash over the leaves from `start` to before `end`, which the tree keeps together: `start` is a multiple of the least
/// power of two that is not below their number.
fn range<N: Nodes>(nodes: &N, (start, end): (u64, u64)) -> Result<TreeHash, N::Error> {
    let count = end - start;
    if count.is_power_of_two() {
        let level = count.trailing_zeros();
        return nodes.node(place(level, start >> level));
    }
    let middle = start + split(count);
    let left = range(nodes, (start, middle))?;
    Ok(node_hash(&left, &range(nodes, (middle, end))?))
}

/// The greatest power of two below `count`, which is 2 or more.
fn split(count: u64) -> u64 {
    1 << (count - 1).ilog2()
}
