//! Child objects of a tenant, as they are built from the tenant and its plan.

use std::sync::Arc;

use clap::Parser as _;
use crds::{Plan, Tenant};
use k8s_openapi::api::core::v1::Namespace;

use super::*;
use crate::tenant::{
    fetch::{Endpoint, Fetched},
    validate::validate,
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

/// The quota of an archived tenant allows no pods.
#[test]
fn an_archived_tenant_may_have_no_pods() {
    let archived = TENANT.replace("state: Active", "state: Archived");
    let validated = validate(&fetched(&archived, PLAN, None), &config()).unwrap();
    let quota = children(&validated, &config()).unwrap().quota;
    assert_eq!(quota.spec.unwrap().hard.unwrap()["pods"].0, "0");
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
