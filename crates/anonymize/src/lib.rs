//! Removes what identifies a person, and measures the risk that is left.
//!
//! A set of rows ([`Table`]) has columns that together may identify (quasi-identifiers), each with its [`Hierarchy`] of coarser
//! values, and columns that are sensitive. [`search`] walks the whole lattice of generalisations and finds every one that is
//! k-anonymous, and the one that loses least; [`mondrian`] cuts finer where the rows allow it. [`privacy`] checks k, l and t,
//! [`risk`] says how likely a person is found again, [`cells`] suppresses small counts so that they cannot be reckoned back.
//! [`deidentify`] finds what leads to a person in Japanese free text, and writes the text without it.
#![expect(
    clippy::doc_markdown,
    reason = "names of standards and Japanese terms are no code"
)]

pub mod cells;
mod classes;
pub mod deidentify;
mod hierarchy;
mod lattice;
mod mondrian;
pub mod privacy;
pub mod risk;
mod table;

pub use hierarchy::{Hierarchy, HierarchyError};
pub use lattice::{Found, Limits, MOST_NODES, Node, SearchError, search};
pub use mondrian::{Partition, mondrian, mondrian_loss};
pub use table::{Column, Table, TableError};
