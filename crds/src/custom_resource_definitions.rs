//! The CustomResourceDefinitions as they are installed: the derived ones, adapted to the API server.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt as _;

use crate::{Plan, Tenant, Workflow, WorkflowRun};

/// Returns the CustomResourceDefinitions of all kinds, as the chart `smb-copilot-crds` installs them.
#[must_use]
pub fn custom_resource_definitions() -> [CustomResourceDefinition; 4] {
    [Plan::crd(), Tenant::crd(), Workflow::crd(), WorkflowRun::crd()].map(|mut definition| {
        for version in &mut definition.spec.versions {
            if let Some(schema) =
                version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut())
            {
                simplify_schema(schema);
            }
        }
        definition
    })
}

/// Removes properties that the derive macros add and that the API server does not need or warns about.
fn simplify_schema(schema: &mut JSONSchemaProps) {
    // The API server drops an explicit null where the schema does not allow it. So `cancel: null` has the
    // same meaning as an absent `cancel`, also for `has()` in the validation rules.
    schema.nullable = None;
    // The API server does not know unsigned formats and warns about each of them. The lower bound 0 is
    // stated separately, as `minimum`.
    schema.format.take_if(|format| format.starts_with("uint"));
    let properties = schema.properties.iter_mut().flat_map(|properties| properties.values_mut());
    properties.for_each(simplify_schema);
    match schema.items.as_mut() {
        Some(JSONSchemaPropsOrArray::Schema(items)) => simplify_schema(items),
        Some(JSONSchemaPropsOrArray::Schemas(items)) => items.iter_mut().for_each(simplify_schema),
        None => {}
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = schema.additional_properties.as_mut() {
        simplify_schema(values);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No field has a name that YAML 1.1 reads as a boolean: kubectl would rename it.
    #[test]
    fn no_field_has_a_name_that_yaml_reads_as_a_boolean() {
        let text = serde_json::to_string(&custom_resource_definitions()).unwrap();
        assert!(text.contains("\"kinds\":"));
        for word in ["y", "n", "yes", "no", "on", "off", "true", "false"] {
            assert!(!text.contains(&format!("\"{word}\":")), "{word}");
        }
    }

    /// Every optional field of a spec states its default, or which other fields exclude it: readers of `kubectl explain`
    /// have nothing to guess.
    #[test]
    fn every_optional_field_states_its_default() {
        let mut silent = Vec::new();
        for definition in custom_resource_definitions() {
            let kind = &definition.spec.names.kind;
            let schemas = definition.spec.versions.iter().filter_map(|version| version.schema.as_ref());
            for schema in schemas.filter_map(|schema| schema.open_api_v3_schema.as_ref()) {
                let spec = &schema.properties.as_ref().unwrap()["spec"];
                collect_silent(spec, &format!("{kind}.spec"), &mut silent);
            }
        }
        assert!(silent.is_empty(), "state the default of {silent:#?}");
    }

    /// Collects the optional fields below a schema whose description names neither a default nor exclusive fields.
    fn collect_silent(schema: &JSONSchemaProps, path: &str, silent: &mut Vec<String>) {
        for (name, field) in schema.properties.iter().flatten() {
            let path = format!("{path}.{name}");
            let description = field.description.as_deref().unwrap_or_default();
            let is_required = schema.required.iter().flatten().any(|required| required == name);
            let is_stated = ["Default: ", "xactly one of ", "t most one of "];
            if !is_required && !is_stated.iter().any(|words| description.contains(words)) {
                silent.push(path.clone());
            }
            collect_silent(field, &path, silent);
        }
        if let Some(JSONSchemaPropsOrArray::Schema(items)) = &schema.items {
            collect_silent(items, &format!("{path}[]"), silent);
        }
        if let Some(JSONSchemaPropsOrBool::Schema(values)) = &schema.additional_properties {
            collect_silent(values, &format!("{path}{{}}"), silent);
        }
    }
}
