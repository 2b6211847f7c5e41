//! The operator can write only to namespaces of tenants.

use k8s_openapi::api::{
    batch::v1::Job,
    core::v1::{Namespace, Secret},
    rbac::v1::RoleBinding,
};
use kube::{
    Api, Client,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use tests::cluster::{client, client_as, unique};

use tests::test_namespace::TestNamespace;

use super::{accepted, refusal, refused};

const ACCOUNT: &str = "system:serviceaccount:smb-copilot:smb-copilot-operator";
const GROUPS: [&str; 3] =
    ["system:serviceaccounts", "system:serviceaccounts:smb-copilot", "system:authenticated"];
const FENCE: &str = "smb-copilot-operator-fence";

/// Requests that are expected to be permitted are sent as dry runs, so that they change nothing.
const DRY_RUN: PostParams = PostParams { dry_run: true, field_manager: None };

fn subject() -> Value {
    json!({"kind": "ServiceAccount", "name": "smb-copilot-operator", "namespace": "smb-copilot"})
}

fn job() -> anyhow::Result<Job> {
    Ok(serde_json::from_value(json!({"metadata": {"name": unique("run")}, "spec": {"template": {"spec": {
        "restartPolicy": "Never", "containers": [{"name": "runner", "image": "docker.io/smb-copilot/runner:local"}],
    }}}}))?)
}

fn binding(role: &str) -> anyhow::Result<RoleBinding> {
    Ok(serde_json::from_value(json!({
        "metadata": {"name": unique("smb")}, "subjects": [subject()],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
    }))?)
}

async fn operator() -> anyhow::Result<Client> {
    client_as(ACCOUNT, &GROUPS).await
}

/// The operator can create Jobs only in namespaces of tenants.
#[tokio::test]
async fn the_operator_creates_jobs_only_in_namespaces_of_tenants() -> anyhow::Result<()> {
    let (admin, operator) = (client().await?, operator().await?);
    let (tenant, other) = (TestNamespace::managed(&admin).await?, TestNamespace::unmanaged(&admin).await?);
    // The policy also applies if the operator was given the role of a tenant's namespace.
    tenant.bind("smb-copilot-operator-tenant", subject()).await?;
    other.bind("smb-copilot-operator-tenant", subject()).await?;
    let job = job()?;
    let (inside, outside) = (tenant.api::<Job>(&operator), other.api::<Job>(&operator));
    accepted("a Job in a tenant's namespace", || inside.create(&DRY_RUN, &job)).await?;
    refused(FENCE, || outside.create(&DRY_RUN, &job)).await?;
    let message = refusal(Api::<Job>::namespaced(operator, "default").create(&DRY_RUN, &job).await)?;
    assert!(message.is_some(), "a Job in the namespace default must be refused");
    tenant.delete().await?;
    other.delete().await
}

/// The operator can bind only the roles of the chart, and only in namespaces of tenants.
#[tokio::test]
async fn the_operator_binds_named_roles_only_in_namespaces_of_tenants() -> anyhow::Result<()> {
    let (admin, operator) = (client().await?, operator().await?);
    let (tenant, other) = (TestNamespace::managed(&admin).await?, TestNamespace::unmanaged(&admin).await?);
    let (inside, outside) = (tenant.api::<RoleBinding>(&operator), other.api::<RoleBinding>(&operator));
    let (own, too_much) = (binding("smb-copilot-operator-tenant")?, binding("cluster-admin")?);
    accepted("its role in a tenant's namespace", || inside.create(&DRY_RUN, &own)).await?;
    refused(FENCE, || outside.create(&DRY_RUN, &own)).await?;
    let message = refusal(inside.create(&DRY_RUN, &too_much).await)?;
    assert!(
        message.as_ref().is_some_and(|message| message.contains("attempting to grant RBAC permissions")),
        "{message:?}"
    );
    tenant.delete().await?;
    other.delete().await
}

/// The operator cannot delete or relabel a namespace that does not belong to a tenant.
#[tokio::test]
async fn the_operator_changes_only_namespaces_of_tenants() -> anyhow::Result<()> {
    let (admin, operator) = (client().await?, operator().await?);
    let (tenant, other) = (TestNamespace::managed(&admin).await?, TestNamespace::unmanaged(&admin).await?);
    let namespaces = Api::<Namespace>::all(operator);
    let named = |labels: Value| {
        serde_json::from_value(json!({"metadata": {"name": unique("t-new"), "labels": labels}}))
    };
    let (new, plain) = (named(json!({"smbcopilot.dev/tenant": "new"}))?, named(json!({}))?);
    let delete = DeleteParams { dry_run: true, ..DeleteParams::default() };
    accepted("a tenant's namespace", || namespaces.create(&DRY_RUN, &new)).await?;
    refused(FENCE, || namespaces.create(&DRY_RUN, &plain)).await?;
    assert_eq!(refusal(namespaces.delete(&tenant.name, &delete).await)?, None);
    refused(FENCE, || namespaces.delete(&other.name, &delete)).await?;
    let label = Patch::Merge(json!({"metadata": {"labels": {"smbcopilot.dev/tenant": "acme"}}}));
    let patch = PatchParams { dry_run: true, ..PatchParams::default() };
    assert_eq!(refusal(namespaces.patch(&other.name, &patch, &label).await)?, None, "adoption");
    refused(FENCE, || namespaces.patch("kube-system", &patch, &label)).await?;
    tenant.delete().await?;
    other.delete().await
}

/// The operator cannot read the Secrets of tenants.
#[tokio::test]
async fn the_operator_reads_no_secrets() -> anyhow::Result<()> {
    let (admin, operator) = (client().await?, operator().await?);
    let tenant = TestNamespace::managed(&admin).await?;
    tenant.bind("smb-copilot-operator-tenant", subject()).await?;
    accepted("reading what it may", || async {
        tenant.api::<Job>(&operator).list(&ListParams::default()).await
    })
    .await?;
    let message = refusal(tenant.api::<Secret>(&operator).list(&ListParams::default()).await)?;
    assert!(
        message.as_ref().is_some_and(|message| message.contains("cannot list resource \"secrets\"")),
        "{message:?}"
    );
    tenant.delete().await
}
