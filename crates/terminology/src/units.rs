//! Units of values: conversion to the usual unit of a test, and the unit that a bare number is plausible in.

use crate::concept::Concept;
use std::collections::BTreeMap;
use tsumugi_clinical::Quantity;
use tsumugi_tables::{Mistake, Source, Table};

/// The tables `coding/scales.tsv` and `coding/implied_scales.tsv`.
#[derive(Debug, Default)]
pub struct Units {
    factors: BTreeMap<(Box<str>, Box<str>), f64>,
    scales: BTreeMap<Box<str>, Vec<Scale>>,
}

/// One row of `coding/implied_scales.tsv`: a bare number in this range is in this unit.
#[derive(Debug)]
struct Scale {
    from: f64,
    to: f64,
    unit: Box<str>,
}

impl Units {
    /// Reads the two tables; what is wrong goes to `mistakes`.
    pub fn new(sources: &[Source<'_>], mistakes: &mut Vec<Mistake>) -> Self {
        let mut units = Self::default();
        for source in sources {
            match source.path {
                "coding/scales.tsv" => units.read_factors(&Table::parse(*source, mistakes), mistakes),
                "coding/implied_scales.tsv" => units.read_scales(&Table::parse(*source, mistakes)),
                _ => {}
            }
        }
        units
    }

    fn read_factors(&mut self, table: &Table<'_>, mistakes: &mut Vec<Mistake>) {
        for row in table.rows() {
            match row.get("factor").parse() {
                Ok(factor) => {
                    self.factors
                        .insert((row.get("from").into(), row.get("to").into()), factor);
                }
                Err(_) => mistakes.push(Mistake::new(table.path, row.line, "factor is no decimal")),
            }
        }
    }

    fn read_scales(&mut self, table: &Table<'_>) {
        for row in table.rows() {
            let bound = |column: &str, open: f64| row.get(column).parse().unwrap_or(open);
            let scale = Scale {
                from: bound("from", 0.0),
                to: bound("to", f64::MAX),
                unit: row.get("unit").into(),
            };
            self.scales.entry(row.get("test").into()).or_default().push(scale);
        }
    }

    /// The factor that turns a number in one unit into another; 1 for the same unit.
    pub fn factor(&self, from: &str, to: &str) -> Option<f64> {
        if from == to {
            return Some(1.0);
        }
        self.factors.get(&(from.into(), to.into())).copied()
    }

    /// The number in the unit of the concept's row. A value without a unit is taken in the scale in which it is
    /// plausible (WBC 12,300 is per μL, 12.3 is thousands), and gets that unit.
    pub fn in_usual_unit(&self, concept: &Concept, value: &mut Quantity) -> Option<f64> {
        let number = value.as_f64()?;
        let Some(usual) = concept.unit.as_deref() else {
            return Some(number);
        };
        if let Some(unit) = value.unit.as_deref() {
            return self.factor(unit, usual).map(|factor| number * factor);
        }
        let unit = self.implied_scale(concept, number).unwrap_or(usual).to_owned();
        let factor = self.factor(&unit, usual).unwrap_or(1.0);
        value.unit = Some(unit.into());
        Some(number * factor)
    }

    /// The unit that a number without one is in, where usage and not the usual unit says so (PLT 24.1 is in 10^4/uL,
    /// WBC 12300 per uL).
    fn implied_scale(&self, concept: &Concept, number: f64) -> Option<&str> {
        let scales = self.scales.get(concept.id.as_str())?;
        let scale = scales
            .iter()
            .find(|scale| scale.from <= number && number < scale.to);
        scale.map(|scale| scale.unit.as_ref())
    }
}
