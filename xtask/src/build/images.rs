//! The container images, as OCI layouts.

use std::path::PathBuf;

use crate::build::fingerprint::Fingerprint;
use crate::build::rust;
use crate::checkout::Checkout;
use crate::instance::Instance;
use crate::phase::Phase;
use crate::program::Program;

/// Registry in the names of local images. They are imported into the node, never pulled.
pub(crate) const LOCAL_REGISTRY: &str = "docker.io/smb-copilot";

/// Images, each with the programs of the workspace that it contains.
pub(crate) const IMAGES: [(&str, &[&str]); 7] = [
    ("operator", &["operator"]),
    ("api-server", &["api-server", "document-parser"]),
    ("runner", &["runner"]),
    ("python", &["step-host"]),
    ("postgres", &[]),
    ("qdrant", &[]),
    ("issuer", &["issuer"]),
];

/// Returns the names of all images.
pub(crate) fn all() -> Vec<&'static str> {
    IMAGES.iter().map(|(name, _)| *name).collect()
}

/// Builds the named images. The root file system of Debian packages is built once and cached.
///
/// # Errors
/// Returns an error if the packages cannot be downloaded, or if a program is missing.
pub(crate) fn build(
    phase: &mut Phase<'_>,
    checkout: &Checkout,
    instance: &Instance,
    images: &[&str],
) -> anyhow::Result<()> {
    phase.advice(APT_ADVICE);
    let binaries =
        IMAGES.iter().filter(|(name, _)| images.contains(name)).flat_map(|(_, programs)| *programs).flat_map(
            |name| ["--bin".to_owned(), format!("{name}={}", rust::program(checkout, name).display())],
        );
    let program = build_program("build", checkout, instance).args(binaries).args(images);
    phase.exec(program)
}

/// Builds each root file system of the images as an image of its own, and returns their names. They contain no program
/// of the workspace, so they are built and imported while those compile.
///
/// # Errors
/// Returns an error if the packages cannot be downloaded.
pub(crate) fn build_roots(
    phase: &mut Phase<'_>,
    checkout: &Checkout,
    instance: &Instance,
) -> anyhow::Result<Vec<String>> {
    phase.advice(APT_ADVICE);
    let program = build_program("roots", checkout, instance);
    Ok(phase.capture(program)?.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect())
}

/// Imports the named images into the instance's container runtime, except those that it has already.
///
/// # Errors
/// Returns an error if the instance is not running.
pub(crate) fn import(
    phase: &mut Phase<'_>,
    checkout: &Checkout,
    instance: &Instance,
    images: &[impl AsRef<str>],
) -> anyhow::Result<()> {
    let program = smb_kube(checkout).args(["images", "import", "--state"]).arg(instance.kube_state());
    phase.exec(program.args(layouts(checkout, images)))
}

/// Tag of images that are built for one machine, or pushed for evaluation.
pub(crate) const LOCAL_TAG: &str = "local";

/// Pushes all images to a registry with a tag.
///
/// # Errors
/// Returns an error if the registry cannot be reached or refuses the push.
pub(crate) fn push(
    phase: &mut Phase<'_>,
    checkout: &Checkout,
    registry: &str,
    tag: &str,
) -> anyhow::Result<()> {
    phase.advice("log in to the registry (`skopeo login`), or check its name");
    let push = ["images", "push", "--registry", registry, "--tag", tag];
    let program = Program::new(checkout.local().join("smb-kube")).args(push);
    phase.exec(program.args(layouts(checkout, &all())))
}

/// Returns the fingerprint of an image: the hash of its index, which contains the digests of all other parts.
pub(crate) fn fingerprint(checkout: &Checkout, image: &str) -> anyhow::Result<String> {
    Ok(Fingerprint::default().tree(&checkout.images().join(image).join("index.json"))?.finish())
}

const APT_ADVICE: &str = "check that apt can reach its sources: `apt-get update`";

/// Returns `smb-kube images` with a command that builds, and the folders that it reads and writes.
fn build_program(command: &str, checkout: &Checkout, instance: &Instance) -> Program {
    smb_kube(checkout)
        .args(["images", command, "--repo"])
        .arg(&checkout.root)
        .arg("--out")
        .arg(checkout.images())
        .arg("--cache")
        .arg(instance.cache.join("images"))
}

/// Returns smb-kube, run as root: root file systems and the node's files belong to root.
fn smb_kube(checkout: &Checkout) -> Program {
    Program::as_root(checkout.local().join("smb-kube"))
}

fn layouts(checkout: &Checkout, images: &[impl AsRef<str>]) -> Vec<PathBuf> {
    images.iter().map(|image| checkout.images().join(image.as_ref())).collect()
}
