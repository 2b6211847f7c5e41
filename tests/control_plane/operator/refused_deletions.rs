//! Policy that refuses the deletion of a tenant's Jobs, so that their runs cannot be released.

use k8s_openapi::api::admissionregistration::v1::{
    ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
};
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, PostParams},
};
use serde_json::json;
use tests::wait;

use super::{DEADLINE, fixture::Fixture};

/// Policy in force until [`RefusedDeletions::end`] is called.
pub(super) struct RefusedDeletions {
    name: String,
    policies: Api<ValidatingAdmissionPolicy>,
    bindings: Api<ValidatingAdmissionPolicyBinding>,
}

impl RefusedDeletions {
    /// Creates the policy, and waits until the Job of a run cannot be deleted.
    pub(super) async fn begin(fixture: &Fixture, run: &str) -> anyhow::Result<Self> {
        let name = fixture.slug.clone();
        let rule = json!({"apiGroups": ["batch"], "apiVersions": ["*"], "resources": ["jobs"], "operations": ["DELETE"]});
        let selector = json!({"matchLabels": {"kubernetes.io/metadata.name": fixture.namespace}});
        let policy = json!({
            "metadata": {"name": name},
            "spec": {
                "matchConstraints": {"resourceRules": [rule], "namespaceSelector": selector},
                "validations": [{"expression": "false", "message": "the test refuses this"}],
            },
        });
        let binding = json!({
            "metadata": {"name": name}, "spec": {"policyName": name, "validationActions": ["Deny"]},
        });
        let policies: Api<ValidatingAdmissionPolicy> = Api::all(fixture.client.clone());
        let bindings: Api<ValidatingAdmissionPolicyBinding> = Api::all(fixture.client.clone());
        policies.create(&PostParams::default(), &serde_json::from_value(policy)?).await?;
        bindings.create(&PostParams::default(), &serde_json::from_value(binding)?).await?;
        let job = fixture.jobs_of(run).await?.first().map(|job| job.name_any()).unwrap_or_default();
        let dry_run = DeleteParams { dry_run: true, ..DeleteParams::background() };
        let refused = async || Ok(fixture.jobs.delete(&job, &dry_run).await.is_err());
        wait::until("the policy is in force", DEADLINE, refused, |refused| *refused).await?;
        Ok(Self { name, policies, bindings })
    }

    /// Permits deletions again.
    pub(super) async fn end(self) -> anyhow::Result<()> {
        self.bindings.delete(&self.name, &DeleteParams::default()).await?;
        self.policies.delete(&self.name, &DeleteParams::default()).await?;
        Ok(())
    }
}
