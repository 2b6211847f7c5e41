//! What a step does.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Duration, Quantity,
    plan::ResourceAmounts,
    schema::{free, free_object},
};

/// Calls an HTTP endpoint. All strings may hold templates. Its output is {status, headers, body}.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("[has(self.json), has(self.form), has(self.text)].filter(b, b).size() <= 1")
    .message("a request has one body: give only one of json, form and text"))]
#[x_kube(validation = Rule::new("!(has(self.json) || has(self.form) || has(self.text)) || !(self.?method.orValue('GET') in ['GET', 'HEAD'])")
    .message("GET and HEAD carry no body: set method to POST, PUT, PATCH or DELETE, or leave the body out"))]
pub struct HttpAction {
    /// GET, HEAD, POST, PUT, PATCH or DELETE. Default: GET.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<HttpMethod>,
    /// Where to, http or https; may hold templates. At most 4096 characters.
    #[schemars(length(min = 1, max = 4096))]
    #[x_kube(validation = Rule::new("self.startsWith('https://') || self.startsWith('http://') || self.startsWith('${{')")
        .message("a url begins with https:// or http://, or with a template ${{ … }} that gives one"))]
    pub url: String,
    /// Request headers, at most 32.
    #[schemars(extend("maxProperties" = 32))]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Query parameters, added to the url; at most 32.
    #[schemars(extend("maxProperties" = 32))]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub query: BTreeMap<String, String>,
    /// The body as JSON. One of json, form and text.
    #[schemars(schema_with = "free")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<Value>,
    /// The body as a form, at most 64 fields. One of json, form and text.
    #[schemars(extend("maxProperties" = 64))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<BTreeMap<String, String>>,
    /// The body as text, at most 64 KiB. One of json, form and text.
    #[schemars(length(max = 65536))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// How the request is authenticated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<HttpAuth>,
    /// Certificates, where the public ones are not enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<HttpTls>,
    /// When the answer counts as a success: an expression over `status` and `body`. Default: `status < 400`.
    #[schemars(length(min = 1, max = 4096))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success: Option<String>,
    /// Bytes of the answer's body, at most. Default: 1Mi.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_response_bytes: Option<Quantity>,
    /// How the answer's body is read: Json, Text or Bytes (base64). Default: Json.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<HttpResponse>,
}

/// GET, HEAD, POST, PUT, PATCH or DELETE. Default: GET.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "UPPERCASE")]
pub enum HttpMethod {
    /// GET.
    #[default]
    Get,
    /// HEAD.
    Head,
    /// POST.
    Post,
    /// PUT.
    Put,
    /// PATCH.
    Patch,
    /// DELETE.
    Delete,
}

impl HttpMethod {
    /// As it is sent.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// How the answer's body is read: Json, Text or Bytes (base64). Default: Json.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HttpResponse {
    /// As JSON.
    #[default]
    Json,
    /// As UTF-8 text.
    Text,
    /// As bytes, in base64.
    Bytes,
}

/// How a request is authenticated.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[x_kube(validation = Rule::new("has(self.bearer) != has(self.basic)")
    .message("auth is either bearer or basic: give exactly one of the two"))]
pub struct HttpAuth {
    /// A bearer token, such as `${{ secrets.erp.token }}`.
    #[schemars(length(min = 1, max = 4096))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bearer: Option<String>,
    /// User name and password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basic: Option<BasicAuth>,
}

/// User name and password.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct BasicAuth {
    /// The user name.
    #[schemars(length(min = 1, max = 4096))]
    pub username: String,
    /// The password, such as `${{ secrets.erp.password }}`.
    #[schemars(length(max = 4096))]
    pub password: String,
}

/// Certificates of an HTTP step.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct HttpTls {
    /// The workflow secret whose `ca.crt` signs the server's certificate.
    #[schemars(length(min = 1, max = 40))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_secret: Option<String>,
    /// The workflow secret whose `tls.crt` and `tls.key` the client shows.
    #[schemars(length(min = 1, max = 40))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
}

/// Runs Python: `def run(input, ctx)`, whose return value is the output.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PythonAction {
    /// The code, with `def run(input, ctx)`; at most 64 KiB.
    #[schemars(length(min = 1, max = 65536))]
    pub code: String,
    /// The image that has the interpreter. Default: the platform's, Python 3.11 with its standard library.
    #[schemars(length(min = 1, max = 512))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Modules to import before steps come, so that none waits for them; at most 32.
    #[schemars(length(max = 32), inner(length(min = 1, max = 128)), extend("x-kubernetes-list-type" = "set"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub preload: Vec<String>,
    /// Environment variables, at most 64; may hold templates, also with secrets.
    #[schemars(extend("maxProperties" = 64))]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// What the step needs; its host gets this times its parallelism. Default: 100m CPU, 128Mi memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceAmounts>,
}

/// Runs a command in an image. Input is the file $COPILOT_INPUT, output $COPILOT_OUTPUT.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerAction {
    /// The image.
    #[schemars(length(min = 1, max = 512))]
    pub image: String,
    /// The command, at most 64 words; the image's own entry point is not used.
    #[schemars(length(min = 1, max = 64), inner(length(max = 4096)), extend("x-kubernetes-list-type" = "atomic"))]
    pub command: Vec<String>,
    /// Its arguments, at most 64; may hold templates.
    #[schemars(length(max = 64), inner(length(max = 4096)), extend("x-kubernetes-list-type" = "atomic"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Environment variables, at most 64; may hold templates, also with secrets.
    #[schemars(extend("maxProperties" = 64))]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// What the step needs. Default: 100m CPU, 128Mi memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceAmounts>,
}

/// Runs another workflow of the namespace; `with` becomes its input.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkflowAction {
    /// The Workflow's name.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
}

/// Waits for a person's decision.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalAction {
    /// What is asked; may hold templates. At most 4096 characters.
    #[schemars(length(min = 1, max = 4096))]
    pub message: String,
    /// The JSON Schema (2020-12) of the decision's input.
    #[schemars(schema_with = "free_object")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
    /// The roles that may decide, at most 16. Default: admin.
    #[schemars(length(max = 16), inner(length(min = 1, max = 63)), extend("x-kubernetes-list-type" = "set"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// How long the decision may take. Default: no end but the run's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// What an undecided approval becomes. Default: Fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_timeout: Option<ApprovalTimeout>,
}

/// What an undecided approval becomes. Default: Fail.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ApprovalTimeout {
    /// The step fails.
    #[default]
    Fail,
    /// It counts as rejected.
    Reject,
}

/// Waits for a length of time, or until a time.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[x_kube(validation = Rule::new("has(self.for) != has(self.until)")
    .message("a wait is either for a duration or until a time: give exactly one of for and until"))]
pub struct WaitAction {
    /// How long.
    #[serde(rename = "for", default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Duration>,
    /// Until when: an expression that gives a time.
    #[schemars(length(min = 1, max = 4096))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// Searches the tenant's knowledge base by meaning.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub struct SearchAction {
    /// What to look for; may hold templates. At most 4096 characters.
    #[schemars(length(min = 1, max = 4096))]
    pub query: String,
    /// Hits, at most; 1 to 100. Default: 5.
    #[schemars(range(min = 1, max = 100))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// What the documents' metadata must be.
    #[schemars(schema_with = "free_object")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<Value>,
}

/// Evaluates expressions, and does nothing else.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub struct ExprAction {
    /// JSON with templates; becomes the output.
    #[schemars(schema_with = "free")]
    pub value: Value,
}
