//! The ControllerRevision that a run is pinned to.

use crds::WorkflowSpec;
use k8s_openapi::api::apps::v1::ControllerRevision;
use serde::Deserialize;

use crate::store::Revision;

/// The layout of the data that this runner understands. Release N runs revisions of N−1.
const SCHEMA_VERSION: u32 = 1;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    schema_version: u32,
    workflow: String,
    spec: WorkflowSpec,
}

/// Why a revision is of no use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RevisionError {
    #[error("failed to parse the revision's data")]
    Json(#[from] serde_json::Error),
    #[error("failed to read a revision of layout {found}: this runner knows {SCHEMA_VERSION}")]
    SchemaVersion { found: u32 },
}

pub(super) fn parse(revision: ControllerRevision) -> Result<Revision, RevisionError> {
    let data = revision.data.map(|raw| raw.0).unwrap_or_default();
    let Data { schema_version, workflow, spec } = serde_json::from_value(data)?;
    if schema_version != SCHEMA_VERSION {
        return Err(RevisionError::SchemaVersion { found: schema_version });
    }
    Ok(Revision { workflow, spec })
}
