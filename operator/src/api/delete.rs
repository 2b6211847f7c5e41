//! Deletes. An object that does not exist counts as deleted.

use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, Preconditions},
};

use super::{Readable, failed};
use crate::errors::{Error, Verb};

/// Deletes an object with background propagation: its dependents are deleted later, and nothing waits for them.
///
/// With `uid`, the object is deleted only if it has that UID, so that a newer object of the same name is not deleted.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses the request, and a conflict if the UID differs.
pub(crate) async fn delete<K: Readable>(api: &Api<K>, name: &str, uid: Option<&str>) -> Result<(), Error> {
    let preconditions = uid.map(|uid| Preconditions { uid: Some(uid.to_owned()), resource_version: None });
    request(api, name, preconditions).await
}

/// Deletes an object with background propagation, on condition that nobody has written it since it was read.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses the request, and a conflict if the object has been written.
pub(crate) async fn delete_unchanged<K: Readable>(api: &Api<K>, object: &K) -> Result<(), Error> {
    let preconditions = Preconditions { uid: object.uid(), resource_version: object.resource_version() };
    request(api, &object.name_any(), Some(preconditions)).await
}

async fn request<K: Readable>(
    api: &Api<K>,
    name: &str,
    preconditions: Option<Preconditions>,
) -> Result<(), Error> {
    let params = DeleteParams { preconditions, ..DeleteParams::background() };
    match api.delete(name, &params).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        Err(error) => Err(failed(Verb::Delete, api, name)(error)),
    }
}
