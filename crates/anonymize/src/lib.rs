//! Removes what identifies a person, and measures the risk that is left.
//!
//! A set of rows ([`Table`]) has columns that together may identify (quasi-identifiers), each with its [`Hierarchy`] of coarser
//! values, and columns that are sensitive. [`search`] walks the whole lattice of generalisations and finds every one that is
//! k-anonymous, and the one that loses least; [`mondrian`] cuts finer where the rows allow it. [`privacy`] checks k, l and t,
//! [`risk`] says how likely a person is found again, [`cells`] suppresses small counts so that they cannot be reckoned back.
//!
//! **What leaves.** Only a permitted set of persons (`records::consent`) comes in ([`read_people`]), as coded facts. It leaves as
//! an [`Anonymized`] table, which only this crate makes: one row a person ([`anonymise`]: k, l and t hold), or one row a fact
//! under pseudonyms ([`facts`](facts::facts)). The [`write`] functions take nothing else; the [`manifest`] says what was done, step by step
//! of the law. Nothing here reads a clock, draws randomness or opens a file: those are the server's.
//! [`deidentify`] finds what leads to a person in Japanese free text, and writes the text without it.
#![expect(
    clippy::doc_markdown,
    reason = "names of standards and Japanese terms are no code"
)]

mod anonymous;
pub mod cells;
mod classes;
mod dataset;
pub mod deidentify;
pub mod facts;
mod frame;
mod hierarchies;
mod hierarchy;
mod lattice;
pub mod manifest;
mod mondrian;
pub mod noise;
mod people;
pub mod privacy;
pub mod pseudonyms;
pub mod risk;
mod steps;
mod table;
pub mod write;

pub use anonymous::{AnonymousError, TableReport, Wanted, anonymise};
pub use dataset::{Fact, LeftBehind, People, Period, Person, fact_of};
pub use frame::{Frame, FrameColumn};
pub use hierarchies::{ColumnKind, ColumnSource, Hierarchies, HouseRules};
pub use hierarchy::{Hierarchy, HierarchyError};
pub use lattice::{Found, Limits, MOST_NODES, Node, SearchError, search};
pub use mondrian::{Partition, mondrian, mondrian_loss};
pub use people::read_people;
pub use steps::{Anonymized, Change, Clause, Step};
pub use table::{Column, Table, TableError};
