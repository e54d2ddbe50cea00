//! `GET /openapi.json` (OpenAPI 3.1): every door with what it takes and what it answers.
//!
//! It is made from the doors as they are added: address, method and what is asked stand at the door, parameters and
//! bodies are told by the types of the page that reads them ([`takes`]). Only the answers are a table of their own
//! ([`answers`]), where they are not those of every page. It tells of no record and is there without a session.

pub(crate) mod answers;
mod forms;
pub(crate) mod probe;
pub(crate) mod takes;

use crate::web::doors::{Ask, Door};
use probe::Shape;
use serde_json::{Map, Value, json};
use takes::Media;

/// The document.
pub(crate) fn document(doors: &[Door]) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    let mut sorted: Vec<&Door> = doors.iter().collect();
    sorted.sort_by_key(|door| (door.path, door.method));
    for door in sorted {
        let item = paths.entry(door.path).or_insert_with(|| json!({}));
        if let Some(item) = item.as_object_mut() {
            item.insert(door.method.to_ascii_lowercase(), operation(door));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Tsumugi",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Every address of the server. Pages answer in HTML; what changes something takes a form of our \
                own pages (Origin, or Sec-Fetch-Site: same-origin or none). `x-asks` says what is asked before an \
                answer: nothing, a signed-in person, a right on the system as a whole, rights on the records that are \
                told of, or the token of the hospital's own system.",
            "license": {"name": "Apache-2.0 OR MIT"},
        },
        "paths": paths,
        "components": {
            "securitySchemes": {
                "session": {
                    "type": "apiKey", "in": "cookie", "name": "tsumugi_session",
                    "description": "What signing in gives; over TLS its name is __Host-tsumugi_session.",
                },
                "patient": {
                    "type": "apiKey", "in": "cookie", "name": "tsumugi_my",
                    "description": "What a one-time code gives, for 15 minutes; over TLS its name is __Secure-tsumugi_my.",
                },
                "service": {"type": "http", "scheme": "bearer", "description": "The token in services.token."},
                "token": {"type": "http", "scheme": "bearer", "description": "An access token of POST /oauth/token."},
            },
            "schemas": answers::schemas(),
        },
    })
}

fn operation(door: &Door) -> Value {
    let mut operation = json!({
        "operationId": name(door),
        "x-asks": format!("{:?}", door.ask),
        "parameters": parameters(door),
        "responses": answers::of(door),
        "security": match door.ask {
            Ask::Nothing => json!([]),
            Ask::Person | Ask::System(_) | Ask::Records(_) => json!([{"session": []}]),
            Ask::Service => json!([{"service": []}]),
            Ask::Token => json!([{"token": []}]),
            Ask::Patient => json!([{"patient": []}]),
        },
    });
    if let Some(body) = body(door)
        && let Some(operation) = operation.as_object_mut()
    {
        operation.insert("requestBody".to_owned(), body);
    }
    operation
}

/// Method and address as one word.
fn name(door: &Door) -> String {
    let words: Vec<&str> = door
        .path
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    format!("{}_{}", door.method.to_ascii_lowercase(), words.join("_"))
}

/// The names of the variable parts of an address.
fn variables(path: &str) -> impl Iterator<Item = &str> {
    path.split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

fn parameters(door: &Door) -> Vec<Value> {
    let shapes: Vec<Shape> = match &door.takes.path {
        Some(Shape::Row(row)) => row.clone(),
        Some(shape) => vec![shape.clone()],
        None => Vec::new(),
    };
    let in_path = variables(door.path).enumerate().map(|(number, name)| {
        let schema = match shapes.get(number) {
            None | Some(Shape::Any | Shape::Text) => json!({"type": "string", "minLength": 1}),
            Some(shape) => shape.schema(false),
        };
        json!({"name": name, "in": "path", "required": true, "schema": schema})
    });
    let query = door.takes.query.as_ref().map(Shape::fields).unwrap_or_default();
    let in_query = query.iter().map(|field| {
        json!({
            "name": field.name, "in": "query", "required": field.required,
            "schema": field.shape.schema(false),
        })
    });
    let in_pairs = forms::pairs(door.method, door.path)
        .iter()
        .map(|name| json!({"name": name, "in": "query", "required": false, "schema": {"type": "string"}}));
    in_path.chain(in_query).chain(in_pairs).collect()
}

fn body(door: &Door) -> Option<Value> {
    let (media, schema) = match (answers::body(door), &door.takes.body) {
        (Some(own), _) => own,
        (None, Some((media, shape))) => (media.name(), shape.schema(*media == Media::Json)),
        (None, None) => return None,
    };
    Some(json!({"required": true, "content": {media: {"schema": schema}}}))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn doors() -> Vec<Door> {
        crate::web::doors().built().1
    }

    /// The routes of the golden file, and nothing else.
    #[test]
    fn the_document_lists_exactly_the_routes_of_the_router() {
        let golden: BTreeSet<String> = include_str!("../../tests/doors.tsv")
            .lines()
            .map(|line| line.split('\t').take(2).collect::<Vec<_>>().join(" "))
            .collect();
        let document = document(&doors());
        let listed: BTreeSet<String> = document["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, item)| {
                let methods = item.as_object().unwrap().keys();
                methods.map(move |method| format!("{path} {}", method.to_ascii_uppercase()))
            })
            .collect();
        assert_eq!(listed, golden);
        assert!(listed.contains("/openapi.json GET"));
    }

    #[test]
    fn every_page_tells_what_it_takes() {
        for door in doors() {
            assert_eq!(door.takes.mistakes, Vec::<String>::new(), "{}", door.path);
            let variables = variables(door.path).count();
            if let Some(shape) = &door.takes.path {
                let told = if let Shape::Row(row) = shape { row.len() } else { 1 };
                assert_eq!(told, variables, "{}", door.path);
            }
            if door.method == "POST" {
                let is_bare = matches!(door.path, "/sign-out" | "/my/leave" | "/exports/{id}/stop");
                assert_eq!(body(&door).is_none(), is_bare, "{}", door.path);
            }
        }
        let document = document(&doors());
        let sent = &document["paths"]["/notes"]["post"]["requestBody"]["content"];
        let schema = &sent["application/x-www-form-urlencoded"]["schema"];
        assert_eq!(schema["required"], json!(["patient", "text"]));
        assert_eq!(
            document["paths"]["/notes"]["post"]["x-asks"],
            "Records([Write, Sign])"
        );
        let id = &document["paths"]["/patients/{id}"]["get"]["parameters"][0];
        assert_eq!(
            (&id["in"], &id["schema"]["type"]),
            (&json!("path"), &json!("integer"))
        );
    }

    /// What is wrong with a schema: the words of JSON Schema 2020-12 that we use, and links that lead somewhere.
    fn wrong(schema: &Value, document: &Value, place: &str, found: &mut Vec<String>) {
        let Some(object) = schema.as_object() else {
            found.push(format!("{place}: no object"));
            return;
        };
        let under = |name: &str| format!("{place}.{name}");
        for (word, value) in object {
            match word.as_str() {
                "$ref" => {
                    let pointer = value.as_str().unwrap_or_default().trim_start_matches('#');
                    if document.pointer(pointer).is_none() {
                        found.push(format!("{place}: {value} leads nowhere"));
                    }
                }
                "type" => {
                    let known = [
                        "string", "integer", "number", "boolean", "array", "object", "null",
                    ];
                    if !known.iter().any(|known| value == known) {
                        found.push(format!("{place}: no type {value}"));
                    }
                }
                "properties" => {
                    for (name, schema) in value.as_object().into_iter().flatten() {
                        wrong(schema, document, &under(name), found);
                    }
                }
                "items" | "additionalProperties" if value.is_object() => {
                    wrong(value, document, &under(word), found);
                }
                "items" | "additionalProperties" if value.is_boolean() => {}
                "oneOf" | "prefixItems" => {
                    for schema in value.as_array().into_iter().flatten() {
                        wrong(schema, document, &under(word), found);
                    }
                }
                "required" => {
                    let has = |name: &Value| {
                        let name = name.as_str().unwrap_or_default();
                        object["properties"].get(name).is_some()
                    };
                    if !value
                        .as_array()
                        .is_some_and(|names| !names.is_empty() && names.iter().all(has))
                    {
                        found.push(format!("{place}: required {value}"));
                    }
                }
                "minimum" | "maximum" | "minLength" if value.is_number() => {}
                "enum" if value.as_array().is_some_and(|list| !list.is_empty()) => {}
                "description" | "format" if value.is_string() => {}
                other => found.push(format!("{place}: {other}")),
            }
        }
    }

    #[test]
    fn every_schema_is_valid() {
        let document = document(&doors());
        let (mut found, mut seen) = (Vec::new(), 0);
        for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
            wrong(schema, &document, name, &mut found);
        }
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let place = format!("{method} {path}");
                let in_parameters = operation["parameters"].as_array().unwrap().iter();
                let mut schemas: Vec<&Value> = in_parameters.map(|parameter| &parameter["schema"]).collect();
                let mut contents = vec![&operation["requestBody"]["content"]];
                let answers = operation["responses"].as_object().unwrap();
                assert!(!answers.is_empty(), "{place}");
                contents.extend(answers.values().map(|answer| &answer["content"]));
                for content in contents {
                    schemas.extend(
                        content
                            .as_object()
                            .into_iter()
                            .flatten()
                            .map(|(_, media)| &media["schema"]),
                    );
                }
                seen += schemas.len();
                for schema in schemas {
                    wrong(schema, &document, &place, &mut found);
                }
            }
        }
        assert_eq!(found, Vec::<String>::new());
        assert!(seen > 300, "{seen}");
        let mut names = BTreeSet::new();
        for item in document["paths"].as_object().unwrap().values() {
            for operation in item.as_object().unwrap().values() {
                assert!(
                    names.insert(operation["operationId"].to_string()),
                    "{}",
                    operation["operationId"]
                );
            }
        }
    }
}
