//! The definitions as they are installed.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool, ValidationRule,
};
use kube::CustomResourceExt as _;

use crate::{Plan, Tenant, Workflow, WorkflowRun};

/// The definitions of all kinds, as the chart `smb-copilot-crds` installs them.
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

/// Takes away what the derive adds and the API server does better without.
fn simplify_schema(schema: &mut JSONSchemaProps) {
    // The API server drops an explicit null where the schema does not allow it. So `cancel: null` is
    // the same as no `cancel`, also for `has()` in the rules.
    schema.nullable = None;
    // It knows no unsigned formats, and warns about each; the bound of 0 is a `minimum` of its own.
    schema.format.take_if(|format| format.starts_with("uint"));
    refuse_bare_on(schema);
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

/// YAML 1.1, which kubectl and Helm read, takes a bare `on` for the value true, and so for a field named "true".
/// Nobody would learn that, and the step would be retried by the defaults; so it is refused, with the remedy.
fn refuse_bare_on(schema: &mut JSONSchemaProps) {
    let Some(properties) = schema.properties.as_mut().filter(|properties| properties.contains_key("on"))
    else {
        return;
    };
    let bare = JSONSchemaProps {
        description: Some(
            "Never given: what YAML makes of `on` without quotes. Write it as \"on\".".to_owned(),
        ),
        type_: Some("array".to_owned()),
        max_items: Some(16),
        items: Some(JSONSchemaPropsOrArray::Schema(Box::new(JSONSchemaProps {
            type_: Some("string".to_owned()),
            max_length: Some(63),
            ..JSONSchemaProps::default()
        }))),
        ..JSONSchemaProps::default()
    };
    properties.insert("true".to_owned(), bare);
    schema.x_kubernetes_validations.get_or_insert_default().push(ValidationRule {
        rule: "!has(self.__true__)".to_owned(),
        message: Some("YAML reads on without quotes as true: write \"on\" in quotes".to_owned()),
        ..ValidationRule::default()
    });
}

#[cfg(test)]
mod tests {
    use super::custom_resource_definitions;

    /// A field with such a name is another one as soon as it passes through kubectl, and its value is lost.
    #[test]
    fn no_field_but_on_has_a_name_that_yaml_reads_as_a_boolean() {
        let text = serde_json::to_string(&custom_resource_definitions()).unwrap();
        for word in ["y", "n", "yes", "no", "off"] {
            assert!(!text.contains(&format!("\"{word}\":")), "{word}");
        }
        assert!(text.contains("\"on\":") && text.contains("__true__"));
    }
}
