//! The admission policies and roles of the chart: what they let through, and what they keep out.

mod access;
mod actor;
mod operator;
mod runner;

use std::{fmt::Debug, future::Future, time::Duration};

use tests::wait;

/// A policy is enforced 0.9 s after it is made, and a role a moment after it is bound; ten times that.
const ENFORCED: Duration = Duration::from_secs(10);

/// The words with which a request was refused; `None` where it was let through.
fn refusal<T>(result: kube::Result<T>) -> anyhow::Result<Option<String>> {
    match result {
        Ok(_) => Ok(None),
        Err(kube::Error::Api(status)) => Ok(Some(status.message)),
        Err(error) => Err(error.into()),
    }
}

/// Sends a request until it is refused with `words`: proof that the refuser is up.
async fn refused<T, F>(words: &str, mut request: impl FnMut() -> F) -> anyhow::Result<()>
where
    F: Future<Output = kube::Result<T>>,
{
    let said = |message: &Option<String>| message.as_ref().is_some_and(|message| message.contains(words));
    wait::until(words, ENFORCED, async || refusal(request().await), said).await.map(drop)
}

/// Sends a request until it is let through.
async fn accepted<T: Debug, F>(what: &str, mut request: impl FnMut() -> F) -> anyhow::Result<()>
where
    F: Future<Output = kube::Result<T>>,
{
    wait::until(what, ENFORCED, async || refusal(request().await), Option::is_none).await.map(drop)
}
