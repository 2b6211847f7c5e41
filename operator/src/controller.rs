//! How one kind's objects are reconciled: each alone, bounded in time and number, with its own backoff.

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
    events::Note,
    metrics::{ByController, Reconciled},
};

/// The slowest reconcile is a new tenant's, with some twenty requests of about 10 ms; a minute of silence
/// from the API server must not hold a slot for longer than this.
const RECONCILE_TIMEOUT: Duration = Duration::from_secs(30);
/// Reconciles at a time in one controller. They wait for the API server, which gives a client of ours a
/// share of its own; more than this only queues there.
const CONCURRENCY: u16 = 16;
/// A failure that may pass by itself is worth an Event from this one in a row.
const TELL_AFTER: u32 = 3;

type Outcome<K> = Result<(ObjectRef<K>, Action), controller::Error<Error, Infallible>>;

/// One kind's objects, and which of them to look at next.
pub(crate) struct Controller<K: Readable> {
    /// Its name in logs and metrics.
    pub(crate) name: &'static str,
    /// The objects as last seen.
    pub(crate) store: Store<K>,
    /// Objects to reconcile.
    pub(crate) queue: mpsc::Receiver<ObjectRef<K>>,
}

impl<K: Readable> Controller<K> {
    /// Reconciles until asked to stop; a reconcile that runs then is finished.
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
        let policy = retry_policy(name, Arc::clone(&failures));
        let asked = stream::poll_fn(move |task| queue.poll_recv(task))
            .map(Ok::<_, Infallible>)
            .take_until(stop.cancelled_owned());
        let config = controller::Config::default().concurrency(CONCURRENCY);
        let start = |object, ctx: Arc<Context>| bounded(name, ctx.metrics.clone(), reconcile(ctx, object));
        let outcomes = applier(start, policy, ctx, store, asked, config);
        outcomes.for_each(|outcome| forget_success(&failures, outcome)).await;
        Ok(())
    }
}

fn bounded(
    name: &'static str,
    metrics: crate::metrics::Metrics,
    work: impl Future<Output = Result<Action, Error>> + Send + 'static,
) -> BoxFuture<'static, Result<Action, Error>> {
    async move {
        let begun = tokio::time::Instant::now();
        let result = tokio::time::timeout(RECONCILE_TIMEOUT, work)
            .await
            .unwrap_or(Err(Error::Timeout { seconds: RECONCILE_TIMEOUT.as_secs() }));
        let by = ByController { controller: name };
        metrics.duration.get_or_create(&by).observe(begun.elapsed().as_secs_f64());
        let result_label = result.as_ref().map_or_else(|error| label(error.class()), |_| "ok");
        metrics.reconciles.get_or_create(&Reconciled { controller: name, result: result_label }).inc();
        result
    }
    .boxed()
}

fn label(class: Class) -> &'static str {
    match class {
        Class::Transient => "transient",
        Class::Conflict => "conflict",
        Class::Invalid => "invalid",
        Class::Bug => "bug",
    }
}

/// Counts, logs and tells of a failure, once, and says when to try again.
fn retry_policy<K: Readable>(
    name: &'static str,
    failures: Arc<Failures<ObjectRef<K>>>,
) -> impl Fn(Arc<K>, &Error, Arc<Context>) -> Action {
    move |object, error, ctx| {
        let count = failures.failed(ObjectRef::from_obj(object.as_ref()));
        let wait = delay(error.class(), count, rand::random());
        report(name, object.as_ref(), error, count, &ctx);
        Action::requeue(wait)
    }
}

fn report<K: Readable>(name: &'static str, object: &K, error: &Error, count: u32, ctx: &Arc<Context>) {
    let (class, what) = (error.class(), object.object_ref(&()));
    let (namespace, object_name) = (what.namespace.as_deref(), what.name.as_deref());
    let text = chain(error);
    if class == Class::Conflict {
        tracing::debug!(
            controller = name,
            object.namespace = namespace,
            object.name = object_name,
            error = text
        );
        return;
    }
    tracing::warn!(
        controller = name,
        object.namespace = namespace,
        object.name = object_name,
        failures = count,
        class = label(class),
        error = text,
        "reconcile failed"
    );
    let worth_telling = if class == Class::Transient { TELL_AFTER } else { 1 };
    if count == worth_telling {
        ctx.tell_later(what, Note::warning("Reconcile", "ReconcileFailed", text));
    }
}

async fn forget_success<K: Readable>(failures: &Failures<ObjectRef<K>>, outcome: Outcome<K>) {
    match outcome {
        Ok((object, _)) => {
            failures.succeeded(&object);
        }
        // Reported by the retry policy; or an object that was gone before its turn came.
        Err(controller::Error::ReconcilerFailed(..) | controller::Error::ObjectNotFound(_)) => (),
        Err(error @ (controller::Error::QueueError(_) | controller::Error::RunnerError(_))) => {
            tracing::error!(error = chain(&error), "the controller's queue failed");
        }
    }
}
