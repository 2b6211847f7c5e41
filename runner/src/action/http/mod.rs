//! An `http` step: one request, to an address that the plan's egress allows.

mod address;
mod errors;
mod request;
mod response;

use std::time::Duration;

use domain::egress::Egress;
use reqwest::{Client, redirect::Policy};

pub(super) use errors::HttpError;
pub(super) use request::Request;
pub(super) use response::Response;

/// A connection that takes longer will not come about. Far below the default attempt timeout, so that the
/// reason is told and not just that time was up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Sends the request and reads the whole answer. Whether its status is a success is for the caller to judge.
///
/// Redirects are not followed: each would be one more address to be checked, and the step's author sees the
/// status and the `location` header.
pub(super) async fn send(request: Request, egress: &Egress) -> Result<Response, HttpError> {
    let target = address::resolve(&request.url, egress).await?;
    exchange(request, &target).await
}

/// Connects to no other address than those of the target: the name is not resolved again.
async fn exchange(request: Request, target: &address::Target) -> Result<Response, HttpError> {
    let client = Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .resolve_to_addrs(&target.host, &target.addresses)
        .build()
        .map_err(HttpError::Client)?;
    let limit = request.max_response_bytes;
    let expected = request.response;
    let answer = request::build(&client, request).send().await.map_err(HttpError::Send)?;
    response::read(answer, expected, limit).await
}

#[cfg(test)]
mod tests;
