//! Profiles.

use crate::base::Checker;
use crate::schema::Node;

impl<'a> Checker<'a> {
    /// Asks the profiles that a resource claims.
    pub(crate) fn claims(&mut self, _node: Node<'a>) {}
}
