//! The error of a run or of a step.

use async_graphql::{Json, SimpleObject};
use serde_json::Value;

use crate::app::{enum_names::upper_snake, runs};

/// Error of a run or of a step.
#[derive(SimpleObject)]
#[graphql(name = "WorkflowRunError")]
pub(in crate::graphql) struct Failure {
    /// Name of the step that failed. Null if no step failed, and in the error of a step.
    step: Option<String>,
    /// Kind of the error: `USER`, `INFRA`, `TIMEOUT`, `SCHEMA` or `POLICY`; more may be added.
    kind: String,
    /// Machine-readable code of the error, such as `HTTP_404`; more may be added.
    code: String,
    /// Human-readable explanation of the error.
    message: String,
    /// Details that depend on the code, such as a traceback, the beginning of a response body, or JSON pointers.
    details: Option<Json<Value>>,
}

impl Failure {
    /// Parses the error in a row; `None` if a newer version has written it in another form.
    pub(super) fn from_json(error: &Value) -> Option<Self> {
        serde_json::from_value::<runs::Failure>(error.clone()).ok().map(Self::from)
    }
}

impl From<runs::Failure> for Failure {
    fn from(failure: runs::Failure) -> Self {
        let runs::Failure { step, kind, code, message, details } = failure;
        Self { step, kind: upper_snake(&kind), code, message, details: details.map(Json) }
    }
}
