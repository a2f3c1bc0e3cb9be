//! The real binary, offline: what people read, what programs parse, and what bad input meets.
#![allow(clippy::unwrap_used, reason = "a test that finds nothing has failed")]

#[cfg(test)]
mod aside;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod check;
#[cfg(test)]
mod detect;
#[cfg(test)]
mod graph;
#[cfg(test)]
mod learnt;
#[cfg(all(test, feature = "neo4j"))]
mod neo4j;
#[cfg(test)]
mod offline;
#[cfg(test)]
mod outputs;
#[cfg(test)]
mod record;
#[cfg(test)]
mod standing;
#[cfg(test)]
mod support;
