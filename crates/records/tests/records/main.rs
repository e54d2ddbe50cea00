//! Tests of the store through its public methods.

#[cfg(test)]
mod access;
#[cfg(test)]
mod common;
#[cfg(test)]
mod consent;
#[cfg(test)]
mod consent_codes;
#[cfg(test)]
mod consent_random;
#[cfg(test)]
mod consent_uses;
#[cfg(test)]
mod derived;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod drafts;
#[cfg(test)]
mod files;
#[cfg(test)]
mod fulltext;
#[cfg(test)]
mod lanes;
#[cfg(test)]
mod links;
#[cfg(test)]
mod patients;
#[cfg(test)]
mod principles;
#[cfg(test)]
mod received;
#[cfg(test)]
mod search;
#[cfg(test)]
mod speed;
#[cfg(test)]
mod topics;
#[cfg(test)]
mod upgrade;
