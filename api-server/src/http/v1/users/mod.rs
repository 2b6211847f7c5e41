//! Users of a tenant.

pub(super) mod create;
pub(super) mod deactivation;
pub(super) mod delete;
pub(super) mod get;
pub(super) mod list;
pub(super) mod picture;
pub(super) mod resource;
pub(super) mod roles;
pub(super) mod update;

use crate::{app::users::Editor, http::authorize::Member};

/// Returns the caller of a use case that changes users.
fn editor(member: &Member) -> Editor {
    Editor { scope: member.tenant.scope, permissions: member.tenant.grantable(member.principal.permissions) }
}
