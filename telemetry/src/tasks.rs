//! The long-lived tasks of a process: named, owned, and waited for.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Why a process must end: one of its tasks did.
#[derive(Debug, thiserror::Error)]
pub enum Ended {
    /// A task returned an error.
    #[error("task {task} failed")]
    Failed {
        /// The task's name.
        task: &'static str,
        /// What it died of.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A task returned though nobody asked it to stop.
    #[error("task {task} ended early")]
    Early {
        /// The task's name.
        task: &'static str,
    },
    /// A task panicked.
    #[error("a task panicked")]
    Panicked(#[source] tokio::task::JoinError),
    /// Tasks were still running when the time to drain was over.
    #[error("{left} tasks did not stop within {seconds} s")]
    Stuck {
        /// How many.
        left: usize,
        /// The bound, in seconds.
        seconds: u64,
    },
}

type Outcome = (&'static str, Result<(), Box<dyn std::error::Error + Send + Sync>>);

/// A set of tasks that live as long as the process. A task that ends early ends them all.
pub struct Tasks {
    set: JoinSet<Outcome>,
    stop: CancellationToken,
}

impl Tasks {
    /// An empty set, stopped by `stop`.
    #[must_use]
    pub fn new(stop: CancellationToken) -> Self {
        Self { set: JoinSet::new(), stop }
    }

    /// Starts a task. It must return soon after the token given to [`Tasks::new`] is cancelled.
    pub fn spawn<E>(
        &mut self,
        task: &'static str,
        future: impl Future<Output = Result<(), E>> + Send + 'static,
    ) where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        self.set.spawn(async move { (task, future.await.map_err(Into::into)) });
    }

    /// Waits until the token is cancelled or a task ends; then stops all, and gives them `drain` to leave.
    ///
    /// # Errors
    /// The first task that failed, ended early or panicked; or tasks that did not leave in time.
    pub async fn run(mut self, drain: Duration) -> Result<(), Ended> {
        let first = tokio::select! {
            () = self.stop.cancelled() => Ok(()),
            Some(joined) = self.set.join_next() => self.judge(joined),
        };
        self.stop.cancel();
        let rest = tokio::time::timeout(drain, async {
            let mut result = Ok(());
            while let Some(joined) = self.set.join_next().await {
                result = result.and(self.judge(joined));
            }
            result
        })
        .await
        .unwrap_or(Err(Ended::Stuck { left: self.set.len(), seconds: drain.as_secs() }));
        first.and(rest)
    }

    fn judge(&self, joined: Result<Outcome, tokio::task::JoinError>) -> Result<(), Ended> {
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

    /// A process lives on as a shell after the task that did its work is gone.
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

    /// An orderly stop is reported as a failure, and the pod restarts with an error.
    #[tokio::test]
    async fn stopping_on_request_is_success() {
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
