//! A Kubernetes cluster, by way of kubectl: the local one or one that exists.

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

/// A cluster that somebody else runs.
pub(crate) struct Existing {
    /// The context in the kubeconfig.
    pub(crate) context: String,
    /// Where it pulls our images from.
    pub(crate) registry: String,
}

/// How to reach a cluster.
pub(crate) struct Cluster {
    programs: PathBuf,
    kubeconfig: Option<PathBuf>,
    context: Option<String>,
}

/// A single request to a cluster that works is answered in milliseconds; this also bounds those with a wait inside.
const REQUEST_LIMIT: Duration = Duration::from_secs(60);

impl Cluster {
    /// The instance's own, whether it runs or not.
    pub(crate) fn local(checkout: &Checkout, instance: &Instance) -> Self {
        Self { programs: checkout.local(), kubeconfig: Some(instance.kubeconfig()), context: None }
    }

    /// One that exists already.
    pub(crate) fn existing(checkout: &Checkout, existing: &Existing) -> Self {
        Self { programs: checkout.local(), kubeconfig: None, context: Some(existing.context.clone()) }
    }

    /// kubectl, set up for this cluster.
    pub(crate) fn kubectl(&self) -> Program {
        let program = Program::new(self.programs.join("smb-kube")).arg("kubectl");
        let program = match &self.context {
            Some(context) => program.args(["--context", context]),
            None => program,
        };
        self.with_kubeconfig(program).limit(REQUEST_LIMIT)
    }

    /// helm, set up for this cluster.
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

    /// What `kubectl get` answers. Errors: no answer, or no such object.
    pub(crate) fn get(&self, args: &[&str]) -> anyhow::Result<Value> {
        let text = self.kubectl().arg("get").args(args).args(["-o", "json"]).capture()?;
        serde_json::from_str(&text).context("failed to parse the answer of kubectl")
    }

    /// The same, but `None` for an object that is not there.
    pub(crate) fn find(&self, args: &[&str]) -> anyhow::Result<Option<Value>> {
        let text =
            self.kubectl().arg("get").args(args).args(["--ignore-not-found", "-o", "json"]).capture()?;
        if text.trim().is_empty() {
            return Ok(None);
        }
        Ok(Some(serde_json::from_str(&text).context("failed to parse the answer of kubectl")?))
    }

    fn with_kubeconfig(&self, program: Program) -> Program {
        match &self.kubeconfig {
            Some(path) => program.env("KUBECONFIG", path),
            None => program,
        }
    }
}

/// Server-side, so that nobody's fields are overwritten by an old memory of ours.
const APPLY: [&str; 4] = ["apply", "--server-side", "--force-conflicts", "--field-manager=smb-copilot-xtask"];
