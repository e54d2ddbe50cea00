//! Cuts a sentence into tokens: the best cover by forms of the lexicon, numbers, and what is left between them.
//!
//! The lexicon finds every form; a shortest path over the characters picks the cover with the fewest tokens and the
//! fewest unread characters, so that the longest meaningful names win and a name inside another word does not count.

use crate::rules::{Discourse, NearWord, OneReading, Rules, Term, kinds_of, mark};
use crate::sentence::Item;
use crate::staging::{self, Staging};
use crate::tagger::{Infos, Lattice};
use tsumugi_clinical::Span;
use tsumugi_tables::{Lexicon, Match};

/// A token of a sentence; offsets are characters of the sentence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Token {
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) kind: TokenKind,
    /// What its form means, as bits; none for tokens that are no form.
    pub(crate) marks: u32,
}

/// Kind of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// A form of the lexicon, by its index.
    Form(u32),
    /// A decimal number (commas of thousands allowed).
    Number,
    /// Characters nobody knows, or punctuation.
    Other,
}

/// A sentence cut into tokens.
pub(crate) struct Tokens<'a> {
    pub(crate) lexicon: &'a Lexicon<Term>,
    pub(crate) rules: &'a Rules,
    pub(crate) chars: &'a [char],
    pub(crate) list: Vec<Token>,
    /// What phrases of discourse say, wherever they stand.
    pub(crate) discourse: Vec<Discourse>,
    /// Stages, grades, classes and types as they are written.
    pub(crate) stagings: Vec<Staging>,
}

/// Memory that is used again from sentence to sentence.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    matches: Vec<Match>,
    best: Vec<Step>,
    /// Lists of a sentence that nobody keeps.
    tokens: Vec<Token>,
    pub(crate) items: Vec<Item>,
    pub(crate) joined: Vec<Item>,
    pub(crate) infos: Infos,
    pub(crate) lattice: Lattice,
}

impl<'a> Tokens<'a> {
    /// Cuts a sentence.
    pub(crate) fn cut(
        lexicon: &'a Lexicon<Term>,
        rules: &'a Rules,
        chars: &'a [char],
        scratch: &mut Scratch,
    ) -> Self {
        scratch.search(lexicon, chars);
        let mut list = scratch.cover(chars);
        choose_readings(lexicon, rules, chars, &mut list);
        let (mut discourse, mut stagings) = (Vec::new(), Vec::new());
        let stands_anywhere = |found: &&Match| found.marks & ANYWHERE != 0;
        for found in scratch.matches.iter().filter(stands_anywhere) {
            if found.marks & mark::STAGING != 0 {
                stagings.push(*found);
            }
            for term in lexicon.terms(found.form) {
                if let Term::Discourse(kind) = term {
                    discourse.push(*kind);
                }
            }
        }
        let mut tokens = Self {
            lexicon,
            rules,
            chars,
            list,
            discourse,
            stagings: Vec::new(),
        };
        if !stagings.is_empty() {
            tokens.stagings = staging::find(&tokens, &stagings);
            tokens.forget_parts();
        }
        tokens
    }

    /// A piece of a staging of several parts is no name (M1 in cT4N1M1).
    fn forget_parts(&mut self) {
        let of_parts = self.stagings.iter().filter(|staging| staging.has_parts());
        let spans: Vec<Span> = of_parts.map(|staging| staging.span).collect();
        for token in &mut self.list {
            let span = Span::new(token.start, token.end);
            if token.marks & mark::CONCEPT != 0 && spans.iter().any(|whole| whole.contains(span)) {
                token.kind = TokenKind::Other;
                token.marks = 0;
            }
        }
    }

    /// Gives the list back to the memory that is used again.
    pub(crate) fn give_back(self, scratch: &mut Scratch) {
        scratch.tokens = self.list;
    }

    pub(crate) fn get(&self, index: usize) -> Option<Token> {
        self.list.get(index).copied()
    }

    /// What a token means, in the order of the tables.
    pub(crate) fn terms(&self, token: Token) -> &'a [Term] {
        match token.kind {
            TokenKind::Form(form) => self.lexicon.terms(form),
            _ => &[],
        }
    }

    /// Whether the token at `index` means something of the kinds of these marks.
    pub(crate) fn is(&self, index: usize, marks: u32) -> bool {
        self.get(index).is_some_and(|token| token.marks & marks != 0)
    }

    /// The first meaning of the token at `index` that `pick` accepts.
    pub(crate) fn find<T>(&self, index: usize, pick: impl FnMut(&'a Term) -> Option<T>) -> Option<T> {
        self.get(index)
            .and_then(|token| self.terms(token).iter().find_map(pick))
    }

    /// The characters of a stretch.
    pub(crate) fn slice(&self, start: u32, end: u32) -> &'a [char] {
        self.chars.get(start as usize..end as usize).unwrap_or(&[])
    }

    /// The text of a token.
    pub(crate) fn text(&self, token: Token) -> String {
        spelled(self.slice(token.start, token.end))
    }

    /// The number a token is, without its commas.
    pub(crate) fn number(&self, index: usize) -> Option<String> {
        let token = self.get(index)?;
        (token.kind == TokenKind::Number).then(|| {
            self.slice(token.start, token.end)
                .iter()
                .filter(|c| **c != ',')
                .collect()
        })
    }

    /// Whether the token at `index` is a number.
    pub(crate) fn is_number(&self, index: usize) -> bool {
        self.get(index)
            .is_some_and(|token| token.kind == TokenKind::Number)
    }

    /// Whether the token at `index` is exactly this character, unread.
    pub(crate) fn is_char(&self, index: usize, wanted: impl Fn(char) -> bool) -> bool {
        self.get(index)
            .is_some_and(|token| match self.slice(token.start, token.end) {
                [c] => token.kind == TokenKind::Other && wanted(*c),
                _ => false,
            })
    }

    /// Index of the first token at or after `index` that is no blank.
    pub(crate) fn skip_blanks(&self, mut index: usize) -> usize {
        while self.is_char(index, |c| c == ' ') {
            index += 1;
        }
        index
    }
}

/// The characters as a text, which is made in one piece.
pub(crate) fn spelled(chars: &[char]) -> String {
    let mut text = String::with_capacity(chars.iter().map(|c| c.len_utf8()).sum());
    text.extend(chars);
    text
}

/// Gives every ambiguous form the reading for which most words of the sentence speak; the first one when none does.
fn choose_readings(lexicon: &Lexicon<Term>, rules: &Rules, chars: &[char], list: &mut [Token]) {
    let mut present: Option<u64> = None;
    for token in list {
        let TokenKind::Form(form) = token.kind else {
            continue;
        };
        if token.marks & mark::AMBIGUOUS == 0 {
            continue;
        }
        let readings = rules.ambiguous.get(&form).map_or(&[][..], Vec::as_slice);
        let present = *present.get_or_insert_with(|| kinds_of(chars));
        let (before, behind) = (
            chars.get(..token.start as usize).unwrap_or(&[]),
            chars.get(token.end as usize..).unwrap_or(&[]),
        );
        let says = |word: &NearWord| {
            if word.kinds & !present != 0 {
                return false;
            }
            let word = &word.chars;
            let Some(first) = word.first() else { return false };
            let begins = |text: &[char], at: usize| text.get(at..).is_some_and(|rest| rest.starts_with(word));
            let stands_in =
                |text: &[char]| (0..text.len()).any(|at| text.get(at) == Some(first) && begins(text, at));
            stands_in(before) || stands_in(behind)
        };
        let votes = |reading: &OneReading| reading.near.iter().filter(|word| says(word)).count();
        // Of equals the first: the last maximum of the reversed list.
        if let Some(best) = readings.iter().rev().max_by_key(|reading| votes(reading)) {
            token.kind = TokenKind::Form(best.form);
            token.marks = lexicon.marks(best.form) & !mark::STAGING;
        }
    }
}

/// Cost of one unread character, of one form, of a form no grammar can use alone. A form must beat reading its
/// characters one by one, and one long form must beat two short ones.
const COST_UNREAD: u32 = 12;
const COST_UNREAD_KANA: u32 = 5;
const COST_FORM: u32 = 10;
const COST_WEAK_FORM: u32 = 11;
/// Of a value or unit that is written with marks alone (↑, ℃): less than one unread mark.
const COST_SIGN: u32 = 4;
const COST_NUMBER: u32 = 8;

#[derive(Debug, Clone, Copy)]
struct Step {
    cost: u32,
    from: u32,
    kind: TokenKind,
    marks: u32,
}

const UNREACHED: Step = Step {
    cost: u32::MAX,
    from: 0,
    kind: TokenKind::Other,
    marks: 0,
};

impl Scratch {
    /// Finds all matches of the sentence, ordered by start.
    fn search(&mut self, lexicon: &Lexicon<Term>, chars: &[char]) {
        self.matches.clear();
        lexicon.find(chars, &mut self.matches);
    }

    /// The cheapest cover of the sentence.
    fn cover(&mut self, chars: &[char]) -> Vec<Token> {
        let Self { matches, best, .. } = self;
        let tokens = std::mem::take(&mut self.tokens);
        best.clear();
        best.resize(chars.len() + 1, UNREACHED);
        if let Some(first) = best.first_mut() {
            first.cost = 0;
        }
        let mut next_match = 0;
        for (start, c) in chars.iter().enumerate() {
            let here = best.get(start).map_or(u32::MAX, |step| step.cost);
            let form_before = best
                .get(start)
                .filter(|step| matches!(step.kind, TokenKind::Form(_)))
                .map_or(0, |step| start as u32 - step.from);
            while let Some(found) = matches
                .get(next_match)
                .filter(|found| found.start as usize <= start)
            {
                next_match += 1;
                if here != u32::MAX
                    && let Some(cost) = form_cost(found.marks, || letters(chars, start, found.end))
                    && is_word(chars, matches, found, form_before)
                {
                    let kind = TokenKind::Form(found.form);
                    relax(
                        best,
                        start,
                        found.end,
                        here + cost,
                        kind,
                        found.marks & !mark::STAGING,
                    );
                }
            }
            if here == u32::MAX {
                continue;
            }
            if let Some(end) = number_end(chars, start) {
                relax(best, start, end, here + COST_NUMBER, TokenKind::Number, 0);
            }
            relax(
                best,
                start,
                start as u32 + 1,
                here + unread_cost(*c),
                TokenKind::Other,
                0,
            );
        }
        trace(best, tokens)
    }
}

fn relax(best: &mut [Step], from: usize, end: u32, cost: u32, kind: TokenKind, marks: u32) {
    if let Some(step) = best.get_mut(end as usize)
        && (cost < step.cost || (cost == step.cost && matches!(kind, TokenKind::Form(_))))
    {
        *step = Step {
            cost,
            from: from as u32,
            kind,
            marks,
        };
    }
}

/// The tokens of the cheapest cover, in a list that is emptied for them.
fn trace(best: &[Step], mut tokens: Vec<Token>) -> Vec<Token> {
    tokens.clear();
    let mut end = best.len().saturating_sub(1);
    while end > 0 {
        let Some(step) = best.get(end) else { break };
        tokens.push(Token {
            start: step.from,
            end: end as u32,
            kind: step.kind,
            marks: step.marks,
        });
        end = step.from as usize;
    }
    tokens.reverse();
    tokens
}

/// Marks of forms that count wherever they stand.
const ANYWHERE: u32 = mark::DISCOURSE | mark::STAGING;

/// Whether a stretch has anything but signs; the marks of ASCII (`-`, `+`) join words as well and are none.
fn letters(chars: &[char], start: usize, end: u32) -> bool {
    let stretch = chars.get(start..end as usize).unwrap_or_default();
    stretch
        .iter()
        .any(|c| c.is_ascii() || class(*c) != CharClass::Mark)
}

/// What a form costs; none for forms that take no part in the cover.
fn form_cost(marks: u32, has_letters: impl FnOnce() -> bool) -> Option<u32> {
    const SIGN: u32 = mark::UNIT | mark::VALUE;
    const WEAK: u32 = mark::MODIFIER | mark::TIME | mark::USAGE | SIGN;
    match marks & !ANYWHERE {
        0 => None,
        sign if sign & !SIGN == 0 && !has_letters() => Some(COST_SIGN),
        weak if weak & !WEAK == 0 => Some(COST_WEAK_FORM),
        _ => Some(COST_FORM),
    }
}

fn unread_cost(c: char) -> u32 {
    match class(c) {
        CharClass::Kanji | CharClass::Katakana | CharClass::Latin | CharClass::Digit => COST_UNREAD,
        _ => COST_UNREAD_KANA,
    }
}

/// Scripts, as far as the ends of words show in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CharClass {
    Kanji,
    Hiragana,
    Katakana,
    Latin,
    Digit,
    Mark,
}

pub(crate) fn class(c: char) -> CharClass {
    match c {
        '0'..='9' => CharClass::Digit,
        'a'..='z' | 'A'..='Z' | '\u{0370}'..='\u{03FF}' => CharClass::Latin,
        '\u{3041}'..='\u{309F}' => CharClass::Hiragana,
        '\u{30A1}'..='\u{30FA}' | '\u{30FC}' => CharClass::Katakana,
        '\u{4E00}'..='\u{9FFF}' | '\u{3400}'..='\u{4DBF}' | '\u{3005}' => CharClass::Kanji,
        _ => CharClass::Mark,
    }
}

/// Particles and copulas after which a kana word may begin.
fn is_particle(c: char) -> bool {
    matches!(
        c,
        '\u{306F}'
            | '\u{304C}'
            | '\u{3082}'
            | '\u{3092}'
            | '\u{306E}'
            | '\u{306B}'
            | '\u{3067}'
            | '\u{3068}'
            | '\u{3084}'
            | '\u{3078}'
            | '\u{3057}'
    )
}

/// Whether a match stands as a word of its own, judged by the script of its ends and neighbours.
fn is_word(chars: &[char], matches: &[Match], found: &Match, form_before: u32) -> bool {
    let marks = found.marks;
    let after_form = form_before > 0;
    let (start, end) = (found.start as usize, found.end as usize);
    let before = start
        .checked_sub(1)
        .and_then(|index| chars.get(index))
        .map(|c| (*c, class(*c)));
    let after = chars.get(end).map(|c| (*c, class(*c)));
    let (Some(first), Some(last)) = (chars.get(start), chars.get(end - 1)) else {
        return false;
    };
    if marks & mark::BLOCKER != 0 {
        return true;
    }
    let same = |a: char, b: Option<(char, CharClass)>| b.is_some_and(|(_, kind)| kind == class(a));
    let is_unit = marks & (mark::UNIT | mark::USAGE) != 0;
    if marks & mark::CIRCUMSTANCE != 0
        && class(*first) == CharClass::Katakana
        && speaks_of_named(chars, matches, start)
    {
        return false;
    }
    match class(*first) {
        // Latin words are not read out of one another: both must be long, or one a unit (500mgIV).
        CharClass::Latin
            if same(*first, before)
                && !(after_form && (is_unit || (form_before >= 3 && end - start >= 3))) =>
        {
            return false;
        }
        CharClass::Latin if !is_unit && before.is_some_and(|(_, kind)| kind == CharClass::Digit) => {
            let spelled = end - start >= 3;
            if !spelled && !after_form {
                return false;
            }
        }
        CharClass::Digit if same(*first, before) || before.is_some_and(|(c, _)| c == '.') => return false,
        CharClass::Katakana if same(*first, before) && !after_form => return false,
        CharClass::Hiragana
            if end - start <= 3
                && same(*first, before)
                && !after_form
                && !before.is_some_and(|(c, _)| is_particle(c)) =>
        {
            return false;
        }
        CharClass::Kanji if end - start == 1 && !after_form => {
            let inside_word =
                before.is_some_and(|(_, kind)| matches!(kind, CharClass::Kanji | CharClass::Katakana));
            if inside_word {
                return false;
            }
        }
        _ => {}
    }
    match class(*last) {
        CharClass::Latin if same(*last, after) => follows_form(matches, chars, end),
        CharClass::Digit if same(*last, after) => false,
        CharClass::Katakana if same(*last, after) => follows_form(matches, chars, end),
        CharClass::Kanji if end - start == 1 && same(*last, after) => {
            single_kanji_may_join(marks) && follows_form(matches, chars, end)
        }
        _ => true,
    }
}

/// 「ペニシリンアレルギーなし」 「牛乳に対するアレルギーはない」 speak of what is named before them, and are no record without any
/// allergy.
fn speaks_of_named(chars: &[char], matches: &[Match], start: usize) -> bool {
    const LONGEST_TOWARDS: usize = 4;
    const TOWARDS: [char; 2] = ['\u{306B}', '\u{3078}'];
    const AGAINST: char = '\u{5BFE}';
    let ends_name = |end: usize| {
        let is_name = |other: &Match| other.end as usize == end && other.marks & mark::CONCEPT != 0;
        matches.iter().any(is_name)
    };
    let is_towards = |end: &usize| {
        let gap = chars.get(*end..start).unwrap_or(&[]);
        gap.first().is_some_and(|c| TOWARDS.contains(c))
            && gap
                .iter()
                .all(|c| class(*c) == CharClass::Hiragana || *c == AGAINST)
    };
    ends_name(start)
        || (start.saturating_sub(LONGEST_TOWARDS)..start)
            .filter(is_towards)
            .any(ends_name)
}

/// One-character sites and modifiers open compounds (肺結節, 右膝); one-character findings (熱, 痛) do not.
fn single_kanji_may_join(marks: u32) -> bool {
    const MAY_JOIN: u32 =
        mark::MODIFIER | mark::RELATIVE | mark::TIME | mark::UNIT | mark::USAGE | mark::SITE;
    marks & MAY_JOIN != 0
}

/// Whether some form starts exactly at `at`: then a word of the same script may end there.
fn follows_form(matches: &[Match], chars: &[char], at: usize) -> bool {
    let latin = chars.get(at).is_some_and(|c| class(*c) == CharClass::Latin);
    let first = matches.partition_point(|found| (found.start as usize) < at);
    let from_here = matches
        .iter()
        .skip(first)
        .take_while(|found| found.start as usize == at);
    from_here
        .into_iter()
        .filter(|found| found.marks & !mark::STAGING != 0)
        .any(|found| !latin || found.end - found.start >= 2)
}

/// End of the decimal number that starts here; none inside a longer number.
pub(crate) fn number_end(chars: &[char], start: usize) -> Option<u32> {
    let digit = |index: usize| chars.get(index).is_some_and(char::is_ascii_digit);
    if !digit(start) || (start > 0 && digit(start - 1)) {
        return None;
    }
    let mut end = start;
    while digit(end) {
        end += 1;
    }
    while chars.get(end) == Some(&',') && (1..=3).all(|ahead| digit(end + ahead)) && !digit(end + 4) {
        end += 4;
    }
    if chars.get(end) == Some(&'.') && digit(end + 1) {
        end += 1;
        while digit(end) {
            end += 1;
        }
    }
    Some(end as u32)
}
