//! The authorization code flow of OpenID Connect with PKCE, for people with a browser.

mod attempt;
mod endpoints;
mod flow;
mod id_token;
mod return_to;

pub use attempt::{LoginAttempt, MAX_SECONDS};
pub use endpoints::LoginIssuers;
pub use flow::{Callback, Error, LoginClient};
pub use return_to::ReturnTo;
