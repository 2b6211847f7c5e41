//! Names of derived objects. A name depends only on its owners, so that creating an object twice yields the same object.

use sha2::{Digest as _, Sha256};

/// ServiceAccount of the runners in each tenant's namespace.
pub const RUNNER_SERVICE_ACCOUNT: &str = "smb-runner";
/// ConfigMap with the tenant's name, settings and egress in each tenant's namespace.
pub const TENANT_CONFIG_MAP: &str = "tenant";
/// ResourceQuota in each tenant's namespace.
pub const RESOURCE_QUOTA: &str = "smb-tenant";
/// ResourceQuota in the namespace of the release, whose status shows whether runs and workflows are counted.
pub const OBJECT_COUNT_PROBE: &str = "smb-copilot-object-counts";
/// Resource of a quota that limits the number of runs.
pub const RUN_COUNT: &str = "count/workflowruns.smbcopilot.dev";
/// Resource of a quota that limits the number of workflows.
pub const WORKFLOW_COUNT: &str = "count/workflows.smbcopilot.dev";
/// Resource of a quota that limits the number of Secrets.
pub const SECRET_COUNT: &str = "count/secrets";
/// LimitRange in each tenant's namespace.
pub const LIMIT_RANGE: &str = "smb-tenant";
/// NetworkPolicy that denies all traffic of a tenant's namespace by default.
pub const POLICY_DEFAULT_DENY: &str = "smb-default-deny";
/// NetworkPolicy that allows DNS.
pub const POLICY_DNS: &str = "smb-allow-dns";
/// NetworkPolicy that allows the Kubernetes API.
pub const POLICY_KUBERNETES_API: &str = "smb-allow-kubernetes-api";
/// NetworkPolicy that allows the api-server.
pub const POLICY_API_SERVER: &str = "smb-allow-api-server";
/// NetworkPolicy that allows the destinations of the effective egress.
pub const POLICY_PLAN_EGRESS: &str = "smb-allow-plan-egress";
/// RoleBinding that grants the operator its permissions in a tenant's namespace.
pub const OPERATOR_ROLE_BINDING: &str = "smb-operator";
/// RoleBinding of the runners.
pub const RUNNER_ROLE_BINDING: &str = "smb-runner";
/// ClusterRole that the operator binds to itself in tenants' namespaces.
pub const OPERATOR_TENANT_ROLE: &str = "smb-copilot-operator-tenant";
/// ClusterRole of the runners.
pub const RUNNER_ROLE: &str = "smb-copilot-runner";
/// Container of the runner in its pod.
pub const RUNNER_CONTAINER: &str = "runner";

/// Returns the default name of a tenant's namespace: `t-<slug>`.
#[must_use]
pub fn tenant_namespace(slug: &str) -> String {
    format!("t-{slug}")
}

/// Returns the name of the RoleBinding for a tenant's kubectl users with the given role: `smb-access-<role>`.
#[must_use]
pub fn access_role_binding(role: &str) -> String {
    format!("smb-access-{role}")
}

/// Returns the name of the ClusterRole for kubectl users with the given role: `smb-copilot-tenant-<role>`.
#[must_use]
pub fn access_role(role: &str) -> String {
    format!("smb-copilot-tenant-{role}")
}

/// Returns the name of the step-host container with the given index: `host-<index>`.
#[must_use]
pub fn host_container(index: usize) -> String {
    format!("host-{index}")
}

/// Returns the directory of a step host's socket, which has the same path in the runner and in the step host.
#[must_use]
pub fn host_directory(index: usize) -> String {
    format!("/run/smb/host-{index}")
}

/// Returns the path of a step host's socket.
#[must_use]
pub fn host_socket(index: usize) -> String {
    format!("{}/host.sock", host_directory(index))
}

/// Returns the name of a runner Job: `run-` and 20 hex digits of the revision's UID, the run's UID and the number of
/// runners that the run has lost. The name depends on these only, so that two operators, or one operator after a crash,
/// create the same Job.
#[must_use]
pub fn runner_job(revision_uid: &str, run_uid: &str, lost: u32) -> String {
    format!("run-{}", digest(&[revision_uid, run_uid, &lost.to_string()], 20))
}

/// Maximum length of the part of a derived run name that says what the run belongs to. The name is also a label value of at
/// most 63 characters; a hyphen, the longest mark, another hyphen and the digits need 18 of them.
const MAX_RUN_PREFIX: usize = 40;
/// Number of hex digits at the end of a derived run name.
const RUN_DIGITS: usize = 12;

/// Returns the name of a sub-run: the first 40 characters of the parent's name, `-sub-`, and 12 hex digits of the parent's
/// UID, the step key (the step, with `/index` for an item) and the attempt. Starting the same attempt twice creates one run.
#[must_use]
pub fn sub_run(parent: &str, parent_uid: &str, step_key: &str, attempt: u32) -> String {
    derived_run(parent, "sub", &[parent_uid, step_key, &attempt.to_string()])
}

/// Returns the name of the run of a schedule at a scheduled time: the first 40 characters of the workflow's name, `-cron-`,
/// and 12 hex digits of the workflow's UID, the schedule's name, the time in seconds since 1970 and the number of such names
/// that other runs have. Starting the same scheduled time twice creates one run.
#[must_use]
pub fn scheduled_run(
    workflow: &str,
    workflow_uid: &str,
    schedule: &str,
    at_second: i64,
    taken: u32,
) -> String {
    derived_run(workflow, "cron", &[workflow_uid, schedule, &at_second.to_string(), &taken.to_string()])
}

/// Returns the name of a run that is started through the API: the first 40 characters of the workflow's name, `-api-`, and
/// 12 hex digits of the workflow's UID and the parts that identify the request.
#[must_use]
pub fn api_run(workflow: &str, workflow_uid: &str, request: &str) -> String {
    derived_run(workflow, "api", &[workflow_uid, request])
}

/// Returns a name that the admission policy smb-copilot-trigger-fence reserves for the component with this mark.
fn derived_run(prefix: &str, mark: &str, parts: &[&str]) -> String {
    let short: String = prefix.chars().take(MAX_RUN_PREFIX).collect();
    format!("{}-{mark}-{}", short.trim_end_matches(['-', '.']), digest(parts, RUN_DIGITS))
}

/// Returns the hash of a schedule's cron expression and time zone: 10 hex digits. The operator stores it in the
/// Workflow's status and evaluates a schedule whose hash has changed as a new one.
#[must_use]
pub fn schedule_hash(cron: &str, time_zone: Option<&str>) -> String {
    digest(&[cron, time_zone.unwrap_or_default()], 10)
}

/// Returns the directory where a Secret of `spec.secrets` is mounted, one file per key. Only the runner container mounts
/// it.
#[must_use]
pub fn secret_directory(name: &str) -> String {
    format!("/run/smb-secrets/{name}")
}

/// Directory in the runner that contains the token for the api-server, as the file `token`.
pub const API_TOKEN_DIRECTORY: &str = "/run/smb-api-token";
/// Audience of the token for the api-server.
pub const API_TOKEN_AUDIENCE: &str = "smb-copilot-api-server";

/// Maximum length of the name of an object.
const MAX_OBJECT_NAME: usize = 253;

/// Returns whether a text can be the name of an object: a DNS-1123 subdomain. A client must not put another text into the path
/// of a request, where `..`, `/` or `?` would name another object or request.
#[must_use]
pub fn is_object_name(text: &str) -> bool {
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_label = |label: &str| {
        label.starts_with(is_word)
            && label.ends_with(is_word)
            && label.chars().all(|c| is_word(c) || c == '-')
    };
    text.len() <= MAX_OBJECT_NAME && text.split('.').all(is_label)
}

/// Returns the first `length` hex digits of the SHA-256 of `parts`, each prefixed with its length.
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

    /// The name of a runner Job is the same for the same run, different for different runs, and a valid label value.
    #[test]
    fn a_runner_job_name_identifies_the_run_and_is_a_valid_label() {
        let name = runner_job("revision-uid", "run-uid", 0);
        assert_eq!(name, runner_job("revision-uid", "run-uid", 0));
        assert_ne!(name, runner_job("revision-uid", "run-uid", 1));
        assert_ne!(name, runner_job("revision-ui", "drun-uid", 0));
        assert!(name.len() < 40);
    }

    /// A text that would change the path of a request is never taken for the name of an object.
    #[test]
    fn a_text_that_changes_a_request_path_is_no_name() {
        assert!(["a", "erp-credentials", "a.b-1.c", "0"].iter().all(|name| is_object_name(name)));
        let long = "a".repeat(254);
        for text in [
            "",
            ".",
            "..",
            "a/b",
            "../a",
            "a%2fb",
            "a?b",
            "a#b",
            "A",
            "-a",
            "a-",
            "a..b",
            "ä",
            "a\0",
            long.as_str(),
        ] {
            assert!(!is_object_name(text), "{text:?}");
        }
    }

    /// The name of a derived run is a valid label value, however long the name that it derives from is.
    #[test]
    fn a_derived_run_name_is_a_valid_label_value() {
        let long = format!("{}-{}", "a".repeat(39), "b".repeat(23));
        for name in [
            sub_run(&long, "u", "step/999", 1),
            scheduled_run(&long, "u", "nightly", 0, 0),
            api_run(&long, "u", "request"),
        ] {
            assert!(name.len() <= 63 && !name.contains("--"), "{name}");
        }
    }
}
