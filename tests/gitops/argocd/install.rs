//! Objects of Argo CD in the cluster.

use std::fs;

use tests::{
    docs::page::root,
    kubectl::{kubectl, kubectl_with_input},
    wait,
};

use super::{NAMESPACE, programs};
use crate::DEADLINE;

const KINDS: &str = "applications.argoproj.io,applicationsets.argoproj.io,appprojects.argoproj.io";

/// Key that signs sessions of Argo CD's API server. The controllers read it, although no API server runs.
const SERVER_KEY: &str = r#"{"stringData": {"server.secretkey": "key of the tests"}}"#;

/// Project of the tests, which permits everything. Argo CD's API server would create such a project.
const PROJECT: &str = r#"
apiVersion: argoproj.io/v1alpha1
kind: AppProject
metadata: {name: tests, namespace: argocd}
spec:
  sourceRepos: ["*"]
  destinations: [{server: "*", namespace: "*"}]
  clusterResourceWhitelist: [{group: "*", kind: "*"}]
"#;

/// Applies the definitions and the configuration of Argo CD, and our health checks as the guide says.
pub(super) async fn install() -> anyhow::Result<()> {
    let manifests = fs::read_to_string(programs()?.join("argocd.yaml"))?;
    kubectl(&["create", "namespace", NAMESPACE]).await?;
    let apply = ["apply", "--server-side", "--namespace", NAMESPACE, "--filename=-"];
    kubectl_with_input(&apply, &manifests).await?;
    wait::until("the API server serves Argo CD's kinds", DEADLINE, are_served, |served| *served).await?;
    kubectl_with_input(&apply, PROJECT).await?;
    kubectl(&["--namespace", NAMESPACE, "patch", "secret", "argocd-secret", "--patch", SERVER_KEY]).await?;
    let checks = root().join("docs/gitops/argocd-cm.yaml").display().to_string();
    kubectl(&["--namespace", NAMESPACE, "patch", "configmap", "argocd-cm", "--patch-file", &checks]).await?;
    Ok(())
}

/// Returns whether the API server serves the kinds, which it does some time after their definitions are applied.
async fn are_served() -> anyhow::Result<bool> {
    Ok(kubectl(&["--namespace", NAMESPACE, "get", KINDS]).await.is_ok())
}
