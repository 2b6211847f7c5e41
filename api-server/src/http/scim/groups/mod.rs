//! Groups: the roles of the tenant, with the users who have them.

mod attributes;
pub(super) mod create;
pub(super) mod delete;
pub(super) mod get;
pub(super) mod list;
pub(super) mod replace;
mod resource;
pub(super) mod update;

use crate::{
    app::{groups::Caller, users::Editor},
    http::authorize::Member,
};

/// Returns the caller of a use case that changes groups.
fn caller(Member { principal, tenant }: &Member) -> Caller {
    let permissions = principal.permissions;
    Caller { editor: Editor { scope: tenant.scope, permissions: tenant.grantable(permissions) }, permissions }
}
