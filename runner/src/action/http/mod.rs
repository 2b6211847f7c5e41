//! Execution of an `http` step: its request and the redirects that follow, each to an address that the plan permits.

mod address;
mod body;
mod call;
mod client;
mod content_coding;
mod errors;
mod header_value;
mod headers;
mod redirect;
mod request;
mod response;
mod tls;

pub(super) use call::call;

#[cfg(test)]
mod tests;
