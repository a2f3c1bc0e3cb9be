//! The part that is held back: noise, kinds of change and seeds of its own, shaped after what is
//! published of real changes and of recorded faults, and sized by the rules of others, never by ours.
//! **Who tunes the judge does not read what is below here**, and learns of it by totals alone. What is
//! seen kind by kind is spent, and becomes a part that is open.

use crate::case::{Case, Family, Kind};
use crate::recorded;

mod climate;
mod effect;
mod fault;
mod kpi;
mod plant;
mod real;

/// The kinds of a family.
pub(crate) const fn kinds(family: Family) -> &'static [Kind] {
    match family {
        Family::Kpi => &kpi::KINDS,
        Family::Plant => &plant::KINDS,
        Family::Real => &real::KINDS,
    }
}

/// Case `number` of a kind: the same arguments, the same bytes. `None` when it needs recorded data that
/// are not at hand.
pub(crate) fn case(family: Family, kind: Kind, number: u64) -> Option<Case> {
    match family {
        Family::Kpi => Some(kpi::case(kind, number)),
        Family::Plant => Some(plant::case(kind, number)),
        Family::Real => real::case(recorded::all(), kind, number),
    }
}

#[cfg(test)]
mod tests;
