//! Pool of threads for computations on tenants' text.

use std::{io, sync::Arc, thread, time::Duration};

use telemetry::Registry;
use tokio::{
    sync::{Semaphore, oneshot},
    time::{Instant, timeout},
};

use crate::{
    metrics::Metrics,
    panics::{self, Panic},
    shares::{Permit, Shares},
};

/// Time for which a computation may run. The most expensive text that `domain` accepts takes 0.1 s on an idle core: this
/// is fifty times that, for a busy machine and a program that is not optimised.
const DEADLINE: Duration = Duration::from_secs(5);
/// Time for which a computation may wait for a thread: one that waits longer is behind one that exceeds its deadline.
const MAX_WAIT: Duration = Duration::from_secs(5);
/// Number of a tenant's computations that may wait: more than a user starts at once, and of 100 ms each just about as many
/// as end within the time for which they may wait.
const MAX_WAITING: usize = 64;
/// Number of a tenant's computations that run at the same time. A second one would give a tenant half of two threads.
const THREADS_PER_TENANT: usize = 1;
/// Minimum number of threads: with one, a tenant would wait for every other.
const MIN_THREADS: usize = 2;
/// Stack of a thread, in bytes. `domain` bounds the depth of what it recurses into; only the used part takes memory.
const STACK_BYTES: usize = 8 * 1024 * 1024;

/// Limits of a pool.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Number of threads.
    pub threads: usize,
    /// Time for which a computation may run.
    pub deadline: Duration,
    /// Time for which a computation may wait for a thread.
    pub max_wait: Duration,
    /// Number of a tenant's computations that may wait for a thread.
    pub max_waiting: usize,
}

impl Default for Limits {
    /// One thread less than there are cores, which leaves one to everything else, and at least two.
    fn default() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let threads = cores.saturating_sub(1).max(MIN_THREADS);
        Self { threads, deadline: DEADLINE, max_wait: MAX_WAIT, max_waiting: MAX_WAITING }
    }
}

/// Pool of threads for computations on tenants' text. Clones share the threads.
///
/// A computation that exceeds its deadline cannot be stopped. Its thread goes on and counts towards the share of its tenant,
/// but no longer towards the threads of the pool: a tenant can have one such thread, and none of the others loses one to it.
#[derive(Clone, Debug)]
pub struct Pool(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// One permit for each computation that runs or waits.
    places: Shares,
    /// One permit for each computation that runs.
    threads: Shares,
    limits: Limits,
    metrics: Metrics,
}

/// Reason why a computation has no result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The tenant has too many computations.
    #[error("failed to start a computation: {0} others of the tenant are waiting already")]
    TooManyWaiting(usize),
    /// No thread became available in time.
    #[error("failed to start a computation within {} s: earlier ones are still running", .0.as_secs_f64())]
    NoThreadInTime(Duration),
    /// The operating system refused a thread.
    #[error("failed to start a thread for a computation")]
    Thread(#[source] io::Error),
    /// The computation took longer than its deadline.
    #[error("failed to complete a computation within {} s", .0.as_secs_f64())]
    TooSlow(Duration),
    /// The computation panicked.
    #[error("failed to complete a computation")]
    Panicked(#[source] Panic),
}

impl Error {
    /// Returns whether the same computation may succeed later, since it was not started.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::TooManyWaiting(_) | Self::NoThreadInTime(_) | Self::Thread(_) => true,
            Self::TooSlow(_) | Self::Panicked(_) => false,
        }
    }

    fn label(&self) -> &'static str {
        match self {
            Self::TooManyWaiting(_) | Self::NoThreadInTime(_) => "refused",
            Self::Thread(_) => "no_thread",
            Self::TooSlow(_) => "too_slow",
            Self::Panicked(_) => "panicked",
        }
    }
}

impl Pool {
    /// Returns a pool, whose metrics are registered.
    #[must_use]
    pub fn new(limits: Limits, registry: &Registry) -> Self {
        let places = Shares::new(Semaphore::MAX_PERMITS, THREADS_PER_TENANT + limits.max_waiting);
        let threads = Shares::new(limits.threads, THREADS_PER_TENANT);
        Self(Arc::new(Inner { places, threads, limits, metrics: Metrics::new(registry) }))
    }

    /// Runs a computation on text of a tenant on a thread of the pool.
    ///
    /// # Errors
    /// Returns an error if no thread becomes available in time, or if the computation takes too long or panics.
    pub async fn run<T: Send + 'static>(
        &self,
        tenant: &str,
        computation: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let result = self.compute(tenant, computation).await;
        self.0.metrics.count(result.as_ref().map_or_else(Error::label, |_| "ok"));
        result
    }

    async fn compute<T: Send + 'static>(
        &self,
        tenant: &str,
        computation: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let Inner { places, threads, limits, metrics } = self.0.as_ref();
        let _place = places.try_acquire(tenant).ok_or(Error::TooManyWaiting(limits.max_waiting))?;
        let permit = timeout(limits.max_wait, threads.acquire(tenant)).await;
        let Permit { total, share } = permit.map_err(|_| Error::NoThreadInTime(limits.max_wait))?;
        let begun = Instant::now();
        let (sender, mut result) = oneshot::channel();
        let span = tracing::Span::current();
        let compute = move || {
            let result = span.in_scope(|| panics::catch_panic(computation));
            drop(share);
            // Nobody receives the result if the caller has stopped waiting.
            let _ = sender.send(result);
        };
        let thread = thread::Builder::new().name("compute".to_owned()).stack_size(STACK_BYTES);
        thread.spawn(compute).map_err(Error::Thread)?;
        let received = timeout(limits.deadline, &mut result).await;
        drop(total);
        let Ok(received) = received else {
            tracing::error!(tenant.name = tenant, "a computation on a tenant's text exceeds its deadline");
            metrics.overdue.inc();
            let metrics = metrics.clone();
            tokio::spawn(async move {
                let _ = result.await;
                metrics.overdue.dec();
            });
            return Err(Error::TooSlow(limits.deadline));
        };
        metrics.duration.observe(begun.elapsed().as_secs_f64());
        received.expect("the thread sends a result even if the computation panics").map_err(Error::Panicked)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use tokio::task::JoinHandle;

    use super::*;

    /// Deadlines of the tests: only a computation that blocks until it is released exceeds the first, and nothing exceeds
    /// the second.
    const SHORT: Duration = Duration::from_millis(500);
    const AMPLE: Duration = Duration::from_secs(60);

    fn limits(threads: usize, deadline: Duration) -> Limits {
        Limits { threads, deadline, max_wait: AMPLE, max_waiting: 2 }
    }

    fn pool(limits: Limits) -> (Pool, Registry) {
        let registry = Registry::default();
        (Pool::new(limits, &registry), registry)
    }

    /// Returns a computation that ends when the sender is dropped.
    fn blocked() -> (mpsc::Sender<()>, impl FnOnce() + Send + 'static) {
        let (release, released) = mpsc::channel::<()>();
        (release, move || {
            let _ = released.recv();
        })
    }

    /// Starts a computation that ends when the sender is dropped, and waits until it runs.
    async fn occupy(pool: &Pool, tenant: &'static str) -> (mpsc::Sender<()>, JoinHandle<Result<(), Error>>) {
        let (release, endless) = blocked();
        let (begin, begun) = oneshot::channel();
        let pool = pool.clone();
        let computation = move || {
            let _ = begin.send(());
            endless();
        };
        let caller = tokio::spawn(async move { pool.run(tenant, computation).await });
        begun.await.unwrap();
        (release, caller)
    }

    fn metric(registry: &Registry, line: &str) -> bool {
        registry.encode().unwrap().lines().any(|found| found == line)
    }

    /// Waits until the metrics contain a line.
    async fn await_metric(registry: &Registry, line: &str) {
        let found = async {
            while !metric(registry, line) {
                tokio::task::yield_now().await;
            }
        };
        timeout(AMPLE, found).await.unwrap_or_else(|_| panic!("no {line}: {}", registry.encode().unwrap()));
    }

    /// A computation that exceeds its deadline is abandoned and counted, and does not take a thread from other
    /// tenants, even if the pool has only one.
    #[tokio::test]
    async fn a_computation_that_does_not_end_blocks_no_other_tenant() {
        let (pool, registry) = pool(limits(1, SHORT));
        let (release, endless) = blocked();
        assert!(matches!(pool.run("acme", endless).await, Err(Error::TooSlow(SHORT))));
        assert!(metric(&registry, "smb_compute_overdue_threads 1"));
        assert_eq!(pool.run("globex", || 1).await.unwrap(), 1);
        drop(release);
        await_metric(&registry, "smb_compute_overdue_threads 0").await;
        assert_eq!(pool.run("acme", || 2).await.unwrap(), 2);
    }

    /// A tenant whose computation does not end gets no second thread: its next one is refused after the time for which it
    /// may wait.
    #[tokio::test]
    async fn a_tenant_has_one_thread() {
        let (pool, _) = pool(Limits { max_wait: SHORT, ..limits(4, SHORT) });
        let (release, endless) = blocked();
        assert!(matches!(pool.run("acme", endless).await, Err(Error::TooSlow(_))));
        let refused = pool.run("acme", || ()).await.unwrap_err();
        assert!(matches!(refused, Error::NoThreadInTime(_)) && refused.is_transient());
        drop(release);
    }

    /// A tenant that sends computations without end is refused some of them, while those of another one are completed.
    #[tokio::test]
    async fn a_flood_of_one_tenant_does_not_delay_another() {
        let (pool, _) = pool(limits(2, AMPLE));
        let (release, running) = occupy(&pool, "acme").await;
        let flood: Vec<_> = (0..100)
            .map(|_| {
                let pool = pool.clone();
                tokio::spawn(async move { pool.run("acme", || ()).await })
            })
            .collect();
        for number in 0..100 {
            assert_eq!(pool.run("globex", move || number).await.unwrap(), number);
        }
        drop(release);
        running.await.unwrap().unwrap();
        let mut refused = 0;
        for one in flood {
            refused += usize::from(matches!(one.await.unwrap(), Err(Error::TooManyWaiting(_))));
        }
        assert_eq!(refused, 98, "two of them may wait");
    }

    /// A panic is an error of the computation that caused it, and the pool goes on.
    #[tokio::test]
    async fn a_panic_is_an_error_of_its_computation() {
        let (pool, registry) = pool(limits(1, AMPLE));
        let panicked = pool.run("acme", || panic!("a mistake")).await;
        let Err(Error::Panicked(panic)): Result<(), _> = panicked else { panic!("{panicked:?}") };
        assert_eq!(panic.to_string(), "panic: a mistake");
        assert_eq!(pool.run("acme", || 1).await.unwrap(), 1);
        assert!(metric(&registry, "smb_compute_computations_total{result=\"panicked\"} 1"));
        assert!(metric(&registry, "smb_compute_computations_total{result=\"ok\"} 1"));
    }

    /// A caller that stops waiting, as a client that disconnects, does not get a second thread by that.
    #[tokio::test]
    async fn a_caller_that_disconnects_gets_no_second_thread() {
        let (pool, _) = pool(Limits { max_wait: SHORT, ..limits(2, AMPLE) });
        let (release, caller) = occupy(&pool, "acme").await;
        caller.abort();
        assert!(caller.await.unwrap_err().is_cancelled());
        assert!(matches!(pool.run("acme", || ()).await, Err(Error::NoThreadInTime(_))));
        assert_eq!(pool.run("globex", || 1).await.unwrap(), 1);
        drop(release);
    }
}
