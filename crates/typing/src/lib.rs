//! What a sentence says about two settings: kind of dependency, direction and rule.
#![deny(missing_docs)]

mod baseline;
pub mod data;
pub mod features;
mod linear;
pub mod model;
pub mod score;
pub mod sentence;
pub mod setting;
pub mod template;
pub mod train;
pub mod view;
