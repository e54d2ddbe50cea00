//! The validator: R4's own rules, profiles of our own, published examples, Japanese packages. With the allocator of the
//! program, so that what is measured is what a site has.

#[cfg(test)]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[cfg(test)]
mod damage;
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
