//! Values that are too large for a run's status: kept in object storage, by reference.

mod put;
mod read;

pub use put::{NewOutput, put};
pub use read::read;
