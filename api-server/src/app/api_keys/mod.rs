//! API keys: creating, rotating, revoking and reading them.

mod create;
mod read;
mod revoke;
mod rotate;

pub use create::{Create, Creator, create};
pub use read::{Filter, count, get, get_many, list};
pub use revoke::revoke;
pub use rotate::{Rotate, rotate};

use domain::identity::{ApiKey as Secret, RANDOM_LETTERS};
use rand::{RngExt as _, distr::Alphanumeric};
use uuid::Uuid;

use super::{App, Error};
use crate::{
    auth::TenantScope,
    store::{self, TenantTx},
};

/// Kind of API keys in the audit log.
const AUDIT_KIND: &str = "API_KEY";

/// API key with its secret, which is not stored and cannot be shown again.
#[derive(Debug)]
pub struct CreatedKey {
    /// The key without its secret.
    pub key: store::api_keys::ApiKey,
    /// The secret; `None` if an earlier attempt of the same request has returned it.
    pub secret: Option<Secret>,
}

/// Returns a new random key.
fn new_secret() -> Secret {
    let letters: String =
        rand::rng().sample_iter(Alphanumeric).take(RANDOM_LETTERS).map(char::from).collect();
    Secret::from_random(&letters).expect("30 letters and digits are the random part of a key")
}

/// Records that a key is used, at most once a minute.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn record_use(app: &App, scope: TenantScope, id: Uuid) -> Result<(), Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    store::api_keys::record_use(&mut tx, id).await?;
    Ok(tx.commit().await?)
}
