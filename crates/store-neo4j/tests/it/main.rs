//! The graph in real Neo4j servers: the queries of the manual, kills on either side, and what goes wrong.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a failure, or a skip, is what a test reports"
)]

mod bed;
mod deadlock;
mod foreign;
mod killed;
mod queries;
mod refused;

/// What changes a whole server, in one go: each start of one takes seconds.
#[test]
fn on_a_server_of_its_own() {
    if let Some(server) = bed::plain("on_a_server_of_its_own") {
        let access = server.access();
        refused::without_the_constraint(&access);
        deadlock::of_preparers_is_passed(&access);
        deadlock::is_passed(&access);
        foreign::are_left_alone(&access);
    }
}
