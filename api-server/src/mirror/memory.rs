//! Memory of the objects that were read and are not stored yet.

use std::{borrow::Cow, sync::Arc};

use k8s_client::{
    Fields::{self, All, None as Removed, Only},
    decoded_bytes, select_text,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::change::Change;
use crate::project::Kind;

/// Maximum memory of the objects that wait for the writer, in KiB: two of the largest objects, or some thousand usual ones.
const MAX_PENDING_KIB: u32 = 64 * 1024;
/// Maximum memory of an object that is stored with its contents, in bytes. A run whose input and inline outputs have 128 KiB
/// each takes less, whatever they consist of.
const MAX_OBJECT_BYTES: usize = 32 << 20;

/// Metadata of objects whose contents are not stored.
const METADATA: Fields = Only(&[
    ("name", All),
    ("namespace", All),
    ("uid", All),
    ("resourceVersion", All),
    ("generation", All),
    ("creationTimestamp", All),
    ("deletionTimestamp", All),
]);
/// An object that was deleted.
pub(super) const DELETED: Fields = Only(&[("metadata", METADATA), ("spec", Removed), ("status", Removed)]);
/// Names of the steps of a workflow.
const NAMES: Fields = Only(&[("name", All)]);
/// A workflow without what its steps do.
const WORKFLOW: Fields = Only(&[
    ("metadata", METADATA),
    (
        "spec",
        Only(&[
            ("displayName", All),
            ("description", All),
            ("state", All),
            ("steps", NAMES),
            ("onExit", NAMES),
            ("timeout", All),
            ("runners", All),
            ("retention", All),
        ]),
    ),
]);
/// A run without its input and the outputs of its steps.
const RUN: Fields = Only(&[
    ("metadata", METADATA),
    (
        "spec",
        Only(&[("workflowRef", All), ("trigger", All), ("priority", All), ("reuse", All), ("cancel", All)]),
    ),
    (
        "status",
        Only(&[
            ("observedGeneration", All),
            ("phase", All),
            ("step", All),
            ("duration", All),
            ("conditions", All),
            ("queue", All),
            ("revision", All),
            ("startedAt", All),
            ("finishedAt", All),
            ("waitedSeconds", All),
            ("error", All),
            ("steps", Removed),
            ("output", Removed),
        ]),
    ),
]);

/// Limit of the memory of pending changes. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct MemoryLimit(Arc<Semaphore>);

/// A change with the memory that it takes until it is stored.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) change: Change,
    /// Memory of the change, which is available again when this is dropped.
    pub(super) memory: Option<OwnedSemaphorePermit>,
}

impl Default for MemoryLimit {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(usize::try_from(MAX_PENDING_KIB).unwrap_or(usize::MAX))))
    }
}

impl MemoryLimit {
    /// Reserves the memory that the text of an object takes once it is decoded, and waits while too many large objects are
    /// pending.
    pub(super) async fn reserve(&self, text: &[u8]) -> Option<OwnedSemaphorePermit> {
        let kibibytes = u32::try_from(decoded_bytes(text) / 1024 + 1).unwrap_or(MAX_PENDING_KIB);
        Arc::clone(&self.0).acquire_many_owned(kibibytes.min(MAX_PENDING_KIB)).await.ok()
    }
}

/// Returns the text of an object to decode: without its contents if it would take too much memory. The operator refuses such a
/// workflow or run, and says why in its status, which remains. Plans and tenants are written by administrators.
pub(super) fn limited(kind: Kind, text: &str) -> Cow<'_, [u8]> {
    let fields = match kind {
        Kind::Plan | Kind::Tenant => return Cow::Borrowed(text.as_bytes()),
        Kind::Workflow => WORKFLOW,
        Kind::WorkflowRun => RUN,
    };
    let bytes = decoded_bytes(text.as_bytes());
    if bytes <= MAX_OBJECT_BYTES {
        return Cow::Borrowed(text.as_bytes());
    }
    let kind: &str = kind.into();
    tracing::warn!(kind, bytes, "an object takes too much memory, and is stored without its contents");
    Cow::Owned(select_text(text, fields))
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use serde_json::{Value, json};

    use super::*;
    use crate::project::testing::{run, workflow};

    fn text(raw: &Value) -> String {
        raw.to_string()
    }

    /// Large objects wait until earlier ones are stored, and small ones do not.
    #[tokio::test]
    async fn large_objects_wait_until_earlier_ones_are_stored() {
        let limit = MemoryLimit::default();
        let large = text(&json!({"zeros": vec![0; 490_000]}));
        let first = limit.reserve(large.as_bytes()).await;
        let second = limit.reserve(large.as_bytes()).await;
        assert!(limit.reserve(large.as_bytes()).now_or_never().is_none(), "a third one does not fit");
        assert!(limit.reserve(b"{}").now_or_never().is_some());
        drop(first);
        assert!(limit.reserve(large.as_bytes()).now_or_never().is_some());
        drop(second);
    }

    /// An object that would take too much memory is decoded without its contents, and its identity and status remain. Any other
    /// one is decoded as it is.
    #[test]
    fn an_object_that_takes_too_much_memory_is_read_without_its_contents() {
        let tiny = vec![json!({"": 0}); 200_000];
        let mut large = run("acme", "invoices", "large").build().raw;
        assert_eq!(*limited(Kind::WorkflowRun, &text(&large)), *text(&large).as_bytes());
        large["spec"]["input"] = json!({"tiny": tiny});
        large["status"]["error"] =
            json!({"kind": "User", "code": "INPUT_TOO_LARGE", "message": "use fewer values"});
        let read: Value = serde_json::from_slice(&limited(Kind::WorkflowRun, &text(&large))).unwrap();
        large["spec"].as_object_mut().unwrap().remove("input");
        assert_eq!(read["status"]["error"], large["status"]["error"]);
        assert_eq!(read["spec"]["workflowRef"], large["spec"]["workflowRef"]);
        assert!(read["spec"]["input"].is_null());
        assert!(
            crate::project::project(&crate::project::Object::new(Kind::WorkflowRun, read).unwrap()).is_ok()
        );

        let mut large = workflow("acme", "invoices").build().raw;
        large["spec"]["output"] = json!(tiny);
        let read: Value = serde_json::from_slice(&limited(Kind::Workflow, &text(&large))).unwrap();
        assert!(read["spec"]["output"].is_null() && read["spec"]["steps"].is_array());
        assert!(crate::project::project(&crate::project::Object::new(Kind::Workflow, read).unwrap()).is_ok());
    }
}
