//! What the benches measure upon: graphs, samples, change sets, books and guards of realistic size.
//!
//! Everything is made from seeds or from the knowledge that is shipped, so that two runs measure the
//! same work. The benches in `benches/board` and the program that writes `RESULTS.md` share it. It
//! does not measure anything itself.
#![deny(missing_docs)]

pub mod beliefs;
pub mod books;
pub mod graphs;
pub mod guards;
pub mod knowledge;
pub mod learning;
pub mod lives;
pub mod records;
pub mod verdicts;
pub mod weather;
