//! Names that several controllers share: annotations of runner Jobs and pods, queue reasons, and derived names.

use crds::{Tenant, names};
use kube::ResourceExt as _;

/// Annotation with the UID of the run that a Job or pod was created for. The run's name may be used again.
pub(crate) const RUN_UID: &str = "smbcopilot.dev/run-uid";
/// Annotation with the number of the pod attempt, starting at 0.
pub(crate) const ATTEMPT: &str = "smbcopilot.dev/attempt";
/// Annotation with the name of the run that a Job or pod was created for, also on a runner that later runs reuse.
pub(crate) const FOR_RUN: &str = "smbcopilot.dev/for-run";
/// Annotation with a digest of the pod's spec.
pub(crate) const TEMPLATE: &str = "smbcopilot.dev/template";
/// Annotation with the name of a pod's Job.
pub(crate) const JOB: &str = "smbcopilot.dev/job";
/// Annotation with the UID of the workflow that a revision was created from. The workflow's name may be used again.
pub(crate) const WORKFLOW_UID: &str = "smbcopilot.dev/workflow-uid";

/// Name of the ValidatingAdmissionPolicy, and of its binding, that lets a runner write only the runs that are assigned to it.
pub(crate) const RUNNER_FENCE: &str = "smb-copilot-runner-fence";

/// Queue reason of a run whose pod does not fit into the tenant's quota.
pub(crate) const CLUSTER_FULL: &str = "ClusterFull";

/// Returns the name of a tenant's namespace.
pub(crate) fn tenant_namespace(tenant: &Tenant) -> String {
    let named = tenant.spec.namespace.as_ref().and_then(|namespace| namespace.name.clone());
    named.unwrap_or_else(|| names::tenant_namespace(&tenant.name_any()))
}
