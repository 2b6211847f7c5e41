//! `cargo xtask push`: builds all images with optimised programs and pushes them to a registry.

use clap::Args;

use crate::build::images::LOCAL_TAG;
use crate::checkout::{Checkout, Profile};
use crate::instance::Instance;
use crate::phase::Phases;
use crate::preflight::{self, Need};
use crate::up;

/// Options of `cargo xtask push`.
#[derive(Args)]
pub(crate) struct Options {
    /// Registry, with an optional path, such as `registry.acme.example/smb-copilot`.
    #[arg(long)]
    registry: String,
    /// Tag of the images. The chart uses its own version unless `image.tag` is set.
    #[arg(long, default_value = LOCAL_TAG)]
    tag: String,
    /// Cargo profile of the programs; those of `dev` are fast to compile, and slow.
    #[arg(long, default_value = "release")]
    profile: Profile,
}

/// Builds the images and pushes them.
///
/// # Errors
/// Returns an error if a program does not compile, or if the registry refuses the images.
pub(crate) fn run(
    checkout: &Checkout,
    instance: &Instance,
    options: &Options,
    verbose: bool,
) -> anyhow::Result<()> {
    preflight::check(&[Need::Registry])?;
    let phases = Phases::new(&instance.log("push"), verbose)?;
    up::build_and_push(&phases, &checkout.with(options.profile), instance, &options.registry, &options.tag)
}
