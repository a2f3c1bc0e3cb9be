//! Random-effects meta-analysis.
