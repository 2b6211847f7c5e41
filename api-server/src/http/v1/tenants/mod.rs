//! All tenants, for people of the platform.

pub(super) mod get;
pub(super) mod list;
pub(super) mod resource;

use crate::{
    auth::{PlatformScope, Principal},
    http::problem::{Code, Problem},
};

/// The right to see every tenant. The rule of the operation has let through only those who have it.
fn platform(principal: &Principal) -> Result<PlatformScope, Problem> {
    principal.platform.ok_or_else(|| Problem::new(Code::Forbidden))
}
