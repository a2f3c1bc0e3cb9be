//! Whole stories on a real PostgreSQL. The product is the binary `backstay`, started as a child
//! process; the database is a throw-away server with a load on it and with roles made by the
//! statements that `backstay doctor` prints. Needs `cargo build -p backstay-cli` first.

#[cfg(test)]
mod bed;
#[cfg(test)]
mod checked;
#[cfg(test)]
mod guard;
#[cfg(test)]
mod say;
#[cfg(test)]
mod turn;

#[cfg(test)]
mod cost;
#[cfg(test)]
mod full;
#[cfg(test)]
mod harmful;
#[cfg(test)]
mod harmless;
#[cfg(test)]
mod held;
#[cfg(test)]
mod killed;
#[cfg(test)]
mod locked;
#[cfg(test)]
mod lost;
#[cfg(test)]
mod modes;
#[cfg(test)]
mod neo4j;
#[cfg(test)]
mod noticed;
#[cfg(test)]
mod overtaken;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod silent;
#[cfg(test)]
mod texts;
#[cfg(test)]
mod together;
