//! Permissions of users with kubectl in the namespace of their tenant.

use k8s_openapi::api::authorization::v1::SubjectAccessReview;
use kube::{Api, Client, api::PostParams};
use serde_json::json;
use tests::{
    cluster::{client, unique},
    wait,
};

use tests::test_namespace::TestNamespace;

use super::POLICY_DEADLINE;

const ROLES: [&str; 4] = ["viewer", "operator", "builder", "admin"];

/// Requests that no role may make: each would bypass the admission policies or give access to credentials of
/// others.
const FORBIDDEN: [(&str, &str, &str); 18] = [
    ("create", "", "pods"),
    ("create", "", "pods/exec"),
    ("create", "", "pods/attach"),
    ("patch", "", "pods/ephemeralcontainers"),
    ("create", "batch", "jobs"),
    ("create", "", "pods/portforward"),
    ("create", "", "serviceaccounts/token"),
    ("create", "", "serviceaccounts"),
    ("impersonate", "", "serviceaccounts"),
    ("update", "", "secrets"),
    ("update", "smbcopilot.dev", "workflowruns/finalizers"),
    ("update", "smbcopilot.dev", "workflows/finalizers"),
    ("get", "", "secrets"),
    ("list", "", "secrets"),
    ("patch", "", "secrets"),
    ("patch", "smbcopilot.dev", "workflowruns/status"),
    ("create", "rbac.authorization.k8s.io", "rolebindings"),
    ("patch", "networking.k8s.io", "networkpolicies"),
];

/// Requests as verb, group and resource, with the first of [`ROLES`] that may make them.
const ALLOWED: [(&str, &str, &str, &str); 7] = [
    ("get", "smbcopilot.dev", "workflowruns", "viewer"),
    ("get", "", "pods/log", "viewer"),
    ("create", "smbcopilot.dev", "workflowruns", "operator"),
    ("patch", "smbcopilot.dev", "workflowruns", "operator"),
    ("create", "smbcopilot.dev", "workflows", "builder"),
    ("delete", "smbcopilot.dev", "workflowruns", "admin"),
    ("create", "", "secrets", "admin"),
];

async fn is_allowed(
    client: &Client,
    namespace: &TestNamespace,
    user: &str,
    (verb, group, resource): (&str, &str, &str),
) -> anyhow::Result<bool> {
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let review = serde_json::from_value(
        json!({"metadata": {}, "spec": {"user": user, "resourceAttributes": {
            "namespace": namespace.name, "verb": verb, "group": group, "resource": resource, "subresource": subresource,
        }}}),
    )?;
    let answer =
        Api::<SubjectAccessReview>::all(client.clone()).create(&PostParams::default(), &review).await?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}

/// Each role has exactly its permissions, and none can bypass the admission policies or get a token.
#[tokio::test]
async fn each_role_has_its_permissions_and_none_bypasses_the_policies() -> anyhow::Result<()> {
    let client = client().await?;
    let namespace = TestNamespace::managed(&client).await?;
    for (rank, role) in ROLES.iter().enumerate() {
        let user = unique(role);
        let subject = json!({"kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io"});
        namespace.bind(&format!("smb-copilot-tenant-{role}"), subject).await?;
        let reads =
            async || is_allowed(&client, &namespace, &user, ("get", "smbcopilot.dev", "workflows")).await;
        wait::until("the role can read", POLICY_DEADLINE, reads, |allowed| *allowed).await?;
        for (verb, group, resource, first) in ALLOWED {
            let expected = ROLES.iter().position(|role| *role == first).is_some_and(|first| rank >= first);
            let allowed = is_allowed(&client, &namespace, &user, (verb, group, resource)).await?;
            assert_eq!(allowed, expected, "{role}: {verb} {resource}");
        }
        for what in FORBIDDEN {
            assert!(!is_allowed(&client, &namespace, &user, what).await?, "{role}: {what:?}");
        }
    }
    namespace.delete().await
}
