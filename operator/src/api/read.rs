//! Reads. An object that does not exist is `None`, not an error.

use crds::names::is_object_name;
use kube::{Api, api::ListParams};

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

/// Returns all objects that match `params`.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses a request.
pub(crate) async fn list<K: Readable>(api: &Api<K>, params: ListParams) -> Result<Vec<K>, Error> {
    let mut all = Vec::new();
    for_each_page(api, params, |page| all.extend(page)).await?;
    Ok(all)
}

/// Calls `visit` with each object that matches `params`, of which one page at a time is held in memory.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses a request.
pub(crate) async fn for_each<K: Readable>(
    api: &Api<K>,
    params: ListParams,
    mut visit: impl FnMut(&K),
) -> Result<(), Error> {
    for_each_page(api, params, |page| page.iter().for_each(&mut visit)).await
}

async fn for_each_page<K: Readable>(
    api: &Api<K>,
    params: ListParams,
    mut visit: impl FnMut(Vec<K>),
) -> Result<(), Error> {
    let mut params = params.limit(PAGE_SIZE);
    loop {
        let page = api.list(&params).await.map_err(failed(Verb::List, api, "*"))?;
        visit(page.items);
        match page.metadata.continue_ {
            Some(next) if !next.is_empty() => params.continue_token = Some(next),
            _ => return Ok(()),
        }
    }
}
