//! Placeholder until its first function.
