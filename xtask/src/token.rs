//! `cargo xtask token`: a bearer token of the local OIDC issuer.

use anyhow::bail;
use clap::Args;
use serde_json::Value;

use crate::checkout::Checkout;
use crate::cluster::Cluster;
use crate::instance::Instance;
use crate::issuer::key;
use crate::issuer::token::{Holder, mint};
use crate::phase::print;
use crate::status::explain;

/// Options of the command.
#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    holder: Holder,
    /// Print the token even if the tenant does not exist.
    #[arg(long)]
    force: bool,
}

/// Prints the token and nothing else.
///
/// # Errors
/// Returns an error if the instance is not running or, without `--force`, has no such tenant.
pub(crate) fn run(checkout: &Checkout, instance: &Instance, options: &Options) -> anyhow::Result<()> {
    let cluster = Cluster::local(checkout, instance);
    let key = key::load(&cluster).map_err(|error| explain(checkout, instance, error))?;
    let Options { holder, force } = options;
    if !force {
        check_tenant(&cluster.get(&["tenants.smbcopilot.dev"])?, &holder.tenant)?;
    }
    print(&format!("{}\n", mint(&key, holder)?));
    Ok(())
}

/// Checks that a list of tenants contains the tenant with this name.
fn check_tenant(tenants: &Value, name: &str) -> anyhow::Result<()> {
    let tenants = tenants.pointer("/items").and_then(Value::as_array);
    let names: Vec<&str> = tenants
        .into_iter()
        .flatten()
        .filter_map(|tenant| tenant.pointer("/metadata/name")?.as_str())
        .collect();
    if names.contains(&name) {
        return Ok(());
    }
    bail!(
        "tenant {name} does not exist: use one of [{}], or --force for a token that the API rejects until it exists",
        names.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A token for a misspelled tenant is refused with the names of the tenants that exist.
    #[test]
    fn a_tenant_that_does_not_exist_is_refused() {
        let tenants = json!({"items": [{"metadata": {"name": "acme"}}, {"metadata": {"name": "globex"}}]});
        assert!(check_tenant(&tenants, "globex").is_ok());
        let error = check_tenant(&tenants, "nope").unwrap_err().to_string();
        assert!(error.contains("nope") && error.contains("[acme, globex]"), "{error}");
    }
}
