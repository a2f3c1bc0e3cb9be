//! Relations that hold in every snapshot of a fleet.
