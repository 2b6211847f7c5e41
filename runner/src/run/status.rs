//! The run's status as it is written: without secrets, and without what is stored elsewhere.

use std::time::Duration;

use crds::{
    constants::MAX_INLINE_OUTPUT_BYTES,
    run::{OutputRef, RunEnding, RunError, RunPhase, StepStatus},
};
use domain::{run::Finish, schema};
use jiff::Timestamp;
use serde_json::Value;

use crate::{
    action::{Means, store_error},
    api::StoreError,
    run::{
        Held,
        execution::Close,
        report::{self, End, Report},
    },
};

/// All that a write is made of.
pub(super) struct Status {
    pub(super) held: Held,
    /// Without the values that are stored elsewhere.
    pub(super) steps: Vec<StepStatus>,
    pub(super) ending: Option<RunEnding>,
    pub(super) waited: Duration,
    pub(super) close: Option<Close>,
    pub(super) means: Means,
}

impl Status {
    /// As a JSON patch. A large output of the run is stored on the way.
    pub(super) async fn into_patch(self, now: Timestamp) -> Vec<Value> {
        let Self { held, mut steps, mut ending, waited, close, means } = self;
        means.redactor.steps(&mut steps);
        ending.iter_mut().for_each(|ending| means.redactor.ending(ending));
        let report = Report { held: &held, steps: &steps, ending: ending.as_ref(), waited };
        match close {
            None => report::progress(&report),
            Some(Close::Suspend(suspend)) => report::suspend(&report, &suspend, now),
            Some(Close::Finish(finish)) => {
                let (finish, stored) = finished(&means, finish).await;
                report::end(&report, &End { finish: &finish, stored: stored.as_ref() }, now)
            }
        }
    }

    /// For another pod to go on.
    pub(super) fn into_hand_back(self) -> Vec<Value> {
        let Self { held, mut steps, mut ending, waited, close: _, means } = self;
        means.redactor.steps(&mut steps);
        ending.iter_mut().for_each(|ending| means.redactor.ending(ending));
        report::hand_back(&Report { held: &held, steps: &steps, ending: ending.as_ref(), waited })
    }
}

/// Stores an output that is too large for the status. A run whose output cannot be kept has failed.
async fn finished(means: &Means, mut finish: Finish) -> (Finish, Option<OutputRef>) {
    finish.error.iter_mut().for_each(|error| means.redactor.run_error(error));
    let Some(output) = &mut finish.output else { return (finish, None) };
    means.redactor.value(output);
    let bytes = schema::json_size(output);
    if bytes <= MAX_INLINE_OUTPUT_BYTES {
        return (finish, None);
    }
    let stored = match &means.api {
        Some(api) => api.store(&means.run_uid, output).await,
        None => Err(StoreError::NoStorage { bytes }),
    };
    match stored {
        Ok(reference) => (finish, Some(reference)),
        Err(failed) => {
            let error = store_error(&failed);
            let message = format!("the run's output cannot be kept: {}", error.message);
            let error = RunError { step: None, kind: error.kind, code: error.code, message };
            (Finish { phase: RunPhase::Failed, output: None, error: Some(error) }, None)
        }
    }
}
