//! Execution of an `http` step: its request and the redirects that follow, each to an address that the plan permits.

mod address;
mod call;
mod client;
mod errors;
mod redirect;
mod request;
mod response;
mod tls;

pub(super) use call::call;

#[cfg(test)]
mod tests;
