//! Whole stories on a real PostgreSQL. The product is the binary `backstay`, started as a child
//! process; the database is a throw-away server with a load on it and with roles made by the
//! statements that `backstay doctor` prints. Needs `cargo build -p backstay-cli` first.

mod bed;
mod guard;
mod say;

mod cost;
mod full;
mod harmful;
mod harmless;
mod held;
mod killed;
mod lost;
mod modes;
mod noticed;
mod overtaken;
mod secrets;
