//! Confidence in a dependency: a pure fold over its evidence.
