//! Text to tree.

use super::functions::Function;
use crate::patterns;
use regex::Regex;

/// Longest expression, in bytes.
const LONGEST: usize = 20_000;
/// Deepest nesting.
const DEEPEST: usize = 60;

/// A parsed expression.
#[derive(Debug)]
pub(crate) struct Expression {
    pub(super) root: Expr,
}

impl Expression {
    /// Parses an expression.
    ///
    /// # Errors
    /// What is not known here, or where it is no FHIRPath: one sentence without a full stop.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > LONGEST {
            return Err(format!("longer than {LONGEST} bytes"));
        }
        let mut parser = Parser {
            tokens: tokens_of(text)?,
            at: 0,
            depth: 0,
        };
        let root = parser.level(0)?;
        match parser.tokens.get(parser.at) {
            None => Ok(Self { root }),
            Some(token) => Err(format!("{} is not expected", token.word())),
        }
    }
}

/// A part of an expression. A target that is not there is the focus.
#[derive(Debug)]
pub(super) enum Expr {
    Empty,
    This,
    Variable(Variable),
    Text(Box<str>),
    Time(Box<str>),
    Bool(bool),
    Number(f64),
    Whole(i64),
    Member(Option<Box<Expr>>, Box<str>),
    Index(Box<Expr>, Box<Expr>),
    Call(Call),
    Typed(TypeOperator, Option<Box<Expr>>, Box<str>),
    Binary(Operator, Box<Expr>, Box<Expr>),
    Negative(Box<Expr>),
}

/// A function with what it is called on.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) target: Option<Box<Expr>>,
    pub(super) function: Function,
    pub(super) arguments: Vec<Expr>,
    /// The regular expression, where it is written out.
    pub(super) pattern: Option<Regex>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Variable {
    Context,
    Resource,
    RootResource,
    Ucum,
    Loinc,
    Snomed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TypeOperator {
    Is,
    As,
    OfType,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Implies,
    Or,
    Xor,
    And,
    In,
    Contains,
    Equal,
    Unequal,
    Like,
    Unlike,
    Less,
    AtMost,
    More,
    AtLeast,
    Union,
    Plus,
    Minus,
    Join,
    Times,
    By,
    Div,
    Mod,
}

/// Operators that hold less than those of the next line.
const LEVELS: [&[(&str, Operator)]; 9] = [
    &[("implies", Operator::Implies)],
    &[("or", Operator::Or), ("xor", Operator::Xor)],
    &[("and", Operator::And)],
    &[("in", Operator::In), ("contains", Operator::Contains)],
    &[
        ("=", Operator::Equal),
        ("!=", Operator::Unequal),
        ("~", Operator::Like),
        ("!~", Operator::Unlike),
    ],
    &[
        ("<=", Operator::AtMost),
        (">=", Operator::AtLeast),
        ("<", Operator::Less),
        (">", Operator::More),
    ],
    &[("|", Operator::Union)],
    &[
        ("+", Operator::Plus),
        ("-", Operator::Minus),
        ("&", Operator::Join),
    ],
    &[
        ("*", Operator::Times),
        ("/", Operator::By),
        ("div", Operator::Div),
        ("mod", Operator::Mod),
    ],
];
/// The level behind which `is` and `as` stand: tighter than `|`.
const TYPES: usize = 7;

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Name(String),
    /// A name in back ticks: never a keyword.
    Quoted(String),
    Text(String),
    Time(String),
    Number(String),
    Symbol(&'static str),
    Variable(String),
    Special(String),
}

impl Token {
    fn word(&self) -> String {
        match self {
            Self::Symbol(symbol) => (*symbol).to_owned(),
            Self::Name(word) | Self::Quoted(word) | Self::Number(word) | Self::Time(word) => word.clone(),
            Self::Text(text) => format!("'{text}'"),
            Self::Variable(name) => format!("%{name}"),
            Self::Special(name) => format!("${name}"),
        }
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Result<Token, String> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token.ok_or_else(|| "it ends too early".to_owned())
    }

    fn takes(&mut self, symbol: &str) -> bool {
        let is_there = matches!(self.peek(), Some(Token::Symbol(found)) if *found == symbol);
        self.at += usize::from(is_there);
        is_there
    }

    fn wants(&mut self, symbol: &str) -> Result<(), String> {
        if self.takes(symbol) {
            return Ok(());
        }
        let found = self.peek().map_or_else(|| "the end".to_owned(), Token::word);
        Err(format!("{symbol} wanted, {found} found"))
    }

    /// The operator of a level that stands here.
    fn operator(&self, level: usize) -> Option<Operator> {
        let word = match self.peek()? {
            Token::Symbol(symbol) => symbol,
            Token::Name(name) => name.as_str(),
            _ => return None,
        };
        let known = LEVELS.get(level)?.iter().find(|(known, _)| *known == word)?;
        Some(known.1)
    }

    fn level(&mut self, level: usize) -> Result<Expr, String> {
        if level >= LEVELS.len() {
            return self.unary();
        }
        self.depth += 1;
        if self.depth > DEEPEST * LEVELS.len() {
            return Err("nested too deep".to_owned());
        }
        let mut left = self.level(level + 1)?;
        loop {
            if level == TYPES
                && let Some(operator) = self.type_operator()
            {
                self.at += 1;
                left = Expr::Typed(operator, Some(Box::new(left)), self.type_name()?);
            } else if let Some(operator) = self.operator(level) {
                self.at += 1;
                let right = self.level(level + 1)?;
                left = Expr::Binary(operator, Box::new(left), Box::new(right));
            } else {
                self.depth -= 1;
                return Ok(left);
            }
        }
    }

    fn type_operator(&self) -> Option<TypeOperator> {
        match self.peek()? {
            Token::Name(name) if name == "is" => Some(TypeOperator::Is),
            Token::Name(name) if name == "as" => Some(TypeOperator::As),
            _ => None,
        }
    }

    fn type_name(&mut self) -> Result<Box<str>, String> {
        let (Token::Name(mut name) | Token::Quoted(mut name)) = self.next()? else {
            return Err("the name of a type wanted".to_owned());
        };
        if (name == "FHIR" || name == "System") && self.takes(".") {
            let (Token::Name(rest) | Token::Quoted(rest)) = self.next()? else {
                return Err("the name of a type wanted".to_owned());
            };
            name = if name == "FHIR" {
                rest
            } else {
                format!("System.{rest}")
            };
        }
        Ok(name.into())
    }

    fn unary(&mut self) -> Result<Expr, String> {
        if self.takes("-") {
            return Ok(Expr::Negative(Box::new(self.postfix()?)));
        }
        self.takes("+");
        self.postfix()
    }

    fn postfix(&mut self) -> Result<Expr, String> {
        let mut left = self.term()?;
        loop {
            if self.takes(".") {
                left = self.invocation(Some(Box::new(left)))?;
            } else if self.takes("[") {
                let index = self.level(0)?;
                self.wants("]")?;
                left = Expr::Index(Box::new(left), Box::new(index));
            } else {
                return Ok(left);
            }
        }
    }

    fn term(&mut self) -> Result<Expr, String> {
        match self.peek() {
            Some(Token::Name(name)) if name == "true" || name == "false" => {
                let is_true = name == "true";
                self.at += 1;
                return Ok(Expr::Bool(is_true));
            }
            Some(Token::Name(_) | Token::Quoted(_)) => return self.invocation(None),
            _ => {}
        }
        match self.next()? {
            Token::Symbol("(") => {
                let inside = self.level(0)?;
                self.wants(")")?;
                Ok(inside)
            }
            Token::Symbol("{") => {
                self.wants("}")?;
                Ok(Expr::Empty)
            }
            Token::Text(text) => Ok(Expr::Text(text.into())),
            Token::Time(text) => Ok(Expr::Time(text.into())),
            Token::Number(digits) => number(&digits),
            Token::Special(name) if name == "this" => Ok(Expr::This),
            Token::Variable(name) => variable(&name).map(Expr::Variable),
            other => Err(format!("{} is not known here", other.word())),
        }
    }

    fn invocation(&mut self, target: Option<Box<Expr>>) -> Result<Expr, String> {
        let token = self.next()?;
        let name = match token {
            Token::Name(name) => name,
            Token::Quoted(name) => return Ok(Expr::Member(target, name.into())),
            Token::Special(name) if name == "this" && target.is_none() => return Ok(Expr::This),
            other => return Err(format!("{} is not expected behind a point", other.word())),
        };
        if !self.takes("(") {
            return Ok(Expr::Member(target, name.into()));
        }
        let by_type = match name.as_str() {
            "is" => Some(TypeOperator::Is),
            "as" => Some(TypeOperator::As),
            "ofType" => Some(TypeOperator::OfType),
            _ => None,
        };
        if let Some(operator) = by_type {
            let of = self.type_name()?;
            self.wants(")")?;
            return Ok(Expr::Typed(operator, target, of));
        }
        let function =
            Function::named(&name).ok_or_else(|| format!("the function {name}() is not known here"))?;
        let mut arguments = Vec::new();
        if !self.takes(")") {
            loop {
                arguments.push(self.level(0)?);
                if !self.takes(",") {
                    break;
                }
            }
            self.wants(")")?;
        }
        call(target, function, &name, arguments)
    }
}

fn call(
    target: Option<Box<Expr>>,
    function: Function,
    name: &str,
    arguments: Vec<Expr>,
) -> Result<Expr, String> {
    if !function.takes().contains(&arguments.len()) {
        return Err(format!("{name}() does not take {} arguments", arguments.len()));
    }
    let pattern = match (function, arguments.first()) {
        (Function::Matches | Function::ReplaceMatches, Some(Expr::Text(pattern))) => Some(
            patterns::partly(pattern).map_err(|_| format!("{name}() has no usable regular expression"))?,
        ),
        _ => None,
    };
    Ok(Expr::Call(Call {
        target,
        function,
        arguments,
        pattern,
    }))
}

fn number(digits: &str) -> Result<Expr, String> {
    if digits.contains('.') {
        digits
            .parse()
            .map(Expr::Number)
            .map_err(|_| format!("{digits} is no number"))
    } else {
        digits
            .parse()
            .map(Expr::Whole)
            .map_err(|_| format!("{digits} is no number"))
    }
}

fn variable(name: &str) -> Result<Variable, String> {
    Ok(match name {
        "context" => Variable::Context,
        "resource" => Variable::Resource,
        "rootResource" => Variable::RootResource,
        "ucum" => Variable::Ucum,
        "loinc" => Variable::Loinc,
        "sct" => Variable::Snomed,
        _ => return Err(format!("%{name} is not known here")),
    })
}

/// Signs, longer ones first.
const SYMBOLS: [&str; 23] = [
    "!=", "!~", "<=", ">=", "(", ")", "[", "]", "{", "}", ".", ",", "=", "~", "<", ">", "|", "+", "-", "&",
    "*", "/", "!",
];

fn tokens_of(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let Some(first) = rest.chars().next() else {
            return Ok(tokens);
        };
        if let Some(comment) = rest.strip_prefix("//") {
            rest = comment.split_once('\n').map_or("", |(_, behind)| behind);
            continue;
        }
        let (token, behind) = match first {
            '\'' | '`' | '"' => {
                let (content, behind) = quoted(rest, first)?;
                let token = if first == '\'' {
                    Token::Text(content)
                } else {
                    Token::Quoted(content)
                };
                (token, behind)
            }
            '@' => {
                let (word, behind) = word_of(rest.strip_prefix('@').unwrap_or(""), |c| {
                    c.is_ascii_alphanumeric() || "-:+.".contains(c)
                });
                (
                    Token::Time(word.strip_prefix('T').unwrap_or(word).to_owned()),
                    behind,
                )
            }
            '%' | '$' => {
                let (word, behind) = word_of(rest.get(1..).unwrap_or(""), is_of_name);
                let token = if first == '%' {
                    Token::Variable
                } else {
                    Token::Special
                };
                (token(word.to_owned()), behind)
            }
            _ if first.is_ascii_digit() => digits_of(rest),
            _ if is_of_name(first) => {
                let (word, behind) = word_of(rest, is_of_name);
                (Token::Name(word.to_owned()), behind)
            }
            _ => {
                let symbol = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol));
                let symbol = symbol.ok_or_else(|| format!("the sign {first} is not known here"))?;
                (Token::Symbol(symbol), rest.get(symbol.len()..).unwrap_or(""))
            }
        };
        tokens.push(token);
        rest = behind;
    }
}

fn is_of_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

fn word_of(text: &str, is_part: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|character| !is_part(character)).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// Digits, and a fraction where a digit stands behind the point.
fn digits_of(text: &str) -> (Token, &str) {
    let (whole, behind) = word_of(text, |c| c.is_ascii_digit());
    if let Some(fraction) = behind.strip_prefix('.') {
        let (digits, rest) = word_of(fraction, |c| c.is_ascii_digit());
        if !digits.is_empty() {
            return (Token::Number(format!("{whole}.{digits}")), rest);
        }
    }
    (Token::Number(whole.to_owned()), behind)
}

/// What stands between two signs, with its escapes read. An unknown escape stays as it is.
fn quoted(text: &str, sign: char) -> Result<(String, &str), String> {
    let mut content = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        if character == sign {
            let behind = text.get(at + character.len_utf8()..).unwrap_or("");
            return Ok((content, behind));
        }
        if character != '\\' {
            content.push(character);
            continue;
        }
        match characters.next().map(|(_, escaped)| escaped) {
            Some('n') => content.push('\n'),
            Some('r') => content.push('\r'),
            Some('t') => content.push('\t'),
            Some('f') => content.push('\u{c}'),
            Some('u') => {
                let digits: String = characters.by_ref().take(4).map(|(_, digit)| digit).collect();
                let code = u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32);
                content.push(code.ok_or("no such character behind \\u")?);
            }
            Some(escaped @ ('\'' | '"' | '`' | '\\' | '/')) => content.push(escaped),
            Some(other) => content.extend(['\\', other]),
            None => break,
        }
    }
    Err(format!("the closing {sign} is missing"))
}
