//! Shares of what all clients of a replica use together, such as connections and database sessions: nobody can hold all
//! of it. A limit per tenant or address is always below the limit for all.

mod log_limit;
mod memory;
mod rate;
mod replica;
mod share;

pub use log_limit::LogLimit;
pub use memory::{Memory, MemoryLimit, json_memory};
pub use rate::{Allowance, RateExceeded, Rates};
pub use replica::Limits;
pub use share::{Exhausted, Permit, Shares};
