//! Who sends a request: addresses of users, and the form of API keys.

mod api_key;
mod email;

pub use api_key::{ApiKey, MalformedKey, RANDOM_LETTERS};
pub use email::{Email, InvalidEmail};
