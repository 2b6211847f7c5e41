//! What the use case of an operation says about it, collected until its outcome is written.
//!
//! The collection belongs to the task of the request, and not to the arguments of the use cases: none of them can lose it on the
//! way, and a write without one is refused.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    changes::{Change, MAX_CHANGES},
    operation::Operation,
};
use crate::{app::Error, store::audit::Object};

/// Maximum length of a name, in bytes. The names of Kubernetes are shorter.
const MAX_NAME_BYTES: usize = 256;

tokio::task_local! {
    /// Operation of the task.
    pub(super) static CURRENT: Recorder;
}

/// What is known about an operation in progress. Clones share it.
#[derive(Clone)]
pub(super) struct Recorder {
    operation: Arc<Operation>,
    recorded: Arc<Mutex<Recorded>>,
    intent: watch::Sender<Intent>,
}

/// State of the row before an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Intent {
    /// It is being written.
    Pending,
    /// It is stored.
    Written,
    /// It could not be written.
    Failed,
}

/// What a use case has recorded.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Recorded {
    /// Object that the operation concerns.
    pub(super) object: Option<Object>,
    /// Changed fields.
    pub(super) changes: Vec<Change>,
    /// Code of the problem for which it was refused.
    pub(super) refusal: Option<&'static str>,
    /// Whether a write was about to be sent to Kubernetes.
    pub(super) began_write: bool,
}

impl Recorder {
    pub(super) fn new(operation: &Operation) -> Self {
        let intent = watch::Sender::new(Intent::Pending);
        Self { operation: Arc::new(operation.clone()), recorded: Arc::default(), intent }
    }

    /// Says whether the row before the operation is stored.
    pub(super) fn set_intent(&self, intent: Intent) {
        self.intent.send_replace(intent);
    }

    /// Returns the operation.
    pub(super) fn operation(&self) -> Operation {
        (*self.operation).clone()
    }

    /// Returns what was recorded up to now.
    pub(super) fn recorded(&self) -> Recorded {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Recorded> {
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Records the object that the operation in progress concerns. What is recorded later replaces what was recorded before, except
/// that an ID remains. Does nothing outside of an operation.
pub fn record_object(kind: &'static str, id: Option<Uuid>, name: &str) {
    let name = name.chars().filter(|letter| !letter.is_control());
    let name: String = name
        .scan(0, |bytes, letter| {
            *bytes += letter.len_utf8();
            (*bytes <= MAX_NAME_BYTES).then_some(letter)
        })
        .collect();
    with(|recorded| {
        let earlier = recorded.object.take().filter(|object| object.kind == kind && object.name == name);
        let id = id.or_else(|| earlier.and_then(|object| object.id));
        recorded.object = Some(Object { kind, id, name });
    });
}

/// Records changed fields of the operation in progress. Does nothing outside of an operation.
pub fn record_changes(changes: impl IntoIterator<Item = Change>) {
    with(|recorded| {
        // An attempt that is repeated records its changes again.
        recorded.changes = changes.into_iter().take(MAX_CHANGES + 1).collect();
        if recorded.changes.len() > MAX_CHANGES {
            recorded.changes.truncate(MAX_CHANGES);
            recorded.changes.push(Change::omitted("*"));
        }
    });
}

/// Records that the operation in progress was refused. Does nothing outside of an operation.
pub fn record_refusal(code: &'static str) {
    with(|recorded| recorded.refusal = Some(code));
}

/// Returns a token that is cancelled when the client of the operation in progress has closed its connection: a wait has nobody to
/// wait for then.
pub(in crate::app) fn client_gone() -> CancellationToken {
    CURRENT.try_with(|recorder| recorder.operation.client_gone.clone()).unwrap_or_default()
}

/// Returns the position of the operation in progress in its trace, as the header `traceparent`.
pub(in crate::app) fn traceparent() -> Option<String> {
    CURRENT.try_with(|recorder| recorder.operation.origin.traceparent.clone()).ok().flatten()
}

/// Waits until the row before the operation in progress is stored, and records that a write follows.
///
/// # Errors
/// Returns an error if no operation is in progress, or if its row could not be written.
pub(in crate::app) async fn begin_write(action: &'static str) -> Result<(), Error> {
    let unaudited = || Error::Unaudited { action };
    let recorder = CURRENT.try_with(Recorder::clone).map_err(|_| unaudited())?;
    let mut intent = recorder.intent.subscribe();
    let state = intent.wait_for(|state| *state != Intent::Pending).await.map(|state| *state);
    if state.is_ok_and(|state| state == Intent::Written) {
        recorder.lock().began_write = true;
        return Ok(());
    }
    Err(unaudited())
}

fn with(record: impl FnOnce(&mut Recorded)) {
    // Use cases are also called where nothing is audited, such as for a dry run in a test.
    let _ = CURRENT.try_with(|recorder| record(&mut recorder.lock()));
}
