//! Implementation of [`ClusterApi`] with the Kubernetes client.

use std::time::Duration;

use crds::{
    WorkflowRun,
    constants::RUNNER_MANAGER,
    names::{TENANT_CONFIG_MAP, is_object_name},
    run::Cancel,
};
use k8s_openapi::api::{apps::v1::ControllerRevision, core::v1::ConfigMap};
use kube::{Api, Client, ResourceExt as _};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::{sync::mpsc, time::timeout};

use crate::cluster::{
    api::{ChildRunEvent, ClusterApi, Revision},
    child_runs,
    errors::{CreateError, ReadError, WriteError},
    revision,
    tenant::{self, TenantConfig},
};

/// Timeout of a request, after which it is retried. Responses take milliseconds.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Client for one namespace.
#[derive(Clone)]
pub(crate) struct Kubernetes {
    client: Client,
    runs: Api<WorkflowRun>,
    revisions: Api<ControllerRevision>,
    config_maps: Api<ConfigMap>,
}

impl Kubernetes {
    pub(crate) fn new(client: &Client, namespace: &str) -> Self {
        Self {
            client: client.clone(),
            runs: Api::namespaced(client.clone(), namespace),
            revisions: Api::namespaced(client.clone(), namespace),
            config_maps: Api::namespaced(client.clone(), namespace),
        }
    }

    /// Returns the API of the namespace's runs, for watches.
    pub(crate) fn runs(&self) -> Api<WorkflowRun> {
        self.runs.clone()
    }
}

impl ClusterApi for Kubernetes {
    async fn run(&self, name: &str) -> Result<Option<WorkflowRun>, ReadError> {
        get(&self.runs, "run", name).await
    }

    async fn revision(&self, name: &str) -> Result<Revision, ReadError> {
        let found = get_existing(&self.revisions, "revision", name).await?;
        revision::parse(found).map_err(|error| malformed("revision", name, error))
    }

    async fn tenant(&self) -> Result<TenantConfig, ReadError> {
        let found = get_existing(&self.config_maps, "config map", TENANT_CONFIG_MAP).await?;
        tenant::parse(found).map_err(|error| malformed("config map", TENANT_CONFIG_MAP, error))
    }

    async fn patch_status(&self, name: &str, patch: &[Value]) -> Result<WorkflowRun, WriteError> {
        let run = || name.to_owned();
        let url = format!("{}/{name}/status?fieldManager={RUNNER_MANAGER}", self.runs.resource_url());
        let body = serde_json::to_vec(patch).map_err(|source| WriteError::Encode { run: run(), source })?;
        let request = http::Request::patch(url)
            .header(http::header::CONTENT_TYPE, "application/json-patch+json")
            .body(body)
            .map_err(|source| WriteError::Request { run: run(), source })?;
        match timeout(REQUEST_TIMEOUT, self.client.request(request)).await {
            Ok(written) => written.map_err(|source| WriteError::new(name, source)),
            Err(_) => Err(WriteError::Transient { run: run(), source: None }),
        }
    }

    async fn create_run(&self, run: &WorkflowRun) -> Result<(), CreateError> {
        timeout(REQUEST_TIMEOUT, child_runs::create(&self.runs, run))
            .await
            .unwrap_or_else(|_| Err(CreateError::Transient { run: run.name_any(), source: None }))
    }

    async fn cancel_run(&self, name: &str, cancel: Cancel) -> Result<(), WriteError> {
        timeout(REQUEST_TIMEOUT, child_runs::cancel(&self.runs, name, cancel))
            .await
            .unwrap_or_else(|_| Err(WriteError::Transient { run: name.to_owned(), source: None }))
    }

    async fn watch_child_runs(&self, parent: String, to: mpsc::Sender<ChildRunEvent>) {
        child_runs::watch(self.runs.clone(), &parent, to).await;
    }
}

/// Returns the object, or `None` if it does not exist.
async fn get<K>(api: &Api<K>, kind: &'static str, name: &str) -> Result<Option<K>, ReadError>
where
    K: Clone + DeserializeOwned + std::fmt::Debug,
{
    // A text that is no name cannot be the name of an object, and would change the path of the request.
    if !is_object_name(name) {
        return Ok(None);
    }
    match timeout(REQUEST_TIMEOUT, api.get_opt(name)).await {
        Ok(found) => {
            found.map_err(|source| ReadError::Get { kind, name: name.to_owned(), source: Box::new(source) })
        }
        Err(_) => Err(ReadError::Timeout { kind, name: name.to_owned(), after: REQUEST_TIMEOUT }),
    }
}

/// Returns the object. A missing one is an error.
async fn get_existing<K>(api: &Api<K>, kind: &'static str, name: &str) -> Result<K, ReadError>
where
    K: Clone + DeserializeOwned + std::fmt::Debug,
{
    get(api, kind, name).await?.ok_or_else(|| ReadError::Missing { kind, name: name.to_owned() })
}

fn malformed(
    kind: &'static str,
    name: &str,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> ReadError {
    ReadError::Malformed { kind, name: name.to_owned(), source: source.into() }
}
