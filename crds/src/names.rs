//! Names of the objects that stand for ours, derived so that making one twice makes the same one.

use sha2::{Digest as _, Sha256};

/// The service account of runners, in each tenant's namespace.
pub const RUNNER_SERVICE_ACCOUNT: &str = "smb-runner";
/// The ConfigMap with the tenant's name, settings and egress, in each tenant's namespace.
pub const TENANT_CONFIG_MAP: &str = "tenant";
/// The ResourceQuota in each tenant's namespace.
pub const RESOURCE_QUOTA: &str = "smb-tenant";
/// The LimitRange in each tenant's namespace.
pub const LIMIT_RANGE: &str = "smb-tenant";
/// The NetworkPolicy that closes a tenant's namespace.
pub const POLICY_DEFAULT_DENY: &str = "smb-default-deny";
/// The NetworkPolicy that opens DNS.
pub const POLICY_DNS: &str = "smb-allow-dns";
/// The NetworkPolicy that opens the Kubernetes API.
pub const POLICY_KUBERNETES_API: &str = "smb-allow-kubernetes-api";
/// The NetworkPolicy that opens the api-server.
pub const POLICY_API_SERVER: &str = "smb-allow-api-server";
/// The NetworkPolicy that opens what the plan's egress names.
pub const POLICY_PLAN_EGRESS: &str = "smb-allow-plan-egress";
/// The RoleBinding by which the operator may work in a tenant's namespace.
pub const OPERATOR_ROLE_BINDING: &str = "smb-operator";
/// The RoleBinding of the runners.
pub const RUNNER_ROLE_BINDING: &str = "smb-runner";
/// The ClusterRole that the operator binds itself to inside tenants' namespaces.
pub const OPERATOR_TENANT_ROLE: &str = "smb-copilot-operator-tenant";
/// The ClusterRole of runners.
pub const RUNNER_ROLE: &str = "smb-copilot-runner";
/// The runner's container in its pod.
pub const RUNNER_CONTAINER: &str = "runner";

/// A tenant's namespace where its spec names none: `t-<slug>`.
#[must_use]
pub fn tenant_namespace(slug: &str) -> String {
    format!("t-{slug}")
}

/// The RoleBinding of a tenant's kubectl users of one role: `smb-access-<role>`.
#[must_use]
pub fn access_role_binding(role: &str) -> String {
    format!("smb-access-{role}")
}

/// The ClusterRole of kubectl users: `smb-copilot-tenant-<role>`.
#[must_use]
pub fn access_role(role: &str) -> String {
    format!("smb-copilot-tenant-{role}")
}

/// The host container of an index: `host-<index>`.
#[must_use]
pub fn host_container(index: usize) -> String {
    format!("host-{index}")
}

/// The directory, in the runner and in the host alike, of a host's socket.
#[must_use]
pub fn host_directory(index: usize) -> String {
    format!("/run/smb/host-{index}")
}

/// The socket of a host.
#[must_use]
pub fn host_socket(index: usize) -> String {
    format!("{}/host.sock", host_directory(index))
}

/// A runner Job: `run-<20 hex digits>` of the revision's uid, the run's uid and how often its runner was lost.
/// The name derives from these alone, so that two operators, or one after a crash, make one Job.
#[must_use]
pub fn runner_job(revision_uid: &str, run_uid: &str, lost: u32) -> String {
    format!("run-{}", digest(&[revision_uid, run_uid, &lost.to_string()], 20))
}

/// A sub-run: the first 40 characters of the parent's name, and 12 hex digits of the parent's uid, the step (with
/// `/index` of an item) and the attempt. The same attempt made twice makes one run.
#[must_use]
pub fn sub_run(parent: &str, parent_uid: &str, place: &str, attempt: u32) -> String {
    let short: String = parent.chars().take(40).collect();
    let short = short.trim_end_matches(['-', '.']);
    format!("{short}-{}", digest(&[parent_uid, place, &attempt.to_string()], 12))
}

/// The run of a schedule at a time: `<workflow>-<10 hex digits>` of the schedule's name and the time in seconds since
/// 1970. Whoever makes it, and however often, makes one.
#[must_use]
pub fn scheduled_run(workflow: &str, workflow_uid: &str, schedule: &str, at_second: i64) -> String {
    format!("{workflow}-{}", digest(&[workflow_uid, schedule, &at_second.to_string()], 10))
}

/// Returns the hash of a schedule's cron expression and time zone: 10 hex digits. The operator stores it in the
/// Workflow's status and evaluates a schedule whose hash has changed as a new one.
#[must_use]
pub fn schedule_hash(cron: &str, time_zone: Option<&str>) -> String {
    digest(&[cron, time_zone.unwrap_or_default()], 10)
}

/// The directory in the runner, and nowhere else, where a Secret of `spec.secrets` is: a file a key.
#[must_use]
pub fn secret_directory(name: &str) -> String {
    format!("/run/smb-secrets/{name}")
}

/// The directory in the runner where the token for the api-server is, as the file `token`.
pub const API_TOKEN_DIRECTORY: &str = "/run/smb-api-token";
/// The audience of that token.
pub const API_TOKEN_AUDIENCE: &str = "smb-copilot-api-server";

/// The first `length` hex digits of the SHA-256 over `parts`, each with its length before it.
#[must_use]
pub fn digest(parts: &[&str], length: usize) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_string());
        hash.update(":");
        hash.update(part);
    }
    let mut text = hex::encode(hash.finalize());
    text.truncate(length);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two operators make two Jobs for one run, or two runs share one.
    #[test]
    fn a_job_name_depends_on_all_three_and_is_a_valid_label() {
        let name = runner_job("revision-uid", "run-uid", 0);
        assert_eq!(name, runner_job("revision-uid", "run-uid", 0));
        assert_ne!(name, runner_job("revision-uid", "run-uid", 1));
        assert_ne!(name, runner_job("revision-ui", "drun-uid", 0));
        assert!(name.len() < 40);
    }
}
