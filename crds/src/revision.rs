//! Data of a workflow's revision, as the operator stores it in a ControllerRevision and the runner reads it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::WorkflowSpec;

/// Version of the layout of [`RevisionData`]. Release N executes revisions of release N−1.
pub const REVISION_SCHEMA_VERSION: u32 = 1;

/// Content of a ControllerRevision's `data`: the workflow's spec at one generation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RevisionData {
    /// Version of this layout.
    pub schema_version: u32,
    /// Name of the workflow.
    pub workflow: String,
    /// Spec of the workflow when the revision was created.
    pub spec: WorkflowSpec,
}

/// Reason for which the data of a ControllerRevision cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidRevision {
    /// The data does not have the layout of a revision.
    #[error("failed to parse the revision's data")]
    Json(#[from] serde_json::Error),
    /// The data was written by a release with another layout.
    #[error(
        "failed to read a revision of layout {found}: this release reads layout {REVISION_SCHEMA_VERSION}"
    )]
    SchemaVersion {
        /// Layout of the data.
        found: u32,
    },
}

impl RevisionData {
    /// Returns the data of a new revision.
    #[must_use]
    pub fn new(workflow: String, spec: WorkflowSpec) -> Self {
        Self { schema_version: REVISION_SCHEMA_VERSION, workflow, spec }
    }

    /// Returns the data of a new revision as it is stored. The spec is not copied, since it may be large.
    ///
    /// # Errors
    /// Returns an error if the spec cannot be encoded as JSON.
    pub fn encode(workflow: &str, spec: &WorkflowSpec) -> Result<Value, serde_json::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Borrowed<'a> {
            schema_version: u32,
            workflow: &'a str,
            spec: &'a WorkflowSpec,
        }
        serde_json::to_value(Borrowed { schema_version: REVISION_SCHEMA_VERSION, workflow, spec })
    }

    /// Parses the data of a stored revision.
    ///
    /// # Errors
    /// Returns an error if the data does not describe a workflow, or has another schema version.
    pub fn parse(data: Value) -> Result<Self, InvalidRevision> {
        let data: Self = serde_json::from_value(data)?;
        if data.schema_version == REVISION_SCHEMA_VERSION {
            Ok(data)
        } else {
            Err(InvalidRevision::SchemaVersion { found: data.schema_version })
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Data that is written can be read again, and data of another layout is refused by number.
    #[test]
    fn revision_data_is_read_as_it_was_written() {
        let data = RevisionData::new("intake".to_owned(), WorkflowSpec::default());
        assert_eq!(RevisionData::parse(serde_json::to_value(&data).unwrap()).unwrap(), data);
        assert_eq!(RevisionData::encode("intake", &data.spec).unwrap(), serde_json::to_value(&data).unwrap());
        let newer =
            RevisionData::parse(json!({"schemaVersion": 2, "workflow": "intake", "spec": {"steps": []}}));
        assert!(matches!(newer, Err(InvalidRevision::SchemaVersion { found: 2 })));
        assert!(matches!(RevisionData::parse(json!({})), Err(InvalidRevision::Json(_))));
    }
}
