//! The change benchmark, part one: labelled change events of recorded columns, made from seeds, and
//! how well the judge of `backstay detect` and the rules of others do on them.
//!
//! [`case`] says what an event is; [`kpi`] and [`database`] make them up, and
//! [`real`] puts effects into recorded series; [`rule`] judges them;
//! [`board`] counts with [`measure`]. The kinds of [`sealed`] are held back from everybody who tunes the
//! judge: who does, does not read it. It knows nothing of how the judge works.
#![deny(missing_docs)]

pub mod case;

pub mod database;
pub mod kpi;
pub mod real;
pub mod sealed;

pub mod rule;

pub mod measure;

pub mod nab;
pub mod recorded;

pub mod board;
pub mod document;
pub mod page;
pub mod prophet;
pub mod stamp;

mod event;
mod meter;
mod noise;
mod plant;
mod trouble;
pub mod wander;
