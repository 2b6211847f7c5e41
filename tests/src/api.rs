//! REST and GraphQL, as applications call them: over HTTP, with a token of the local issuer.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use reqwest::{Client, RequestBuilder, Response, header::HeaderMap};
use serde_json::{Value, json};

use crate::environment::variable;

/// Longer than the longest `Prefer: wait` (55 s).
const TIMEOUT: Duration = Duration::from_secs(65);

/// Longer than a run lasts whose log is followed.
const FOLLOWED: Duration = Duration::from_secs(240);

/// Somebody who calls the API.
#[derive(Clone)]
pub struct Caller {
    url: String,
    token: Option<String>,
    http: Client,
}

/// A stream of events.
#[derive(Debug)]
pub struct Events {
    response: Response,
    /// What has come and is not yet an event.
    read: String,
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
        Self::new(Some(variable("SMBCOPILOT_TEST_TOKEN")?))
    }

    /// A viewer of `acme`.
    ///
    /// # Errors
    /// As [`Caller::admin`].
    pub fn viewer() -> anyhow::Result<Self> {
        Self::new(Some(variable("SMBCOPILOT_TEST_VIEWER_TOKEN")?))
    }

    /// An administrator of `globex`.
    ///
    /// # Errors
    /// As [`Caller::admin`].
    pub fn of_globex() -> anyhow::Result<Self> {
        Self::new(Some(variable("SMBCOPILOT_TEST_GLOBEX_TOKEN")?))
    }

    /// An administrator of the scenarios' tenant.
    ///
    /// # Errors
    /// As [`Caller::admin`].
    pub fn of_scenarios() -> anyhow::Result<Self> {
        Self::new(Some(variable("SMBCOPILOT_TEST_SCENARIOS_TOKEN")?))
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
        Ok(Self { url: variable("SMBCOPILOT_TEST_API_URL")?, token, http })
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

    /// A stream of events: those that come, one at a time.
    ///
    /// # Errors
    /// Nobody answers, or no stream is given.
    pub async fn follow(&self, path: &str) -> anyhow::Result<Events> {
        let request = self.http.get(format!("{}{path}", self.url)).timeout(FOLLOWED);
        let request = request.header("accept", "text/event-stream");
        let response = self.authorized(request).send().await?.error_for_status()?;
        Ok(Events { response, read: String::new() })
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
        let response = self.authorized(request).send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = serde_json::from_slice(&response.bytes().await?).unwrap_or_default();
        Ok(Answer { status, headers, body })
    }

    fn authorized(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }
}

impl Events {
    /// The next event, with its name and its data; none at the stream's end. Comments are passed over.
    ///
    /// # Errors
    /// The stream breaks off, or lasts too long.
    pub async fn next(&mut self) -> anyhow::Result<Option<(String, Value)>> {
        loop {
            while let Some((event, rest)) = self.read.split_once("\n\n") {
                let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
                let (name, data) = (field("event: ").map(str::to_owned), field("data: "));
                let data = data.map(serde_json::from_str).transpose()?;
                self.read = rest.to_owned();
                if let (Some(name), Some(data)) = (name, data) {
                    return Ok(Some((name, data)));
                }
            }
            match self.response.chunk().await? {
                Some(bytes) => self.read.push_str(std::str::from_utf8(&bytes)?),
                None => return Ok(None),
            }
        }
    }
}

impl Answer {
    /// The `data` of a list. Empty where the answer is no list.
    #[must_use]
    pub fn list(&self) -> Vec<Value> {
        self.body.get("data").and_then(Value::as_array).cloned().unwrap_or_default()
    }
}
