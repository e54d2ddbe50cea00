//! The command line as a black box: the built binary, what it is given, and what it answers.

#[cfg(test)]
mod accepted;
#[cfg(test)]
mod accounts;
#[cfg(test)]
mod audit;
#[cfg(test)]
mod bombs;
#[cfg(test)]
mod common;
#[cfg(test)]
mod deidentify;
#[cfg(test)]
mod exchange;
#[cfg(test)]
mod files;
#[cfg(test)]
mod flows;
#[cfg(test)]
mod kills;
#[cfg(test)]
mod large;
#[cfg(test)]
mod lines;
#[cfg(test)]
mod malformed;
#[cfg(test)]
mod masters;
#[cfg(test)]
mod phenotypes;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod serving;
#[cfg(test)]
mod stores;
#[cfg(test)]
mod studies;
#[cfg(test)]
mod terms;
#[cfg(test)]
mod validation;
#[cfg(test)]
mod watching;
