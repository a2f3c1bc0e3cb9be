//! What an expression is worth on a configuration.

use std::cmp::Ordering;

use backstay_model::{Reach, SettingName};

use crate::expr::number::Number;
use crate::expr::{Arithmetic, Comparison, Decimal, Expr, Function};
use crate::units::{Dimension, Quantity, Unit};

/// A configuration and its host, as far as they are known.
pub trait Environment {
    /// The value of a setting as it stands; `None` when it is not known.
    fn setting(&self, name: &SettingName) -> Option<Quantity>;

    /// A fact about the host: `memory`, `disk_free`, `huge_pages`, `stack` (sizes), `cpus`, `open_files` (numbers),
    /// `storage` (text).
    fn host(&self, name: &str) -> Option<Quantity>;

    /// Whether that fact is what is usual, because nobody knows it.
    fn assumed(&self, _fact: &str) -> bool {
        false
    }

    /// The value of a setting on the primary that this standby follows; `None` when there is none or it
    /// is not known.
    fn primary(&self, _name: &SettingName) -> Option<Quantity> {
        None
    }

    /// A setting of the pooler in front, in the words of [`crate::pooler`].
    fn pooler(&self, _name: &str) -> Option<Quantity> {
        None
    }

    /// Whether there is another side that rules of this reach could speak of. Without it such a rule is
    /// not unknown, it is about nobody.
    fn joined(&self, reach: Reach) -> bool {
        reach == Reach::SameNode
    }

    /// What the value of a setting stands for: another one's value, or none where -1 or 0 means
    /// "no limit". As it stands, unless the implementation knows better.
    fn effective(&self, name: &SettingName) -> Option<Quantity> {
        self.setting(name)
    }

    /// Whether the value is another one than the built-in one; `None` when that is not known.
    fn set(&self, name: &SettingName) -> Option<bool> {
        match self.setting(name)? {
            Quantity::Text(text) => Some(!text.is_empty()),
            Quantity::List(items) => Some(!items.is_empty()),
            _ => None,
        }
    }
}

/// A truth value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Tri {
    /// It holds.
    True,
    /// It does not.
    False,
    /// That is not known.
    Unknown,
}

impl From<Option<bool>> for Tri {
    fn from(known: Option<bool>) -> Self {
        match known {
            Some(true) => Self::True,
            Some(false) => Self::False,
            None => Self::Unknown,
        }
    }
}

/// A value while it is worked on; `Number` with no dimension fits any.
#[derive(Clone, Debug)]
pub(super) enum Worth {
    Number(Number, Option<Dimension>),
    Bool(bool),
    Text(String),
    List(Vec<String>),
}

/// Whether the expression holds. Never panics; whatever cannot be known or computed is unknown.
#[must_use]
pub fn eval(expr: &Expr, env: &dyn Environment) -> Tri {
    match expr {
        Expr::Not(a) => match eval(a, env) {
            Tri::True => Tri::False,
            Tri::False => Tri::True,
            Tri::Unknown => Tri::Unknown,
        },
        Expr::And(all) => together(all, env, Tri::False, Tri::True),
        Expr::Or(all) => together(all, env, Tri::True, Tri::False),
        Expr::Implies(a, b) => match (eval(a, env), eval(b, env)) {
            (Tri::False, _) | (_, Tri::True) => Tri::True,
            (Tri::True, Tri::False) => Tri::False,
            _ => Tri::Unknown,
        },
        _ => match worth(expr, env) {
            Some(Worth::Bool(on)) => Some(on).into(),
            _ => Tri::Unknown,
        },
    }
}

/// The value of the expression; `None` when it is not known, or is a number of no dimension that can
/// be shown.
#[must_use]
pub fn quantity(expr: &Expr, env: &dyn Environment) -> Option<Quantity> {
    Some(match worth(expr, env)? {
        Worth::Bool(on) => Quantity::Bool(on),
        Worth::Text(text) => Quantity::Text(text),
        Worth::List(items) => Quantity::List(items),
        Worth::Number(n, _) if n.as_f64().is_infinite() => Quantity::Unlimited,
        Worth::Number(Number::Ratio(n, 1), None | Some(Dimension::Plain)) => Quantity::Count(n),
        Worth::Number(n, None | Some(Dimension::Plain)) => Quantity::Fraction(n.as_f64()),
        Worth::Number(n, Some(Dimension::Bytes)) => Quantity::Bytes(rounded(n)?),
        Worth::Number(n, Some(Dimension::Micros)) => Quantity::Micros(rounded(n)?),
    })
}

fn rounded(n: Number) -> Option<i128> {
    match n {
        Number::Ratio(n, d) => n.checked_add(d / 2).map(|n| n.div_euclid(d)),
        Number::Real(x) => crate::units::to_i128(x.round()),
    }
}

/// `and` and `or`: one `decisive` answer decides, else any unknown, else `otherwise`.
fn together(all: &[Expr], env: &dyn Environment, decisive: Tri, otherwise: Tri) -> Tri {
    let answers: Vec<_> = all.iter().map(|e| eval(e, env)).collect();
    if answers.contains(&decisive) {
        decisive
    } else if answers.contains(&Tri::Unknown) {
        Tri::Unknown
    } else {
        otherwise
    }
}

pub(super) fn worth(expr: &Expr, env: &dyn Environment) -> Option<Worth> {
    match expr {
        Expr::Number(n) => literal(*n),
        Expr::Text(text) => Some(Worth::Text(text.clone())),
        Expr::Bool(on) => Some(Worth::Bool(*on)),
        Expr::Setting(name) => env.setting(name).map(of_quantity),
        Expr::Effective(name) => env.effective(name).map(of_quantity),
        Expr::Host(name) => env.host(name).map(of_quantity),
        Expr::Primary(name) => env.primary(name).map(of_quantity),
        Expr::Pooler(name) => env.pooler(name).map(of_quantity),
        Expr::Negative(a) => match worth(a, env)? {
            Worth::Number(n, dimension) => Some(Worth::Number(n.negative()?, dimension)),
            _ => None,
        },
        Expr::Arithmetic(op, a, b) => arithmetic(*op, worth(a, env)?, worth(b, env)?),
        Expr::Call(function, all) => call(
            *function,
            all.iter()
                .map(|e| worth(e, env))
                .collect::<Option<Vec<_>>>()?,
        ),
        Expr::CountSet(names) => {
            let set: Option<Vec<bool>> = names.iter().map(|n| env.set(n)).collect();
            let count = set?.into_iter().filter(|s| *s).count();
            Some(Worth::Number(
                Number::whole(i128::try_from(count).ok()?),
                Some(Dimension::Plain),
            ))
        }
        Expr::IsSet(name) => env.set(name).map(Worth::Bool),
        Expr::Compare(op, a, b) => compare(*op, &worth(a, env)?, &worth(b, env)?).map(Worth::Bool),
        Expr::OneOf(a, all) => one_of(&worth(a, env)?, all, env).map(Worth::Bool),
        Expr::ItemOf(a, b) => item_of(&worth(a, env)?, &worth(b, env)?).map(Worth::Bool),
        Expr::Not(_) | Expr::And(_) | Expr::Or(_) | Expr::Implies(..) => match eval(expr, env) {
            Tri::True => Some(Worth::Bool(true)),
            Tri::False => Some(Worth::Bool(false)),
            Tri::Unknown => None,
        },
    }
}

fn of_quantity(quantity: Quantity) -> Worth {
    match quantity {
        Quantity::Bytes(n) => Worth::Number(Number::whole(n), Some(Dimension::Bytes)),
        Quantity::Micros(n) => Worth::Number(Number::whole(n), Some(Dimension::Micros)),
        Quantity::Count(n) => Worth::Number(Number::whole(n), Some(Dimension::Plain)),
        Quantity::Fraction(x) => Worth::Number(Number::Real(x), Some(Dimension::Plain)),
        Quantity::Bool(on) => Worth::Bool(on),
        Quantity::Text(text) => Worth::Text(text),
        Quantity::List(items) => Worth::List(items),
        Quantity::Unlimited => Worth::Number(Number::Real(f64::INFINITY), None),
    }
}

fn literal(n: Decimal) -> Option<Worth> {
    let size = i128::from(n.unit.map_or(1, Unit::size));
    let number = Number::decimal(n)?.combine(Arithmetic::Multiply, Number::whole(size))?;
    Some(Worth::Number(number, n.dimension()))
}

fn arithmetic(op: Arithmetic, a: Worth, b: Worth) -> Option<Worth> {
    let (Worth::Number(a, da), Worth::Number(b, db)) = (a, b) else {
        return None;
    };
    let dimension = op.dimension(da, db)?;
    a.combine(op, b).map(|n| Worth::Number(n, dimension))
}

impl Arithmetic {
    /// The dimension of a result; outer `None` when the two do not go together.
    pub(super) fn dimension(
        self,
        a: Option<Dimension>,
        b: Option<Dimension>,
    ) -> Option<Option<Dimension>> {
        let plain = |d: Option<Dimension>| d.is_none_or(|d| d == Dimension::Plain);
        match self {
            Self::Add | Self::Subtract => common(a, b),
            Self::Multiply if plain(a) => Some(b.or(a)),
            Self::Multiply | Self::Divide if plain(b) => Some(a),
            Self::Divide if a == b => Some(Some(Dimension::Plain)),
            Self::Multiply | Self::Divide => None,
        }
    }
}

/// The dimension that both fit; outer `None` when there is none.
pub(super) fn common(a: Option<Dimension>, b: Option<Dimension>) -> Option<Option<Dimension>> {
    match (a, b) {
        (None, d) | (d, None) => Some(d),
        (Some(a), Some(b)) => (a == b).then_some(Some(a)),
    }
}

fn call(function: Function, all: Vec<Worth>) -> Option<Worth> {
    let mut numbers = Vec::with_capacity(all.len());
    let mut dimension = None;
    for one in all {
        let Worth::Number(n, d) = one else {
            return None;
        };
        dimension = common(dimension, d)?;
        numbers.push(n);
    }
    let pick = |wanted: Ordering, a: Number, b: Number| {
        a.compare(b)
            .map(|found| if found == wanted { a } else { b })
    };
    let fold = |wanted| {
        let (first, rest) = numbers.split_first()?;
        rest.iter()
            .try_fold(*first, |best, n| pick(wanted, best, *n))
    };
    let result = match (function, numbers.as_slice()) {
        (Function::Min, _) => fold(Ordering::Less)?,
        (Function::Max, _) => fold(Ordering::Greater)?,
        (Function::Clamp, [x, low, high]) => {
            pick(Ordering::Less, pick(Ordering::Greater, *x, *low)?, *high)?
        }
        (Function::Clamp, _) => return None,
    };
    Some(Worth::Number(result, dimension))
}

impl Comparison {
    /// Whether two values in this order stand in this relation.
    pub(super) fn fits(self, order: Ordering) -> bool {
        match self {
            Self::Less => order.is_lt(),
            Self::LessEqual => order.is_le(),
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::GreaterEqual => order.is_ge(),
            Self::Greater => order.is_gt(),
        }
    }
}

fn compare(op: Comparison, a: &Worth, b: &Worth) -> Option<bool> {
    if let (Worth::Number(a, da), Worth::Number(b, db)) = (a, b) {
        common(*da, *db)?;
        return a.compare(*b).map(|order| op.fits(order));
    }
    let same = same(a, b)?;
    match op {
        Comparison::Equal => Some(same),
        Comparison::NotEqual => Some(!same),
        _ => None,
    }
}

/// Whether two values that are not both numbers are equal. `on` as a word equals on.
fn same(a: &Worth, b: &Worth) -> Option<bool> {
    let word = |on: bool| if on { "on" } else { "off" };
    match (a, b) {
        (Worth::Bool(a), Worth::Bool(b)) => Some(a == b),
        (Worth::Text(a), Worth::Text(b)) => Some(a == b),
        (Worth::Text(text), Worth::Bool(on)) | (Worth::Bool(on), Worth::Text(text)) => {
            Some(text == word(*on))
        }
        (Worth::List(items), Worth::Text(text)) | (Worth::Text(text), Worth::List(items)) => {
            Some(*items == crate::units::items(text))
        }
        (Worth::List(a), Worth::List(b)) => Some(a == b),
        _ => None,
    }
}

fn one_of(a: &Worth, all: &[Expr], env: &dyn Environment) -> Option<bool> {
    let answers: Vec<_> = all
        .iter()
        .map(|e| worth(e, env).and_then(|b| compare(Comparison::Equal, a, &b)))
        .collect();
    if answers.contains(&Some(true)) {
        return Some(true);
    }
    if answers.contains(&None) {
        None
    } else {
        Some(false)
    }
}

fn item_of(a: &Worth, b: &Worth) -> Option<bool> {
    match (a, b) {
        (Worth::Text(item), Worth::List(items)) => Some(items.contains(item)),
        (Worth::Text(item), Worth::Text(text)) => Some(crate::units::items(text).contains(item)),
        _ => None,
    }
}
