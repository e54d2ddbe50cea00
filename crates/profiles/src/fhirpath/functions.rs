//! The functions.

use super::compare::{equal, key_of};
use super::eval::{Evaluator, Item, Stop, Values, as_integer, as_number, as_text, flag, single};
use super::parse::Call;
use crate::narrative;
use crate::patterns;
use crate::schema::Kind;
use std::borrow::Cow;
use std::ops::RangeInclusive;

macro_rules! functions {
    ($($variant:ident $name:literal $arguments:expr,)*) => {
        /// A function that is known here.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Function {
            $($variant,)*
        }

        impl Function {
            /// By its name in an expression.
            pub(super) fn named(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// How many arguments it takes.
            pub(super) fn takes(self) -> RangeInclusive<usize> {
                match self {
                    $(Self::$variant => $arguments,)*
                }
            }
        }

        /// Names of all functions.
        #[cfg(test)]
        pub(super) const NAMES: &[&str] = &[$($name,)*];
    };
}

functions! {
    All "all" 1..=1,
    AllFalse "allFalse" 0..=0,
    AllTrue "allTrue" 0..=0,
    AnyFalse "anyFalse" 0..=0,
    AnyTrue "anyTrue" 0..=0,
    Children "children" 0..=0,
    Combine "combine" 1..=1,
    Contains "contains" 1..=1,
    Count "count" 0..=0,
    Descendants "descendants" 0..=0,
    Distinct "distinct" 0..=0,
    Empty "empty" 0..=0,
    EndsWith "endsWith" 1..=1,
    Exclude "exclude" 1..=1,
    Exists "exists" 0..=1,
    Extension "extension" 1..=1,
    First "first" 0..=0,
    GetValue "getValue" 0..=0,
    HasValue "hasValue" 0..=0,
    HtmlChecks "htmlChecks" 0..=0,
    Iif "iif" 2..=3,
    IndexOf "indexOf" 1..=1,
    Intersect "intersect" 1..=1,
    IsDistinct "isDistinct" 0..=0,
    Last "last" 0..=0,
    Length "length" 0..=0,
    Lower "lower" 0..=0,
    Matches "matches" 1..=1,
    Not "not" 0..=0,
    Replace "replace" 2..=2,
    ReplaceMatches "replaceMatches" 2..=2,
    Resolve "resolve" 0..=0,
    Select "select" 1..=1,
    Single "single" 0..=0,
    Skip "skip" 1..=1,
    StartsWith "startsWith" 1..=1,
    Substring "substring" 1..=2,
    Tail "tail" 0..=0,
    Take "take" 1..=1,
    ToDecimal "toDecimal" 0..=0,
    ToInteger "toInteger" 0..=0,
    ToText "toString" 0..=0,
    Trace "trace" 1..=2,
    Trim "trim" 0..=0,
    Union "union" 1..=1,
    Upper "upper" 0..=0,
    Where "where" 1..=1,
}

impl<'a> Evaluator<'a> {
    /// Calls a function on what its target gave.
    pub(super) fn call(
        &self,
        call: &'a Call,
        input: Values<'a>,
        this: &Item<'a>,
    ) -> Result<Values<'a>, Stop> {
        use Function as F;
        match call.function {
            F::All | F::Exists | F::Select | F::Where => self.each(call, input),
            F::AllTrue | F::AllFalse | F::AnyTrue | F::AnyFalse => flags(call.function, &input),
            F::Empty => Ok(vec![Item::Bool(input.is_empty())]),
            F::Count => Ok(vec![whole(input.len())]),
            F::First | F::Single => {
                if call.function == F::Single && input.len() > 1 {
                    return Err(Stop::NotSingle);
                }
                Ok(input.into_iter().take(1).collect())
            }
            F::Last => Ok(input.into_iter().last().into_iter().collect()),
            F::Tail => Ok(input.into_iter().skip(1).collect()),
            F::Skip | F::Take => {
                let number = self.number(call, 0, this)?.map_or(0, count);
                Ok(if call.function == F::Skip {
                    input.into_iter().skip(number).collect()
                } else {
                    input.into_iter().take(number).collect()
                })
            }
            F::Distinct => self.distinct(input),
            F::IsDistinct => {
                let before = input.len();
                Ok(vec![Item::Bool(self.distinct(input)?.len() == before)])
            }
            F::Combine | F::Union | F::Intersect | F::Exclude => {
                let other = self.argument(call, 0, this)?;
                self.sets(call.function, input, other)
            }
            F::Children => self.children(&input),
            F::Descendants => self.descendants(&input),
            F::Trace => Ok(input),
            F::Iif => self.iif(call, &input),
            F::Not => {
                let flag = flag(&input)?;
                Ok(flag.map(|flag| Item::Bool(!flag)).into_iter().collect())
            }
            F::HasValue => Ok(vec![Item::Bool(
                input.len() == 1 && input.first().is_some_and(|item| self.has_value(item)),
            )]),
            F::GetValue => Ok(input.into_iter().filter(|item| self.has_value(item)).collect()),
            F::Extension => self.extension(call, &input, this),
            F::Resolve => Ok(self.resolve(&input)),
            F::HtmlChecks => Ok(vec![Item::Bool(self.html_checks(&input))]),
            F::ToInteger | F::ToDecimal | F::ToText => convert(call.function, &input),
            _ => self.text(call, &input, this),
        }
    }

    fn argument(&self, call: &'a Call, number: usize, this: &Item<'a>) -> Result<Values<'a>, Stop> {
        match call.arguments.get(number) {
            Some(argument) => self.eval(argument, std::slice::from_ref(this), this),
            None => Ok(Vec::new()),
        }
    }

    fn number(&self, call: &'a Call, number: usize, this: &Item<'a>) -> Result<Option<i64>, Stop> {
        let values = self.argument(call, number, this)?;
        Ok(single(&values)?.and_then(as_integer))
    }

    /// Functions that evaluate their argument for each item.
    fn each(&self, call: &'a Call, input: Values<'a>) -> Result<Values<'a>, Stop> {
        let Some(criterion) = call.arguments.first() else {
            return Ok(vec![Item::Bool(!input.is_empty())]);
        };
        let mut kept = Vec::new();
        for item in input {
            let found = self.eval(criterion, std::slice::from_ref(&item), &item)?;
            if call.function == Function::Select {
                kept.extend(found);
                continue;
            }
            let is_so = flag(&found)? == Some(true);
            match call.function {
                Function::All if !is_so => return Ok(vec![Item::Bool(false)]),
                Function::Exists if is_so => return Ok(vec![Item::Bool(true)]),
                Function::Where if is_so => kept.push(item),
                _ => {}
            }
        }
        Ok(match call.function {
            Function::All => vec![Item::Bool(true)],
            Function::Exists => vec![Item::Bool(false)],
            _ => kept,
        })
    }

    fn iif(&self, call: &'a Call, input: &[Item<'a>]) -> Result<Values<'a>, Stop> {
        let this = input.first().cloned().unwrap_or(Item::Nothing);
        let at = |number: usize| match call.arguments.get(number) {
            Some(argument) => self.eval(argument, input, &this),
            None => Ok(Vec::new()),
        };
        let is_so = flag(&at(0)?)? == Some(true);
        at(if is_so { 1 } else { 2 })
    }

    pub(super) fn distinct(&self, input: Values<'a>) -> Result<Values<'a>, Stop> {
        let mut seen = rustc_hash::FxHashSet::default();
        let mut kept: Values<'a> = Vec::with_capacity(input.len());
        let mut others: Values<'a> = Vec::new();
        for item in input {
            if let Some(key) = key_of(&item) {
                if seen.insert(key) {
                    kept.push(item);
                }
                continue;
            }
            self.step(others.len() as u32)?;
            if !others.iter().any(|other| equal(self, other, &item) == Some(true)) {
                others.push(item.clone());
                kept.push(item);
            }
        }
        Ok(kept)
    }

    fn sets(&self, function: Function, input: Values<'a>, other: Values<'a>) -> Result<Values<'a>, Stop> {
        if matches!(function, Function::Combine | Function::Union) {
            let mut all = input;
            all.extend(other);
            return if function == Function::Union {
                self.distinct(all)
            } else {
                Ok(all)
            };
        }
        self.step((input.len() as u32).saturating_mul(other.len() as u32))?;
        let is_wanted = function == Function::Intersect;
        let kept = input.into_iter().filter(|item| {
            let is_there = other.iter().any(|other| equal(self, item, other) == Some(true));
            is_there == is_wanted
        });
        let kept: Values<'a> = kept.collect();
        if is_wanted { self.distinct(kept) } else { Ok(kept) }
    }

    fn has_value(&self, item: &Item<'a>) -> bool {
        match item {
            Item::Node(node) => node.value.is_some() && self.world.schema.is_primitive(node.class),
            Item::Nothing => false,
            _ => true,
        }
    }

    fn extension(&self, call: &'a Call, input: &[Item<'a>], this: &Item<'a>) -> Result<Values<'a>, Stop> {
        let wanted = self.argument(call, 0, this)?;
        let Some(wanted) = single(&wanted)?.and_then(as_text) else {
            return Ok(Vec::new());
        };
        let mut found = self.member(input, "extension")?;
        found.retain(|item| {
            let Item::Node(node) = item else { return false };
            let url = node.value.and_then(|value| value.get("url"));
            url.and_then(|url| url.as_str()) == Some(&*wanted)
        });
        Ok(found)
    }

    /// The narrative's own rules: nothing but what XHTML of a narrative may hold, and something in it.
    fn html_checks(&self, input: &[Item<'a>]) -> bool {
        input.iter().all(|item| match item {
            Item::Node(node) => match self.world.schema.class(node.class).map(|class| &class.kind) {
                Some(Kind::Primitive(_)) => {
                    let text = node.value.and_then(|value| value.as_str());
                    text.is_none_or(|text| narrative::faults(&self.world.schema.narrative, text).is_empty())
                }
                _ => true,
            },
            _ => true,
        })
    }

    /// Functions on one text.
    fn text(&self, call: &'a Call, input: &[Item<'a>], this: &Item<'a>) -> Result<Values<'a>, Stop> {
        use Function as F;
        let Some(text) = single(input)?.and_then(as_text) else {
            return Ok(Vec::new());
        };
        let mut given = Vec::new();
        for number in 0..call.arguments.len() {
            let values = self.argument(call, number, this)?;
            given.push(single(&values)?.cloned());
        }
        let word = |number: usize| given.get(number).and_then(Option::as_ref).and_then(as_text);
        let number = |number: usize| given.get(number).and_then(Option::as_ref).and_then(as_integer);
        let made = |text: String| vec![Item::Text(Cow::Owned(text))];
        Ok(match call.function {
            F::Length => vec![whole(text.chars().count())],
            F::Lower => made(text.to_lowercase()),
            F::Upper => made(text.to_uppercase()),
            F::Trim => made(text.trim().to_owned()),
            F::Substring => match number(0).map(usize::try_from) {
                Some(Ok(start)) if start < text.chars().count() => {
                    let length = if call.arguments.len() > 1 {
                        number(1).map_or(0, count)
                    } else {
                        usize::MAX
                    };
                    made(text.chars().skip(start).take(length).collect())
                }
                _ => Vec::new(),
            },
            F::Matches | F::ReplaceMatches => self.by_pattern(call, &text, &word)?,
            _ => {
                let Some(other) = word(0) else {
                    return Ok(Vec::new());
                };
                match call.function {
                    F::StartsWith => vec![Item::Bool(text.starts_with(&*other))],
                    F::EndsWith => vec![Item::Bool(text.ends_with(&*other))],
                    F::Contains => vec![Item::Bool(text.contains(&*other))],
                    F::IndexOf => vec![text.find(&*other).map_or(Item::Whole(-1), |at| {
                        whole(text.get(..at).map_or(0, |before| before.chars().count()))
                    })],
                    F::Replace => word(1)
                        .map(|with| made(text.replace(&*other, &with)))
                        .unwrap_or_default(),
                    _ => Vec::new(),
                }
            }
        })
    }

    fn by_pattern<'w>(
        &self,
        call: &'a Call,
        text: &str,
        word: &dyn Fn(usize) -> Option<Cow<'w, str>>,
    ) -> Result<Values<'a>, Stop> {
        self.step(text.len() as u32 / 64)?;
        let made;
        let pattern = match (&call.pattern, word(0)) {
            (Some(pattern), _) => pattern,
            (None, Some(text)) => {
                made = patterns::partly(&text).map_err(|_| Stop::Pattern)?;
                &made
            }
            (None, None) => return Ok(Vec::new()),
        };
        if call.function == Function::Matches {
            return Ok(vec![Item::Bool(pattern.is_match(text))]);
        }
        let Some(with) = word(1) else {
            return Ok(Vec::new());
        };
        let replaced = pattern.replace_all(text, with.as_ref()).into_owned();
        Ok(vec![Item::Text(Cow::Owned(replaced))])
    }
}

/// Whether all flags, or any, are so.
fn flags<'a>(function: Function, input: &[Item<'a>]) -> Result<Values<'a>, Stop> {
    let wanted = matches!(function, Function::AllTrue | Function::AnyTrue);
    let is_all = matches!(function, Function::AllTrue | Function::AllFalse);
    for item in input {
        let is_wanted = flag(std::slice::from_ref(item))? == Some(wanted);
        if is_wanted != is_all {
            return Ok(vec![Item::Bool(!is_all)]);
        }
    }
    Ok(vec![Item::Bool(is_all)])
}

fn whole<'a>(count: usize) -> Item<'a> {
    Item::Whole(i64::try_from(count).unwrap_or(i64::MAX))
}

/// A number of things; what is negative is none.
fn count(number: i64) -> usize {
    usize::try_from(number.max(0)).unwrap_or(usize::MAX)
}

/// Texts and numbers into each other; what cannot be read is nothing.
fn convert<'a>(function: Function, input: &[Item<'a>]) -> Result<Values<'a>, Stop> {
    let Some(item) = single(input)? else {
        return Ok(Vec::new());
    };
    let made = match function {
        Function::ToInteger => as_integer(item)
            .or_else(|| as_text(item).and_then(|text| text.parse().ok()))
            .map(Item::Whole),
        Function::ToDecimal => as_number(item)
            .or_else(|| as_text(item).and_then(|text| text.parse().ok()))
            .map(Item::Number),
        _ => key_of(item)
            .and_then(|key| key.get(1..).map(str::to_owned))
            .map(|text| Item::Text(Cow::Owned(text))),
    };
    Ok(made.into_iter().collect())
}
