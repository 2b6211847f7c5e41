//! Tenants, plans and definitions are not deleted by mistake.

use crds::{Plan, Tenant};
use k8s_openapi::{
    api::rbac::v1::{ClusterRole, ClusterRoleBinding},
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use tests::{
    cluster::{client, client_as, unique},
    tenant_deletion::{annotate, delete_confirmed},
};

use super::{accepted, refused};

/// Words of the refusal of a Tenant that may not be deleted.
const REFUSED: &str = "must be archived before it is deleted";

static DRY_RUN: DeleteParams =
    DeleteParams { dry_run: true, grace_period_seconds: None, propagation_policy: None, preconditions: None };

/// Creates a tenant that the operator cannot set up, and so does not write beyond its conditions.
async fn create(tenants: &Api<Tenant>, mut spec: Value) -> anyhow::Result<String> {
    let slug = unique("kept");
    if let Some(fields) = spec.as_object_mut() {
        fields.insert("planRef".to_owned(), json!({"name": "missing"}));
    }
    let tenant = json!({
        "apiVersion": "smbcopilot.dev/v1alpha1", "kind": "Tenant", "metadata": {"name": slug}, "spec": spec,
    });
    tenants.create(&PostParams::default(), &serde_json::from_value(tenant)?).await?;
    Ok(slug)
}

/// A tenant that is neither archived nor confirmed cannot be deleted, alone or as one of many, and the message contains the
/// commands to run.
#[tokio::test]
async fn a_tenant_is_deleted_only_if_it_is_archived_or_confirmed() -> anyhow::Result<()> {
    let tenants = Api::<Tenant>::all(client().await?);
    let slug = create(&tenants, json!({"deletionPolicy": "Delete"})).await?;
    let command = format!("`kubectl annotate sten {slug} smbcopilot.dev/confirm-delete={slug}`");
    for words in [REFUSED, command.as_str(), "the namespace and the data of the tenant are deleted"] {
        refused(words, || tenants.delete(&slug, &DRY_RUN)).await?;
    }
    let alone = ListParams::default().fields(&format!("metadata.name={slug}"));
    refused(REFUSED, || tenants.delete_collection(&DRY_RUN, &alone)).await?;
    annotate(&tenants, &slug, json!({"smbcopilot.dev/confirm-delete": "another"})).await?;
    refused(REFUSED, || tenants.delete(&slug, &DRY_RUN)).await?;
    annotate(&tenants, &slug, json!({"smbcopilot.dev/confirm-delete": slug})).await?;
    accepted("a confirmed deletion", || tenants.delete(&slug, &DRY_RUN)).await?;
    delete_confirmed(&tenants, &slug).await
}

/// The spec alone does not make a tenant archived: the operator says when its runs have ended.
#[tokio::test]
async fn a_tenant_counts_as_archived_when_the_operator_says_so() -> anyhow::Result<()> {
    let tenants = Api::<Tenant>::all(client().await?);
    let slug = create(&tenants, json!({"state": "Archived"})).await?;
    refused(REFUSED, || tenants.delete(&slug, &DRY_RUN)).await?;
    let archived = json!({"status": {"archivedAt": "2026-11-24T08:00:00Z"}});
    tenants.patch_status(&slug, &PatchParams::default(), &Patch::Merge(archived)).await?;
    accepted("an archived tenant", || tenants.delete(&slug, &DRY_RUN)).await?;
    let active = json!({"spec": {"state": "Active"}});
    tenants.patch(&slug, &PatchParams::default(), &Patch::Merge(active)).await?;
    refused(REFUSED, || tenants.delete(&slug, &DRY_RUN)).await?;
    delete_confirmed(&tenants, &slug).await
}

/// Whoever may change tenants may confirm a deletion and restore an earlier tenant, without permission for finalizers.
#[tokio::test]
async fn administrators_of_tenants_confirm_deletions() -> anyhow::Result<()> {
    let admin = client().await?;
    let tenants = Api::<Tenant>::all(admin.clone());
    let slug = create(&tenants, json!({})).await?;
    let own = Api::<Tenant>::all(administrator(&admin).await?);
    let annotated = |annotations: Value| {
        let own = own.clone();
        let slug = slug.clone();
        async move {
            let patch = Patch::Merge(json!({"metadata": {"annotations": annotations}}));
            own.patch(&slug, &PatchParams { dry_run: true, ..PatchParams::default() }, &patch).await
        }
    };
    let permitted = json!({"smbcopilot.dev/confirm-delete": slug, "smbcopilot.dev/restore-from": "any"});
    accepted("annotations for users", || annotated(permitted.clone())).await?;
    refused("metadata.annotations must not", || annotated(json!({"smbcopilot.dev/any": "1"}))).await?;
    delete_confirmed(&tenants, &slug).await
}

async fn administrator(admin: &Client) -> anyhow::Result<Client> {
    let (role, user) = (unique("tenants"), format!("{}@platform.example", unique("ops")));
    let rules = json!([{"apiGroups": ["smbcopilot.dev"], "resources": ["tenants"], "verbs": ["get", "patch", "delete"]}]);
    let created = serde_json::from_value(json!({"metadata": {"name": role}, "rules": rules}))?;
    Api::<ClusterRole>::all(admin.clone()).create(&PostParams::default(), &created).await?;
    let binding = serde_json::from_value(json!({
        "metadata": {"name": role},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
    }))?;
    Api::<ClusterRoleBinding>::all(admin.clone()).create(&PostParams::default(), &binding).await?;
    client_as(&user, &[]).await
}

/// A plan that tenants use cannot be deleted; the message gives their number and the command that lists them.
#[tokio::test]
async fn a_plan_in_use_cannot_be_deleted() -> anyhow::Result<()> {
    let plans = Api::<Plan>::all(client().await?);
    let name = unique("used");
    let plan = json!({"apiVersion": "smbcopilot.dev/v1alpha1", "kind": "Plan", "metadata": {"name": name}, "spec": {}});
    plans.create(&PostParams::default(), &serde_json::from_value(plan)?).await?;
    accepted("an unused plan", || plans.delete(&name, &DRY_RUN)).await?;
    let used = Patch::Merge(json!({"status": {"tenants": 2}}));
    let list = format!("kubectl get sten --field-selector spec.planRef.name={name}");
    for words in ["is used by 2 tenants", list.as_str()] {
        refused(words, || async {
            // The operator, if it runs, counts no tenant of the plan.
            plans.patch_status(&name, &PatchParams::default(), &used).await?;
            plans.delete(&name, &DRY_RUN).await
        })
        .await?;
    }
    plans
        .patch_status(&name, &PatchParams::default(), &Patch::Merge(json!({"status": {"tenants": 0}})))
        .await?;
    plans.delete(&name, &DeleteParams::default()).await?;
    Ok(())
}

/// A definition of the platform is not deleted without a confirmation: its objects would be deleted with it.
#[tokio::test]
async fn a_definition_is_not_deleted_without_a_confirmation() -> anyhow::Result<()> {
    let definitions = Api::<CustomResourceDefinition>::all(client().await?);
    for kind in ["plans", "tenants", "workflows", "workflowruns"] {
        let name = format!("{kind}.smbcopilot.dev");
        let command = format!("kubectl annotate crd {name} smbcopilot.dev/confirm-delete={name}");
        refused(&command, || definitions.delete(&name, &DRY_RUN)).await?;
    }
    Ok(())
}
