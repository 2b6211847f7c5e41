//! Admission policies and roles of the chart: which requests they permit and which they deny.

mod access;
mod actor;
mod api_server;
mod archive;
mod deletion;
mod metadata;
mod operator;
mod runner;
mod secret;
mod trigger;

use std::{fmt::Debug, future::Future, time::Duration};

use tests::wait;

/// Deadline until a policy or a role is effective: ten times the 0.9 s that a new policy takes.
const POLICY_DEADLINE: Duration = Duration::from_secs(10);

/// Returns the message with which a request was refused, or `None` if it was permitted.
fn refusal<T>(result: kube::Result<T>) -> anyhow::Result<Option<String>> {
    match result {
        Ok(_) => Ok(None),
        Err(kube::Error::Api(status)) => Ok(Some(status.message)),
        Err(error) => Err(error.into()),
    }
}

/// Repeats a request until it is refused with a message that contains `words`, which proves that the policy
/// is effective.
async fn refused<T, F>(words: &str, mut request: impl FnMut() -> F) -> anyhow::Result<()>
where
    F: Future<Output = kube::Result<T>>,
{
    let contains_words =
        |message: &Option<String>| message.as_ref().is_some_and(|message| message.contains(words));
    wait::until(words, POLICY_DEADLINE, async || refusal(request().await), contains_words).await.map(drop)
}

/// Repeats a request until it is permitted.
async fn accepted<T: Debug, F>(what: &str, mut request: impl FnMut() -> F) -> anyhow::Result<()>
where
    F: Future<Output = kube::Result<T>>,
{
    wait::until(what, POLICY_DEADLINE, async || refusal(request().await), Option::is_none).await.map(drop)
}
