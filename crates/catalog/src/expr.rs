//! The language of rules: tiny, total, with units and three truth values.
//!
//! ```text
//! max_wal_senders > 0 => wal_level in {'replica', 'logical'}
//! eff(autovacuum_work_mem) * autovacuum_max_workers + shared_buffers <= 0.8 * host.memory
//! count_set(recovery_target, recovery_target_lsn, recovery_target_xid) <= 1
//! 'pg_stat_statements' in shared_preload_libraries
//! max_connections >= primary.max_connections
//! pgbouncer.server_connections <= max_connections - superuser_reserved_connections
//! ```
//!
//! `eff(x)` is what the value of `x` stands for, `is_set(x)` says that it is not the built-in one,
//! `host.memory` is a fact about the host, `primary.x` the value of a setting on the primary that a standby
//! follows, `pgbouncer.x` a setting of the pooler in front. `=>` binds least and to the right, then `or`, `and`, `not`,
//! comparisons, sums, products. What is not known makes the answer unknown, never true.

use std::collections::BTreeSet;
use std::fmt;

use backstay_model::{NodeKey, SettingName};

use crate::units::{Dimension, Unit};

mod eval;
mod normal;
mod number;
mod parse;
mod slack;
mod types;

pub use eval::{Environment, Tri, eval, quantity};
pub use normal::normalise;
pub use parse::{ParseError, parse};
pub use slack::{Closeness, NEAR, Slack, slack};
pub use types::{Type, TypeError, type_of};

/// What comes before the name of a fact about the host.
pub const HOST: &str = "host.";
/// What comes before the name of a setting of the primary.
pub const PRIMARY: &str = "primary.";
/// What comes before the name of a setting of the pooler.
pub const POOLER: &str = "pgbouncer.";

/// An expression.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Expr {
    /// A number, maybe with a unit.
    Number(Decimal),
    /// A text.
    Text(String),
    /// On or off.
    Bool(bool),
    /// The value of a setting as it stands.
    Setting(SettingName),
    /// What the value of a setting stands for: `eff(x)`.
    Effective(SettingName),
    /// A fact about the host: `host.memory`.
    Host(String),
    /// The value of a setting on the primary: `primary.max_connections`.
    Primary(SettingName),
    /// A setting of the pooler in front: `pgbouncer.default_pool_size`.
    Pooler(String),
    /// The number with its sign turned.
    Negative(Box<Expr>),
    /// Two numbers put together.
    Arithmetic(Arithmetic, Box<Expr>, Box<Expr>),
    /// A function of numbers.
    Call(Function, Vec<Expr>),
    /// How many of these settings are set.
    CountSet(Vec<SettingName>),
    /// The setting has another value than the built-in one.
    IsSet(SettingName),
    /// Two values compared.
    Compare(Comparison, Box<Expr>, Box<Expr>),
    /// The value is one of these.
    OneOf(Box<Expr>, Vec<Expr>),
    /// The text is an item of the list.
    ItemOf(Box<Expr>, Box<Expr>),
    /// The opposite.
    Not(Box<Expr>),
    /// All hold; at least two.
    And(Vec<Expr>),
    /// One holds; at least two.
    Or(Vec<Expr>),
    /// When the first holds, so must the second.
    Implies(Box<Expr>, Box<Expr>),
}

/// A number as it is written: `mantissa / 10^scale`, maybe with a unit; without trailing zeros.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Decimal {
    /// All digits, with the sign.
    pub mantissa: i128,
    /// How many of them are after the point; at most [`Decimal::SCALE_MAX`].
    pub scale: u32,
    /// The unit.
    pub unit: Option<Unit>,
}

/// Operations on two numbers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Arithmetic {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
}

/// Functions of numbers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Function {
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// `clamp(x, low, high)`
    Clamp,
}

/// Comparisons.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `>=`
    GreaterEqual,
    /// `>`
    Greater,
}

impl Decimal {
    /// Most digits after the point.
    pub const SCALE_MAX: u32 = 12;

    /// The number in its shortest form.
    #[must_use]
    pub fn new(mantissa: i128, scale: u32, unit: Option<Unit>) -> Self {
        let (mut mantissa, mut scale) = (mantissa, scale);
        while scale > 0 && mantissa % 10 == 0 {
            mantissa /= 10;
            scale -= 1;
        }
        Self {
            mantissa,
            scale,
            unit,
        }
    }

    /// What it measures; a bare 0 or -1 is a special value and fits any dimension.
    #[must_use]
    pub const fn dimension(self) -> Option<Dimension> {
        match self.unit {
            Some(Unit::Bytes(_)) => Some(Dimension::Bytes),
            Some(Unit::Micros(_)) => Some(Dimension::Micros),
            None if self.scale == 0 && matches!(self.mantissa, -1 | 0) => None,
            None => Some(Dimension::Plain),
        }
    }
}

impl Expr {
    /// The settings it speaks of.
    #[must_use]
    pub fn settings(&self) -> BTreeSet<SettingName> {
        let names = vars(self).into_iter().filter_map(|node| match node {
            NodeKey::Setting(name) => Some(name),
            _ => None,
        });
        names.collect()
    }

    /// The expressions directly inside it, from left to right.
    pub(crate) fn parts(&self) -> Vec<&Expr> {
        match self {
            Self::Negative(a) | Self::Not(a) => vec![a],
            Self::Arithmetic(_, a, b)
            | Self::Compare(_, a, b)
            | Self::ItemOf(a, b)
            | Self::Implies(a, b) => vec![a, b],
            Self::Call(_, all) | Self::And(all) | Self::Or(all) => all.iter().collect(),
            Self::OneOf(a, rest) => std::iter::once(a.as_ref()).chain(rest).collect(),
            Self::Number(_)
            | Self::Text(_)
            | Self::Bool(_)
            | Self::Setting(_)
            | Self::Effective(_)
            | Self::Host(_)
            | Self::Primary(_)
            | Self::Pooler(_)
            | Self::CountSet(_)
            | Self::IsSet(_) => Vec::new(),
        }
    }

    /// How tightly its outermost operator binds.
    const fn binding(&self) -> u8 {
        match self {
            Self::Implies(..) => 1,
            Self::Or(_) => 2,
            Self::And(_) => 3,
            Self::Not(_) => 4,
            Self::Compare(..) | Self::OneOf(..) | Self::ItemOf(..) => 5,
            Self::Arithmetic(Arithmetic::Add | Arithmetic::Subtract, ..) => 6,
            Self::Arithmetic(..) => 7,
            Self::Negative(_) => 8,
            _ => 9,
        }
    }

    /// Writes itself, in brackets when it binds less tightly than `least`.
    fn write(&self, f: &mut fmt::Formatter<'_>, least: u8) -> fmt::Result {
        if self.binding() < least {
            write!(f, "({self})")
        } else {
            write!(f, "{self}")
        }
    }
}

/// The settings and facts that an expression speaks of, in the order of their names. What is not inside
/// the instance is a resource: `memory` of the host, `primary.wal_level`, `pgbouncer.pool_mode`.
#[must_use]
pub fn vars(expr: &Expr) -> BTreeSet<NodeKey> {
    let mut found: BTreeSet<_> = expr.parts().into_iter().flat_map(vars).collect();
    match expr {
        Expr::Setting(name) | Expr::Effective(name) | Expr::IsSet(name) => {
            found.insert(NodeKey::Setting(name.clone()));
        }
        Expr::CountSet(names) => found.extend(names.iter().cloned().map(NodeKey::Setting)),
        Expr::Host(name) => {
            found.insert(NodeKey::Resource(name.clone()));
        }
        Expr::Primary(name) => {
            found.insert(NodeKey::Resource(format!("{PRIMARY}{name}")));
        }
        Expr::Pooler(name) => {
            found.insert(NodeKey::Resource(format!("{POOLER}{name}")));
        }
        _ => {}
    }
    found
}

/// What the name of a resource means when it is not about the host: `primary.wal_level`,
/// `pgbouncer.pool_mode`.
#[must_use]
pub fn elsewhere(resource: &str) -> Option<Expr> {
    if let Some(setting) = resource.strip_prefix(PRIMARY) {
        return Some(Expr::Primary(SettingName::new(setting)));
    }
    let fact = resource.strip_prefix(POOLER)?;
    Some(Expr::Pooler(fact.to_owned()))
}

/// The node that a name in a reviewed rule means: a setting, or a resource of the host (`host.memory`), of
/// the primary or of the pooler.
#[must_use]
pub fn node(name: &str) -> NodeKey {
    match name.strip_prefix(HOST) {
        Some(fact) => NodeKey::Resource(fact.to_owned()),
        None if elsewhere(name).is_some() => NodeKey::Resource(name.to_owned()),
        None => NodeKey::setting(name),
    }
}

/// A node as rules write it: `work_mem`, `host.memory`, `primary.wal_level`.
#[must_use]
pub fn written(node: &NodeKey) -> String {
    match node {
        NodeKey::Resource(name) if elsewhere(name).is_none() => format!("{HOST}{name}"),
        other => other.name().to_owned(),
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.mantissa < 0 { "-" } else { "" };
        let digits = self.mantissa.unsigned_abs().to_string();
        let places = self.scale as usize;
        let digits = format!("{digits:0>width$}", width = places + 1);
        let (whole, fraction) = digits.split_at(digits.len() - places);
        f.write_str(sign)?;
        f.write_str(whole)?;
        if places > 0 {
            write!(f, ".{fraction}")?;
        }
        self.unit.map_or(Ok(()), |unit| write!(f, "{unit}"))
    }
}

impl fmt::Display for Arithmetic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
        })
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::GreaterEqual => ">=",
            Self::Greater => ">",
        })
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Min => "min",
            Self::Max => "max",
            Self::Clamp => "clamp",
        })
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(n) => write!(f, "{n}"),
            Self::Text(text) => write!(f, "'{}'", text.replace('\'', "''")),
            Self::Bool(on) => f.write_str(if *on { "on" } else { "off" }),
            Self::Setting(name) => write!(f, "{name}"),
            Self::Effective(name) => write!(f, "eff({name})"),
            Self::Host(name) => write!(f, "{HOST}{name}"),
            Self::Primary(name) => write!(f, "{PRIMARY}{name}"),
            Self::Pooler(name) => write!(f, "{POOLER}{name}"),
            Self::Negative(a) => {
                f.write_str("-")?;
                a.write(f, 9)
            }
            Self::Arithmetic(op, a, b) => {
                a.write(f, self.binding())?;
                write!(f, " {op} ")?;
                b.write(f, self.binding() + 1)
            }
            Self::Call(function, all) => {
                write!(f, "{function}(")?;
                joined(f, all, ", ", 6)?;
                f.write_str(")")
            }
            Self::CountSet(names) => {
                let names: Vec<_> = names.iter().map(SettingName::as_str).collect();
                write!(f, "count_set({})", names.join(", "))
            }
            Self::IsSet(name) => write!(f, "is_set({name})"),
            Self::Compare(op, a, b) => {
                a.write(f, 6)?;
                write!(f, " {op} ")?;
                b.write(f, 6)
            }
            Self::OneOf(a, all) => {
                a.write(f, 6)?;
                f.write_str(" in {")?;
                for (i, one) in all.iter().enumerate() {
                    f.write_str(if i > 0 { ", " } else { "" })?;
                    // A bare name in a set is a text.
                    let least = if matches!(one, Self::Setting(_)) {
                        u8::MAX
                    } else {
                        6
                    };
                    one.write(f, least)?;
                }
                f.write_str("}")
            }
            Self::ItemOf(a, b) => {
                a.write(f, 6)?;
                f.write_str(" in ")?;
                b.write(f, 6)
            }
            Self::Not(a) => {
                f.write_str("not ")?;
                a.write(f, 4)
            }
            Self::And(all) => joined(f, all, " and ", 4),
            Self::Or(all) => joined(f, all, " or ", 3),
            Self::Implies(a, b) => {
                a.write(f, 2)?;
                f.write_str(" => ")?;
                b.write(f, 1)
            }
        }
    }
}

fn joined(f: &mut fmt::Formatter<'_>, all: &[Expr], between: &str, least: u8) -> fmt::Result {
    for (i, one) in all.iter().enumerate() {
        if i > 0 {
            f.write_str(between)?;
        }
        one.write(f, least)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
