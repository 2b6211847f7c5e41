//! Columns of a row, as an object gives them and as Postgres has them.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::difference::Field;
use crate::{
    db,
    project::{Meta, PlanRow, Row, RunRow, TenantEnd, TenantRow, WorkflowRow},
};

/// Columns with times, which are compared as such.
const TIMES: [&str; 8] = [
    "created_at",
    "updated_at",
    "started_at",
    "finished_at",
    "wake_at",
    "suspended_at",
    "archived_at",
    "export_of",
];

/// Returns the columns that differ.
pub(super) fn differing(expected: &Map<String, Value>, stored: &Map<String, Value>) -> Vec<Field> {
    let fields = expected.iter().filter_map(|(name, kubernetes)| {
        let postgres = stored.get(name).unwrap_or(&Value::Null);
        let equal = if TIMES.contains(&name.as_str()) {
            time(kubernetes) == time(postgres)
        } else {
            kubernetes == postgres
        };
        (!equal).then(|| Field {
            name: name.clone(),
            kubernetes: kubernetes.clone(),
            postgres: postgres.clone(),
        })
    });
    fields.collect()
}

fn time(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

fn text(time: Option<db::Timestamp>) -> Option<String> {
    time.map(|time| time.to_jiff().to_string())
}

/// Returns the columns that the row of an object must have.
pub(super) fn expected(row: &Row, namespace: Option<&str>) -> Map<String, Value> {
    let (meta, columns) = match row {
        Row::Plan(row) => plan(row),
        Row::Tenant(row) => tenant(row),
        Row::Workflow(row) => workflow(row),
        Row::Run(row) => run(row),
    };
    let Meta { uid: _, name: _, resource_version, generation, created_at, updated_at } = meta;
    let common = json!({
        "resource_version": resource_version,
        "generation": generation,
        "created_at": text(Some(*created_at)),
        "updated_at": text(Some(*updated_at)),
    });
    let mut expected = Map::new();
    for part in
        [common, columns, namespace.map_or_else(|| json!({}), |name| json!({"tenant_namespace": name}))]
    {
        if let Value::Object(part) = part {
            expected.extend(part);
        }
    }
    expected
}

fn plan(row: &PlanRow) -> (&Meta, Value) {
    let PlanRow { meta, display_name, price, features, limits, spec, status } = row;
    let columns = json!({
        "name": meta.name, "display_name": display_name, "price": price, "features": features, "limits": limits,
        "spec": spec, "status": status,
    });
    (meta, columns)
}

fn tenant(row: &TenantRow) -> (&Meta, Value) {
    let TenantRow {
        meta,
        display_name,
        state,
        plan_name,
        namespace,
        settings,
        mirrored_generation,
        end,
        restore_from: _,
        spec,
        status,
    } = row;
    let TenantEnd { archived_at, export_of, purgeable, reports_archiving, awaits_data_deletion } = end;
    let columns = json!({
        "slug": meta.name, "display_name": display_name, "state": state, "plan_name": plan_name,
        "namespace": namespace, "settings": settings, "mirrored_generation": mirrored_generation,
        "archived_at": text(*archived_at), "export_of": text(*export_of), "purgeable": purgeable,
        "reports_archiving": reports_archiving, "awaits_data_deletion": awaits_data_deletion, "spec": spec,
        "status": status,
    });
    (meta, columns)
}

fn workflow(row: &WorkflowRow) -> (&Meta, Value) {
    let WorkflowRow {
        meta,
        display_name,
        description,
        state,
        revision,
        valid,
        problems,
        labels,
        spec,
        status,
    } = row;
    let columns = json!({
        "name": meta.name, "display_name": display_name, "description": description, "state": state,
        "revision": revision, "valid": valid, "problems": problems, "labels": labels,
        "spec": spec, "status": status,
    });
    (meta, columns)
}

fn run(row: &RunRow) -> (&Meta, Value) {
    let RunRow {
        meta,
        workflow_name,
        revision,
        status,
        archived,
        cancel,
        trigger_kind,
        requested_by,
        trigger,
        input,
        effective_input,
        output,
        output_ref,
        error,
        queue,
        steps,
        decisions,
        reuse,
        reused,
        ending,
        wake_at,
        suspended_at,
        waited_seconds,
        output_uris,
        priority,
        started_at,
        finished_at,
    } = row;
    let columns = json!({
        "name": meta.name, "workflow_name": workflow_name, "revision": revision, "status": status,
        "archived": archived, "cancel": cancel, "trigger_kind": trigger_kind, "requested_by": requested_by,
        "trigger": trigger, "input": input, "effective_input": effective_input, "output": output,
        "output_ref": output_ref, "error": error, "queue": queue, "steps": steps, "decisions": decisions,
        "reuse": reuse, "reused": reused, "ending": ending, "wake_at": text(*wake_at),
        "suspended_at": text(*suspended_at), "waited_seconds": waited_seconds, "output_uris": output_uris,
        "priority": priority, "started_at": text(*started_at), "finished_at": text(*finished_at),
    });
    (meta, columns)
}
