//! Requests to the Kubernetes API from pods, with the token of each service account of a tenant.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ServiceAccount;
use kube::{Api, ResourceExt as _, api::ListParams};
use serde::Deserialize;
use serde_json::json;
use tests::{cluster, docs::section, kinds};

use super::{super::pods::python, PAGE, tenants};

/// Sends each request in each namespace, and writes how many were refused and which were not.
const PROGRAM: &str = r#"
import http.client, json, ssl, sys

ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount/"
TYPES = {"PATCH": "application/merge-patch+json"}
token = open(ACCOUNT + "token").read()
connection = http.client.HTTPSConnection(
    "kubernetes.default", context=ssl.create_default_context(cafile=ACCOUNT + "ca.crt"), timeout=20)
namespaces, attempts = json.loads(sys.argv[1]), json.loads(sys.argv[2])
found = {}
for namespace in namespaces:
    result = found[namespace] = {"refused": 0, "reached": []}
    for method, path in attempts:
        body = None if method == "GET" else "{}"
        headers = {"Authorization": "Bearer " + token, "Content-Type": TYPES.get(method, "application/json")}
        connection.request(method, path.replace("{namespace}", namespace), body, headers)
        response = connection.getresponse()
        response.read()
        if response.status == 403:
            result["refused"] += 1
        else:
            result["reached"].append("%s %s: %d" % (method, path.split("?")[0], response.status))
    result["reached"] = result["reached"][:8]
with open("/dev/termination-log", "w") as file:
    json.dump(found, file)
"#;
/// Object that exists in each tenant's namespace and that runners read by its name.
const SETTINGS_MAP: (&str, &str) = ("configmaps", crds::names::TENANT_CONFIG_MAP);

#[derive(Debug, Deserialize)]
struct Found {
    refused: usize,
    /// The first requests that were not refused.
    reached: Vec<String>,
}

/// A pod reaches no object of another tenant with the token of any service account of its own tenant, by no verb of any resource that
/// the API server serves. A runner reaches what it needs of its own tenant, and other pods nothing.
#[tokio::test]
async fn no_service_account_of_a_tenant_reaches_another_tenant() -> anyhow::Result<()> {
    let (client, slugs) = (cluster::client().await?, tenants::get_or_create().await?);
    let served = kinds::served(&client).await?;
    let namespaced = || served.iter().filter(|resource| resource.namespaced);
    let attempts: Vec<_> = namespaced()
        .flat_map(|it| it.attempts("{namespace}", (it.plural == SETTINGS_MAP.0).then_some(SETTINGS_MAP.1)))
        .map(|attempt| (attempt.method, attempt.path))
        .collect();
    let namespaces: Vec<_> = slugs.iter().map(|slug| tenants::namespace(slug)).collect();
    let arguments = [serde_json::to_string(&namespaces)?, serde_json::to_string(&attempts)?];
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    for own in &namespaces {
        let accounts = Api::<ServiceAccount>::namespaced(client.clone(), own);
        let accounts = accounts.list(&ListParams::default()).await?;
        let names: Vec<_> = accounts.iter().map(|account| account.name_any()).collect();
        assert_eq!(names, ["default", "smb-runner"], "the service accounts of a tenant");
        for account in &names {
            let place = (own.as_str(), account.as_str());
            let found: BTreeMap<String, Found> = python(&client, place, PROGRAM, &arguments).await?;
            for (namespace, Found { refused, reached }) in &found {
                let is_allowed = namespace == own && account == "smb-runner";
                assert_eq!(!reached.is_empty(), is_allowed, "{account} of {own} in {namespace}: {reached:?}");
                assert!(is_allowed || *refused == attempts.len(), "{account} of {own} in {namespace}");
            }
            assert_eq!(found.len(), namespaces.len());
        }
    }
    let verbs = json!(attempts.len());
    let executed = format!(
        "| from a pod with the token of | own tenant | each other tenant: {verbs} requests, one for each verb of {} resources |\n\
         | --- | --- | --- |\n| `default` | refused | refused |\n| `smb-runner` | what a runner needs | refused |",
        namespaced().count()
    );
    section::check(PAGE, "service-accounts", &executed)
}
