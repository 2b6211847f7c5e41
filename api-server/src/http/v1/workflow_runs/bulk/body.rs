//! What the requests and responses of all bulk operations share.

use std::collections::HashSet;

use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::{
        self, App,
        audit::Ending,
        runs::{MAX_BULK_RUNS, Report},
    },
    auth::Membership,
    http::{rate_limit, v1::workflow_runs::resource::RunSummary},
    problem::{Code, FieldError, Problem},
    store::Run,
};

/// Results of a bulk operation. The status of the response is 200 if the request was processed, whatever the results.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct BulkResults {
    /// One result for each run, in the order of the request.
    data: Vec<BulkResult>,
    /// Number of runs for which the operation succeeded.
    succeeded: usize,
    /// Number of runs for which it failed. All of them can be sent again: what was done already is not done twice.
    failed: usize,
}

/// Result of a bulk operation for one run.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct BulkResult {
    /// Reference to the run, as in the request.
    #[schema(example = "invoice-intake-7k2x9")]
    reference: String,
    /// HTTP status that the operation on this run alone would have.
    #[schema(example = 202)]
    status: u16,
    /// Run that was cancelled, or that a rerun started. Null if the operation failed, or if the run was deleted.
    #[schema(required = true)]
    run: Option<RunSummary>,
    /// Error. Null if the operation succeeded.
    #[schema(required = true)]
    problem: Option<BulkProblem>,
}

/// Error of a bulk operation for one run.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct BulkProblem {
    /// Machine-readable error code; more may be added.
    #[schema(example = "run_finished")]
    code: &'static str,
    /// Human-readable title of the error code.
    title: &'static str,
    /// Human-readable explanation of this occurrence.
    #[schema(required = true)]
    detail: Option<String>,
    /// Errors in fields of the run or of the request.
    errors: Vec<FieldError>,
}

/// Checks the references of a request, and counts each as a request of the user.
///
/// # Errors
/// Returns an error if there are none, more than 100, or one twice; or if the user or the tenant has sent too many requests.
pub(super) fn admit(
    app: &App,
    email: &str,
    tenant: &Membership,
    references: &[String],
) -> Result<(), Problem> {
    check(references)?;
    // The request itself is counted already.
    let further = u32::try_from(references.len()).unwrap_or(u32::MAX).saturating_sub(1);
    rate_limit::count_further(&app.limits, email, tenant, further)
}

fn check(references: &[String]) -> Result<(), Problem> {
    let error = |pointer: String, code: &str, message: String| {
        let error = FieldError { pointer, code: code.to_owned(), message };
        Err(Problem::new(Code::Invalid).errors(vec![error]))
    };
    if !(1..=MAX_BULK_RUNS).contains(&references.len()) {
        let message = format!("{} runs: name 1 to {MAX_BULK_RUNS}", references.len());
        return error("/runs".to_owned(), "invalid", message);
    }
    let mut known = HashSet::new();
    match references.iter().position(|reference| !known.insert(reference)) {
        Some(index) => error(format!("/runs/{index}"), "duplicate", "the run is named twice".to_owned()),
        None => Ok(()),
    }
}

/// Result for one run, which the audit log and the response contain.
pub(super) struct Outcome {
    status: StatusCode,
    run: Option<RunSummary>,
    problem: Option<BulkProblem>,
}

impl Outcome {
    /// Report of an operation that returns a run.
    pub(super) const OF_RUN: Report<Run, Self> = Report {
        present: |result| Self::new(result, |run| (StatusCode::ACCEPTED, Some(RunSummary::from(run)))),
        ending: Self::ending,
    };
    /// Report of an operation that returns nothing.
    pub(super) const OF_DELETION: Report<(), Self> = Report {
        present: |result| Self::new(result, |()| (StatusCode::NO_CONTENT, None)),
        ending: Self::ending,
    };

    fn new<T>(
        result: Result<T, app::Error>,
        success: impl Fn(T) -> (StatusCode, Option<RunSummary>),
    ) -> Self {
        match result {
            Ok(value) => {
                let (status, run) = success(value);
                Self { status, run, problem: None }
            }
            Err(error) => {
                let problem = Problem::from(error);
                let status = problem.status();
                let Problem { code, detail, errors, headers: _ } = problem;
                let problem = BulkProblem { code: code.as_str(), title: code.title(), detail, errors };
                Self { status, run: None, problem: Some(problem) }
            }
        }
    }

    fn ending(&self) -> Ending {
        match &self.problem {
            None => Ending::Succeeded,
            Some(problem) if self.status.is_server_error() => Ending::Failed(problem.code),
            Some(problem) => Ending::Refused(problem.code),
        }
    }
}

impl BulkResults {
    /// Builds the response from the outcome for each reference, in the same order.
    pub(super) fn new(references: Vec<String>, outcomes: Vec<Outcome>) -> Self {
        let failed = outcomes.iter().filter(|outcome| outcome.problem.is_some()).count();
        let succeeded = outcomes.len() - failed;
        let result = |(reference, Outcome { status, run, problem }): (String, Outcome)| BulkResult {
            reference,
            status: status.as_u16(),
            run,
            problem,
        };
        Self { data: references.into_iter().zip(outcomes).map(result).collect(), succeeded, failed }
    }
}
