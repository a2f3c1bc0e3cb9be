//! One form for rules that say the same in another order.

use crate::expr::{Arithmetic, Comparison, Expr, Function};

/// The same rule in a stable order: sides of `>` turned to `<`, operands of `and`, `or`, `+`, `*`, `=`,
/// `min`, `max` and sets sorted and, where it changes nothing, without repetition.
#[must_use]
pub fn normalise(expr: Expr) -> Expr {
    match expr {
        Expr::Compare(op, a, b) => comparison(op, normalise(*a), normalise(*b)),
        Expr::And(all) => flat(
            all,
            |e| {
                if let Expr::And(all) = e {
                    Ok(all)
                } else {
                    Err(e)
                }
            },
            Expr::And,
        ),
        Expr::Or(all) => flat(
            all,
            |e| {
                if let Expr::Or(all) = e {
                    Ok(all)
                } else {
                    Err(e)
                }
            },
            Expr::Or,
        ),
        Expr::Not(a) => match normalise(*a) {
            Expr::Not(inner) => *inner,
            other => Expr::Not(Box::new(other)),
        },
        Expr::Implies(a, b) => Expr::Implies(Box::new(normalise(*a)), Box::new(normalise(*b))),
        Expr::Negative(a) => Expr::Negative(Box::new(normalise(*a))),
        Expr::Arithmetic(op @ (Arithmetic::Add | Arithmetic::Multiply), a, b) => {
            let mut operands = Vec::new();
            chain(op, normalise(*a), &mut operands);
            chain(op, normalise(*b), &mut operands);
            operands.sort();
            rebuilt(op, operands)
        }
        Expr::Arithmetic(op, a, b) => {
            Expr::Arithmetic(op, Box::new(normalise(*a)), Box::new(normalise(*b)))
        }
        Expr::Call(Function::Clamp, all) => {
            Expr::Call(Function::Clamp, all.into_iter().map(normalise).collect())
        }
        Expr::Call(function, all) => Expr::Call(function, sorted(all)),
        Expr::OneOf(a, all) => Expr::OneOf(Box::new(normalise(*a)), sorted(all)),
        Expr::ItemOf(a, b) => Expr::ItemOf(Box::new(normalise(*a)), Box::new(normalise(*b))),
        Expr::CountSet(mut names) => {
            names.sort();
            Expr::CountSet(names)
        }
        leaf => leaf,
    }
}

fn comparison(op: Comparison, a: Expr, b: Expr) -> Expr {
    let (op, a, b) = match op {
        Comparison::Greater => (Comparison::Less, b, a),
        Comparison::GreaterEqual => (Comparison::LessEqual, b, a),
        Comparison::Equal | Comparison::NotEqual if b < a => (op, b, a),
        op => (op, a, b),
    };
    Expr::Compare(op, Box::new(a), Box::new(b))
}

fn sorted(all: Vec<Expr>) -> Vec<Expr> {
    let mut all: Vec<_> = all.into_iter().map(normalise).collect();
    all.sort();
    all.dedup();
    all
}

fn flat(
    all: Vec<Expr>,
    open: fn(Expr) -> Result<Vec<Expr>, Expr>,
    many: fn(Vec<Expr>) -> Expr,
) -> Expr {
    let mut found = Vec::new();
    for one in all {
        match open(normalise(one)) {
            Ok(inner) => found.extend(inner),
            Err(one) => found.push(one),
        }
    }
    found.sort();
    found.dedup();
    match (found.pop(), found.is_empty()) {
        (Some(only), true) => only,
        (last, _) => {
            found.extend(last);
            many(found)
        }
    }
}

fn chain(op: Arithmetic, expr: Expr, into: &mut Vec<Expr>) {
    match expr {
        Expr::Arithmetic(inner, a, b) if inner == op => {
            chain(op, *a, into);
            chain(op, *b, into);
        }
        other => into.push(other),
    }
}

fn rebuilt(op: Arithmetic, operands: Vec<Expr>) -> Expr {
    let mut operands = operands.into_iter();
    let first = operands.next().unwrap_or(Expr::Bool(true));
    operands.fold(first, |left, right| {
        Expr::Arithmetic(op, Box::new(left), Box::new(right))
    })
}
