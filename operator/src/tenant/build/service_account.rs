//! Service account of runners.

use crds::names;
use k8s_openapi::api::core::v1::ServiceAccount;

use super::{Validated, child_metadata};

/// Returns the service account. Its token is not mounted by default: the runner container mounts it explicitly.
pub(super) fn build(tenant: &Validated) -> ServiceAccount {
    ServiceAccount {
        metadata: child_metadata(tenant, names::RUNNER_SERVICE_ACCOUNT, "runner"),
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    }
}
