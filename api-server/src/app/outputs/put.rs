//! Storing an output.

use axum::body::Bytes;
use crds::{constants::MAX_STORED_OUTPUT_BYTES, run::OutputRef};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::{
    app::Error,
    auth::TenantScope,
    objects::OutputName,
    state::AppState,
    store::{
        TenantTx,
        outputs::{self, Output, Registered},
    },
};

/// An output to store.
#[derive(Clone, Debug)]
pub struct NewOutput {
    /// The uid of the run.
    pub run: Uuid,
    /// What the SHA-256 of its bytes is said to be, as 64 lower-case hex digits.
    pub sha256: String,
    /// Its media type.
    pub media_type: String,
    /// Its bytes.
    pub bytes: Bytes,
}

/// Stores an output, and gives the reference to it. The same one again is the same.
///
/// # Errors
/// No object storage is configured; the bytes are too many, or not those that were promised; or storage or database
/// fails.
pub async fn put(
    state: &AppState,
    scope: TenantScope,
    output: NewOutput,
) -> Result<(OutputRef, Registered), Error> {
    let NewOutput { run, sha256, media_type, bytes } = output;
    let objects = state.objects.as_ref().ok_or(Error::NoObjectStorage)?;
    if bytes.len() > MAX_STORED_OUTPUT_BYTES {
        return Err(Error::OutputTooLarge { bytes: bytes.len(), limit: MAX_STORED_OUTPUT_BYTES });
    }
    let found = hex::encode(Sha256::digest(&bytes));
    let name = OutputName::new(scope.tenant_id(), run, &found).filter(|name| name.sha256() == sha256);
    let name = name.ok_or(Error::DigestMismatch { promised: sha256, found })?;
    let (uri, size) = (name.uri(), i64::try_from(bytes.len()).unwrap_or(i64::MAX));
    let row = Output { run_uid: run, sha256: name.sha256(), uri: &uri, bytes: size, media_type: &media_type };
    // First the row: an object that nobody knows of would never be deleted.
    let mut tx = TenantTx::begin(&state.db, scope).await?;
    let announced = outputs::register(&mut tx, row, telemetry::clock::now().into()).await?;
    tx.commit().await?;
    objects.put(&name.to_string(), bytes, &media_type).await?;
    let reference = OutputRef {
        uri,
        bytes: u64::try_from(size).unwrap_or_default(),
        sha256: name.sha256().to_owned(),
        media_type,
    };
    Ok((reference, announced))
}
