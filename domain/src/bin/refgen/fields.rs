//! Page with all fields of the custom resources, generated from their schemas.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};

use super::{cell, header};

/// Returns the page.
pub(super) fn page() -> String {
    let mut page = header(
        "Fields",
        "All fields of the custom resources, as `kubectl explain` shows them. `[]` stands for an item of a list, `{}` for a value of a map.",
    );
    for definition in crds::custom_resource_definitions() {
        page.push_str(&kind(&definition));
    }
    page
}

fn kind(definition: &CustomResourceDefinition) -> String {
    let mut text =
        format!("## {}\n\n| field | type | description |\n| --- | --- | --- |\n", definition.spec.names.kind);
    let schemas = definition.spec.versions.iter().filter_map(|version| version.schema.as_ref());
    for schema in schemas.filter_map(|schema| schema.open_api_v3_schema.as_ref()) {
        rows(schema, "", &mut text);
    }
    text.push('\n');
    text
}

fn rows(schema: &JSONSchemaProps, path: &str, text: &mut String) {
    for (name, field) in schema.properties.iter().flatten() {
        if path.is_empty() && !["spec", "status"].contains(&name.as_str()) {
            continue;
        }
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let required = if is_required(schema, name) { ", required" } else { "" };
        let (type_, description) = (type_of(field), description(field));
        text.push_str(&format!("| `{path}` | {}{required} | {} |\n", cell(&type_), cell(&description)));
        children(field, &path, text);
    }
}

fn children(field: &JSONSchemaProps, path: &str, text: &mut String) {
    rows(field, path, text);
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &field.items {
        rows(items, &format!("{path}[]"), text);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &field.additional_properties {
        rows(values, &format!("{path}{{}}"), text);
    }
}

fn is_required(schema: &JSONSchemaProps, name: &str) -> bool {
    schema.required.iter().flatten().any(|required| required == name)
}

fn type_of(field: &JSONSchemaProps) -> String {
    if let Some(values) = &field.enum_ {
        let values: Vec<String> = values.iter().map(|value| value.0.to_string().replace('"', "")).collect();
        return values.join(" \\| ").replace("\\|", "|");
    }
    let name = field.type_.clone().unwrap_or_else(|| "any".to_owned());
    match (&field.items, &field.additional_properties) {
        (Some(JSONSchemaPropsOrArray::Schema(items)), _) => format!("list of {}", type_of(items)),
        (_, Some(JSONSchemaPropsOrBool::Schema(values))) => format!("map of {}", type_of(values)),
        _ => name,
    }
}

fn description(field: &JSONSchemaProps) -> String {
    field.description.clone().unwrap_or_default()
}
