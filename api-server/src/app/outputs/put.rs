//! Storing outputs.

use axum::body::Bytes;
use crds::{constants::MAX_STORED_OUTPUT_BYTES, run::OutputRef};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::limit;
use crate::{
    app::{App, Error},
    auth::TenantScope,
    objects::OutputName,
    store::{
        TenantTx,
        outputs::{self, Output, Registered},
    },
};

/// Output to store.
#[derive(Clone, Debug)]
pub struct NewOutput {
    /// UID of the run.
    pub run: Uuid,
    /// Registered SHA-256 of the bytes, as 64 lower-case hex digits.
    pub sha256: String,
    /// Media type.
    pub media_type: String,
    /// Bytes of the output.
    pub bytes: Bytes,
}

/// Stores an output and returns the reference to it. Storing the same output again has no further effect.
///
/// # Errors
/// Returns an error if no object storage is configured, if the output or all outputs of the tenant are too large, if its
/// SHA-256 differs from the announced one, or if the storage or the database fails.
pub async fn put(app: &App, scope: TenantScope, output: NewOutput) -> Result<(OutputRef, Registered), Error> {
    let NewOutput { run, sha256, media_type, bytes } = output;
    let objects = app.objects.as_ref().ok_or(Error::NoObjectStorage)?;
    if bytes.len() > MAX_STORED_OUTPUT_BYTES {
        return Err(Error::OutputTooLarge { bytes: bytes.len(), limit: MAX_STORED_OUTPUT_BYTES });
    }
    let found = hex::encode(Sha256::digest(&bytes));
    let name = OutputName::new(scope.tenant_id(), run, &found).filter(|name| name.sha256() == sha256);
    let name = name.ok_or(Error::DigestMismatch { announced: sha256, found })?;
    let (uri, size) = (name.uri(), i64::try_from(bytes.len()).unwrap_or(i64::MAX));
    let row = Output { run_uid: run, sha256: name.sha256(), uri: &uri, bytes: size, media_type: &media_type };
    // The row is written first: an object without a row would never be deleted.
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    outputs::lock_storage(&mut tx).await?;
    let registered = outputs::register(&mut tx, row, telemetry::clock::now().into()).await?;
    if registered == Registered::New {
        limit::check(&mut tx, &row).await?;
    }
    tx.commit().await?;
    objects.put(&name.to_string(), bytes, &media_type).await?;
    let reference = OutputRef {
        uri,
        bytes: u64::try_from(size).unwrap_or_default(),
        sha256: name.sha256().to_owned(),
        media_type,
    };
    Ok((reference, registered))
}
