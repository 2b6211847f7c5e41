//! A Kubernetes cluster, the local one or an existing one, accessed through kubectl and helm.

pub(crate) mod boot;
pub(crate) mod marks;
pub(crate) mod rollout;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;

use crate::checkout::Checkout;
use crate::instance::Instance;
use crate::phase::Phase;
use crate::program::Program;

/// A cluster that is not managed by xtask.
pub(crate) struct Existing {
    /// Context in the kubeconfig.
    pub(crate) context: String,
    /// Registry that the cluster pulls images from.
    pub(crate) registry: String,
}

/// Access to a cluster.
pub(crate) struct Cluster {
    programs: PathBuf,
    kubeconfig: Option<PathBuf>,
    context: Option<String>,
}

/// A request to a working cluster takes milliseconds; the longest are those of `kubectl wait`.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

impl Cluster {
    /// Returns the cluster of an instance, running or not.
    pub(crate) fn local(checkout: &Checkout, instance: &Instance) -> Self {
        Self { programs: checkout.local(), kubeconfig: Some(instance.kubeconfig()), context: None }
    }

    /// Returns an existing cluster.
    pub(crate) fn existing(checkout: &Checkout, existing: &Existing) -> Self {
        Self { programs: checkout.local(), kubeconfig: None, context: Some(existing.context.clone()) }
    }

    /// Returns kubectl, configured for this cluster.
    pub(crate) fn kubectl(&self) -> Program {
        let program = Program::new(self.programs.join("smb-kube")).arg("kubectl");
        let program = match &self.context {
            Some(context) => program.args(["--context", context]),
            None => program,
        };
        self.with_kubeconfig(program).limit(REQUEST_TIMEOUT)
    }

    /// Returns helm, configured for this cluster.
    pub(crate) fn helm(&self) -> Program {
        let program = Program::new(self.programs.join("helm"));
        let program = match &self.context {
            Some(context) => program.args(["--kube-context", context]),
            None => program,
        };
        self.with_kubeconfig(program)
    }

    /// Applies manifests: YAML documents, or a JSON list.
    pub(crate) fn apply(&self, phase: &mut Phase<'_>, manifests: impl Into<Vec<u8>>) -> anyhow::Result<()> {
        phase.exec(self.kubectl().args(APPLY).args(["-f", "-"]).input(manifests))
    }

    /// Applies all files of the folders.
    pub(crate) fn apply_folders(&self, phase: &mut Phase<'_>, folders: &[PathBuf]) -> anyhow::Result<()> {
        let kubectl = self.kubectl().args(APPLY);
        phase.exec(folders.iter().fold(kubectl, |kubectl, folder| kubectl.arg("--filename").arg(folder)))
    }

    /// Returns the output of `kubectl get`.
    ///
    /// # Errors
    /// Returns an error if the API server cannot be reached, or if the object does not exist.
    pub(crate) fn get(&self, args: &[&str]) -> anyhow::Result<Value> {
        let text = self.kubectl().arg("get").args(args).args(["-o", "json"]).capture()?;
        serde_json::from_str(&text).context("failed to parse the output of kubectl")
    }

    /// Returns the output of `kubectl get`; `None` if the object does not exist.
    pub(crate) fn find(&self, args: &[&str]) -> anyhow::Result<Option<Value>> {
        let text =
            self.kubectl().arg("get").args(args).args(["--ignore-not-found", "-o", "json"]).capture()?;
        if text.trim().is_empty() {
            return Ok(None);
        }
        Ok(Some(serde_json::from_str(&text).context("failed to parse the output of kubectl")?))
    }

    fn with_kubeconfig(&self, program: Program) -> Program {
        match &self.kubeconfig {
            Some(path) => program.env("KUBECONFIG", path),
            None => program,
        }
    }
}

/// Server-side apply, which changes only the fields in the manifest.
const APPLY: [&str; 4] = ["apply", "--server-side", "--force-conflicts", "--field-manager=smb-copilot-xtask"];
