//! The HTTP action of a step.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::SecretRef;
use crate::{Quantity, schema};

/// Sends an HTTP request. The host must be among the plan's egress destinations (`EGRESS_DENIED`). All attempts carry the same `Idempotency-Key` header, and each a `traceparent` header of the trace of the run. The output of the step is `{status, headers, headerValues, body}`: `headers` has one text for each header name in lower case, the values of a repeated header joined with `, ` (of `set-cookie`: the first); `headerValues` has the lists of all values; `body` is null if the response has no body. Content codings (`gzip`, `deflate`, `br`, `zstd`) are removed from the body.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!(has(self.form) && has(self.text))").message("an HTTP request must have at most one of json, form and text"))]
#[x_kube(validation = Rule::new("!(has(self.form) || has(self.text)) || (has(self.method) && !(self.method in ['GET', 'HEAD']))").message("an HTTP request with the method GET or HEAD must not have a body: change method or remove the body"))]
pub struct HttpAction {
    /// Request method. Default: GET.
    #[schemars(with = "HttpMethod")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<HttpMethod>,
    /// URL that begins with `http://` or `https://`, a template; at most 4 KiB.
    #[schemars(length(min = 1, max = 4096))]
    #[x_kube(validation = Rule::new("self.startsWith('https://') || self.startsWith('http://') || self.startsWith('$')").message("url must start with https:// or http://, or be a template"))]
    pub url: String,
    /// Request headers; at most 64. Values are templates and may read `secrets`. One line break at the end of a value is removed; other control characters fail with `HTTP_REQUEST`. Default: only `User-Agent`, `Idempotency-Key`, `traceparent` and those of the body and of `auth`.
    #[schemars(extend("maxProperties" = 64))]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Query parameters; at most 64. Values are templates. Default: none.
    #[schemars(extend("maxProperties" = 64))]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub query: BTreeMap<String, String>,
    /// JSON request body. Strings are templates. At most one of `json`, `form` and `text` may be set, and none with the methods GET and HEAD.
    #[schemars(schema_with = "schema::free")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<Value>,
    /// URL-encoded form request body; at most 256 fields. Values are templates. At most one of `json`, `form` and `text` may be set.
    #[schemars(extend("maxProperties" = 256))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<BTreeMap<String, String>>,
    /// Text request body, a template; at most 256 KiB. At most one of `json`, `form` and `text` may be set.
    #[schemars(length(max = 262_144))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Authentication of the request. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<HttpAuth>,
    /// Additional certificate authorities and the client certificate. Default: the public authorities and no client certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<HttpTls>,
    /// Expression over `status`, `headers` and `body` that tells whether the response is successful. If false, the attempt fails with `HTTP_<status>`. At most 4 KiB. Default: `status < 400`.
    #[schemars(length(min = 1, max = 4096))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success: Option<String>,
    /// Maximum size of the response body in bytes, after decompression. A larger response fails with `HTTP_TOO_LARGE`. Default: 1Mi.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_response_bytes: Option<Quantity>,
    /// Format of the response body in the output. `Json`: parsed JSON. `Text`: text. Both are decoded by the charset of the media type or a byte order mark, otherwise as UTF-8. `Bytes`: base64 text of the body, without content codings. Default: Json if the media type of the response is JSON, otherwise Text.
    #[schemars(with = "HttpResponse")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<HttpResponse>,
}

/// HTTP request method.
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
    /// OPTIONS.
    Options,
}

/// Authentication of a request. Exactly one of `bearer` and `basic` must be set.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[x_kube(validation = Rule::new("has(self.bearer) != has(self.basic)").message("auth must have exactly one of bearer and basic"))]
pub struct HttpAuth {
    /// Bearer token, a template that usually reads a secret. One line break at its end is removed. Exactly one of `bearer` and `basic` must be set.
    #[schemars(length(min = 1, max = 4096))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bearer: Option<String>,
    /// User name and password for HTTP basic authentication. Exactly one of `bearer` and `basic` must be set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basic: Option<HttpBasic>,
}

/// User name and password for HTTP basic authentication. Both are templates; one line break at the end is removed.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpBasic {
    /// User name, a template.
    #[schemars(length(min = 1, max = 4096))]
    pub username: String,
    /// Password, a template that usually reads a secret.
    #[schemars(length(max = 4096))]
    pub password: String,
}

/// TLS settings of a request. The Secrets must be listed in `spec.secrets`.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct HttpTls {
    /// Name in `spec.secrets` of a Secret with the key `ca.crt`: certificate authorities to trust in addition to the public ones. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_secret: Option<SecretRef>,
    /// Name in `spec.secrets` of a Secret with the keys `tls.crt` and `tls.key`: the client certificate. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<SecretRef>,
}

/// Format of a response body in the output of a step: `Json`, `Text` or `Bytes`.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpResponse {
    /// Parsed JSON.
    Json,
    /// Text.
    Text,
    /// Base64.
    Bytes,
}
