//! Creation of a runner's Job, after a dry run of its pod.

use crds::workflow::ErrorKind;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::{batch::v1::Job, core::v1::Pod};
use kube::{Api, Client, Error as KubeError, ResourceExt as _, api::PostParams};

use super::{super::decide::End, fit, job};
use crate::{
    api::{self, failed, within},
    context::Context,
    errors::{Error, Verb},
};

/// Time after which a Job without a pod is considered refused. The Job controller creates a pod within about 20 ms.
pub(super) const POD_CREATION_TIMEOUT: SignedDuration = SignedDuration::from_secs(10);

/// Result of creating a Job.
pub(super) enum Creation {
    /// The Job exists, and its pod will appear.
    Created,
    /// A Job of that name exists, and no more pods are created for it.
    NameTaken,
    /// The pod does not fit into the tenant's quota. Contains the API server's message.
    QuotaExceeded(String),
    /// The API server would refuse such a pod at any time.
    Rejected(End),
}

/// Creates a Job, if its pod fits onto a node and into the tenant's quota.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses the Job.
pub(super) async fn create(
    ctx: &Context,
    namespace: &str,
    job: &Job,
    now: Timestamp,
) -> Result<Creation, Error> {
    match dry_run_pod(ctx, namespace, job).await? {
        Some(refusal) => Ok(refusal),
        None => create_job(&ctx.client, namespace, job, now).await,
    }
}

/// Creates the pod as a dry run. The API server accepts a Job over quota, but its pod never appears.
async fn dry_run_pod(ctx: &Context, namespace: &str, job: &Job) -> Result<Option<Creation>, Error> {
    let pods = within::<Pod>(&ctx.client, namespace);
    let Some(pod) = job::pod_of_job(job) else { return Ok(None) };
    let nodes = if ctx.config.node_autoscaling { Vec::new() } else { ctx.stores.nodes.state() };
    if let Some(requested) = fit::beyond_nodes(&pod, &nodes) {
        let message =
            format!("the pod of the run requests {requested}; no node of the cluster is that large");
        return Ok(Some(too_large(&message)));
    }
    let dry_run = PostParams { dry_run: true, ..PostParams::default() };
    match pods.create(&dry_run, &pod).await {
        Ok(_) => Ok(None),
        Err(KubeError::Api(status)) if status.message.contains("exceeded quota") => {
            Ok(Some(match fit::beyond_quota(&status.message) {
                Some(beyond) => too_large(&format!(
                    "the pod of the run exceeds the quota of the tenant by itself: {beyond}"
                )),
                None => Creation::QuotaExceeded(format!(
                    "the quota of the tenant has no room for the pod of the run: {}",
                    status.message
                )),
            }))
        }
        Err(KubeError::Api(status)) if status.code == 403 && fit::violates_limit_range(&status.message) => {
            Ok(Some(too_large(&status.message)))
        }
        Err(KubeError::Api(status))
            if status.code == 422 || status.message.contains("violates PodSecurity") =>
        {
            Ok(Some(Creation::Rejected(End::failed(ErrorKind::User, "POD_REFUSED", status.message))))
        }
        Err(error) => Err(failed(Verb::Create, &pods, &pod.name_any())(error)),
    }
}

/// Returns the end of a run whose pod can never run.
fn too_large(message: &str) -> Creation {
    let message = format!("{message}; lower resources, parallel steps or maxParallel");
    Creation::Rejected(End::failed(ErrorKind::User, "POD_TOO_LARGE", message))
}

async fn create_job(client: &Client, namespace: &str, job: &Job, now: Timestamp) -> Result<Creation, Error> {
    let jobs = within::<Job>(client, namespace);
    let field_manager = Some(crds::constants::OPERATOR_MANAGER.to_owned());
    let params = PostParams { field_manager, ..PostParams::default() };
    match k8s_client::create(&jobs, &params, job).await {
        Ok(_) => Ok(Creation::Created),
        Err(KubeError::Api(status)) if status.is_already_exists() => {
            existing_job(&jobs, &job.name_any(), now).await
        }
        Err(error) => Err(failed(Verb::Create, &jobs, &job.name_any())(error)),
    }
}

/// Handles a Job of the same name, which was created before a crash or by another operator, or was left behind.
async fn existing_job(jobs: &Api<Job>, name: &str, now: Timestamp) -> Result<Creation, Error> {
    let Some(job) = api::get(jobs, name).await? else { return Ok(Creation::NameTaken) };
    if job.metadata.deletion_timestamp.is_some() || job::has_ended(&job) {
        return Ok(Creation::NameTaken);
    }
    let is_old =
        job.creation_timestamp().is_some_and(|created| now.duration_since(created.0) >= POD_CREATION_TIMEOUT);
    if is_old && job.status.as_ref().and_then(|status| status.active).unwrap_or(0) == 0 {
        api::delete(jobs, name, job.uid().as_deref()).await?;
        let message = "the pods of the namespace left no room for the run's pod; it is created again";
        return Ok(Creation::QuotaExceeded(message.to_owned()));
    }
    Ok(Creation::Created)
}
