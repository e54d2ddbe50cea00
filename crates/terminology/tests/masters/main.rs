//! Masters of a site: each kind from a small file of the true layout, what it gives to the vocabulary, and what is
//! refused. The files were written for these tests; numbers and most names in them are invented.

#[cfg(test)]
mod files;
#[cfg(test)]
mod names;
#[cfg(test)]
mod support;
