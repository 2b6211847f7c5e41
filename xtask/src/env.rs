//! `cargo xtask env`: environment variables for using the instance from a shell.

use crate::checkout::Checkout;
use crate::cluster::Cluster;
use crate::instance::Instance;
use crate::issuer::key;
use crate::issuer::token::{Holder, mint};
use crate::phase::print;
use crate::program::quote;
use crate::status::explain;
use crate::up::api_url;

/// Prints lines for `eval`. The token belongs to an administrator of the tenant `acme`.
pub(crate) fn run(checkout: &Checkout, instance: &Instance) -> anyhow::Result<()> {
    let key =
        key::load(&Cluster::local(checkout, instance)).map_err(|error| explain(checkout, instance, error))?;
    let token = mint(&key, &Holder::new("acme", "admin"))?;
    let variable = |name: &str, value: &str| format!("export {name}={}\n", quote(value));
    print(&variable("KUBECONFIG", &instance.kubeconfig().to_string_lossy()));
    print(&variable("SMBCOPILOT_URL", &api_url(instance)?));
    print(&variable("SMBCOPILOT_TOKEN", &token));
    // The folder contains kubectl. It comes last, so that an installed kubectl has precedence.
    print(&format!("export PATH=\"$PATH\":{}\n", quote(&checkout.local().to_string_lossy())));
    Ok(())
}

/// Returns the command line that sets the variables of an instance in a shell.
pub(crate) fn command(instance: &Instance) -> String {
    match instance.name.as_str() {
        crate::cli::DEFAULT_INSTANCE => "eval \"$(cargo xtask env)\"".to_owned(),
        name => format!("eval \"$(cargo xtask --instance {name} env)\""),
    }
}
