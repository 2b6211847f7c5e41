//! Making a run's next pod, by a Job of its own.

use std::sync::Arc;

use crds::{names, workflow::ErrorKind};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::{batch::v1::Job, core::v1::Pod};
use kube::{Api, Error as KubeError, ResourceExt as _, api::PostParams};

use super::{
    decide::End,
    job::{self, After, Purpose, Wanted},
    pool::{self, Terms},
    revisions::Revision,
    see::{self, Seen},
};
use crate::{
    api::{self, failed, within},
    context::Context,
    errors::{Error, Verb},
};

/// The Job controller makes a pod within some 20 ms; a Job without one for this long was refused its pod.
const POD_PATIENCE: SignedDuration = SignedDuration::from_secs(10);
/// Names tried in a row: each is taken by a Job that a kill left behind.
const TRIES: u32 = 16;

/// What came of it.
pub(super) enum Made {
    /// A Job of this name is there; its pod will call.
    Job,
    /// There is no room for its pod, as the API server says.
    NoRoom(String),
    /// The API server refuses such a pod for good.
    Refused(End),
}

/// The attempts that a run's Jobs are numbered by.
pub(super) fn next_attempt(ctx: &Context, seen: &Seen, revision: &Revision) -> u32 {
    let written = seen.status().runner.and_then(|runner| runner.job);
    let written = written.and_then(|job| attempt_of(&seen.uid, revision, &job));
    let newest = see::newest_attempt(ctx, seen).into_iter().chain(written).max();
    newest.map_or(0, |newest| newest.saturating_add(1))
}

/// The attempt at a run's pod by which a Job is named.
pub(super) fn attempt_of(run_uid: &str, revision: &Revision, job: &str) -> Option<u32> {
    // A run ends long before it has lost a thousand pods.
    (0..1_000).find(|attempt| names::runner_job(&revision.uid, run_uid, *attempt) == job)
}

/// Makes the Job of an attempt; where its name is taken by one that has ended, of the next.
///
/// # Errors
/// The API server cannot be asked, or refuses.
pub(super) async fn make(
    ctx: &Context,
    seen: &Seen,
    revision: &Arc<Revision>,
    attempt: u32,
    now: Timestamp,
) -> Result<Made, Error> {
    let under_way = ctx.slots.last_made(&seen.uid);
    if under_way.is_some_and(|(made, at)| made == attempt && now.duration_since(at) < POD_PATIENCE) {
        return Ok(Made::Job);
    }
    let plan = seen.tenant.as_ref().and_then(|tenant| ctx.stores.plan_of(tenant));
    let stays = Terms::of(&revision.spec, plan.as_deref(), seen.tenant.as_deref()).stay();
    let after = if stays { After::Stays } else { After::Goes };
    for attempt in attempt..attempt.saturating_add(TRIES) {
        let wanted = job::build(&Wanted {
            ctx_config: &ctx.config,
            namespace: &seen.namespace,
            tenant: seen.tenant.as_ref().map(|tenant| tenant.name_any()).unwrap_or_default(),
            revision,
            plan: plan.as_deref(),
            purpose: Purpose::Run { name: &seen.name, uid: &seen.uid, attempt, after },
        });
        match put(ctx, &seen.namespace, &wanted, now).await? {
            Put::Made => {
                ctx.slots.made(&seen.uid, attempt, now);
                return Ok(Made::Job);
            }
            Put::NameTaken => (),
            Put::Refused(end) => return Ok(Made::Refused(end)),
            Put::NoRoom(message) => {
                if pool::make_room(ctx, &seen.namespace, now).await? {
                    return Ok(Made::NoRoom(format!("{message}; an idle runner is ended for it")));
                }
                return Ok(Made::NoRoom(message));
            }
        }
    }
    Ok(Made::NoRoom(format!("{TRIES} Jobs of this run are still being deleted")))
}

/// What came of making a Job.
pub(super) enum Put {
    /// It is there; its pod will come.
    Made,
    /// One of that name is there that will have no pod any more.
    NameTaken,
    /// There is no room for its pod, as the API server says.
    NoRoom(String),
    /// The API server refuses such a pod for good.
    Refused(End),
}

/// Makes a Job, if there is room for its pod.
///
/// # Errors
/// The API server cannot be asked, or refuses.
pub(super) async fn put(ctx: &Context, namespace: &str, wanted: &Job, now: Timestamp) -> Result<Put, Error> {
    if let Some(refused) = refusal(ctx, namespace, wanted).await? {
        return Ok(refused);
    }
    Ok(match create(ctx, namespace, wanted, now).await? {
        Created::Yes => Put::Made,
        Created::NameTaken => Put::NameTaken,
        Created::PodRefused => Put::NoRoom("the namespace's pods left no room; trying again".to_owned()),
    })
}

/// Asks with a dry run of the pod: a Job over quota is accepted, and its pod never comes.
async fn refusal(ctx: &Context, namespace: &str, wanted: &Job) -> Result<Option<Put>, Error> {
    let pods = within::<Pod>(&ctx.client, namespace);
    let Some(pod) = job::pod_of(wanted) else { return Ok(None) };
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    match pods.create(&dry, &pod).await {
        Ok(_) => Ok(None),
        Err(KubeError::Api(status)) if status.message.contains("exceeded quota") => {
            Ok(Some(Put::NoRoom(status.message)))
        }
        Err(KubeError::Api(status))
            if status.code == 422 || status.message.contains("violates PodSecurity") =>
        {
            Ok(Some(Put::Refused(End::failed(ErrorKind::User, "POD_REFUSED", status.message))))
        }
        Err(error) => Err(failed(Verb::Create, &pods, &pod.name_any())(error)),
    }
}

enum Created {
    Yes,
    NameTaken,
    PodRefused,
}

async fn create(ctx: &Context, namespace: &str, wanted: &Job, now: Timestamp) -> Result<Created, Error> {
    let jobs = within::<Job>(&ctx.client, namespace);
    let manager = Some(crds::constants::OPERATOR_MANAGER.to_owned());
    let ours = PostParams { field_manager: manager, ..PostParams::default() };
    match jobs.create(&ours, wanted).await {
        Ok(_) => Ok(Created::Yes),
        Err(KubeError::Api(status)) if status.is_already_exists() => {
            taken(&jobs, &wanted.name_any(), now).await
        }
        Err(error) => Err(failed(Verb::Create, &jobs, &wanted.name_any())(error)),
    }
}

/// A Job of that name is there: made by us before a crash, by another operator, or left behind.
async fn taken(jobs: &Api<Job>, name: &str, now: Timestamp) -> Result<Created, Error> {
    let Some(job) = api::get(jobs, name).await? else { return Ok(Created::NameTaken) };
    if job.metadata.deletion_timestamp.is_some() || job::has_ended(&job) {
        return Ok(Created::NameTaken);
    }
    let old = job.creation_timestamp().is_some_and(|made| now.duration_since(made.0) >= POD_PATIENCE);
    if old && job.status.as_ref().and_then(|status| status.active).unwrap_or(0) == 0 {
        api::delete(jobs, name, job.uid().as_deref()).await?;
        return Ok(Created::PodRefused);
    }
    Ok(Created::Yes)
}
