//! REST and GraphQL, as applications call them: over HTTP, with a token of the local issuer.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use reqwest::{Client, RequestBuilder, header::HeaderMap};
use serde_json::{Value, json};

use crate::environment::variable;

/// Longer than the longest `Prefer: wait` (55 s).
const TIMEOUT: Duration = Duration::from_secs(65);

/// Somebody who calls the API.
#[derive(Clone)]
pub struct Caller {
    url: String,
    token: Option<String>,
    http: Client,
}

/// What was answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; null where it is no JSON.
    pub body: Value,
}

impl Caller {
    /// An administrator of `acme`.
    ///
    /// # Errors
    /// The tests were not started by `cargo xtask test node`; so for all others.
    pub fn admin() -> anyhow::Result<Self> {
        Self::new(Some(variable("SMB_TEST_TOKEN")?))
    }

    /// A viewer of `acme`.
    ///
    /// # Errors
    /// As [`Caller::admin`].
    pub fn viewer() -> anyhow::Result<Self> {
        Self::new(Some(variable("SMB_TEST_VIEWER_TOKEN")?))
    }

    /// An administrator of `globex`.
    ///
    /// # Errors
    /// As [`Caller::admin`].
    pub fn of_globex() -> anyhow::Result<Self> {
        Self::new(Some(variable("SMB_TEST_GLOBEX_TOKEN")?))
    }

    /// An administrator of the scenarios' tenant.
    ///
    /// # Errors
    /// As [`Caller::admin`].
    pub fn of_scenarios() -> anyhow::Result<Self> {
        Self::new(Some(variable("SMB_TEST_SCENARIOS_TOKEN")?))
    }

    /// Somebody without a token.
    ///
    /// # Errors
    /// As [`Caller::admin`].
    pub fn nobody() -> anyhow::Result<Self> {
        Self::new(None)
    }

    fn new(token: Option<String>) -> anyhow::Result<Self> {
        // As in `cluster::config`: a second call finds the first one's choice.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = Client::builder().timeout(TIMEOUT).build()?;
        Ok(Self { url: variable("SMB_TEST_API_URL")?, token, http })
    }

    /// `GET path`.
    ///
    /// # Errors
    /// Nobody answers.
    pub async fn get(&self, path: &str) -> anyhow::Result<Answer> {
        self.send(self.http.get(format!("{}{path}", self.url))).await
    }

    /// `POST path` with a JSON body and further headers.
    ///
    /// # Errors
    /// Nobody answers.
    pub async fn post(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> anyhow::Result<Answer> {
        let mut request = self.http.post(format!("{}{path}", self.url)).json(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request).await
    }

    /// The data of a GraphQL query.
    ///
    /// # Errors
    /// Nobody answers, or the answer has errors.
    pub async fn graphql(&self, query: &str, variables: &Value) -> anyhow::Result<Value> {
        let answer = self.post("/graphql", &[], &json!({"query": query, "variables": variables})).await?;
        ensure!(answer.body.get("errors").is_none(), "GraphQL refused: {answer:#?}");
        answer.body.get("data").cloned().with_context(|| format!("no data in {answer:#?}"))
    }

    async fn send(&self, request: RequestBuilder) -> anyhow::Result<Answer> {
        let request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = serde_json::from_slice(&response.bytes().await?).unwrap_or_default();
        Ok(Answer { status, headers, body })
    }
}

impl Answer {
    /// The `data` of a list. Empty where the answer is no list.
    #[must_use]
    pub fn list(&self) -> Vec<Value> {
        self.body.get("data").and_then(Value::as_array).cloned().unwrap_or_default()
    }
}
