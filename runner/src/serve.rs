//! The life of the process: one run, from its assignment to its end.

use std::os::fd::AsFd as _;

use anyhow::Context as _;
use kube::Client;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::{
    assignment::{self, Assignment},
    config::Config,
    logs::Logs,
    run::{Held, Setting, execute},
    store::Kubernetes,
};

/// Assignments of one pod are few.
const WAITING_ASSIGNMENTS: usize = 16;

pub(crate) async fn serve(config: Config) -> anyhow::Result<()> {
    let stop = telemetry::shutdown::on_signals().context("failed to listen for signals")?;
    let stdout = std::io::stdout().as_fd().try_clone_to_owned().context("failed to open standard output")?;
    let (logs, writer) = Logs::start(tokio::fs::File::from_std(stdout.into()));
    let executed = hold(&config, logs, stop).await;
    // All that writes lines is gone: the writer ends when the last line is out.
    writer.await.context("failed to follow the log of steps")??;
    executed
}

async fn hold(config: &Config, logs: Logs, stop: CancellationToken) -> anyhow::Result<()> {
    let client = client().await?;
    let store = Kubernetes::new(&client, &config.pod_namespace);
    let (to, mut assignments) = mpsc::channel(WAITING_ASSIGNMENTS);
    let watching = assignment::watch(store.runs(), &config.pod_uid, to);
    let setting = Setting {
        store: &store,
        pod_uid: &config.pod_uid,
        python_image: &config.python_image,
        sockets: &config.sockets,
        logs,
        stop,
    };
    let executing = async {
        let Some(held) = take(&setting, &mut assignments).await else { return Ok(None) };
        execute(&setting, held, &mut assignments).await.map(Some)
    };
    let left = tokio::select! {
        left = executing => left.context("failed to execute the run")?,
        ended = watching => return ended.context("failed to hear of assignments"),
    };
    info!(tenant.name = config.tenant, pod.name = config.pod_name, ?left, "leaving");
    Ok(())
}

/// Requests are bounded and repeated where it is known what may be repeated: not below, in the client.
async fn client() -> anyhow::Result<Client> {
    let mut config = kube::Config::infer().await.context("failed to find the API server")?;
    config.default_retry = false;
    Client::try_from(config).context("failed to set up the client of the API server")
}

/// Waits for the run that this pod is to execute; `None` when the pod is to leave before.
///
/// An idle runner never leaves by itself: the operator ends it, or an assignment could meet a pod that is leaving.
async fn take<S>(setting: &Setting<'_, S>, assignments: &mut mpsc::Receiver<Assignment>) -> Option<Held> {
    loop {
        let assignment = tokio::select! {
            assignment = assignments.recv() => assignment?,
            () = setting.stop.cancelled() => return None,
        };
        if let Assignment::Held(run) = assignment
            && let Some(held) = Held::of(*run, setting.pod_uid)
        {
            return Some(held);
        }
    }
}
