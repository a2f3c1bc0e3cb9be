//! Writing to a real server.

mod compare;
mod hostile;
mod routes;
mod stop;
