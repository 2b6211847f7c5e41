//! What must be known before `xtask` itself is built: the packages that a machine needs. No dependencies, so that a
//! fresh clone prints its plan within seconds.

pub mod packages;
