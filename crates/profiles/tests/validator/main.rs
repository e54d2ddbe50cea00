//! The validator: R4's own rules, profiles of our own, published examples, Japanese packages.

#[cfg(test)]
mod examples;
#[cfg(test)]
mod jp;
#[cfg(test)]
mod profiles;
#[cfg(test)]
mod r4;
#[cfg(test)]
mod support;
