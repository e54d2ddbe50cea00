//! The samples of one device and day, and their statement.

use super::tables::{Layout, Quantity};
use crate::feed::{Outlet, unnumbered};
use crate::fhir::systems::{LOINC, UCUM};
use crate::incoming::{Evidence, Incoming, Person, Resource, Standard, Standing};
use crate::made::{Coding, Json, decimal, moment};
use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, time};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// Our own quantities, where LOINC has no code that we are sure of.
const QUANTITY: &str = "https://tsumugi.example/CodeSystem/device-quantity";
/// How far the clock of the device was ahead; times in the resource are corrected.
const DRIFT: &str = "https://tsumugi.example/StructureDefinition/device-clock-drift";
const CATEGORY: &str = crate::fhir::systems::OBSERVATION_CATEGORY;

/// A value as it was written, or that the device could only say above or below its range.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Value {
    Number(String),
    Low,
    High,
}

#[derive(Debug, Clone)]
struct Sample {
    at: DateTime,
    quantity: Quantity,
    value: Value,
}

/// The samples of one device and day while they are read.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) line: u32,
    pub(super) bytes: Vec<u8>,
    pub(super) turn: u64,
    pub(super) repeated: u32,
    charset: &'static str,
    samples: Vec<Sample>,
    seen: BTreeSet<(DateTime, String, Value)>,
}

impl Run {
    pub(super) fn new(line: u32, charset: &'static str) -> Self {
        Self {
            line,
            bytes: Vec::new(),
            turn: 0,
            repeated: 0,
            charset,
            samples: Vec::new(),
            seen: BTreeSet::new(),
        }
    }

    /// Takes a value; what is wrong where it is none. The same time and value is taken once.
    pub(super) fn take(
        &mut self,
        at: DateTime,
        line: u32,
        quantity: &Quantity,
        written: &str,
        layout: &Layout,
    ) -> Result<(), (&'static str, String)> {
        let is = |words: &[String]| words.iter().any(|word| word.eq_ignore_ascii_case(written));
        let value = if is(&layout.low) {
            Value::Low
        } else if is(&layout.high) {
            Value::High
        } else {
            let Some(number) = decimal(written) else {
                return Err(("bad-value", format!("the value of {} is no number", quantity.id)));
            };
            let (low, high) = quantity.possible;
            let size: f64 = number.parse().unwrap_or(f64::NAN);
            if !(low..=high).contains(&size) {
                let message = format!(
                    "{number} {} is not between {low} and {high}: not taken, kept in the bytes only",
                    quantity.unit
                );
                return Err(("out-of-range", message));
            }
            Value::Number(number.into_owned())
        };
        let is_other = self
            .seen
            .range((at, quantity.id.clone(), Value::Number(String::new()))..)
            .next()
            .is_some_and(|(time, id, known)| *time == at && *id == quantity.id && *known != value);
        if !self.seen.insert((at, quantity.id.clone(), value.clone())) {
            self.repeated += 1;
            return Ok(());
        }
        self.samples.push(Sample {
            at,
            quantity: quantity.clone(),
            value,
        });
        if is_other {
            let message = format!(
                "two values of {} at one time (line {line} and before); both are taken",
                quantity.id
            );
            return Err(("two-values", message));
        }
        Ok(())
    }

    /// How many gaps the series has, and the longest in minutes.
    pub(super) fn gaps(&self, layout: &Layout) -> Option<(u32, i64)> {
        let mut times: Vec<DateTime> = self
            .samples
            .iter()
            .filter(|sample| sample.quantity.is_sampled)
            .map(|sample| sample.at)
            .collect();
        times.sort_unstable();
        let period = period(&times, layout)?;
        let mut gaps = (0, 0);
        for (one, next) in times.iter().zip(times.iter().skip(1)) {
            let between = next.duration_since(*one).as_secs();
            if between > 2 * period {
                gaps = (gaps.0 + 1, gaps.1.max(between / 60));
            }
        }
        (gaps.0 > 0).then_some(gaps)
    }

    /// The statement of the day.
    pub(super) fn incoming(
        mut self,
        (device, day): (String, Date),
        person: &Person,
        drift: SignedDuration,
        layout: &Layout,
        out: &mut Outlet<'_, '_, '_>,
    ) -> Incoming {
        self.samples
            .sort_by(|one, other| (one.at, &one.quantity.id).cmp(&(other.at, &other.quantity.id)));
        let writer = Writer {
            device: &device,
            drift,
            layout,
        };
        let resources = writer.resources(&self.samples);
        let key = format!("{device}/{day}{}", unnumbered(person));
        let first = self.samples.first().map(|sample| sample.at);
        Incoming {
            standard: Standard::Device,
            place: out.place(self.line, ""),
            key: out.unique(person, key, self.line),
            person: person.clone(),
            sequence: String::new(),
            standing: Standing::Valid,
            evidence: Evidence::Personal,
            civil: Some(first.unwrap_or_else(|| day.to_datetime(time(0, 0, 0, 0)))),
            bytes: self.bytes,
            charset: self.charset,
            resources,
            texts: Vec::new(),
        }
    }
}

/// Seconds from sample to sample: by the layout, else the median; `None` with fewer than two samples.
fn period(times: &[DateTime], layout: &Layout) -> Option<i64> {
    if times.len() < 2 {
        return None;
    }
    if let Some(minutes) = layout.interval {
        return Some(i64::from(minutes) * 60);
    }
    let mut between: Vec<i64> = times
        .iter()
        .zip(times.iter().skip(1))
        .map(|(one, next)| next.duration_since(*one).as_secs())
        .filter(|seconds| *seconds > 0)
        .collect();
    between.sort_unstable();
    between.get(between.len() / 2).map(|seconds| (*seconds).max(60))
}

struct Writer<'w> {
    device: &'w str,
    drift: SignedDuration,
    layout: &'w Layout,
}

impl Writer<'_> {
    fn resources(&self, samples: &[Sample]) -> Vec<Resource> {
        let mut resources = Vec::new();
        let mut series: BTreeMap<&str, Vec<&Sample>> = BTreeMap::new();
        let mut groups: BTreeMap<(DateTime, &str), Vec<&Sample>> = BTreeMap::new();
        let mut singles: Vec<&Sample> = Vec::new();
        for sample in samples {
            if sample.quantity.is_sampled {
                series
                    .entry(sample.quantity.id.as_str())
                    .or_default()
                    .push(sample);
            } else if sample.quantity.part_of.is_empty() {
                singles.push(sample);
            } else {
                let key = (sample.at, sample.quantity.part_of.as_str());
                groups.entry(key).or_default().push(sample);
            }
        }
        for samples in series.into_values() {
            let rest = self.series(&samples, &mut resources);
            singles.extend(rest);
        }
        for ((at, _), samples) in groups {
            // A second reading at the same minute is a measurement of its own.
            let mut times: BTreeMap<&str, usize> = BTreeMap::new();
            let mut taken: Vec<Vec<&Sample>> = Vec::new();
            for sample in samples {
                let time = times.entry(sample.quantity.id.as_str()).or_default();
                match taken.get_mut(*time) {
                    Some(group) => group.push(sample),
                    None => taken.push(vec![sample]),
                }
                *time += 1;
            }
            resources.extend(taken.iter().map(|group| self.group(at, group)));
        }
        resources.extend(singles.into_iter().map(|sample| self.single(sample)));
        resources
    }

    fn head(&self, code: (&str, &str, &str)) -> Json {
        let (loinc, id, name) = code;
        let mut json = Json::resource("Observation");
        if !self.drift.is_zero() {
            json.list("extension");
            json.open("");
            json.text("url", DRIFT);
            json.quantity("valueDuration", &self.drift.as_secs().to_string(), "s", "s");
            json.close();
            json.end();
        }
        json.text("status", "final");
        json.list("category");
        let vital = Coding {
            system: CATEGORY,
            code: "vital-signs",
            display: "",
        };
        json.concept("", &[vital], "");
        json.end();
        concept(&mut json, loinc, id, name);
        json
    }

    fn device(&self, json: &mut Json) {
        json.open("device");
        json.text("display", self.device);
        json.close();
    }

    fn single(&self, sample: &Sample) -> Resource {
        let quantity = &sample.quantity;
        let mut json = self.head((&quantity.loinc, &quantity.id, &quantity.name));
        json.text("effectiveDateTime", &moment(sample.at));
        value(&mut json, sample);
        self.device(&mut json);
        json.finish()
    }

    fn group(&self, at: DateTime, samples: &[&Sample]) -> Resource {
        let of = samples
            .first()
            .map(|sample| sample.quantity.part_of.as_str())
            .unwrap_or_default();
        let mut json = self.head(group_code(of));
        json.text("effectiveDateTime", &moment(at));
        self.device(&mut json);
        json.list("component");
        for sample in samples {
            let quantity = &sample.quantity;
            json.open("");
            concept(&mut json, &quantity.loinc, &quantity.id, &quantity.name);
            value(&mut json, sample);
            json.close();
        }
        json.end();
        json.finish()
    }

    /// A series on the grid of its interval; samples that find their place taken are given back.
    fn series<'s>(&self, samples: &[&'s Sample], resources: &mut Vec<Resource>) -> Vec<&'s Sample> {
        let times: Vec<DateTime> = samples.iter().map(|sample| sample.at).collect();
        let (Some(first), Some(last), Some(period)) =
            (samples.first(), times.last(), period(&times, self.layout))
        else {
            return samples.to_vec();
        };
        let mut grid: BTreeMap<i64, &Sample> = BTreeMap::new();
        let mut rest = Vec::new();
        for sample in samples {
            let seconds = sample.at.duration_since(first.at).as_secs();
            let place = (seconds + period / 2) / period;
            match grid.entry(place) {
                Entry::Vacant(free) => {
                    free.insert(sample);
                }
                Entry::Occupied(_) => rest.push(*sample),
            }
        }
        let end = grid.keys().next_back().copied().unwrap_or_default();
        let data: Vec<&str> = (0..=end)
            .map(|place| match grid.get(&place).map(|sample| &sample.value) {
                Some(Value::Number(number)) => number.as_str(),
                Some(Value::Low) => "L",
                Some(Value::High) => "U",
                None => "E",
            })
            .collect();
        let quantity = &first.quantity;
        let mut json = self.head((&quantity.loinc, &quantity.id, &quantity.name));
        json.open("effectivePeriod");
        json.text("start", &moment(first.at));
        json.text("end", &moment(*last));
        json.close();
        json.open("valueSampledData");
        json.open("origin");
        json.number("value", "0");
        json.text("unit", &quantity.shown);
        json.text("system", UCUM);
        json.text("code", &quantity.unit);
        json.close();
        json.number("period", &(period * 1000).to_string());
        json.number("dimensions", "1");
        json.text("data", &data.join(" "));
        json.close();
        self.device(&mut json);
        resources.push(json.finish());
        rest
    }
}

/// Blood pressure is the one group that LOINC has; another one is ours.
fn group_code(id: &str) -> (&'static str, &str, &'static str) {
    if id == "blood-pressure" {
        ("85354-9", id, "")
    } else {
        ("", id, "")
    }
}

fn concept(json: &mut Json, loinc: &str, id: &str, name: &str) {
    let coding = |system, code| Coding {
        system,
        code,
        display: "",
    };
    json.concept("code", &[coding(LOINC, loinc), coding(QUANTITY, id)], name);
}

fn value(json: &mut Json, sample: &Sample) {
    match &sample.value {
        Value::Number(number) => json.quantity(
            "valueQuantity",
            number,
            &sample.quantity.shown,
            &sample.quantity.unit,
        ),
        Value::Low => json.text("valueString", "<"),
        Value::High => json.text("valueString", ">"),
    }
}
