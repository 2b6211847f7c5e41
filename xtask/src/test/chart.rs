//! Checks of the chart with helm, promtool and a real API server.

use super::clusters::Clusters;
use super::libtest::{Report, Tally};
use super::promtool;
use crate::chart;
use crate::checkout::Checkout;
use crate::phase::Phase;

/// One check of the chart.
type Check = fn(&mut Phase<'_>, &Checkout, &Clusters<'_>) -> anyhow::Result<()>;

const CHECKS: [(&str, Check); 4] = [
    ("helm lint", lint),
    ("alert rules", alert_rules),
    ("render and dry-run", render),
    ("upgrade changes nothing", upgrade),
];

/// Runs all checks; each counts as one test.
pub(super) fn check(
    phase: &mut Phase<'_>,
    checkout: &Checkout,
    clusters: &Clusters<'_>,
) -> anyhow::Result<Report> {
    let mut report = Report::default();
    for (name, check) in CHECKS {
        phase.log_line(name);
        match check(phase, checkout, clusters) {
            Ok(()) => report.tally.passed += 1,
            Err(error) => {
                report.tally += Tally::FAILED;
                report.failures.push_str(&format!("{name}: {error:#}\n"));
            }
        }
    }
    Ok(report)
}

fn lint(phase: &mut Phase<'_>, checkout: &Checkout, clusters: &Clusters<'_>) -> anyhow::Result<()> {
    let helm = || clusters.control_plane_cluster().helm().arg("lint").arg("--strict");
    phase.exec(helm().arg(checkout.path("charts/smb-copilot-crds")))?;
    phase.exec(
        helm().arg(checkout.path("charts/smb-copilot")).args(clusters.control_plane_values()?.arguments()),
    )
}

fn alert_rules(phase: &mut Phase<'_>, checkout: &Checkout, _clusters: &Clusters<'_>) -> anyhow::Result<()> {
    promtool::check_rules(phase, checkout)
}

/// Checks that the API server accepts the rendered chart with strict field validation.
fn render(phase: &mut Phase<'_>, checkout: &Checkout, clusters: &Clusters<'_>) -> anyhow::Result<()> {
    let cluster = clusters.control_plane_cluster();
    let helm = cluster.helm().args(["template", chart::RELEASE, "--namespace", chart::NAMESPACE]);
    let rendered = phase.capture(
        helm.arg(checkout.path("charts/smb-copilot")).args(clusters.control_plane_values()?.arguments()),
    )?;
    let apply =
        ["apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict", "-f", "-"];
    // Objects without a namespace are checked in `default`: with `--namespace`, kubectl refuses those that name another one.
    phase.exec(cluster.kubectl().args(apply).input(rendered))
}

/// Checks that a second upgrade with the same values changes no workload.
fn upgrade(phase: &mut Phase<'_>, checkout: &Checkout, clusters: &Clusters<'_>) -> anyhow::Result<()> {
    let cluster = clusters.control_plane_cluster();
    let generations = || -> anyhow::Result<Vec<String>> {
        let found = cluster.get(&[
            "--namespace",
            chart::NAMESPACE,
            "deployments,statefulsets,services,configmaps",
        ])?;
        let items = found.pointer("/items").and_then(|items| items.as_array()).cloned().unwrap_or_default();
        Ok(items
            .iter()
            .map(|item| {
                let spec = item.pointer("/spec").or_else(|| item.pointer("/data"));
                format!("{:?} {:?}", item.pointer("/metadata/name"), spec)
            })
            .collect())
    };
    let before = generations()?;
    chart::upgrade(phase, checkout, &cluster, &clusters.control_plane_values()?)?;
    anyhow::ensure!(!before.is_empty() && before == generations()?, "a second upgrade changed a workload");
    Ok(())
}
