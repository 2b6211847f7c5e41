//! Memory of the objects that were read and are not stored yet.

use std::{borrow::Cow, sync::Arc};

use k8s_client::{
    Fields::{self, All, None as Removed, Only},
    decoded_bytes, select_text,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::project::Kind;

/// Maximum size of the text of the objects that wait for the writer, in KiB: some ten thousand usual runs, or twenty of the largest
/// objects. The objects of one batch are decoded at a time.
const MAX_QUEUED_KIB: u32 = 32 * 1024;
/// Memory of a queued change in addition to its text, in bytes.
const CHANGE_BYTES: usize = 512;
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

/// Limit of the memory of queued changes. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct MemoryLimit(Arc<Semaphore>);

/// Text of an object with the maximum memory that it takes once it is decoded, in bytes.
pub(super) struct LimitedText<'t> {
    pub(super) text: Cow<'t, str>,
    pub(super) decoded_bytes: usize,
}

impl Default for MemoryLimit {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(usize::try_from(MAX_QUEUED_KIB).unwrap_or(usize::MAX))))
    }
}

impl MemoryLimit {
    /// Reserves the memory of a queued change whose text has this number of bytes, and waits while too much is queued. The memory is
    /// available again when the permit is dropped. Returns `None` if the limit was removed, which it never is.
    pub(super) async fn reserve(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let kibibytes = u32::try_from((bytes + CHANGE_BYTES) / 1024 + 1).unwrap_or(MAX_QUEUED_KIB);
        Arc::clone(&self.0).acquire_many_owned(kibibytes.min(MAX_QUEUED_KIB)).await.ok()
    }
}

/// Returns the text of an object to decode: without its contents if it would take too much memory. The operator refuses such a
/// workflow or run, and says why in its status, which remains. Plans and tenants are written by administrators.
pub(super) fn limited(kind: Kind, text: &str) -> LimitedText<'_> {
    let bytes = decoded_bytes(text.as_bytes());
    let fields = match kind {
        _ if bytes <= MAX_OBJECT_BYTES => None,
        Kind::Plan | Kind::Tenant => None,
        Kind::Workflow => Some(WORKFLOW),
        Kind::WorkflowRun => Some(RUN),
    };
    let Some(fields) = fields else {
        return LimitedText { text: Cow::Borrowed(text), decoded_bytes: bytes };
    };
    let kind: &str = kind.into();
    tracing::warn!(kind, bytes, "an object takes too much memory, and is stored without its contents");
    let selected = String::from_utf8_lossy(&select_text(text, fields)).into_owned();
    LimitedText { decoded_bytes: decoded_bytes(selected.as_bytes()), text: Cow::Owned(selected) }
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

    /// Changes wait while too much is queued, and small ones still fit beside large ones.
    #[tokio::test]
    async fn large_objects_wait_until_earlier_ones_are_stored() {
        let limit = MemoryLimit::default();
        let first = limit.reserve(20 << 20).await;
        assert!(limit.reserve(20 << 20).now_or_never().is_none(), "a second one does not fit");
        assert!(limit.reserve(2).now_or_never().is_some());
        drop(first);
        assert!(limit.reserve(20 << 20).now_or_never().is_some());
    }

    /// An object that would take too much memory is decoded without its contents, and its identity and status remain. Any other
    /// one is decoded as it is.
    #[test]
    fn an_object_that_takes_too_much_memory_is_read_without_its_contents() {
        let tiny = vec![json!({"": 0}); 200_000];
        let mut large = run("acme", "invoices", "large").build().raw;
        assert_eq!(limited(Kind::WorkflowRun, &text(&large)).text, text(&large));
        large["spec"]["input"] = json!({"tiny": tiny});
        large["status"]["error"] =
            json!({"kind": "User", "code": "INPUT_TOO_LARGE", "message": "use fewer values"});
        let read: Value = serde_json::from_str(&limited(Kind::WorkflowRun, &text(&large)).text).unwrap();
        large["spec"].as_object_mut().unwrap().remove("input");
        assert_eq!(read["status"]["error"], large["status"]["error"]);
        assert_eq!(read["spec"]["workflowRef"], large["spec"]["workflowRef"]);
        assert!(read["spec"]["input"].is_null());
        assert!(
            crate::project::project(&crate::project::Object::new(Kind::WorkflowRun, read).unwrap()).is_ok()
        );

        let mut large = workflow("acme", "invoices").build().raw;
        large["spec"]["output"] = json!(tiny);
        let read: Value = serde_json::from_str(&limited(Kind::Workflow, &text(&large)).text).unwrap();
        assert!(read["spec"]["output"].is_null() && read["spec"]["steps"].is_array());
        assert!(crate::project::project(&crate::project::Object::new(Kind::Workflow, read).unwrap()).is_ok());
    }
}
