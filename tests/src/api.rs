//! Client of REST and GraphQL, as applications use them: over HTTP, with a token of the local issuer.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use reqwest::{
    Body, Client, RequestBuilder, Response,
    header::{CONTENT_TYPE, HeaderMap},
};
use serde_json::{Value, json};

use crate::environment::variable;

/// Timeout of a request, longer than the longest `Prefer: wait` (55 s).
const REQUEST_TIMEOUT: Duration = Duration::from_secs(65);

/// Timeout of an event stream, longer than any run whose log is followed.
const STREAM_TIMEOUT: Duration = Duration::from_secs(240);

/// Client of the API with the identity of one user.
#[derive(Clone)]
pub struct ApiClient {
    url: String,
    token: Option<String>,
    http: Client,
}

/// Stream of server-sent events.
#[derive(Debug)]
pub struct Events {
    response: Response,
    /// Text that was received and is not yet a complete event.
    buffer: String,
}

/// Response to a request.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiResponse {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body; null if it is not JSON.
    pub body: Value,
}

impl ApiClient {
    /// Returns a client for an administrator of the tenant `acme`.
    ///
    /// # Errors
    /// Returns an error if the tests were not started by `cargo xtask test node`.
    pub fn admin() -> anyhow::Result<Self> {
        Self::new(Some(variable("SMBCOPILOT_TEST_TOKEN")?))
    }

    /// Returns a client for a viewer of the tenant `acme`.
    ///
    /// # Errors
    /// Returns the errors of [`ApiClient::admin`].
    pub fn viewer() -> anyhow::Result<Self> {
        Self::new(Some(variable("SMBCOPILOT_TEST_VIEWER_TOKEN")?))
    }

    /// Returns a client for an administrator of the tenant `globex`.
    ///
    /// # Errors
    /// Returns the errors of [`ApiClient::admin`].
    pub fn globex_admin() -> anyhow::Result<Self> {
        Self::new(Some(variable("SMBCOPILOT_TEST_GLOBEX_TOKEN")?))
    }

    /// Returns a client for an administrator of the tenant of the scenarios.
    ///
    /// # Errors
    /// Returns the errors of [`ApiClient::admin`].
    pub fn scenarios_admin() -> anyhow::Result<Self> {
        Self::new(Some(variable("SMBCOPILOT_TEST_SCENARIOS_TOKEN")?))
    }

    /// Returns a client with the token in an environment variable, for benchmarks.
    ///
    /// # Errors
    /// Returns an error if the variable is not set.
    pub fn with_token_from(name: &str) -> anyhow::Result<Self> {
        Self::new(Some(variable(name)?))
    }

    /// Returns a client without a token.
    ///
    /// # Errors
    /// Returns the errors of [`ApiClient::admin`].
    pub fn anonymous() -> anyhow::Result<Self> {
        Self::new(None)
    }

    fn new(token: Option<String>) -> anyhow::Result<Self> {
        // As in `cluster::config`: a second call fails, since the same provider is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = Client::builder().timeout(REQUEST_TIMEOUT).build()?;
        Ok(Self { url: variable("SMBCOPILOT_TEST_API_URL")?, token, http })
    }

    /// Sends `GET path`.
    ///
    /// # Errors
    /// Returns an error if there is no response.
    pub async fn get(&self, path: &str) -> anyhow::Result<ApiResponse> {
        self.send(self.http.get(format!("{}{path}", self.url))).await
    }

    /// Sends `POST path` with a JSON body and further headers.
    ///
    /// # Errors
    /// Returns an error if there is no response.
    pub async fn post(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> anyhow::Result<ApiResponse> {
        let mut request = self.http.post(format!("{}{path}", self.url)).json(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request).await
    }

    /// Sends `PUT path` with bytes.
    ///
    /// # Errors
    /// Returns an error if there is no response.
    pub async fn upload(
        &self,
        path: &str,
        media_type: &str,
        bytes: impl Into<Body>,
    ) -> anyhow::Result<ApiResponse> {
        let request = self.http.put(format!("{}{path}", self.url)).header(CONTENT_TYPE, media_type);
        self.send(request.body(bytes)).await
    }

    /// Sends `DELETE path`.
    ///
    /// # Errors
    /// Returns an error if there is no response.
    pub async fn delete(&self, path: &str) -> anyhow::Result<ApiResponse> {
        self.send(self.http.delete(format!("{}{path}", self.url))).await
    }

    /// Opens a stream of server-sent events.
    ///
    /// # Errors
    /// Returns an error if there is no response, or if its status is an error.
    pub async fn follow(&self, path: &str) -> anyhow::Result<Events> {
        let request = self.http.get(format!("{}{path}", self.url)).timeout(STREAM_TIMEOUT);
        let request = request.header("accept", "text/event-stream");
        let response = self.authorized(request).send().await?.error_for_status()?;
        Ok(Events { response, buffer: String::new() })
    }

    /// Sends a GraphQL query and returns its data.
    ///
    /// # Errors
    /// Returns an error if there is no response, or if the response has errors.
    pub async fn graphql(&self, query: &str, variables: &Value) -> anyhow::Result<Value> {
        let response = self.post("/graphql", &[], &json!({"query": query, "variables": variables})).await?;
        ensure!(response.body.get("errors").is_none(), "the GraphQL response has errors: {response:#?}");
        response.body.get("data").cloned().with_context(|| format!("no data in {response:#?}"))
    }

    async fn send(&self, request: RequestBuilder) -> anyhow::Result<ApiResponse> {
        let response = self.authorized(request).send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = serde_json::from_slice(&response.bytes().await?).unwrap_or_default();
        Ok(ApiResponse { status, headers, body })
    }

    fn authorized(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }
}

impl Events {
    /// Returns the name and data of the next event, or `None` at the end of the stream. Comments are skipped.
    ///
    /// # Errors
    /// Returns an error if the stream breaks off or exceeds its timeout.
    pub async fn next(&mut self) -> anyhow::Result<Option<(String, Value)>> {
        loop {
            while let Some((event, rest)) = self.buffer.split_once("\n\n") {
                let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
                let (name, data) = (field("event: ").map(str::to_owned), field("data: "));
                let data = data.map(serde_json::from_str).transpose()?;
                self.buffer = rest.to_owned();
                if let (Some(name), Some(data)) = (name, data) {
                    return Ok(Some((name, data)));
                }
            }
            match self.response.chunk().await? {
                Some(bytes) => self.buffer.push_str(std::str::from_utf8(&bytes)?),
                None => return Ok(None),
            }
        }
    }
}

impl ApiResponse {
    /// Returns the `data` of a list, or nothing if the response is not a list.
    #[must_use]
    pub fn list(&self) -> Vec<Value> {
        self.body.get("data").and_then(Value::as_array).cloned().unwrap_or_default()
    }
}
