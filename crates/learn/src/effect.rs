//! Effects of settings on metrics, from watched changes.
