//! Three tenants that differ in what they share with others.

use crds::{
    Plan, Tenant,
    conditions::{READY, is_true},
    labels,
};
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};
use tests::{cluster, tenant_namespace::DEADLINE, wait};
use tokio::sync::OnceCell;

/// Kind of a tenant, and what its plan and its spec say in addition.
fn variants() -> [(&'static str, Value, Value); 3] {
    [
        ("shared", json!({}), json!({})),
        ("dedicated", json!({"vectors": {"placement": "Dedicated", "model": "minilm"}}), json!({})),
        ("adopted", json!({}), json!({"adopt": true})),
    ]
}

/// Slugs of the tenants, which the first test creates.
static SLUGS: OnceCell<Vec<String>> = OnceCell::const_new();

/// Returns the slugs of the three tenants.
pub(super) async fn get_or_create() -> anyhow::Result<&'static [String]> {
    let slugs = SLUGS.get_or_try_init(|| async {
        let client = cluster::client().await?;
        let mut slugs = Vec::new();
        for (name, plan, namespace) in variants() {
            let slug = cluster::unique(name);
            create(&client, &slug, plan, namespace).await?;
            slugs.push(slug);
        }
        anyhow::Ok(slugs)
    });
    Ok(slugs.await?)
}

/// Returns the name of a tenant's namespace.
pub(super) fn namespace(slug: &str) -> String {
    crds::names::tenant_namespace(slug)
}

async fn create(client: &Client, slug: &str, plan: Value, namespace: Value) -> anyhow::Result<()> {
    let params = PatchParams::apply("node-tests").validation_strict();
    if namespace != json!({}) {
        let existing = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {
            "name": self::namespace(slug), "annotations": {labels::ADOPT_BY: slug},
        }});
        let namespaces = Api::<Namespace>::all(client.clone());
        namespaces.patch(&self::namespace(slug), &params, &Patch::Apply(existing)).await?;
    }
    let object = |kind: &str, spec: Value| json!({"apiVersion": "smbcopilot.dev/v1alpha1", "kind": kind, "metadata": {"name": slug}, "spec": spec});
    let plans = Api::<Plan>::all(client.clone());
    plans.patch(slug, &params, &Patch::Apply(object("Plan", plan))).await?;
    let spec = json!({"planRef": {"name": slug}, "namespace": namespace});
    let tenants = Api::<Tenant>::all(client.clone());
    tenants.patch(slug, &params, &Patch::Apply(object("Tenant", spec))).await?;
    let is_ready = |tenant: &Tenant| {
        let conditions = tenant.status.as_ref().map_or(&[][..], |status| &status.conditions);
        is_true(conditions, READY) && is_true(conditions, "VectorStoreReady")
    };
    let tenant = async || Ok(tenants.get(slug).await?);
    wait::until("the tenant is ready", DEADLINE, tenant, is_ready).await.map(drop)
}
