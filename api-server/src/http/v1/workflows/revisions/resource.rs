//! The JSON representation of a revision.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::workflows,
    http::v1::{json::AnyJson, time::Time},
};

/// Definition that a workflow had at a time. Runs execute the revision that was current when they were accepted.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct Revision {
    /// Name of the revision, as in `revision` of runs.
    #[schema(example = "invoice-intake-5d8c9f0a1b")]
    name: String,
    /// Generation of the workflow for which the revision was created. A definition that is restored has its earlier revision again.
    #[schema(minimum = 0, example = 4)]
    number: i64,
    /// Digest of the definition.
    #[schema(example = "5d8c9f0a1b")]
    digest: String,
    /// Whether new runs execute the revision.
    current: bool,
    /// Time at which the revision was created.
    created_at: Time,
}

/// Revision with the definition of the workflow.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct RevisionDetails {
    #[serde(flatten)]
    revision: Revision,
    /// Spec of the workflow as in Kubernetes.
    #[schema(value_type = Object)]
    definition: AnyJson,
}

impl From<workflows::Revision> for Revision {
    fn from(revision: workflows::Revision) -> Self {
        let workflows::Revision { name, number, digest, is_current, created_at } = revision;
        Self { name, number, digest, current: is_current, created_at: created_at.into() }
    }
}

impl From<workflows::RevisionDetails> for RevisionDetails {
    fn from(workflows::RevisionDetails { revision, definition }: workflows::RevisionDetails) -> Self {
        Self { revision: revision.into(), definition: definition.into() }
    }
}
