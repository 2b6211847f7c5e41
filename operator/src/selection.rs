//! Fields that the operator reads of the objects that tenants write. All others are removed from the API server's responses
//! before they are decoded: a tenant chooses their size, and the operator holds all of its objects at once.
//!
//! What is kept is bounded by the validation rules of the resources, or is written by the platform. An operation that needs
//! a full object reads it with [`crate::api::FullObjects`] and drops it.

use crds::{constants::MAX_WORKFLOW_BYTES, labels};
use k8s_client::{
    Fields::{self, All, Json, None as Removed, Only, Size, Text},
    ResourcePath,
};

/// Metadata of objects of which neither labels nor annotations are read, and of lists.
const METADATA: Fields = Only(&[
    ("name", All),
    ("namespace", All),
    ("uid", All),
    ("resourceVersion", All),
    ("generation", All),
    ("creationTimestamp", All),
    ("deletionTimestamp", All),
    ("continue", All),
]);

/// Number of bytes that is kept of a message, which appears in an Event.
const MESSAGE: Fields = Text(1024);
/// Number of bytes that is kept of an error code, which a step may choose.
const CODE: Fields = Text(128);

const WAITING: Fields = Only(&[
    ("for", All),
    ("run", All),
    ("message", Removed),
    ("roles", All),
    ("refused", Only(&[("message", MESSAGE), ("by", Removed), ("generation", All)])),
]);

/// About 2 KiB a run. With 64 steps, 256 decisions and 256 active items it has at most 230 KiB while it is decoded, of which
/// `run_events::trim` and `waits::reduce` retain 20 KiB at most. In place of the input there is the number of bytes of its text.
const RUN: Fields = Only(&[
    ("metadata", METADATA),
    (
        "spec",
        Only(&[
            ("workflowRef", All),
            ("input", Size),
            ("trigger", All),
            ("priority", All),
            ("reuse", Only(&[("run", All), ("from", All)])),
            ("cancel", All),
            ("decisions", Only(&[("key", All), ("approved", All), ("input", Removed), ("by", Removed)])),
        ]),
    ),
    (
        "status",
        Only(&[
            ("observedGeneration", All),
            ("phase", All),
            ("step", Removed),
            ("trigger", All),
            ("duration", All),
            ("conditions", All),
            ("queue", All),
            ("revision", All),
            ("concurrency", All),
            ("runner", All),
            ("startedAt", All),
            ("finishedAt", All),
            ("wakeAt", All),
            ("suspendedAt", All),
            ("waitedSeconds", All),
            ("cancelRequested", All),
            ("ending", Only(&[("phase", All), ("error", Removed), ("since", All)])),
            ("reused", All),
            ("input", Removed),
            (
                "steps",
                Only(&[
                    ("name", All),
                    ("phase", All),
                    ("reason", Removed),
                    ("message", Removed),
                    ("attempt", All),
                    ("notStarted", All),
                    ("startedAt", Removed),
                    ("finishedAt", All),
                    ("nextAt", All),
                    ("output", Removed),
                    ("outputRef", Removed),
                    (
                        "error",
                        Only(&[("kind", All), ("code", CODE), ("message", MESSAGE), ("details", Removed)]),
                    ),
                    ("waiting", WAITING),
                    (
                        "items",
                        Only(&[
                            ("total", All),
                            ("succeeded", All),
                            ("failed", All),
                            ("done", Removed),
                            (
                                "active",
                                Only(&[
                                    ("index", All),
                                    ("label", All),
                                    ("attempt", All),
                                    ("notStarted", Removed),
                                    ("startedAt", Removed),
                                    ("nextAt", All),
                                    ("code", CODE),
                                    ("waiting", WAITING),
                                ]),
                            ),
                            (
                                "failures",
                                Only(&[
                                    ("index", All),
                                    ("kind", All),
                                    ("code", CODE),
                                    ("message", MESSAGE),
                                    ("label", All),
                                    ("details", Removed),
                                ]),
                            ),
                            ("outputs", Removed),
                            ("batches", Removed),
                        ]),
                    ),
                ]),
            ),
            ("output", Removed),
            ("outputRef", Removed),
            ("error", All),
        ]),
    ),
]);

/// A step as its workflow is checked by others: which workflow it calls.
const CALLS: Fields = Only(&[("name", All), ("workflow", Only(&[("name", All)]))]);

/// At most 30 KiB a workflow, and 16 KiB of problems in its status.
const WORKFLOW: Fields = Only(&[
    ("metadata", METADATA),
    (
        "spec",
        Only(&[
            ("displayName", Removed),
            ("description", Removed),
            ("state", All),
            ("input", Removed),
            ("secrets", All),
            ("steps", CALLS),
            ("output", Removed),
            ("onExit", CALLS),
            ("timeout", Removed),
            ("concurrency", Removed),
            (
                "schedules",
                Only(&[
                    ("name", All),
                    ("cron", All),
                    ("timeZone", All),
                    ("input", Removed),
                    ("startingDeadline", All),
                    ("suspend", All),
                ]),
            ),
            ("runners", All),
            ("retention", All),
        ]),
    ),
    ("status", All),
]);

/// Metadata of a tenant, with the annotations that the operator reads. Its managed fields take ten times as much memory as the tenant
/// itself, and an annotation of kubectl may repeat the whole object.
const TENANT_METADATA: Fields = Only(&[
    ("name", All),
    ("uid", All),
    ("resourceVersion", All),
    ("generation", All),
    ("creationTimestamp", All),
    ("deletionTimestamp", All),
    ("continue", All),
    ("finalizers", All),
    ("annotations", Only(&[(labels::RESTORE_FROM, All), (labels::CONFIRM_DELETE, All)])),
]);

/// A tenant as it is stored, with the text of its settings in place of the settings: the operator copies them and never reads
/// them, and decoded they may take a hundred times their text.
const TENANT: Fields = Only(&[
    ("metadata", TENANT_METADATA),
    (
        "spec",
        Only(&[
            ("displayName", All),
            ("planRef", All),
            ("state", All),
            ("access", All),
            ("namespace", All),
            ("network", All),
            ("settings", Json),
            ("onSuspend", All),
            ("deletionPolicy", All),
            ("retention", All),
        ]),
    ),
]);

/// The data of a revision is read as a [`Part`] only.
const REVISION: Fields = Only(&[("metadata", LABELLED_METADATA), ("data", Removed)]);

/// Part of an object that is read as a whole, by [`crate::api::FullObjects`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    /// Name of the part in messages.
    pub(crate) what: &'static str,
    pub(crate) fields: Fields,
    /// Maximum memory that the part may take once it is decoded, in bytes.
    pub(crate) max_bytes: usize,
}

/// Maximum memory of the input or of the steps of a run, in bytes. An input of 256 KiB takes less, whatever it consists of.
const MAX_VALUE_BYTES: usize = 32 << 20;

/// Spec of a workflow.
pub(crate) const WORKFLOW_SPEC: Part = Part {
    what: "spec",
    fields: Only(&[("metadata", METADATA), ("status", Removed)]),
    max_bytes: MAX_WORKFLOW_BYTES,
};
/// Data of a revision: a workflow's spec. The limit is higher than that of a workflow, so that each workflow that is accepted
/// can be executed.
pub(crate) const REVISION_DATA: Part =
    Part { what: "data", fields: Only(&[("metadata", METADATA)]), max_bytes: 2 * MAX_WORKFLOW_BYTES };
/// Labels, type and data of a Secret, of at most 1 MiB of data.
pub(crate) const SECRET: Part = Part {
    what: "data",
    fields: Only(&[("metadata", Only(&[("name", All), ("namespace", All), ("labels", All)]))]),
    max_bytes: MAX_WORKFLOW_BYTES,
};
/// Input of a run.
pub(crate) const RUN_INPUT: Part = Part {
    what: "input",
    fields: Only(&[
        ("metadata", METADATA),
        ("spec", Only(&[("workflowRef", All), ("input", All)])),
        ("status", Removed),
    ]),
    max_bytes: MAX_VALUE_BYTES,
};
/// What a run was created with.
pub(crate) const RUN_SPEC: Part = Part {
    what: "spec",
    fields: Only(&[
        ("metadata", METADATA),
        (
            "spec",
            Only(&[
                ("workflowRef", All),
                ("input", All),
                ("trigger", All),
                ("priority", All),
                ("reuse", All),
            ]),
        ),
        ("status", Removed),
    ]),
    max_bytes: MAX_VALUE_BYTES,
};
/// Phase and steps of a run.
pub(crate) const RUN_STEPS: Part = Part {
    what: "steps",
    fields: Only(&[
        ("metadata", METADATA),
        ("spec", Only(&[("workflowRef", All)])),
        ("status", Only(&[("phase", All), ("steps", All)])),
    ]),
    max_bytes: MAX_VALUE_BYTES,
};

/// Revisions, pods and Jobs are selected by name, labels and annotations, which the platform writes.
const LABELLED_METADATA: Fields = Only(&[
    ("name", All),
    ("namespace", All),
    ("uid", All),
    ("resourceVersion", All),
    ("generation", All),
    ("creationTimestamp", All),
    ("deletionTimestamp", All),
    ("continue", All),
    ("labels", All),
    ("annotations", All),
]);
/// Containers whose images are reported if they cannot be pulled.
const CONTAINERS: Fields = Only(&[("name", All), ("image", All)]);
const LISTED_POD: Fields = Only(&[
    ("metadata", LABELLED_METADATA),
    ("spec", Only(&[("nodeName", All), ("initContainers", CONTAINERS), ("containers", CONTAINERS)])),
    ("status", All),
]);
const LISTED_NODE: Fields = Only(&[
    ("metadata", METADATA),
    ("spec", Only(&[("taints", All)])),
    ("status", Only(&[("conditions", All), ("allocatable", All)])),
]);
const LISTED_JOB: Fields = Only(&[("metadata", LABELLED_METADATA), ("spec", Removed), ("status", All)]);

/// Returns the fields that the operator reads of the objects at a path of the API.
pub(crate) fn selection(path: ResourcePath<'_>) -> Option<Fields> {
    match (path.group, path.resource, path.name) {
        ("smbcopilot.dev", "workflowruns", _) => Some(RUN),
        ("smbcopilot.dev", "workflows", _) => Some(WORKFLOW),
        ("smbcopilot.dev", "tenants", _) => Some(TENANT),
        ("apps", "controllerrevisions", _) => Some(REVISION),
        ("", "pods", None) => Some(LISTED_POD),
        ("", "nodes", None) => Some(LISTED_NODE),
        ("batch", "jobs", None) => Some(LISTED_JOB),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use kube::CustomResourceExt as _;
    use serde_json::Value;

    use super::*;

    /// Each field of a run and of a workflow is either kept or removed on purpose, so that a new field is not lost silently.
    #[test]
    fn each_field_of_runs_and_workflows_is_selected_or_removed_by_name() {
        for (definition, fields) in [(crds::WorkflowRun::crd(), RUN), (crds::Workflow::crd(), WORKFLOW)] {
            let definition = serde_json::to_value(definition).unwrap();
            let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"];
            for part in ["spec", "status"] {
                let Only(parts) = fields else { panic!("{fields:?}") };
                let (_, fields) = parts.iter().find(|(name, _)| *name == part).unwrap();
                compare(part, &schema[part], *fields);
            }
        }
    }

    /// Each field of a tenant's spec is kept, and its settings as their text.
    #[test]
    fn each_field_of_a_tenant_is_selected_and_its_settings_as_text() {
        let definition = serde_json::to_value(crds::Tenant::crd()).unwrap();
        let spec = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
        let Only([_, ("spec", fields)]) = TENANT else { panic!("{TENANT:?}") };
        compare("spec", spec, *fields);
        let text = r#"{"metadata":{"name":"acme","managedFields":[{"manager":"kubectl"}],"annotations":{
            "smbcopilot.dev/confirm-delete":"acme","kubectl.kubernetes.io/last-applied-configuration":"{}"}},
            "spec":{"planRef":{"name":"starter"},"settings":{"vat":[7]}},"status":{"phase":"Active"}}"#;
        let tenant: crds::Tenant = serde_json::from_slice(&k8s_client::select_text(text, TENANT)).unwrap();
        assert_eq!(tenant.metadata.managed_fields, None);
        let annotations: Vec<_> = tenant.metadata.annotations.iter().flatten().collect();
        assert_eq!(annotations, [(&labels::CONFIRM_DELETE.to_owned(), &"acme".to_owned())]);
        assert!(tenant.status.is_some(), "what is not named at the top level is kept");
        assert_eq!(tenant.spec.settings, Some(Value::from(r#"{"vat":[7]}"#)));
    }

    /// Compares the properties of a schema with the named fields, except for the actions of steps.
    fn compare(path: &str, schema: &Value, fields: Fields) {
        let Only(named) = fields else { return };
        let object = if schema["items"].is_object() { &schema["items"] } else { schema };
        let known: BTreeSet<&str> =
            object["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        let names: BTreeSet<&str> = named.iter().map(|(name, _)| *name).collect();
        if fields != CALLS {
            assert_eq!(known, names, "fields of {path}");
        }
        for (name, fields) in named {
            compare(&format!("{path}.{name}"), &object["properties"][*name], *fields);
        }
    }
}
