//! An operation between its two rows.

use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

use super::recorder::{CURRENT, Intent, Recorded, Recorder};
use crate::{
    auth::Origin,
    store::{
        self,
        audit::{Actor, Connection, NewIntent, NewOutcome, Outcome, Writer},
    },
};

/// Code of the outcome of an operation that was cut off.
const INTERRUPTED: &str = "interrupted";

/// Operation to audit.
#[derive(Clone)]
pub struct Operation {
    /// Connections for the rows.
    pub writer: Writer,
    /// Tasks that end after the operation.
    pub tasks: TaskTracker,
    /// Tenant, or [`store::audit::PLATFORM_CHAIN`].
    pub chain: Uuid,
    /// Entry of `operations.yaml`, or the name of a job.
    pub name: String,
    /// Permission that the operation requires, or the name of a job.
    pub action: &'static str,
    /// Who does it.
    pub actor: Actor,
    /// From where.
    pub origin: Origin,
    /// Time after which it counts as interrupted if it has no outcome, in seconds.
    pub open_seconds: i32,
    /// Cancelled when the client has closed the connection.
    pub client_gone: CancellationToken,
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It was done.
    Succeeded,
    /// The request does not permit it; with the code of the problem.
    Refused(&'static str),
    /// It failed; with the code of the problem.
    Failed(&'static str),
}

/// Executes an operation between its two rows, and returns its result. The operation reads while the row before it is written, and
/// [`super::begin_write`] waits for this row: if it cannot be written, nothing is changed. If the row after it cannot be written, the
/// operation counts as interrupted, and [`super::reconcile`] writes its outcome.
///
/// # Errors
/// Returns an error if the row before the operation cannot be written.
pub async fn audited<T>(
    operation: Operation,
    work: impl Future<Output = T>,
    ending: impl FnOnce(&T) -> Ending,
) -> Result<T, store::Error> {
    // Taken first: an operation that holds a connection does not wait for one of those that wait for this row.
    let connection = operation.writer.connect(operation.chain).await?;
    let mut open = Open::new(operation);
    let work = CURRENT.scope(open.recorder.clone(), work);
    let (intent, result) = tokio::join!(Box::pin(open.write_intent(connection)), work);
    if intent.is_err() {
        open.has_ended = true;
    }
    intent?;
    let ending = ending(&result);
    open.end(ending).await;
    Ok(result)
}

/// Executes a part of the operation in progress, such as what it does with one of several objects, between two rows of its own.
/// Outside of an operation, it is only executed.
///
/// # Errors
/// Returns an error if the row before the part cannot be written.
pub(in crate::app) async fn audited_part<T>(
    work: impl Future<Output = T>,
    ending: impl FnOnce(&T) -> Ending,
) -> Result<T, store::Error> {
    match CURRENT.try_with(Recorder::operation) {
        Ok(operation) => audited(operation, work, ending).await,
        Err(_) => Ok(work.await),
    }
}

/// Operation whose row after it is not written yet. If it is dropped, as when its request times out, the row says that the outcome
/// is unknown.
struct Open {
    operation: Operation,
    id: Uuid,
    recorder: Recorder,
    has_ended: bool,
}

impl Open {
    fn new(operation: Operation) -> Self {
        let recorder = Recorder::new(&operation);
        Self { operation, id: telemetry::ids::uuid_v7(), recorder, has_ended: false }
    }

    async fn write_intent(&self, connection: Connection) -> Result<(), store::Error> {
        let Operation {
            writer: _,
            tasks: _,
            chain,
            name,
            action,
            actor,
            origin,
            open_seconds,
            client_gone: _,
        } = &self.operation;
        let intent = NewIntent {
            chain: *chain,
            id: self.id,
            operation: name,
            action,
            actor,
            origin,
            open_seconds: *open_seconds,
        };
        let written = connection.begin(&intent).await;
        self.recorder.set_intent(if written.is_ok() { Intent::Written } else { Intent::Failed });
        written
    }

    async fn end(mut self, ending: Ending) {
        self.has_ended = true;
        let recorded = self.recorder.recorded();
        let (outcome, code) = outcome(ending, &recorded);
        write(&self.operation.writer, self.operation.chain, self.id, outcome, code, &recorded).await;
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // At the end of the process, nothing can be spawned: the operation counts as interrupted later.
        if self.has_ended || tokio::runtime::Handle::try_current().is_err() {
            return;
        }
        let (Operation { writer, chain, .. }, id) = (self.operation.clone(), self.id);
        let recorded = self.recorder.recorded();
        self.operation.tasks.spawn(async move {
            write(&writer, chain, id, Outcome::Unknown, Some(INTERRUPTED), &recorded).await;
        });
    }
}

/// Returns outcome and code of an operation.
fn outcome(ending: Ending, recorded: &Recorded) -> (Outcome, Option<&'static str>) {
    match (ending, recorded.refusal) {
        (Ending::Succeeded, None) => (Outcome::Succeeded, None),
        (Ending::Succeeded, Some(code)) | (Ending::Refused(code), _) => (Outcome::Refused, Some(code)),
        // Kubernetes may have done what was sent to it, for example if its answer did not arrive.
        (Ending::Failed(code), _) if recorded.began_write => (Outcome::Unknown, Some(code)),
        (Ending::Failed(code), _) => (Outcome::Failed, Some(code)),
    }
}

async fn write(
    writer: &Writer,
    chain: Uuid,
    id: Uuid,
    outcome: Outcome,
    code: Option<&str>,
    Recorded { object, changes, refusal: _, began_write: _ }: &Recorded,
) {
    let changes = (!changes.is_empty()).then(|| serde_json::json!(changes));
    let row = NewOutcome { chain, id, outcome, code, object: object.as_ref(), changes };
    if let Err(error) = writer.end(&row).await {
        let error: &(dyn std::error::Error + 'static) = &error;
        tracing::error!(
            error,
            audit.id = %id,
            "failed to write the outcome of an operation to the audit log; it is recorded as unknown later"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure after something was sent to Kubernetes does not count as one before.
    #[test]
    fn a_failure_after_a_write_has_begun_is_unknown() {
        let recorded = |began_write| Recorded { began_write, ..Recorded::default() };
        let failed = Ending::Failed("unavailable");
        assert_eq!(outcome(failed, &recorded(false)), (Outcome::Failed, Some("unavailable")));
        assert_eq!(outcome(failed, &recorded(true)), (Outcome::Unknown, Some("unavailable")));
        let refused = Recorded { refusal: Some("run_finished"), ..recorded(true) };
        assert_eq!(outcome(Ending::Succeeded, &refused), (Outcome::Refused, Some("run_finished")));
        assert_eq!(outcome(Ending::Succeeded, &recorded(true)), (Outcome::Succeeded, None));
    }
}
