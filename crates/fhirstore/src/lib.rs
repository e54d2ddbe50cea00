//! FHIR R4 resources in the store: what a search reads of them, the tables they are found by, and searching.
//!
//! All is functions on a connection, in the transaction of whoever calls: no thread, no clock, no rules of access. What a
//! resource is found by is data (`data/fhir`); a search is read by [`Query`], answered by [`Index::find`], and held against
//! [`naive`], which knows no index.

mod definitions;
mod find;
mod fold;
mod index;
mod json;
pub mod naive;
mod path;
mod query;
mod time;
mod values;

pub use definitions::{Definitions, Kind, Owner, Parameter, ResourceType};
pub use find::{FindError, Lets, MAX_INCLUDED, Page};
pub use fold::fold;
pub use index::{Index, IndexError, Kept, Origin, Put, Version, Whose};
pub use json::{JsonError, Node};
pub use path::{Literal, is_id};
pub use query::{
    Asked, Context, Criterion, Include, MAX_ALTERNATIVES, MAX_COUNT, MAX_CRITERIA, MAX_LINKS, Modifier,
    Prefix, Query, QueryError, Sort, SortBy, USUAL_COUNT, Unit, Want, Why,
};
pub use rusqlite::Connection;
pub use time::{instant, millis};

/// How many values the search parameters of a type find in a body: what indexing it costs without the database.
///
/// # Errors
/// A body that is no JSON.
pub fn extract(definitions: &Definitions, kind: &str, body: &str) -> Result<usize, JsonError> {
    let node = Node::parse(body)?;
    let mut count = 0;
    for parameter in definitions
        .resource_type(kind)
        .iter()
        .flat_map(|of| &of.parameters)
    {
        values::values(parameter, &node, &mut |value| {
            if let values::Value::Text(text) | values::Value::Words(text) = value {
                count += usize::from(!fold(text).is_empty());
            } else {
                count += 1;
            }
        });
    }
    Ok(count)
}
