//! Rendering of a step's input and action: all templates are replaced by their values.

use std::collections::BTreeMap;
use std::time::Duration;

use crds::constants::{MAX_SUB_RUN_DEPTH, MAX_WAIT_SECONDS};
use crds::run::{StepError, Waiting, WaitingFor};
use crds::workflow::ErrorKind;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::state::{after, step_error};
use super::{HttpRequest, Run, StepKey, SubRun, Task};
use crate::expr::{Context, EvaluateError};
use crate::schema;
use crate::template::Template;
use crate::workflow::{
    Action, Approval, Container, Http, HttpBody, HttpCredentials, Python, Step, Wait, WaitEnd,
};

/// Rendered step: the next action of an attempt.
pub(super) enum Rendered {
    /// Output of a step that is evaluated here, without an attempt by the runner.
    Value(Value),
    /// Input and task of an attempt that the runner executes.
    Task { input: Value, task: Task },
    /// A wait for an approval or a time, at most until `until`.
    Waits { waiting: Waiting, until: Timestamp },
}

impl Run {
    /// Renders a step's input and action, and checks the input.
    pub(super) fn render(
        &self,
        step: &Step,
        key: &StepKey,
        attempt: u32,
        context: &Context,
        now: Timestamp,
    ) -> Result<Rendered, StepError> {
        let given = step.with.render(context).map_err(|failed| expression_error("with", &failed))?;
        let input = complete_input(step, given)?;
        let secret = self.with_secrets(context);
        let task = match &step.action {
            Action::Expr(value) => {
                let value =
                    value.render(context).map_err(|failed| expression_error("expr.value", &failed))?;
                return Ok(Rendered::Value(value));
            }
            Action::Approval(approval) => return render_approval(approval, context, now),
            Action::Wait(wait) => return render_wait(wait, context, now),
            Action::Python(python) => render_python(python, &secret)?,
            Action::Container(container) => render_container(container, context, &secret)?,
            Action::Http(http) => Task::Http(Box::new(render_http(http, context, &secret)?)),
            Action::Workflow(workflow) => {
                let run = self.sub_run(key, attempt, &workflow.name, input)?;
                return Ok(Rendered::Task { input: run.input.clone(), task: Task::CreateSubRun(run) });
            }
        };
        Ok(Rendered::Task { input, task })
    }

    /// Returns the sub-run that an attempt of a step or item creates, or an error if it would be nested too
    /// deeply.
    fn sub_run(
        &self,
        key: &StepKey,
        attempt: u32,
        workflow: &str,
        input: Value,
    ) -> Result<SubRun, StepError> {
        let depth = self.data.depth.saturating_add(1);
        if depth > MAX_SUB_RUN_DEPTH {
            let message = format!(
                "the run of {workflow} would have nesting depth {depth}; the maximum is {MAX_SUB_RUN_DEPTH}"
            );
            return Err(step_error(ErrorKind::User, "SUB_RUN_TOO_DEEP", message));
        }
        Ok(SubRun { name: self.sub_run_name(key, attempt), workflow: workflow.to_owned(), input, depth })
    }
}

/// Returns the input of a step with the defaults of its schema.
fn complete_input(step: &Step, given: Value) -> Result<Value, StepError> {
    let Some(schema) = &step.input else { return Ok(given) };
    schema.complete(given).map_err(|violations| {
        let message =
            format!("the step's input violates its schema: {}", schema::describe_violations(&violations));
        step_error(ErrorKind::Schema, "INPUT_INVALID", message)
    })
}

/// Renders the message of an approval.
fn render_approval(approval: &Approval, context: &Context, now: Timestamp) -> Result<Rendered, StepError> {
    let message = text("approval.message", &approval.message, context)?;
    let waiting = Waiting {
        reason: WaitingFor::Approval,
        message: Some(message),
        roles: approval.roles.clone(),
        run: None,
        refused: None,
    };
    Ok(Rendered::Waits { waiting, until: after(now, approval.timeout) })
}

/// Evaluates the end of a wait, and returns an error if it is too far in the future.
fn render_wait(wait: &Wait, context: &Context, now: Timestamp) -> Result<Rendered, StepError> {
    let until = match &wait.end {
        WaitEnd::After(duration) => after(now, *duration),
        WaitEnd::At(program) => {
            let value =
                program.evaluate(context).map_err(|failed| expression_error("wait.until", &failed))?;
            let time = value.as_str().and_then(|text| text.parse::<Timestamp>().ok());
            time.ok_or_else(|| {
                let message = "wait.until: the value must be a time: timestamp(…) or a string such as 2027-01-31T08:00:00Z";
                step_error(ErrorKind::User, "WAIT_INVALID", message)
            })?
        }
    };
    if until > after(now, Duration::from_secs(MAX_WAIT_SECONDS)) {
        let days = MAX_WAIT_SECONDS / 86_400;
        let message = format!("the wait would last until {until}; at most {days} days are allowed");
        return Err(step_error(ErrorKind::User, "WAIT_TOO_LONG", message));
    }
    let waiting =
        Waiting { reason: WaitingFor::Time, message: None, roles: Vec::new(), run: None, refused: None };
    Ok(Rendered::Waits { waiting, until })
}

/// Renders the environment variables of a Python step.
fn render_python(python: &Python, secret: &Context) -> Result<Task, StepError> {
    let Python { code, preload, env } = python;
    Ok(Task::Python { code: code.clone(), preload: preload.clone(), env: texts("python.env", env, secret)? })
}

/// Renders the arguments and environment variables of a container step.
fn render_container(container: &Container, context: &Context, secret: &Context) -> Result<Task, StepError> {
    let Container { command, args, working_dir, env } = container;
    let args =
        args.iter().enumerate().map(|(index, arg)| text(&format!("container.args[{index}]"), arg, context));
    Ok(Task::Container {
        command: command.clone(),
        args: args.collect::<Result<_, _>>()?,
        working_dir: working_dir.clone(),
        env: texts("container.env", env, secret)?,
    })
}

/// Renders the request of an HTTP step.
fn render_http(http: &Http, context: &Context, secret: &Context) -> Result<HttpRequest, StepError> {
    let Http {
        method,
        max_response_bytes,
        response,
        url,
        headers,
        query,
        body,
        credentials,
        tls,
        success: _,
    } = http;
    let url = text("http.url", url, context)?;
    if !(url.starts_with("http://") || url.starts_with("https://")) {
        return Err(step_error(
            ErrorKind::User,
            "HTTP_URL",
            "http.url: the URL must begin with http:// or https://",
        ));
    }
    Ok(HttpRequest {
        method: *method,
        url,
        headers: texts("http.headers", headers, secret)?,
        query: texts("http.query", query, context)?,
        body: body.as_ref().map(|body| render_body(body, context)).transpose()?,
        credentials: credentials
            .as_ref()
            .map(|credentials| render_credentials(credentials, secret))
            .transpose()?,
        max_response_bytes: *max_response_bytes,
        response: *response,
        tls: tls.clone(),
    })
}

/// Renders the body of an HTTP request.
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

/// Renders the credentials of an HTTP request.
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

/// Renders a map of templates as text. `field` is the path of the map for error messages.
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

/// Builds the error of an expression that failed on the data of this run. Its kind is `User`, since it is
/// caused by the workflow and would fail again on a retry.
pub(super) fn expression_error(field: &str, failed: &EvaluateError) -> StepError {
    step_error(ErrorKind::User, failed.code(), format!("{field}: {failed}"))
}

/// Renders a template as text. The value is converted to text even if the template is a single expression,
/// since environment variables, headers and URLs have no other type.
fn text(field: &str, template: &Template, context: &Context) -> Result<String, StepError> {
    template.render_text(context).map_err(|failed| expression_error(field, &failed))
}

impl Run {
    /// Returns whether an HTTP response is a success: the result of the step's `http.success` or, without
    /// that, whether the status is below 400.
    ///
    /// # Errors
    /// If the expression fails on this response.
    pub fn http_succeeded(
        &self,
        step: &str,
        status: u16,
        headers: &BTreeMap<String, String>,
        body: &Value,
    ) -> Result<bool, EvaluateError> {
        let success = self.workflow().step(step).and_then(|step| match &step.action {
            Action::Http(http) => http.success.as_ref(),
            _ => None,
        });
        let Some(success) = success else { return Ok(status < 400) };
        let context = self
            .base_context
            .clone()
            .with("status", json!(status))
            .with("headers", json!(headers))
            .with("body", body.clone());
        success.evaluate_bool(&context)
    }
}
