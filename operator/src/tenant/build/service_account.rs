//! The account of runners.

use crds::names;
use k8s_openapi::api::core::v1::ServiceAccount;

use super::{Validated, meta};

/// Its token is mounted by name where it is meant to be, and nowhere else.
pub(super) fn build(tenant: &Validated) -> ServiceAccount {
    ServiceAccount {
        metadata: meta(tenant, names::RUNNER_SERVICE_ACCOUNT, "runner"),
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    }
}
