//! Controller of one kind: reconciles its objects concurrently, with a timeout and a backoff for each.

use std::{convert::Infallible, future::Future, sync::Arc, time::Duration};

use futures::{FutureExt as _, StreamExt as _, future::BoxFuture, stream};
use kube::runtime::{
    applier,
    controller::{self, Action},
    reflector::{ObjectRef, Store},
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    api::Readable,
    backoff::{Failures, delay},
    context::Context,
    errors::{Class, Error, chain},
    events::NewEvent,
    metrics::{ControllerLabels, Metrics, ReconcileLabels},
};

/// Timeout of one reconcile. The slowest is that of a new tenant, with about twenty requests of 10 ms each; an API server
/// that does not answer must not block the others for longer than this.
const RECONCILE_TIMEOUT: Duration = Duration::from_secs(30);
/// Maximum number of concurrent reconciles of one controller. They wait for the API server, which limits the requests of
/// one client; more of them would only queue there.
const MAX_CONCURRENT_RECONCILES: u16 = 16;
/// Number of consecutive transient failures after which an Event is published. One alone often passes.
const TRANSIENT_FAILURES_BEFORE_EVENT: u32 = 3;

type Outcome<K> = Result<(ObjectRef<K>, Action), controller::Error<Error, Infallible>>;

/// Controller of one kind.
pub(crate) struct Controller<K: Readable> {
    /// Name of the controller in logs and metrics.
    pub(crate) name: &'static str,
    /// Watched objects of the kind.
    pub(crate) store: Store<K>,
    /// References of the objects to reconcile.
    pub(crate) queue: mpsc::Receiver<ObjectRef<K>>,
}

impl<K: Readable> Controller<K> {
    /// Reconciles objects until `stop` is cancelled. Reconciles in progress are completed.
    pub(crate) async fn run<R, F>(
        self,
        ctx: Arc<Context>,
        stop: CancellationToken,
        reconcile: R,
    ) -> Result<(), Infallible>
    where
        R: Fn(Arc<Context>, Arc<K>) -> F,
        F: Future<Output = Result<Action, Error>> + Send + 'static,
    {
        let Self { name, store, mut queue } = self;
        let failures = Arc::new(Failures::default());
        let policy = error_policy(name, Arc::clone(&failures));
        let requested = stream::poll_fn(move |task| queue.poll_recv(task))
            .map(Ok::<_, Infallible>)
            .take_until(stop.cancelled_owned());
        let config = controller::Config::default().concurrency(MAX_CONCURRENT_RECONCILES);
        let start = |object, ctx: Arc<Context>| measured(name, ctx.metrics.clone(), reconcile(ctx, object));
        let outcomes = applier(start, policy, ctx, store, requested, config);
        outcomes.for_each(|outcome| record_outcome(&failures, outcome)).await;
        Ok(())
    }
}

/// Returns a reconcile that fails after the timeout and is counted in the metrics.
fn measured(
    name: &'static str,
    metrics: Metrics,
    reconcile: impl Future<Output = Result<Action, Error>> + Send + 'static,
) -> BoxFuture<'static, Result<Action, Error>> {
    async move {
        let begun = tokio::time::Instant::now();
        let result = tokio::time::timeout(RECONCILE_TIMEOUT, reconcile)
            .await
            .unwrap_or(Err(Error::Timeout { seconds: RECONCILE_TIMEOUT.as_secs() }));
        let labels = ControllerLabels { controller: name };
        metrics.duration.get_or_create(&labels).observe(begun.elapsed().as_secs_f64());
        let label = result.as_ref().map_or_else(|error| error.class().into(), |_| "ok");
        metrics.reconciles.get_or_create(&ReconcileLabels { controller: name, result: label }).inc();
        result
    }
    .boxed()
}

/// Returns a function that counts and reports a failure and determines the delay before the retry.
fn error_policy<K: Readable>(
    name: &'static str,
    failures: Arc<Failures<ObjectRef<K>>>,
) -> impl Fn(Arc<K>, &Error, Arc<Context>) -> Action {
    move |object, error, ctx| {
        let count = failures.record_failure(ObjectRef::from_obj(object.as_ref()));
        report(name, object.as_ref(), error, count, &ctx);
        Action::requeue(delay(error.class(), count, rand::random()))
    }
}

fn report<K: Readable>(name: &'static str, object: &K, error: &Error, count: u32, ctx: &Context) {
    let (class, reference) = (error.class(), object.object_ref(&()));
    let (namespace, object_name) = (reference.namespace.as_deref(), reference.name.as_deref());
    let message = chain(error);
    if class == Class::Conflict {
        tracing::debug!(
            controller = name,
            object.namespace = namespace,
            object.name = object_name,
            error = message,
            "the object was written by another client; it is reconciled again"
        );
        return;
    }
    tracing::warn!(
        controller = name,
        object.namespace = namespace,
        object.name = object_name,
        failures = count,
        class = <&str>::from(class),
        error = message,
        "failed to reconcile an object"
    );
    let failures_before_event = if class == Class::Transient { TRANSIENT_FAILURES_BEFORE_EVENT } else { 1 };
    if count == failures_before_event {
        let event = NewEvent::warning("Reconcile", "ReconcileFailed", message);
        ctx.events.publish_in_background(reference, event);
    }
}

async fn record_outcome<K: Readable>(failures: &Failures<ObjectRef<K>>, outcome: Outcome<K>) {
    match outcome {
        Ok((object, _)) => {
            failures.record_success(&object);
        }
        // The error policy reports a failed reconcile. An object that is not found was deleted while it was
        // queued.
        Err(controller::Error::ReconcilerFailed(..) | controller::Error::ObjectNotFound(_)) => (),
        Err(error @ (controller::Error::QueueError(_) | controller::Error::RunnerError(_))) => {
            tracing::error!(error = chain(&error), "the controller's queue failed");
        }
    }
}
