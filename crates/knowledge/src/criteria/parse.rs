//! Reads an expression or a formula by recursive descent. An error says at which byte what was expected.

use super::expression::{Asked, Comparator, Expression, Function, How, Number, Of, Operator};
use super::lex::{Sign, Token, tokens};
use crate::state::{Levels, State};
use std::sync::Arc;
use tsumugi_clinical::{Interpretation, Sex};
use tsumugi_tables::TermKind;
use tsumugi_terminology::{Concept, Vocabulary};

/// Why an expression cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found {found}")]
pub(super) struct ExpressionError {
    /// Byte of the text.
    pub(super) at: usize,
    /// What may stand there.
    pub(super) expected: String,
    /// What stands there.
    pub(super) found: String,
}

/// What an expression may name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope<'a> {
    /// Concepts and tests.
    pub(super) vocabulary: &'a Vocabulary,
    /// Which finding a level of a test is.
    pub(super) levels: &'a Levels,
    /// Formulas that stand before.
    pub(super) formulas: &'a [Arc<str>],
    /// Items that stand before.
    pub(super) items: &'a [Arc<str>],
    /// Whether the sum of the points is known where it stands.
    pub(super) has_points: bool,
}

/// Reads an expression.
pub(super) fn expression(text: &str, scope: Scope<'_>) -> Result<Expression, ExpressionError> {
    let mut parser = Parser::new(text, scope)?;
    let read = parser.either()?;
    parser.end()?;
    Ok(read)
}

/// Reads a formula.
pub(super) fn number(text: &str, scope: Scope<'_>) -> Result<Number, ExpressionError> {
    let mut parser = Parser::new(text, scope)?;
    let read = parser.sum()?;
    parser.end()?;
    Ok(read)
}

/// Expressions nest no deeper.
const DEEPEST: u32 = 24;

/// `at-least` counts no further.
const MOST: u32 = 100;

/// The words that begin a number; a test begins one, too.
const NUMBER_WORDS: [&str; 16] = [
    "age", "score", "previous", "lowest", "highest", "upper", "lower", "ln", "exp", "sqrt", "round", "min",
    "max", "pow", "first", "if",
];

struct Parser<'a> {
    tokens: Vec<Token>,
    next: usize,
    depth: u32,
    scope: Scope<'a>,
}

impl<'a> Parser<'a> {
    fn new(text: &str, scope: Scope<'a>) -> Result<Self, ExpressionError> {
        let tokens = tokens(text).map_err(|(at, found)| ExpressionError {
            at,
            expected: "a word, a number or a sign".to_owned(),
            found: format!("\"{found}\""),
        })?;
        Ok(Self {
            tokens,
            next: 0,
            depth: 0,
            scope,
        })
    }

    fn token(&self) -> Option<&Token> {
        self.tokens.get(self.next).or(self.tokens.last())
    }

    fn sign(&self) -> &Sign {
        self.token().map_or(&Sign::End, |token| &token.sign)
    }

    fn word(&self) -> &str {
        match self.sign() {
            Sign::Word(word) => word,
            _ => "",
        }
    }

    fn error(&self, expected: impl Into<String>) -> ExpressionError {
        ExpressionError {
            at: self.token().map_or(0, |token| token.at),
            expected: expected.into(),
            found: self.sign().named(),
        }
    }

    fn take_mark(&mut self, mark: &str) -> bool {
        let is_it = matches!(self.sign(), Sign::Mark(own) if *own == mark);
        self.next += usize::from(is_it);
        is_it
    }

    fn take_word(&mut self, word: &str) -> bool {
        let is_it = self.word() == word;
        self.next += usize::from(is_it);
        is_it
    }

    fn want_mark(&mut self, mark: &str) -> Result<(), ExpressionError> {
        if self.take_mark(mark) {
            return Ok(());
        }
        Err(self.error(format!("\"{mark}\"")))
    }

    fn end(&self) -> Result<(), ExpressionError> {
        match self.sign() {
            Sign::End => Ok(()),
            _ => Err(self.error("\"and\", \"or\", \"else\" or the end")),
        }
    }

    /// One level further in.
    fn deeper<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, ExpressionError>,
    ) -> Result<T, ExpressionError> {
        if self.depth == DEEPEST {
            return Err(self.error(format!("at most {DEEPEST} levels")));
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }

    fn chain(
        &mut self,
        word: &str,
        one: fn(&mut Self) -> Result<Expression, ExpressionError>,
        join: fn(Vec<Expression>) -> Expression,
    ) -> Result<Expression, ExpressionError> {
        let first = one(self)?;
        let mut all = vec![first];
        while self.take_word(word) {
            all.push(one(self)?);
        }
        Ok(match all.pop() {
            Some(only) if all.is_empty() => only,
            last => join(all.into_iter().chain(last).collect()),
        })
    }

    fn either(&mut self) -> Result<Expression, ExpressionError> {
        self.chain("else", Self::any, Expression::Else)
    }

    fn any(&mut self) -> Result<Expression, ExpressionError> {
        self.chain("or", Self::all, Expression::Any)
    }

    fn all(&mut self) -> Result<Expression, ExpressionError> {
        self.chain("and", Self::unary, Expression::All)
    }

    fn unary(&mut self) -> Result<Expression, ExpressionError> {
        if self.take_word("not") {
            return Ok(Expression::Not(Box::new(self.deeper(Self::unary)?)));
        }
        if matches!(self.sign(), Sign::Mark("(")) {
            return self.deeper(Self::in_brackets);
        }
        let begins_number = match self.sign() {
            Sign::Number(_) | Sign::Mark("-") => true,
            Sign::Word(word) => {
                NUMBER_WORDS.contains(&word.as_str())
                    || word.starts_with("formula.")
                    || word.starts_with("test.")
            }
            _ => false,
        };
        if begins_number {
            return self.deeper(Self::comparison);
        }
        self.named()
    }

    /// Brackets around an expression, or around the first number of a comparison; the error that came further counts.
    fn in_brackets(&mut self) -> Result<Expression, ExpressionError> {
        let start = self.next;
        let as_number = self.comparison();
        let Err(first) = as_number else { return as_number };
        self.next = start;
        self.want_mark("(")?;
        let read = self.either().and_then(|read| self.want_mark(")").map(|()| read));
        read.map_err(|second| if first.at > second.at { first } else { second })
    }

    fn named(&mut self) -> Result<Expression, ExpressionError> {
        const WANTED: &str = "a concept, a comparison, \"not\" or \"(\"";
        let Sign::Word(word) = self.sign().clone() else {
            return Err(self.error(WANTED));
        };
        let how = match word.as_str() {
            "and" | "or" | "else" => return Err(self.error(WANTED)),
            "at-least" => return self.deeper(Self::at_least),
            "sex" => return self.sex(),
            "points" => return self.points(),
            "true" | "false" => {
                self.next += 1;
                return Ok(if word == "true" {
                    Expression::ALWAYS
                } else {
                    Expression::NEVER
                });
            }
            "suspected" => How::Suspected,
            "history" => How::History,
            "ever" => How::Ever,
            "family" => How::Family,
            "taking" => How::Taking,
            _ => How::Now,
        };
        if let Some(id) = word.strip_prefix("item.") {
            let item = self.scope.items.iter().position(|own| own.as_ref() == id);
            let item = item.ok_or_else(|| self.error("an item that stands before"))?;
            self.next += 1;
            return Ok(Expression::Item(item));
        }
        self.next += usize::from(how != How::Now);
        self.asked(how).map(Expression::Holds)
    }

    fn asked(&mut self, how: How) -> Result<Asked, ExpressionError> {
        let is_drug = |concept: &Concept| matches!(concept.kind, TermKind::Drug | TermKind::DrugClass);
        let is_state = |concept: &Concept| !is_drug(concept) && concept.kind != TermKind::Test;
        let concept = match how {
            How::Taking => self.concept("a drug or a class of drugs", is_drug)?,
            _ => self.concept("a concept of the vocabulary", is_state)?,
        };
        Ok(Asked { how, concept })
    }

    fn concept(
        &mut self,
        expected: &str,
        is_right: impl Fn(&Concept) -> bool,
    ) -> Result<Arc<str>, ExpressionError> {
        let concept = self.scope.vocabulary.concept(self.word());
        let concept = concept.filter(|concept| is_right(concept));
        let id = concept.map(|concept| concept.id.as_str().into());
        let id = id.ok_or_else(|| self.error(expected))?;
        self.next += 1;
        Ok(id)
    }

    fn test(&mut self) -> Result<Arc<str>, ExpressionError> {
        self.concept("a test of the vocabulary", |concept| {
            concept.kind == TermKind::Test
        })
    }

    fn at_least(&mut self) -> Result<Expression, ExpressionError> {
        self.next += 1;
        let count = match *self.sign() {
            Sign::Number(count) => (1..=MOST).find(|whole| Comparator::Equal.holds(f64::from(*whole), count)),
            _ => None,
        };
        let Some(count) = count else {
            return Err(self.error("a whole number from 1"));
        };
        self.next += 1;
        self.want_mark("(")?;
        let mut all = vec![self.either()?];
        while self.take_mark(",") {
            all.push(self.either()?);
        }
        if all.len() < count as usize {
            return Err(self.error(format!("at least {count} expressions")));
        }
        if !self.take_mark(")") {
            return Err(self.error("\",\" or \")\""));
        }
        Ok(Expression::AtLeast(count, all))
    }

    fn sex(&mut self) -> Result<Expression, ExpressionError> {
        self.next += 1;
        self.want_mark("=")?;
        let sex = match self.word() {
            "female" => Sex::Female,
            "male" => Sex::Male,
            _ => return Err(self.error("\"female\" or \"male\"")),
        };
        self.next += 1;
        Ok(Expression::Sex(sex))
    }

    fn points(&mut self) -> Result<Expression, ExpressionError> {
        if !self.scope.has_points {
            return Err(self.error("a fact or a value (only results know the points)"));
        }
        self.next += 1;
        let comparator = self.comparator()?;
        let is_negative = self.take_mark("-");
        let Sign::Number(wanted) = *self.sign() else {
            return Err(self.error("a number"));
        };
        self.next += 1;
        let wanted = if is_negative { -wanted } else { wanted };
        Ok(Expression::Points(comparator, wanted))
    }

    fn comparator(&mut self) -> Result<Comparator, ExpressionError> {
        let comparator = match self.sign() {
            Sign::Mark("<") => Comparator::Below,
            Sign::Mark("<=") => Comparator::AtMost,
            Sign::Mark("=") => Comparator::Equal,
            Sign::Mark(">=") => Comparator::AtLeast,
            Sign::Mark(">") => Comparator::Above,
            _ => return Err(self.error("\">=\", \">\", \"<=\", \"<\" or \"=\"")),
        };
        self.next += 1;
        Ok(comparator)
    }

    fn comparison(&mut self) -> Result<Expression, ExpressionError> {
        let left = self.sum()?;
        if let Number::Test(Of::Newest, test) = &left
            && matches!(self.sign(), Sign::Mark("="))
            && let Some(level) = self.level_behind()
        {
            self.next += 2;
            let state = self.scope.levels.canonical(State::of_test(test, level));
            return Ok(Expression::Level {
                test: Arc::clone(test),
                level,
                state,
            });
        }
        let comparator = self.comparator()?;
        let right = self.sum()?;
        Ok(Expression::Compare(left, comparator, right))
    }

    fn level_behind(&self) -> Option<Interpretation> {
        let Some(Sign::Word(word)) = self.tokens.get(self.next + 1).map(|token| &token.sign) else {
            return None;
        };
        Some(match word.as_str() {
            "low" => Interpretation::Low,
            "normal" => Interpretation::Normal,
            "high" => Interpretation::High,
            "positive" => Interpretation::Positive,
            "negative" => Interpretation::Negative,
            _ => return None,
        })
    }

    fn sum(&mut self) -> Result<Number, ExpressionError> {
        let mut left = self.product()?;
        loop {
            let operator = match self.sign() {
                Sign::Mark("+") => Operator::Plus,
                Sign::Mark("-") => Operator::Minus,
                _ => return Ok(left),
            };
            self.next += 1;
            left = Number::Binary(Box::new(left), operator, Box::new(self.product()?));
        }
    }

    fn product(&mut self) -> Result<Number, ExpressionError> {
        let mut left = self.factor()?;
        loop {
            let operator = match self.sign() {
                Sign::Mark("*") => Operator::Times,
                Sign::Mark("/") => Operator::Over,
                _ => return Ok(left),
            };
            self.next += 1;
            left = Number::Binary(Box::new(left), operator, Box::new(self.factor()?));
        }
    }

    fn factor(&mut self) -> Result<Number, ExpressionError> {
        if self.take_mark("-") {
            let zero = Box::new(Number::Literal(0.0));
            let other = Box::new(self.deeper(Self::factor)?);
            return Ok(Number::Binary(zero, Operator::Minus, other));
        }
        if self.take_mark("(") {
            let inner = self.deeper(Self::sum)?;
            self.want_mark(")")?;
            return Ok(inner);
        }
        match self.sign().clone() {
            Sign::Number(number) => {
                self.next += 1;
                Ok(Number::Literal(number))
            }
            Sign::Word(word) => self.deeper(|parser| parser.number_word(&word)),
            _ => Err(self.error("a number, a test, \"age\" or a function")),
        }
    }

    fn number_word(&mut self, word: &str) -> Result<Number, ExpressionError> {
        if word.starts_with("test.") {
            return Ok(Number::Test(Of::Newest, self.test()?));
        }
        if let Some(id) = word.strip_prefix("formula.") {
            let formula = self.scope.formulas.iter().position(|own| own.as_ref() == id);
            let formula = formula.ok_or_else(|| self.error("a formula that stands before"))?;
            self.next += 1;
            return Ok(Number::Formula(formula));
        }
        let of = match word {
            "previous" => Some(Of::Previous),
            "lowest" => Some(Of::Lowest),
            "highest" => Some(Of::Highest),
            "upper" => Some(Of::Upper),
            "lower" => Some(Of::Lower),
            _ => None,
        };
        if let Some(of) = of {
            self.next += 1;
            return Ok(Number::Test(of, self.test()?));
        }
        let (function, wanted) = match word {
            "age" => {
                self.next += 1;
                return Ok(Number::Age);
            }
            "score" => {
                let last = self.scope.formulas.len().checked_sub(1);
                let last = last.ok_or_else(|| self.error("another value (there is no formula before)"))?;
                self.next += 1;
                return Ok(Number::Formula(last));
            }
            "if" => return self.choice(),
            "ln" => (Function::Ln, 1),
            "exp" => (Function::Exp, 1),
            "sqrt" => (Function::Sqrt, 1),
            "round" => (Function::Round, 1),
            "min" => (Function::Min, 2),
            "max" => (Function::Max, 2),
            "pow" => (Function::Pow, 2),
            "first" => (Function::First, 2),
            _ => return Err(self.error("a number, a test, \"age\" or a function")),
        };
        self.call(function, wanted)
    }

    fn call(&mut self, function: Function, wanted: usize) -> Result<Number, ExpressionError> {
        self.next += 1;
        self.want_mark("(")?;
        let mut values = vec![self.sum()?];
        while self.take_mark(",") {
            values.push(self.sum()?);
        }
        let may_be_more = matches!(function, Function::Min | Function::Max | Function::First);
        let fits = values.len() == wanted || (may_be_more && values.len() > wanted);
        if !fits {
            return Err(self.error(format!("{wanted} values")));
        }
        self.want_mark(")")?;
        Ok(Number::Call(function, values))
    }

    fn choice(&mut self) -> Result<Number, ExpressionError> {
        self.next += 1;
        self.want_mark("(")?;
        let condition = self.either()?;
        self.want_mark(",")?;
        let one = self.sum()?;
        self.want_mark(",")?;
        let other = self.sum()?;
        self.want_mark(")")?;
        Ok(Number::If(Box::new(condition), Box::new(one), Box::new(other)))
    }
}
