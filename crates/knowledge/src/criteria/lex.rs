//! The words and signs of an expression, each with its place.

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Sign {
    /// A keyword, a concept, an item.
    Word(String),
    /// A number.
    Number(f64),
    /// A sign of one or two characters.
    Mark(&'static str),
    /// No more.
    End,
}

impl Sign {
    /// How it is named in a message.
    pub(super) fn named(&self) -> String {
        match self {
            Self::Word(word) => format!("\"{word}\""),
            Self::Number(number) => format!("\"{number}\""),
            Self::Mark(mark) => format!("\"{mark}\""),
            Self::End => "the end".to_owned(),
        }
    }
}

/// A token.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    /// Its first byte.
    pub(super) at: usize,
    /// What it is.
    pub(super) sign: Sign,
}

/// The tokens of a text, the last one the end; the byte of a character that belongs to none, and the character.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, (usize, char)> {
    let mut tokens = Vec::new();
    let mut rest = text.char_indices().peekable();
    while let Some((at, first)) = rest.next() {
        if first.is_whitespace() {
            continue;
        }
        if first.is_ascii_alphanumeric() {
            let mut word = String::from(first);
            while let Some((_, next)) = rest.next_if(|(_, next)| is_of_word(*next)) {
                word.push(next);
            }
            let number = word.parse().ok().filter(|_| first.is_ascii_digit());
            let sign = number.map_or(Sign::Word(word), Sign::Number);
            tokens.push(Token { at, sign });
            continue;
        }
        let is_wide = matches!(first, '<' | '>') && rest.next_if(|(_, next)| *next == '=').is_some();
        let mark = mark(first, is_wide).ok_or((at, first))?;
        tokens.push(Token {
            at,
            sign: Sign::Mark(mark),
        });
    }
    tokens.push(Token {
        at: text.len(),
        sign: Sign::End,
    });
    Ok(tokens)
}

fn is_of_word(next: char) -> bool {
    next.is_ascii_alphanumeric() || matches!(next, '-' | '.')
}

fn mark(first: char, is_wide: bool) -> Option<&'static str> {
    Some(match (first, is_wide) {
        ('<', true) => "<=",
        ('>', true) => ">=",
        ('<', false) => "<",
        ('>', false) => ">",
        ('=', _) => "=",
        ('(', _) => "(",
        (')', _) => ")",
        (',', _) => ",",
        ('+', _) => "+",
        ('-', _) => "-",
        ('*', _) => "*",
        ('/', _) => "/",
        _ => return None,
    })
}
