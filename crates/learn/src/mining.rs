//! Co-change mining.
