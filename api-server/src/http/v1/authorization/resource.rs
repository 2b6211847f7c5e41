//! Resources in questions about rights.

use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::authorization::ResourceReference;

/// Resource of a question.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub(in crate::http) enum AuthorizationResource {
    /// Workflow.
    Workflow {
        /// ID of the workflow.
        id: Uuid,
    },
    /// Run of a workflow.
    WorkflowRun {
        /// ID of the run.
        id: Uuid,
    },
    /// Document.
    Document {
        /// ID of the document.
        id: Uuid,
    },
}

impl From<AuthorizationResource> for ResourceReference {
    fn from(resource: AuthorizationResource) -> Self {
        match resource {
            AuthorizationResource::Workflow { id } => Self::Workflow(id),
            AuthorizationResource::WorkflowRun { id } => Self::WorkflowRun(id),
            AuthorizationResource::Document { id } => Self::Document(id),
        }
    }
}
