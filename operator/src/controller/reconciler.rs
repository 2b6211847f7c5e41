//! One reconcile of an object: its turn, its time limit, and what follows from its result.

use std::{future::Future, sync::Arc, time::Duration};

use compute::Shares;
use kube::runtime::{
    controller::Action,
    reflector::{ObjectRef, Store},
};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::{Reconciled, set_aside::SetAside};
use crate::{
    backoff::{Failures, delay},
    context::Context,
    errors::{Class, Error, chain, without_panic},
    events::NewEvent,
    metrics::{ControllerLabels, Metrics, ReconcileLabels},
};

/// Timeout of one reconcile. The slowest is that of a new tenant, with about twenty requests of 10 ms each; an API server
/// that does not answer must not block the others for longer than this.
const RECONCILE_TIMEOUT: Duration = Duration::from_secs(30);
/// Maximum number of concurrent reconciles of one controller. They wait for the API server, which limits the requests of
/// one client; more of them would only queue there.
const MAX_CONCURRENT_RECONCILES: usize = 16;
/// Maximum number of concurrent reconciles of the objects of one tenant: four tenants must be busy before another one waits
/// at all, and then it waits for a few of their reconciles, however many objects they have.
const MAX_CONCURRENT_RECONCILES_PER_TENANT: usize = 4;
/// Number of consecutive transient failures after which an Event is published. One alone often passes.
const TRANSIENT_FAILURES_BEFORE_EVENT: u32 = 3;

/// Number of consecutive failures after which an object whose reconcile exceeds its time limit is set aside.
const TIMEOUTS_BEFORE_SET_ASIDE: u32 = 3;

/// Reconciles the objects of one kind.
pub(super) struct Reconciler<K: Reconciled, R> {
    name: &'static str,
    store: Store<K>,
    stop: CancellationToken,
    reconcile: R,
    shares: Shares,
    failures: Failures<ObjectRef<K>>,
    set_aside: SetAside<K>,
}

impl<K, R, F> Reconciler<K, R>
where
    K: Reconciled,
    R: Fn(Arc<Context>, Arc<K>) -> F,
    F: Future<Output = Result<Action, Error>>,
{
    pub(super) fn new(
        name: &'static str,
        set_aside_reason: &'static str,
        store: Store<K>,
        stop: CancellationToken,
        reconcile: R,
    ) -> Self {
        Self {
            name,
            store,
            stop,
            reconcile,
            shares: Shares::new(MAX_CONCURRENT_RECONCILES, MAX_CONCURRENT_RECONCILES_PER_TENANT),
            failures: Failures::default(),
            set_aside: SetAside::new(set_aside_reason),
        }
    }

    /// Reconciles an object when it is the turn of its tenant, and returns when it is to be reconciled again.
    pub(super) async fn reconcile(&self, reference: &ObjectRef<K>, ctx: Arc<Context>) -> Action {
        // A namespace belongs to one tenant. Cluster-scoped objects are Tenants, and Plans.
        let tenant = reference.namespace.as_ref().unwrap_or(&reference.name);
        // A reconcile that has not begun is not awaited when the process stops.
        let Some(_permit) = self.stop.run_until_cancelled(self.shares.acquire(tenant)).await else {
            return Action::await_change();
        };
        // Many objects can wait for their turn: what a reconcile needs (57 KiB for a tenant) is allocated when it begins.
        Box::pin(self.take_turn(reference, ctx)).await
    }

    /// Reconciles an object, and returns when it is to be reconciled again.
    async fn take_turn(&self, reference: &ObjectRef<K>, ctx: Arc<Context>) -> Action {
        // The object may have been changed or deleted while its tenant was waiting for its turn.
        let Some(object) = self.store.get(reference) else {
            self.forget(reference, &ctx.metrics);
            return Action::await_change();
        };
        if let Some(remaining) = self.set_aside.remaining(object.as_ref(), Instant::now()) {
            return Action::requeue(remaining);
        }
        match self.measured(&object, &ctx).await {
            Ok(action) => {
                self.failures.record_success(reference);
                if self.set_aside.release(&ctx, self.name, object.as_ref()).await {
                    self.count_set_aside(&ctx.metrics);
                }
                action
            }
            Err(error) => Action::requeue(self.handle_error(reference, &object, &error, &ctx).await),
        }
    }

    /// Forgets the failures of an object that was deleted.
    pub(super) fn forget(&self, reference: &ObjectRef<K>, metrics: &Metrics) {
        self.failures.record_success(reference);
        self.set_aside.forget(reference);
        self.count_set_aside(metrics);
    }

    /// Reconciles an object within the timeout, and counts it in the metrics. A panic is an error of the object.
    async fn measured(&self, object: &Arc<K>, ctx: &Arc<Context>) -> Result<Action, Error> {
        let begun = Instant::now();
        let reconcile = (self.reconcile)(Arc::clone(ctx), Arc::clone(object));
        let result = timeout(RECONCILE_TIMEOUT, without_panic(reconcile)).await;
        let result = result.unwrap_or(Err(Error::Timeout { seconds: RECONCILE_TIMEOUT.as_secs() }));
        let labels = ControllerLabels { controller: self.name };
        ctx.metrics.duration.get_or_create(&labels).observe(begun.elapsed().as_secs_f64());
        let label = result.as_ref().map_or_else(|error| error.class().into(), |_| "ok");
        ctx.metrics.reconciles.get_or_create(&ReconcileLabels { controller: self.name, result: label }).inc();
        result
    }

    /// Reports a failure, and returns the delay before the retry.
    async fn handle_error(
        &self,
        reference: &ObjectRef<K>,
        object: &Arc<K>,
        error: &Error,
        ctx: &Context,
    ) -> Duration {
        let count = self.failures.record_failure(reference.clone());
        let class = class(error, count);
        let delay = delay(class, count, rand::random());
        report(self.name, object.as_ref(), error, count, ctx);
        if class == Class::SetAside {
            self.set_aside.add(ctx, self.name, object.as_ref(), error, delay).await;
            self.count_set_aside(&ctx.metrics);
        }
        delay
    }

    fn count_set_aside(&self, metrics: &Metrics) {
        let labels = ControllerLabels { controller: self.name };
        let count = i64::try_from(self.set_aside.count()).unwrap_or(i64::MAX);
        metrics.set_aside.get_or_create(&labels).set(count);
    }
}

/// Returns the class of an error after a number of consecutive failures. A timeout passes if an API server caused it that did
/// not answer; after several, the object itself is too slow.
fn class(error: &Error, failures: u32) -> Class {
    match error {
        Error::Timeout { .. } if failures >= TIMEOUTS_BEFORE_SET_ASIDE => Class::SetAside,
        error => error.class(),
    }
}

fn report<K: Reconciled>(name: &'static str, object: &K, error: &Error, count: u32, ctx: &Context) {
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
        ctx.events.publish_in_background(&reference, event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An object whose reconcile exceeds its time limit again and again is set aside, and one timeout alone is retried.
    #[test]
    fn an_object_is_set_aside_after_some_timeouts() {
        let classes: Vec<_> =
            (1..=4).map(|failures| class(&Error::Timeout { seconds: 30 }, failures)).collect();
        assert_eq!(classes, [Class::Transient, Class::Transient, Class::SetAside, Class::SetAside]);
    }
}
