//! Actions on the runner pod of a scenario.

use anyhow::Context as _;
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, api::DeleteParams};

use super::{context::ScenarioContext, format::MAIN, harness::DEADLINE};
use crate::runner_process;

impl ScenarioContext<'_> {
    /// Sends SIGKILL to the runner to which the run `main` is assigned.
    pub(super) async fn kill_runner(&self) -> anyhow::Result<()> {
        let uid = self.runner().await?.pod_uid.context("the run is not assigned to a pod")?;
        runner_process::kill(&uid)
    }

    /// Deletes the pod to which the run `main` is assigned.
    pub(super) async fn delete_pod(&self) -> anyhow::Result<()> {
        let pod = self.runner().await?.pod.context("the run is not assigned to a pod")?;
        let pods: Api<Pod> = self.harness.api(&self.namespace);
        pods.delete(&pod, &DeleteParams::default()).await?;
        Ok(())
    }

    async fn runner(&self) -> anyhow::Result<crds::run::RunnerStatus> {
        let runner = |run: &crds::WorkflowRun| run.status.as_ref().and_then(|status| status.runner.clone());
        let run =
            self.wait_until(MAIN, "it is assigned to a pod", DEADLINE, |run| runner(run).is_some()).await?;
        runner(&run).context("the run is not assigned to a pod")
    }
}
