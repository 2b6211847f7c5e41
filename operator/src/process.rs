//! Lifecycle of the process: leader election, watches, controllers, and shutdown.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use telemetry::{Health, Registry, health, shutdown, tasks::Tasks};
use tokio_util::sync::CancellationToken;

use crate::{
    api::FullObjects,
    client,
    config::Config,
    context::Context,
    controller::Controller,
    counters, election,
    events::Events,
    metrics::Metrics,
    plan, run,
    state::{
        FenceState, ImagePulls, LastRuns, ObjectCounts, Reservations, RevisionScans, Revisions, Slots,
        Validations,
    },
    tenant, unparsable,
    watch::{self, ReconcileRequests, RequestQueues, Stores, Writers},
    workflow,
};

/// Time that ongoing reconciles have to complete at shutdown: as long as the timeout of one.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);

/// Runs the operator until it receives SIGTERM or SIGINT.
///
/// # Errors
/// Returns an error if the API server cannot be reached at the start, if the lease is lost, or if a task ends early.
pub(crate) async fn run(config: Config) -> anyhow::Result<()> {
    let stop = shutdown::on_signals().context("failed to listen for signals")?;
    let (health, registry) = (Health::default(), Registry::default());
    let mut tasks = Tasks::new(stop.clone());
    tasks.spawn("health", health::serve(config.health_addr, health.clone(), registry.clone(), stop.clone()));
    health.require("kubernetes");
    let clients = client::connect().await?;
    let client = clients.selective.clone();
    client.apiserver_version().await.context("failed to reach Kubernetes")?;
    health.set("kubernetes", true);
    // An operator that waits for the lease is also ready.
    if let Some(leadership) = election::acquire(client, &config, &stop).await? {
        tracing::info!(lease = config.lease_name, "this operator is the leader");
        tasks.spawn("lease", leadership.hold(stop.clone()));
        let (ctx, writers, queues) = create_context(clients, config, &registry);
        watch::start(&mut tasks, &ctx.client, &ctx.requests, &ctx.stores, writers, &stop);
        tasks.spawn("controllers", run_controllers(Arc::clone(&ctx), queues, stop.clone()));
    }
    tasks.run(DRAIN_TIMEOUT).await?;
    Ok(())
}

fn create_context(
    clients: client::Clients,
    config: Config,
    registry: &Registry,
) -> (Arc<Context>, Writers, RequestQueues) {
    let client::Clients { selective: client, full } = clients;
    let (stores, writers) = Stores::new();
    let (requests, queues) = ReconcileRequests::new();
    let compute = compute::Pool::new(compute::Limits::default(), registry);
    let ctx = Context {
        events: Events::new(client.clone(), &config.pod_name),
        metrics: Metrics::new(registry),
        slots: Slots::default(),
        fence: FenceState::default(),
        reservations: Reservations::default(),
        image_pulls: ImagePulls::default(),
        object_counts: ObjectCounts::default(),
        revisions: Revisions::new(compute.clone(), config.python_image.clone()),
        compute,
        last_runs: LastRuns::default(),
        revision_scans: RevisionScans::default(),
        validations: Validations::default(),
        client,
        full: FullObjects::new(full),
        config,
        stores,
        requests,
    };
    (Arc::new(ctx), writers, queues)
}

/// Runs all controllers, after every kind was listed once: a run must not be admitted before the running ones are known.
async fn run_controllers(
    ctx: Arc<Context>,
    queues: RequestQueues,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    match stop.run_until_cancelled(ctx.stores.ready()).await {
        None => return Ok(()),
        Some(ready) => ready.context("failed to list every kind once: a watch ended")?,
    }
    run::restore(&ctx).await.context("failed to restore the slots of unfinished runs")?;
    let mut tasks = Tasks::new(stop.clone());
    spawn_controllers(&mut tasks, &ctx, queues, &stop);
    tasks.run(DRAIN_TIMEOUT).await?;
    ctx.events.flush().await;
    Ok(())
}

fn spawn_controllers(tasks: &mut Tasks, ctx: &Arc<Context>, queues: RequestQueues, stop: &CancellationToken) {
    let RequestQueues { plans, tenants, workflows, runner_pools, runs, released, unparsable } = queues;
    let Stores {
        plans: plan_store, tenants: tenant_store, workflows: workflow_store, runs: run_store, ..
    } = ctx.stores.clone();
    let shared = || (Arc::clone(ctx), stop.clone());
    let (c, s) = shared();
    let controller =
        Controller { name: "plan", set_aside_reason: "SetAside", store: plan_store, queue: plans };
    tasks.spawn("plans", controller.run(c, s, plan::reconcile));
    let (c, s) = shared();
    let controller =
        Controller { name: "tenant", set_aside_reason: "SetAside", store: tenant_store, queue: tenants };
    tasks.spawn("tenants", controller.run(c, s, tenant::reconcile));
    let (c, s) = shared();
    let controller = Controller {
        name: "pool",
        set_aside_reason: "RunnersSetAside",
        store: workflow_store.clone(),
        queue: runner_pools,
    };
    tasks.spawn("pools", controller.run(c, s, run::pool::reconcile));
    let (c, s) = shared();
    let controller = Controller {
        name: "workflow",
        set_aside_reason: "SetAside",
        store: workflow_store,
        queue: workflows,
    };
    tasks.spawn("workflows", controller.run(c, s, workflow::reconcile));
    let (c, s) = shared();
    let controller = Controller { name: "run", set_aside_reason: "SetAside", store: run_store, queue: runs };
    tasks.spawn("runs", controller.run(c, s, run::reconcile));
    let (c, s) = shared();
    tasks.spawn("release", run::release(c, released, s));
    let (c, s) = shared();
    tasks.spawn("sweep", run::sweep(c, s));
    let (c, s) = shared();
    tasks.spawn("counters", counters::write_counts(c, s));
    let (client, metrics) = (ctx.client.clone(), ctx.metrics.clone());
    tasks.spawn("unparsable", unparsable::report(client, metrics, unparsable, stop.clone()));
}
