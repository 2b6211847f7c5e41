//! Shares of what all clients of a replica use together, such as connections and database sessions: nobody can hold all
//! of it. A limit per tenant or address is always below the limit for all.

mod rate;
mod replica;
mod share;

pub use rate::{Allowance, RateExceeded, Rates};
pub use replica::Limits;
pub use share::{Exhausted, Permit, Reservation, Shares};
