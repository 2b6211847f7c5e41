//! Objects that are mirrored before a test starts.

use crds::{Plan, Tenant, Workflow, WorkflowRun};
use serde::de::DeserializeOwned;
use sqlx::PgPool;

use crate::{db::MirrorPool, mirror};

const OBJECTS: &str = include_str!("fixtures.yaml");

pub(in crate::http) const ACME: &str = "a0000000-0000-4000-8000-000000000001";
/// ID of the user Anna, an active owner of acme whose identity is `anna` at the issuer of the tests.
pub(in crate::http) const ANNA: &str = "d0000000-0000-4000-8000-000000000001";
/// ID of the user Bob, an active builder of acme whose identity is `bob` at the issuer of the tests.
pub(in crate::http) const BOB: &str = "d0000000-0000-4000-8000-000000000002";
/// ID of the user Cara, who is invited to acme as a viewer.
pub(in crate::http) const CARA: &str = "d0000000-0000-4000-8000-000000000003";
/// ID of the service account `importer` of acme.
pub(in crate::http) const SERVICE_ACCOUNT: &str = "e0000000-0000-4000-8000-000000000001";
/// ID of the API key of the service account.
pub(in crate::http) const API_KEY: &str = "f0000000-0000-4000-8000-000000000001";
/// ID of the invitation of Cara.
pub(in crate::http) const INVITATION: &str = "90000000-0000-4000-8000-000000000001";
/// ID of the role `Finance` of acme, which has the policy.
pub(in crate::http) const ROLE: &str = "70000000-0000-4000-8000-000000000001";
/// ID of the policy `Runs of invoices` of acme.
pub(in crate::http) const POLICY: &str = "60000000-0000-4000-8000-000000000001";
/// ID of the document with a chunk.
pub(in crate::http) const DOCUMENT: &str = "71000000-0000-4000-8000-000000000001";
/// ID of its chunk.
pub(in crate::http) const CHUNK: &str = "72000000-0000-4000-8000-000000000001";
/// ID of the workflow `invoice`, which has a schema and the runs `invoice-1` and `invoice-2`.
pub(in crate::http) const WORKFLOW: &str = "b0000000-0000-4000-8000-000000000001";
/// ID of the workflow `attic`.
pub(in crate::http) const ARCHIVED_WORKFLOW: &str = "b0000000-0000-4000-8000-000000000003";
/// ID of the run `invoice-1`.
pub(in crate::http) const RUN: &str = "c0000000-0000-4000-8000-000000000001";
/// ID of the run `invoice-2`.
pub(in crate::http) const FAILED_RUN: &str = "c0000000-0000-4000-8000-000000000002";
/// ID of the run `report-1`.
pub(in crate::http) const QUEUED_RUN: &str = "c0000000-0000-4000-8000-000000000003";

pub(super) async fn apply(mirror: &MirrorPool) {
    for document in documents() {
        match document["kind"].as_str().unwrap() {
            "Plan" => mirror::apply_one(mirror, &object::<Plan>(document)).await.unwrap(),
            "Tenant" => mirror::apply_one(mirror, &object::<Tenant>(document)).await.unwrap(),
            "Workflow" => mirror::apply_one(mirror, &object::<Workflow>(document)).await.unwrap(),
            _ => mirror::apply_one(mirror, &object::<WorkflowRun>(document)).await.unwrap(),
        };
    }
}

pub(super) async fn finish_queued_run(mirror: &MirrorPool) {
    let named = |document: &serde_yaml::Value| document["metadata"]["uid"].as_str() == Some(QUEUED_RUN);
    let mut document = documents().into_iter().find(named).unwrap();
    document["metadata"]["resourceVersion"] = "1000".into();
    document["status"] = serde_yaml::from_str(
        "{phase: Succeeded, startedAt: 2026-11-24T08:02:01Z, finishedAt: 2026-11-24T08:02:02Z}",
    )
    .unwrap();
    mirror::apply_one(mirror, &object::<WorkflowRun>(document)).await.unwrap();
}

/// Adds users of acme, with their identities at an issuer.
pub(super) async fn add_users(owner: &PgPool, issuer: &str) {
    let users = [
        (ANNA, "Anna@acme.example", Some("Anna Berg"), "ACTIVE", "owner", "anna", "2026-11-04T00:00:00Z"),
        (BOB, "bob@acme.example", None, "ACTIVE", "builder", "bob", "2026-11-05T08:00:00Z"),
        (CARA, "cara@acme.example", Some("Cara Diaz"), "INVITED", "viewer", "", "2026-11-06T00:00:00Z"),
    ];
    for (id, email, name, status, role, subject, at) in users {
        let insert = "with added as (
             insert into users (id, tenant_id, email, email_key, display_name, status, created_at, updated_at)
             values ($1::uuid, $2::uuid, $3, lower($3), $4, $5, $8::timestamptz, $8::timestamptz)
           ), roles as (
             insert into user_roles (tenant_id, user_id, role) values ($2::uuid, $1::uuid, $6)
           )
           insert into identities (issuer, subject, tenant_id, user_id)
           select $9, $7, $2::uuid, $1::uuid where $7 <> ''";
        let query = sqlx::query(insert).bind(id).bind(ACME).bind(email).bind(name).bind(status);
        query.bind(role).bind(subject).bind(at).bind(issuer).execute(owner).await.unwrap();
    }
}

/// Adds a service account of acme with an API key, and an invitation of Cara. Users are added before.
pub(super) async fn add_keys(owner: &PgPool) {
    let account = "insert into service_accounts (id, tenant_id, name, description, created_at)
         values ($2::uuid, $1::uuid, 'importer', 'Imports orders every night', '2026-11-07T00:00:00Z')";
    let role = "insert into service_account_roles (tenant_id, service_account_id, role)
         values ($1::uuid, $2::uuid, 'operator')";
    let key = "insert into api_keys (id, tenant_id, service_account_id, name, digest, prefix, scopes, expires_at, created_at)
         values ('f0000000-0000-4000-8000-000000000001', $1::uuid, $2::uuid, 'Nightly import', sha256('key'),
           'smbc_live_0aZ9', array['workflow.read', 'workflow.run'], '2026-12-30T00:00:00Z', '2026-11-07T00:00:00Z')";
    for statement in [account, role, key] {
        sqlx::query(statement).bind(ACME).bind(SERVICE_ACCOUNT).execute(owner).await.unwrap();
    }
    let invitation = "insert into invitations (id, tenant_id, user_id, digest, invited_by, expires_at, created_at)
         values ('90000000-0000-4000-8000-000000000001', $1::uuid, $2::uuid, sha256('invitation'), 'anna@acme.example',
           '2030-01-01T00:00:00Z', '2026-11-07T00:00:00Z')";
    sqlx::query(invitation).bind(ACME).bind(CARA).execute(owner).await.unwrap();
}

/// Adds the role and the policy of acme, and a policy with selectors and conditions of all kinds.
pub(super) async fn add_roles(owner: &PgPool) {
    let policy = "insert into policies (id, tenant_id, name, description, effect, actions, resources, conditions, created_at, updated_at)
         values ($1::uuid, $2::uuid, $3, 'for tests', $4, array['workflow.run.*'], $5::json, $6::json, $7::timestamptz, $7::timestamptz)";
    let resources = serde_json::json!([
        {"kind": "WORKFLOW_NAME", "name": "invoice"},
        {"kind": "WORKFLOW_LABEL", "key": "team", "value": "finance"},
        {"kind": "DOCUMENT_TAG", "tag": "contracts"},
    ]);
    let conditions = serde_json::json!([
        {"type": "OWNER_IS_PRINCIPAL"},
        {"type": "LABEL_IN", "key": "team", "values": ["finance", "sales"]},
        {"type": "TAG_IN", "values": ["contracts"]},
        {"type": "IP_IN", "ranges": ["192.0.2.0/24"]},
        {"type": "TIME_BETWEEN", "from": "08:00", "to": "18:00", "timeZone": "Europe/Berlin"},
        {"type": "TIME_BETWEEN", "from": "08:00", "to": "18:00"},
        {"type": "MFA"},
    ]);
    let (name, at) = ("Runs of invoices", "2026-11-08T00:00:00Z");
    let first =
        sqlx::query(policy).bind(POLICY).bind(ACME).bind(name).bind("ALLOW").bind(resources.to_string());
    first.bind("[]").bind(at).execute(owner).await.unwrap();
    let other = sqlx::query(policy)
        .bind("60000000-0000-4000-8000-000000000002")
        .bind(ACME)
        .bind("Denial")
        .bind("DENY");
    let other = other.bind(resources.to_string()).bind(conditions.to_string());
    other.bind("2026-11-09T00:00:00Z").execute(owner).await.unwrap();
    for (id, name, at) in
        [(ROLE, "Finance", at), ("70000000-0000-4000-8000-000000000002", "Sales", "2026-11-09T00:00:00Z")]
    {
        let role = "insert into roles (id, tenant_id, name, description, created_at, updated_at)
             values ($1::uuid, $2::uuid, $3, 'for tests', $4::timestamptz, $4::timestamptz)";
        sqlx::query(role).bind(id).bind(ACME).bind(name).bind(at).execute(owner).await.unwrap();
        let attached =
            "insert into role_policies (tenant_id, role_id, policy_id) values ($2::uuid, $1::uuid, $3::uuid)";
        sqlx::query(attached).bind(id).bind(ACME).bind(POLICY).execute(owner).await.unwrap();
    }
}

/// Text of the document with chunks.
pub(in crate::http) const DOCUMENT_TEXT: &str = "# Holidays\n\nEmployees have 28 days of holiday.\n";

/// Adds three documents of acme: one with two chunks, one without content, and one whose content cannot be used.
pub(super) async fn add_documents(owner: &PgPool) {
    let document = "insert into documents (id, tenant_id, uploaded_by, file_name, declared_type, mime_type, metadata, parsed_metadata,
           tags, status, error_code, error_message, contents, content_version, indexed_version, size_bytes, content_sha256, chunk_count,
           created_at, updated_at)
         values
           ($1::uuid, $2::uuid, 'anna@acme.example', 'handbook.md', null, 'text/markdown', '{\"year\": 2026}', '{\"title\": \"Holidays\"}',
            '{handbook,hr}', 'READY', null, null, 1, 1, 1, 47, repeat('0a', 32), 1, '2026-11-10T00:00:00Z', '2026-11-10T00:00:02Z'),
           ('71000000-0000-4000-8000-000000000002', $2::uuid, 'importer', 'prices.csv', 'text/csv', null, '{}', '{}',
            '{}', 'PENDING', null, null, 0, null, null, null, null, 0, '2026-11-11T00:00:00Z', '2026-11-11T00:00:00Z'),
           ('71000000-0000-4000-8000-000000000003', $2::uuid, 'anna@acme.example', 'offer.pdf', 'application/pdf', null, '{}', '{}',
            '{}', 'FAILED', 'ENCRYPTED', 'the document requires a password', 1, 1, null, 9000, repeat('0b', 32), 0,
            '2026-11-12T00:00:00Z', '2026-11-12T00:00:01Z')";
    let content =
        "insert into document_contents (tenant_id, document_id, content_version, bytes, sha256, media_type)
         values ($2::uuid, $1::uuid, 1, 47, repeat('0a', 32), 'text/markdown')";
    let chunk = "insert into document_chunks (id, tenant_id, document_id, content_version, ordinal, text, starts_at, ends_at, tokens, headings)
         values ('72000000-0000-4000-8000-000000000001', $2::uuid, $1::uuid, 1, 0, 'Employees have 28 days of holiday.', 12, 46, 9, '{Holidays}')";
    for statement in [document, content, chunk] {
        sqlx::query(statement).bind(DOCUMENT).bind(ACME).execute(owner).await.unwrap();
    }
}

/// Adds a collection, which the status of all tenants names.
pub(super) async fn add_collection(owner: &PgPool) {
    let reported = crate::vectors::testing::collection().await;
    sqlx::query("update tenants set status = $1")
        .bind(sqlx::types::Json(reported))
        .execute(owner)
        .await
        .unwrap();
}

pub(super) async fn add_runs(mirror: &MirrorPool, number: usize) {
    const PHASES: [&str; 7] =
        ["Queued", "Running", "Suspended", "Succeeded", "Failed", "Cancelled", "TimedOut"];
    for (index, phase) in (0..number).zip(PHASES.iter().cycle()) {
        let run = serde_json::json!({
            "apiVersion": "smbcopilot.dev/v1alpha1", "kind": "WorkflowRun",
            "metadata": {
                "name": format!("more-{index}"), "namespace": "t-acme", "generation": 1,
                "uid": format!("c1000000-0000-4000-8000-{index:012}"), "resourceVersion": (100 + index).to_string(),
                "creationTimestamp": format!("2026-11-24T08:02:{:02}Z", index / 2),
            },
            "spec": {"workflowRef": {"name": "invoice"}, "input": {}, "trigger": {"kind": "Manual"}},
            "status": {"phase": phase},
        });
        mirror::apply_one(mirror, &serde_json::from_value::<WorkflowRun>(run).unwrap()).await.unwrap();
    }
}

/// Adds a workflow with a finished and a queued run of globex.
pub(super) async fn add_objects_of_globex(mirror: &MirrorPool) {
    let metadata = |name: &str, uid: &str, version: &str| {
        serde_json::json!({
            "name": name, "namespace": "t-globex", "uid": uid, "resourceVersion": version, "generation": 1,
            "creationTimestamp": "2026-11-24T09:00:00Z",
        })
    };
    let workflow = serde_json::json!({
        "apiVersion": "smbcopilot.dev/v1alpha1", "kind": "Workflow",
        "metadata": metadata("globex-orders", "b1000000-0000-4000-8000-000000000001", "500"),
        "spec": {"steps": [{"name": "one", "expr": {"value": "${{ 1 }}"}}]},
    });
    mirror::apply_one(mirror, &serde_json::from_value::<Workflow>(workflow).unwrap()).await.unwrap();
    for (name, uid, version, phase) in [
        ("globex-1", "c2000000-0000-4000-8000-000000000001", "501", "Failed"),
        ("globex-2", "c2000000-0000-4000-8000-000000000002", "502", "Queued"),
    ] {
        let run = serde_json::json!({
            "apiVersion": "smbcopilot.dev/v1alpha1", "kind": "WorkflowRun", "metadata": metadata(name, uid, version),
            "spec": {"workflowRef": {"name": "globex-orders"}, "input": {}, "trigger": {"kind": "Manual"}},
            "status": {"phase": phase},
        });
        mirror::apply_one(mirror, &serde_json::from_value::<WorkflowRun>(run).unwrap()).await.unwrap();
    }
}

pub(super) async fn set_plan_limits(mirror: &MirrorPool, limits: &serde_json::Value) {
    let is_plan = |document: &serde_yaml::Value| document["kind"].as_str() == Some("Plan");
    let mut plan = documents().into_iter().find(is_plan).unwrap();
    plan["metadata"]["resourceVersion"] = "1000".into();
    plan["spec"]["limits"] = serde_yaml::to_value(limits).unwrap();
    mirror::apply_one(mirror, &object::<Plan>(plan)).await.unwrap();
}

/// Returns the runs as Kubernetes has them.
pub(super) fn runs() -> Vec<serde_json::Value> {
    of_kind("WorkflowRun")
}

/// Returns the workflows as Kubernetes has them.
pub(super) fn workflows() -> Vec<serde_json::Value> {
    of_kind("Workflow")
}

/// Returns the tenants as Kubernetes has them.
pub(super) fn tenants() -> Vec<serde_json::Value> {
    of_kind("Tenant")
}

fn of_kind(kind: &str) -> Vec<serde_json::Value> {
    let is_of_kind = |document: &serde_yaml::Value| document["kind"].as_str() == Some(kind);
    documents().into_iter().filter(is_of_kind).map(object).collect()
}

fn documents() -> Vec<serde_yaml::Value> {
    let documents = serde_yaml::Deserializer::from_str(OBJECTS);
    documents.map(|document| serde::Deserialize::deserialize(document).unwrap()).collect()
}

fn object<K: DeserializeOwned>(document: serde_yaml::Value) -> K {
    serde_yaml::from_value(document).unwrap()
}
