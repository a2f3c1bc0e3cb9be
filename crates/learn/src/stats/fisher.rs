//! Exact tests of 2×2 tables.
