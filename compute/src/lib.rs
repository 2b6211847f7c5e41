//! Computations on tenants' text (parsing, compiling, evaluating, validating), apart from the threads that reconcile and
//! serve: on a few threads of their own, with a deadline, and with a share for each tenant.
//!
//! The cost of each computation is bounded in `domain`. This crate bounds what a mistake in that bound can do: it delays
//! the tenant whose text it is, and nobody else.

mod memory;
mod metrics;
mod panics;
mod pool;
mod shares;

pub use memory::Memory;
pub use panics::{Panic, catch_panic, catch_panic_of};
pub use pool::{Error, Limits, Pool};
pub use shares::{Permit, Shares};
