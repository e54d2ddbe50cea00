//! The tree over a resource.
//!
//! A value that is not there is an empty list, and what is decided by it is empty too (three-valued logic). A
//! constraint whose result is empty is not broken: `reference.startsWith('#').not()` is empty where there is no reference,
//! and R4 writes its rules so. What must stand is said by cardinality.

use super::MOST_STEPS;
use super::compare::{compare, equal};
use super::functions::Function;
use super::parse::{Call, Expr, Expression, Operator, TypeOperator, Variable};
use crate::references::References;
use crate::schema::{ClassId, Node, Schema};
use serde_json::Value;
use std::borrow::Cow;
use std::cell::{Cell, OnceCell};
use std::cmp::Ordering;

/// Where an expression is asked.
#[derive(Clone, Copy)]
pub(crate) struct World<'a> {
    pub(crate) schema: &'a Schema,
    /// `%resource`: the resource that the element stands in.
    pub(crate) resource: Node<'a>,
    /// `%rootResource`: the same, or what contains it.
    pub(crate) root: Node<'a>,
    /// What references lead to.
    pub(crate) references: &'a References<'a>,
}

/// What a constraint says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    Holds,
    Fails,
    /// Why it could not be evaluated.
    Unknown(String),
}

impl<'a> World<'a> {
    /// Asks a constraint at an element.
    pub(crate) fn holds(&self, expression: &'a Expression, node: Node<'a>) -> Verdict {
        let evaluator = Evaluator::new(*self, node);
        match evaluator.top(expression).and_then(|values| flag(&values)) {
            Ok(Some(false)) => Verdict::Fails,
            Ok(_) => Verdict::Holds,
            Err(stop) => Verdict::Unknown(stop.to_string()),
        }
    }

    /// What an expression gives at an element, as JSON; for tests.
    #[cfg(test)]
    pub(crate) fn values(&self, expression: &'a Expression, node: Node<'a>) -> Result<Vec<Value>, String> {
        let evaluator = Evaluator::new(*self, node);
        let values = evaluator.top(expression).map_err(|stop| stop.to_string())?;
        Ok(values
            .into_iter()
            .map(|item| match item {
                Item::Node(node) => node.value.cloned().unwrap_or_default(),
                Item::Text(text) | Item::Time(text) => Value::from(text.into_owned()),
                Item::Bool(flag) => Value::from(flag),
                Item::Whole(number) => Value::from(number),
                Item::Number(number) => Value::from(number),
                Item::Nothing => Value::Null,
            })
            .collect())
    }
}

/// A value of a list.
#[derive(Debug, Clone)]
pub(super) enum Item<'a> {
    Node(Node<'a>),
    Text(Cow<'a, str>),
    Time(Cow<'a, str>),
    Bool(bool),
    Whole(i64),
    Number(f64),
    /// `$this` of an empty list.
    Nothing,
}

pub(super) type Values<'a> = Vec<Item<'a>>;

/// Why an evaluation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Stop {
    #[error("one value was wanted, there are several")]
    NotSingle,
    #[error("more than {MOST_STEPS} steps")]
    Steps,
    #[error("a regular expression that cannot be used")]
    Pattern,
    #[error("values that this operator does not take")]
    Operands,
}

/// One evaluation.
pub(super) struct Evaluator<'a> {
    pub(super) world: World<'a>,
    context: Item<'a>,
    steps: Cell<u32>,
    /// Everything in `%resource`: constraints ask for it several times.
    all: OnceCell<Values<'a>>,
}

impl<'a> Evaluator<'a> {
    fn new(world: World<'a>, node: Node<'a>) -> Self {
        Self {
            world,
            context: Item::Node(node),
            steps: Cell::new(0),
            all: OnceCell::new(),
        }
    }

    fn top(&self, expression: &'a Expression) -> Result<Values<'a>, Stop> {
        self.eval(
            &expression.root,
            std::slice::from_ref(&self.context),
            &self.context,
        )
    }

    pub(super) fn step(&self, more: u32) -> Result<(), Stop> {
        let steps = self.steps.get().saturating_add(more);
        self.steps.set(steps);
        if steps > MOST_STEPS {
            Err(Stop::Steps)
        } else {
            Ok(())
        }
    }

    /// What an expression gives. Names without a target are of the focus.
    pub(super) fn eval(
        &self,
        expr: &'a Expr,
        focus: &[Item<'a>],
        this: &Item<'a>,
    ) -> Result<Values<'a>, Stop> {
        self.step(1)?;
        let target = |target: &'a Option<Box<Expr>>| match target {
            Some(target) => self.eval(target, focus, this),
            None => Ok(focus.to_vec()),
        };
        Ok(match expr {
            Expr::Empty => Vec::new(),
            Expr::This => vec![this.clone()],
            Expr::Variable(variable) => vec![self.variable(*variable)],
            Expr::Text(text) => vec![Item::Text(Cow::Borrowed(text))],
            Expr::Time(text) => vec![Item::Time(Cow::Borrowed(text))],
            Expr::Bool(flag) => vec![Item::Bool(*flag)],
            Expr::Whole(number) => vec![Item::Whole(*number)],
            Expr::Number(number) => vec![Item::Number(*number)],
            Expr::Member(None, name) => {
                if self.names_type(focus, name) {
                    focus.to_vec()
                } else {
                    self.member(focus, name)?
                }
            }
            Expr::Member(Some(of), name) => match &**of {
                Expr::Call(call) if asks_all(call) => self.member(self.all()?, name)?,
                of => self.member(&self.eval(of, focus, this)?, name)?,
            },
            Expr::Index(of, index) => {
                let values = self.eval(of, focus, this)?;
                let index = self.eval(index, focus, this)?;
                let index = single(&index)?.and_then(as_integer);
                let found = index.and_then(|index| values.get(usize::try_from(index).ok()?));
                found.cloned().into_iter().collect()
            }
            Expr::Call(call) if asks_all(call) => self.all()?.clone(),
            Expr::Call(call) => self.call(call, target(&call.target)?, this)?,
            Expr::Typed(operator, of, name) => match of.as_deref() {
                Some(Expr::Call(call)) if asks_all(call) => self.typed(*operator, self.all()?, name)?,
                _ => self.typed(*operator, &target(of)?, name)?,
            },
            Expr::Negative(of) => match single(&self.eval(of, focus, this)?)? {
                Some(Item::Whole(number)) => vec![Item::Whole(-number)],
                Some(item) => as_number(item)
                    .map(|number| Item::Number(-number))
                    .into_iter()
                    .collect(),
                None => Vec::new(),
            },
            Expr::Binary(operator, left, right) => self.binary(*operator, (left, right), focus, this)?,
        })
    }

    fn variable(&self, variable: Variable) -> Item<'a> {
        match variable {
            Variable::Context => self.context.clone(),
            Variable::Resource => Item::Node(self.world.resource),
            Variable::RootResource => Item::Node(self.world.root),
            Variable::Ucum => Item::Text(Cow::Borrowed("http://unitsofmeasure.org")),
            Variable::Loinc => Item::Text(Cow::Borrowed("http://loinc.org")),
            Variable::Snomed => Item::Text(Cow::Borrowed("http://snomed.info/sct")),
        }
    }

    /// Whether a name at the head of a path is the type of what is in focus.
    fn names_type(&self, focus: &[Item<'a>], name: &str) -> bool {
        if !name.starts_with(|first: char| first.is_ascii_uppercase()) {
            return false;
        }
        let Some(wanted) = self.world.schema.named(name) else {
            return false;
        };
        matches!(focus, [Item::Node(node)] if self.world.schema.is_a(node.class, wanted))
    }

    /// The elements of a name.
    pub(super) fn member(&self, of: &[Item<'a>], name: &str) -> Result<Values<'a>, Stop> {
        self.step(of.len() as u32)?;
        let schema = self.world.schema;
        let mut found = Vec::new();
        for item in of {
            if let Item::Node(node) = item
                && let Some(element) = schema.class(node.class).and_then(|class| class.element(name))
            {
                schema.each_of(*node, element, |_, _, node| found.push(Item::Node(node)));
            }
        }
        Ok(found)
    }

    /// Everything right inside.
    pub(super) fn children(&self, of: &[Item<'a>]) -> Result<Values<'a>, Stop> {
        let schema = self.world.schema;
        let mut found = Vec::new();
        for item in of {
            let Item::Node(node) = item else { continue };
            let Some(class) = schema.class(node.class) else {
                continue;
            };
            let Some(Value::Object(fields)) = schema.inside(*node) else {
                continue;
            };
            for (key, value) in fields {
                let (name, is_extra) = match key.strip_prefix('_') {
                    Some(name) if !fields.contains_key(name) => (name, true),
                    Some(_) => continue,
                    None => (key.as_str(), false),
                };
                let Some(field) = class.field(name) else { continue };
                let of = field.key.class;
                let extra = if schema.is_primitive(of) {
                    fields.get(&*field.key.extra)
                } else {
                    None
                };
                let value = if is_extra { None } else { Some(value) };
                schema.each_at(value, extra, of, |_, node| found.push(Item::Node(node)));
            }
        }
        self.step(found.len() as u32)?;
        Ok(found)
    }

    /// Everything inside, at any depth.
    pub(super) fn descendants(&self, of: &[Item<'a>]) -> Result<Values<'a>, Stop> {
        let mut all = Vec::new();
        let mut level = self.children(of)?;
        while !level.is_empty() {
            let below = self.children(&level)?;
            all.extend(level);
            level = below;
        }
        Ok(all)
    }

    fn all(&self) -> Result<&Values<'a>, Stop> {
        if let Some(all) = self.all.get() {
            return Ok(all);
        }
        let all = self.descendants(&[Item::Node(self.world.resource)])?;
        Ok(self.all.get_or_init(|| all))
    }

    /// What references lead to; what leads nowhere here is left out.
    pub(super) fn resolve(&self, of: &[Item<'a>]) -> Values<'a> {
        let targets = of.iter().filter_map(|item| {
            let Item::Node(node) = item else { return None };
            let value = node.value?;
            let address = value.as_str().or_else(|| value.get("reference")?.as_str())?;
            self.world.references.target(self.world.root, address)
        });
        targets.map(Item::Node).collect()
    }

    fn typed(&self, operator: TypeOperator, of: &[Item<'a>], name: &str) -> Result<Values<'a>, Stop> {
        self.step(of.len() as u32)?;
        let wanted = Wanted::new(self.world.schema, name);
        if operator == TypeOperator::Is {
            let is = single(of)?.map(|item| wanted.is(self.world.schema, item));
            return Ok(is.map(Item::Bool).into_iter().collect());
        }
        let is_one = |item: &&Item<'a>| wanted.is(self.world.schema, item);
        Ok(of.iter().filter(is_one).cloned().collect())
    }

    fn binary(
        &self,
        operator: Operator,
        (left, right): (&'a Expr, &'a Expr),
        focus: &[Item<'a>],
        this: &Item<'a>,
    ) -> Result<Values<'a>, Stop> {
        use Operator as O;
        let left = self.eval(left, focus, this)?;
        let right = || self.eval(right, focus, this);
        let decided: Option<bool> = match operator {
            O::And | O::Or | O::Xor | O::Implies => logic(operator, &left, right)?,
            O::Equal | O::Unequal | O::Like | O::Unlike => self.equality(operator, &left, &right()?),
            O::Less | O::AtMost | O::More | O::AtLeast => self.order(operator, &left, &right()?)?,
            O::In => {
                let right = right()?;
                single(&left)?.map(|item| self.is_among(item, &right))
            }
            O::Contains => single(&right()?)?.map(|item| self.is_among(item, &left)),
            O::Union => {
                let mut all = left;
                all.extend(right()?);
                return self.distinct(all);
            }
            _ => return arithmetic(operator, &left, &right()?),
        };
        Ok(decided.map(Item::Bool).into_iter().collect())
    }

    fn is_among(&self, item: &Item<'a>, list: &[Item<'a>]) -> bool {
        list.iter().any(|other| equal(self, item, other) == Some(true))
    }

    fn equality(&self, operator: Operator, left: &[Item<'a>], right: &[Item<'a>]) -> Option<bool> {
        let is_like = matches!(operator, Operator::Like | Operator::Unlike);
        let same = if is_like && (left.is_empty() || right.is_empty()) {
            Some(left.is_empty() && right.is_empty())
        } else if left.is_empty() || right.is_empty() {
            None
        } else if left.len() != right.len() {
            Some(false)
        } else {
            let pairs = left.iter().zip(right);
            pairs
                .map(|(left, right)| equal(self, left, right))
                .try_fold(true, |all, same| Some(all && same?))
        };
        match operator {
            Operator::Equal | Operator::Like => same,
            _ => same.map(|same| !same),
        }
    }

    fn order(&self, operator: Operator, left: &[Item<'a>], right: &[Item<'a>]) -> Result<Option<bool>, Stop> {
        let (Some(left), Some(right)) = (single(left)?, single(right)?) else {
            return Ok(None);
        };
        let order = compare(self, left, right)?;
        Ok(order.map(|order| match operator {
            Operator::Less => order == Ordering::Less,
            Operator::AtMost => order != Ordering::Greater,
            Operator::More => order == Ordering::Greater,
            _ => order != Ordering::Less,
        }))
    }
}

/// Three-valued logic; the right side is asked where the left one does not decide.
fn logic<'a>(
    operator: Operator,
    left: &[Item<'a>],
    right: impl Fn() -> Result<Values<'a>, Stop>,
) -> Result<Option<bool>, Stop> {
    let left = flag(left)?;
    match (operator, left) {
        (Operator::Or, Some(true)) => return Ok(Some(true)),
        (Operator::And, Some(false)) => return Ok(Some(false)),
        (Operator::Implies, Some(false)) => return Ok(Some(true)),
        _ => {}
    }
    let right = flag(&right()?)?;
    Ok(match operator {
        Operator::Or if right == Some(true) => Some(true),
        Operator::And if right == Some(false) => Some(false),
        Operator::Implies if right == Some(true) => Some(true),
        Operator::Xor => left.zip(right).map(|(left, right)| left != right),
        Operator::Implies => left.zip(right).map(|(_, right)| right),
        Operator::Or => left.zip(right).map(|(left, right)| left || right),
        _ => left.zip(right).map(|(left, right)| left && right),
    })
}

/// The type that `is` and `as` name.
struct Wanted<'n> {
    class: Option<ClassId>,
    /// Without `System`.
    name: &'n str,
}

impl<'n> Wanted<'n> {
    fn new(schema: &Schema, name: &'n str) -> Self {
        let name = name.strip_prefix("System.").unwrap_or(name);
        let lower = || {
            let mut lower = name.to_owned();
            lower.get_mut(..1)?.make_ascii_lowercase();
            schema.named(&lower)
        };
        Self {
            class: schema.named(name).or_else(lower),
            name,
        }
    }

    fn is(&self, schema: &Schema, item: &Item<'_>) -> bool {
        match item {
            Item::Node(node) => self.class.is_some_and(|wanted| schema.is_a(node.class, wanted)),
            Item::Text(_) => self.name.eq_ignore_ascii_case("string"),
            Item::Time(_) => self.name.to_ascii_lowercase().contains("date"),
            Item::Bool(_) => self.name.eq_ignore_ascii_case("boolean"),
            Item::Whole(_) => self.name.eq_ignore_ascii_case("integer"),
            Item::Number(_) => self.name.eq_ignore_ascii_case("decimal"),
            Item::Nothing => false,
        }
    }
}

/// Whether a call asks for everything in `%resource`.
fn asks_all(call: &Call) -> bool {
    call.function == Function::Descendants
        && matches!(call.target.as_deref(), Some(Expr::Variable(Variable::Resource)))
}

/// A list as truth: one flag is itself, one value of another kind is true, none is open.
pub(super) fn flag(values: &[Item<'_>]) -> Result<Option<bool>, Stop> {
    Ok(single(values)?.map(|item| match item {
        Item::Bool(flag) => *flag,
        Item::Node(node) => node.value.and_then(Value::as_bool).unwrap_or(true),
        _ => true,
    }))
}

/// The one value of a list; several are an error.
pub(super) fn single<'i, 'a>(values: &'i [Item<'a>]) -> Result<Option<&'i Item<'a>>, Stop> {
    match values {
        [] => Ok(None),
        [item] => Ok(Some(item)),
        _ => Err(Stop::NotSingle),
    }
}

/// A value as text, where it is one.
pub(super) fn as_text<'i>(item: &'i Item<'_>) -> Option<Cow<'i, str>> {
    match item {
        Item::Node(node) => node.value?.as_str().map(Cow::Borrowed),
        Item::Text(text) | Item::Time(text) => Some(Cow::Borrowed(text)),
        _ => None,
    }
}

/// A value as a number.
pub(super) fn as_number(item: &Item<'_>) -> Option<f64> {
    match item {
        Item::Node(node) => node.value?.as_f64(),
        Item::Whole(number) => Some(*number as f64),
        Item::Number(number) => Some(*number),
        _ => None,
    }
}

/// A value as a whole number.
pub(super) fn as_integer(item: &Item<'_>) -> Option<i64> {
    match item {
        Item::Node(node) => node.value?.as_i64(),
        Item::Whole(number) => Some(*number),
        _ => None,
    }
}

fn arithmetic<'a>(operator: Operator, left: &[Item<'a>], right: &[Item<'a>]) -> Result<Values<'a>, Stop> {
    let (left, right) = (single(left)?, single(right)?);
    if operator == Operator::Join {
        let text = |item: Option<&Item<'a>>| item.and_then(as_text).unwrap_or_default().into_owned();
        return Ok(vec![Item::Text(Cow::Owned(text(left) + &text(right)))]);
    }
    let (Some(left), Some(right)) = (left, right) else {
        return Ok(Vec::new());
    };
    if operator == Operator::Plus
        && let (Some(left), Some(right)) = (as_text(left), as_text(right))
    {
        return Ok(vec![Item::Text(Cow::Owned(left.into_owned() + &right))]);
    }
    if let (Some(left), Some(right)) = (as_integer(left), as_integer(right)) {
        let whole = match operator {
            Operator::Plus => left.checked_add(right),
            Operator::Minus => left.checked_sub(right),
            Operator::Times => left.checked_mul(right),
            Operator::Div => left.checked_div(right),
            Operator::Mod => left.checked_rem(right),
            _ => None,
        };
        if whole.is_some() || matches!(operator, Operator::Div | Operator::Mod) {
            return Ok(whole.map(Item::Whole).into_iter().collect());
        }
    }
    let (Some(left), Some(right)) = (as_number(left), as_number(right)) else {
        return Err(Stop::Operands);
    };
    let made = match operator {
        Operator::Plus => left + right,
        Operator::Minus => left - right,
        Operator::Times => left * right,
        Operator::By => left / right,
        Operator::Div => (left / right).trunc(),
        _ => left % right,
    };
    Ok(made
        .is_finite()
        .then_some(Item::Number(made))
        .into_iter()
        .collect())
}
