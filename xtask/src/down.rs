//! `cargo xtask down`: ends the instance and leaves nothing running.

use std::path::Path;

use anyhow::Context;

use crate::build::{go, images};
use crate::checkout::Checkout;
use crate::cluster::boot::{self, Data};
use crate::instance::Instance;
use crate::phase::{Phases, say};

/// Ends the instance; with `purge` also removes its data, all images and all caches.
pub(crate) fn run(
    checkout: &Checkout,
    instance: &Instance,
    purge: bool,
    verbose: bool,
) -> anyhow::Result<()> {
    if !instance.kube_state().exists() && !purge {
        say(&format!("instance {} is not there\n", instance.name));
        return Ok(());
    }
    let mut phases = Phases::new(&instance.log("down"), verbose)?;
    if instance.kube_state().exists() {
        phases.run("build smb-kube and helm", |phase| go::build(phase, checkout))?;
        let data = if purge { Data::Purge } else { Data::Keep };
        phases.run("end the node", |phase| boot::down(phase, checkout, &instance.kube_state(), data))?;
    }
    if !purge {
        return Ok(());
    }
    phases.run("remove images and caches", |_| {
        for path in [images::folder(checkout), instance.cache.clone(), instance.dir.clone()] {
            remove(&path)?;
        }
        Ok(())
    })
}

fn remove(path: &Path) -> anyhow::Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("failed to remove {}", path.display()))
        }
        _ => Ok(()),
    }
}
