//! Requests to the Kubernetes API as each user and service account of a tenant.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, ensure};
use futures::{StreamExt as _, TryStreamExt as _, future::try_join_all, stream};
use k8s_openapi::api::authorization::v1::SelfSubjectRulesReview;
use kube::{Api, Client, api::PostParams};
use serde_json::json;
use tests::{
    cluster,
    docs::section,
    kinds::{self, Attempt, Resource},
};

use super::{
    PAGE,
    table::{Access, Table},
    tenants::{self, Subject, Tenant},
};

/// Number of requests at the same time.
const CONCURRENT: usize = 16;
/// Verbs that write. The first one that a resource has represents the others.
const WRITES: [&str; 5] = ["create", "patch", "update", "delete", "deletecollection"];
/// Namespaces that belong to no tenant.
const OTHERS: [&str; 3] = ["smb-copilot", "kube-system", "default"];

/// What the API server says of a subject's rights in a namespace.
async fn rules(client: &Client, namespace: &str) -> anyhow::Result<BTreeSet<String>> {
    let review = serde_json::from_value(json!({"metadata": {}, "spec": {"namespace": namespace}}))?;
    let reviews = Api::<SelfSubjectRulesReview>::all(client.clone());
    let status = reviews.create(&PostParams::default(), &review).await?.status.context("no status")?;
    ensure!(!status.incomplete, "the rules of a subject are incomplete: {:?}", status.evaluation_error);
    let resources = status.resource_rules.iter().map(|rule| {
        let (groups, names) = (&rule.api_groups, &rule.resource_names);
        format!("{:?} {groups:?} {:?} {names:?}", rule.verbs, rule.resources)
    });
    let urls =
        status.non_resource_rules.iter().map(|rule| format!("{:?} {:?}", rule.verbs, rule.non_resource_urls));
    Ok(resources.chain(urls).collect())
}

/// Sends a request, and returns the status of the response.
async fn send(client: &Client, attempt: &Attempt) -> anyhow::Result<u16> {
    let request = http::Request::builder().method(attempt.method).uri(&attempt.path);
    let request = match attempt.method {
        "PATCH" => request.header("content-type", "application/merge-patch+json").body(b"{}".to_vec()),
        "GET" => request.body(Vec::new()),
        _ => request.header("content-type", "application/json").body(b"{}".to_vec()),
    };
    match client.request_text(request?).await {
        Ok(_) => Ok(200),
        Err(kube::Error::Api(status)) => Ok(status.code),
        Err(error) => Err(error).with_context(|| format!("{} {}", attempt.method, attempt.path)),
    }
}

/// Returns the requests that represent a resource: those that read an object and the list, and one that writes. Whether a subject
/// may use any other verb, the API server says in its rules.
fn attempts(resource: &Resource, namespace: &str, names: &BTreeMap<String, String>) -> Vec<Attempt> {
    let plural = resource.plural.split('/').next().unwrap_or_default();
    let mut attempts = resource.attempts(namespace, names.get(plural).map(String::as_str));
    attempts.retain(|attempt| ["get", "list"].contains(&attempt.verb.as_str()));
    // Of an object that does not exist: rights are checked before, and no admission policy judges the request.
    let writes = resource.attempts(namespace, None);
    attempts.extend(WRITES.iter().find_map(|verb| writes.iter().find(|write| write.verb == *verb)).cloned());
    attempts
}

/// Sends the requests for each resource, and returns what was reached: everything that was not refused for the subject's rights.
async fn reached(
    subject: &Subject,
    (namespace, names): (&str, &BTreeMap<String, String>),
    resources: &[&Resource],
) -> anyhow::Result<BTreeSet<(String, Access)>> {
    let requests = resources.iter().flat_map(|resource| {
        attempts(resource, namespace, names).into_iter().map(|attempt| (resource.name(), attempt))
    });
    let outcomes: Vec<Option<(String, Access)>> = stream::iter(requests)
        .map(|(name, attempt)| async move {
            let status = send(&subject.client, &attempt).await?;
            ensure!(status != 401, "{} is not authenticated", subject.name);
            let access = if attempt.method == "GET" { Access::Read } else { Access::Write };
            anyhow::Ok((status != 403).then_some((name, access)))
        })
        .buffer_unordered(CONCURRENT)
        .try_collect()
        .await?;
    Ok(outcomes.into_iter().flatten().collect())
}

/// The rights of each user and service account of a tenant in another tenant's namespace, in those of the platform and of the
/// cluster are those of somebody without any role. In the own namespace they are not, except for the account `default`, which
/// nobody uses.
async fn compare_rules(tenants: &[Tenant]) -> anyhow::Result<()> {
    for (index, tenant) in tenants.iter().enumerate() {
        let strangers = tenants::strangers(&tenant.subjects).await?;
        for (subject, stranger) in tenant.subjects.iter().zip(&strangers) {
            let own = &tenant.fixture.namespace;
            let has_rights = rules(&subject.client, own).await? != rules(&stranger.client, own).await?;
            assert_eq!(has_rights, subject.name != "default", "{} in {own}", subject.name);
            let others = tenants.iter().enumerate().filter(|(other, _)| *other != index);
            let others = others.map(|(_, other)| other.fixture.namespace.as_str()).chain(OTHERS);
            for namespace in others {
                let rules_there = rules(&subject.client, namespace).await?;
                assert_eq!(
                    rules_there,
                    rules(&stranger.client, namespace).await?,
                    "{} in {namespace}",
                    subject.name
                );
            }
        }
    }
    Ok(())
}

fn belongs_to_tenant(resource: &Resource) -> bool {
    let kind = resource.plural.split('/').next().unwrap_or_default();
    ["namespaces", "tenants", "plans"].contains(&kind)
}

/// No user or service account of a tenant reaches an object of another tenant, whatever its kind. Each of the same requests is
/// permitted to somebody of the own tenant, or to an administrator of the cluster.
#[tokio::test]
async fn no_subject_of_a_tenant_reaches_objects_of_another() -> anyhow::Result<()> {
    let tenants = tenants::create().await?;
    compare_rules(&tenants).await?;
    let served = kinds::served(&cluster::client().await?).await?;
    let (namespaced, of_cluster): (Vec<&Resource>, Vec<&Resource>) =
        served.iter().partition(|it| it.namespaced);
    let names = try_join_all(tenants.iter().map(|tenant| tenant.names(&served))).await?;
    // Of the objects of the cluster, those that belong to a tenant are tried by each pair of tenants.
    let of_tenants: Vec<&Resource> = of_cluster.iter().copied().filter(|it| belongs_to_tenant(it)).collect();
    let mut table = Table::new(tenants[0].subjects.iter().map(|subject| subject.name.clone()));
    let place = |index: usize| (tenants[index].fixture.namespace.as_str(), &names[index]);
    let admin = Subject { name: "cluster-admin".to_owned(), client: cluster::client().await? };
    table.permitted(reached(&admin, place(0), &namespaced).await?);
    table.permitted(reached(&admin, place(0), &of_cluster).await?);
    for stranger in tenants::strangers(&tenants[0].subjects).await? {
        table.for_everybody(reached(&stranger, place(0), &of_cluster).await?);
    }
    for (attacker, tenant) in tenants.iter().enumerate() {
        for subject in &tenant.subjects {
            table.own(&subject.name, &reached(subject, place(attacker), &namespaced).await?)?;
            let open = reached(subject, place(attacker), &of_cluster).await?;
            assert_eq!(&open, table.everybody_reaches(), "{}", subject.name);
            for victim in (0..tenants.len()).filter(|victim| *victim != attacker) {
                for resources in [&namespaced, &of_tenants] {
                    let open = reached(subject, place(victim), resources).await?;
                    assert_eq!(open, BTreeSet::new(), "{} reaches {}", subject.name, place(victim).0);
                }
            }
        }
    }
    section::check(PAGE, "kubernetes", &table.render(&namespaced, &of_cluster)?)
}
