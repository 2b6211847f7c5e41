//! `cargo xtask down`: stops the instance.

use crate::build::go;
use crate::checkout::{Checkout, Profile};
use crate::cluster::boot::{self, Data};
use crate::instance::Instance;
use crate::phase::{Phases, print};
use crate::program::Program;

/// Stops the instance. With `purge` also removes its data, all images and all caches.
pub(crate) fn run(
    checkout: &Checkout,
    instance: &Instance,
    purge: bool,
    verbose: bool,
) -> anyhow::Result<()> {
    if !instance.kube_state().exists() && !purge {
        print(&format!("instance {} does not exist\n", instance.name));
        return Ok(());
    }
    let phases = Phases::new(&instance.log("down"), verbose)?;
    if instance.kube_state().exists() {
        // Any version can stop an instance. After the target directory was removed, there is none.
        if !checkout.local().join("smb-kube").is_file() {
            phases.run("build smb-kube and helm", |phase| go::build(phase, checkout))?;
        }
        let data = if purge { Data::Purge } else { Data::Retain };
        phases.run("stop Kubernetes", |phase| boot::down(phase, checkout, &instance.kube_state(), data))?;
    }
    if !purge {
        return Ok(());
    }
    phases.run("remove images and caches", |phase| {
        // Root file systems belong to root.
        let rm = Program::as_root("rm").args(["--recursive", "--force", "--"]);
        phase.exec(rm.args([
            checkout.images(),
            checkout.with(Profile::Release).images(),
            instance.cache.clone(),
            instance.dir.clone(),
        ]))
    })
}
