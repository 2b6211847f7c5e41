//! Reads. An object that does not exist is `None`, not an error.

use crds::names::is_object_name;
use kube::{
    Api,
    api::ListParams,
    core::{DeserializeGuard, ObjectList, PartialObjectMeta, Request, error_boundary::InvalidObject},
};

use super::{Readable, failed};
use crate::errors::{Error, Verb};

/// Number of objects per page. The API server holds a page with objects of up to 1.5 MiB, 75 MiB together; this client holds
/// only the fields that the operator reads.
pub(crate) const PAGE_SIZE: u32 = 50;

/// Returns the object of a name, or `None` if it does not exist.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses the request.
pub(crate) async fn get<K: Readable>(api: &Api<K>, name: &str) -> Result<Option<K>, Error> {
    // A text that is no name cannot be the name of an object, and would change the path of the request.
    if !is_object_name(name) {
        return Ok(None);
    }
    api.get_opt(name).await.map_err(failed(Verb::Get, api, name))
}

/// Returns whether an object exists.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses the request.
pub(crate) async fn exists<K: Readable>(api: &Api<K>, name: &str) -> Result<bool, Error> {
    let found = api.get_metadata_opt(name).await.map_err(failed(Verb::Get, api, name))?;
    Ok(found.is_some())
}

/// Returns all objects that match `params`. One that cannot be parsed is reported and left out.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses a request.
pub(crate) async fn list<K: Readable>(api: &Api<K>, params: ListParams) -> Result<Vec<K>, Error> {
    let mut all = Vec::new();
    for_each_page(api, params, |page| all.extend(page.into_iter().filter_map(parsed))).await?;
    Ok(all)
}

/// Calls `visit` with each object that matches `params`, of which one page at a time is held in memory. An object that
/// cannot be parsed is reported and left out.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses a request.
pub(crate) async fn for_each<K: Readable>(
    api: &Api<K>,
    params: ListParams,
    mut visit: impl FnMut(&K),
) -> Result<(), Error> {
    for_each_page(api, params, |page| page.into_iter().filter_map(parsed).for_each(|object| visit(&object)))
        .await
}

/// Returns the metadata of all objects that match `params`.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses a request.
pub(crate) async fn list_metadata<K: Readable>(
    api: &Api<K>,
    params: ListParams,
) -> Result<Vec<PartialObjectMeta<K>>, Error> {
    let (mut params, mut all) = (params.limit(PAGE_SIZE), Vec::new());
    loop {
        let page = api.list_metadata(&params).await.map_err(failed(Verb::List, api, "*"))?;
        all.extend(page.items);
        match page.metadata.continue_.filter(|next| !next.is_empty()) {
            Some(next) => params.continue_token = Some(next),
            None => return Ok(all),
        }
    }
}

/// Returns an object of a list. An object that cannot be parsed must not keep the others from being processed.
fn parsed<K: Readable>(object: DeserializeGuard<K>) -> Option<K> {
    match object.0 {
        Ok(object) => Some(object),
        Err(InvalidObject { error, metadata }) => {
            let (kind, name, namespace) = (K::kind(&()), metadata.name, metadata.namespace);
            tracing::warn!(
                %kind,
                object.namespace = namespace,
                object.name = name,
                error,
                "an object of a list cannot be parsed"
            );
            None
        }
    }
}

async fn for_each_page<K: Readable>(
    api: &Api<K>,
    params: ListParams,
    mut visit: impl FnMut(Vec<DeserializeGuard<K>>),
) -> Result<(), Error> {
    let mut params = params.limit(PAGE_SIZE);
    loop {
        let page = get_page(api, &params).await.map_err(failed(Verb::List, api, "*"))?;
        visit(page.items);
        match page.metadata.continue_.filter(|next| !next.is_empty()) {
            Some(next) => params.continue_token = Some(next),
            None => return Ok(()),
        }
    }
}

async fn get_page<K: Readable>(
    api: &Api<K>,
    params: &ListParams,
) -> Result<ObjectList<DeserializeGuard<K>>, kube::Error> {
    let request = Request::new(api.resource_url()).list(params).map_err(kube::Error::BuildRequest)?;
    api.clone().into_client().request(request).await
}
