//! `cargo xtask env`: environment variables for using the instance from a shell.

use crate::checkout::Checkout;
use crate::cluster::Cluster;
use crate::instance::Instance;
use crate::issuer::key;
use crate::issuer::token::{Holder, mint};
use crate::phase::print;
use crate::up::api_url;

/// Prints lines for `eval`. The token belongs to an administrator of the tenant `acme`.
pub(crate) fn run(checkout: &Checkout, instance: &Instance) -> anyhow::Result<()> {
    let key = key::load(&Cluster::local(checkout, instance))?;
    let token = mint(&key, &Holder::new("acme", "admin"))?;
    print(&format!("export KUBECONFIG='{}'\n", instance.kubeconfig().display()));
    print(&format!("export SMBCOPILOT_URL='{}'\n", api_url(instance)?));
    print(&format!("export SMBCOPILOT_TOKEN='{token}'\n"));
    Ok(())
}
