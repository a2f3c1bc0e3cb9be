//! Finds rules that compare a size with a time before they are ever evaluated.

use backstay_model::SettingName;

use crate::expr::eval::common;
use crate::expr::{Comparison, Expr};
use crate::units::Dimension;

/// What an expression yields.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Type {
    /// A number of this dimension; `None` fits any.
    Number(Option<Dimension>),
    /// On or off, true or false.
    Bool,
    /// A text or a word.
    Text,
    /// Items.
    List,
    /// Not known before it is there.
    Any,
}

/// A rule that makes no sense.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TypeError {
    /// It names a setting that does not exist.
    #[error("there is no setting {setting}")]
    NoSetting {
        /// The name.
        setting: SettingName,
    },
    /// It puts together what does not go together.
    #[error("the parts of \"{part}\" do not go together")]
    Mixed {
        /// The part of the rule.
        part: String,
    },
}

/// What the expression yields, when `settings` tells what each setting holds.
///
/// # Errors
/// What makes no sense in it.
pub fn type_of(
    expr: &Expr,
    settings: &dyn Fn(&SettingName) -> Option<Type>,
) -> Result<Type, TypeError> {
    let mixed = || TypeError::Mixed {
        part: expr.to_string(),
    };
    let of = |e: &Expr| type_of(e, settings);
    let known = |name: &SettingName| {
        settings(name).ok_or_else(|| TypeError::NoSetting {
            setting: name.clone(),
        })
    };
    match expr {
        Expr::Number(n) => Ok(Type::Number(n.dimension())),
        Expr::Text(_) => Ok(Type::Text),
        Expr::Bool(_) => Ok(Type::Bool),
        Expr::Setting(name) | Expr::Effective(name) => known(name),
        Expr::Primary(name) => known(name),
        Expr::Pooler(name) => Ok(crate::pooler::type_of(name)),
        Expr::Host(name) => Ok(match name.as_str() {
            "memory" | "disk_free" | "disk_size" | "huge_pages" | "stack" => {
                Type::Number(Some(Dimension::Bytes))
            }
            "cpus" | "open_files" => Type::Number(Some(Dimension::Plain)),
            _ => Type::Any,
        }),
        Expr::Negative(a) => number(of(a)?).map(Type::Number).ok_or_else(mixed),
        Expr::Arithmetic(op, a, b) => match (number(of(a)?), number(of(b)?)) {
            (Some(a), Some(b)) => op.dimension(a, b).map(Type::Number).ok_or_else(mixed),
            _ => Err(mixed()),
        },
        Expr::Call(_, all) => all.iter().try_fold(Type::Number(None), |sum, e| {
            match (number(sum), number(of(e)?)) {
                (Some(a), Some(b)) => common(a, b).map(Type::Number).ok_or_else(mixed),
                _ => Err(mixed()),
            }
        }),
        Expr::CountSet(names) => {
            names.iter().try_for_each(|n| known(n).map(drop))?;
            Ok(Type::Number(Some(Dimension::Plain)))
        }
        Expr::IsSet(name) => known(name).map(|_| Type::Bool),
        Expr::Compare(op, a, b) => {
            if comparable(*op, of(a)?, of(b)?) {
                Ok(Type::Bool)
            } else {
                Err(mixed())
            }
        }
        Expr::OneOf(a, all) => {
            let left = of(a)?;
            for one in all {
                if !comparable(Comparison::Equal, left, of(one)?) {
                    return Err(mixed());
                }
            }
            Ok(Type::Bool)
        }
        Expr::ItemOf(a, b) => match (of(a)?, of(b)?) {
            (Type::Text | Type::Any, Type::List | Type::Text | Type::Any) => Ok(Type::Bool),
            _ => Err(mixed()),
        },
        Expr::Not(_) | Expr::And(_) | Expr::Or(_) | Expr::Implies(..) => {
            for part in expr.parts() {
                if !matches!(of(part)?, Type::Bool | Type::Any) {
                    return Err(mixed());
                }
            }
            Ok(Type::Bool)
        }
    }
}

fn number(found: Type) -> Option<Option<Dimension>> {
    match found {
        Type::Number(dimension) => Some(dimension),
        Type::Any => Some(None),
        Type::Bool | Type::Text | Type::List => None,
    }
}

fn comparable(op: Comparison, a: Type, b: Type) -> bool {
    let equality = matches!(op, Comparison::Equal | Comparison::NotEqual);
    match (a, b) {
        (Type::Number(a), Type::Number(b)) => common(a, b).is_some(),
        (Type::Any, _) | (_, Type::Any) => true,
        (Type::Number(_), _) | (_, Type::Number(_)) => false,
        (Type::Bool, Type::List) | (Type::List, Type::Bool) => false,
        _ => equality,
    }
}
