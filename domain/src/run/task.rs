//! What a runner is to do for one attempt.

use std::collections::BTreeMap;

use crds::workflow::{HttpMethod, HttpResponse};
use serde_json::Value;

use crate::workflow::{HttpBody, HttpCredentials, HttpTls};

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// Run a Python function in the step's host.
    Python {
        /// Defines `def run(input, ctx)`.
        code: String,
        /// Modules to import beforehand.
        preload: Vec<String>,
        /// Environment variables.
        env: BTreeMap<String, String>,
    },
    /// Run a command in the step's host. The input is in the file that `SMBCOPILOT_INPUT` names.
    Container {
        /// The program and its first arguments.
        command: Vec<String>,
        /// Further arguments.
        args: Vec<String>,
        /// Environment variables.
        env: BTreeMap<String, String>,
    },
    /// Call an HTTP endpoint.
    Http(Box<HttpRequest>),
    /// Create a run of another workflow, unless it is there, and report [`super::Outcome::Waiting`].
    CreateSubRun(SubRun),
    /// Store a value, as JSON, in object storage and report it with its reference: it is too large for the status.
    StoreOutput(Value),
}

/// A run of another workflow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubRun {
    /// Its name; the same whenever this attempt is made.
    pub name: String,
    /// The workflow, in the same namespace.
    pub workflow: String,
    /// Its input.
    pub input: Value,
    /// How deep it is: `spec.trigger.parent.depth`.
    pub depth: u32,
}

/// An HTTP request. The header `Idempotency-Key` comes on top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    /// The method.
    pub method: HttpMethod,
    /// Begins with `http://` or `https://`.
    pub url: String,
    /// Headers as rendered: names and values are yet to be checked for what HTTP allows.
    pub headers: BTreeMap<String, String>,
    /// Query parameters to add to the URL's own.
    pub query: BTreeMap<String, String>,
    /// The body.
    pub body: Option<HttpBody<Value>>,
    /// How it is authenticated.
    pub credentials: Option<HttpCredentials<String>>,
    /// Bytes of the answer's body, at most.
    pub max_response_bytes: u64,
    /// How the answer's body is read; none = by its media type.
    pub response: Option<HttpResponse>,
    /// TLS beyond the public authorities.
    pub tls: HttpTls,
}
