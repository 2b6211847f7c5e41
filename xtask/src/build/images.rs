//! The container images, as OCI layouts.

use std::path::PathBuf;

use crate::build::fingerprint::Fingerprint;
use crate::build::rust;
use crate::checkout::Checkout;
use crate::instance::Instance;
use crate::phase::Phase;
use crate::program::Program;

/// The images, each with the programs of ours that it carries.
pub(crate) const IMAGES: [(&str, &[&str]); 5] = [
    ("operator", &["operator"]),
    ("api-server", &["api-server"]),
    ("runner", &["runner"]),
    ("python", &["step-host"]),
    ("postgres", &[]),
];

/// The names of all images.
pub(crate) fn all() -> Vec<&'static str> {
    IMAGES.iter().map(|(name, _)| *name).collect()
}

/// Builds the named ones. A root of Debian packages is made once and kept in the cache.
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

/// Builds the root file systems of all images, each as an image of its own: they need no programs of ours, so they are
/// built and imported while those compile. Returns their names.
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

/// Brings the named images into the instance's container runtime; what is there already is passed over.
pub(crate) fn import(
    phase: &mut Phase<'_>,
    checkout: &Checkout,
    instance: &Instance,
    images: &[impl AsRef<str>],
) -> anyhow::Result<()> {
    let program = smb_kube(checkout).args(["images", "import", "--state"]).arg(instance.kube_state());
    phase.exec(program.args(layouts(checkout, images)))
}

/// Pushes all images to a registry.
pub(crate) fn push(phase: &mut Phase<'_>, checkout: &Checkout, registry: &str) -> anyhow::Result<()> {
    phase.advice("log in to the registry (`skopeo login`), or check its name");
    let program =
        Program::new(checkout.local().join("smb-kube")).args(["images", "push", "--registry", registry]);
    phase.exec(program.args(layouts(checkout, &all())))
}

/// What tells an image from an earlier one of its name: its index, which holds the digests of all the rest.
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

/// Root file systems, and what belongs to the node, are root's.
fn smb_kube(checkout: &Checkout) -> Program {
    Program::as_root(checkout.local().join("smb-kube"))
}

fn layouts(checkout: &Checkout, images: &[impl AsRef<str>]) -> Vec<PathBuf> {
    images.iter().map(|image| checkout.images().join(image.as_ref())).collect()
}
