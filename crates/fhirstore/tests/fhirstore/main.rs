//! The store of resources, from outside.

#[cfg(test)]
#[expect(clippy::non_ascii_literal, reason = "test names are Japanese")]
mod common;
#[cfg(test)]
mod oracle;
#[cfg(test)]
#[expect(clippy::non_ascii_literal, reason = "test names are Japanese")]
mod reading;
#[cfg(test)]
mod speed;
#[cfg(test)]
mod versions;
