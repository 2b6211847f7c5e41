//! `cargo xtask deploy`: rolls out a changed component to the running instance.

use clap::ValueEnum;

use crate::build::{go, images, rust};
use crate::chart;
use crate::checkout::Checkout;
use crate::cluster::marks::Marks;
use crate::cluster::{Cluster, rollout};
use crate::instance::Instance;
use crate::issuer;
use crate::phase::{Phase, Phases};

/// A component that can be rolled out separately.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Component {
    Operator,
    ApiServer,
    /// The runner and the Python step host; new runs use them.
    Runner,
}

impl Component {
    fn programs(self) -> &'static [&'static str] {
        match self {
            Component::Operator => &["operator"],
            Component::ApiServer => &["api-server", "document-parser"],
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

/// Rebuilds, imports and rolls out one component, or all of them.
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
        phase.advice("check that the instance is running: `cargo xtask status`");
        images::import(phase, checkout, instance, &names)
    })?;
    let cluster = Cluster::local(checkout, instance);
    phases.run("roll out", |phase| {
        restart_changed(phase, checkout, &cluster, &mut Marks::load(&cluster)?)?;
        wait_until_rolled_out(phase, &cluster)
    })
}

/// Workloads of each of our images, with their namespace. A rebuilt image has the same tag, so Kubernetes does not notice the change.
const WORKLOADS: [(&str, &str, &[&str]); 4] = [
    ("operator", chart::NAMESPACE, &["deployment/smb-copilot-operator"]),
    ("api-server", chart::NAMESPACE, &["deployment/smb-copilot-api-server", "deployment/smb-copilot-worker"]),
    ("qdrant", chart::NAMESPACE, &["statefulset/smb-copilot-qdrant"]),
    ("issuer", issuer::NAMESPACE, &["deployment/smb-issuer"]),
];

/// Restarts each workload whose image has changed since it was started.
pub(crate) fn restart_changed(
    phase: &mut Phase<'_>,
    checkout: &Checkout,
    cluster: &Cluster,
    marks: &mut Marks,
) -> anyhow::Result<()> {
    for (image, namespace, workloads) in WORKLOADS {
        let fingerprint = images::fingerprint(checkout, image)?;
        let recorded = marks.get(image);
        if recorded == Some(fingerprint.as_str()) {
            continue;
        }
        // Without a recorded fingerprint the workloads are new, and were started with this image.
        if recorded.is_some() {
            let restart = cluster.kubectl().args(["--namespace", namespace, "rollout", "restart"]);
            phase.exec(restart.args(workloads))?;
        }
        marks.set(phase, cluster, image, fingerprint)?;
    }
    Ok(())
}

/// Waits until the workloads of the product are rolled out.
pub(crate) fn wait_until_rolled_out(phase: &mut Phase<'_>, cluster: &Cluster) -> anyhow::Result<()> {
    let own = WORKLOADS.iter().filter(|(_, namespace, _)| *namespace == chart::NAMESPACE);
    let names: Vec<&str> = own.flat_map(|(_, _, workloads)| *workloads).copied().collect();
    rollout::wait_for(phase, cluster, chart::NAMESPACE, &names)
}
