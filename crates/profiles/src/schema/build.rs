//! From the tables to arrays. Every row that says what cannot be is a mistake with its line.

use super::{
    Class, ClassId, Constraint, Element, Form, Json, Key, Kind, KnownExtension, Primitive, RequiredSet,
    Schema, TypeRef,
};
use crate::fhirpath::Expression;
use crate::narrative::Allowed;
use crate::patterns;
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet};
use tsumugi_tables::{Mistake, Row, Source, Table};

/// Longhand of `sd:`.
const DEFINITIONS: &str = "http://hl7.org/fhir/StructureDefinition/";
/// Longhand of `vs:`.
const VALUE_SETS: &str = "http://hl7.org/fhir/ValueSet/";

type Definitions<'t, 'a> = BTreeMap<&'a str, Definition<'t, 'a>>;

/// A definition: what it is built on and its constraints, its elements.
#[derive(Default)]
struct Definition<'t, 'a> {
    head: Option<Row<'t, 'a>>,
    rows: Vec<Row<'t, 'a>>,
}

impl Schema {
    /// Reads R4 from the tables of `data/fhir`; other tables among the sources are passed over.
    pub fn read(sources: &[Source<'_>], mistakes: &mut Vec<Mistake>) -> Self {
        let mut table = |path: &'static str| {
            let found = sources.iter().find(|source| source.path == path);
            let source = found.copied().unwrap_or(Source { path, text: "" });
            Table::parse(source, mistakes)
        };
        let (elements, primitives) = (table("fhir/elements.tsv"), table("fhir/primitives.tsv"));
        let (codes, constraints) = (table("fhir/required_codes.tsv"), table("fhir/constraints.tsv"));
        let grammars = table("fhir/code_grammars.tsv");
        let extensions = table("fhir/extensions.tsv");
        let narrative = Allowed::read(sources, mistakes);
        let mut maker = Maker {
            schema: Self {
                narrative,
                ..Self::default()
            },
            keys: FxHashMap::default(),
            mistakes,
        };
        maker.primitives(&primitives);
        maker.constraints(&constraints);
        maker.codes(&codes);
        maker.grammars(&grammars);
        maker.definitions(&elements);
        maker.primitive_parts(&primitives);
        maker.extensions(&extensions);
        maker.schema
    }
}

struct Maker<'m> {
    schema: Schema,
    /// Constraints by key and definition.
    keys: FxHashMap<(String, String), u32>,
    mistakes: &'m mut Vec<Mistake>,
}

impl Maker<'_> {
    fn wrong(&mut self, path: &str, line: u32, message: String) {
        self.mistakes.push(Mistake::new(path, line, message));
    }

    fn add(&mut self, name: &str, kind: Kind) {
        let id = self.schema.classes.len() as ClassId;
        self.schema.by_name.insert(name.into(), id);
        self.schema.classes.push(Class {
            name: name.into(),
            base: None,
            kind,
            elements: Vec::new(),
            keys: FxHashMap::default(),
            names: FxHashMap::default(),
            needed: Vec::new(),
            constraints: Vec::new(),
        });
    }

    fn primitives(&mut self, table: &Table<'_>) {
        let rows: Vec<Row<'_, '_>> = table.rows().collect();
        for row in &rows {
            let name = row.get("type");
            let pattern = pattern_of(&rows, row).and_then(|text| match patterns::wholly(text) {
                Ok(pattern) => Some(pattern),
                Err(error) => {
                    self.wrong(table.path, row.line, error.to_string());
                    None
                }
            });
            let json = match row.get("json") {
                "boolean" => Json::Boolean,
                "number" => Json::Number,
                _ => Json::String,
            };
            let form = match name {
                "date" | "dateTime" | "instant" => Form::Date,
                "integer" | "positiveInt" | "unsignedInt" => Form::Integer,
                "decimal" => Form::Decimal,
                "xhtml" => Form::Xhtml,
                _ => Form::Plain,
            };
            self.add(name, Kind::Primitive(Primitive { json, pattern, form }));
        }
    }

    fn constraints(&mut self, table: &Table<'_>) {
        for row in table.rows() {
            let number = self.schema.constraints.len() as u32;
            let key = (row.get("key").to_owned(), row.get("of").to_owned());
            self.keys.insert(key, number);
            let text = row.get("expression");
            self.schema.constraints.push(Constraint {
                key: row.get("key").into(),
                is_warning: row.get("severity") == "warning",
                text: text.into(),
                expression: Expression::parse(text),
            });
        }
    }

    fn codes(&mut self, table: &Table<'_>) {
        for row in table.rows() {
            let address = address(row.get("value_set"));
            let set: &mut RequiredSet = self.schema.value_sets.entry(address.into()).or_default();
            set.codes.insert(row.get("code").into());
            set.codings
                .insert((row.get("system").into(), row.get("code").into()));
        }
    }

    fn grammars(&mut self, table: &Table<'_>) {
        for row in table.rows() {
            match patterns::wholly(row.get("pattern")) {
                Ok(pattern) => {
                    self.schema
                        .grammars
                        .insert(address(row.get("value_set")).into(), pattern);
                }
                Err(error) => self.wrong(table.path, row.line, error.to_string()),
            }
        }
    }

    fn extensions(&mut self, table: &Table<'_>) {
        for row in table.rows() {
            let types: Vec<TypeRef> = row.list("types").map(type_ref).collect();
            if let Some(unknown) = types.iter().find(|of| self.schema.named(&of.code).is_none()) {
                self.wrong(table.path, row.line, format!("no type {}", unknown.code));
            }
            let url = match row.get("url").strip_prefix("sd:") {
                Some(name) => format!("{DEFINITIONS}{name}"),
                None => row.get("url").to_owned(),
            };
            let required = Some(row.get("required")).filter(|set| !set.is_empty());
            let extension = KnownExtension {
                types,
                required: required.map(|set| address(set).into()),
            };
            self.schema.extensions.insert(url.into(), extension);
        }
    }

    fn definitions(&mut self, table: &Table<'_>) {
        let mut definitions = Definitions::new();
        for row in table.rows() {
            let definition = definitions.entry(row.get("definition")).or_default();
            if row.get("path").is_empty() {
                definition.head = Some(row);
            } else {
                definition.rows.push(row);
            }
        }
        self.classes(table.path, &definitions);
        for (name, definition) in &definitions {
            let Some(head) = &definition.head else { continue };
            let base = self.schema.named(head.get("types"));
            let constraints = self.constraints_of(name, head);
            if let Some(class) = self.class_mut(name) {
                class.base = base;
                class.constraints = constraints;
            }
        }
        let mut done = BTreeSet::new();
        for name in definitions.keys() {
            self.fill(table.path, &definitions, name, &mut done);
        }
    }

    /// One class for each definition and each element that has elements.
    fn classes(&mut self, path: &str, definitions: &Definitions<'_, '_>) {
        for (name, definition) in definitions {
            match kind_of(name, definitions) {
                Ok(kind) => self.add(name, kind),
                Err(message) => {
                    let line = definition.head.as_ref().map_or(1, |row| row.line);
                    self.wrong(path, line, message);
                    continue;
                }
            }
            let parents: BTreeSet<&str> = definition
                .rows
                .iter()
                .filter_map(|row| Some(row.get("path").rsplit_once('.')?.0))
                .collect();
            for parent in parents {
                self.add(&format!("{name}.{parent}"), Kind::Complex);
            }
        }
    }

    fn class_mut(&mut self, name: &str) -> Option<&mut Class> {
        let id = self.schema.named(name)?;
        self.schema.classes.get_mut(id as usize)
    }

    fn constraints_of(&self, definition: &str, row: &Row<'_, '_>) -> Vec<u32> {
        row.list("constraints")
            .filter_map(|key| {
                let of = |of: &str| self.keys.get(&(key.to_owned(), of.to_owned()));
                of(definition).or_else(|| of("*")).copied()
            })
            .collect()
    }

    /// Elements of a definition: those of its base first.
    fn fill(
        &mut self,
        path: &str,
        definitions: &Definitions<'_, '_>,
        name: &str,
        done: &mut BTreeSet<String>,
    ) {
        let Some(definition) = definitions.get(name) else {
            return;
        };
        if !done.insert(name.to_owned()) {
            return;
        }
        if let Some(base) = definition.head.as_ref().map(|head| head.get("types")) {
            self.fill(path, definitions, base, done);
            self.inherit(name, base);
        }
        for row in &definition.rows {
            let (inside, element) = match row.get("path").rsplit_once('.') {
                Some((parent, element)) => (format!("{name}.{parent}"), element),
                None => (name.to_owned(), row.get("path")),
            };
            match self.element(name, row, element) {
                Ok(element) => self.put(&inside, element),
                Err(message) => self.wrong(path, row.line, message),
            }
            // The inside of an element is built on the type that its row states.
            let own = format!("{name}.{}", row.get("path"));
            if self.schema.named(&own).is_some() {
                let base = row.get("types");
                self.fill(path, definitions, base, done);
                let id = self.schema.named(base);
                if let Some(class) = self.class_mut(&own) {
                    class.base = id;
                }
                self.inherit(&own, base);
            }
        }
    }

    fn inherit(&mut self, name: &str, base: &str) {
        let Some(base) = self.schema.named(base).and_then(|id| self.schema.class(id)) else {
            return;
        };
        let elements = base.elements.clone();
        let constraints = base.constraints.clone();
        for element in elements {
            self.put(name, element);
        }
        if let Some(class) = self.class_mut(name) {
            let own = std::mem::take(&mut class.constraints);
            class.constraints = constraints;
            class.constraints.extend(own);
            class.constraints.dedup();
        }
    }

    fn put(&mut self, class: &str, element: Element) {
        let Some(class) = self.class_mut(class) else {
            return;
        };
        let number = class.names.get(&element.name).copied();
        let number = number.unwrap_or(class.elements.len() as u16);
        for (of, key) in element.keys.iter().enumerate() {
            class.keys.insert(key.name.clone(), (number, of as u16));
        }
        class.names.insert(element.name.clone(), number);
        class.needed.retain(|needed| *needed != number);
        if element.least > 0 {
            class.needed.push(number);
        }
        match class.elements.get_mut(usize::from(number)) {
            Some(place) => *place = element,
            None => class.elements.push(element),
        }
    }

    fn element(&self, definition: &str, row: &Row<'_, '_>, name: &str) -> Result<Element, String> {
        let types: Vec<TypeRef> = row.list("types").map(type_ref).collect();
        let stem = name.strip_suffix("[x]");
        let name = stem.unwrap_or(name);
        let own = self.schema.named(&format!("{definition}.{}", row.get("path")));
        let mut keys = Vec::with_capacity(types.len());
        for (of, cell) in types.iter().zip(row.list("types")) {
            let wanted = cell.strip_prefix('#').unwrap_or(&of.code);
            let class = own.or_else(|| self.schema.named(wanted));
            let key = match stem {
                Some(stem) => choice_key(stem, &of.code),
                None => name.to_owned(),
            };
            keys.push(Key {
                extra: format!("_{key}").into(),
                name: key.into(),
                class: class.ok_or_else(|| format!("no type {wanted}"))?,
            });
        }
        if keys.is_empty() || (keys.len() > 1 && stem.is_none()) {
            return Err(format!("{} types, without being a choice", keys.len()));
        }
        let mut constraints = self.constraints_of(definition, row);
        let is_simple = |of: &TypeRef| of.profiles.iter().any(|profile| **profile == *"SimpleQuantity");
        if types.iter().any(is_simple) {
            constraints.extend(self.keys.get(&("sqty-1".to_owned(), "*".to_owned())));
        }
        let required = Some(row.get("required")).filter(|set| !set.is_empty());
        Ok(Element {
            name: name.into(),
            is_choice: stem.is_some(),
            keys,
            least: row
                .get("least")
                .parse()
                .map_err(|_| "least is no number".to_owned())?,
            is_list: row.get("most") != "1",
            types,
            required: required.map(|set| address(set).into()),
            constraints,
        })
    }

    /// A primitive has what every element has.
    fn primitive_parts(&mut self, table: &Table<'_>) {
        for row in table.rows() {
            self.inherit(row.get("type"), "Element");
            let base = self.schema.named(row.get("base"));
            if let Some(class) = self.class_mut(row.get("type")) {
                class.base = base;
            }
        }
    }
}

/// The pattern of a primitive, or of what it is built on.
fn pattern_of<'a>(rows: &[Row<'_, 'a>], row: &Row<'_, 'a>) -> Option<&'a str> {
    let base = || rows.iter().find(|other| other.get("type") == row.get("base"));
    let own = Some(row.get("pattern")).filter(|pattern| !pattern.is_empty());
    own.or_else(|| base().map(|base| base.get("pattern")))
        .filter(|pattern| !pattern.is_empty())
}

/// What a definition is, by what it is built on.
fn kind_of(name: &str, definitions: &Definitions<'_, '_>) -> Result<Kind, String> {
    let mut at = name;
    for _ in 0..8 {
        match at {
            "Resource" | "DomainResource" if at == name => return Ok(Kind::AnyResource),
            "Resource" => return Ok(Kind::Resource),
            "Element" => return Ok(Kind::Complex),
            _ => {}
        }
        let head = definitions
            .get(at)
            .and_then(|definition| definition.head.as_ref());
        at = head
            .map(|head| head.get("types"))
            .ok_or_else(|| format!("{at} has no row of its own"))?;
    }
    Err(format!("{name} is built on itself"))
}

/// `Reference(Patient,Group)<X>`: code, targets, profiles.
fn type_ref(cell: &str) -> TypeRef {
    if cell.starts_with('#') {
        return TypeRef::default();
    }
    let (rest, profiles) = cell
        .strip_suffix('>')
        .and_then(|cell| cell.split_once('<'))
        .unwrap_or((cell, ""));
    let (code, targets) = rest
        .strip_suffix(')')
        .and_then(|rest| rest.split_once('('))
        .unwrap_or((rest, ""));
    let list = |text: &str| -> Vec<Box<str>> {
        let names = text.split(',').filter(|name| !name.is_empty());
        names.map(Into::into).collect()
    };
    TypeRef {
        code: code.into(),
        targets: list(targets),
        profiles: list(profiles),
    }
}

/// `value` and `dateTime` are `valueDateTime`.
pub(crate) fn choice_key(name: &str, code: &str) -> String {
    let mut characters = code.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    name.chars().chain(first).chain(characters).collect()
}

fn address(cell: &str) -> String {
    match cell.strip_prefix("vs:") {
        Some(name) => format!("{VALUE_SETS}{name}"),
        None => cell.to_owned(),
    }
}
