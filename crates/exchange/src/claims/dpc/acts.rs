//! Acts with their details: EF, E, F and D.

use super::{Group, Kind, column};
use crate::claims::act::{self, Billed, Disease, Done, Line};
use crate::claims::tables::Tables;
use crate::feed::Outlet;
use crate::incoming::Resource;
use crate::made::{Coding, Json, day};
use jiff::civil::Date;
use std::collections::BTreeMap;

/// Rows of diseases that outpatient files hold since they are made from claims.
const DISEASE: &str = "SY";
/// The row of an act itself, in EF.
const ACT: &str = "000";
/// 診断群分類; no official system is published.
const GROUP_CODE: &str = "https://tsumugi.example/CodeSystem/dpc";

/// A line of any of the files, in one form.
struct Entry<'r> {
    section: &'r str,
    sequence: &'r str,
    code: &'r str,
    name: &'r str,
    quantity: &'r str,
    points: &'r str,
    times: &'r str,
    date: &'r str,
    group_code: &'r str,
    is_act: bool,
}

impl<'r> Entry<'r> {
    fn of(kind: Kind, text: &'r str) -> Self {
        let cells: Vec<&str> = text.split('\t').map(str::trim).collect();
        let at = |index: usize| cells.get(index).copied().unwrap_or_default();
        let has_details = matches!(kind, Kind::Ef | Kind::F);
        let is_act = !has_details || (kind == Kind::Ef && at(column::DETAIL) == ACT);
        let pick = |f: usize, e: usize| if has_details { at(f) } else { at(e) };
        Self {
            section: at(column::SECTION),
            sequence: at(column::SEQUENCE),
            code: pick(column::F_CODE, column::E_CODE),
            name: pick(column::F_NAME, column::E_NAME),
            quantity: if has_details && !is_act {
                at(column::F_QUANTITY)
            } else {
                ""
            },
            points: if has_details && is_act {
                at(column::EF_POINTS)
            } else {
                pick(column::F_POINTS, column::E_POINTS)
            },
            times: match kind {
                Kind::Ef => at(column::EF_TIMES),
                Kind::F => "",
                _ => at(column::E_TIMES),
            },
            date: match kind {
                Kind::Ef => at(column::EF_DATE),
                Kind::F => "",
                _ => at(column::E_DATE),
            },
            group_code: if kind == Kind::D {
                at(column::GROUP_CODE)
            } else {
                ""
            },
            is_act,
        }
    }
}

/// Section, sequence and day of an act.
type Key<'r> = (&'r str, &'r str, &'r str);

struct Act<'r> {
    entry: Entry<'r>,
    has_details: bool,
}

/// The resources of a hospitalization, and the first day of its acts.
pub(super) fn acts(
    groups: &[Group],
    tables: &Tables,
    out: &mut Outlet<'_, '_, '_>,
) -> (Vec<Resource>, Option<Date>) {
    let mut acts: BTreeMap<Key<'_>, Vec<Act<'_>>> = BTreeMap::new();
    let mut details: Vec<Entry<'_>> = Vec::new();
    let mut resources = Vec::new();
    let mut first: Option<Date> = None;
    for group in groups {
        for (line, text) in &group.rows {
            let entry = Entry::of(group.kind, text);
            let date = day(entry.date);
            if date.is_none() && group.kind != Kind::F {
                out.warn(
                    "bad-date",
                    (*line, ""),
                    "the day of the act is no date; the act has no day",
                );
            }
            first = [first, date].into_iter().flatten().min();
            if entry.section == DISEASE {
                resources.push(disease(&entry, tables));
            } else if entry.is_act {
                let key = (entry.section, entry.sequence, entry.date);
                let act = Act {
                    entry,
                    has_details: false,
                };
                acts.entry(key).or_default().push(act);
            } else {
                details.push(entry);
            }
        }
    }
    let stay = groups
        .first()
        .map(|group| (day(&group.stay.admission), day(&group.stay.discharge)));
    let span = stay.unwrap_or_default();
    let mut lines: Vec<Line<'_>> = Vec::new();
    for detail in &details {
        let act = act_of(&mut acts, detail);
        if let Some(act) = act {
            act.has_details = true;
            let (times, date) = (act.entry.times, act.entry.date);
            push(detail, (times, date), span, &mut lines);
        } else {
            push(detail, ("", ""), span, &mut lines);
        }
    }
    for act in acts.values().flatten().filter(|act| !act.has_details) {
        push(&act.entry, ("", ""), span, &mut lines);
    }
    resources.extend(lines.iter().filter_map(|line| act::resource(line, tables)));
    let codes: std::collections::BTreeSet<&str> = acts
        .values()
        .flatten()
        .map(|act| act.entry.group_code)
        .filter(|code| code.len() == 14)
        .collect();
    resources.extend(codes.iter().map(|code| grouped(code, span)));
    (resources, first)
}

/// The act that a detail belongs to: of the same day where the detail names one.
fn act_of<'m, 'r>(
    acts: &'m mut BTreeMap<Key<'r>, Vec<Act<'r>>>,
    detail: &Entry<'r>,
) -> Option<&'m mut Act<'r>> {
    let exact = (detail.section, detail.sequence, detail.date);
    let key = if acts.contains_key(&exact) {
        exact
    } else {
        let from = (detail.section, detail.sequence, "");
        let (key, _) = acts.range(from..).next()?;
        *key
    };
    if (key.0, key.1) != (detail.section, detail.sequence) {
        return None;
    }
    acts.get_mut(&key)?.first_mut()
}

fn push<'r>(
    entry: &Entry<'r>,
    of_act: (&'r str, &'r str),
    span: (Option<Date>, Option<Date>),
    lines: &mut Vec<Line<'r>>,
) {
    let filled = |own: &'r str, other: &'r str| {
        if own.bytes().all(|byte| matches!(byte, b'0' | b'.')) {
            other
        } else {
            own
        }
    };
    let billed = Billed::of(entry.code);
    if billed == Some(Billed::Comment) {
        if let Some(last) = lines.last_mut() {
            last.notes.push(entry.name.to_owned());
        }
        return;
    }
    if billed.is_none() && entry.name.is_empty() {
        return;
    }
    let date = day(entry.date).or_else(|| day(of_act.1));
    lines.push(Line {
        billed: billed.unwrap_or(Billed::Act),
        code: if billed.is_some() { entry.code } else { "" },
        name: entry.name,
        category: entry.section,
        quantity: entry.quantity,
        unit: "",
        times: filled(entry.times, of_act.0),
        points: filled(entry.points, ""),
        done: match date {
            Some(date) => Done::Days(vec![date]),
            None => Done::Between(span.0, span.1),
        },
        notes: Vec::new(),
    });
}

fn disease(entry: &Entry<'_>, tables: &Tables) -> Resource {
    let is_code = entry.code.len() == 7 && entry.code.bytes().all(|byte| byte.is_ascii_digit());
    let disease = Disease {
        code: if is_code { entry.code } else { "" },
        name: entry.name,
        began: day(entry.date),
        ..Disease::default()
    };
    act::condition(&disease, tables)
}

/// The stay with the group it is paid by.
fn grouped(code: &str, (admission, discharge): (Option<Date>, Option<Date>)) -> Resource {
    let mut json = Json::resource("Encounter");
    json.text(
        "status",
        if discharge.is_some() {
            "finished"
        } else {
            "in-progress"
        },
    );
    json.open("class");
    json.text("system", super::form::ACT_CODE);
    json.text("code", "IMP");
    json.close();
    json.list("type");
    let coding = Coding {
        system: GROUP_CODE,
        code,
        display: "",
    };
    json.concept("", &[coding], "");
    json.end();
    super::form::period(&mut json, admission, discharge);
    json.finish()
}
