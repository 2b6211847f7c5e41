//! The operator can write only to namespaces of tenants.

use crds::Tenant;
use k8s_openapi::api::{
    batch::v1::Job,
    core::v1::{ConfigMap, Namespace, Pod, Secret},
    networking::v1::NetworkPolicy,
    rbac::v1::RoleBinding,
};
use kube::{
    Api, Client,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use tests::{
    cluster::{client, client_as, unique},
    operator_process::{NAMESPACE, PROBE_NAMESPACE},
    tenant_deletion::delete_confirmed,
    test_namespace::TestNamespace,
};

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

/// The operator cannot delete a namespace that it has not created for a tenant, nor create one that is not restricted, or that
/// is restricted as an old version of Kubernetes was.
#[tokio::test]
async fn the_operator_changes_only_namespaces_of_tenants() -> anyhow::Result<()> {
    let (admin, operator) = (client().await?, operator().await?);
    let (tenant, other) = (TestNamespace::managed(&admin).await?, TestNamespace::unmanaged(&admin).await?);
    let namespaces = Api::<Namespace>::all(operator);
    let named = |labels: Value| {
        serde_json::from_value(json!({"metadata": {"name": unique("t-new"), "labels": labels}}))
    };
    let new =
        named(json!({"smbcopilot.dev/tenant": "new", "pod-security.kubernetes.io/enforce": "restricted"}))?;
    let plain = named(json!({"pod-security.kubernetes.io/enforce": "restricted"}))?;
    let open =
        named(json!({"smbcopilot.dev/tenant": "new", "pod-security.kubernetes.io/enforce": "privileged"}))?;
    let delete = DeleteParams { dry_run: true, ..DeleteParams::default() };
    accepted("a tenant's namespace", || namespaces.create(&DRY_RUN, &new)).await?;
    refused(FENCE, || namespaces.create(&DRY_RUN, &plain)).await?;
    refused("enforce the Pod Security Standard restricted", || namespaces.create(&DRY_RUN, &open)).await?;
    let versioned = |version: &str| {
        named(json!({
            "smbcopilot.dev/tenant": "new", "pod-security.kubernetes.io/enforce": "restricted",
            "pod-security.kubernetes.io/enforce-version": version,
        }))
    };
    let (old, current) = (versioned("v1.0")?, versioned("v1.31")?);
    refused("in the version v1.31", || namespaces.create(&DRY_RUN, &old)).await?;
    accepted("the version of the chart", || namespaces.create(&DRY_RUN, &current)).await?;
    assert_eq!(refusal(namespaces.delete(&tenant.name, &delete).await)?, None);
    refused(FENCE, || namespaces.delete(&other.name, &delete)).await?;
    let adopted = TestNamespace::adopted(&admin).await?;
    refused("only namespaces that it has created", || namespaces.delete(&adopted.name, &delete)).await?;
    let mark = Patch::Merge(json!({"metadata": {
        "labels": {"pod-security.kubernetes.io/enforce": "restricted"}, "annotations": {"smbcopilot.dev/created": "true"},
    }}));
    let params = PatchParams { dry_run: true, ..PatchParams::default() };
    refused("only when it creates a namespace", || namespaces.patch(&adopted.name, &params, &mark)).await?;
    adopted.delete().await?;
    tenant.delete().await?;
    other.delete().await
}

async fn label(
    namespaces: &Api<Namespace>,
    name: &str,
    tenant: &str,
    annotations: Value,
) -> kube::Result<Namespace> {
    let labels = json!({"smbcopilot.dev/tenant": tenant, "pod-security.kubernetes.io/enforce": "restricted"});
    let patch = Patch::Merge(json!({"metadata": {"labels": labels, "annotations": annotations}}));
    namespaces.patch(name, &PatchParams { dry_run: true, ..PatchParams::default() }, &patch).await
}

/// A compromised operator cannot make a foreign namespace a tenant's, and so never gets access to its Secrets.
#[tokio::test]
async fn the_operator_cannot_take_over_a_foreign_namespace() -> anyhow::Result<()> {
    let (admin, operator) = (client().await?, operator().await?);
    let (tenant, other) = (TestNamespace::managed(&admin).await?, TestNamespace::unmanaged(&admin).await?);
    let namespaces = Api::<Namespace>::all(operator.clone());
    refused(FENCE, || label(&namespaces, &other.name, "acme", json!({}))).await?;
    let own_permission = json!({"smbcopilot.dev/adopt-by": "acme"});
    refused(FENCE, || label(&namespaces, &other.name, "acme", own_permission.clone())).await?;
    refused(FENCE, || label(&namespaces, &tenant.name, "another", json!({}))).await?;
    refused("belongs to the cluster", || label(&namespaces, "kube-system", "acme", json!({}))).await?;
    let permission_alone = Patch::Merge(json!({"metadata": {"annotations": own_permission}}));
    let params = PatchParams { dry_run: true, ..PatchParams::default() };
    refused(FENCE, || namespaces.patch(&other.name, &params, &permission_alone)).await?;
    let binding = binding("smb-copilot-operator-tenant")?;
    let bindings = other.api::<RoleBinding>(&operator);
    refused(FENCE, || bindings.create(&DRY_RUN, &binding)).await?;
    let secret = other.api::<Secret>(&operator).get("credentials").await;
    let message = refusal(secret)?;
    assert!(message.as_ref().is_some_and(|message| message.contains("cannot get resource")), "{message:?}");
    tenant.delete().await?;
    other.delete().await
}

/// The operator adopts a namespace for the tenant that somebody else has named in an annotation, and for no other one.
#[tokio::test]
async fn the_operator_adopts_a_namespace_for_the_named_tenant() -> anyhow::Result<()> {
    let (admin, operator) = (client().await?, operator().await?);
    let other = TestNamespace::unmanaged(&admin).await?;
    let permission = Patch::Merge(json!({"metadata": {"annotations": {"smbcopilot.dev/adopt-by": "acme"}}}));
    Api::<Namespace>::all(admin).patch(&other.name, &PatchParams::default(), &permission).await?;
    let namespaces = Api::<Namespace>::all(operator);
    refused(FENCE, || label(&namespaces, &other.name, "globex", json!({}))).await?;
    accepted("the named tenant", || label(&namespaces, &other.name, "acme", json!({}))).await?;
    other.delete().await
}

/// The operator changes the finalizers of a Tenant, and never its spec.
#[tokio::test]
async fn the_operator_never_changes_the_spec_of_a_tenant() -> anyhow::Result<()> {
    let (admin, operator) = (client().await?, operator().await?);
    let slug = unique("fenced");
    let tenant = serde_json::from_value(json!({
        "apiVersion": "smbcopilot.dev/v1alpha1", "kind": "Tenant", "metadata": {"name": slug},
        "spec": {"planRef": {"name": "missing"}, "settings": {"vat": 7.0}},
    }))?;
    let all = Api::<Tenant>::all(admin);
    all.create(&PostParams::default(), &tenant).await?;
    let tenants = Api::<Tenant>::all(operator);
    let params = PatchParams { dry_run: true, ..PatchParams::default() };
    let access = Patch::Merge(json!({"spec": {"namespace": {"adopt": true}}}));
    refused("may change only the finalizers", || tenants.patch(&slug, &params, &access)).await?;
    let finalizers = Patch::Merge(json!({"metadata": {"finalizers": ["smbcopilot.dev/tenant"]}}));
    assert_eq!(refusal(tenants.patch(&slug, &params, &finalizers).await)?, None);
    let confirmed =
        Patch::Merge(json!({"metadata": {"annotations": {"smbcopilot.dev/confirm-delete": slug}}}));
    refused("may change only the finalizers", || tenants.patch(&slug, &params, &confirmed)).await?;
    delete_confirmed(&all, &slug).await
}

/// The operator deletes a Tenant only for the purge: the spec says Archived and Delete, and the api-server says that the data is
/// exported and that the retention has ended.
#[tokio::test]
async fn the_operator_deletes_only_archived_and_exported_tenants() -> anyhow::Result<()> {
    let (admin, operator) = (client().await?, operator().await?);
    let (all, tenants) = (Api::<Tenant>::all(admin), Api::<Tenant>::all(operator));
    let delete = DeleteParams { dry_run: true, ..DeleteParams::default() };
    let reported = |kinds: &[&str]| kinds.iter().map(|kind| condition(kind, "True")).collect::<Value>();
    let (exported, purgeable) = (reported(&["Exported"]), reported(&["Exported", "Purgeable"]));
    let purged = json!({"state": "Archived", "deletionPolicy": "Delete"});
    for (spec, conditions, permitted) in [
        (json!({}), json!([]), false),
        (json!({"state": "Archived"}), purgeable.clone(), false),
        (json!({"deletionPolicy": "Delete"}), purgeable.clone(), false),
        (purged.clone(), json!([]), false),
        (purged.clone(), exported, false),
        (purged, purgeable, true),
    ] {
        let slug = unique("purged");
        let mut tenant = json!({
            "apiVersion": "smbcopilot.dev/v1alpha1", "kind": "Tenant",
            "metadata": {"name": slug, "annotations": {"smbcopilot.dev/confirm-delete": slug}}, "spec": spec,
        });
        tenant["spec"]["planRef"] = json!({"name": "missing"});
        all.create(&PostParams::default(), &serde_json::from_value(tenant)?).await?;
        let times = json!({"archivedAt": "2026-11-24T07:00:00Z", "purgeAfter": "2026-11-24T07:00:01Z"});
        let mut status = json!({"status": times});
        status["status"]["conditions"] = conditions;
        all.patch_status(&slug, &PatchParams::default(), &Patch::Merge(status)).await?;
        if permitted {
            accepted("an exported tenant", || tenants.delete(&slug, &delete)).await?;
        } else {
            refused("the operator may delete only a Tenant", || tenants.delete(&slug, &delete)).await?;
        }
        delete_confirmed(&all, &slug).await?;
    }
    Ok(())
}

fn condition(kind: &str, status: &str) -> Value {
    json!({"type": kind, "status": status, "reason": "Any", "message": "", "lastTransitionTime": "2026-11-24T08:00:00Z"})
}

/// A compromised operator cannot pretend that a tenant's data is exported, that its retention has ended or that its data is
/// deleted, and cannot remove what the api-server says about it.
#[tokio::test]
async fn the_operator_never_changes_what_the_api_server_reports() -> anyhow::Result<()> {
    let (admin, operator) = (client().await?, operator().await?);
    let (all, tenants) = (Api::<Tenant>::all(admin), Api::<Tenant>::all(operator));
    let slug = unique("reported");
    let tenant = json!({"apiVersion": "smbcopilot.dev/v1alpha1", "kind": "Tenant", "metadata": {"name": slug},
        "spec": {"planRef": {"name": "missing"}}});
    all.create(&PostParams::default(), &serde_json::from_value(tenant)?).await?;
    let export = json!({"location": "s3://bucket/exports", "archivedAt": "2026-11-24T07:00:00Z"});
    let reported = json!({"conditions": [condition("Exported", "False")], "export": export});
    let own = PatchParams::apply("smb-copilot-api-server-tenant-end");
    let applied = |status: &Value| {
        Patch::Apply(
            json!({"apiVersion": "smbcopilot.dev/v1alpha1", "kind": "Tenant", "metadata": {"name": slug},
            "status": status}),
        )
    };
    all.patch_status(&slug, &own, &applied(&reported)).await?;
    let mut forced = PatchParams::apply("smb-copilot-operator").force();
    forced.dry_run = true;
    for status in [
        json!({"conditions": [condition("Exported", "True")]}),
        json!({"conditions": [condition("Purgeable", "True")]}),
        json!({"conditions": [condition("DataDeleted", "True")]}),
        json!({"export": {"location": "s3://bucket/exports", "archivedAt": "2026-11-25T07:00:00Z"}}),
    ] {
        let forged = applied(&status);
        refused("may not change what the api-server reports", || {
            tenants.patch_status(&slug, &forced, &forged)
        })
        .await?;
    }
    let merged = PatchParams { dry_run: true, ..PatchParams::default() };
    let removed = Patch::Merge(json!({"status": {"conditions": [condition("Ready", "True")]}}));
    refused("may not change what the api-server reports", || tenants.patch_status(&slug, &merged, &removed))
        .await?;
    let ready = applied(&json!({"phase": "Active", "conditions": [condition("Ready", "True")]}));
    accepted("its own conditions", || tenants.patch_status(&slug, &forced, &ready)).await?;
    delete_confirmed(&all, &slug).await
}

/// The operator releases a namespace that was adopted, and no other one.
#[tokio::test]
async fn the_operator_releases_only_adopted_namespaces() -> anyhow::Result<()> {
    let (admin, operator) = (client().await?, operator().await?);
    let (created, adopted) = (TestNamespace::managed(&admin).await?, TestNamespace::adopted(&admin).await?);
    let namespaces = Api::<Namespace>::all(operator);
    let params = PatchParams { dry_run: true, ..PatchParams::default() };
    let labels = json!({"smbcopilot.dev/tenant": null, "pod-security.kubernetes.io/enforce": null});
    let release = Patch::Merge(json!({"metadata": {"labels": labels}}));
    refused(FENCE, || namespaces.patch(&created.name, &params, &release)).await?;
    accepted("an adopted namespace", || namespaces.patch(&adopted.name, &params, &release)).await?;
    let labels = json!({"smbcopilot.dev/tenant": null, "pod-security.kubernetes.io/enforce": "privileged"});
    let weaken = Patch::Merge(json!({"metadata": {"labels": labels}}));
    refused("may not weaken", || namespaces.patch(&adopted.name, &params, &weaken)).await?;
    created.delete().await?;
    adopted.delete().await
}

/// Outside of tenants' namespaces the operator can create pods in the namespace of the network probe alone, and of the objects
/// there it can change only the result of the probe.
#[tokio::test]
async fn the_operator_creates_pods_of_its_own_only_for_the_network_probe() -> anyhow::Result<()> {
    let operator = operator().await?;
    let probe = json!({"metadata": {"name": unique("server")}, "spec": {
        "securityContext": {"runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [{
            "name": "probe", "image": "docker.io/smb-copilot/runner:local",
            "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
            "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
        }],
    }});
    let pod: Pod = serde_json::from_value(probe)?;
    let pods = |namespace| Api::<Pod>::namespaced(operator.clone(), namespace);
    accepted("a pod of the probe", || async { pods(PROBE_NAMESPACE).create(&DRY_RUN, &pod).await }).await?;
    for namespace in [NAMESPACE, "default"] {
        let message = refusal(pods(namespace).create(&DRY_RUN, &pod).await)?;
        assert!(message.is_some(), "a pod in {namespace} must be refused");
    }
    let maps = Api::<ConfigMap>::namespaced(operator.clone(), PROBE_NAMESPACE);
    let params = PatchParams { dry_run: true, ..PatchParams::default() };
    let result = Patch::Merge(json!({"data": {"result": "Enforced"}}));
    accepted("the result", || maps.patch("network-probe", &params, &result)).await?;
    let message = refusal(maps.patch("kube-root-ca.crt", &params, &result).await)?;
    assert!(message.is_some(), "another ConfigMap must not be changed");
    let policies = Api::<NetworkPolicy>::namespaced(operator, PROBE_NAMESPACE);
    let open = Patch::Merge(json!({"spec": {"ingress": [{}]}}));
    let message = refusal(policies.patch("incoming", &params, &open).await)?;
    assert!(message.is_some(), "the policies of the probe must not be changed");
    Ok(())
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
