//! Rights of each component, from the roles of the rendered chart: the page of the documentation, and the list that the operator
//! compares its own rights with at its start.

mod page;
mod required;
mod roles;

use crate::chart;
use crate::checkout::Checkout;
use crate::phase::Phase;
use crate::program::Program;

const PAGE: &str = "docs/security/rights.md";
const REQUIRED: &str = "operator/src/rights/required.json";

/// Returns the generated files with their content.
///
/// # Errors
/// Returns an error if the chart cannot be rendered, or if its roles cannot be read.
pub(super) fn files(
    phase: &mut Phase<'_>,
    checkout: &Checkout,
) -> anyhow::Result<[(&'static str, String); 2]> {
    let roles = roles::parse(&render(phase, checkout)?)?;
    Ok([(PAGE, page::write(&roles)), (REQUIRED, required::write(&roles)?)])
}

/// Renders the chart with its default values, without access to a cluster.
fn render(phase: &mut Phase<'_>, checkout: &Checkout) -> anyhow::Result<String> {
    let helm = Program::new(checkout.local().join("helm")).args(["template", chart::RELEASE]);
    let helm = helm.arg(checkout.path("charts/smb-copilot")).args(["--namespace", chart::NAMESPACE]);
    phase.capture(helm.args(["--set", "postgres.existingSecret.name=database"]))
}
