//! What a run or a step returned, as bytes.

use crds::run::OutputRef;
use serde::Deserialize as _;
use serde_json::Value;
use uuid::Uuid;

use super::{get::whole, step};
use crate::{
    app::{Error, outputs},
    auth::TenantScope,
    objects::ObjectContent,
    state::AppState,
};

/// What was returned.
pub enum Content {
    /// It is small.
    Inline(Value),
    /// It is in object storage.
    Stored {
        /// What is known of it.
        reference: OutputRef,
        /// Its bytes.
        reading: ObjectContent,
    },
}

/// What a run returned.
///
/// # Errors
/// The tenant has no such run, it has returned nothing, its bytes are gone, or database or storage fail.
pub async fn output(state: &AppState, scope: TenantScope, id: Uuid) -> Result<Content, Error> {
    let content = whole(state, scope, id).await?.content;
    read(state, scope, content.output, content.output_ref).await
}

/// What a step of a run returned.
///
/// # Errors
/// The tenant has no such run, the run no such step, the step has returned nothing, its bytes are gone, or database or
/// storage fail.
pub async fn step_output(
    state: &AppState,
    scope: TenantScope,
    id: Uuid,
    step: &str,
) -> Result<Content, Error> {
    let content = whole(state, scope, id).await?.content;
    let found = step::parse(&content.steps).into_iter().find(|found| found.name == step);
    let step = found.ok_or(Error::NotFound)?;
    read(state, scope, step.output, step.output_ref).await
}

async fn read(
    state: &AppState,
    scope: TenantScope,
    inline: Option<Value>,
    reference: Option<Value>,
) -> Result<Content, Error> {
    let reference = reference.and_then(|reference| OutputRef::deserialize(reference).ok());
    match (reference, inline) {
        (Some(reference), _) => {
            let reading = outputs::read(state, scope, &reference.uri).await?;
            Ok(Content::Stored { reference, reading })
        }
        (None, Some(value)) => Ok(Content::Inline(value)),
        (None, None) => Err(Error::NotFound),
    }
}
