//! Layouts of makers and the quantities they hold.

use super::times::{Order, split};
use std::collections::BTreeMap;
use tsumugi_tables::{Mistake, Source, Table};

const DEVICES: Source<'static> = Source {
    path: "exchange/devices.tsv",
    text: include_str!("../../../../data/exchange/devices.tsv"),
};
const QUANTITIES: Source<'static> = Source {
    path: "exchange/device_quantities.tsv",
    text: include_str!("../../../../data/exchange/device_quantities.tsv"),
};

/// Something that is measured.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Quantity {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) loinc: String,
    /// UCUM.
    pub(super) unit: String,
    /// The unit as people write it.
    pub(super) shown: String,
    /// What a person can have at all, in the unit.
    pub(super) possible: (f64, f64),
    pub(super) is_sampled: bool,
    pub(super) part_of: String,
}

/// A column with a value.
#[derive(Debug, Clone)]
struct Value {
    headers: Vec<String>,
    quantity: String,
    /// Header and cell that a row must have, one of them.
    when: Vec<(String, String)>,
}

/// The export of a maker.
#[derive(Debug, Clone, Default)]
pub(super) struct Layout {
    pub(super) id: String,
    pub(super) name: String,
    time: Vec<String>,
    date: Vec<String>,
    clock: Vec<String>,
    device: Vec<String>,
    serial: Vec<String>,
    values: Vec<Value>,
    pub(super) low: Vec<String>,
    pub(super) high: Vec<String>,
    /// Minutes from sample to sample.
    pub(super) interval: Option<u32>,
    pub(super) order: Order,
}

/// Layouts and quantities, as they were read.
#[derive(Debug, Clone, Default)]
pub struct Tables {
    layouts: BTreeMap<String, Layout>,
    pub(super) quantities: BTreeMap<String, Quantity>,
}

/// A header without what makers vary: width, blanks, case.
pub(super) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for c in text.chars().filter(|c| !c.is_whitespace() && *c != '\u{FEFF}') {
        match c {
            '\u{2103}' => folded.push_str("\u{b0}c"),
            '\u{FF01}'..='\u{FF5E}' => {
                let plain = char::from_u32(c as u32 - 0xFEE0).unwrap_or(c);
                folded.push(plain.to_ascii_lowercase());
            }
            c => folded.push(c.to_ascii_lowercase()),
        }
    }
    folded
}

impl Tables {
    /// The tables of the program.
    pub fn embedded() -> Self {
        Self::parse(&[QUANTITIES, DEVICES]).0
    }

    /// The tables of the program with those of a site behind them.
    pub fn with_site(site: &[Source<'_>]) -> (Self, Vec<Mistake>) {
        let mut all = vec![QUANTITIES, DEVICES];
        all.extend_from_slice(site);
        Self::parse(&all)
    }

    /// Reads tables whose paths end as those of the program do; quantities stand before the layouts that name them.
    pub fn parse(sources: &[Source<'_>]) -> (Self, Vec<Mistake>) {
        let mut tables = Self::default();
        let mut mistakes = Vec::new();
        for source in sources {
            let table = Table::parse(*source, &mut mistakes);
            for row in table.rows() {
                let read = if source.path.ends_with("quantities.tsv") {
                    tables.quantity(&row)
                } else {
                    tables.layout(&row)
                };
                if let Err(message) = read {
                    mistakes.push(Mistake::new(source.path, row.line, message));
                }
            }
        }
        (tables, mistakes)
    }

    fn quantity(&mut self, row: &tsumugi_tables::Row<'_, '_>) -> Result<(), String> {
        let bound = |column: &str, open: f64| match row.get(column) {
            "" => Ok(open),
            text => text
                .parse::<f64>()
                .map_err(|_| format!("{column}: {text} is no number")),
        };
        let quantity = Quantity {
            id: row.get("id").to_owned(),
            name: row.get("name").to_owned(),
            loinc: row.get("loinc").to_owned(),
            unit: row.get("unit").to_owned(),
            shown: row.get("shown").to_owned(),
            possible: (bound("low", f64::NEG_INFINITY)?, bound("high", f64::INFINITY)?),
            is_sampled: row.get("sampled") == "yes",
            part_of: row.get("part_of").to_owned(),
        };
        self.quantities.insert(quantity.id.clone(), quantity);
        Ok(())
    }

    fn layout(&mut self, row: &tsumugi_tables::Row<'_, '_>) -> Result<(), String> {
        let id = row.get("layout");
        let layout = self.layouts.entry(id.to_owned()).or_insert_with(|| Layout {
            id: id.to_owned(),
            ..Layout::default()
        });
        let folded = || row.list("header").map(fold);
        let written = || row.list("header").map(str::to_owned);
        match row.get("role") {
            "layout" => row.get("header").clone_into(&mut layout.name),
            "time" => layout.time.extend(folded()),
            "date" => layout.date.extend(folded()),
            "clock" => layout.clock.extend(folded()),
            "device" => layout.device.extend(folded()),
            "serial" => layout.serial.extend(folded()),
            "low" => layout.low.extend(written()),
            "high" => layout.high.extend(written()),
            "interval" => {
                let text = row.get("header");
                let minutes = text.parse().ok().filter(|minutes| (1..=1440).contains(minutes));
                layout.interval =
                    Some(minutes.ok_or_else(|| format!("{text} is no number of minutes (1-1440)"))?);
            }
            "order" => {
                layout.order = match row.get("header") {
                    "mdy" => Order::Month,
                    "dmy" => Order::Day,
                    "ymd" => Order::Year,
                    other => return Err(format!("{other}: mdy, dmy or ymd wanted")),
                };
            }
            "value" => {
                let quantity = row.get("quantity").to_owned();
                if !self.quantities.contains_key(&quantity) {
                    return Err(format!("no row of device_quantities.tsv has the id {quantity}"));
                }
                let when = row
                    .list("when")
                    .filter_map(|one| one.split_once('='))
                    .map(|(header, cell)| (fold(header), cell.to_owned()))
                    .collect();
                layout.values.push(Value {
                    headers: folded().collect(),
                    quantity,
                    when,
                });
            }
            other => return Err(format!("{other} is no role of a column")),
        }
        Ok(())
    }

    /// The columns of a header line, by the layout that knows most of them.
    pub(super) fn columns(&self, line: &str) -> Option<Columns<'_>> {
        let separator = [',', '\t', ';']
            .into_iter()
            .max_by_key(|separator| (line.matches(*separator).count(), *separator == ','))?;
        let headers: Vec<String> = split(line, separator)?.iter().map(|cell| fold(cell)).collect();
        let mut best: Option<(usize, Columns<'_>)> = None;
        for layout in self.layouts.values() {
            if let Some((known, columns)) = self.matched(layout, &headers, separator)
                && best.as_ref().is_none_or(|(most, _)| known > *most)
            {
                best = Some((known, columns));
            }
        }
        best.map(|(_, columns)| columns)
    }

    fn matched<'t>(
        &'t self,
        layout: &'t Layout,
        headers: &[String],
        separator: char,
    ) -> Option<(usize, Columns<'t>)> {
        let find = |names: &[String]| {
            names
                .iter()
                .find_map(|name| headers.iter().position(|header| header == name))
        };
        let time = find(&layout.time);
        let date = if time.is_none() { find(&layout.date) } else { None };
        // A column named as a day may hold the time of day as well; one that is there is read with it.
        let clock = find(&layout.clock);
        if time.is_none() && date.is_none() {
            return None;
        }
        let mut values = Vec::new();
        for value in &layout.values {
            let Some(column) = find(&value.headers) else {
                continue;
            };
            let quantity = self.quantities.get(&value.quantity)?;
            let when = value
                .when
                .iter()
                .filter_map(|(name, cell)| {
                    let at = headers.iter().position(|header| header == name)?;
                    Some((at, cell.as_str()))
                })
                .collect();
            values.push((column, quantity, when));
        }
        if values.is_empty() {
            return None;
        }
        let (device, serial) = (find(&layout.device), find(&layout.serial));
        let found = [time, date, clock, device, serial];
        let known = values.len() + found.iter().flatten().count();
        let day = time.or(date)?;
        let columns = Columns {
            layout,
            separator,
            day,
            day_name: headers.get(day).cloned().unwrap_or_default(),
            clock,
            device,
            serial,
            values,
        };
        Some((known, columns))
    }
}

/// A column with a value: its place, what it holds, and the cells one of which a row must have.
type Found<'t> = (usize, &'t Quantity, Vec<(usize, &'t str)>);

/// Where the columns of a file are.
#[derive(Debug)]
pub(super) struct Columns<'t> {
    pub(super) layout: &'t Layout,
    pub(super) separator: char,
    day: usize,
    day_name: String,
    clock: Option<usize>,
    device: Option<usize>,
    serial: Option<usize>,
    values: Vec<Found<'t>>,
}

impl<'t> Columns<'t> {
    /// The time as it is written, date and time of day together.
    pub(super) fn time(&self, cells: &[String]) -> String {
        let at = |index: usize| cells.get(index).map(String::as_str).unwrap_or_default();
        match self.clock {
            Some(clock) if clock != self.day => format!("{} {}", at(self.day), at(clock)),
            _ => at(self.day).to_owned(),
        }
    }

    pub(super) fn time_name(&self) -> &str {
        &self.day_name
    }

    /// The device as the file names it, else the layout.
    pub(super) fn device(&self, cells: &[String]) -> String {
        let at = |index: Option<usize>| {
            let cell = index.and_then(|index| cells.get(index));
            cell.map(String::as_str).unwrap_or_default()
        };
        let named = [at(self.device), at(self.serial)].join(" ");
        let named = named.trim();
        if named.is_empty() {
            self.layout.name.clone()
        } else {
            named.to_owned()
        }
    }

    /// The values of a row.
    pub(super) fn values<'c>(
        &'c self,
        cells: &'c [String],
    ) -> impl Iterator<Item = (&'t Quantity, &'c str)> + use<'t, 'c> {
        self.values.iter().filter_map(|(column, quantity, when)| {
            let value = cells.get(*column).filter(|cell| !cell.is_empty())?;
            let counts = when.is_empty()
                || when
                    .iter()
                    .any(|(at, wanted)| cells.get(*at).is_some_and(|cell| super::same(cell, wanted)));
            counts.then_some((*quantity, value.as_str()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_of_the_program_have_no_mistake() {
        let (tables, mistakes) = Tables::parse(&[QUANTITIES, DEVICES]);
        assert_eq!(mistakes, []);
        assert!(tables.layouts.len() >= 7);
    }

    #[test]
    fn a_site_adds_the_header_of_its_device() {
        let site = Source {
            path: "site/devices.tsv",
            text: "layout\trole\theader\tquantity\twhen\tstatus\nours\ttime\tWann\t\t\tcited\nours\tvalue\tGrad\ttemperature\t\tcited\nours\tvalue\tx\tnothing\t\tcited\n",
        };
        let (tables, mistakes) = Tables::with_site(&[site]);
        assert_eq!(mistakes.len(), 1);
        let columns = tables.columns("WANN;Grad").unwrap();
        assert_eq!((columns.layout.id.as_str(), columns.separator), ("ours", ';'));
    }
}
