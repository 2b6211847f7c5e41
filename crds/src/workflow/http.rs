//! A step that calls an HTTP endpoint.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::SecretRef;
use crate::{Quantity, schema};

/// Calls an HTTP endpoint that the plan's egress names. The header `Idempotency-Key` is the same at every attempt.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!(has(self.form) && has(self.text))").message("a request has one body: give only one of json, form and text"))]
#[x_kube(validation = Rule::new("!(has(self.form) || has(self.text)) || (has(self.method) && !(self.method in ['GET', 'HEAD']))").message("GET and HEAD carry no body: set method to POST, PUT, PATCH or DELETE, or leave the body out"))]
pub struct HttpAction {
    /// Default: GET.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<HttpMethod>,
    /// An http or https URL (a template); at most 4 KiB.
    #[schemars(length(min = 1, max = 4096))]
    #[x_kube(validation = Rule::new("self.startsWith('https://') || self.startsWith('http://') || self.startsWith('$')").message("a url begins with https:// or http://, or is a template that gives one"))]
    pub url: String,
    /// Headers (templates), at most 64.
    #[schemars(extend("maxProperties" = 64))]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Query parameters (templates), at most 64.
    #[schemars(extend("maxProperties" = 64))]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub query: BTreeMap<String, String>,
    /// The body as JSON (templates). At most one of `json`, `form` and `text`.
    #[schemars(schema_with = "schema::free")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<Value>,
    /// The body as a form (templates).
    #[schemars(extend("maxProperties" = 256))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<BTreeMap<String, String>>,
    /// The body as text (a template); at most 256 KiB.
    #[schemars(length(max = 262_144))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// How the request is authenticated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<HttpAuth>,
    /// TLS beyond the public authorities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<HttpTls>,
    /// An expression over `status`, `headers` and `body`; where it is false the step fails with `HTTP_<status>`. Default: `status < 400`.
    #[schemars(length(min = 1, max = 4096))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success: Option<String>,
    /// Bytes of the answer, at most. Default: 1Mi.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_response_bytes: Option<Quantity>,
    /// How the answer's body is read. Default: Json where its media type says so, else Text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<HttpResponse>,
}

/// The method of a request.
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

/// How a request is authenticated: exactly one of `bearer` and `basic`.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[x_kube(validation = Rule::new("has(self.bearer) != has(self.basic)").message("auth is either bearer or basic: give exactly one of the two"))]
pub struct HttpAuth {
    /// A bearer token (a template, usually of a secret).
    #[schemars(length(min = 1, max = 4096))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bearer: Option<String>,
    /// User name and password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basic: Option<HttpBasic>,
}

/// User name and password (templates, usually of secrets).
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpBasic {
    /// The user.
    #[schemars(length(min = 1, max = 4096))]
    pub username: String,
    /// The password.
    #[schemars(length(max = 4096))]
    pub password: String,
}

/// TLS beyond the public authorities.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct HttpTls {
    /// A Secret with `ca.crt`: authorities to trust besides the public ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_secret: Option<SecretRef>,
    /// A Secret with `tls.crt` and `tls.key`: what we show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<SecretRef>,
}

/// How an answer's body is read.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpResponse {
    /// As JSON.
    Json,
    /// As text in UTF-8.
    Text,
    /// As base64.
    Bytes,
}
