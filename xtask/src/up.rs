//! `cargo xtask up`: from a bare machine to a finished run.

use serde_json::Value;

use crate::build::fingerprint::Fingerprint;
use crate::build::{go, images, rust};
use crate::chart::{self, Values};
use crate::checkout::Checkout;
use crate::cluster::boot::{self, Mode};
use crate::cluster::marks::Marks;
use crate::cluster::{Cluster, Existing};
use crate::example::report::{self, Access};
use crate::example::run::Finished;
use crate::instance::Instance;
use crate::issuer::token::{Holder, mint};
use crate::phase::{Phases, say};
use crate::preflight::{self, Need};
use crate::{deploy, example, issuer, orphans};

/// Does all of it; what is already done is not done again.
pub(crate) fn run(
    checkout: &Checkout,
    instance: &Instance,
    existing: Option<Existing>,
    verbose: bool,
) -> anyhow::Result<()> {
    let mut phases = Phases::new(&instance.log("up"), verbose)?;
    match existing {
        None => local(&mut phases, checkout, instance),
        Some(existing) => elsewhere(&mut phases, checkout, instance, &existing),
    }
}

fn local(phases: &mut Phases, checkout: &Checkout, instance: &Instance) -> anyhow::Result<()> {
    preflight::check(&[Need::Node])?;
    announce(checkout, &[Need::Node])?;
    build(phases, checkout, instance)?;
    boot_and_install(phases, checkout, instance, Mode::Node)?;
    let cluster = Cluster::local(checkout, instance);
    let finished =
        phases.run("run order-invoice", |phase| example::run::to_the_end(phase, checkout, &cluster))?;
    let access = Access {
        url: api_url(instance)?,
        token: mint(&issuer::key::load(&cluster)?, &Holder::new("acme", "admin"))?,
        shell: vec![
            format!("export KUBECONFIG={}", instance.kubeconfig().display()),
            format!("export PATH=\"$PATH:{}\"", checkout.local().display()),
        ],
    };
    phases.run("find it over REST and GraphQL", |phase| report::verify(phase, &access, &finished))?;
    say(&report::page(&access, &finished));
    Ok(())
}

/// On a cluster that exists: no boot, and images by way of its registry.
fn elsewhere(
    phases: &mut Phases,
    checkout: &Checkout,
    instance: &Instance,
    existing: &Existing,
) -> anyhow::Result<()> {
    preflight::check(&[Need::Registry])?;
    announce(checkout, &[Need::Registry])?;
    let cluster = Cluster::existing(checkout, existing);
    install_packages(phases, &[Need::Registry])?;
    build_all(phases, checkout, instance)?;
    phases.run("push images", |phase| images::push(phase, checkout, &existing.registry))?;
    let values = Values::registry(&existing.registry);
    install(phases, checkout, &cluster, &values, &existing.registry)?;
    let finished: Finished =
        phases.run("run order-invoice", |phase| example::run::to_the_end(phase, checkout, &cluster))?;
    let forward = format!(
        "kubectl --context {} --namespace {} port-forward service/smb-copilot-api-server {}:80 &",
        existing.context,
        chart::NAMESPACE,
        instance.ports()?.api
    );
    let access = Access {
        url: api_url(instance)?,
        token: mint(&issuer::key::load(&cluster)?, &Holder::new("acme", "admin"))?,
        shell: vec![forward, format!("kubectl config use-context {}", existing.context)],
    };
    say(&report::page(&access, &finished));
    Ok(())
}

/// What is about to be installed and built, before any of it happens.
fn announce(checkout: &Checkout, needs: &[Need]) -> anyhow::Result<()> {
    let packages = preflight::missing(needs);
    if !packages.is_empty() {
        say(&format!("will install with apt-get: {}\n", packages.join(" ")));
    }
    if go::is_stale(checkout)? {
        say(
            "will build with Go: smb-kube (a Kubernetes of one node), helm; about 6 minutes the first time\n",
        );
    }
    let known = rust::PROGRAMS.iter().all(|name| rust::program(checkout, name).exists());
    if !known {
        say(&format!(
            "will build with cargo: {}; about 5 minutes the first time\n",
            rust::PROGRAMS.join(", ")
        ));
        say(&format!(
            "will make images of Debian packages and these programs: {}\n",
            images::all().join(", ")
        ));
    }
    Ok(())
}

/// Installs packages, builds programs and images.
pub(crate) fn build(phases: &mut Phases, checkout: &Checkout, instance: &Instance) -> anyhow::Result<()> {
    install_packages(phases, &[Need::Node])?;
    build_all(phases, checkout, instance)
}

fn install_packages(phases: &mut Phases, needs: &[Need]) -> anyhow::Result<()> {
    phases.run("install Debian packages", |phase| preflight::install(phase, &preflight::missing(needs)))
}

fn build_all(phases: &mut Phases, checkout: &Checkout, instance: &Instance) -> anyhow::Result<()> {
    phases.run("build smb-kube and helm", |phase| go::build(phase, checkout))?;
    phases.run("build programs", |phase| rust::build(phase, checkout, &rust::PROGRAMS))?;
    phases.run("build images", |phase| images::build(phase, checkout, instance, &images::all()))
}

/// Boots the node, brings in the images, and installs the product and the example.
pub(crate) fn boot_and_install(
    phases: &mut Phases,
    checkout: &Checkout,
    instance: &Instance,
    mode: Mode,
) -> anyhow::Result<()> {
    phases.run("end what gone checkouts left", |phase| orphans::end(phase, checkout, instance))?;
    phases.run("boot Kubernetes", |phase| boot::up(phase, checkout, instance, mode))?;
    phases.run("import images", |phase| images::import(phase, checkout, instance, &images::all()))?;
    let cluster = Cluster::local(checkout, instance);
    install(phases, checkout, &cluster, &Values::local(instance), chart::LOCAL_REGISTRY)
}

fn install(
    phases: &mut Phases,
    checkout: &Checkout,
    cluster: &Cluster,
    values: &Values,
    registry: &str,
) -> anyhow::Result<()> {
    let mut marks = Marks::load(cluster)?;
    let fingerprint = product(checkout, values)?;
    if marks.get(PRODUCT) != Some(fingerprint.as_str()) || !is_installed(cluster)? {
        phases.run("start issuer and price service", |phase| {
            issuer::install(phase, cluster, registry)?;
            example::start_services(phase, checkout, cluster, registry)
        })?;
        phases.run("install with Helm", |phase| {
            chart::install_kinds(phase, checkout, cluster)?;
            chart::install(phase, checkout, cluster, values)?;
            marks.set(phase, cluster, PRODUCT, fingerprint)
        })?;
    }
    phases.run("wait for the product", |phase| {
        deploy::restart_changed(phase, checkout, cluster, &mut marks)?;
        issuer::wait(phase, cluster)?;
        example::wait_for_services(phase, cluster)?;
        deploy::wait(phase, cluster)
    })?;
    phases.run("apply examples", |phase| example::apply(phase, checkout, cluster))
}

const PRODUCT: &str = "product";

/// All that is installed, but for the programs.
fn product(checkout: &Checkout, values: &Values) -> anyhow::Result<String> {
    let mut fingerprint = Fingerprint::default().text(&values.arguments().join(" "));
    for folder in ["charts", "examples/services", "xtask/manifests"] {
        fingerprint = fingerprint.tree(&checkout.path(folder))?;
    }
    Ok(fingerprint.finish())
}

/// Whether nobody has removed a part of it behind our back.
fn is_installed(cluster: &Cluster) -> anyhow::Result<bool> {
    let found = cluster.get(&["deployments", "--all-namespaces"])?;
    let items = found.pointer("/items").and_then(Value::as_array);
    let names: Vec<&str> =
        items.into_iter().flatten().filter_map(|item| item.pointer("/metadata/name")?.as_str()).collect();
    Ok(["smb-copilot-operator", "smb-copilot-api-server", "smb-issuer", "prices"]
        .iter()
        .all(|name| names.contains(name)))
}

/// Where the instance's api-server answers.
pub(crate) fn api_url(instance: &Instance) -> anyhow::Result<String> {
    Ok(format!("http://127.0.0.1:{}", instance.ports()?.api))
}
