//! What people may do with kubectl in their tenant's namespace.

use k8s_openapi::api::authorization::v1::SubjectAccessReview;
use kube::{Api, Client, api::PostParams};
use serde_json::json;
use tests::{
    cluster::{client, unique},
    wait,
};

use tests::place::Place;

use super::ENFORCED;

const ROLES: [&str; 4] = ["viewer", "operator", "builder", "admin"];

/// Each would be a way round the fence, or to another one's credentials.
const FORBIDDEN: [(&str, &str, &str); 12] = [
    ("create", "", "pods"),
    ("create", "", "pods/exec"),
    ("create", "", "pods/attach"),
    ("patch", "", "pods/ephemeralcontainers"),
    ("create", "batch", "jobs"),
    ("create", "", "serviceaccounts/token"),
    ("get", "", "secrets"),
    ("list", "", "secrets"),
    ("patch", "", "secrets"),
    ("patch", "smbcopilot.dev", "workflowruns/status"),
    ("create", "rbac.authorization.k8s.io", "rolebindings"),
    ("patch", "networking.k8s.io", "networkpolicies"),
];

/// Verb, group and resource, and the first of [`ROLES`] that may.
const ALLOWED: [(&str, &str, &str, &str); 7] = [
    ("get", "smbcopilot.dev", "workflowruns", "viewer"),
    ("get", "", "pods/log", "viewer"),
    ("create", "smbcopilot.dev", "workflowruns", "operator"),
    ("patch", "smbcopilot.dev", "workflowruns", "operator"),
    ("create", "smbcopilot.dev", "workflows", "builder"),
    ("delete", "smbcopilot.dev", "workflowruns", "admin"),
    ("create", "", "secrets", "admin"),
];

async fn may(
    client: &Client,
    place: &Place,
    user: &str,
    (verb, group, resource): (&str, &str, &str),
) -> anyhow::Result<bool> {
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let review = serde_json::from_value(
        json!({"metadata": {}, "spec": {"user": user, "resourceAttributes": {
            "namespace": place.namespace, "verb": verb, "group": group, "resource": resource, "subresource": subresource,
        }}}),
    )?;
    let answer =
        Api::<SubjectAccessReview>::all(client.clone()).create(&PostParams::default(), &review).await?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}

/// A viewer starts runs; or somebody with kubectl gets at a token, and with it at everything.
#[tokio::test]
async fn each_role_may_do_its_own_and_none_may_go_round_the_fence() -> anyhow::Result<()> {
    let client = client().await?;
    let place = Place::managed(&client).await?;
    for (rank, role) in ROLES.iter().enumerate() {
        let user = unique(role);
        let subject = json!({"kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io"});
        place.bind(&format!("smb-copilot-tenant-{role}"), subject).await?;
        let reads = async || may(&client, &place, &user, ("get", "smbcopilot.dev", "workflows")).await;
        wait::until("reads", ENFORCED, reads, |allowed| *allowed).await?;
        for (verb, group, resource, first) in ALLOWED {
            let expected = ROLES.iter().position(|role| *role == first).is_some_and(|first| rank >= first);
            let allowed = may(&client, &place, &user, (verb, group, resource)).await?;
            assert_eq!(allowed, expected, "{role}: {verb} {resource}");
        }
        for what in FORBIDDEN {
            assert!(!may(&client, &place, &user, what).await?, "{role}: {what:?}");
        }
    }
    place.remove().await
}
