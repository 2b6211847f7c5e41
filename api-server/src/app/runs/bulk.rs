//! The same action on many runs of one request. Each run has a result of its own.

use std::{collections::HashSet, time::Duration};

use crds::run::ReuseFrom;
use futures::{FutureExt as _, StreamExt as _, stream};
use tokio::time::Instant;

use super::{RunName, cancel, delete, find, get, rerun, rerun::Rerun};
use crate::{
    app::{
        App, Error, Violation,
        audit::{Ending, audited_part},
        idempotency::{Claim, IdempotencyKey, KeyedAction},
        request_rate::count_further,
    },
    auth::{Membership, TenantScope},
    store::{CancelMode, Run},
};

/// Maximum number of runs of one request.
pub const MAX_BULK_RUNS: usize = 100;
/// Number of runs that are processed at the same time: half of the writes, and of the database connections, that a tenant can have in
/// progress, so that its other requests are not delayed by much.
const CONCURRENCY: usize = 2;
/// Time that a run in progress takes at most.
pub const MAX_BULK_RUN_DURATION: Duration = Duration::from_secs(7);
/// Time after which no further run is begun. With [`MAX_BULK_RUN_DURATION`], the request takes 15 s at most.
const TIME_LIMIT: Duration = Duration::from_secs(8);

/// Runs of one request.
#[derive(Clone, Copy, Debug)]
pub struct BulkRuns<'a> {
    /// References to the runs.
    references: &'a [String],
    /// Time after which no further run is begun.
    deadline: Instant,
}

impl<'a> BulkRuns<'a> {
    /// Begins with the runs of these references. No further run is begun after 8 seconds.
    #[must_use]
    pub fn new(references: &'a [String]) -> Self {
        Self { references, deadline: Instant::now() + TIME_LIMIT }
    }

    /// Begins no further run after a time, if that is earlier.
    #[must_use]
    pub fn until(self, deadline: Instant) -> Self {
        Self { deadline: self.deadline.min(deadline), ..self }
    }
}

/// Presentation of the result for one run, of which the audit log records how it ended.
#[derive(Debug)]
pub struct Report<T, P> {
    /// Converts the result.
    pub present: fn(Result<T, Error>) -> P,
    /// Returns how it ended.
    pub ending: fn(&P) -> Ending,
}

/// Caller of a bulk rerun.
#[derive(Clone, Debug)]
pub struct Requester {
    /// Email address of the caller.
    pub email: String,
    /// Idempotency key of the request.
    pub key: Option<IdempotencyKey>,
}

/// Checks the runs of a request, and counts each as a request of the user. `field` is the name of the list in the request.
///
/// # Errors
/// Returns an error if there are none, more than 100, or one twice; or if the user or the tenant has sent too many requests.
pub fn admit(
    app: &App,
    email: &str,
    tenant: &Membership,
    references: &[String],
    field: &str,
) -> Result<(), Error> {
    check(references, field)?;
    let further = u32::try_from(references.len()).unwrap_or(u32::MAX).saturating_sub(1);
    count_further(app, email, tenant, further)
}

fn check(references: &[String], field: &str) -> Result<(), Error> {
    let error = |pointer: String, code: &str, message: String| {
        Err(Error::BulkRuns(vec![Violation { pointer, code: code.to_owned(), message }]))
    };
    if !(1..=MAX_BULK_RUNS).contains(&references.len()) {
        let message = format!("{} runs: name 1 to {MAX_BULK_RUNS}", references.len());
        return error(format!("/{field}"), "invalid", message);
    }
    let mut known = HashSet::new();
    match references.iter().position(|reference| !known.insert(reference)) {
        Some(index) => error(format!("/{field}/{index}"), "duplicate", "the run is named twice".to_owned()),
        None => Ok(()),
    }
}

/// Cancels the runs of these references, and returns a report for each, in the same order.
pub async fn cancel_all<P: Send>(
    app: &App,
    scope: TenantScope,
    runs: BulkRuns<'_>,
    mode: CancelMode,
    report: &Report<Run, P>,
) -> Vec<P> {
    for_each(runs, report, |reference| async move {
        let id = find(app, scope, reference).await?;
        cancel(app, scope, id, mode).await
    })
    .await
}

/// Runs the runs of these references again, and returns a report for each, in the same order. A repetition with the same
/// idempotency key starts no run twice.
pub async fn rerun_all<P: Send>(
    app: &App,
    scope: TenantScope,
    runs: BulkRuns<'_>,
    from: Option<&ReuseFrom>,
    requester: &Requester,
    report: &Report<Run, P>,
) -> Vec<P> {
    for_each(runs, report, |reference| async move {
        let Requester { email, key } = requester;
        let run = find(app, scope, reference).await?;
        let key = key.as_ref().map(|key| key.of_part(run));
        let name = match &key {
            Some(key) => RunName::from_key(scope.tenant_id(), email, key.as_str()),
            None => RunName::from_request_id(telemetry::ids::uuid_v7()),
        };
        let claim = Claim::new(scope, email, key, &KeyedAction::RerunRun { run, from });
        let parameters = Rerun { run, from: from.cloned(), name, requested_by: email.clone() };
        let create = async { Ok(rerun(app, scope, parameters).await?.id) };
        let (id, _) = claim.run(app, create).await?;
        get(app, scope.unrestricted(), id).await
    })
    .await
}

/// Deletes the runs of these references, and returns a report for each, in the same order.
pub async fn delete_all<P: Send>(
    app: &App,
    scope: TenantScope,
    runs: BulkRuns<'_>,
    report: &Report<(), P>,
) -> Vec<P> {
    for_each(runs, report, |reference| async move {
        let id = find(app, scope, reference).await?;
        delete(app, scope, id).await
    })
    .await
}

async fn for_each<'a, T: Send, P: Send, F>(
    BulkRuns { references, deadline }: BulkRuns<'a>,
    report: &'a Report<T, P>,
    act: impl Fn(&'a str) -> F,
) -> Vec<P>
where
    F: Future<Output = Result<T, Error>> + Send + 'a,
{
    let begin = |reference: &'a String| {
        // On the heap: a future is copied when it is passed on, and those of the actions are large.
        let action = act(reference).boxed();
        async move {
            if Instant::now() >= deadline {
                return (report.present)(Err(Error::BulkTimeout));
            }
            let work = async { (report.present)(action.await) };
            match audited_part(work, report.ending).await {
                Ok(presented) => presented,
                Err(error) => (report.present)(Err(error.into())),
            }
        }
        .boxed()
    };
    let actions: Vec<_> = references.iter().map(begin).collect();
    stream::iter(actions).buffered(CONCURRENCY).collect().await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report<T>() -> Report<T, Result<T, Error>> {
        Report { present: |result| result, ending: |_| Ending::Succeeded }
    }

    /// The results are in the order of the request, whatever the order in which the runs are processed.
    #[tokio::test]
    async fn the_results_are_in_the_order_of_the_request() {
        let references: Vec<_> = (0..20).map(|number| number.to_string()).collect();
        let report = report();
        let results = for_each(BulkRuns::new(&references), &report, |reference| async move {
            let number: u64 = reference.parse().unwrap();
            for _ in 0..number % 3 {
                tokio::task::yield_now().await;
            }
            if number == 7 { Err(Error::NotFound) } else { Ok(number) }
        });
        let results: Vec<_> = results.await.into_iter().map(Result::ok).collect();
        assert_eq!(results, (0..20).map(|number| (number != 7).then_some(number)).collect::<Vec<_>>());
    }

    /// Runs that are not begun in time are not processed, and have an error that says so.
    #[tokio::test]
    async fn runs_beyond_the_time_limit_are_not_processed() {
        let references: Vec<_> = (0..100).map(|number| number.to_string()).collect();
        let report = report();
        let runs = BulkRuns::new(&references).until(Instant::now());
        let results = for_each(runs, &report, |_| async { Ok(()) }).await;
        assert_eq!(results.len(), 100);
        assert!(results.iter().all(|result| matches!(result, Err(Error::BulkTimeout))));
    }
}
