//! The timeline of a patient as a picture: lanes, rows, marks with time; every mark leads to the words of its note.

use crate::web::timeline_rows::{Lane, Mark, Row};
use crate::web::ui_text::Ui;
use jiff::civil::{Date, DateTime};
use jiff::{Span, ToSpan};
use maud::{Markup, html};
use tsumugi_clinical::Interpretation;

const WIDTH: f64 = 1120.0;
const GUTTER: f64 = 252.0;
const LABEL_AT: f64 = 86.0;
const RIGHT: f64 = 20.0;
const HEAD: f64 = 36.0;
const ROW: f64 = 28.0;
const TALL_ROW: f64 = 40.0;
const GAP: f64 = 10.0;
/// Longest label, in half widths.
const LABEL_WIDTH: usize = 20;

/// The stretch of time that is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    /// First moment.
    pub(crate) from: DateTime,
    /// Last moment.
    pub(crate) to: DateTime,
}

impl Window {
    /// Where a moment stands, from the left edge of the picture; moments outside stand at the edges.
    fn x(&self, at: DateTime) -> f64 {
        let whole = seconds(self.from, self.to).max(1.0);
        let part = (seconds(self.from, at) / whole).clamp(0.0, 1.0);
        GUTTER + part * (WIDTH - GUTTER - RIGHT)
    }

    fn holds(&self, at: DateTime) -> bool {
        self.from <= at && at <= self.to
    }
}

fn seconds(from: DateTime, to: DateTime) -> f64 {
    from.duration_until(to).as_secs_f64()
}

/// Draws the rows that have something within the window.
pub(crate) fn draw(ui: &Ui<'_>, rows: &[Row], window: Window) -> Markup {
    let shown: Vec<(&Row, f64)> = placed(rows, window);
    let height = shown
        .last()
        .map_or(HEAD + ROW, |(row, top)| top + row_height(row))
        + GAP;
    let ticks = ticks(window);
    html! {
        svg.timeline viewBox=(format!("0 0 {WIDTH} {height}")) width=(WIDTH) height=(height) role="group" aria-label=(ui.t("timeline.says")) {
            (bands(ui, &shown))
            g.axis {
                @for (at, label) in &ticks {
                    @let x = window.x(*at);
                    line x1=(x) x2=(x) y1=(HEAD - 8.0) y2=(height - GAP) {}
                    text x=(x) y=(HEAD - 14.0) text-anchor="middle" { (label) }
                }
            }
            @for (row, top) in &shown { (draw_row(row, *top, window)) }
        }
    }
}

fn is_shown(row: &Row, window: Window) -> bool {
    row.marks.iter().any(|mark| {
        let end = if mark.lasts {
            mark.to.unwrap_or(window.to)
        } else {
            mark.from
        };
        mark.from <= window.to && end >= window.from
    }) || (row.goes_on && row.marks.first().is_some_and(|mark| mark.from <= window.to))
}

fn row_height(row: &Row) -> f64 {
    if is_curve(row) { TALL_ROW } else { ROW }
}

fn is_curve(row: &Row) -> bool {
    row.lane == Lane::Test && row.marks.iter().filter(|mark| mark.number.is_some()).count() > 1
}

/// Rows with the top of each.
fn placed(rows: &[Row], window: Window) -> Vec<(&Row, f64)> {
    let mut top = HEAD;
    let mut lane = None;
    let mut placed = Vec::new();
    for row in rows.iter().filter(|row| is_shown(row, window)) {
        if lane.is_some_and(|lane| lane != row.lane) {
            top += GAP;
        }
        lane = Some(row.lane);
        placed.push((row, top));
        top += row_height(row);
    }
    placed
}

fn bands(ui: &Ui<'_>, shown: &[(&Row, f64)]) -> Markup {
    let mut lanes: Vec<(Lane, f64, f64)> = Vec::new();
    for (row, top) in shown {
        let bottom = top + row_height(row);
        match lanes.last_mut() {
            Some((lane, _, end)) if *lane == row.lane => *end = bottom,
            _ => lanes.push((row.lane, *top, bottom)),
        }
    }
    html! {
        @for (lane, top, bottom) in lanes {
            rect class=(format!("band {}", lane.word())) x="0" y=(top) width=(WIDTH) height=(bottom - top) rx="6" {}
            text.lane x="12" y=(top + 19.0) { (ui.of("lane", lane.word())) }
        }
    }
}

fn draw_row(row: &Row, top: f64, window: Window) -> Markup {
    let height = row_height(row);
    let middle = top + height / 2.0;
    let class = format!("row {}", row.lane.word());
    let (first, last) = (row.marks.first(), row.marks.last());
    html! {
        g class=(class) {
            text.label x=(LABEL_AT) y=(middle + 5.0) { title { (row.label) } (shorten(&row.label)) }
            @if let (Some(first), Some(last), true) = (first, last, row.lane == Lane::Problem && !row.is_rest) {
                @let end = if row.goes_on { window.to } else { last.from.min(window.to) };
                line.span.goes-on[row.goes_on] x1=(window.x(first.from)) x2=(window.x(end)) y1=(middle) y2=(middle) {}
            }
            @if is_curve(row) { (curve(row, top, window)) } @else {
                @for mark in &row.marks { (draw_mark(row.lane, mark, middle, window)) }
            }
        }
    }
}

/// A link where the words are in a note; otherwise the mark alone.
fn linked(link: Option<&str>, title: &str, inner: &Markup) -> Markup {
    html! {
        @match link {
            Some(link) => a href=(link) aria-label=(title) { title { (title) } (inner) },
            None => g { title { (title) } (inner) },
        }
    }
}

fn draw_mark(lane: Lane, mark: &Mark, middle: f64, window: Window) -> Markup {
    let link = mark.link.as_deref();
    if mark.lasts {
        let end = mark.to.unwrap_or(window.to);
        if mark.from > window.to || end < window.from {
            return html! {};
        }
        let (x1, x2) = (window.x(mark.from), window.x(end));
        let is_open = mark.to.is_none();
        let bar = html! {
            rect.bar.open[is_open] x=(x1) y=(middle - 5.0) width=((x2 - x1).max(3.0)) height="10" rx="3" {}
        };
        return linked(link, &mark.title, &bar);
    }
    if !window.holds(mark.from) {
        return html! {};
    }
    let x = window.x(mark.from);
    let shape = match lane {
        Lane::Document => html! { rect.sheet x=(x - 6.0) y=(middle - 8.0) width="12" height="16" rx="2" {} },
        Lane::Problem => {
            html! { rect.point.hollow[mark.suspected] x=(x - 5.0) y=(middle - 5.0) width="10" height="10" rx="1" {} }
        }
        Lane::Care => html! {
            path.point.hollow[mark.suspected] d=(format!("M{x} {} l6 6 l-6 6 l-6 -6 z", middle - 6.0)) {}
        },
        _ => html! { circle.point.hollow[mark.suspected] cx=(x) cy=(middle) r="5" {} },
    };
    let value = mark
        .number
        .map(|number| html! { text.value x=(x + 9.0) y=(middle + 4.0) { (number) (sign(mark.flag)) } });
    linked(
        link,
        &mark.title,
        &html! { (shape) @if let Some(value) = value { (value) } },
    )
}

fn sign(flag: Option<Interpretation>) -> &'static str {
    match flag {
        Some(Interpretation::High) => "\u{25B2}",
        Some(Interpretation::Low) => "\u{25BC}",
        _ => "",
    }
}

/// A row of values as a line, its last value written.
fn curve(row: &Row, top: f64, window: Window) -> Markup {
    let valued: Vec<(&Mark, f64)> = row
        .marks
        .iter()
        .filter(|mark| window.holds(mark.from))
        .filter_map(|mark| mark.number.map(|number| (mark, number)))
        .collect();
    let least = valued
        .iter()
        .map(|(_, number)| *number)
        .fold(f64::INFINITY, f64::min);
    let most = valued
        .iter()
        .map(|(_, number)| *number)
        .fold(f64::NEG_INFINITY, f64::max);
    let y = |number: f64| {
        let part = if most > least {
            (number - least) / (most - least)
        } else {
            0.5
        };
        top + TALL_ROW - 9.0 - part * (TALL_ROW - 18.0)
    };
    let path: Vec<String> = valued
        .iter()
        .map(|(mark, number)| format!("{:.1},{:.1}", window.x(mark.from), y(*number)))
        .collect();
    let last = valued.last();
    html! {
        polyline.curve points=(path.join(" ")) {}
        @for (mark, number) in &valued {
            @let is_off = matches!(mark.flag, Some(Interpretation::High | Interpretation::Low));
            (linked(mark.link.as_deref(), &mark.title, &html! {
                circle.point.off[is_off] cx=(window.x(mark.from)) cy=(y(*number)) r="4" {}
            }))
        }
        @if let Some((mark, number)) = last {
            @let x = window.x(mark.from);
            @let is_right = x > WIDTH - 90.0;
            text.value x=(if is_right { x - 9.0 } else { x + 9.0 }) y=(y(*number) + 4.0) text-anchor=(if is_right { "end" } else { "start" }) {
                (number) (sign(mark.flag))
            }
        }
    }
}

fn shorten(label: &str) -> String {
    let mut width = 0;
    let mut short = String::new();
    for character in label.chars() {
        width += if character.is_ascii() { 1 } else { 2 };
        if width > LABEL_WIDTH {
            short.push('\u{2026}');
            return short;
        }
        short.push(character);
    }
    short
}

/// Moments to name on the axis: about eight, at the beginning of years, months or days.
fn ticks(window: Window) -> Vec<(DateTime, String)> {
    const DAY: f64 = 86_400.0;
    let days = seconds(window.from, window.to) / DAY;
    let (step, format): (Span, &str) = match days {
        days if days > 3650.0 => (2.years(), "%Y"),
        days if days > 1460.0 => (1.year(), "%Y"),
        days if days > 540.0 => (6.months(), "%Y-%m"),
        days if days > 240.0 => (2.months(), "%Y-%m"),
        days if days > 75.0 => (1.month(), "%Y-%m"),
        days if days > 21.0 => (7.days(), "%m-%d"),
        days if days > 8.0 => (2.days(), "%m-%d"),
        _ => (1.day(), "%m-%d"),
    };
    let start = window.from.date();
    let start = match format {
        "%Y" => Date::new(start.year(), 1, 1).unwrap_or(start),
        "%Y-%m" => start.first_of_month(),
        _ => start,
    };
    let mut list = Vec::new();
    let mut at = start.to_datetime(jiff::civil::Time::midnight());
    while at <= window.to && list.len() < 40 {
        if at >= window.from {
            list.push((at, at.strftime(format).to_string()));
        }
        let Ok(next) = at.checked_add(step) else { break };
        at = next;
    }
    list
}
