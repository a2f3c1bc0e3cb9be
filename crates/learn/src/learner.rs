//! The one door: observations in, what is learnt out.

mod observation;

pub use observation::{
    Comparable, Dimension, Direction, Effect, Extent, Harm, Learnt, Measured, Observation, Opinion,
    Origin, Position, Reading,
};
