//! Decides how every mention is meant: present or denied, asserted or suspected, whose, and when.
//!
//! A clause of Japanese ends in its predicate. Mentions wait, as long as only connectors stand between them; a cue
//! behind them (なし, 疑い, の既往) settles those that wait; any other text in between settles them as stated.

use crate::mention::{Assertion, Mention};
use crate::rules::{Discourse, Effect, Reach, Rules};
use crate::sentence::{Draft, Item, SentenceContext};
use crate::staging::Staging;
use crate::tokens::{CharClass, class};
use crate::{compounds, dating, harm};
use std::sync::Arc;
use tsumugi_clinical::{
    Certainty, ClinicalTime, Experiencer, Phase, Polarity, SectionKind, Tag, TimeFrame, TimexType,
};
use tsumugi_tables::TermKind;

/// What the place of the sentence says of all its mentions.
pub(crate) struct Scope<'a> {
    rules: &'a Rules,
    section: Option<SectionKind>,
    general: bool,
    date: Option<jiff::civil::Date>,
}

impl<'a> Scope<'a> {
    /// Judges the section and the words of discourse.
    pub(crate) fn of(context: &SentenceContext<'a>, discourse: &[Discourse]) -> Self {
        let of_report = matches!(
            context.section,
            Some(SectionKind::Background | SectionKind::Discussion)
        );
        let says = |wanted: Discourse| discourse.contains(&wanted);
        let general = !says(Discourse::Case) && (of_report || says(Discourse::Literature));
        Self {
            rules: context.rules,
            section: context.section,
            general,
            date: context.anchor.date,
        }
    }
}

/// Settles every mention of a sentence.
pub(crate) fn resolve(scope: &Scope<'_>, chars: &[char], stagings: &[Staging], draft: &mut Draft) {
    apply_time(scope, chars, draft);
    let mut walk = Walk {
        scope,
        chars,
        stagings,
        waiting: Vec::new(),
        closed: false,
        is_said: false,
        last_end: 0,
        last_cue: None,
        ahead: None,
        relative: None,
    };
    for item in &draft.items {
        walk.step(item, &mut draft.mentions);
    }
    harm::mark(scope.rules, chars, &mut draft.mentions);
    compounds::relate(chars, draft);
    dating::relate(scope.rules, chars, draft);
    for mention in &mut draft.mentions {
        finish(scope, mention);
    }
    mark_occasions(chars, draft);
}

/// What the table of relatives calls the patient: the word ends what is said of a relative.
const PATIENT: &str = "patient";

const COMMA: char = '\u{3001}';
/// The particle that makes an adverb of a feature (に).
const ADVERBIAL: char = '\u{306B}';

/// What it calls a relative who is not said.
const SOME_RELATIVE: &str = "family";

struct Walk<'a> {
    scope: &'a Scope<'a>,
    chars: &'a [char],
    stagings: &'a [Staging],
    /// Mentions that wait for their predicate.
    waiting: Vec<usize>,
    /// Whether a predicate has come; the next mention opens a new clause.
    closed: bool,
    /// Whether the last mention that waits is said with an adverb and so is its own predicate (びまん性に腫大).
    is_said: bool,
    last_end: u32,
    /// The last cue, for cues that change one another (疑い＋なし).
    last_cue: Option<(Effect, u32)>,
    ahead: Option<Effect>,
    relative: Option<Arc<str>>,
}

impl Walk<'_> {
    fn step(&mut self, item: &Item, mentions: &mut [Mention]) {
        match item {
            Item::Mention(index) => self.mention(*index, mentions),
            Item::Cue {
                effect,
                reach: Reach::After,
                end,
                ..
            } => {
                if !(*effect == Effect::Past && self.goes_on(*end)) {
                    self.ahead = Some(*effect);
                }
                self.last_end = *end;
            }
            Item::Cue {
                effect,
                reach,
                start,
                end,
            } => self.cue(*effect, *reach, (*start, *end), mentions),
            Item::Relative { who, end, .. } => self.relative(who, *end),
        }
    }

    fn mention(&mut self, index: usize, mentions: &mut [Mention]) {
        let Some(mention) = mentions.get_mut(index) else {
            return;
        };
        let (start, end) = (mention.span.start, mention.span.end);
        if let Some(who) = &self.relative
            && takes_person(mention.tag)
        {
            let other = who.as_ref() == "other";
            mention.assertion.experiencer = if other {
                Experiencer::Other
            } else {
                Experiencer::Family
            };
            mention.assertion.relative = (!other).then(|| Arc::clone(who));
        }
        if let Some(effect) = self.ahead {
            apply(&mut mention.assertion, effect, mention.tag);
        }
        // An item or habit with its value is a whole statement: nothing behind it speaks of it.
        let may_be_whole = mention.tag == Tag::TestKey || mention.kind() == Some(TermKind::Circumstance);
        let is_whole = may_be_whole && !mention.values.is_empty();
        if is_whole {
            self.closed = true;
            self.last_cue = None;
            self.waiting.clear();
            self.last_end = end;
            return;
        }
        if !waits(mention.tag) || mention.kind() == Some(TermKind::Normal) {
            // Values, features and times stand inside a clause and do not end it; a dose ends what is said of its drug.
            self.closed |= mention.tag == Tag::DrugValue;
            // A degree or change right behind a finding is its predicate.
            let is_predicate =
                matches!(mention.tag, Tag::Feature | Tag::Change) && self.is_right_behind(start);
            self.closed |= is_predicate;
            if !self.gap_breaks(start) {
                self.last_end = end;
            }
            return;
        }
        let ends_clause = self.is_said && self.gap(start).contains(&COMMA);
        if self.closed || ends_clause || self.gap_breaks(start) || self.is_staged(mentions, start) {
            self.waiting.clear();
        }
        self.closed = false;
        self.is_said = self.has_adverb(mentions, index, start);
        self.last_cue = None;
        self.waiting.push(index);
        self.last_end = end;
    }

    fn cue(&mut self, effect: Effect, reach: Reach, (start, end): (u32, u32), mentions: &mut [Mention]) {
        let forbids = matches!(effect, Effect::Avoid | Effect::Withhold);
        if forbids && self.forbids_named(effect, start, mentions) {
            return;
        }
        if effect == Effect::Allergy && self.is_treated(end, mentions) {
            return;
        }
        if matches!(effect, Effect::General | Effect::Prevent) {
            self.limits(effect, start, mentions);
        }
        let cured_behind_comma = effect == Effect::Resolve && self.gap(start) == ['\u{3001}'];
        if self.waiting.is_empty() || !(cured_behind_comma || self.cue_reaches(start)) {
            return;
        }
        let effect = match self.last_cue {
            Some((Effect::Suspect | Effect::Past, _)) if effect == Effect::Affirm => return,
            Some((Effect::Negate, _)) if matches!(effect, Effect::Affirm | Effect::Execute) => return,
            _ => effect,
        };
        let first = if reach == Reach::Last {
            self.waiting.len() - 1
        } else {
            0
        };
        for index in self.waiting.iter().skip(first) {
            if let Some(mention) = mentions.get_mut(*index) {
                if self.last_cue.is_some_and(|(before, _)| before == Effect::Suspect)
                    && effect == Effect::Negate
                {
                    mention.assertion.certainty = Certainty::Asserted;
                }
                apply(&mut mention.assertion, effect, mention.tag);
            }
        }
        self.closed = true;
        self.last_cue = Some((effect, end));
        self.last_end = end;
    }

    /// 「38度をこえたら電話」: a value of which advice speaks is a limit, and nobody's measurement.
    fn limits(&self, effect: Effect, start: u32, mentions: &mut [Mention]) {
        const FARTHEST: usize = 14;
        for value in mentions
            .iter_mut()
            .filter(|mention| mention.tag == Tag::TestValue)
        {
            let gap = self.chars.get(value.span.end as usize..start as usize);
            if gap.is_some_and(|gap| gap.len() <= FARTHEST && !gap.contains(&COMMA)) {
                apply(&mut value.assertion, effect, value.tag);
            }
        }
    }

    fn relative(&mut self, who: &Arc<str>, end: u32) {
        if who.as_ref() == PATIENT {
            self.relative = None;
            return;
        }
        if !self.only_tells(end) {
            self.relative = Some(Arc::clone(who));
            self.waiting.clear();
            self.last_end = end;
        }
    }

    /// 「プレドニゾロンで薬疹は軽快」: what a drug that treats reactions is named with went away.
    fn is_treated(&self, end: u32, mentions: &[Mention]) -> bool {
        let last = self.waiting.last().and_then(|index| mentions.get(*index));
        let rules = self.scope.rules;
        last.is_some_and(|drug| harm::is_one_of(drug, &rules.remedies))
            && harm::recovers(rules, self.chars, end)
    }

    /// 「アバカビルで過敏反応、以後禁」: where no drug or act waits for its predicate, the last drug of the sentence is meant.
    fn forbids_named(&self, effect: Effect, start: u32, mentions: &mut [Mention]) -> bool {
        let waits = self.waiting.iter().any(|index| {
            let mention = mentions.get(*index);
            mention.is_some_and(|mention| is_act(mention.tag))
        });
        if waits {
            return false;
        }
        let mut before = mentions.iter_mut().rev();
        let drug = before.find(|mention| mention.tag == Tag::DrugName && mention.span.end <= start);
        if let Some(drug) = drug {
            apply(&mut drug.assertion, effect, drug.tag);
        }
        true
    }

    /// Whether the relative named before `end` only reports, is with the patient, or noticed what is told: 「妻より」,
    /// 「妻が右手の脱力に気づき」.
    fn only_tells(&self, end: u32) -> bool {
        let rest = self.chars.get(end as usize..).unwrap_or(&[]);
        let open = rest.iter().take_while(|c| **c == '(').count();
        let right_behind = rest.get(open..).unwrap_or(&[]);
        let rules = self.scope.rules;
        let informs = |form: &[char]| right_behind.starts_with(form);
        let stands_in = |form: &[char]| rest.windows(form.len().max(1)).any(|window| window == form);
        // A history of the family tells of the relative, whoever called the ambulance.
        let of_family = self.scope.section == Some(SectionKind::Family);
        rules.informants.iter().any(|form| informs(form))
            || !of_family && rules.witnesses.iter().any(|form| stands_in(form))
    }

    /// 「以前から」: what began then goes on.
    fn goes_on(&self, end: u32) -> bool {
        let rest: String = self.chars.iter().skip(end as usize).take(2).collect();
        self.scope
            .rules
            .since
            .iter()
            .any(|form| rest.starts_with(form.as_ref()))
    }

    /// Whether the last mention that waits has its stage: a whole statement, of which nothing behind it speaks
    /// (胃癌 stage II、肺転移なし).
    fn is_staged(&self, mentions: &[Mention], start: u32) -> bool {
        let last = self.waiting.last().and_then(|index| mentions.get(*index));
        last.is_some_and(|mention| {
            // Right before it, with the word between (StageIIの胃癌), in it, or behind it.
            let near =
                |staging: &Staging| staging.span.end + 1 >= mention.span.start && staging.span.end <= start;
            self.stagings.iter().any(near)
        })
    }

    /// Whether a feature stands right before a mention as its adverb.
    fn has_adverb(&self, mentions: &[Mention], index: usize, start: u32) -> bool {
        let before = index.checked_sub(1).and_then(|before| mentions.get(before));
        before.is_some_and(|before| {
            before.tag == Tag::Feature
                && self.chars.get(before.span.end as usize..start as usize) == Some(&[ADVERBIAL])
        })
    }

    /// Whether the text between the last item and `start` ends the enumeration.
    fn gap_breaks(&self, start: u32) -> bool {
        let gap = self.gap(start);
        if gap.iter().all(|c| c.is_whitespace()) {
            return false;
        }
        if gap.len() > self.scope.rules.longest_connector {
            return true;
        }
        self.scope.rules.enumerates(gap) != Some(true)
    }

    /// Whether a cue at `start` speaks of what waits: no comma and no other predicate lies between.
    fn cue_reaches(&self, start: u32) -> bool {
        const FARTHEST: usize = 14;
        let gap = self.gap(start);
        let has_stop = gap.iter().any(|c| matches!(c, '\u{3001}' | ';'));
        let only_comma = gap.iter().all(|c| matches!(c, '\u{3001}' | ' '));
        let near = gap.len() <= FARTHEST;
        let after_cue = self.last_cue.is_some();
        let kanji = gap.iter().filter(|c| class(**c) == CharClass::Kanji).count();
        if after_cue {
            gap.len() <= 2 && !has_stop
        } else {
            near && (!has_stop || only_comma && gap.len() <= 1) && kanji <= 6
        }
    }

    /// Whether nothing but a blank or a particle lies between the last waiting mention and `start`.
    fn is_right_behind(&self, start: u32) -> bool {
        let gap = self.gap(start);
        !self.waiting.is_empty() && gap.len() <= 1 && !gap.contains(&'\u{3001}') && !gap.contains(&'\u{30FB}')
    }

    fn gap(&self, start: u32) -> &[char] {
        self.chars
            .get(self.last_end.min(start) as usize..start as usize)
            .unwrap_or(&[])
    }
}

/// Tags that stand for something that can be denied, suspected or planned.
fn waits(tag: Tag) -> bool {
    matches!(
        tag,
        Tag::Disease
            | Tag::DrugName
            | Tag::Remedy
            | Tag::TestName
            | Tag::TestKey
            | Tag::Pending
            | Tag::Context
    )
}

fn takes_person(tag: Tag) -> bool {
    matches!(tag, Tag::Disease | Tag::DrugName | Tag::Remedy | Tag::Pending)
}

/// Tags of what is done or given.
fn is_act(tag: Tag) -> bool {
    matches!(
        tag,
        Tag::DrugName | Tag::Remedy | Tag::TestName | Tag::TestKey | Tag::Context
    )
}

fn apply(assertion: &mut Assertion, effect: Effect, tag: Tag) {
    let is_act = is_act(tag);
    match effect {
        // A negative result is no missing examination.
        Effect::Negate if matches!(tag, Tag::TestName | Tag::TestKey) => {}
        Effect::Undone if !is_act => {}
        Effect::Negate | Effect::Undone => assertion.polarity = Polarity::Absent,
        Effect::Suspect if is_act => assertion.phase = Phase::Planned,
        Effect::Suspect => {
            assertion.polarity = Polarity::Present;
            assertion.certainty = Certainty::Suspected;
        }
        Effect::Operated if is_act => assertion.phase = Phase::Past,
        Effect::Resolve if is_act => {}
        Effect::Resolve | Effect::Operated => {
            assertion.phase = Phase::Past;
            assertion.resolved = true;
        }
        Effect::PastAct if !is_act => {}
        Effect::Past | Effect::PastAct => assertion.phase = Phase::Past,
        Effect::Prevent if is_act => {}
        Effect::Family if takes_person(tag) => {
            assertion.experiencer = Experiencer::Family;
            assertion.relative = Some(Arc::from(SOME_RELATIVE));
        }
        Effect::General | Effect::Prevent => assertion.certainty = Certainty::General,
        Effect::Plan if is_act => assertion.phase = Phase::Planned,
        Effect::Stop if is_act => {
            assertion.phase = Phase::Stopped;
            assertion.executed = false;
        }
        Effect::Avoid | Effect::Withhold if matches!(tag, Tag::DrugName) => {
            assertion.polarity = Polarity::Absent;
            assertion.phase = Phase::Planned;
            assertion.forbidden |= effect == Effect::Avoid;
        }
        Effect::Avoid | Effect::Withhold if is_act => assertion.phase = Phase::Stopped,
        Effect::Execute => assertion.executed = true,
        Effect::Allergy => assertion.allergy = matches!(tag, Tag::DrugName | Tag::Pending),
        Effect::Affirm | Effect::Plan | Effect::Stop | Effect::Avoid | Effect::Withhold | Effect::Family => {}
    }
}

/// Whether it is an age of life that lies behind (「3歳時に」 「幼少期に」), though the date of birth is not known.
fn is_past_age(rules: &Rules, chars: &[char], mention: &Mention) -> bool {
    let is_open = |time: &ClinicalTime| time.to.is_none() && time.frame == TimeFrame::Within;
    let (start, end) = (mention.span.start as usize, mention.span.end as usize);
    let text = chars.get(start..end).unwrap_or(&[]);
    let rest = chars.get(end..).unwrap_or(&[]);
    let is_told = |tail: &[char]| text.ends_with(tail) || rest.starts_with(tail);
    mention.timex == Some(TimexType::Age)
        && mention.time.as_ref().is_some_and(is_open)
        && rules.age_tails.iter().any(|tail| is_told(tail))
}

/// The time expression of a clause dates what follows it, and what stands right before it.
fn apply_time(scope: &Scope<'_>, chars: &[char], draft: &mut Draft) {
    let mut current: Option<ClinicalTime> = None;
    let mut in_past_age = false;
    let mut recent: Vec<usize> = Vec::new();
    let mut previous_end = 0;
    for item in &draft.items {
        let Item::Mention(index) = item else { continue };
        let Some(mention) = draft.mentions.get(*index) else {
            continue;
        };
        let span = mention.span;
        if mention.tag == Tag::Timex {
            let gap = chars
                .get(previous_end as usize..span.start as usize)
                .unwrap_or(&[]);
            let follows = gap.len() <= 1 && !gap.contains(&'\u{3001}');
            let time = mention.time.clone();
            in_past_age = is_past_age(scope.rules, chars, mention);
            if follows && current.is_none() {
                for index in recent.drain(..) {
                    if let Some(mention) = draft.mentions.get_mut(index) {
                        mention.time.clone_from(&time);
                        lies_behind(mention, in_past_age);
                    }
                }
            }
            if time.is_some() {
                current = time;
            }
        } else if waits(mention.tag) {
            if let Some(mention) = draft.mentions.get_mut(*index) {
                mention.time.clone_from(&current);
                lies_behind(mention, in_past_age);
                if mention.kind() == Some(TermKind::Circumstance) && is_over(scope, mention) {
                    mention.assertion.phase = Phase::Past;
                }
            }
            if current.is_none() {
                recent.push(*index);
            }
        }
        previous_end = span.end;
    }
}

fn lies_behind(mention: &mut Mention, does: bool) {
    if does && matches!(mention.tag, Tag::Disease | Tag::Remedy) {
        mention.assertion.phase = Phase::Past;
    }
}

/// Whether it happened, and ended, more than half a year before the note: 「5年前に脳梗塞」.
fn is_long_ago(scope: &Scope<'_>, mention: &Mention) -> bool {
    const HALF_A_YEAR_DAYS: i32 = 183;
    let ended = mention
        .time
        .as_ref()
        .filter(|time| time.frame == TimeFrame::Within)
        .and_then(|time| time.to);
    let elapsed = ended
        .zip(scope.date)
        .and_then(|(ended, date)| date.since(ended.date()).ok());
    elapsed.is_some_and(|elapsed| elapsed.get_days() > HALF_A_YEAR_DAYS)
}

/// Whether it lasted until a time before the note: 「10年前まで喫煙」.
fn is_over(scope: &Scope<'_>, mention: &Mention) -> bool {
    let until = mention
        .time
        .as_ref()
        .filter(|time| time.frame == TimeFrame::Until);
    let ended = until.and_then(|time| time.to);
    ended
        .zip(scope.date)
        .is_some_and(|(ended, date)| ended.date() < date)
}

/// What the section says where the words do not.
fn finish(scope: &Scope<'_>, mention: &mut Mention) {
    mention.section = scope.section;
    let is_finding = mention.tag == Tag::Disease;
    let long_ago = is_long_ago(scope, mention);
    let assertion = &mut mention.assertion;
    if long_ago && (is_finding || mention.tag == Tag::Remedy) && assertion.phase == Phase::Current {
        assertion.phase = Phase::Past;
    }
    match scope.section {
        Some(SectionKind::Family)
            if takes_person(mention.tag) && assertion.experiencer == Experiencer::Patient =>
        {
            assertion.experiencer = Experiencer::Family;
        }
        Some(SectionKind::History)
            if (is_finding || mention.tag == Tag::Remedy)
                && assertion.phase == Phase::Current
                && !assertion.executed =>
        {
            assertion.phase = Phase::Past;
        }
        Some(SectionKind::P)
            if matches!(mention.tag, Tag::Remedy | Tag::TestName)
                && assertion.phase == Phase::Current
                && !assertion.executed =>
        {
            assertion.phase = Phase::Planned;
        }
        _ => {}
    }
    if is_finding && scope.general && assertion.certainty == Certainty::Asserted {
        assertion.certainty = Certainty::General;
    }
}

/// 「疼痛時ロキソニン頓用」: the pain is the occasion of a drug, not a fact of today.
fn mark_occasions(chars: &[char], draft: &mut Draft) {
    const TIME_OF: char = '\u{6642}';
    let has_drug = draft.mentions.iter().any(|mention| mention.tag == Tag::DrugName);
    for mention in draft
        .mentions
        .iter_mut()
        .filter(|mention| mention.tag == Tag::Disease)
    {
        let is_occasion = chars.get(mention.span.end as usize) == Some(&TIME_OF);
        let only_orders = matches!(mention.section, Some(SectionKind::P | SectionKind::Medication));
        if is_occasion && (has_drug || only_orders) {
            mention.assertion.certainty = Certainty::General;
            mention.assertion.occasion = true;
        }
    }
}
