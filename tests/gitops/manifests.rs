//! Manifests as they are in a repository.

/// Plan that permits schedules with seconds.
pub(super) fn plan(name: &str) -> String {
    format!(
        r#"apiVersion: smbcopilot.dev/v1alpha1
kind: Plan
metadata:
  name: {name}
  annotations: {{argocd.argoproj.io/sync-wave: "-2"}}
spec:
  limits: {{minScheduleInterval: 1s}}
  namespace: {{requests: {{cpu: "2", memory: 4Gi}}, pods: 20}}
"#
    )
}

/// Tenant on the plan of the same name, with further lines of its spec.
pub(super) fn tenant(slug: &str, spec: &str) -> String {
    format!(
        r#"apiVersion: smbcopilot.dev/v1alpha1
kind: Tenant
metadata:
  name: {slug}
  annotations: {{argocd.argoproj.io/sync-wave: "-1", argocd.argoproj.io/sync-options: "Prune=confirm,Delete=confirm"}}
spec:
  displayName: Acme Bakery
  planRef: {{name: {slug}}}
{spec}"#
    )
}

/// The same tenant, whose deletion is confirmed.
pub(super) fn confirmed_tenant(slug: &str) -> String {
    let confirmed = format!("smbcopilot.dev/confirm-delete: {slug}, argocd.argoproj.io/sync-wave");
    tenant(slug, "").replacen("argocd.argoproj.io/sync-wave", &confirmed, 1)
}

/// Workflow `intake` in the namespace of the tenant, with further lines of its spec.
pub(super) fn workflow(slug: &str, spec: &str) -> String {
    format!(
        r#"apiVersion: smbcopilot.dev/v1alpha1
kind: Workflow
metadata: {{name: intake, namespace: t-{slug}}}
spec:
  input:
    schema: {{type: object, properties: {{quantity: {{type: integer}}}}}}
  steps:
    - name: double
      expr: {{value: "${{{{ input.quantity * 2 }}}}"}}
{spec}"#
    )
}

/// Workflow with two problems.
pub(super) fn workflow_with_problems(slug: &str) -> String {
    workflow(
        slug,
        r#"    - name: first
      when: "1 +"
      expr: {value: 1}
    - name: second
      when: "2 +"
      expr: {value: 2}
"#,
    )
}
