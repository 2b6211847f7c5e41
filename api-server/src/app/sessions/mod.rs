//! Sessions of people who have logged in with a browser.

mod create;
mod revoke;

pub use create::{CreatedSession, create};
pub use revoke::{record_use, revoke};
