//! All tenants, for platform administrators.

pub(super) mod body;
pub(super) mod create;
pub(super) mod get;
pub(super) mod list;
pub(super) mod resource;
pub(super) mod state;
pub(super) mod update;

use crate::{
    auth::{PlatformScope, Principal},
    problem::{Code, Problem},
};

/// Returns the access to all tenants. The rule of the operation permits only callers that have this access.
fn platform(principal: &Principal) -> Result<PlatformScope, Problem> {
    principal.platform.ok_or_else(|| Problem::new(Code::Forbidden))
}
