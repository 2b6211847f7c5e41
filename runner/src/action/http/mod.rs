//! An `http` step: a request, and those that its answer leads to, each to an address that the plan's egress allows.

mod address;
mod call;
mod errors;
mod redirect;
mod request;
mod response;
mod tls;

use std::time::Duration;

use reqwest::{Client, redirect::Policy};

pub(super) use call::call;

use crate::{
    action::http::{
        address::{Resolver, Target},
        errors::HttpError,
        redirect::MAX_REDIRECTS,
        request::Request,
        response::Response,
    },
    secrets::Redactor,
};

/// A connection that takes longer will not come about. Far below the default attempt timeout, so that the
/// reason is told and not just that time was up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Sends the request, follows redirects, and reads the whole answer. Whether its status is a success is for the
/// caller to judge.
async fn send(request: Request, resolver: &Resolver<'_>, redactor: &Redactor) -> Result<Response, HttpError> {
    let mut request = request;
    // Every hop is resolved, and so checked, anew.
    for _ in 0..=MAX_REDIRECTS {
        let target = resolver.resolve(&request.url).await?;
        let answer = exchange(&request, &target).await?;
        match redirect::next(&request, &answer, redactor)? {
            Some(next) => request = next,
            None => return response::read(answer, request.response, request.max_response_bytes).await,
        }
    }
    Err(HttpError::Redirects { url: request.url.to_string() })
}

/// Connects to no other address than those of the target: the name is not resolved again.
async fn exchange(request: &Request, target: &Target) -> Result<reqwest::Response, HttpError> {
    let client = Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .resolve_to_addrs(&target.host, &target.addresses);
    let client = request.tls.apply(client, &request.url).build().map_err(HttpError::Client)?;
    request::build(&client, request).send().await.map_err(HttpError::Send)
}

#[cfg(test)]
mod tests;
