//! Creation and server-side apply of objects that the operator owns.

use kube::{
    Api, ResourceExt as _,
    api::{Patch, PatchParams, PostParams},
};
use serde::Serialize;

use super::{Readable, failed};
use crate::errors::{Error, Verb};

/// Applies an object with the operator's field manager, and returns it as it is stored.
///
/// Fields that other managers own are taken over, since the operator alone owns what it builds.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses the object.
pub(crate) async fn apply<K: Readable + Serialize>(api: &Api<K>, object: &K) -> Result<K, Error> {
    let name = object.name_any();
    let params = PatchParams::apply(crds::constants::OPERATOR_MANAGER).force();
    api.patch(&name, &params, &Patch::Apply(object)).await.map_err(failed(Verb::Apply, api, &name))
}

/// Creates an object, and returns it as it is stored.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses the object, and a conflict if one of its name exists.
pub(crate) async fn create<K: Readable + Serialize>(api: &Api<K>, object: &K) -> Result<K, Error> {
    let field_manager = Some(crds::constants::OPERATOR_MANAGER.to_owned());
    let params = PostParams { field_manager, ..PostParams::default() };
    k8s_client::create(api, &params, object).await.map_err(failed(Verb::Create, api, &object.name_any()))
}
