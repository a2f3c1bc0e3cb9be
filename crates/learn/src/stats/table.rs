//! Association in 2×2 tables.
