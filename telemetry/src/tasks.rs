//! Supervision of the long-lived tasks of a process: each has a name and is awaited at shutdown.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Reason why a process must exit: one of its tasks ended.
#[derive(Debug, thiserror::Error)]
pub enum Ended {
    /// A task returned an error.
    #[error("task {task} failed")]
    Failed {
        /// Name of the task.
        task: &'static str,
        /// Error of the task.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A task returned before shutdown was requested.
    #[error("task {task} ended early")]
    Early {
        /// Name of the task.
        task: &'static str,
    },
    /// A task panicked.
    #[error("a task panicked")]
    Panicked(#[source] tokio::task::JoinError),
    /// Tasks were still running after the drain timeout.
    #[error("{remaining} tasks did not stop within {seconds} s")]
    Stuck {
        /// Number of running tasks.
        remaining: usize,
        /// Drain timeout, in seconds.
        seconds: u64,
    },
}

type Outcome = (&'static str, Result<(), Box<dyn std::error::Error + Send + Sync>>);

/// Tasks that run as long as the process. If one ends early, all are stopped.
pub struct Tasks {
    set: JoinSet<Outcome>,
    /// Tasks that run until all others have ended.
    last: JoinSet<Outcome>,
    stop: CancellationToken,
}

impl Tasks {
    /// Returns an empty set of tasks, which stop when `stop` is cancelled.
    #[must_use]
    pub fn new(stop: CancellationToken) -> Self {
        Self { set: JoinSet::new(), last: JoinSet::new(), stop }
    }

    /// Starts a task. It must return soon after the token passed to [`Tasks::new`] is cancelled.
    pub fn spawn<E>(
        &mut self,
        task: &'static str,
        future: impl Future<Output = Result<(), E>> + Send + 'static,
    ) where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        self.set.spawn(async move { (task, future.await.map_err(Into::into)) });
    }

    /// Starts a task that runs until all tasks of [`Tasks::spawn`] have ended, and is aborted then.
    pub fn spawn_until_end<E>(
        &mut self,
        task: &'static str,
        future: impl Future<Output = Result<(), E>> + Send + 'static,
    ) where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        self.last.spawn(async move { (task, future.await.map_err(Into::into)) });
    }

    /// Waits until the token is cancelled or a task ends, then stops all tasks and waits for them for at most
    /// `drain`.
    ///
    /// # Errors
    /// Returns an error for the first task that failed, ended early or panicked, or if tasks did not stop
    /// within `drain`.
    pub async fn run(mut self, drain: Duration) -> Result<(), Ended> {
        let first = tokio::select! {
            () = self.stop.cancelled() => Ok(()),
            Some(joined) = self.set.join_next() => self.check_end(joined),
            Some(joined) = self.last.join_next() => self.check_end(joined),
        };
        self.stop.cancel();
        let others = tokio::time::timeout(drain, async {
            let mut result = Ok(());
            while let Some(joined) = self.set.join_next().await {
                result = result.and(self.check_end(joined));
            }
            result
        })
        .await
        .unwrap_or(Err(Ended::Stuck { remaining: self.set.len(), seconds: drain.as_secs() }));
        self.last.shutdown().await;
        first.and(others)
    }

    fn check_end(&self, joined: Result<Outcome, tokio::task::JoinError>) -> Result<(), Ended> {
        match joined {
            Ok((task, Err(source))) => Err(Ended::Failed { task, source }),
            Ok((task, Ok(()))) if !self.stop.is_cancelled() => Err(Ended::Early { task }),
            Ok((_, Ok(()))) => Ok(()),
            Err(panicked) => Err(Ended::Panicked(panicked)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    const DRAIN: Duration = Duration::from_secs(5);

    /// A task that ends early stops all others, and the error names it.
    #[tokio::test]
    async fn a_task_that_ends_early_stops_the_others_and_is_named() {
        let stop = CancellationToken::new();
        let mut tasks = Tasks::new(stop.clone());
        tasks.spawn("mirror", async { Ok::<_, io::Error>(()) });
        let waiting = stop.clone();
        tasks.spawn("http", async move {
            waiting.cancelled().await;
            Ok::<_, io::Error>(())
        });
        let ended = tasks.run(DRAIN).await.unwrap_err();
        assert_eq!(ended.to_string(), "task mirror ended early");
    }

    /// A task that should run until the end and fails before stops all others, and the error names it.
    #[tokio::test]
    async fn a_failed_task_of_the_end_stops_the_others() {
        let stop = CancellationToken::new();
        let mut tasks = Tasks::new(stop.clone());
        tasks.spawn_until_end("health", async { Err(io::Error::other("port in use")) });
        let waiting = stop.clone();
        tasks.spawn("http", async move {
            waiting.cancelled().await;
            Ok::<_, io::Error>(())
        });
        assert_eq!(tasks.run(DRAIN).await.unwrap_err().to_string(), "task health failed");
    }

    /// A requested shutdown is a success, so the process exits without an error.
    #[tokio::test]
    async fn a_requested_shutdown_is_a_success() {
        let stop = CancellationToken::new();
        let mut tasks = Tasks::new(stop.clone());
        let waiting = stop.clone();
        tasks.spawn("http", async move {
            waiting.cancelled().await;
            Ok::<_, io::Error>(())
        });
        stop.cancel();
        assert!(tasks.run(DRAIN).await.is_ok());
    }
}
