//! The schema of a site: ours, with its own lists of roles, labels and kinds of note.

use super::DEFAULT_SCHEMA;
use super::mistakes::{PolicyError, PolicyFile, of_schema};
use crate::account::FIRST_RUN_USER;
use crate::ids::{Label, NameError, NoteKind, Role};
use cedar_policy::{Schema, SchemaFragment};
use serde_json::Value;
use std::collections::BTreeSet;

/// The types whose names a site may choose.
const CHOSEN: [&str; 3] = ["Role", "Label", "NoteKind"];

/// A schema that has the shape this program knows.
#[derive(Debug)]
pub(super) struct SiteSchema {
    pub(super) cedar: Schema,
    pub(super) roles: Vec<Role>,
    pub(super) labels: Vec<Label>,
    pub(super) kinds: Vec<NoteKind>,
}

impl SiteSchema {
    pub(super) fn read(text: &str) -> Result<Self, PolicyError> {
        let (own, lists) = shape(text)?;
        let (wanted, _) = shape(DEFAULT_SCHEMA)?;
        if own != wanted {
            return Err(PolicyError::one(PolicyFile::Schema, &difference(&own, &wanted)));
        }
        let (cedar, _) = Schema::from_cedarschema_str(text).map_err(|error| of_schema(text, &error))?;
        let [roles, labels, kinds] = lists;
        let roles: Vec<Role> = read_all(text, &roles, Role::parse, Role::as_str)?;
        if !roles.iter().any(|role| role.as_str() == FIRST_RUN_USER) {
            return Err(PolicyError::one(
                PolicyFile::Schema,
                "the role setup is missing; the first run needs it",
            ));
        }
        Ok(Self {
            cedar,
            roles,
            labels: read_all(text, &labels, Label::parse, Label::as_str)?,
            kinds: read_all(text, &kinds, NoteKind::parse, NoteKind::as_str)?,
        })
    }
}

/// What the schema of this program grew by, the newest first: actions, and attributes of `Relation`.
const GROWN: [(&[&str], &[&str]); 2] = [
    (&["consent", "manageStudies", "exportStudy"], &[]),
    (&["confirm", "oversee"], &["responsible"]),
];

/// A schema of before this program's grew, brought up: the names that the site chose in the schema of this program. None
/// where it is no such schema.
pub(super) fn brought_up(text: &str) -> Option<String> {
    let (own, lists) = shape(text).ok()?;
    let (mut before, _) = shape(DEFAULT_SCHEMA).ok()?;
    let is_earlier = GROWN.iter().any(|grown| {
        let _ = shrunk(&mut before, grown);
        own == before
    });
    if !is_earlier {
        return None;
    }
    let mut text = DEFAULT_SCHEMA.to_owned();
    for (kind, names) in CHOSEN.iter().zip(lists) {
        let head = format!("entity {kind} enum [");
        let from = text.find(&head)? + head.len();
        let to = from + text.get(from..)?.find(']')?;
        let names: Vec<String> = names.iter().map(|name| format!("\n    \"{name}\"")).collect();
        text.replace_range(from..to, &format!("{}\n", names.join(",")));
    }
    Some(text)
}

/// Takes out of a schema what it grew by.
fn shrunk(schema: &mut Value, (actions, attributes): &(&[&str], &[&str])) -> Option<()> {
    let all = schema.pointer_mut("//actions")?.as_object_mut()?;
    all.retain(|name, _| !actions.contains(&name.as_str()));
    let relation = schema.pointer_mut("//commonTypes/Relation/attributes")?;
    relation
        .as_object_mut()?
        .retain(|name, _| !attributes.contains(&name.as_str()));
    Some(())
}

/// The schema as JSON without the names that a site may choose, and those names.
fn shape(text: &str) -> Result<(Value, [Vec<String>; 3]), PolicyError> {
    let (fragment, _) =
        SchemaFragment::from_cedarschema_str(text).map_err(|error| of_schema(text, &error))?;
    let json = fragment.to_json_value();
    let mut json = json.map_err(|error| PolicyError::one(PolicyFile::Schema, &error.to_string()))?;
    let lists = CHOSEN.map(|name| {
        let list = json.pointer_mut(&format!("//entityTypes/{name}/enum"));
        let taken = list.map(Value::take).unwrap_or_default();
        let names = taken.as_array().into_iter().flatten();
        names
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect::<Vec<String>>()
    });
    Ok((json, lists))
}

/// Names the first place where two schemas differ.
fn difference(own: &Value, wanted: &Value) -> String {
    let mut place = String::new();
    let (mut own, mut wanted) = (own, wanted);
    while let (Value::Object(ours), Value::Object(theirs)) = (own, wanted) {
        let keys: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
        let differs = keys.into_iter().find(|key| ours.get(*key) != theirs.get(*key));
        let Some(key) = differs else { break };
        if !key.is_empty() {
            place = format!("{place}/{key}");
        }
        match (ours.get(key), theirs.get(key)) {
            (Some(one), Some(other)) => (own, wanted) = (one, other),
            (Some(_), None) => return format!("{place} is not known to this program; take it out"),
            _ => return format!("{place} is missing; this program needs it"),
        }
    }
    format!("{place} is not as this program needs it; only the lists of names in [ ] may be changed")
}

fn read_all<T>(
    text: &str,
    names: &[String],
    parse: fn(&str) -> Result<T, NameError>,
    as_str: fn(&T) -> &str,
) -> Result<Vec<T>, PolicyError> {
    let mut read = Vec::with_capacity(names.len());
    for name in names {
        let parsed = parse(name).map_err(|error| error.to_string());
        let parsed = parsed.and_then(|parsed| {
            let is_same = as_str(&parsed) == name;
            is_same
                .then_some(parsed)
                .ok_or_else(|| format!("\"{name}\": small letters are wanted"))
        });
        let quoted = format!("\"{name}\"");
        let parsed =
            parsed.map_err(|message| PolicyError::at(PolicyFile::Schema, text, &quoted, &message))?;
        read.push(parsed);
    }
    Ok(read)
}
