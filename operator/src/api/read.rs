//! Reads. Absence is `None`.

use kube::{Api, api::ListParams};

use super::{Readable, failed};
use crate::errors::{Error, Verb};

/// Objects a page: large enough for few requests, small enough for the API server's memory.
const PAGE: u32 = 500;

/// The object of that name, if there is one.
///
/// # Errors
/// The API server refuses, or cannot be asked.
pub(crate) async fn get<K: Readable>(api: &Api<K>, name: &str) -> Result<Option<K>, Error> {
    api.get_opt(name).await.map_err(failed(Verb::Get, api, name))
}

/// All objects that match.
///
/// # Errors
/// The API server refuses, or cannot be asked.
pub(crate) async fn list<K: Readable>(api: &Api<K>, matching: ListParams) -> Result<Vec<K>, Error> {
    let mut all = Vec::new();
    pages(api, matching, |page| all.extend(page)).await?;
    Ok(all)
}

/// Looks at each object that matches, of which one page at a time is kept in memory.
///
/// # Errors
/// The API server refuses, or cannot be asked.
pub(crate) async fn each<K: Readable>(
    api: &Api<K>,
    matching: ListParams,
    mut look: impl FnMut(&K),
) -> Result<(), Error> {
    pages(api, matching, |page| page.iter().for_each(&mut look)).await
}

async fn pages<K: Readable>(
    api: &Api<K>,
    matching: ListParams,
    mut take: impl FnMut(Vec<K>),
) -> Result<(), Error> {
    let mut page = matching.limit(PAGE);
    loop {
        let found = api.list(&page).await.map_err(failed(Verb::List, api, "*"))?;
        take(found.items);
        match found.metadata.continue_ {
            Some(next) if !next.is_empty() => page.continue_token = Some(next),
            _ => return Ok(()),
        }
    }
}
