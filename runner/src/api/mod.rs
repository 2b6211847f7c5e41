//! Client of the api-server's internal port: stored values and logs.

mod client;
mod errors;
mod logs;
mod outputs;

pub(crate) use client::ApiServer;
pub(crate) use errors::{FetchError, StoreError};

#[cfg(test)]
pub(crate) mod test_server;
