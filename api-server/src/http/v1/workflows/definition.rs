//! The definition of a workflow in request bodies: the fields of its spec in Kubernetes, except `state`.

use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::http::{extract::present, v1::json::AnyJson};

/// Defines the body of a request with all fields of a definition.
macro_rules! definition {
    ($(#[$doc:meta])* $body:ident { $($(#[$own_doc:meta])* $own:ident: $type:ty,)* }) => {
        #[derive(Clone, Debug, Deserialize, ToSchema)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        $(#[$doc])*
        pub(in crate::http) struct $body {
            $($(#[$own_doc])* pub(super) $own: $type,)*
            /// Human-readable name of the workflow; at most 120 characters. Default: the name.
            #[schema(value_type = Option<String>, example = "Invoice intake")]
            #[serde(default, deserialize_with = "present")]
            display_name: Option<AnyJson>,
            /// Purpose of the workflow; at most 2,000 characters. Default: none.
            #[schema(value_type = Option<String>)]
            #[serde(default, deserialize_with = "present")]
            description: Option<AnyJson>,
            /// Input of the runs: `{schema}` with a JSON Schema. Default: any object is valid.
            #[schema(value_type = Option<Object>)]
            #[serde(default, deserialize_with = "present")]
            input: Option<AnyJson>,
            /// Secrets that steps may use: a list of `{name, secretRef}`. Default: none.
            #[schema(value_type = Option<Vec<Object>>)]
            #[serde(default, deserialize_with = "present")]
            secrets: Option<AnyJson>,
            /// Steps of the workflow; 1 to 64. A new workflow requires them.
            #[schema(value_type = Option<Vec<Object>>)]
            #[serde(default, deserialize_with = "present")]
            steps: Option<AnyJson>,
            /// Output of the run. Strings are templates. Default: the outputs of the steps that no other step needs.
            #[schema(value_type = Option<AnyJson>)]
            #[serde(default, deserialize_with = "present")]
            output: Option<AnyJson>,
            /// Steps that run after all other steps, whether or not those succeeded; at most 16. Default: none.
            #[schema(value_type = Option<Vec<Object>>)]
            #[serde(default, deserialize_with = "present")]
            on_exit: Option<AnyJson>,
            /// Maximum duration of a run, such as `5m`. Default: 1h.
            #[schema(value_type = Option<String>, example = "5m")]
            #[serde(default, deserialize_with = "present")]
            timeout: Option<AnyJson>,
            /// Limit on concurrent runs: `{key, limit, policy}`. Default: only the plan's limit.
            #[schema(value_type = Option<Object>)]
            #[serde(default, deserialize_with = "present")]
            concurrency: Option<AnyJson>,
            /// Schedules that start runs; at most 16. Default: none.
            #[schema(value_type = Option<Vec<Object>>)]
            #[serde(default, deserialize_with = "present")]
            schedules: Option<AnyJson>,
            /// Settings for the runners: `{warm, keepAlive, isolation}`. Default: no idle runners, and runs share runners.
            #[schema(value_type = Option<Object>)]
            #[serde(default, deserialize_with = "present")]
            runners: Option<AnyJson>,
            /// Time that finished runs stay in the cluster: `{succeeded, failed, keep}`. Default: 1h, 24h and 100.
            #[schema(value_type = Option<Object>)]
            #[serde(default, deserialize_with = "present")]
            retention: Option<AnyJson>,
        }

        impl $body {
            /// Returns the fields that are present, by the names that they have in Kubernetes.
            pub(super) fn fields(&mut self) -> Map<String, Value> {
                let fields = [
                    ("displayName", self.display_name.take()),
                    ("description", self.description.take()),
                    ("input", self.input.take()),
                    ("secrets", self.secrets.take()),
                    ("steps", self.steps.take()),
                    ("output", self.output.take()),
                    ("onExit", self.on_exit.take()),
                    ("timeout", self.timeout.take()),
                    ("concurrency", self.concurrency.take()),
                    ("schedules", self.schedules.take()),
                    ("runners", self.runners.take()),
                    ("retention", self.retention.take()),
                ];
                let present = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.0)));
                present.collect()
            }
        }
    };
}

definition! {
    /// New workflow. The fields besides `name` are those of the `spec` of a Workflow in Kubernetes, which `docs/reference/fields.md`
    /// describes.
    #[schema(example = json!({
        "name": "greeting",
        "displayName": "Greeting",
        "input": {"schema": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}},
        "steps": [{"name": "greet", "expr": {"value": "Hello, ${{ input.name }}!"}}],
        "timeout": "5m"
    }))]
    CreateWorkflow {
        /// Name of the workflow in Kubernetes: 1 to 40 lower-case letters, digits, hyphens and dots. It cannot be changed.
        #[schema(example = "invoice-intake")]
        name: String,
    }
}

definition! {
    /// Change of a workflow, as a JSON merge patch (RFC 7396): absent fields stay, null removes a field, objects are merged, and
    /// lists are replaced as a whole. Use `archive` to change the status.
    #[schema(example = json!({"timeout": "10m", "retention": {"failed": "7d"}, "concurrency": null}))]
    UpdateWorkflow {}
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    /// All fields of the spec can be set, except the state, which archiving changes.
    #[test]
    fn all_fields_of_the_spec_can_be_set() {
        let definitions = crds::custom_resource_definitions();
        let workflow =
            definitions.iter().find(|definition| definition.spec.names.kind == "Workflow").unwrap();
        let schema = serde_json::to_value(workflow).unwrap();
        let pointer = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties";
        let fields = schema.pointer(pointer).unwrap().as_object().unwrap();
        let mut expected: BTreeSet<_> = fields.keys().cloned().collect();
        assert!(expected.remove("state"));
        let body: Map<_, _> = expected.iter().map(|name| (name.clone(), json!(null))).collect();
        let mut update: UpdateWorkflow = serde_json::from_value(body.into()).unwrap();
        assert_eq!(update.fields().keys().cloned().collect::<BTreeSet<_>>(), expected);
        assert!(serde_json::from_value::<UpdateWorkflow>(json!({"state": "Archived"})).is_err());
        assert!(serde_json::from_value::<UpdateWorkflow>(json!({"name": "other"})).is_err());
    }
}
