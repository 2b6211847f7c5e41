//! Requests over HTTP, one after the other.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tests::api_router::ApiRouter;

use super::tenant::{SLUG, WORKFLOWS};

/// Number of requests that are not measured, before those that are.
const WARM_UP: usize = 3;
/// Maximum number of resources on a page.
const PAGE: usize = 100;

/// Client with the token of an owner.
pub(crate) struct Client<'a> {
    router: &'a ApiRouter,
    http: reqwest::Client,
    owner: String,
}

impl<'a> Client<'a> {
    pub(crate) fn new(router: &'a ApiRouter) -> anyhow::Result<Self> {
        let owner = router.issuer.token_with_roles(SLUG, &["owner"])?;
        Ok(Self { router, http: reqwest::Client::new(), owner })
    }

    /// Explains decisions about principals with the roles of a number.
    pub(crate) async fn explanations(
        &self,
        number: usize,
        roles: impl Fn(usize) -> Vec<String>,
    ) -> anyhow::Result<Vec<Duration>> {
        let url = format!("{}/v1/authorization/explanations", self.router.url());
        let mut times = Vec::with_capacity(number);
        for number in 0..WARM_UP + number {
            let principal = json!({"roles": roles(number), "time": "2026-12-01T12:00:00Z"});
            let question = json!({"action": "workflow.run.create", "principal": principal});
            let (explanation, time) =
                timed(self.http.post(&url).bearer_auth(&self.owner).json(&question)).await?;
            ensure!(
                explanation.get("depends") == Some(&Value::Bool(true)),
                "not the expected explanation: {explanation}"
            );
            times.push(time);
        }
        Ok(times.split_off(WARM_UP))
    }

    /// Lists the workflows as a principal with a role.
    pub(crate) async fn workflows(&self, role: &str, number: usize) -> anyhow::Result<Vec<Duration>> {
        let token = self.router.issuer.token_with_roles(SLUG, &[role])?;
        let url = format!("{}/v1/workflows?limit=20", self.router.url());
        let mut times = Vec::with_capacity(number);
        for _ in 0..WARM_UP + number {
            let (page, time) = timed(self.http.get(&url).bearer_auth(&token)).await?;
            let found = page.get("data").and_then(Value::as_array).map(Vec::len);
            ensure!(found == Some(20), "not 20 of {WORKFLOWS} workflows: {page}");
            times.push(time);
        }
        Ok(times.split_off(WARM_UP))
    }

    /// Reads all pages of a list.
    pub(crate) async fn pages(&self, path: &str, expected: usize) -> anyhow::Result<Vec<Duration>> {
        let (mut times, mut found, mut cursor) = (Vec::new(), 0, None::<String>);
        loop {
            let after = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
            let url = format!("{}{path}?limit={PAGE}{after}", self.router.url());
            let (page, time) = timed(self.http.get(&url).bearer_auth(&self.owner)).await?;
            times.push(time);
            found += page.get("data").and_then(Value::as_array).context("a page has no data")?.len();
            cursor = page.pointer("/page/nextCursor").and_then(Value::as_str).map(str::to_owned);
            if cursor.is_none() {
                break;
            }
        }
        ensure!(found == expected, "{path} has {found} resources instead of {expected}");
        Ok(times)
    }
}

/// Sends a request, and returns its body and the time until all of it was received.
async fn timed(request: RequestBuilder) -> anyhow::Result<(Value, Duration)> {
    let started = Instant::now();
    let response = request.send().await?;
    let status = response.status();
    let body = response.bytes().await?;
    let time = started.elapsed();
    let body: Value = serde_json::from_slice(&body).context("the body of a response is not JSON")?;
    ensure!(status.is_success(), "{status}: {body}");
    Ok((body, time))
}
