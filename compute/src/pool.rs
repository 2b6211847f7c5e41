//! Pool of threads for computations on tenants' text.

use std::{io, sync::Arc, thread, time::Duration};

use telemetry::Registry;
use tokio::{
    sync::{Semaphore, oneshot},
    time::{Instant, timeout},
};

use crate::{
    memory::{HeldMemory, Memory},
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
    /// Memory of all computations that exceed their deadline, in bytes, which is apart from the memory that their callers
    /// have reserved; see [`Pool::run_with_memory`].
    pub overdue_bytes: usize,
}

impl Default for Limits {
    /// One thread less than there are cores, which leaves one to everything else, and at least two.
    fn default() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let threads = cores.saturating_sub(1).max(MIN_THREADS);
        Self { threads, deadline: DEADLINE, max_wait: MAX_WAIT, max_waiting: MAX_WAITING, overdue_bytes: 0 }
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
    /// One permit for each KiB of memory of computations that exceed their deadline.
    overdue_memory: Arc<Semaphore>,
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
        let overdue_memory = Arc::new(Semaphore::new(limits.overdue_bytes / 1024));
        Self(Arc::new(Inner { places, threads, overdue_memory, limits, metrics: Metrics::new(registry) }))
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
        let memory = Memory { bytes: 0, reservation: () };
        self.run_with_memory(tenant, memory, computation).await.map(|(result, ())| result)
    }

    /// Runs a computation like [`Self::run`] on a value whose memory is reserved, and returns the reservation with the result.
    ///
    /// A computation that exceeds its deadline keeps its value, so its memory counts until it ends: towards
    /// [`Limits::overdue_bytes`] as long as that has room, so that the reservation is available to others, and otherwise
    /// towards the reservation.
    ///
    /// # Errors
    /// Returns an error as [`Self::run`] does.
    pub async fn run_with_memory<T: Send + 'static, R: Send + 'static>(
        &self,
        tenant: &str,
        memory: Memory<R>,
        computation: impl FnOnce() -> T + Send + 'static,
    ) -> Result<(T, R), Error> {
        let result = self.compute(tenant, memory, computation).await;
        self.0.metrics.count(result.as_ref().map_or_else(Error::label, |_| "ok"));
        result
    }

    async fn compute<T: Send + 'static, R: Send + 'static>(
        &self,
        tenant: &str,
        memory: Memory<R>,
        computation: impl FnOnce() -> T + Send + 'static,
    ) -> Result<(T, R), Error> {
        let Inner { places, threads, overdue_memory, limits, metrics } = self.0.as_ref();
        let _place = places.try_acquire(tenant).ok_or(Error::TooManyWaiting(limits.max_waiting))?;
        let permit = timeout(limits.max_wait, threads.acquire(tenant)).await;
        let Permit { total, share } = permit.map_err(|_| Error::NoThreadInTime(limits.max_wait))?;
        let begun = Instant::now();
        let (sender, mut result) = oneshot::channel();
        let span = tracing::Span::current();
        let held = HeldMemory::new(memory);
        let held_by_thread = held.clone();
        let compute = move || {
            let result = span.in_scope(|| panics::catch_panic(computation));
            drop((held_by_thread, share));
            // Nobody receives the result if the caller has stopped waiting.
            let _ = sender.send(result);
        };
        let thread = thread::Builder::new().name("compute".to_owned()).stack_size(STACK_BYTES);
        thread.spawn(compute).map_err(Error::Thread)?;
        let received = timeout(limits.deadline, &mut result).await;
        drop(total);
        let Ok(received) = received else {
            held.count_as_overdue(overdue_memory);
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
        let result = received.expect("the thread sends a result even if the computation panics");
        Ok((result.map_err(Error::Panicked)?, held.into_reservation()))
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
        Limits { threads, deadline, max_wait: AMPLE, max_waiting: 2, overdue_bytes: 2048 }
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

    /// Runs a computation that does not end on a value of some KiB, which are reserved, and returns what ends it.
    async fn overdue(pool: &Pool, tenant: &str, budget: &Arc<Semaphore>, kib: u32) -> mpsc::Sender<()> {
        let (release, endless) = blocked();
        let reservation = Arc::clone(budget).try_acquire_many_owned(kib).unwrap();
        let memory = Memory { bytes: 1024 * usize::try_from(kib).unwrap(), reservation };
        let computed = pool.run_with_memory(tenant, memory, endless).await;
        assert!(matches!(computed, Err(Error::TooSlow(_))), "{computed:?}");
        release
    }

    /// The values of computations that exceed their deadline count until these end: up to the limit for all tenants
    /// together, they leave what was reserved for them to others, and beyond it, the reservation remains.
    #[tokio::test]
    async fn the_memory_of_overdue_computations_is_bounded_over_all_tenants() {
        let (pool, registry) = pool(limits(1, SHORT));
        let budget = Arc::new(Semaphore::new(3));
        let mut releases = Vec::new();
        for (tenant, available) in [("acme", 3), ("globex", 3), ("hooli", 2), ("initech", 1), ("umbrella", 0)]
        {
            releases.push(overdue(&pool, tenant, &budget, 1).await);
            assert_eq!(budget.available_permits(), available, "after {tenant}");
        }
        assert!(budget.try_acquire().is_err(), "a further computation waits for memory");
        assert_eq!(pool.run("soylent", || 1).await.unwrap(), 1, "without a large value, it does not");
        releases.clear();
        await_metric(&registry, "smb_compute_overdue_threads 0").await;
        assert_eq!((budget.available_permits(), pool.0.overdue_memory.available_permits()), (3, 2));
    }

    /// A computation whose caller stops waiting keeps its reservation until it ends.
    #[tokio::test]
    async fn a_caller_that_disconnects_releases_no_memory() {
        let (pool, _) = pool(limits(1, AMPLE));
        let budget = Arc::new(Semaphore::new(1));
        let (release, endless) = blocked();
        let (begin, begun) = oneshot::channel();
        let computation = move || {
            let _ = begin.send(());
            endless();
        };
        let memory = Memory { bytes: 1024, reservation: Arc::clone(&budget).try_acquire_owned().unwrap() };
        let caller =
            tokio::spawn(async move { pool.run_with_memory("acme", memory, computation).await.map(drop) });
        begun.await.unwrap();
        caller.abort();
        assert!(caller.await.unwrap_err().is_cancelled());
        assert!(budget.try_acquire().is_err(), "the value still exists");
        drop(release);
        drop(timeout(AMPLE, budget.acquire()).await.unwrap().unwrap());
    }

    /// The result of a computation is returned with the reservation of its value.
    #[tokio::test]
    async fn a_result_is_returned_with_its_reservation() {
        let (pool, _) = pool(limits(1, AMPLE));
        let memory = Memory { bytes: 1, reservation: "reserved" };
        assert_eq!(pool.run_with_memory("acme", memory, || 1).await.unwrap(), (1, "reserved"));
    }
}
