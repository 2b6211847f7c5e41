//! Checks that every YAML block of `docs/guides/writing-workflows.md` can be applied with kubectl.

use std::{fs, time::Duration};

use crds::conditions::is_true;
use tests::{cluster, kubectl::kubectl_with_input, tenant_namespace::TenantNamespace, wait};

const GUIDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/guides/writing-workflows.md");
const DEADLINE: Duration = Duration::from_secs(60);

/// Every YAML block of the guide is valid as kubectl reads it: by YAML 1.1, in which `n` and `on` are booleans.
#[tokio::test]
async fn every_block_of_the_guide_can_be_applied() -> anyhow::Result<()> {
    let manifests = manifests(&fs::read_to_string(GUIDE)?);
    assert!(manifests.len() > 12, "the guide has only {} blocks", manifests.len());
    let mut names = Vec::new();
    for manifest in &manifests {
        names.extend(apply(manifest).await?);
    }
    let workflows = TenantNamespace::for_tenant("acme").await?.workflows();
    for name in names.iter().filter_map(|name| name.strip_prefix("workflow.smbcopilot.dev/")) {
        let observe = async || {
            let status = workflows.get(name).await?.status.unwrap_or_default();
            Ok((is_true(&status.conditions, "Valid"), status.problems))
        };
        wait::until(&format!("workflow {name} is valid"), DEADLINE, observe, |(is_valid, _)| *is_valid)
            .await?;
    }
    Ok(())
}

/// Returns the manifests of a page: complete ones, and lists of steps (` ```yaml steps`), which are placed in a
/// workflow.
fn manifests(page: &str) -> Vec<String> {
    let blocks = page.split("```yaml").skip(1);
    blocks
        .map(|block| {
            let (kind, rest) = block.split_once('\n').unwrap_or_default();
            let text = rest.split("\n```").next().unwrap_or_default();
            if kind.trim() == "steps" { workflow_with_steps(text) } else { text.to_owned() }
        })
        .collect()
}

fn workflow_with_steps(steps: &str) -> String {
    let steps: String = steps.lines().map(|line| format!("    {line}\n")).collect();
    format!(
        "apiVersion: smbcopilot.dev/v1alpha1\nkind: Workflow\nmetadata: {{name: {}, namespace: t-acme}}\nspec:\n  steps:\n{steps}",
        cluster::unique("guide")
    )
}

/// Applies a manifest and returns the names of its objects; a run is only created in a dry run, since it would be
/// executed.
async fn apply(manifest: &str) -> anyhow::Result<Vec<String>> {
    let command: &[&str] = if manifest.contains("generateName:") {
        &["create", "--dry-run=server"]
    } else {
        &["apply", "--server-side", "--force-conflicts", "--field-manager=guide"]
    };
    let options = ["--validate=strict", "--output=name", "--filename=-"];
    let names = kubectl_with_input(&[command, &options].concat(), manifest).await?;
    Ok(names.lines().map(str::to_owned).collect())
}

/// The blocks of a page are found, which the test above relies on.
#[test]
fn blocks_are_found() {
    let page = "text\n```yaml\na: 1\n---\nb: 2\n```\n```sh\nno\n```\n```yaml steps\n- name: c\n  wait: {for: 1s}\n```\n";
    let found = manifests(page);
    assert_eq!((found.len(), found[0].as_str()), (2, "a: 1\n---\nb: 2"));
    assert!(found[1].ends_with("spec:\n  steps:\n    - name: c\n      wait: {for: 1s}\n"), "{}", found[1]);
}
