//! HL7 v2.5 and SS-MIX2 on real files of the true layout (dummy persons only): what they state, what is bad, what comes back.

#[cfg(test)]
mod any_bytes;
#[cfg(test)]
mod back;
#[cfg(test)]
mod files;
#[cfg(test)]
mod malformed;
#[cfg(test)]
mod rules;
