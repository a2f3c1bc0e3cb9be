//! Many tests at once.
