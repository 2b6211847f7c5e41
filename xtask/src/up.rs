//! `cargo xtask up`: installs and builds everything, starts the cluster, installs the product and runs an example.

use serde_json::Value;

use crate::build::fingerprint::Fingerprint;
use crate::build::{go, images, rust};
use crate::chart::{self, Values};
use crate::checkout::Checkout;
use crate::cluster::boot::{self, Data, Mode};
use crate::cluster::marks::Marks;
use crate::cluster::{Cluster, Existing};
use crate::example::report::{self, Access};
use crate::example::run::Finished;
use crate::instance::Instance;
use crate::issuer::token::{Holder, mint};
use crate::phase::{Phases, print};
use crate::preflight::{self, Need};
use crate::program::quote;
use crate::{deploy, env, example, interrupt, issuer, orphans};

/// Runs all phases; those whose result is up to date do nothing.
pub(crate) fn run(
    checkout: &Checkout,
    instance: &Instance,
    existing: Option<Existing>,
    verbose: bool,
) -> anyhow::Result<()> {
    interrupt::report("interrupted; repeat the command to continue")?;
    let phases = Phases::new(&instance.log("up"), verbose)?;
    match existing {
        None => local(&phases, checkout, instance),
        Some(existing) => existing_cluster(&phases, checkout, instance, &existing),
    }
}

fn local(phases: &Phases, checkout: &Checkout, instance: &Instance) -> anyhow::Result<()> {
    preflight::check(&[Need::Node])?;
    build_and_boot(phases, checkout, instance, Mode::Node, Data::Retain)?;
    install_local(phases, checkout, instance)?;
    let cluster = Cluster::local(checkout, instance);
    let finished =
        phases.run("run order-invoice", |phase| example::run::execute(phase, checkout, &cluster))?;
    let access = Access {
        url: api_url(instance)?,
        token: mint(&issuer::key::load(&cluster)?, &Holder::new("acme", "admin"))?,
        shell: vec![env::command(instance)],
        commands: vec![
            "cargo xtask token --tenant globex --role viewer   # a token for another tenant or role"
                .to_owned(),
            "cargo xtask status                                # what is running".to_owned(),
            "cargo xtask down                                  # stops everything and keeps the data"
                .to_owned(),
        ],
    };
    phases.run("query it over REST and GraphQL", |phase| report::verify(phase, &access, &finished))?;
    print(&report::page(&access, &finished));
    Ok(())
}

/// Installs into an existing cluster, which pulls the images from a registry.
fn existing_cluster(
    phases: &Phases,
    checkout: &Checkout,
    instance: &Instance,
    existing: &Existing,
) -> anyhow::Result<()> {
    preflight::check(&[Need::Registry])?;
    let cluster = Cluster::existing(checkout, existing);
    build_and_push(phases, checkout, instance, &existing.registry, images::LOCAL_TAG)?;
    let values = Values::registry(&existing.registry, instance)?;
    install(phases, checkout, &cluster, &values, &existing.registry)?;
    let finished: Finished =
        phases.run("run order-invoice", |phase| example::run::execute(phase, checkout, &cluster))?;
    let forward = |namespace: &str, service: &str, port: u16, target: u16| {
        let context = &existing.context;
        format!(
            "kubectl --context {context} --namespace {namespace} port-forward service/{service} {port}:{target} &"
        )
    };
    let ports = instance.ports()?;
    let url = api_url(instance)?;
    let token = mint(&issuer::key::load(&cluster)?, &Holder::new("acme", "admin"))?;
    let access = Access {
        shell: vec![
            forward(chart::NAMESPACE, "smb-copilot-api-server", ports.api, 80),
            forward(issuer::NAMESPACE, "smb-issuer", ports.issuer(), 8080),
            format!("kubectl config use-context {}", existing.context),
            format!("export SMBCOPILOT_URL={}", quote(&url)),
            format!("export SMBCOPILOT_TOKEN={}", quote(&token)),
        ],
        commands: Vec::new(),
        url,
        token,
    };
    print(&report::page(&access, &finished));
    Ok(())
}

/// Installs packages, builds programs and images, and pushes the images to a registry.
pub(crate) fn build_and_push(
    phases: &Phases,
    checkout: &Checkout,
    instance: &Instance,
    registry: &str,
    tag: &str,
) -> anyhow::Result<()> {
    install_packages(phases, &[Need::Registry])?;
    build(phases, checkout, instance, || build_roots(phases, checkout, instance).map(|_| ()))?;
    phases.run("push images", |phase| images::push(phase, checkout, registry, tag))
}

/// Installs packages, builds programs and images, and starts the node with the images' root file systems as soon as its
/// program is built. With [`Data::Purge`] an earlier node is removed first, with its data.
pub(crate) fn build_and_boot(
    phases: &Phases,
    checkout: &Checkout,
    instance: &Instance,
    mode: Mode,
    data: Data,
) -> anyhow::Result<()> {
    install_packages(phases, &[Need::Node])?;
    build(phases, checkout, instance, || {
        phases.run("remove instances of deleted checkouts", |phase| {
            orphans::remove(phase, checkout, instance)
        })?;
        if data == Data::Purge {
            phases.run("remove an earlier node", |phase| {
                boot::down(phase, checkout, &instance.kube_state(), data)
            })?;
        }
        phases.run("start Kubernetes", |phase| boot::up(phase, checkout, instance, mode))?;
        let roots = build_roots(phases, checkout, instance)?;
        phases.run("import root file systems", |phase| images::import(phase, checkout, instance, &roots))
    })
}

fn build_roots(phases: &Phases, checkout: &Checkout, instance: &Instance) -> anyhow::Result<Vec<String>> {
    phases.run("build root file systems", |phase| images::build_roots(phase, checkout, instance))
}

fn install_packages(phases: &Phases, needs: &[Need]) -> anyhow::Result<()> {
    phases.run("install Debian packages", |phase| preflight::install(phase, &preflight::missing(needs)))
}

/// Builds programs and images. `meanwhile` runs when smb-kube is built, while the programs of the workspace still
/// compile.
fn build(
    phases: &Phases,
    checkout: &Checkout,
    instance: &Instance,
    meanwhile: impl FnOnce() -> anyhow::Result<()> + Send,
) -> anyhow::Result<()> {
    let kubernetes = || {
        phases.run("build smb-kube and helm", |phase| go::build(phase, checkout))?;
        meanwhile()
    };
    let programs = || phases.run("build programs", |phase| rust::build(phase, checkout, &rust::PROGRAMS));
    phases.together(kubernetes, programs)?;
    phases.run("build images", |phase| images::build(phase, checkout, instance, &images::all()))
}

/// Imports the images into the running node, and installs the product and the example.
pub(crate) fn install_local(phases: &Phases, checkout: &Checkout, instance: &Instance) -> anyhow::Result<()> {
    phases.run("import images", |phase| images::import(phase, checkout, instance, &images::all()))?;
    let cluster = Cluster::local(checkout, instance);
    install(phases, checkout, &cluster, &Values::local(instance)?, images::LOCAL_REGISTRY)
}

fn install(
    phases: &Phases,
    checkout: &Checkout,
    cluster: &Cluster,
    values: &Values,
    registry: &str,
) -> anyhow::Result<()> {
    let mut marks = Marks::load(cluster)?;
    let fingerprint = product(checkout, values)?;
    if marks.get(PRODUCT) != Some(fingerprint.as_str()) || !is_installed(cluster)? {
        phases.run("start issuer and price service", |phase| {
            issuer::install(phase, cluster, registry, values.ports)?;
            example::start_services(phase, checkout, cluster, registry)
        })?;
        phases.run("install with Helm", |phase| {
            chart::install_crds(phase, checkout, cluster)?;
            chart::install(phase, checkout, cluster, values)?;
            marks.set(phase, cluster, PRODUCT, fingerprint)
        })?;
    }
    phases.run("wait for the product", |phase| {
        deploy::restart_changed(phase, checkout, cluster, &mut marks)?;
        issuer::wait_until_rolled_out(phase, cluster)?;
        example::wait_for_services(phase, cluster)?;
        deploy::wait_until_rolled_out(phase, cluster)
    })?;
    phases.run("apply examples", |phase| example::apply(phase, checkout, cluster))
}

/// Name of the fingerprint of the installed product.
const PRODUCT: &str = "product";

/// Returns the fingerprint of everything that is installed, except the programs.
fn product(checkout: &Checkout, values: &Values) -> anyhow::Result<String> {
    let mut fingerprint = Fingerprint::default().text(&values.arguments().join(" "));
    for folder in ["charts", "examples/services", "xtask/manifests"] {
        fingerprint = fingerprint.tree(&checkout.path(folder))?;
    }
    Ok(fingerprint.finish())
}

/// Returns whether all Deployments still exist.
fn is_installed(cluster: &Cluster) -> anyhow::Result<bool> {
    let found = cluster.get(&["deployments", "--all-namespaces"])?;
    let items = found.pointer("/items").and_then(Value::as_array);
    let names: Vec<&str> =
        items.into_iter().flatten().filter_map(|item| item.pointer("/metadata/name")?.as_str()).collect();
    let expected =
        ["smb-copilot-operator", "smb-copilot-api-server", "smb-copilot-worker", "smb-issuer", "prices"];
    Ok(expected.iter().all(|name| names.contains(name)))
}

/// Returns the URL of the instance's api-server.
pub(crate) fn api_url(instance: &Instance) -> anyhow::Result<String> {
    Ok(instance.ports()?.api_url())
}
