//! A snapshot to flat rows, without what R4 asks anyhow.

use super::{Binding, By, Constraint, Discriminator, Element, Profile, Rules, Slicing, Type};
use crate::schema::{self, ClassId, Schema};
use serde_json::{Map, Value};

/// Addresses of R4's own definitions.
const CORE: &str = "http://hl7.org/fhir/StructureDefinition/";
/// Value sets of R4 and of its terminology that are bound as extensible: known only where a package brings them.
const HL7_SETS: [&str; 2] = [
    "http://hl7.org/fhir/ValueSet/",
    "http://terminology.hl7.org/ValueSet/",
];

/// Compiles a definition. What is not known here makes it a profile that cannot be checked.
pub(super) fn profile(schema: &Schema, definition: &Value, package: &str) -> Profile {
    let text = |key: &str| definition.get(key).and_then(Value::as_str).unwrap_or_default();
    let version = Some(text("version")).filter(|version| !version.is_empty());
    let mut profile = Profile {
        url: text("url").to_owned(),
        version: version.unwrap_or(package).to_owned(),
        of: text("type").to_owned(),
        base: text("baseDefinition").to_owned(),
        problem: None,
        elements: Vec::new(),
    };
    let elements = definition.pointer("/snapshot/element").and_then(Value::as_array);
    let mut compiler = Compiler {
        schema,
        rows: Vec::new(),
        open: Vec::new(),
    };
    for element in elements.into_iter().flatten() {
        if let Err(problem) = compiler.element(element) {
            profile.problem = Some(problem);
            return profile;
        }
    }
    if schema.named(&profile.of).is_none() || compiler.rows.is_empty() {
        profile.problem = Some(format!("{} is no type of R4", profile.of));
        return profile;
    }
    match compiler.contents() {
        Ok(()) => profile.elements = compiler.kept(),
        Err(problem) => profile.problem = Some(problem),
    }
    profile
}

/// An element with what the others ask of it while they are read.
struct Row {
    element: Element,
    id: String,
    path: String,
    /// What stands there in R4.
    class: Option<ClassId>,
    content: Option<String>,
    adds: bool,
}

struct Compiler<'s> {
    schema: &'s Schema,
    rows: Vec<Row>,
    /// Numbers of the elements around, outermost first.
    open: Vec<u32>,
}

impl Compiler<'_> {
    fn element(&mut self, value: &Value) -> Result<(), String> {
        let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
        let path = text("path");
        let depth = path.split('.').count();
        self.open.truncate(depth - 1);
        let number = self.rows.len() as u32;
        if depth == 1 {
            let class = self.schema.named(path);
            let mut element = Element {
                name: path.to_owned(),
                ..Element::default()
            };
            let base = class.and_then(|class| self.schema.class(class));
            element.constraints = self.constraints(value, base.map_or(&[], |class| &class.constraints), &[]);
            self.open.push(number);
            let adds = true;
            self.rows.push(Row {
                element,
                id: text("id").to_owned(),
                path: path.to_owned(),
                class,
                content: None,
                adds,
            });
            return Ok(());
        }
        let parent = *self.open.last().ok_or_else(|| format!("{path} has no parent"))?;
        let slice = self.slice_of(parent, path, text("sliceName"))?;
        let name = path.rsplit('.').next().unwrap_or_default();
        let row = self.row(value, parent, name, slice)?;
        self.open.push(number);
        self.rows.push(row);
        Ok(())
    }

    /// The element that a slice is of.
    fn slice_of(&self, parent: u32, path: &str, name: &str) -> Result<Option<(u32, String)>, String> {
        if name.is_empty() {
            return Ok(None);
        }
        let siblings = || {
            self.rows
                .iter()
                .enumerate()
                .filter(|(_, row)| row.element.parent == parent && row.path == path)
        };
        let Some((owner, _)) = siblings().find(|(_, row)| row.element.slice.is_none()) else {
            // A type that a choice is narrowed to is named as a slice without a slicing (`valueQuantity`).
            return Ok(None);
        };
        let around = name.rsplit_once('/').map(|(around, _)| around);
        let of_name = |row: &Row| {
            row.element
                .slice
                .as_ref()
                .is_some_and(|(_, other)| Some(other.as_str()) == around)
        };
        let discriminators = |row: &Row| {
            row.element
                .slicing
                .as_ref()
                .map(|slicing| slicing.discriminators.clone())
        };
        // A slice of a slice that is told by the same stands beside it; any other is not known here.
        if let Some((_, outer)) = siblings().find(|(_, row)| of_name(row))
            && discriminators(outer) != self.rows.get(owner).and_then(discriminators)
        {
            return Err(format!("{path}:{name} is a slice of a slice"));
        }
        Ok(Some((owner as u32, name.to_owned())))
    }

    fn row(
        &self,
        value: &Value,
        parent: u32,
        name: &str,
        slice: Option<(u32, String)>,
    ) -> Result<Row, String> {
        let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
        let around = self.rows.get(parent as usize).and_then(|row| row.class);
        let around = around.and_then(|class| self.schema.class(class));
        let stem = name.strip_suffix("[x]").unwrap_or(name);
        let base = around.and_then(|class| {
            class
                .element(stem)
                .or_else(|| class.field(stem).map(|field| field.element))
        });
        let path = text("path");
        if around.is_some() && base.is_none() {
            return Err(format!("R4 has no element {path}"));
        }
        let types = types_of(value);
        let class = base.and_then(|base| self.class_of(base, stem, &types));
        let most = match text("max") {
            "*" => None,
            most => Some(most.parse().map_err(|_| format!("{path} has no max"))?),
        };
        let of_class = class.and_then(|class| self.schema.class(class));
        let element = Element {
            name: stem.to_owned(),
            parent,
            slice,
            least: value.get("min").and_then(Value::as_u64).unwrap_or(0) as u32,
            most,
            fixed: starting(value, "fixed"),
            pattern: starting(value, "pattern"),
            binding: binding_of(value, base),
            longest: value
                .get("maxLength")
                .and_then(Value::as_u64)
                .map(|longest| longest as u32),
            slicing: value
                .get("slicing")
                .map(|slicing| slicing_of(slicing, path))
                .transpose()?,
            constraints: self.constraints(
                value,
                of_class.map_or(&[], |class| &class.constraints),
                base.map_or(&[], |base| &base.constraints),
            ),
            content: None,
            types,
        };
        let content = value.get("contentReference").and_then(Value::as_str);
        let content = content
            .and_then(|content| content.rsplit_once('#'))
            .map(|(_, id)| id.to_owned());
        let adds = adds(&element, base);
        Ok(Row {
            element,
            id: text("id").to_owned(),
            path: path.to_owned(),
            class,
            content,
            adds,
        })
    }

    /// What stands at an element, as far as its types are one.
    fn class_of(&self, base: &schema::Element, stem: &str, types: &[Type]) -> Option<ClassId> {
        let only = types.first().filter(|_| types.len() == 1);
        let is_of = |key: &&schema::Key| {
            *key.name == *stem || only.is_some_and(|of| *key.name == *schema::choice_key(stem, &of.code))
        };
        let key = base.keys.iter().find(is_of).or_else(|| base.keys.first());
        let class = key.map(|key| key.class)?;
        // A slice may say which type of resource stands there.
        let narrower = only.and_then(|of| self.schema.named(&of.code));
        let narrower = narrower.filter(|narrower| self.schema.is_a(*narrower, class));
        Some(narrower.unwrap_or(class))
    }

    /// Constraints that R4 does not ask at this element.
    fn constraints(&self, value: &Value, of_class: &[u32], of_element: &[u32]) -> Vec<Constraint> {
        let known = |key: &str| {
            let mut numbers = of_class.iter().chain(of_element);
            key == "ele-1"
                || key == "ext-1"
                || key.starts_with("txt-")
                || numbers.any(|number| {
                    let constraint = self.schema.constraints.get(*number as usize);
                    constraint.is_some_and(|constraint| *constraint.key == *key)
                })
        };
        let list = value.get("constraint").and_then(Value::as_array);
        let wanted = list.into_iter().flatten().filter_map(|constraint| {
            let text = |key: &str| constraint.get(key).and_then(Value::as_str).unwrap_or_default();
            (!known(text("key"))).then(|| Constraint {
                key: text("key").to_owned(),
                is_warning: text("severity") == "warning",
                text: text("human").to_owned(),
                expression: text("expression").to_owned(),
            })
        });
        wanted.collect()
    }

    /// Elements whose parts are those of another.
    fn contents(&mut self) -> Result<(), String> {
        for number in 0..self.rows.len() {
            let Some(wanted) = self.rows.get(number).and_then(|row| row.content.clone()) else {
                continue;
            };
            let target = self
                .rows
                .iter()
                .position(|row| row.id == wanted || row.path == wanted);
            let target = target.ok_or_else(|| format!("#{wanted} leads nowhere"))?;
            if let Some(row) = self.rows.get_mut(number) {
                row.element.content = Some(target as u32);
            }
        }
        Ok(())
    }

    /// Elements that ask something or have something in them that does, numbered anew.
    fn kept(mut self) -> Vec<Element> {
        loop {
            let is_kept = |number: u32| self.rows.get(number as usize).is_some_and(|row| row.adds);
            let mut more: Vec<u32> = Vec::new();
            for (number, row) in self.rows.iter().enumerate() {
                let element = &row.element;
                if row.adds {
                    more.push(element.parent);
                    more.extend(element.slice.as_ref().map(|(owner, _)| *owner));
                } else if element.content.is_some_and(is_kept) {
                    more.push(number as u32);
                }
            }
            more.retain(|number| !is_kept(*number));
            if more.is_empty() {
                break;
            }
            for number in more {
                if let Some(row) = self.rows.get_mut(number as usize) {
                    row.adds = true;
                }
            }
        }
        let kept: Vec<bool> = self.rows.iter().map(|row| row.adds).collect();
        let mut numbers = vec![0_u32; self.rows.len()];
        let mut next = 0;
        for (number, row) in numbers.iter_mut().zip(&self.rows) {
            *number = next;
            next += u32::from(row.adds);
        }
        let anew = |old: u32| numbers.get(old as usize).copied().unwrap_or(0);
        self.rows
            .into_iter()
            .filter(|row| row.adds)
            .map(|row| Element {
                parent: anew(row.element.parent),
                slice: row.element.slice.map(|(owner, name)| (anew(owner), name)),
                content: row
                    .element
                    .content
                    .filter(|target| kept.get(*target as usize) == Some(&true))
                    .map(anew),
                ..row.element
            })
            .collect()
    }
}

/// Whether an element asks more than R4 does at its place.
fn adds(element: &Element, base: Option<&schema::Element>) -> bool {
    let Some(base) = base else { return true };
    let base_most = if base.is_list { None } else { Some(1) };
    element.slice.is_some()
        || element
            .slicing
            .as_ref()
            .is_some_and(|slicing| slicing.rules == Rules::Closed)
        || element.least != base.least
        || element.most != base_most
        || element.fixed.is_some()
        || element.pattern.is_some()
        || element.binding.is_some()
        || element.longest.is_some()
        || !element.constraints.is_empty()
        || narrows(element, base)
}

/// Whether the types, their profiles or what references may lead to are fewer than in R4.
fn narrows(element: &Element, base: &schema::Element) -> bool {
    let is_own = |address: &String| {
        let core = address.strip_prefix(CORE);
        core.is_none_or(|name| !name.starts_with(|first: char| first.is_ascii_uppercase()))
    };
    let has_own = element
        .types
        .iter()
        .any(|of| of.profiles.iter().chain(&of.targets).any(is_own));
    let has_code = |code: &str| element.types.iter().any(|of| of.code == code);
    let is_fewer =
        base.is_choice && !element.types.is_empty() && base.types.iter().any(|of| !has_code(&of.code));
    let is_resource = base.types.iter().any(|of| *of.code == *"Resource") && !has_code("Resource");
    let targets = element
        .types
        .iter()
        .find(|of| of.code == "Reference")
        .map(|of| &of.targets);
    let of_base = base
        .types
        .iter()
        .find(|of| *of.code == *"Reference")
        .map(|of| &of.targets);
    let has_fewer = match (targets, of_base) {
        (Some(targets), Some(of_base)) if !targets.is_empty() => {
            let is_any = of_base.is_empty() || of_base.iter().any(|target| **target == *"Resource");
            let still_any = targets.iter().any(|target| target.ends_with("/Resource"));
            if is_any {
                !still_any
            } else {
                targets.len() < of_base.len()
            }
        }
        _ => false,
    };
    has_own || is_fewer || (is_resource && !element.types.is_empty()) || has_fewer
}

fn types_of(value: &Value) -> Vec<Type> {
    let list = value.get("type").and_then(Value::as_array);
    let texts = |of: &Value, key: &str| -> Vec<String> {
        let list = of.get(key).and_then(Value::as_array).into_iter().flatten();
        list.filter_map(|text| text.as_str().map(str::to_owned)).collect()
    };
    let of = list.into_iter().flatten().map(|of| Type {
        code: of
            .get("code")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned(),
        profiles: texts(of, "profile"),
        targets: texts(of, "targetProfile"),
    });
    of.collect()
}

/// `fixedUri`, `patternCodeableConcept`: the value as JSON.
fn starting(value: &Value, word: &str) -> Option<String> {
    let fields: &Map<String, Value> = value.as_object()?;
    let is_one = |key: &str| {
        let rest = key.strip_prefix(word);
        rest.is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_uppercase()))
    };
    let found = fields.iter().find(|(key, _)| is_one(key))?;
    Some(found.1.to_string())
}

fn binding_of(value: &Value, base: Option<&schema::Element>) -> Option<Binding> {
    let binding = value.get("binding")?;
    let text = |key: &str| binding.get(key).and_then(Value::as_str);
    let value_set = text("valueSet")?;
    let plain = value_set.split_once('|').map_or(value_set, |(plain, _)| plain);
    let is_of_base = base.is_some_and(|base| base.required.as_deref() == Some(plain));
    let is_required = match text("strength")? {
        "required" if !is_of_base => true,
        "extensible" if !HL7_SETS.iter().any(|prefix| plain.starts_with(prefix)) => false,
        _ => return None,
    };
    Some(Binding {
        is_required,
        value_set: value_set.to_owned(),
    })
}

fn slicing_of(value: &Value, path: &str) -> Result<Slicing, String> {
    let text = |of: &Value, key: &str| of.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut discriminators = Vec::new();
    let list = value.get("discriminator").and_then(Value::as_array);
    for discriminator in list.into_iter().flatten() {
        let (by, way) = (text(discriminator, "type"), text(discriminator, "path"));
        let by = match by.as_str() {
            "value" => By::Value,
            "type" => By::Type,
            "profile" => By::Profile,
            _ => return Err(format!("{path} is sliced by {by}, which is not known here")),
        };
        let is_name = |step: &str| step.chars().all(|c| c.is_ascii_alphanumeric());
        let steps: Vec<String> = way
            .split('.')
            .filter(|step| *step != "$this")
            .map(str::to_owned)
            .collect();
        if steps
            .iter()
            .any(|step| step.is_empty() || !(is_name(step) || step == "resolve()"))
        {
            return Err(format!(
                "{path} is sliced by the path {way}, which is not known here"
            ));
        }
        discriminators.push(Discriminator { by, path: steps });
    }
    let rules = match text(value, "rules").as_str() {
        "closed" => Rules::Closed,
        "openAtEnd" => Rules::OpenAtEnd,
        _ => Rules::Open,
    };
    Ok(Slicing {
        discriminators,
        rules,
        is_ordered: value.get("ordered").and_then(Value::as_bool).unwrap_or(false),
    })
}
