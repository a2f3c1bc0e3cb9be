//! The guard's turns, tick by tick: hand-made arrivals in, news, states and writes out.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod room;

mod tests_away;
mod tests_books;
mod tests_fleet;
mod tests_joint;
mod tests_learning;
mod tests_lives;
mod tests_ours;
mod tests_stop;
mod tests_telling;
mod tests_usual;
mod tests_writes;
