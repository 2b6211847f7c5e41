//! A tenant at the limits: a slug of 40 characters, a name in Chinese, and settings of 100 KiB.

use anyhow::Context as _;
use crds::{
    Plan, Tenant,
    conditions::{READY, is_true},
    names,
};
use kube::{
    Api, ResourceExt as _,
    api::{DynamicObject, ListParams, Patch, PatchParams},
};
use serde_json::{Value, json};
use tests::{
    api::ApiClient,
    environment::variable,
    kinds,
    tenant_namespace::{DEADLINE, TenantNamespace},
    wait,
};

const NAME: &str = "成都面馆与水饺铺";
/// Name of the workflow, with the 40 characters that are retained in the names of its runs.
const WORKFLOW: &str = "monthly-catalogue-of-noodles-and-dumplin";
const SPEC: &str = r#"
steps:
- name: read
  with: {settings: "${{ tenant.settings }}"}
  python:
    code: |
      def run(input, ctx):
          print("面馆")
          return len(input["settings"]["catalogue"])
- {name: last, needs: [read], expr: {value: "${{ tenant.settings.catalogue[steps.read.output - 1].name }}"}}
output: {count: "${{ steps.read.output }}", last: "${{ steps.last.output }}", tenant: "${{ tenant.name }}"}
"#;

/// Returns settings of more than 100 KiB, with a catalogue whose last item is named 水饺.
fn large_settings() -> Value {
    let mut catalogue = Vec::new();
    let mut bytes = 0;
    while bytes < 100 * 1024 {
        let item = json!({"sku": format!("sku-{}", catalogue.len()), "name": "担担面", "price": 1200});
        bytes += item.to_string().len();
        catalogue.push(item);
    }
    catalogue.push(json!({"sku": "last", "name": "水饺", "price": 900}));
    json!({"catalogue": catalogue, "currency": "CNY"})
}

/// Creates the tenant, with a collection of its own, and waits until it is ready with its vectors.
async fn create(slug: &str) -> anyhow::Result<(TenantNamespace, Tenant)> {
    let namespace = TenantNamespace::for_tenant(slug).await?;
    let object = |kind: &str, spec: Value| json!({"apiVersion": "smbcopilot.dev/v1alpha1", "kind": kind, "metadata": {"name": slug}, "spec": spec});
    let params = PatchParams::apply("node-tests").validation_strict();
    let plan = json!({"displayName": "Large", "vectors": {"placement": "Dedicated", "model": "minilm"}});
    let plans = Api::<Plan>::all(namespace.client.clone());
    plans.patch(slug, &params, &Patch::Apply(object("Plan", plan))).await?;
    let spec = json!({"displayName": NAME, "planRef": {"name": slug}, "settings": large_settings()});
    let tenants = Api::<Tenant>::all(namespace.client.clone());
    tenants.patch(slug, &params, &Patch::Apply(object("Tenant", spec))).await?;
    let is_ready = |tenant: &Tenant| {
        let conditions = tenant.status.as_ref().map_or(&[][..], |status| &status.conditions);
        [READY, "VectorStoreReady", "Mirrored"].iter().all(|kind| is_true(conditions, kind))
    };
    let tenant = async || Ok(tenants.get(slug).await?);
    let tenant = wait::until("the tenant is ready and mirrored", DEADLINE, tenant, is_ready).await?;
    Ok((namespace, tenant))
}

/// Checks that every object in the namespace has the slug in the label of its tenant, if it has the label.
async fn check_labels(namespace: &TenantNamespace, slug: &str) -> anyhow::Result<()> {
    let mut labelled = Vec::new();
    let served = kinds::served(&namespace.client).await?;
    for resource in served.iter().filter(|it| it.namespaced && it.offers("list")) {
        let api: Api<DynamicObject> =
            Api::namespaced_with(namespace.client.clone(), &namespace.name, &resource.api_resource());
        for object in api.list_metadata(&ListParams::default()).await? {
            if let Some(label) = object.labels().get(crds::labels::TENANT) {
                assert_eq!(label, slug, "{} {}", resource.kind, object.name_any());
                labelled.push(resource.kind.clone());
            }
        }
    }
    for kind in ["ControllerRevision", "NetworkPolicy", "ConfigMap"] {
        assert!(labelled.iter().any(|labelled| labelled == kind), "no {kind} in {labelled:?}");
    }
    Ok(())
}

/// A tenant with the longest slug, a name that is not Latin, and large settings is set up, runs workflows that read the settings, and
/// is shown by REST and GraphQL; every name that derives from the slug fits.
#[tokio::test]
async fn a_tenant_at_the_limits_runs_a_workflow() -> anyhow::Result<()> {
    let slug = variable("SMBCOPILOT_TEST_LARGE_TENANT")?;
    assert_eq!(slug.len(), 40);
    let (namespace, tenant) = create(&slug).await?;
    let vectors = tenant.status.and_then(|status| status.vectors).unwrap_or_default();
    assert_eq!(vectors.alias, Some(format!("t-{slug}")));
    let api = ApiClient::with_token_from("SMBCOPILOT_TEST_LARGE_TENANT_TOKEN")?;
    let rest = api.get("/v1/tenant").await?;
    assert_eq!((&rest.body["name"], &rest.body["slug"]), (&json!(NAME), &json!(slug)), "{}", rest.status);
    assert_eq!(rest.body["settings"], large_settings());
    let graphql = api.graphql("{ tenant { name slug settings } }", &json!({})).await?;
    assert_eq!(graphql["tenant"], json!({"name": NAME, "slug": slug, "settings": large_settings()}));

    let workflow: Value = serde_yaml::from_str(SPEC)?;
    let object = json!({"apiVersion": "smbcopilot.dev/v1alpha1", "kind": "Workflow",
        "metadata": {"name": WORKFLOW}, "spec": workflow});
    let params = PatchParams::apply("node-tests").validation_strict();
    let created = namespace.workflows().patch(WORKFLOW, &params, &Patch::Apply(object)).await?;
    let id = created.uid().context("the workflow has no UID")?;
    let found = async || Ok(api.get(&format!("/v1/workflows/{id}")).await?);
    wait::until("the API shows a valid workflow", DEADLINE, found, |found| {
        found.status == 200 && found.body["valid"] == true
    })
    .await?;
    let run = api.post(&format!("/v1/workflows/{id}/runs"), &[("Prefer", "wait=55")], &json!({})).await?;
    assert_eq!(run.body["status"], json!("SUCCEEDED"), "{run:#?}");
    let count = large_settings()["catalogue"].as_array().map_or(0, Vec::len);
    assert_eq!(run.body["output"], json!({"count": count, "last": "水饺", "tenant": slug}));
    let name = run.body["name"].as_str().unwrap_or_default();
    assert!(name.starts_with(&format!("{WORKFLOW}-api-")) && name.len() <= 63, "{name}");
    assert_eq!(namespace.name, names::tenant_namespace(&slug));
    check_labels(&namespace, &slug).await
}
