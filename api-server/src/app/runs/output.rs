//! Reading the outputs of runs and steps.

use crds::run::OutputRef;
use serde::Deserialize as _;
use serde_json::Value;

use super::{
    get::{RunDetails, find_details},
    step,
};
use crate::{
    app::{App, Error, outputs},
    auth::TenantScope,
    objects::ObjectContent,
};

/// Output of a run or of a step.
pub enum Content {
    /// Output in the status of the run.
    Inline(Value),
    /// Output in object storage.
    Stored {
        /// Reference to the output.
        reference: OutputRef,
        /// Bytes of the output.
        reading: ObjectContent,
    },
}

/// Returns the output of the run of a reference.
///
/// # Errors
/// Returns an error if the tenant has no such run, if the run has no output or its bytes were deleted, or if the
/// database or the object storage fails.
pub async fn output(app: &App, scope: TenantScope, reference: &str) -> Result<Content, Error> {
    let (RunDetails { run: _, content }, _held) = find_details(app, scope, reference).await?;
    read(app, scope, content.output, content.output_ref).await
}

/// Returns the output of a step of the run of a reference.
///
/// # Errors
/// Returns an error if the tenant has no such run or the run no such step, if the step has no output or its bytes were
/// deleted, or if the database or the object storage fails.
pub async fn step_output(
    app: &App,
    scope: TenantScope,
    reference: &str,
    step: &str,
) -> Result<Content, Error> {
    let (RunDetails { run: _, content }, _held) = find_details(app, scope, reference).await?;
    let found = step::parse(&content.steps).into_iter().find(|found| found.name == step);
    let step = found.ok_or(Error::NotFound)?;
    read(app, scope, step.output, step.output_ref).await
}

async fn read(
    app: &App,
    scope: TenantScope,
    inline: Option<Value>,
    reference: Option<Value>,
) -> Result<Content, Error> {
    let reference = reference.and_then(|reference| OutputRef::deserialize(reference).ok());
    match (reference, inline) {
        (Some(reference), _) => {
            let reading = outputs::read(app, scope, &reference.uri).await?;
            Ok(Content::Stored { reference, reading })
        }
        (None, Some(value)) => Ok(Content::Inline(value)),
        (None, None) => Err(Error::NotFound),
    }
}
