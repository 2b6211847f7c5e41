//! Controller of one kind: reconciles its objects concurrently, with a timeout and a backoff for each, and a share of the
//! concurrency for each tenant. An object whose reconcile panics or takes too long is set aside.

mod reconciler;
mod set_aside;
#[cfg(test)]
mod tests;

use std::{convert::Infallible, future::Future, sync::Arc};

use crds::conditions::Conditioned;
use futures::{FutureExt as _, StreamExt as _, stream};
use kube::runtime::{
    applier,
    controller::{self, Action},
    reflector::{ObjectRef, Store},
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use self::reconciler::Reconciler;
use crate::{
    api::Readable,
    context::Context,
    errors::{Error, chain},
};

/// Kind that a controller reconciles.
pub(crate) trait Reconciled: Readable + Conditioned {}

impl<K: Readable + Conditioned> Reconciled for K {}

/// Controller of one kind.
pub(crate) struct Controller<K: Reconciled> {
    /// Name of the controller in logs and metrics.
    pub(crate) name: &'static str,
    /// Reason of the condition `Stalled` of an object that this controller has set aside. Controllers of the same kind have
    /// different ones, so that none withdraws the condition of another.
    pub(crate) set_aside_reason: &'static str,
    /// Watched objects of the kind.
    pub(crate) store: Store<K>,
    /// References of the objects to reconcile.
    pub(crate) queue: mpsc::Receiver<ObjectRef<K>>,
}

impl<K: Reconciled> Controller<K> {
    /// Reconciles objects until `stop` is cancelled. Reconciles in progress are completed.
    pub(crate) async fn run<R, F>(
        self,
        ctx: Arc<Context>,
        stop: CancellationToken,
        reconcile: R,
    ) -> Result<(), Infallible>
    where
        R: Fn(Arc<Context>, Arc<K>) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Action, Error>> + Send + 'static,
    {
        let Self { name, set_aside_reason, store, mut queue } = self;
        let requested = stream::poll_fn(move |task| queue.poll_recv(task))
            .map(Ok::<_, Infallible>)
            .take_until(stop.clone().cancelled_owned());
        let reconciler = Reconciler::new(name, set_aside_reason, store.clone(), stop, reconcile);
        let reconciler = Arc::new(reconciler);
        // The reconciler bounds the concurrency. It receives every object at once, so that it can let tenants take turns.
        let config = controller::Config::default().concurrency(0);
        let start = {
            let reconciler = Arc::clone(&reconciler);
            move |object: Arc<K>, ctx| {
                let (reconciler, object) = (Arc::clone(&reconciler), ObjectRef::from_obj(object.as_ref()));
                async move { Ok::<_, Infallible>(reconciler.reconcile(&object, ctx).await) }.boxed()
            }
        };
        let never_fails = |_: Arc<K>, error: &Infallible, _: Arc<Context>| match *error {};
        let metrics = ctx.metrics.clone();
        let outcomes = applier(start, never_fails, ctx, store, requested, config);
        outcomes
            .for_each(async |outcome| match outcome {
                Ok(_) => (),
                // The object was deleted while it was queued.
                Err(controller::Error::ObjectNotFound(object)) => {
                    reconciler.forget(&object.into_kind_unchecked(()), &metrics);
                }
                Err(controller::Error::ReconcilerFailed(never, _)) => match never {},
                Err(error @ (controller::Error::QueueError(_) | controller::Error::RunnerError(_))) => {
                    tracing::error!(error = chain(&error), "the controller's queue failed");
                }
            })
            .await;
        Ok(())
    }
}
