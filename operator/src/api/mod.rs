//! Requests to the API server, with errors that name the object.

mod apply;
mod delete;
mod full;
mod read;
mod status;

pub(crate) use apply::{apply, create};
pub(crate) use delete::{delete, delete_unchanged};
pub(crate) use full::{FullObject, FullObjects, MAX_OVERDUE_BYTES};
pub(crate) use read::{PAGE_SIZE, exists, for_each, get, list, list_metadata};
pub(crate) use status::{apply_status, apply_vector_status, merge_status};

use std::fmt::Debug;

use kube::{Api, Client, Resource, core::NamespaceResourceScope};

use crate::errors::{Error, Verb};

/// Returns a handle on the objects of a kind in one namespace.
pub(crate) fn within<K>(client: &Client, namespace: &str) -> Api<K>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
{
    Api::namespaced(client.clone(), namespace)
}

/// Returns a function that adds the operation and the object to an error of the client.
pub(crate) fn failed<K>(verb: Verb, api: &Api<K>, name: &str) -> impl FnOnce(kube::Error) -> Error
where
    K: Resource<DynamicType = ()>,
{
    let name = match api.namespace() {
        Some(namespace) => format!("{namespace}/{name}"),
        None => name.to_owned(),
    };
    move |source| Error::Api { verb, kind: K::kind(&()).into_owned(), name, source: Box::new(source) }
}

/// Kind whose objects can be read from the API server.
pub(crate) trait Readable:
    Resource<DynamicType = ()> + Clone + Debug + serde::de::DeserializeOwned + Send + Sync + 'static
{
}

impl<K> Readable for K where
    K: Resource<DynamicType = ()> + Clone + Debug + serde::de::DeserializeOwned + Send + Sync + 'static
{
}
