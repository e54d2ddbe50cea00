//! The validator: R4's own rules, profiles of our own, published examples, Japanese packages.

mod examples;
mod jp;
mod profiles;
mod r4;
mod support;
