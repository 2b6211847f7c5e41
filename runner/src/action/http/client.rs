//! HTTP client that connects only to permitted addresses.

use std::time::Duration;

use reqwest::{Client, redirect::Policy};

use crate::{
    action::http::{
        address::{Resolver, Target},
        errors::HttpError,
        redirect::{self, MAX_REDIRECTS},
        request::{self, Request},
        response::{self, Response},
    },
    secrets::Redactor,
};

/// Timeout for a connection. It is far below the default timeout of an attempt, so that the error names the
/// connection and not just a timeout.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Sends the request, follows redirects and reads the entire response, whatever its status.
///
/// # Errors
/// Returns an error if an address is not permitted, no response arrives, or the response cannot be read.
pub(super) async fn send(
    request: Request,
    resolver: &Resolver<'_>,
    redactor: &Redactor,
) -> Result<Response, HttpError> {
    let mut request = request;
    // Each hop is resolved, and thereby checked, again.
    for _ in 0..=MAX_REDIRECTS {
        let target = resolver.resolve(&request.url).await?;
        let response = send_once(&request, &target).await?;
        match redirect::next(&request, &response, redactor)? {
            Some(next) => request = next,
            None => return response::read(response, request.response, request.max_response_bytes).await,
        }
    }
    Err(HttpError::Redirects { url: request.url.to_string() })
}

/// Sends one request without following redirects. It connects only to the addresses of the target: the name is not
/// resolved again.
pub(super) async fn send_once(request: &Request, target: &Target) -> Result<reqwest::Response, HttpError> {
    let client = Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .resolve_to_addrs(&target.host, &target.addresses);
    let client = request.tls.apply(client, &request.url).build().map_err(HttpError::Client)?;
    request::build(&client, request).send().await.map_err(HttpError::Send)
}
