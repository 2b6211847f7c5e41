//! Executes the tasks of one kind of work, several at a time: the failure of one tenant delays no other.

use std::{
    collections::{HashMap, HashSet},
    panic::AssertUnwindSafe,
    time::Duration,
};

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use futures::FutureExt as _;
use tokio::{task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    Error,
    task::{Due, Task, TenantWork},
};
use crate::mirror::Signals;

/// Interval between two searches for tasks, although the mirror has stored nothing.
const INTERVAL: Duration = Duration::from_secs(60);
/// Minimum time between two searches, so that many changes cause few of them.
const PAUSE: Duration = Duration::from_millis(100);
/// Time after which a task is repeated that was executed and is still due, although its tenant has not changed: somebody may have
/// configured what it lacks.
const REPEAT_AFTER: Duration = Duration::from_secs(600);

/// When a task may be executed again.
struct Attempt {
    version: i64,
    not_before: Instant,
    delays: ExponentialBackoff,
    has_failed: bool,
}

/// Works while this replica is the leader, until `stop` is cancelled.
pub(super) async fn run<W: TenantWork>(work: W, mut signals: Signals, stop: &CancellationToken) {
    while signals.wait_until_leading(true, stop).await {
        let lost = stop.child_token();
        let mut leading = signals.clone();
        let until_lost = async {
            leading.wait_until_leading(false, stop).await;
            lost.cancel();
        };
        tokio::join!(lead(&work, &mut signals, &lost), until_lost);
    }
}

async fn lead<W: TenantWork>(work: &W, signals: &mut Signals, stop: &CancellationToken) {
    let (mut running, mut active, mut attempts) = (JoinSet::new(), HashSet::new(), HashMap::new());
    while !stop.is_cancelled() {
        let due = match stop.run_until_cancelled(work.due()).await {
            Some(Ok(due)) => due,
            Some(Err(error)) => {
                report::<W>(work, None, &error);
                Due::default()
            }
            None => break,
        };
        let next = start(work, due, &mut running, &mut active, &mut attempts);
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(next) => {}
            () = signals.stored() => {}
            Some(ended) = running.join_next(), if !running.is_empty() => {
                if let Ok((task, outcome)) = ended {
                    active.remove(&task.uid);
                    finish(work, &task, outcome, &mut attempts);
                }
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
    // A task may be interrupted anywhere, since a crash may do the same.
    running.shutdown().await;
}

/// Starts the tasks that may be executed now, and returns the time until the next one may be.
fn start<W: TenantWork>(
    work: &W,
    due: Due,
    running: &mut JoinSet<(Task, Result<(), Error>)>,
    active: &mut HashSet<Uuid>,
    attempts: &mut HashMap<Uuid, Attempt>,
) -> Duration {
    let (now, mut next) = (Instant::now(), due.next.unwrap_or(INTERVAL).min(INTERVAL));
    let still_due: HashSet<Uuid> = due.tasks.iter().map(|task| task.uid).collect();
    attempts.retain(|uid, _| still_due.contains(uid));
    for task in due.tasks {
        if active.contains(&task.uid) {
            continue;
        }
        let waits = attempts.get(&task.uid).filter(|last| last.has_failed || last.version == task.version);
        let wait = waits.map_or(Duration::ZERO, |last| last.not_before.saturating_duration_since(now));
        if !wait.is_zero() {
            next = next.min(wait);
        } else if running.len() < W::CONCURRENCY {
            active.insert(task.uid);
            let work = work.clone();
            running.spawn(async move {
                let outcome = AssertUnwindSafe(work.execute(&task)).catch_unwind().await;
                (task, outcome.unwrap_or(Err(Error::Panicked)))
            });
        }
    }
    next
}

fn finish<W: TenantWork>(
    work: &W,
    task: &Task,
    outcome: Result<(), Error>,
    attempts: &mut HashMap<Uuid, Attempt>,
) {
    let new = || Attempt { version: 0, not_before: Instant::now(), delays: delays(), has_failed: false };
    let attempt = attempts.entry(task.uid).or_insert_with(new);
    attempt.version = task.version;
    attempt.has_failed = outcome.as_ref().is_err_and(|error| !error.is_expected());
    let wait = match outcome {
        Ok(()) => {
            attempt.delays = delays();
            REPEAT_AFTER
        }
        Err(error) => {
            report::<W>(work, Some(task), &error);
            attempt.delays.next().unwrap_or(REPEAT_AFTER)
        }
    };
    attempt.not_before = Instant::now() + wait;
}

fn delays() -> ExponentialBackoff {
    let builder = ExponentialBuilder::default().with_min_delay(Duration::from_millis(500));
    builder.with_max_delay(Duration::from_secs(300)).without_max_times().with_jitter().build()
}

fn report<W: TenantWork>(work: &W, task: Option<&Task>, error: &Error) {
    let tenant = task.map(|task| task.slug.as_str());
    if error.is_expected() {
        tracing::debug!(tenant.name = tenant, work = W::NAME, %error, "the work is repeated later");
        return;
    }
    work.count_failure();
    let error = telemetry::errors::chain(error);
    tracing::warn!(tenant.name = tenant, work = W::NAME, error, "the work has failed and is retried");
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tokio::sync::Notify;

    use super::*;
    use crate::mirror::testing::leading;

    /// Work on two tenants, of which the first never ends and the second fails the first time.
    #[derive(Clone, Default)]
    struct TwoTenants {
        executed: Arc<Mutex<Vec<String>>>,
        succeeded: Arc<Notify>,
    }

    impl TenantWork for TwoTenants {
        const NAME: &'static str = "test";
        const CONCURRENCY: usize = 2;

        async fn due(&self) -> Result<Due, Error> {
            let task = |slug: &str, uid| Task {
                tenant: Uuid::nil(),
                uid: Uuid::from_u128(uid),
                slug: slug.to_owned(),
                version: 1,
            };
            Ok(Due { tasks: vec![task("acme", 1), task("globex", 2)], next: None })
        }

        async fn execute(&self, task: &Task) -> Result<(), Error> {
            let attempts = {
                let mut executed = self.executed.lock().unwrap();
                executed.push(task.slug.clone());
                executed.iter().filter(|slug| **slug == task.slug).count()
            };
            match (task.slug.as_str(), attempts) {
                ("acme", _) => std::future::pending().await,
                (_, 1) => panic!("the first attempt fails"),
                _ => self.succeeded.notify_one(),
            }
            Ok(())
        }

        fn count_failure(&self) {}
    }

    /// Work on a tenant that does not end delays no other tenant, and is not begun a second time; work that panics is repeated.
    #[tokio::test]
    async fn no_tenant_delays_another() {
        let (work, stop) = (TwoTenants::default(), CancellationToken::new());
        let (senders, signals) = leading();
        let running = tokio::spawn({
            let (work, stop) = (work.clone(), stop.clone());
            async move { run(work, signals, &stop).await }
        });
        let succeeded = tokio::time::timeout(Duration::from_secs(60), work.succeeded.notified()).await;
        assert!(succeeded.is_ok(), "globex was not repeated");
        let executed = work.executed.lock().unwrap().clone();
        assert_eq!(executed.iter().filter(|slug| *slug == "acme").count(), 1, "{executed:?}");
        stop.cancel();
        running.await.unwrap();
        drop(senders);
    }
}
