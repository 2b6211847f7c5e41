//! API keys of a tenant.

pub(super) mod create;
pub(super) mod delete;
pub(super) mod get;
pub(super) mod list;
pub(super) mod resource;
pub(super) mod rotate;

use crate::{
    app::{api_keys::Creator, users::Editor},
    http::authorize::Member,
};

/// Returns the caller of a use case that creates keys.
fn creator(member: &Member) -> Creator {
    let editor = Editor {
        scope: member.tenant.scope,
        permissions: member.tenant.grantable(member.principal.permissions),
    };
    Creator { editor, user: member.principal.user.as_ref().map(|user| user.id) }
}
