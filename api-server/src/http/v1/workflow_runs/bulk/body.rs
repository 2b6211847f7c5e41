//! What the requests and responses of all bulk operations share.

use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::{self, audit::Ending, runs::Report},
    http::v1::workflow_runs::resource::RunSummary,
    problem::{FieldError, Problem},
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

/// Name of the list of runs in a request.
pub(super) const RUNS: &str = "runs";

/// Result for one run, which the audit log and the response contain.
pub(super) struct Outcome {
    status: StatusCode,
    run: Option<RunSummary>,
    problem: Option<BulkProblem>,
    ending: Ending,
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
                Self { status, run, problem: None, ending: Ending::Succeeded }
            }
            Err(error) => {
                let problem = Problem::from(error);
                let (status, ending) = (problem.status(), problem.ending());
                let Problem { code, detail, errors, headers: _ } = problem;
                let problem = BulkProblem { code: code.as_str(), title: code.title(), detail, errors };
                Self { status, run: None, problem: Some(problem), ending }
            }
        }
    }

    fn ending(&self) -> Ending {
        self.ending
    }
}

impl BulkResults {
    /// Builds the response from the outcome for each reference, in the same order.
    pub(super) fn new(references: Vec<String>, outcomes: Vec<Outcome>) -> Self {
        let failed = outcomes.iter().filter(|outcome| outcome.problem.is_some()).count();
        let succeeded = outcomes.len() - failed;
        let result = |(reference, Outcome { status, run, problem, ending: _ }): (String, Outcome)| {
            BulkResult { reference, status: status.as_u16(), run, problem }
        };
        Self { data: references.into_iter().zip(outcomes).map(result).collect(), succeeded, failed }
    }
}
