//! The Job that executes a run: one pod, one try. Pure.

mod host;
mod runner;
mod secrets;
mod security;

use std::collections::BTreeMap;

use crds::{
    Plan,
    constants::SOCKET_GID,
    labels::{self, Child},
    names,
};
use domain::hosts::{Host, HostKind, hosts};
use k8s_openapi::{
    api::{
        batch::v1::{Job, JobSpec},
        core::v1::{
            Container, EmptyDirVolumeSource, Pod, PodSecurityContext, PodSpec, PodTemplateSpec, Volume,
        },
    },
    apimachinery::pkg::{
        api::resource::Quantity,
        apis::meta::v1::{ObjectMeta, OwnerReference},
    },
};
use kube::ResourceExt as _;

use super::revisions::Revision;
use crate::config::Config;

/// The uid of the run that a Job or pod was made for (annotation): its name may be used again.
pub(super) const RUN_UID: &str = "smbcopilot.dev/run-uid";
/// Which attempt at a pod it is, from 0 (annotation).
pub(super) const ATTEMPT: &str = "smbcopilot.dev/attempt";
/// The run that a Job or pod was made for (annotation), also where it is no run's alone.
pub(crate) const FOR_RUN: &str = "smbcopilot.dev/for-run";
/// What its pod is made of, in short (annotation).
pub(super) const TEMPLATE: &str = "smbcopilot.dev/template";
/// The Job of a pod (annotation).
pub(super) const JOB: &str = "smbcopilot.dev/job";

/// The runner takes at most 20 s to write what has ended and to leave.
const GRACE_SECONDS: i64 = 30;
/// A Job that nobody deleted goes by itself, an hour after it ended.
const TTL_SECONDS: i32 = 3_600;

/// What a Job is built of.
#[derive(Clone)]
pub(super) struct Wanted<'a> {
    pub(super) ctx_config: &'a Config,
    pub(super) namespace: &'a str,
    /// The tenant's slug.
    pub(super) tenant: String,
    pub(super) revision: &'a Revision,
    pub(super) plan: Option<&'a Plan>,
    pub(super) purpose: Purpose<'a>,
}

/// What a Job is for.
#[derive(Clone, Copy)]
pub(super) enum Purpose<'a> {
    /// A run; its pod goes after it, or stays for the next one.
    Run { name: &'a str, uid: &'a str, attempt: u32, after: After },
    /// The run that will come: one of those that are kept ready.
    Warm { number: u32 },
}

/// What becomes of a pod after its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// It goes.
    Goes,
    /// It stays for the next run.
    Stays,
}

impl Wanted<'_> {
    fn name(&self) -> String {
        match self.purpose {
            Purpose::Run { uid, attempt, .. } => names::runner_job(&self.revision.uid, uid, attempt),
            Purpose::Warm { number } => names::runner_job(&self.revision.uid, "warm", number),
        }
    }

    fn stays(&self) -> bool {
        match self.purpose {
            Purpose::Run { after, .. } => after == After::Stays,
            Purpose::Warm { .. } => true,
        }
    }
}

/// Builds it.
pub(super) fn build(wanted: &Wanted<'_>) -> Job {
    let owner = OwnerReference {
        api_version: "apps/v1".to_owned(),
        kind: "ControllerRevision".to_owned(),
        name: wanted.revision.name.clone(),
        uid: wanted.revision.uid.clone(),
        controller: Some(true),
        block_owner_deletion: Some(false),
    };
    let spec = pod(wanted);
    let (labels, annotations) = (labels_of(wanted), annotations_of(wanted, &digest(&spec)));
    let template = PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(labels.clone()),
            annotations: Some(annotations.clone()),
            ..ObjectMeta::default()
        }),
        spec: Some(spec),
    };
    Job {
        metadata: ObjectMeta {
            name: Some(wanted.name()),
            namespace: Some(wanted.namespace.to_owned()),
            labels: Some(labels),
            annotations: Some(annotations),
            owner_references: Some(vec![owner]),
            ..ObjectMeta::default()
        },
        spec: Some(JobSpec {
            backoff_limit: Some(0),
            ttl_seconds_after_finished: Some(TTL_SECONDS),
            template,
            ..JobSpec::default()
        }),
        status: None,
    }
}

/// The pod that the Job controller will make, for a dry run.
pub(super) fn pod_of(job: &Job) -> Option<Pod> {
    let template = job.spec.as_ref()?.template.clone();
    let mut metadata = template.metadata.unwrap_or_default();
    metadata.name = Some(job.name_any());
    metadata.namespace = job.namespace();
    Some(Pod { metadata, spec: template.spec, status: None })
}

/// Whether a Job makes no more pods.
pub(super) fn has_ended(job: &Job) -> bool {
    let conditions = job.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions
        .filter(|condition| condition.status == "True")
        .any(|condition| matches!(condition.type_.as_str(), "Failed" | "Complete" | "FailureTarget"))
}

fn labels_of(wanted: &Wanted<'_>) -> BTreeMap<String, String> {
    let run = match wanted.purpose {
        Purpose::Run { name, after: After::Goes, .. } => Some(name),
        Purpose::Run { after: After::Stays, .. } | Purpose::Warm { .. } => None,
    };
    let mut labels = labels::child_labels(Child {
        name: labels::PART_OF,
        component: labels::RUNNER_COMPONENT,
        tenant: &wanted.tenant,
        workflow: Some(&wanted.revision.workflow),
        revision: Some(&wanted.revision.name),
        run,
    });
    if wanted.stays() {
        labels.insert(labels::POOL.to_owned(), "true".to_owned());
    }
    labels
}

fn annotations_of(wanted: &Wanted<'_>, template: &str) -> BTreeMap<String, String> {
    let mut notes = vec![(JOB, wanted.name()), (TEMPLATE, template.to_owned())];
    match wanted.purpose {
        Purpose::Run { name, uid, attempt, after: _ } => notes.extend([
            (RUN_UID, uid.to_owned()),
            (FOR_RUN, name.to_owned()),
            (ATTEMPT, attempt.to_string()),
        ]),
        Purpose::Warm { .. } => notes.push((ATTEMPT, "0".to_owned())),
    }
    notes.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// What a pod of it is made of, in short: one that is made of something else is not kept.
pub(super) fn template(wanted: &Wanted<'_>) -> String {
    digest(&pod(wanted))
}

fn digest(spec: &PodSpec) -> String {
    // A spec of our own making is always JSON.
    let text = serde_json::to_string(spec).unwrap_or_default();
    names::digest(&[&text], 12)
}

fn pod(wanted: &Wanted<'_>) -> PodSpec {
    let hosts = hosts(&wanted.revision.spec, &wanted.ctx_config.python_image);
    let hosts = hosts.all();
    let mut containers: Vec<Container> = vec![runner::container(wanted, hosts)];
    containers.extend(hosts.iter().map(|host| host::container(wanted, host)));
    let foreign = hosts.iter().any(|host| host.kind == HostKind::Foreign);
    let runners = wanted.plan.and_then(|plan| plan.spec.runners.as_ref());
    PodSpec {
        service_account_name: Some(names::RUNNER_SERVICE_ACCOUNT.to_owned()),
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        restart_policy: Some("Never".to_owned()),
        termination_grace_period_seconds: Some(GRACE_SECONDS),
        runtime_class_name: runners.and_then(|runners| runners.runtime_class_name.clone()),
        security_context: Some(PodSecurityContext { fs_group: Some(SOCKET_GID.into()), ..security::pod() }),
        init_containers: foreign.then(|| vec![host::installer(wanted)]),
        containers,
        volumes: Some(volumes(wanted, hosts)),
        ..PodSpec::default()
    }
}

fn volumes(wanted: &Wanted<'_>, hosts: &[Host]) -> Vec<Volume> {
    let mut volumes = vec![runner::token_volume(), empty_dir(runner::TMP_VOLUME, "64Mi")];
    volumes.extend(wanted.ctx_config.internal_api_url.as_ref().map(|_| runner::api_token_volume()));
    volumes.extend(secrets::volumes(&wanted.revision.spec.secrets));
    if hosts.iter().any(|host| host.kind == HostKind::Foreign) {
        volumes.push(empty_dir(host::PROGRAM_VOLUME, "16Mi"));
    }
    for host in hosts {
        volumes.push(empty_dir(&host::socket_volume(host.index), "1Mi"));
        volumes.push(empty_dir(&host::work_volume(host.index), "1Gi"));
        volumes.push(empty_dir(&host::tmp_volume(host.index), "1Gi"));
    }
    volumes
}

fn empty_dir(name: &str, at_most: &str) -> Volume {
    let size_limit = Some(Quantity(at_most.to_owned()));
    Volume {
        name: name.to_owned(),
        empty_dir: Some(EmptyDirVolumeSource { size_limit, ..EmptyDirVolumeSource::default() }),
        ..Volume::default()
    }
}

#[cfg(test)]
mod tests;
