//! The same manifests, applied as Flux does: by its kustomize-controller, with server-side apply.

use crds::conditions;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams},
    discovery::pinned_kind,
};
use serde_json::Value;
use tests::wait;

use super::{DEADLINE, manifests, rest_api::RestApi, tenancy::Tenancy};

/// Name under which Flux applies.
const MANAGER: &str = "kustomize-controller";

/// Objects that Flux applies never conflict with the operator, and applying them again changes nothing.
#[tokio::test]
async fn server_side_apply_as_by_flux_has_no_conflict_and_changes_nothing_again() -> anyhow::Result<()> {
    for object in &apply_all(&Tenancy::create("flux").await?, "").await? {
        let before = object.api.get(&object.name).await?;
        // Without force, the API server refuses a change of a field that another manager owns.
        let again = object.apply(&PatchParams::apply(MANAGER)).await?;
        assert_eq!(before.data.get("spec"), again.data.get("spec"), "{}", object.name);
        assert_eq!(before.metadata.generation, again.metadata.generation, "{}", object.name);
        let preview = PatchParams { dry_run: true, ..PatchParams::apply(MANAGER).force() };
        let preview = object.apply(&preview).await?;
        assert_eq!(preview.metadata.resource_version, again.metadata.resource_version, "{}", object.name);
    }
    Ok(())
}

/// A change by REST of what Flux has applied is refused with the field and its manager. One of another field is made, and applying
/// the same manifests again neither conflicts with it nor changes anything.
#[tokio::test]
async fn a_change_by_rest_of_what_flux_has_applied_is_refused() -> anyhow::Result<()> {
    let tenancy = Tenancy::create("flux-rest").await?;
    let applied = apply_all(&tenancy, "  state: Active\n").await?;
    let rest = RestApi::start(&tenancy).await?;
    rest.refuses_fields_of(MANAGER).await?;
    rest.change_others().await?;
    for object in &applied {
        let before = object.api.get(&object.name).await?;
        // Without force, the API server refuses a change of a field that another manager owns.
        let again = object.apply(&PatchParams::apply(MANAGER)).await?;
        assert_eq!(before.metadata.generation, again.metadata.generation, "{}", object.name);
    }
    Ok(())
}

/// Flux archives a tenant, applies its unchanged workflows again, and checks everything before it restores the tenant and changes a
/// workflow.
#[tokio::test]
async fn a_tenant_is_archived_and_restored_as_by_flux() -> anyhow::Result<()> {
    let tenancy = Tenancy::create("flux-archive").await?;
    for (state, timeout) in
        [("Active", ""), ("Archived", ""), ("Archived", ""), ("Active", "  timeout: 5m\n")]
    {
        let objects = objects(&tenancy, &format!("  state: {state}\n"), timeout).await?;
        // Kinds that do not exist in a new cluster, such as the namespace of the workflow, are not checked before.
        let exists = tenancy.workflows.get_opt("intake").await.is_ok_and(|found| found.is_some());
        let check = PatchParams { dry_run: true, ..PatchParams::apply(MANAGER).force() };
        for object in objects.iter().filter(|_| exists) {
            object.apply(&check).await?;
        }
        for object in &objects {
            // Flux repeats what is refused: the policy considers the state of the namespace some milliseconds after its change.
            let applied = async || Ok(object.apply(&PatchParams::apply(MANAGER).force()).await.err());
            wait::until(&format!("{} is applied", object.name), DEADLINE, applied, Option::is_none).await?;
            object.until_ready().await?;
        }
    }
    assert!(serde_json::to_string(&tenancy.workflows.get("intake").await?.spec)?.contains("5m"));
    Ok(())
}

/// Applies plan, tenant and workflow one after the other, each once the one before is ready.
async fn apply_all(tenancy: &Tenancy, tenant: &str) -> anyhow::Result<[Object; 3]> {
    let objects = objects(tenancy, tenant, "").await?;
    for object in &objects {
        object.apply(&PatchParams::apply(MANAGER).force()).await?;
        object.until_ready().await?;
    }
    Ok(objects)
}

/// Returns the plan, the tenant and the workflow, the last two with further lines of their specs.
async fn objects(tenancy: &Tenancy, tenant: &str, workflow: &str) -> anyhow::Result<[Object; 3]> {
    let (client, slug) = (&tenancy.client, &tenancy.slug);
    Ok([
        Object::new(client, &manifests::plan(slug)).await?,
        Object::new(client, &manifests::tenant(slug, tenant)).await?,
        Object::new(client, &manifests::workflow(slug, workflow)).await?,
    ])
}

/// Object of a manifest.
struct Object {
    api: Api<DynamicObject>,
    name: String,
    manifest: Value,
}

impl Object {
    async fn new(client: &Client, manifest: &str) -> anyhow::Result<Self> {
        let manifest: Value = serde_yaml::from_str(manifest)?;
        let text = |pointer: &str| manifest.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let gvk = GroupVersionKind::gvk("smbcopilot.dev", "v1alpha1", text("/kind"));
        let (kind, _): (ApiResource, _) = pinned_kind(client, &gvk).await?;
        let api = match text("/metadata/namespace") {
            "" => Api::all_with(client.clone(), &kind),
            namespace => Api::namespaced_with(client.clone(), namespace, &kind),
        };
        Ok(Self { api, name: text("/metadata/name").to_owned(), manifest })
    }

    async fn apply(&self, params: &PatchParams) -> anyhow::Result<DynamicObject> {
        Ok(self.api.patch(&self.name, params, &Patch::Apply(&self.manifest)).await?)
    }

    /// Waits for the condition that Flux waits for.
    async fn until_ready(&self) -> anyhow::Result<()> {
        let observe = async || {
            let object = self.api.get(&self.name).await?;
            let found = object.data.pointer("/status/conditions").cloned().unwrap_or_default();
            let found = serde_json::from_value::<Option<Vec<Condition>>>(found)?.unwrap_or_default();
            let observed = object.data.pointer("/status/observedGeneration").and_then(Value::as_i64);
            Ok(conditions::is_true(&found, conditions::READY) && observed == object.metadata.generation)
        };
        wait::until(&format!("{} is ready", self.name), DEADLINE, observe, |ready| *ready).await.map(drop)
    }
}
