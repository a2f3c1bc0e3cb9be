//! Statistics, tested against SciPy and statsmodels.

pub mod fisher;
pub mod linear;
pub mod logistic;
pub mod meta;
pub mod multiple;
pub mod permutation;
pub mod table;
