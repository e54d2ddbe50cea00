//! What a hospital bills: medical claims ([`uke`]) and the files of the DPC survey ([`dpc`]).
//!
//! A claim is evidence of what was billed. A レセプト病名 is written so that an act is paid, and is no diagnosis: all that
//! is made here says so ([`crate::incoming::Evidence::Claim`]). Claims name nothing: they hold codes of the レセプト電算
//! masters, to which a site brings the names.

mod act;
pub mod dpc;
mod tables;
pub mod uke;

pub use tables::Tables;
