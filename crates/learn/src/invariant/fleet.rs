//! The last snapshot of every target, in columns of numbers.

use std::collections::BTreeMap;

use backstay_model::{SettingName, TargetId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::learner::{Comparable, Dimension, Origin, Position, Reading};

/// Targets whose snapshots are kept; those of later ones are not.
pub const TARGETS_MAX: usize = 2_048;
/// Settings that are kept of a snapshot.
pub const SETTINGS_MAX: usize = 1_024;

/// A setting's place in a row.
pub(super) type Column = u16;

/// What a row holds of one setting.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Cell {
    /// The number, for a number.
    pub(super) number: f64,
    pub(super) kind: Kind,
    pub(super) origin: Origin,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(super) enum Kind {
    Missing,
    Number(Dimension),
    Switch(Position),
    Set,
    Unset,
}

const MISSING: Cell = Cell {
    number: 0.0,
    kind: Kind::Missing,
    origin: Origin::Default,
};

impl Cell {
    fn of(reading: &Reading) -> Self {
        let (kind, number) = match reading.value {
            Comparable::Number(dimension, number) if number.is_finite() => {
                (Kind::Number(dimension), number)
            }
            Comparable::Number(..) => (Kind::Missing, 0.0),
            Comparable::Switch(position) => (Kind::Switch(position), 0.0),
            Comparable::Something => (Kind::Set, 0.0),
            Comparable::Nothing => (Kind::Unset, 0.0),
        };
        Self {
            number,
            kind,
            origin: reading.origin,
        }
    }

    /// The number, when it is one of this dimension.
    pub(super) fn number(&self, dimension: Dimension) -> Option<f64> {
        (self.kind == Kind::Number(dimension)).then_some(self.number)
    }

    /// Whether it is set, when it is a switch or a text.
    pub(super) const fn set(&self) -> Option<bool> {
        match self.kind {
            Kind::Set | Kind::Switch(Position::On) => Some(true),
            Kind::Unset | Kind::Switch(Position::Off) => Some(false),
            Kind::Missing | Kind::Number(_) => None,
        }
    }
}

/// One target.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Row {
    at: Timestamp,
    cells: Vec<Cell>,
}

impl Row {
    pub(super) fn cell(&self, column: Column) -> &Cell {
        self.cells.get(usize::from(column)).unwrap_or(&MISSING)
    }

    /// Whether somebody chose one of the two values.
    pub(super) fn chosen(&self, x: Column, y: Column) -> bool {
        [x, y]
            .iter()
            .any(|c| self.cell(*c).origin == Origin::Chosen)
    }

    /// The settings that somebody chose.
    pub(super) fn choices(&self) -> Vec<Column> {
        let cells = (0..).zip(&self.cells);
        let chosen = cells.filter(|(_, c)| c.kind != Kind::Missing && c.origin == Origin::Chosen);
        chosen.map(|(column, _)| column).collect()
    }
}

/// The snapshots of one engine.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Fleet {
    columns: BTreeMap<SettingName, Column>,
    names: Vec<SettingName>,
    rows: BTreeMap<TargetId, Row>,
    /// Targets with new values since the last search.
    fresh: usize,
}

impl Fleet {
    pub(super) fn put(
        &mut self,
        target: &TargetId,
        at: Timestamp,
        values: &BTreeMap<SettingName, Reading>,
    ) {
        let known = self.rows.get(target);
        if known.is_some_and(|r| r.at > at) || (known.is_none() && self.rows.len() >= TARGETS_MAX) {
            return;
        }
        let mut cells = vec![MISSING; self.names.len()];
        for (name, reading) in values {
            if let Some(column) = self.column(name) {
                let column = usize::from(column);
                if column >= cells.len() {
                    cells.resize(column + 1, MISSING);
                }
                cells[column] = Cell::of(reading);
            }
        }
        let row = Row { at, cells };
        let same = self
            .rows
            .get(target)
            .is_some_and(|old| old.cells == row.cells);
        self.fresh += usize::from(!same);
        self.rows.insert(target.clone(), row);
    }

    fn column(&mut self, name: &SettingName) -> Option<Column> {
        if let Some(column) = self.columns.get(name) {
            return Some(*column);
        }
        if self.names.len() == SETTINGS_MAX {
            return None;
        }
        let column = self.names.len() as Column;
        self.columns.insert(name.clone(), column);
        self.names.push(name.clone());
        Some(column)
    }

    /// What the last snapshot of a target says of a setting, when it is a number or a switch.
    pub(super) fn comparable(
        &self,
        target: &TargetId,
        setting: &SettingName,
    ) -> Option<Comparable> {
        let cell = self.rows.get(target)?.cell(*self.columns.get(setting)?);
        match cell.kind {
            Kind::Number(dimension) => Some(Comparable::Number(dimension, cell.number)),
            Kind::Switch(position) => Some(Comparable::Switch(position)),
            Kind::Missing | Kind::Set | Kind::Unset => None,
        }
    }

    pub(super) fn name(&self, column: Column) -> &SettingName {
        &self.names[usize::from(column)]
    }

    /// That it is set, in the rule language.
    pub(super) fn is_set(&self, column: Column) -> String {
        let name = self.name(column);
        let switch = |r: &Row| matches!(r.cell(column).kind, Kind::Switch(_));
        if self.rows().any(switch) {
            format!("{name} = on")
        } else {
            format!("is_set({name})")
        }
    }

    pub(super) fn columns(&self) -> std::ops::Range<Column> {
        0..self.names.len() as Column
    }

    pub(super) fn row(&self, target: &TargetId) -> Option<&Row> {
        self.rows.get(target)
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.values()
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) const fn fresh(&self) -> usize {
        self.fresh
    }

    pub(super) const fn searched(&mut self) {
        self.fresh = 0;
    }

    pub(super) fn bytes(&self) -> usize {
        let row = |r: &Row| r.cells.capacity() * size_of::<Cell>() + 80;
        self.rows.values().map(row).sum::<usize>() + self.names.len() * 120
    }
}
