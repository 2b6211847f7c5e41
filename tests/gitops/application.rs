//! Application of Argo CD, and its status.

use kube::{
    Api, Client, ResourceExt as _,
    api::{ApiResource, DynamicObject, Patch, PatchParams},
};
use serde_json::{Value, json};
use tests::{cluster, wait};

use super::{DEADLINE, argocd::NAMESPACE, repository::Repository};

/// Annotation that makes Argo CD compare an Application with the cluster.
const REFRESH: &str = "argocd.argoproj.io/refresh";

/// Application in Argo CD.
pub(super) struct Application {
    api: Api<DynamicObject>,
    name: String,
}

impl Application {
    /// Returns an Application that exists, or that will exist.
    pub(super) fn named(client: &Client, name: &str) -> Self {
        let kind = ApiResource {
            group: "argoproj.io".to_owned(),
            version: "v1alpha1".to_owned(),
            api_version: "argoproj.io/v1alpha1".to_owned(),
            kind: "Application".to_owned(),
            plural: "applications".to_owned(),
        };
        Self { api: Api::namespaced_with(client.clone(), NAMESPACE, &kind), name: name.to_owned() }
    }

    /// Creates an Application of all files of a repository, which is synchronised automatically.
    pub(super) async fn create(client: &Client, name: &str, repository: &Repository) -> anyhow::Result<Self> {
        let application = Self::named(client, name);
        let object = json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": name},
            "spec": {
                "project": "tests",
                "source": {"repoURL": repository.url, "targetRevision": "main", "path": ".",
                           "directory": {"recurse": true}},
                "destination": {"server": "https://kubernetes.default.svc", "namespace": "default"},
                "syncPolicy": {
                    "automated": {"prune": true, "selfHeal": true},
                    "syncOptions": ["ServerSideApply=true"],
                    "retry": {"limit": 5, "backoff": {"duration": "2s", "factor": 1}},
                },
            },
        });
        application.api.patch(name, &PatchParams::apply("tests"), &Patch::Apply(object)).await?;
        Ok(application)
    }

    /// Returns the status.
    pub(super) async fn status(&self) -> anyhow::Result<Status> {
        let object = self.api.get_opt(&self.name).await?;
        Ok(Status(object.map(|object| object.data.get("status").cloned().unwrap_or_default())))
    }

    /// Makes Argo CD compare the newest commit with the cluster.
    pub(super) async fn refresh(&self) -> anyhow::Result<()> {
        self.annotate(REFRESH, "normal").await
    }

    /// Sets an annotation.
    pub(super) async fn annotate(&self, name: &str, value: &str) -> anyhow::Result<()> {
        self.patch(json!({"metadata": {"annotations": {name: value}}})).await
    }

    async fn patch(&self, patch: Value) -> anyhow::Result<()> {
        self.api.patch(&self.name, &PatchParams::default(), &Patch::Merge(patch)).await?;
        Ok(())
    }

    /// Makes Argo CD render and compare everything again, and returns the status once it has done so.
    pub(super) async fn compare_again(&self) -> anyhow::Result<Status> {
        self.annotate(REFRESH, "hard").await?;
        // Argo CD removes the annotation together with the write of the result.
        let is_requested = async || {
            let object = self.api.get(&self.name).await?;
            Ok(object.annotations().contains_key(REFRESH))
        };
        let what = format!("Application {}: compared again", self.name);
        wait::until(&what, DEADLINE, is_requested, |is_requested| !is_requested).await?;
        self.status().await
    }

    /// Waits until the status satisfies a condition.
    pub(super) async fn until(
        &self,
        what: &str,
        condition: impl Fn(&Status) -> bool,
    ) -> anyhow::Result<Status> {
        let what = format!("Application {}: {what}", self.name);
        wait::until(&what, DEADLINE, async || self.status().await, condition).await
    }

    /// Waits until the cluster has the content of a revision and all objects are healthy.
    pub(super) async fn until_healthy(&self, revision: &str) -> anyhow::Result<Status> {
        self.refresh().await?;
        self.until("healthy", |status| status.has_synced(revision) && status.health() == "Healthy").await
    }

    /// Synchronises once more, as a user who presses the button, and waits until that has succeeded.
    pub(super) async fn sync_again(&self) -> anyhow::Result<()> {
        // The times of two synchronisations may be the same second.
        let user = cluster::unique("tests");
        let sync = json!({"syncOptions": ["ServerSideApply=true"]});
        self.patch(json!({"operation": {"initiatedBy": {"username": user}, "sync": sync}})).await?;
        let has_ended = |status: &Status| {
            status.text("/operationState/operation/initiatedBy/username") == user
                && status.text("/operationState/phase") == "Succeeded"
        };
        self.until("synchronised again", has_ended).await.map(drop)
    }
}

/// Status of an Application; `None` if the Application does not exist.
#[derive(Debug)]
pub(super) struct Status(Option<Value>);

impl Status {
    /// Returns the text at a JSON pointer, or an empty one.
    pub(super) fn text(&self, pointer: &str) -> String {
        let value = self.0.as_ref().and_then(|status| status.pointer(pointer));
        value.and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// Returns the health of the Application, such as `Healthy`.
    pub(super) fn health(&self) -> String {
        self.text("/health/status")
    }

    /// Returns the number of times that the last synchronisation was repeated.
    pub(super) fn retries(&self) -> i64 {
        let value = self.0.as_ref().and_then(|status| status.pointer("/operationState/retryCount"));
        value.and_then(Value::as_i64).unwrap_or_default()
    }

    /// Returns whether the cluster has the content of this revision.
    pub(super) fn has_synced(&self, revision: &str) -> bool {
        self.text("/sync/status") == "Synced"
            && self.text("/sync/revision") == revision
            && self.text("/operationState/phase") == "Succeeded"
    }

    /// Returns the objects of the Application.
    pub(super) fn resources(&self) -> Vec<Value> {
        let resources = self.0.as_ref().and_then(|status| status.get("resources")?.as_array());
        resources.cloned().unwrap_or_default()
    }

    /// Returns the health of an object and its message.
    pub(super) fn health_of(&self, kind: &str, name: &str) -> (String, String) {
        let resources = self.resources();
        let found = resources.iter().find(|resource| resource["kind"] == kind && resource["name"] == name);
        let text = |pointer: &str| {
            let value = found.and_then(|resource| resource.pointer(pointer)?.as_str());
            value.unwrap_or_default().to_owned()
        };
        (text("/health/status"), text("/health/message"))
    }
}
