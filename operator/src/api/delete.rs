//! Deletes. "Already gone" is success.

use kube::{
    Api,
    api::{DeleteParams, Preconditions},
};

use super::{Readable, failed};
use crate::errors::{Error, Verb};

/// Deletes an object in the background: its dependants go after it, and nothing waits.
/// With `uid`, only that very object: another one of the same name stays.
///
/// # Errors
/// The API server refuses, or the uid is another (a conflict).
pub(crate) async fn delete<K: Readable>(api: &Api<K>, name: &str, uid: Option<&str>) -> Result<(), Error> {
    let mut how = DeleteParams::background();
    how.preconditions = uid.map(|uid| Preconditions { uid: Some(uid.to_owned()), resource_version: None });
    match api.delete(name, &how).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        Err(error) => Err(failed(Verb::Delete, api, name)(error)),
    }
}
