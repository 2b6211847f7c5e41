//! Child objects of a tenant, as they are built from the tenant and its plan.

use std::sync::Arc;

use clap::Parser as _;
use crds::{Plan, Tenant};
use k8s_openapi::api::core::v1::Namespace;

use super::*;
use crate::{
    state::Enforcement,
    tenant::{
        drain::Unfinished,
        fetch::{Endpoint, Fetched},
        usage::Usage,
        validate::validate,
    },
};

fn config() -> Config {
    Config::parse_from(["operator", "--release-namespace=platform", "--cluster-cidrs=10.244.0.0/16"])
}

fn fetched(tenant: &str, plan: &str, namespace: Option<Namespace>) -> Fetched {
    let mut tenant: Tenant = serde_yaml::from_str(tenant).unwrap();
    tenant.metadata.uid = Some("uid-of-acme".to_owned());
    let plan: Plan = serde_yaml::from_str(plan).unwrap();
    let kubernetes = Endpoint { addresses: vec!["10.200.0.1".parse().unwrap()], ports: vec![6443] };
    Fetched {
        tenant: Arc::new(tenant),
        plan: Some(Arc::new(plan)),
        namespace,
        kubernetes,
        counts_objects: true,
        unfinished: Unfinished::default(),
        usage: Usage::default(),
        enforcement: Enforcement::default(),
    }
}

const TENANT: &str = include_str!("fixtures/tenant.yaml");
const PLAN: &str = include_str!("fixtures/plan.yaml");

/// The children of a tenant are built as the snapshot shows: closed network, quota of the plan, least access.
#[test]
fn the_children_of_a_tenant_are_built_as_reviewed() {
    let validated = validate(&fetched(TENANT, PLAN, None), &config()).unwrap();
    insta::assert_yaml_snapshot!(children(&validated, &config()).unwrap());
}

/// The quota of a suspended tenant allows no pods once its runs have ended, and that of an archived one allows none at all.
#[test]
fn an_inactive_tenant_may_have_no_pods() {
    let pods = |state: &str, with_slot: usize| {
        let mut fetched = fetched(&TENANT.replace("state: Active", &format!("state: {state}")), PLAN, None);
        fetched.unfinished = Unfinished { all: with_slot, with_slot };
        let children = children(&validate(&fetched, &config()).unwrap(), &config()).unwrap();
        let label = children.namespace.metadata.labels.unwrap().get("smbcopilot.dev/tenant-state").cloned();
        assert_eq!(label.as_deref() == Some("Archived"), state == "Archived");
        children.quota.spec.unwrap().hard.unwrap()["pods"].0.clone()
    };
    assert_ne!(pods("Suspended", 1), "0");
    for (state, with_slot) in [("Suspended", 0), ("Archived", 0), ("Archived", 1)] {
        assert_eq!(pods(state, with_slot), "0", "{state} with {with_slot} runs");
    }
}

/// If no address of the API server is known, the policy for it allows nothing rather than everything.
#[test]
fn without_an_address_of_the_api_server_nothing_is_allowed() {
    let mut fetched = fetched(TENANT, PLAN, None);
    fetched.kubernetes = Endpoint::default();
    let validated = validate(&fetched, &config()).unwrap();
    let policies = children(&validated, &config()).unwrap().policies;
    let rules = policies[2].spec.as_ref().unwrap().egress.as_ref().unwrap();
    assert!(rules.is_empty(), "{rules:?}");
}
