//! Writing to a real server.

mod compare;
mod hostile;
mod pooler;
mod routes;
mod seen;
mod stop;
