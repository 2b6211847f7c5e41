//! Service accounts of a tenant.

pub(super) mod create;
pub(super) mod delete;
pub(super) mod get;
pub(super) mod list;
pub(super) mod resource;

use crate::{app::users::Editor, http::authorize::Member};

/// Returns the caller of a use case that changes service accounts.
fn editor(member: &Member) -> Editor {
    Editor { scope: member.tenant.scope, permissions: member.tenant.grantable(member.principal.permissions) }
}
