//! Server-side apply of what we own.

use kube::{
    Api, ResourceExt as _,
    api::{Patch, PatchParams},
};
use serde::Serialize;

use super::{Readable, failed};
use crate::errors::{Error, Verb};

/// Applies an object as ours; returns it as it is stored now.
///
/// Fields that others own are taken over: what we build is ours alone.
///
/// # Errors
/// The API server refuses it.
pub(crate) async fn apply<K: Readable + Serialize>(api: &Api<K>, object: &K) -> Result<K, Error> {
    let name = object.name_any();
    let ours = PatchParams::apply(crds::constants::OPERATOR_MANAGER).force();
    api.patch(&name, &ours, &Patch::Apply(object)).await.map_err(failed(Verb::Apply, api, &name))
}
