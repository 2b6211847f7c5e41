//! The life of the process: win the election, watch, reconcile, leave.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use telemetry::{Health, Registry, health, shutdown, tasks::Tasks};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    client,
    config::Config,
    context::Context,
    controller::Controller,
    counters, election,
    events::Events,
    metrics::Metrics,
    plan, run, tenant, unparsable,
    watch::{
        self, Stores,
        kicks::{Kicked, Kicks},
    },
    workflow,
};

/// Reconciles under way get this long to end: as long as one may take.
const DRAIN: Duration = Duration::from_secs(30);

/// Runs until asked to stop, or until something fails that the operator cannot do without.
pub(crate) async fn run(config: Config) -> anyhow::Result<()> {
    let stop = shutdown::on_signals().context("failed to listen for signals")?;
    let (health, registry) = (Health::default(), Registry::default());
    let mut tasks = Tasks::new(stop.clone());
    tasks.spawn("health", health::serve(config.health_addr, health.clone(), registry.clone(), stop.clone()));
    health.require("kubernetes");
    let client = client::connect().await?;
    client.apiserver_version().await.context("failed to reach Kubernetes")?;
    health.set("kubernetes", true);
    // A second operator is ready too: it waits for its turn.
    if let Some(leadership) = election::win(client.clone(), &config, &stop).await? {
        tracing::info!(lease = config.lease_name, "this operator works");
        tasks.spawn("lease", leadership.keep(stop.clone()));
        let (ctx, writers, kicked) = prepare(client, config, &registry);
        watch::start(&mut tasks, &ctx, writers, &stop);
        tasks.spawn("controllers", controllers(Arc::clone(&ctx), kicked, stop.clone()));
    }
    tasks.run(DRAIN).await?;
    Ok(())
}

fn prepare(
    client: kube::Client,
    config: Config,
    registry: &Registry,
) -> (Arc<Context>, watch::Writers, Kicked) {
    let (stores, writers) = Stores::new();
    let (kicks, kicked) = Kicks::new();
    let ctx = Context {
        events: Events::new(client.clone(), &config.pod_name),
        metrics: Metrics::new(registry),
        slots: run::Slots::default(),
        fence: run::Fence::default(),
        pool: run::Pool::default(),
        pulls: run::Pulls::default(),
        revisions: run::Revisions::default(),
        last_runs: workflow::LastRuns::default(),
        pruned: workflow::Pruned::default(),
        telling: TaskTracker::new(),
        client,
        config,
        stores,
        kicks,
    };
    (Arc::new(ctx), writers, kicked)
}

/// All controllers, once everything was listed: a run must not be admitted before the running ones are known.
async fn controllers(ctx: Arc<Context>, kicked: Kicked, stop: CancellationToken) -> anyhow::Result<()> {
    match stop.run_until_cancelled(ctx.stores.ready()).await {
        None => return Ok(()),
        Some(ready) => ready.context("failed to list everything once: a watch ended")?,
    }
    run::seed(&ctx).await.context("failed to learn what runs")?;
    let Kicked { plans, tenants, workflows, pools, runs, left, unparsable } = kicked;
    let stores = ctx.stores.clone();
    let mut tasks = Tasks::new(stop.clone());
    let own = || (Arc::clone(&ctx), stop.clone());
    let ((c, s), plans) = (own(), Controller { name: "plan", store: stores.plans, queue: plans });
    tasks.spawn("plans", plans.run(c, s, plan::reconcile));
    let ((c, s), tenants) = (own(), Controller { name: "tenant", store: stores.tenants, queue: tenants });
    tasks.spawn("tenants", tenants.run(c, s, tenant::reconcile));
    let ((c, s), pools) = (own(), Controller { name: "pool", store: stores.workflows.clone(), queue: pools });
    tasks.spawn("pools", pools.run(c, s, run::keep_runners));
    let ((c, s), workflows) =
        (own(), Controller { name: "workflow", store: stores.workflows, queue: workflows });
    tasks.spawn("workflows", workflows.run(c, s, workflow::reconcile));
    let ((c, s), runs) = (own(), Controller { name: "run", store: stores.runs, queue: runs });
    tasks.spawn("runs", runs.run(c, s, run::reconcile));
    let (c, s) = own();
    tasks.spawn("settle", run::settle(c, left, s));
    let (c, s) = own();
    tasks.spawn("sweep", run::sweep(c, s));
    let (c, s) = own();
    tasks.spawn("counters", counters::write(c, s));
    let (c, s) = own();
    tasks.spawn("unparsable", unparsable::report(c, unparsable, s));
    tasks.run(DRAIN).await?;
    ctx.telling.close();
    ctx.telling.wait().await;
    Ok(())
}
