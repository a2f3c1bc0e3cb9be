//! Passive derivation: one change, another effective value moved.
