//! `cargo xtask deploy`: a changed component into the running instance.

use clap::ValueEnum;

use crate::build::{go, images, rust};
use crate::chart;
use crate::checkout::Checkout;
use crate::cluster::marks::Marks;
use crate::cluster::{Cluster, rollout};
use crate::instance::Instance;
use crate::phase::{Phase, Phases};

/// What can be rolled out by itself.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Component {
    Operator,
    ApiServer,
    /// The runner, and the Python host that it works with; the next run uses them.
    Runner,
}

impl Component {
    fn programs(self) -> &'static [&'static str] {
        match self {
            Component::Operator => &["operator"],
            Component::ApiServer => &["api-server"],
            Component::Runner => &["runner", "step-host"],
        }
    }

    fn images(self) -> &'static [&'static str] {
        match self {
            Component::Operator => &["operator"],
            Component::ApiServer => &["api-server"],
            Component::Runner => &["runner", "python"],
        }
    }
}

/// Rebuilds, imports and rolls out one component, or all.
pub(crate) fn run(
    checkout: &Checkout,
    instance: &Instance,
    component: Option<Component>,
    verbose: bool,
) -> anyhow::Result<()> {
    let chosen = component.map_or_else(|| Component::value_variants().to_vec(), |one| vec![one]);
    let programs: Vec<&str> = chosen.iter().flat_map(|one| one.programs()).copied().collect();
    let names: Vec<&str> = chosen.iter().flat_map(|one| one.images()).copied().collect();
    let phases = Phases::new(&instance.log("deploy"), verbose)?;
    phases.run("build smb-kube and helm", |phase| go::build(phase, checkout))?;
    phases.run("build programs", |phase| rust::build(phase, checkout, &programs))?;
    phases.run("build images", |phase| images::build(phase, checkout, instance, &names))?;
    phases.run("import images", |phase| {
        phase.advice("is the instance up? `cargo xtask status`");
        images::import(phase, checkout, instance, &names)
    })?;
    let cluster = Cluster::local(checkout, instance);
    phases.run("roll out", |phase| {
        restart_changed(phase, checkout, &cluster, &mut Marks::load(&cluster)?)?;
        wait(phase, &cluster)
    })
}

/// The Deployments that run an image of ours. Their images keep their tag, so that Kubernetes sees no change.
const DEPLOYMENTS: [(&str, &str); 2] =
    [("operator", "deployment/smb-copilot-operator"), ("api-server", "deployment/smb-copilot-api-server")];

/// Restarts each Deployment whose image is another than the one that it was started with.
pub(crate) fn restart_changed(
    phase: &mut Phase<'_>,
    checkout: &Checkout,
    cluster: &Cluster,
    marks: &mut Marks,
) -> anyhow::Result<()> {
    for (image, deployment) in DEPLOYMENTS {
        let fingerprint = images::fingerprint(checkout, image)?;
        let known = marks.get(image);
        if known == Some(fingerprint.as_str()) {
            continue;
        }
        // Where none is known the Deployment is new, and has started with this image.
        if known.is_some() {
            let restart = ["rollout", "restart", deployment];
            phase.exec(cluster.kubectl().args(["--namespace", chart::NAMESPACE]).args(restart))?;
        }
        marks.set(phase, cluster, image, fingerprint)?;
    }
    Ok(())
}

/// Waits until the product runs.
pub(crate) fn wait(phase: &mut Phase<'_>, cluster: &Cluster) -> anyhow::Result<()> {
    let deployments = DEPLOYMENTS.map(|(_, deployment)| deployment);
    rollout::wait_for(phase, cluster, chart::NAMESPACE, &deployments)
}
