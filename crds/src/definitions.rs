//! The definitions as they are installed.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt as _;

use crate::{Plan, Tenant, Workflow, WorkflowRun};

/// The definitions of all kinds, as the chart `smb-copilot-crds` installs them.
#[must_use]
pub fn definitions() -> [CustomResourceDefinition; 4] {
    [Plan::crd(), Tenant::crd(), Workflow::crd(), WorkflowRun::crd()].map(|mut definition| {
        for version in &mut definition.spec.versions {
            if let Some(schema) =
                version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut())
            {
                plain(schema);
            }
        }
        definition
    })
}

/// Takes away what the derive adds and the API server does better without.
fn plain(schema: &mut JSONSchemaProps) {
    // The API server drops an explicit null where the schema does not allow it. So `cancel: null` is
    // the same as no `cancel`, also for `has()` in the rules.
    schema.nullable = None;
    // It knows no unsigned formats, and warns about each; the bound of 0 is a `minimum` of its own.
    schema.format.take_if(|format| format.starts_with("uint"));
    let properties = schema.properties.iter_mut().flat_map(|properties| properties.values_mut());
    properties.for_each(plain);
    match schema.items.as_mut() {
        Some(JSONSchemaPropsOrArray::Schema(items)) => plain(items),
        Some(JSONSchemaPropsOrArray::Schemas(items)) => items.iter_mut().for_each(plain),
        None => {}
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = schema.additional_properties.as_mut() {
        plain(values);
    }
}
