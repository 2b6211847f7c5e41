//! The life of the process: one run, or one after the other, from assignment to end.

use std::os::fd::AsFd as _;

use anyhow::Context as _;
use kube::Client;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::{
    api::ApiServer,
    assignment::{self, Assignment},
    config::Config,
    hosts::Connections,
    logs::{Logs, Shipping},
    run::{Held, Setting, execute},
    store::{Kubernetes, Store},
};

/// Assignments of one pod are few.
const WAITING_ASSIGNMENTS: usize = 16;

pub(crate) async fn serve(config: Config) -> anyhow::Result<()> {
    let stop = telemetry::shutdown::on_signals().context("failed to listen for signals")?;
    let stdout = std::io::stdout().as_fd().try_clone_to_owned().context("failed to open standard output")?;
    let api = config.api_url.clone().map(|url| ApiServer::new(url, config.api_token.clone())).transpose()?;
    let shipping = api.clone().map(|api| Shipping { api, pod: config.pod_name.clone() });
    let (logs, writer) = Logs::start(tokio::fs::File::from_std(stdout.into()), shipping);
    let executed = hold(&config, api.as_ref(), logs, stop).await;
    // All that writes lines is gone: the writer ends when the last line is out.
    writer.await.context("failed to follow the log of steps")??;
    executed
}

async fn hold(
    config: &Config,
    api: Option<&ApiServer>,
    logs: Logs,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let client = client().await?;
    let store = Kubernetes::new(&client, &config.pod_namespace);
    let (to, mut assignments) = mpsc::channel(WAITING_ASSIGNMENTS);
    let watching = assignment::watch(store.runs(), &config.pod_uid, to);
    let setting = Setting {
        store: &store,
        pod_uid: &config.pod_uid,
        python_image: &config.python_image,
        hosts: Connections::open(&config.sockets)?,
        secrets: &config.secrets,
        api,
        logs,
        stop,
    };
    tokio::select! {
        executed = work(config, &setting, &mut assignments) => executed,
        ended = watching => ended.context("failed to hear of assignments"),
    }
}

/// Executes one run; of a pod that stays, one after the other until it is told to leave.
async fn work<S: Store>(
    config: &Config,
    setting: &Setting<'_, S>,
    assignments: &mut mpsc::Receiver<Assignment>,
) -> anyhow::Result<()> {
    let mut revision = None;
    loop {
        let Some(held) = take(setting, assignments).await else { break };
        let run = held.name.clone();
        // The hosts of this pod have the images of one revision.
        let here = revision.get_or_insert_with(|| held.revision.clone());
        anyhow::ensure!(
            *here == held.revision,
            "failed to run revision {}: this pod is of {here}",
            held.revision
        );
        let left = execute(setting, held, assignments).await.context("failed to execute the run")?;
        info!(
            tenant.name = config.tenant,
            pod.name = config.pod_name,
            run.name = run,
            ?left,
            "the run has left"
        );
        if !config.stay || setting.stop.is_cancelled() {
            break;
        }
    }
    info!(tenant.name = config.tenant, pod.name = config.pod_name, "leaving");
    Ok(())
}

/// Requests are bounded and repeated where it is known what may be repeated: not below, in the client.
async fn client() -> anyhow::Result<Client> {
    let mut config = kube::Config::infer().await.context("failed to find the API server")?;
    config.default_retry = false;
    k8s_client::connect(config).context("failed to set up the client of the API server")
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
