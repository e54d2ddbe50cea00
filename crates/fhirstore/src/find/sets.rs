//! Criteria as sets of resources: sorted numbers, of runs of the index.

mod conditions;

use super::{FindError, Lets};
use crate::definitions::{Kind, Parameter};
use crate::fold::{fold, past};
use crate::index::{Index, IndexError, Origin, Version, Whose};
use crate::json::Node;
use crate::naive;
use crate::query::{Asked, Criterion, Modifier, Unit, Want};
use crate::values::{Value, values};
use conditions::{both, cost, on_amount, on_time, sorted, without};
use rusqlite::{Connection, OptionalExtension, ToSql, params};

/// Up to so many candidates are asked one by one, rather than through the run of a parameter.
const FEW: usize = 300;

/// Evaluates criteria.
pub(super) struct Sets<'s, 'l> {
    pub(super) index: &'s Index,
    pub(super) conn: &'s Connection,
    pub(super) lets: &'s mut Lets<'l>,
}

impl Sets<'_, '_> {
    /// Resources of a type that fulfil all criteria.
    pub(super) fn all_of(&mut self, kind: &str, criteria: &[Criterion]) -> Result<Vec<i64>, FindError> {
        let mut sorted: Vec<&Criterion> = criteria.iter().collect();
        sorted.sort_by_key(|criterion| cost(criterion));
        let mut set: Option<Vec<i64>> = None;
        for criterion in sorted {
            let next = match set {
                None => self.set(kind, criterion)?,
                Some(within) if within.is_empty() => within,
                Some(within) => self.within(kind, criterion, within)?,
            };
            set = Some(next);
        }
        match set {
            Some(set) => Ok(set),
            None => self.every(kind),
        }
    }

    /// Those of some resources that fulfil a criterion.
    fn within(&mut self, kind: &str, criterion: &Criterion, within: Vec<i64>) -> Result<Vec<i64>, FindError> {
        if let Criterion::Is(asked) = criterion
            && within.len() <= FEW
            && let Some((table, column, keys, negated)) = self.points(asked)?
            && keys.len() <= FEW
        {
            let (parameter, _) = self.key(asked);
            let sql = format!("SELECT 1 FROM {table} WHERE parameter = ?1 AND {column} = ?2 AND r = ?3");
            let mut find = self.conn.prepare_cached(&sql)?;
            let mut kept = Vec::new();
            for r in within {
                let mut is_there = false;
                for key in &keys {
                    is_there = is_there || find.exists(params![parameter, key, r])?;
                }
                if is_there != negated {
                    kept.push(r);
                }
            }
            return Ok(kept);
        }
        if let Criterion::Is(asked) = criterion
            && asked.parameter.kind == Kind::Composite
        {
            return self.on_bodies(asked, within);
        }
        let set = self.set(kind, criterion)?;
        Ok(both(&within, &set))
    }

    /// Resources of a type that fulfil a criterion.
    fn set(&mut self, kind: &str, criterion: &Criterion) -> Result<Vec<i64>, FindError> {
        match criterion {
            Criterion::Id(ids) => self.by_id(kind, ids),
            Criterion::Updated(wants) => self.by_updated(kind, wants),
            Criterion::Is(asked) => self.asked(kind, asked),
            Criterion::Any(some) => {
                let mut found = Vec::new();
                for criterion in some {
                    found.extend(self.set(kind, criterion)?);
                }
                Ok(sorted(found))
            }
            Criterion::Chain {
                parameter,
                kind,
                inner,
            } => {
                let inner = self.set(kind, inner)?;
                let inner = self.visible(inner)?;
                self.referring(parameter, &inner)
            }
            Criterion::Has {
                kind: other,
                parameter,
                inner,
            } => {
                let inner = self.set(other, inner)?;
                let inner = self.visible(inner)?;
                self.referred(kind, parameter, &inner)
            }
        }
    }

    /// Whether a resource may be seen.
    pub(super) fn lets(&mut self, r: i64) -> Result<bool, FindError> {
        let mut find = self
            .conn
            .prepare_cached("SELECT patient, document, origin FROM fhir_resource WHERE r = ?1")?;
        let whose = find.query_row([r], |row| {
            Ok(Whose {
                patient: row.get(0)?,
                document: row.get(1)?,
                origin: Origin::of(row.get(2)?),
            })
        })?;
        Ok((self.lets)(&whose))
    }

    fn visible(&mut self, set: Vec<i64>) -> Result<Vec<i64>, FindError> {
        let mut kept = Vec::with_capacity(set.len());
        for r in set {
            if self.lets(r)? {
                kept.push(r);
            }
        }
        Ok(kept)
    }

    fn every(&self, kind: &str) -> Result<Vec<i64>, FindError> {
        self.run(
            "SELECT r FROM fhir_resource WHERE type = ?1 AND counts = 1 ORDER BY r",
            params![self.index.code(kind)],
        )
    }

    fn run(&self, sql: &str, params: &[&dyn ToSql]) -> Result<Vec<i64>, FindError> {
        let mut list = self.conn.prepare_cached(sql)?;
        let mut rows = list.query(params)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(row.get(0)?);
        }
        Ok(found)
    }

    fn by_id(&self, kind: &str, ids: &[String]) -> Result<Vec<i64>, FindError> {
        let mut find = self
            .conn
            .prepare_cached("SELECT r FROM fhir_resource WHERE type = ?1 AND id = ?2 AND counts = 1")?;
        let mut found = Vec::new();
        for id in ids {
            found.extend(
                find.query_row(params![self.index.code(kind), id], |row| row.get::<_, i64>(0))
                    .optional()?,
            );
        }
        Ok(sorted(found))
    }

    fn by_updated(&self, kind: &str, wants: &[Want]) -> Result<Vec<i64>, FindError> {
        let mut found = Vec::new();
        for want in wants {
            let Some((condition, low, high)) = on_time(want, "updated", "updated + 1") else {
                continue;
            };
            let sql = format!(
                "SELECT r FROM fhir_resource WHERE type = ?1 AND counts = 1 AND ({condition}) AND ?2 <= ?3"
            );
            found.extend(self.run(&sql, params![self.index.code(kind), low, high])?);
        }
        Ok(sorted(found))
    }

    /// The number that a parameter with its modifier has, and its table.
    fn key(&self, asked: &Asked) -> (i64, &'static str) {
        let parameter = &asked.parameter;
        let (key, table) = match (asked.modifier, parameter.kind) {
            (Modifier::Text, _) => (&parameter.words_key, "fhir_string"),
            (Modifier::Identifier, _) => (&parameter.identified_key, "fhir_token"),
            (_, kind) => (&parameter.key, table(kind)),
        };
        (self.index.code(key), table)
    }

    /// Where a criterion asks for whole keys: table, column, keys, and whether it asks for none of them.
    #[expect(
        clippy::type_complexity,
        reason = "four parts of one answer, used twice beside it"
    )]
    fn points(
        &self,
        asked: &Asked,
    ) -> Result<Option<(&'static str, &'static str, Vec<i64>, bool)>, FindError> {
        let is_negated = asked.modifier == Modifier::Not;
        let mut keys = Vec::new();
        let (table, column) = match (asked.parameter.kind, asked.modifier) {
            (Kind::Token, Modifier::Plain | Modifier::Not)
            | (Kind::Reference, Modifier::Identifier)
            | (Kind::Uri, Modifier::Plain | Modifier::Below | Modifier::Above) => {
                for want in &asked.wants {
                    keys.extend(self.values_of(want, asked.modifier)?);
                }
                ("fhir_token", "v")
            }
            (Kind::Reference, Modifier::Plain) => {
                for want in &asked.wants {
                    if let Want::Reference { kind, id } = want {
                        keys.extend(crate::index::find(self.conn, self.index.code(kind), id)?);
                    }
                }
                ("fhir_reference", "target")
            }
            _ => return Ok(None),
        };
        Ok(Some((table, column, sorted(keys), is_negated)))
    }

    /// Numbers of the values that a code or URI means.
    fn values_of(&self, want: &Want, modifier: Modifier) -> Result<Vec<i64>, FindError> {
        match want {
            Want::Token {
                system: None,
                code: Some(code),
            } => self.run("SELECT id FROM fhir_value WHERE text = ?1", params![code]),
            Want::Token {
                system: Some(system),
                code: Some(code),
            } => self.run(
                "SELECT id FROM fhir_value WHERE text = ?1 AND system = ?2",
                params![code, system],
            ),
            Want::Token {
                system: Some(system),
                code: None,
            } => self.run(
                "SELECT id FROM fhir_value WHERE system = ?1 AND system <> ''",
                params![system],
            ),
            Want::Uri(uri) => {
                let plain = "SELECT id FROM fhir_value WHERE text = ?1 AND system = ''";
                let mut found = self.run(plain, params![uri])?;
                match modifier {
                    Modifier::Below => {
                        let from = format!("{}/", uri.trim_end_matches('/'));
                        let to = past(&from);
                        let sql = "SELECT id FROM fhir_value WHERE text >= ?1 AND (?2 IS NULL OR text < ?2) AND system = ''";
                        found.extend(self.run(sql, params![from, to])?);
                    }
                    Modifier::Above => {
                        for (at, _) in uri.match_indices('/') {
                            for end in [at, at + 1] {
                                found.extend(self.run(plain, params![uri.get(..end)])?);
                            }
                        }
                    }
                    _ => {}
                }
                Ok(found)
            }
            _ => Ok(Vec::new()),
        }
    }

    fn asked(&mut self, kind: &str, asked: &Asked) -> Result<Vec<i64>, FindError> {
        if let Modifier::Missing(is_missing) = asked.modifier {
            let present = self.present(&asked.parameter)?;
            return if is_missing {
                Ok(without(&self.every(kind)?, &present))
            } else {
                Ok(present)
            };
        }
        let (parameter, _) = self.key(asked);
        if let Some((table, column, keys, is_negated)) = self.points(asked)? {
            let found = self.runs(table, column, parameter, &keys)?;
            return if is_negated {
                Ok(without(&self.every(kind)?, &found))
            } else {
                Ok(found)
            };
        }
        let mut found = Vec::new();
        for want in &asked.wants {
            match (asked.parameter.kind, want) {
                (_, Want::Date { .. }) => {
                    if let Some((condition, low, high)) = on_time(want, "low", "high") {
                        let sql = format!(
                            "SELECT r FROM fhir_date WHERE parameter = ?1 AND ({condition}) AND ?2 <= ?3"
                        );
                        found.extend(self.run(&sql, params![parameter, low, high])?);
                    }
                }
                (_, Want::Amount { unit, .. }) => {
                    let (condition, low, high) = on_amount(want);
                    let sql = format!(
                        "SELECT r FROM fhir_quantity WHERE parameter = ?1 AND unit = ?4 AND ({condition}) AND ?2 <= ?3"
                    );
                    for unit in self.units(parameter, unit)? {
                        found.extend(self.run(&sql, params![parameter, low, high, unit])?);
                    }
                }
                (_, Want::Text(text)) => found.extend(self.texts(asked, parameter, text)?),
                (Kind::Composite, Want::Parts(_)) => {
                    let candidates = self.candidates(kind, asked)?;
                    return self.on_bodies(asked, candidates);
                }
                _ => {}
            }
        }
        let found = sorted(found);
        if asked.modifier == Modifier::Exact {
            self.on_bodies(asked, found)
        } else {
            Ok(found)
        }
    }

    /// Resources in some runs of a parameter.
    fn runs(&self, table: &str, column: &str, parameter: i64, keys: &[i64]) -> Result<Vec<i64>, FindError> {
        if keys.len() > 1000 {
            let mut list = self
                .conn
                .prepare_cached(&format!("SELECT {column}, r FROM {table} WHERE parameter = ?1"))?;
            let mut rows = list.query([parameter])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                if keys.binary_search(&row.get(0)?).is_ok() {
                    found.push(row.get(1)?);
                }
            }
            return Ok(sorted(found));
        }
        let sql = format!("SELECT r FROM {table} WHERE parameter = ?1 AND {column} = ?2 ORDER BY r");
        let mut found = Vec::new();
        for key in keys {
            found.extend(self.run(&sql, params![parameter, key])?);
        }
        Ok(if keys.len() == 1 { found } else { sorted(found) })
    }

    fn texts(&self, asked: &Asked, parameter: i64, text: &str) -> Result<Vec<i64>, FindError> {
        let folded = fold(text);
        match asked.modifier {
            Modifier::Contains | Modifier::Text => {
                self.run("SELECT r FROM fhir_string WHERE parameter = ?1 AND instr(folded, ?2) > 0", params![parameter, folded])
            }
            Modifier::Exact => {
                self.run("SELECT r FROM fhir_string WHERE parameter = ?1 AND folded = ?2", params![parameter, folded])
            }
            _ => self.run(
                "SELECT r FROM fhir_string WHERE parameter = ?1 AND folded >= ?2 AND (?3 IS NULL OR folded < ?3)",
                params![parameter, folded, past(&folded)],
            ),
        }
    }

    fn units(&self, parameter: i64, unit: &Unit) -> Result<Vec<i64>, FindError> {
        match unit {
            Unit::Coded(system, code) => self.run(
                "SELECT id FROM fhir_value WHERE text = ?1 AND system = ?2",
                params![code, system],
            ),
            Unit::Written(code) => self.run("SELECT id FROM fhir_value WHERE text = ?1", params![code]),
            Unit::Any => {
                // From unit to unit, without walking over what lies between.
                let mut next = self.conn.prepare_cached(
                    "SELECT min(unit) FROM fhir_quantity WHERE parameter = ?1 AND unit > ?2",
                )?;
                let mut units: Vec<i64> = Vec::new();
                while let Some(unit) = next
                    .query_row(params![parameter, units.last().unwrap_or(&0)], |row| {
                        row.get::<_, Option<i64>>(0)
                    })?
                {
                    units.push(unit);
                }
                Ok(units)
            }
        }
    }

    /// Resources in which a parameter has a value.
    fn present(&self, parameter: &Parameter) -> Result<Vec<i64>, FindError> {
        let mut runs = vec![(table(parameter.kind), self.index.code(&parameter.key))];
        match parameter.kind {
            Kind::Token => runs.push(("fhir_string", self.index.code(&parameter.words_key))),
            Kind::Reference => runs.push(("fhir_token", self.index.code(&parameter.identified_key))),
            _ => {}
        }
        let mut found = Vec::new();
        for (table, key) in runs {
            found.extend(self.run(
                &format!("SELECT r FROM {table} WHERE parameter = ?1"),
                params![key],
            )?);
        }
        Ok(sorted(found))
    }

    /// Resources in which a composite may hold: by its first part, where a parameter of its own reads the same.
    fn candidates(&mut self, kind: &str, asked: &Asked) -> Result<Vec<i64>, FindError> {
        let Some((part_kind, part)) = asked.parameter.parts.first() else {
            return Ok(Vec::new());
        };
        let mut paths: Vec<String> = Vec::new();
        for base in &asked.parameter.path {
            for one in part {
                let is_root = base.written == "." || one.rooted;
                let below = one.written.trim_start_matches('/');
                paths.push(if is_root {
                    below.to_owned()
                } else {
                    format!("{}.{below}", base.written)
                });
            }
        }
        paths.sort();
        paths.dedup();
        let reads_same = |own: &&Parameter| {
            let mut own_paths: Vec<&str> = own.path.iter().map(|one| one.written.as_str()).collect();
            own_paths.sort_unstable();
            own.kind == *part_kind && own_paths == paths
        };
        let definitions = std::sync::Arc::clone(&self.index.definitions);
        let same = definitions
            .resource_type(kind)
            .and_then(|of| of.parameters.iter().find(reads_same));
        let Some(same) = same else { return self.every(kind) };
        let firsts = asked.wants.iter().filter_map(|want| match want {
            Want::Parts(parts) => parts.first().cloned(),
            _ => None,
        });
        let by_first = Asked {
            parameter: same.clone(),
            modifier: Modifier::Plain,
            wants: firsts.collect(),
        };
        self.asked(kind, &by_first)
    }

    /// What only the body can decide.
    fn on_bodies(&self, asked: &Asked, candidates: Vec<i64>) -> Result<Vec<i64>, FindError> {
        let mut kept = Vec::new();
        for r in candidates {
            let Some(version) = crate::index::numbered(self.conn, r)? else {
                continue;
            };
            let body = version.body.unwrap_or_default();
            let node = Node::parse(&body).map_err(|cause| IndexError::Body {
                kind: version.kind.clone(),
                id: version.id.clone(),
                cause,
            })?;
            if naive::is(&self.index.definitions, self.index.base(), asked, &node) {
                kept.push(r);
            }
        }
        Ok(kept)
    }

    /// Resources that refer to one of `targets`.
    fn referring(&self, parameter: &Parameter, targets: &[i64]) -> Result<Vec<i64>, FindError> {
        self.runs(
            "fhir_reference",
            "target",
            self.index.code(&parameter.key),
            targets,
        )
    }

    /// Resources of a type that one of `from` refers to.
    fn referred(&mut self, kind: &str, parameter: &Parameter, from: &[i64]) -> Result<Vec<i64>, FindError> {
        let mut found = Vec::new();
        if from.len() <= FEW {
            for r in from {
                if let Some(version) = crate::index::numbered(self.conn, *r)? {
                    found.extend(self.targets_of(&version, parameter)?);
                }
            }
        } else {
            let mut list = self
                .conn
                .prepare_cached("SELECT target, r FROM fhir_reference WHERE parameter = ?1")?;
            let mut rows = list.query([self.index.code(&parameter.key)])?;
            while let Some(row) = rows.next()? {
                let target: i64 = row.get(0)?;
                if found.last() != Some(&target) && from.binary_search(&row.get(1)?).is_ok() {
                    found.push(target);
                }
            }
        }
        let found = sorted(found);
        if found.len() > FEW {
            return Ok(both(&found, &self.every(kind)?));
        }
        let mut is_kind = self
            .conn
            .prepare_cached("SELECT 1 FROM fhir_resource WHERE r = ?1 AND type = ?2 AND counts = 1")?;
        let mut kept = Vec::new();
        for r in found {
            if is_kind.exists(params![r, self.index.code(kind)])? {
                kept.push(r);
            }
        }
        Ok(kept)
    }

    /// What a resource refers to by a parameter, as far as it is known here.
    pub(super) fn targets_of(&self, version: &Version, parameter: &Parameter) -> Result<Vec<i64>, FindError> {
        let body = version.body.as_deref().unwrap_or("{}");
        let node = Node::parse(body).map_err(|cause| IndexError::Body {
            kind: version.kind.clone(),
            id: version.id.clone(),
            cause,
        })?;
        let mut names = Vec::new();
        values(parameter, &node, &mut |value| {
            if let Value::Reference(literal) = value {
                names.push(self.index.target(literal));
            }
        });
        let mut found = Vec::new();
        for (kind, id) in names {
            found.extend(crate::index::find(self.conn, kind, &id)?);
        }
        Ok(found)
    }
}

fn table(kind: Kind) -> &'static str {
    match kind {
        Kind::Token | Kind::Uri | Kind::Composite => "fhir_token",
        Kind::Date => "fhir_date",
        Kind::Number | Kind::Quantity => "fhir_quantity",
        Kind::String => "fhir_string",
        Kind::Reference => "fhir_reference",
    }
}
