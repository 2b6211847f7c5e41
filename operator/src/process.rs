//! Lifecycle of the process: leader election, watches, controllers, and shutdown.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use crds::Tenant;
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client, ResourceExt as _, runtime::reflector::ObjectRef};
use telemetry::{Health, Registry, health, shutdown, tasks::Tasks};
use tokio::sync::mpsc::Receiver;
use tokio_util::sync::CancellationToken;

use crate::{
    api::{FullObjects, MAX_OVERDUE_BYTES},
    backoff::Failures,
    client,
    config::{ApiKey, Config},
    context::Context,
    controller::Controller,
    counters, election,
    events::Events,
    metrics::Metrics,
    network_probe, plan,
    qdrant::VectorDatabase,
    rights::{RIGHTS, RightsCheck},
    run,
    run_events::RunEvents,
    state::{
        DataDeletions, EnforcementState, FenceState, ImagePulls, LastRuns, ObjectCounts, ObservedChildren,
        QueuePace, Reservations, RevisionScans, Revisions, Slots, Validations, VerifiedVectors,
    },
    tenant,
    unparsable::{self, Unparsable},
    watch::{self, ChildrenListed, Receivers, ReconcileRequests, Released, RequestQueues, Stores, Writers},
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
    let served = health::serve(config.health_addr, health.clone(), registry.clone(), stop.clone());
    tasks.spawn_until_end("health", served);
    health.require("kubernetes");
    health.require(RIGHTS);
    let metrics = Metrics::new(&registry);
    let clients = client::connect(metrics.request_counter()).await?;
    clients.selective.apiserver_version().await.context("failed to reach Kubernetes")?;
    health.set("kubernetes", true);
    let rights = RightsCheck {
        client: clients.selective.clone(),
        release_namespace: config.release_namespace.clone(),
        probe_namespace: config.network_probe_namespace.clone(),
        metrics: metrics.clone(),
        health,
    };
    tasks.spawn("rights", rights.run(stop.clone()));
    // An operator that waits for the lease may be ready, too.
    if let Some(leadership) = election::acquire(clients.lease.clone(), &config, &stop).await? {
        tracing::info!(lease = config.lease_name, "this operator is the leader");
        tasks.spawn("lease", leadership.hold(stop.clone()));
        let vectors = vector_database(&clients.selective, &config).await?;
        let (ctx, writers, queues) = create_context(clients, config, vectors, metrics, &registry);
        let receivers = Receivers {
            client: &ctx.client,
            requests: &ctx.requests,
            run_events: &ctx.run_events,
            stores: &ctx.stores,
            children: &ctx.children,
        };
        let listed = watch::start(&mut tasks, receivers, writers, &stop);
        tasks.spawn("controllers", run_controllers(Arc::clone(&ctx), queues, listed, stop.clone()));
    }
    tasks.run(DRAIN_TIMEOUT).await?;
    Ok(())
}

/// Returns the vector database that is configured. It is not connected to yet: it may be down.
async fn vector_database(client: &Client, config: &Config) -> anyhow::Result<Option<VectorDatabase>> {
    let Some(url) = config.qdrant_url.as_deref().filter(|url| !url.is_empty()) else { return Ok(None) };
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let system = namespaces.get("kube-system").await.context("failed to read the id of the cluster")?;
    let installation = system.uid().context("failed to read the id of the cluster: it has none")?;
    let key = config.qdrant_api_key.as_ref().map(ApiKey::expose);
    let database = VectorDatabase::new(url, key, installation);
    Ok(Some(database.with_context(|| format!("failed to use {url} as the URL of Qdrant"))?))
}

fn create_context(
    clients: client::Clients,
    config: Config,
    vectors: Option<VectorDatabase>,
    metrics: Metrics,
    registry: &Registry,
) -> (Arc<Context>, Writers, RequestQueues) {
    let client::Clients { selective: client, full, lease: _ } = clients;
    let (stores, writers) = Stores::new();
    let (requests, queues) = ReconcileRequests::new();
    let limits = compute::Limits { overdue_bytes: MAX_OVERDUE_BYTES, ..compute::Limits::default() };
    let compute = compute::Pool::new(limits, registry);
    let events = Events::new(client.clone(), &config.pod_name, metrics.events_dropped.clone());
    let ctx = Context {
        run_events: RunEvents::new(events.clone()),
        events,
        metrics,
        slots: Slots::default(),
        queue_pace: QueuePace::default(),
        fence: FenceState::default(),
        enforcement: EnforcementState::default(),
        reservations: Reservations::default(),
        image_pulls: ImagePulls::default(),
        object_counts: ObjectCounts::default(),
        children: ObservedChildren::default(),
        revisions: Revisions::new(compute.clone(), config.python_image.clone()),
        compute,
        last_runs: LastRuns::default(),
        revision_scans: RevisionScans::default(),
        validations: Validations::default(),
        vectors,
        verified_vectors: VerifiedVectors::default(),
        data_deletions: DataDeletions::default(),
        vector_failures: Failures::default(),
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
    children_listed: ChildrenListed,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    match stop.run_until_cancelled(ctx.stores.ready()).await {
        None => return Ok(()),
        Some(ready) => ready.context("failed to list every kind once: a watch ended")?,
    }
    // Otherwise all children would be applied again.
    let listed = async {
        for listed in &children_listed {
            listed.cancelled().await;
        }
    };
    if stop.run_until_cancelled(listed).await.is_none() {
        return Ok(());
    }
    run::restore(&ctx).await.context("failed to restore the slots of unfinished runs")?;
    network_probe::restore(&ctx).await;
    let counted = tenant::object_counts::restore(&ctx).await;
    counted.context("failed to find out whether runs and workflows are counted")?;
    let mut tasks = Tasks::new(stop.clone());
    spawn_controllers(&mut tasks, &ctx, queues, &stop);
    tasks.spawn("network probe", network_probe::run(Arc::clone(&ctx), stop.clone()));
    tasks.run(DRAIN_TIMEOUT).await?;
    ctx.events.flush().await;
    Ok(())
}

fn spawn_controllers(tasks: &mut Tasks, ctx: &Arc<Context>, queues: RequestQueues, stop: &CancellationToken) {
    let RequestQueues {
        plans,
        tenants,
        vectors,
        workflows,
        runner_pools,
        runs,
        roll_outs,
        released,
        unparsable,
    } = queues;
    let Stores {
        plans: plan_store, tenants: tenant_store, workflows: workflow_store, runs: run_store, ..
    } = ctx.stores.clone();
    let vector_store = tenant_store.clone();
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
        name: "vectors",
        set_aside_reason: "VectorsSetAside",
        store: vector_store,
        queue: vectors,
    };
    tasks.spawn("vectors", controller.run(c, s, tenant::vectors::reconcile));
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
    spawn_other_tasks(tasks, ctx, (roll_outs, released, unparsable), stop);
}

/// Spawns what concerns no kind alone.
fn spawn_other_tasks(
    tasks: &mut Tasks,
    ctx: &Arc<Context>,
    (roll_outs, released, unparsable): (
        Receiver<ObjectRef<Tenant>>,
        Receiver<Released>,
        Receiver<Unparsable>,
    ),
    stop: &CancellationToken,
) {
    let shared = || (Arc::clone(ctx), stop.clone());
    let (stores, requests) = (ctx.stores.clone(), ctx.requests.clone());
    tasks.spawn("roll-out", watch::roll_out(stores, requests, roll_outs, stop.clone()));
    let (c, s) = shared();
    tasks.spawn("object counts", tenant::object_counts::run(c, s));
    let (c, s) = shared();
    tasks.spawn("release", run::release(c, released, s));
    let (c, s) = shared();
    tasks.spawn("sweep", run::sweep(c, s));
    let (c, s) = shared();
    tasks.spawn("orphans", tenant::sweep_orphans(c, s));
    let (c, s) = shared();
    tasks.spawn("counters", counters::write_counts(c, s));
    let (client, metrics) = (ctx.client.clone(), ctx.metrics.clone());
    tasks.spawn("unparsable", unparsable::report(client, metrics, unparsable, stop.clone()));
}
