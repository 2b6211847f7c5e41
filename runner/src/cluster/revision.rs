//! ControllerRevision to which a run is pinned.

use crds::{InvalidRevision, RevisionData};
use k8s_openapi::api::apps::v1::ControllerRevision;

use crate::cluster::api::Revision;

/// Returns the workflow that a ControllerRevision holds.
///
/// # Errors
/// Returns an error if the revision holds no workflow, or has a layout that this release does not read.
pub(super) fn parse(revision: ControllerRevision) -> Result<Revision, InvalidRevision> {
    let data = revision.data.map(|raw| raw.0).unwrap_or_default();
    let RevisionData { schema_version: _, workflow, spec } = RevisionData::parse(data)?;
    Ok(Revision { workflow, spec })
}
