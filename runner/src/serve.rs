//! Main task of the process: executes the runs that are assigned to this pod, one after the other.

use std::os::fd::AsFd as _;

use anyhow::Context as _;
use kube::Client;
use telemetry::errors::chain;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    api::ApiServer,
    assignment::{self, Assignments},
    cluster::{ClusterApi, Kubernetes},
    config::Config,
    logs::{LogExporter, Logs},
    run::{RunExit, RunnerContext, execute, next_assigned_run},
    step_host::HostConnections,
};

/// Capacity of the channel for assignment events, of which one pod receives few.
const ASSIGNMENT_CAPACITY: usize = 16;

/// Executes runs until the pod is stopped, and writes their logs to the end.
///
/// # Errors
/// Returns an error if the process cannot be set up, a run cannot be continued, or logs cannot be written.
pub(crate) async fn serve(config: Config) -> anyhow::Result<()> {
    let stop = telemetry::shutdown::on_signals().context("failed to listen for signals")?;
    let stdout = std::io::stdout().as_fd().try_clone_to_owned().context("failed to open standard output")?;
    let api = config.api_url.clone().map(|url| ApiServer::new(url, config.api_token.clone())).transpose()?;
    let exporter = api.clone().map(|api| LogExporter { api, pod: config.pod_name.clone() });
    let (logs, writer) = Logs::start(tokio::fs::File::from_std(stdout.into()), exporter);
    let executed = watch_and_execute(&config, api.as_ref(), logs, stop).await;
    // All senders of log lines are dropped now, so that the writer ends after the last line.
    writer.await.context("the task that writes step logs failed")??;
    telemetry::trace::shutdown().await;
    executed
}

/// Watches the assignments of this pod and executes the assigned runs.
async fn watch_and_execute(
    config: &Config,
    api: Option<&ApiServer>,
    logs: Logs,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let client = connect().await?;
    let cluster = Kubernetes::new(&client, &config.pod_namespace);
    let (to, events) = mpsc::channel(ASSIGNMENT_CAPACITY);
    let mut assignments = Assignments::new(events);
    let watch = assignment::watch(cluster.runs(), &config.pod_uid, to);
    let context = RunnerContext {
        cluster: &cluster,
        pod_uid: &config.pod_uid,
        python_image: &config.python_image,
        hosts: HostConnections::open(&config.sockets)?,
        secrets: &config.secrets,
        api,
        logs,
        stop,
    };
    tokio::select! {
        executed = execute_runs(config, &context, &mut assignments) => executed,
        ended = watch => ended.context("failed to watch assignments"),
    }
}

/// Executes one run, or with `--stay` one run after the other until the pod is stopped.
async fn execute_runs<C: ClusterApi>(
    config: &Config,
    context: &RunnerContext<'_, C>,
    assignments: &mut Assignments,
) -> anyhow::Result<()> {
    let (mut revision, mut last) = (None, None);
    loop {
        let next = next_assigned_run(context, assignments, last.as_deref()).await;
        let Some(assigned) = next.context("failed to take the next run")? else { break };
        let run = assigned.name.clone();
        last = Some(assigned.uid.clone());
        // The step hosts of this pod have the images of one revision.
        let pod_revision = revision.get_or_insert_with(|| assigned.revision.clone());
        anyhow::ensure!(
            *pod_revision == assigned.revision,
            "failed to execute run {run} of revision {}: this pod executes runs of revision {pod_revision}",
            assigned.revision
        );
        let exit = execute(context, assigned, assignments).await.context("failed to execute the run")?;
        info!(
            tenant.name = config.tenant,
            pod.name = config.pod_name,
            run.name = run,
            ?exit,
            "ended the execution of the run"
        );
        if !config.stay || context.stop.is_cancelled() || exit == RunExit::HandedOver {
            break;
        }
        if let Err(error) = context.hosts.reset().await {
            warn!(
                tenant.name = config.tenant,
                pod.name = config.pod_name,
                error = %chain(&error),
                "the pod executes no more runs, since its step hosts cannot be reset"
            );
            break;
        }
    }
    info!(tenant.name = config.tenant, pod.name = config.pod_name, "exiting");
    Ok(())
}

/// Returns a client for the API server. It does not retry: the callers know which requests may be repeated, and bound
/// them.
async fn connect() -> anyhow::Result<Client> {
    let mut config =
        kube::Config::infer().await.context("failed to determine the address of the API server")?;
    config.default_retry = false;
    k8s_client::connect(config).context("failed to set up the client for the API server")
}
