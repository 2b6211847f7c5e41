//! Three tenants that differ in what they share with others, each with users, a run, and objects of its own.

use std::collections::BTreeMap;

use crds::{labels, tenant::AccessRole};
use futures::future::try_join_all;
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use kube::{
    Api, Client, ResourceExt as _,
    api::{DynamicObject, ListParams, PostParams},
};
use serde_json::{Value, json};
use strum::VariantArray as _;
use tests::{
    cluster::{client_as, unique},
    kinds::Resource,
    wait,
};

use super::super::{DEADLINE, fixture::Fixture, objects};

/// Kind of a tenant: its vectors are in a shared or a dedicated collection, or its namespace is adopted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variant {
    Shared,
    Dedicated,
    Adopted,
}

/// A tenant with everything that others must not reach.
pub(super) struct Tenant {
    pub(super) fixture: Fixture,
    pub(super) subjects: Vec<Subject>,
}

/// A user or service account of a tenant.
pub(super) struct Subject {
    /// Role of the user, or name of the service account.
    pub(super) name: String,
    pub(super) client: Client,
}

/// Creates the three tenants.
pub(super) async fn create() -> anyhow::Result<Vec<Tenant>> {
    try_join_all([Variant::Shared, Variant::Dedicated, Variant::Adopted].map(Tenant::create)).await
}

impl Tenant {
    async fn create(variant: Variant) -> anyhow::Result<Self> {
        let fixture = Fixture::new(&format!("{variant:?}").to_lowercase()).await?;
        let (plan, mut spec) = (objects::plan(), json!({"planRef": {"name": fixture.slug}}));
        let plan = match variant {
            Variant::Dedicated => {
                objects::with(plan, "vectors", json!({"placement": "Dedicated", "model": "minilm"}))
            }
            Variant::Shared | Variant::Adopted => plan,
        };
        if variant == Variant::Adopted {
            let existing = json!({"metadata": {"name": fixture.namespace,
                "annotations": {labels::ADOPT_BY: fixture.slug}}});
            fixture.namespaces.create(&PostParams::default(), &serde_json::from_value(existing)?).await?;
            spec = objects::with(spec, "namespace", json!({"adopt": true}));
        }
        let users: Vec<Value> = AccessRole::VARIANTS
            .iter()
            .map(|role| json!({"kind": "User", "name": user(&fixture, role.as_str()), "role": role}))
            .collect();
        objects::create(&fixture.plans, "Plan", &fixture.slug, plan).await?;
        objects::create(
            &fixture.tenants,
            "Tenant",
            &fixture.slug,
            objects::with(spec, "access", json!(users)),
        )
        .await?;
        fixture.tenant_with_ready("True").await?;
        create_objects(&fixture).await?;
        let subjects = subjects(&fixture).await?;
        Ok(Self { fixture, subjects })
    }

    /// Returns the name of an object of each kind that can be listed and of which the tenant has one, by the plural of the kind.
    /// Objects of the platform come first.
    pub(super) async fn names(&self, served: &[Resource]) -> anyhow::Result<BTreeMap<String, String>> {
        let Self { fixture, subjects: _ } = self;
        let mut names: BTreeMap<_, _> =
            [("namespaces", &fixture.namespace), ("tenants", &fixture.slug), ("plans", &fixture.slug)]
                .map(|(plural, name)| (plural.to_owned(), name.clone()))
                .into();
        for resource in served.iter().filter(|it| it.namespaced && it.offers("list")) {
            let api: Api<DynamicObject> =
                Api::namespaced_with(fixture.client.clone(), &fixture.namespace, &resource.api_resource());
            let mut found = api.list_metadata(&ListParams::default()).await?.items;
            found.sort_by_key(|object| !object.labels().contains_key(labels::TENANT));
            names.extend(found.first().map(|object| (resource.plural.clone(), object.name_any())));
        }
        Ok(names)
    }
}

fn user(fixture: &Fixture, role: &str) -> String {
    format!("{role}@{}.example", fixture.slug)
}

/// Creates a workflow, a Secret and a run, and waits until the run has a Job and a pod.
async fn create_objects(fixture: &Fixture) -> anyhow::Result<()> {
    let secrets: Api<Secret> = Api::namespaced(fixture.client.clone(), &fixture.namespace);
    let secret = json!({"metadata": {"name": "credentials"}, "stringData": {"password": "s3cret"}});
    secrets.create(&PostParams::default(), &serde_json::from_value(secret)?).await?;
    objects::create(&fixture.workflows, "Workflow", "intake", objects::intake()).await?;
    fixture.workflow_with_valid("intake", "True").await?;
    fixture.run("order-7", json!({"quantity": 1})).await?;
    fixture.wait_until_assigned("order-7").await.map(drop)
}

/// Returns a user of each role, and every service account of the namespace.
async fn subjects(fixture: &Fixture) -> anyhow::Result<Vec<Subject>> {
    let mut subjects = Vec::new();
    for role in AccessRole::VARIANTS.iter().rev() {
        let client = client_as(&user(fixture, role.as_str()), &[]).await?;
        subjects.push(Subject { name: role.to_string(), client });
    }
    let accounts: Api<ServiceAccount> = Api::namespaced(fixture.client.clone(), &fixture.namespace);
    let list = async || Ok(accounts.list(&ListParams::default()).await?.items);
    // Kubernetes creates the account `default` some milliseconds after the namespace.
    let found =
        wait::until("the namespace has two service accounts", DEADLINE, list, |found| found.len() >= 2);
    for account in found.await? {
        let name = account.name_any();
        subjects.push(Subject { client: service_account(&fixture.namespace, &name).await?, name });
    }
    Ok(subjects)
}

async fn service_account(namespace: &str, name: &str) -> anyhow::Result<Client> {
    let groups = format!("system:serviceaccounts:{namespace}");
    let user = format!("system:serviceaccount:{namespace}:{name}");
    client_as(&user, &["system:serviceaccounts", &groups, "system:authenticated"]).await
}

/// Returns a user and a service account without any role, named like the subjects that they are compared with.
pub(super) async fn strangers(subjects: &[Subject]) -> anyhow::Result<Vec<Subject>> {
    let is_account = |name: &str| !AccessRole::VARIANTS.iter().any(|role| role.as_str() == name);
    try_join_all(subjects.iter().map(|Subject { name, client: _ }| async move {
        let client = if is_account(name) {
            service_account(&unique("nowhere"), "nobody").await?
        } else {
            client_as(&unique("nobody"), &[]).await?
        };
        anyhow::Ok(Subject { name: name.clone(), client })
    }))
    .await
}
