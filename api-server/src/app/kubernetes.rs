//! Requests to the Kubernetes API: their time limit, and the errors of those that are refused.

use std::time::Duration;

use crds::names::WORKFLOW_COUNT;
use kube::core::Status;
use tracing::Instrument as _;
use uuid::Uuid;

use super::{App, Error, Violation, audit, field_path::pointer};
use crate::limits::Permit;

/// Time limit of a request to the Kubernetes API, which normally takes some milliseconds. A caller that would
/// have to wait longer gets an error.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for which a write waits for others of its tenant.
const PERMIT_TIMEOUT: Duration = Duration::from_secs(8);

/// Admission policy that refuses writes in the namespaces of archived tenants.
const ARCHIVE_POLICY: &str = "smb-copilot-archive-fence";
/// Admission policy that refuses what the api-server never writes: its refusal shows a defect.
const API_SERVER_POLICY: &str = "smb-copilot-api-server-fence";
/// Explanation for an object that etcd does not store. It is larger than its definition, since it lists the manager of each field.
const TOO_LARGE: &str =
    "the object is larger than the 1.5 MiB that Kubernetes stores: use fewer or shorter fields";

/// Takes a permit to write an object. Writes of one tenant wait for each other in the database; those that wait here hold no
/// connection.
///
/// # Errors
/// Returns an error if the tenant has too many writes in progress for a long time, or if no audit event was begun for the write.
pub(super) async fn write_permit(app: &App, tenant: Uuid, action: &'static str) -> Result<Permit, Error> {
    audit::begin_write(action).await?;
    let permit = app.limits.writes.acquire_within(&tenant, 1, PERMIT_TIMEOUT).await;
    permit.map_err(|source| Error::Exhausted { action, source })
}

/// Waits for the answer to a request.
///
/// # Errors
/// Returns an error if there is none in time.
pub(super) async fn with_timeout<T>(
    action: &'static str,
    call: impl Future<Output = kube::Result<T>>,
) -> Result<kube::Result<T>, Error> {
    let span = tracing::debug_span!("kubernetes", otel.name = action, otel.kind = "client");
    let timed_out = |_| Error::KubernetesTimeout { action, seconds: REQUEST_TIMEOUT.as_secs() };
    tokio::time::timeout(REQUEST_TIMEOUT, call.instrument(span)).await.map_err(timed_out)
}

/// Returns the error of a request that failed.
pub(super) fn failure(action: &'static str, error: kube::Error) -> Error {
    match error {
        kube::Error::Api(status) if status.is_not_found() => Error::NotFound,
        kube::Error::Api(status) if status.is_conflict() => Error::Contended { action },
        // The message of the schema, a CEL rule or an admission policy addresses the author of the object.
        kube::Error::Api(status) if status.is_invalid() || is_unusable(&status) => {
            Error::Refused { action, message: status.message.clone(), violations: violations(&status) }
        }
        kube::Error::Api(status) if is_too_large(&status) => {
            Error::Refused { action, message: TOO_LARGE.to_owned(), violations: Vec::new() }
        }
        kube::Error::Api(status) if status.is_forbidden() && status.message.contains(ARCHIVE_POLICY) => {
            Error::TenantArchived { action }
        }
        kube::Error::Api(status) if status.is_forbidden() => match exceeded_quota(&status.message) {
            Some((used, limit)) if status.message.contains(WORKFLOW_COUNT) => {
                Error::WorkflowLimit { used, limit }
            }
            Some((used, limit)) => Error::PlanLimitReached { action, used, limit },
            None if is_denied(&status) => {
                Error::Refused { action, message: status.message.clone(), violations: Vec::new() }
            }
            None => Error::Kubernetes { action, source: kube::Error::Api(status) },
        },
        source => Error::Kubernetes { action, source },
    }
}

/// Returns whether the API server cannot process an object because of its content: it has fields that its kind does not have,
/// a list that repeats an item, or a text that its decoder refuses. Its message says which.
fn is_unusable(status: &Status) -> bool {
    const BAD_REQUEST: u16 = 400;
    const MESSAGES: [&str; 2] = ["strict decoding error", "failed to create typed patch object"];
    status.code == BAD_REQUEST || MESSAGES.iter().any(|message| status.message.contains(message))
}

/// Returns whether an object is too large for the API server, for its connection to etcd, or for etcd.
fn is_too_large(status: &Status) -> bool {
    const CONTENT_TOO_LARGE: u16 = 413;
    const MESSAGES: [&str; 2] =
        ["etcdserver: request is too large", "trying to send message larger than max"];
    status.code == CONTENT_TOO_LARGE || MESSAGES.iter().any(|message| status.message.contains(message))
}

/// Returns whether an admission policy or a webhook of the cluster refuses an object. Its message addresses the author.
fn is_denied(status: &Status) -> bool {
    const MESSAGES: [&str; 2] = [" denied request: ", " denied the request"];
    MESSAGES.iter().any(|message| status.message.contains(message))
        && !status.message.contains(API_SERVER_POLICY)
}

/// Returns the errors in single fields that a refusal lists.
fn violations(status: &Status) -> Vec<Violation> {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let violation = |cause: &kube::core::response::StatusCause| Violation {
        pointer: pointer(&cause.field),
        code: "invalid".to_owned(),
        message: cause.message.clone(),
    };
    causes.map(violation).collect()
}

/// Returns the used and the maximum number of objects, if a message of the API server says that the quota of the namespace
/// is exhausted, as in `exceeded quota: smb-tenant, requested: count/…=1, used: count/…=200, limited: count/…=200`.
fn exceeded_quota(message: &str) -> Option<(u64, u64)> {
    let (_, amounts) = message.split_once("exceeded quota: ")?;
    let amount = |name: &str| {
        let (_, rest) = amounts.split_once(name)?;
        let (_, number) = rest.split(", ").next()?.split_once('=')?;
        number.parse().ok()
    };
    Some((amount("used: ")?, amount("limited: ")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A refusal by the quota of the tenant is recognised, with both numbers.
    #[test]
    fn a_refusal_by_the_quota_is_recognised() {
        let refused = "workflowruns.smbcopilot.dev \"order-7\" is forbidden: exceeded quota: smb-tenant, requested: \
                       count/workflowruns.smbcopilot.dev=1, used: count/workflowruns.smbcopilot.dev=200, limited: \
                       count/workflowruns.smbcopilot.dev=250";
        assert_eq!(exceeded_quota(refused), Some((200, 250)));
        assert_eq!(exceeded_quota("User \"anna\" cannot create resource \"workflowruns\""), None);
    }

    fn refusal(code: u16, message: &str) -> Error {
        let reason = if code == 403 { "Forbidden" } else { "" };
        let status =
            serde_json::json!({"status": "Failure", "code": code, "reason": reason, "message": message});
        failure("change the tenant", kube::Error::Api(Box::new(serde_json::from_value(status).unwrap())))
    }

    /// An object that the cluster refuses because of its content is an error of the client; a missing right is a defect.
    #[test]
    fn a_refusal_of_the_content_is_an_error_of_the_client() {
        for (code, message) in [
            (400, "error decoding YAML: yaml: control characters are not allowed"),
            (413, "Request entity too large: limit is 3145728"),
            (500, "etcdserver: request is too large"),
            (
                500,
                "rpc error: code = ResourceExhausted desc = trying to send message larger than max (3 vs. 2)",
            ),
            (
                403,
                "tenants \"acme\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no",
            ),
            (403, "admission webhook \"names.example.com\" denied the request: no"),
        ] {
            let error = refusal(code, message);
            assert!(matches!(error, Error::Refused { .. }), "{message}: {error:?}");
        }
        for (code, message) in [
            (403, "tenants \"acme\" is forbidden: User \"anna\" cannot patch resource \"tenants\""),
            (
                403,
                "ValidatingAdmissionPolicy 'smb-copilot-api-server-fence' with binding 'b' denied request: no",
            ),
            (500, "Internal error occurred"),
        ] {
            let error = refusal(code, message);
            assert!(matches!(error, Error::Kubernetes { .. }), "{message}: {error:?}");
        }
    }
}
