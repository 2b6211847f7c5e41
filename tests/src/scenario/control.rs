//! What is done to pods.

use anyhow::Context as _;
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, api::DeleteParams};

use super::{format::MAIN, stage::Stage, world::DEADLINE};
use crate::pod;

impl Stage<'_> {
    /// SIGKILL for the runner that holds the run `main`.
    pub(super) async fn kill_runner(&self) -> anyhow::Result<()> {
        let uid = self.runner().await?.pod_uid.context("no pod holds the run")?;
        pod::kill(&uid)
    }

    /// Deletes the pod that holds the run `main`.
    pub(super) async fn delete_pod(&self) -> anyhow::Result<()> {
        let pod = self.runner().await?.pod.context("no pod holds the run")?;
        let pods: Api<Pod> = self.world.api(&self.namespace);
        pods.delete(&pod, &DeleteParams::default()).await?;
        Ok(())
    }

    async fn runner(&self) -> anyhow::Result<crds::run::RunnerStatus> {
        let of = |run: &crds::WorkflowRun| run.status.as_ref().and_then(|status| status.runner.clone());
        let run = self.until(MAIN, "a pod holds it", DEADLINE, |run| of(run).is_some()).await?;
        of(&run).context("no pod holds the run")
    }
}
