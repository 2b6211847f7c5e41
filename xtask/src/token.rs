//! `cargo xtask token`: a bearer token of the local OIDC issuer.

use crate::checkout::Checkout;
use crate::cluster::Cluster;
use crate::instance::Instance;
use crate::issuer::key;
pub(crate) use crate::issuer::token::Holder;
use crate::issuer::token::mint;
use crate::phase::print;

/// Prints the token and nothing else.
pub(crate) fn run(checkout: &Checkout, instance: &Instance, holder: &Holder) -> anyhow::Result<()> {
    let key = key::load(&Cluster::local(checkout, instance))?;
    print(&format!("{}\n", mint(&key, holder)?));
    Ok(())
}
