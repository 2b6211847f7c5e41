//! Memory of the objects that were read and are not stored yet.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::change::Change;

/// Maximum memory of the objects that wait for the writer, in KiB: two of the largest objects, 1.5 MiB of text that need
/// twenty times as much memory once they are decoded, or some thousand usual ones.
const MAX_PENDING_KIB: u32 = 64 * 1024;
/// Memory of a value in a list or an object, apart from its text, in bytes.
const VALUE_BYTES: usize = size_of::<Value>();
/// Memory of a member of an object in addition to its name and value, in bytes.
const MEMBER_BYTES: usize = 2 * size_of::<String>();

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
    /// Reserves the memory of a change, and waits while too many large objects are pending.
    pub(super) async fn reserve(&self, change: Change) -> Pending {
        let Change::Upserted(object) = &change else { return Pending { change, memory: None } };
        let kibibytes = u32::try_from(memory(&object.raw) / 1024 + 1).unwrap_or(MAX_PENDING_KIB);
        let permits = kibibytes.min(MAX_PENDING_KIB);
        let memory = Arc::clone(&self.0).acquire_many_owned(permits).await.ok();
        Pending { change, memory }
    }
}

/// Returns the approximate memory of a value, in bytes.
fn memory(value: &Value) -> usize {
    VALUE_BYTES
        + match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
            Value::String(text) => text.len(),
            Value::Array(items) => items.iter().map(memory).sum(),
            Value::Object(members) => {
                members.iter().map(|(name, member)| MEMBER_BYTES + name.len() + memory(member)).sum()
            }
        }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use serde_json::json;

    use super::*;
    use crate::project::testing::run;

    /// Large objects wait until earlier ones are stored, and small changes never wait for nothing.
    #[tokio::test]
    async fn large_objects_wait_until_earlier_ones_are_stored() {
        let limit = MemoryLimit::default();
        let large = || {
            let mut object = run("acme", "invoices", "large").build();
            object.raw["spec"]["input"] = json!({"zeros": vec![0; 750_000]});
            Change::Upserted(Box::new(object))
        };
        let first = limit.reserve(large()).await;
        let second = limit.reserve(large()).await;
        assert!(limit.reserve(large()).now_or_never().is_none(), "a third one does not fit");
        let deleted = Change::Deleted(run("acme", "invoices", "gone").build().identity);
        assert!(limit.reserve(deleted).now_or_never().is_some());
        drop(first);
        assert!(limit.reserve(large()).now_or_never().is_some());
        drop(second);
    }
}
