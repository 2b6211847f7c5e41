//! A step of a run in JSON.

use crds::run;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use serde::Serialize;
use utoipa::ToSchema;

use super::resource::Failure;
use crate::{
    app::{case::upper_snake, runs},
    db::Timestamp,
    http::v1::{json::AnyJson, time::Time},
};

/// A step of a run.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct Step {
    /// Its name in the workflow.
    name: String,
    /// `PENDING`, `RUNNING`, `SUSPENDED`, `SUCCEEDED`, `FAILED`, `SKIPPED` or `CANCELLED`.
    #[schema(example = "SUCCEEDED")]
    status: String,
    /// The attempt that is under way, or was the last; the first is 1.
    attempt: Option<i32>,
    /// When its first attempt began.
    started_at: Option<Time>,
    /// When it ended.
    finished_at: Option<Time>,
    /// When something happens to it by itself: its next attempt begins, or its wait or approval is over.
    next_at: Option<Time>,
    /// What it returned; null until it has, and where that is kept elsewhere.
    #[schema(value_type = AnyJson)]
    output: Option<AnyJson>,
    /// Where what it returned is kept: `{uri, bytes, sha256, mediaType}`.
    #[schema(value_type = Option<Object>)]
    output_ref: Option<AnyJson>,
    /// How it failed, or how its last attempt did.
    error: Option<Failure>,
    /// What it waits for, while it is suspended.
    waiting: Option<Waiting>,
    /// The items of a `forEach`, once they are known.
    items: Option<Items>,
}

/// What a step, or an item of one, waits for.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Waiting {
    /// `APPROVAL`, `TIME` or `RUN`.
    #[schema(example = "APPROVAL")]
    r#for: &'static str,
    /// What is asked, of an approval.
    message: Option<String>,
    /// Who may decide, of an approval; empty: everybody who may decide at all.
    roles: Vec<String>,
    /// The name of the run that is waited for, of a sub-run.
    run: Option<String>,
}

/// The items of a `forEach`.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Items {
    /// How many there are.
    total: u32,
    /// How many ended well.
    succeeded: u32,
    /// How many failed.
    failed: u32,
    /// Those that have ended, as ranges from 0: `0-412,414`.
    done: String,
    /// Those that have begun and not ended.
    active: Vec<ActiveItem>,
    /// The first 20 that failed.
    failures: Vec<ItemFailure>,
}

/// An item that has begun and not ended.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct ActiveItem {
    /// Which, counted from 0.
    index: u32,
    /// The attempt that is under way, or was the last; the first is 1.
    attempt: u32,
    /// When its first attempt began.
    started_at: Option<Time>,
    /// When something happens to it by itself: its next attempt begins, or its wait is over.
    next_at: Option<Time>,
    /// What it waits for.
    waiting: Option<Waiting>,
}

/// An item that failed.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ItemFailure {
    /// Which, counted from 0.
    index: u32,
    /// `USER`, `INFRA`, `TIMEOUT`, `SCHEMA` or `POLICY`.
    kind: String,
    /// What failed, for machines.
    code: String,
    /// What failed, for people.
    message: String,
}

impl From<runs::Step> for Step {
    fn from(step: runs::Step) -> Self {
        let runs::Step {
            name,
            phase,
            attempt,
            started_at,
            finished_at,
            next_at,
            output,
            output_ref,
            error,
            waiting,
            items,
        } = step;
        Self {
            name,
            status: upper_snake(phase.as_str()),
            attempt,
            started_at: started_at.map(Into::into),
            finished_at: finished_at.map(Into::into),
            next_at: next_at.map(Into::into),
            output: output.map(Into::into),
            output_ref: output_ref.map(Into::into),
            error: error.map(Into::into),
            waiting: waiting.map(Waiting::from),
            items: items.map(Items::from),
        }
    }
}

impl From<run::Waiting> for Waiting {
    fn from(run::Waiting { reason, message, roles, run }: run::Waiting) -> Self {
        let r#for = match reason {
            run::WaitingFor::Approval => "APPROVAL",
            run::WaitingFor::Time => "TIME",
            run::WaitingFor::Run => "RUN",
        };
        Self { r#for, message, roles, run }
    }
}

impl From<run::ItemsStatus> for Items {
    fn from(items: run::ItemsStatus) -> Self {
        let run::ItemsStatus { total, succeeded, failed, done, active, failures, .. } = items;
        Self {
            total,
            succeeded,
            failed,
            done,
            active: active.into_iter().map(ActiveItem::from).collect(),
            failures: failures.into_iter().map(ItemFailure::from).collect(),
        }
    }
}

impl From<run::ActiveItem> for ActiveItem {
    fn from(item: run::ActiveItem) -> Self {
        let run::ActiveItem { index, attempt, started_at, next_at, waiting, .. } = item;
        let time = |MicroTime(time): MicroTime| Time::from(Timestamp::from(time));
        Self {
            index,
            attempt,
            started_at: started_at.map(time),
            next_at: next_at.map(time),
            waiting: waiting.map(Waiting::from),
        }
    }
}

impl From<run::ItemFailure> for ItemFailure {
    fn from(run::ItemFailure { index, kind, code, message }: run::ItemFailure) -> Self {
        Self { index, kind: upper_snake(&format!("{kind:?}")), code, message }
    }
}
