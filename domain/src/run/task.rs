//! Task that the runner executes for one attempt.

use std::collections::BTreeMap;

use crds::workflow::{HttpMethod, HttpResponse};
use serde_json::Value;

use crate::workflow::{HttpBody, HttpCredentials, HttpTls};

/// Task of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// Run a Python function in the step's host.
    Python {
        /// Python source that defines `def run(input, ctx)`.
        code: String,
        /// Names of modules to import before the function is called.
        preload: Vec<String>,
        /// Environment variables.
        env: BTreeMap<String, String>,
    },
    /// Run a command in the step's host. The input is in the file that `SMBCOPILOT_INPUT` names.
    Container {
        /// Program and its first arguments.
        command: Vec<String>,
        /// Further arguments.
        args: Vec<String>,
        /// Working directory; `None` means the directory of the attempt.
        working_dir: Option<String>,
        /// Environment variables.
        env: BTreeMap<String, String>,
    },
    /// Call an HTTP endpoint.
    Http(Box<HttpRequest>),
    /// Create a run of another workflow unless it exists, and report [`super::Outcome::SubRunCreated`].
    CreateSubRun(SubRun),
    /// Store a value that is too large for the status in object storage, as JSON, and report its reference.
    StoreOutput(Value),
}

/// A run of another workflow, started by a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubRun {
    /// Name of the sub-run, derived from the run, the step and the attempt, so that a repeated creation is
    /// detected.
    pub name: String,
    /// Name of the workflow, in the namespace of the parent run.
    pub workflow: String,
    /// Input of the sub-run.
    pub input: Value,
    /// Nesting depth (`spec.trigger.parent.depth`).
    pub depth: u32,
}

/// An HTTP request. The runner adds the header `Idempotency-Key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    /// HTTP method.
    pub method: HttpMethod,
    /// URL that begins with `http://` or `https://`.
    pub url: String,
    /// Rendered headers. Names and values are not yet checked against the syntax of HTTP.
    pub headers: BTreeMap<String, String>,
    /// Query parameters, added to those of the URL.
    pub query: BTreeMap<String, String>,
    /// Body of the request.
    pub body: Option<HttpBody<Value>>,
    /// Credentials of the request.
    pub credentials: Option<HttpCredentials<String>>,
    /// Maximum size of the response body in bytes.
    pub max_response_bytes: u64,
    /// Format in which the response body is parsed; `None` means by its media type.
    pub response: Option<HttpResponse>,
    /// TLS settings in addition to the public certificate authorities.
    pub tls: HttpTls,
}
