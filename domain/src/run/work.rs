//! What a runner is to do for one attempt: the step's action with all templates rendered.

use std::collections::BTreeMap;

use crds::run::StepError;
use crds::workflow::{ErrorKind, HttpMethod, HttpResponse};
use serde_json::{Value, json};

use super::Run;
use super::round::expression_error;
use super::state::error;
use crate::expr::{Context, EvaluateError};
use crate::schema;
use crate::template::Template;
use crate::workflow::{Action, Http, HttpBody, HttpCredentials, Python, Step};

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// Run a Python function in the step's host.
    Python {
        /// Defines `def run(input, ctx)`.
        code: String,
        /// Modules to import beforehand.
        preload: Vec<String>,
        /// Environment variables.
        env: BTreeMap<String, String>,
    },
    /// Run a command in the step's host. The input is in the file that `COPILOT_INPUT` names.
    Container {
        /// The program and its first arguments.
        command: Vec<String>,
        /// Further arguments.
        args: Vec<String>,
        /// Environment variables.
        env: BTreeMap<String, String>,
    },
    /// Call an HTTP endpoint.
    Http(Box<Request>),
    /// Create a run of another workflow, unless it is there, and report [`super::Outcome::Waiting`].
    Run(SubRun),
    /// Store a value, as JSON, in object storage and report it with its reference: it is too large for the status.
    Store(Value),
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
pub struct Request {
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
}

/// A step that is ready, with its templates rendered.
pub(super) enum Rendered {
    /// It has its value already.
    Value(Value),
    /// A runner has to do something.
    Work { input: Value, work: Work },
}

/// Renders a step's input and action, and checks the input.
pub(super) fn render(step: &Step, context: &Context) -> Result<Rendered, StepError> {
    let input = step.with.render(context).map_err(|failed| expression_error("with", &failed))?;
    if let Some(schema) = &step.input {
        schema.check(&input).map_err(|violations| {
            let message = format!("the step's input breaks its schema: {}", schema::message(&violations));
            error(ErrorKind::Schema, "INPUT_INVALID", message)
        })?;
    }
    Ok(match &step.action {
        Action::Expr(value) => {
            Rendered::Value(value.render(context).map_err(|failed| expression_error("expr.value", &failed))?)
        }
        Action::Python(python) => Rendered::Work { input, work: render_python(python, context)? },
        Action::Http(http) => {
            Rendered::Work { input, work: Work::Http(Box::new(render_http(http, context)?)) }
        }
    })
}

fn render_python(python: &Python, context: &Context) -> Result<Work, StepError> {
    let Python { code, preload, env } = python;
    Ok(Work::Python { code: code.clone(), preload: preload.clone(), env: texts("python.env", env, context)? })
}

fn render_http(http: &Http, context: &Context) -> Result<Request, StepError> {
    let Http { method, max_response_bytes, response, url, headers, query, body, credentials, success: _ } =
        http;
    let url = text("http.url", url, context)?;
    if !(url.starts_with("http://") || url.starts_with("https://")) {
        return Err(error(
            ErrorKind::User,
            "HTTP_URL",
            "http.url: the URL must begin with http:// or https://",
        ));
    }
    Ok(Request {
        method: *method,
        url,
        headers: texts("http.headers", headers, context)?,
        query: texts("http.query", query, context)?,
        body: body.as_ref().map(|body| render_body(body, context)).transpose()?,
        credentials: credentials
            .as_ref()
            .map(|credentials| render_credentials(credentials, context))
            .transpose()?,
        max_response_bytes: *max_response_bytes,
        response: *response,
    })
}

fn render_body(body: &HttpBody<Template>, context: &Context) -> Result<HttpBody<Value>, StepError> {
    Ok(match body {
        HttpBody::Json(json) => {
            HttpBody::Json(json.render(context).map_err(|failed| expression_error("http.json", &failed))?)
        }
        HttpBody::Form(form) => HttpBody::Form(
            texts("http.form", form, context)?
                .into_iter()
                .map(|(name, text)| (name, Value::String(text)))
                .collect(),
        ),
        HttpBody::Text(template) => HttpBody::Text(Value::String(text("http.text", template, context)?)),
    })
}

fn render_credentials(
    credentials: &HttpCredentials<Template>,
    context: &Context,
) -> Result<HttpCredentials<String>, StepError> {
    Ok(match credentials {
        HttpCredentials::Bearer(bearer) => {
            HttpCredentials::Bearer(text("http.auth.bearer", bearer, context)?)
        }
        HttpCredentials::Basic { username, password } => HttpCredentials::Basic {
            username: text("http.auth.basic.username", username, context)?,
            password: text("http.auth.basic.password", password, context)?,
        },
    })
}

fn texts(
    field: &str,
    templates: &BTreeMap<String, Template>,
    context: &Context,
) -> Result<BTreeMap<String, String>, StepError> {
    templates
        .iter()
        .map(|(name, template)| Ok((name.clone(), text(&format!("{field}.{name}"), template, context)?)))
        .collect()
}

/// A template as text, also where it is one whole expression: environment, headers and URLs have no other type.
fn text(field: &str, template: &Template, context: &Context) -> Result<String, StepError> {
    template.render_text(context).map_err(|failed| expression_error(field, &failed))
}

impl Run {
    /// Whether an answer is a success, by the step's `http.success`; without one, if its status is below 400.
    ///
    /// # Errors
    /// If the expression fails on this answer.
    pub fn http_succeeded(
        &self,
        step: &str,
        status: u16,
        headers: &BTreeMap<String, String>,
        body: &Value,
    ) -> Result<bool, EvaluateError> {
        let success = self.workflow().step(step).and_then(|step| match &step.action {
            Action::Http(http) => http.success.as_ref(),
            Action::Expr(_) | Action::Python(_) => None,
        });
        let Some(success) = success else { return Ok(status < 400) };
        let context = self
            .context(&[])
            .with("status", json!(status))
            .with("headers", json!(headers))
            .with("body", body.clone());
        success.decide(&context)
    }
}
