//! observer

/// How a setting for every role (`ALTER ROLE ALL SET`) shows: no role has this name unquoted, and the
/// catalogue has none at all.
pub const EVERY_ROLE: &str = "ALL";
