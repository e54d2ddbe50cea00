//! Accounts, sessions, links, emergency access and the policy, from outside.

#[cfg(test)]
mod accounts;
#[cfg(test)]
mod apps;
#[cfg(test)]
mod emergencies;
#[cfg(test)]
mod filters;
#[cfg(test)]
mod launches;
#[cfg(test)]
mod policies;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod support;
