//! Admission of runs, by the same decision function as in the operator.

use std::collections::BTreeMap;

use crds::run::{Cancel, QueueReason, RunError, RunPhase};
use crds::workflow::{ConcurrencyPolicy, ErrorKind};
use domain::admission::{self, ConcurrencyGroup, Queue, QueuedRun, TenantGuard, Verdict};
use domain::run::SubRunOutcome;
use serde_json::Value;

use crate::simulator::Simulator;
use crate::world::Run;

const TENANT: &str = "scenarios";

impl Simulator<'_> {
    /// Gives a slot to the runs that require one, within the limits of the plan and of the concurrency of
    /// workflows.
    pub(crate) fn admit(&mut self, ended: &BTreeMap<String, SubRunOutcome>) {
        for run in self.runs.iter_mut().filter(|run| !run.has_begun() && run.finish.is_none()) {
            if run.cancel.is_some() {
                run.end_without_runner(RunPhase::Cancelled, None);
            }
        }
        let requesting: Vec<usize> =
            (0..self.runs.len()).filter(|index| self.runs[*index].requests_slot(ended, self.now)).collect();
        for decision in admission::decide(&self.queue(&requesting)) {
            let now = self.now;
            let Some(run) = self.runs.iter_mut().find(|run| run.name == decision.uid) else { continue };
            match decision.verdict {
                Verdict::Admit => run.admit(&self.objects, now),
                Verdict::Wait { reason: QueueReason::WorkflowConcurrency, message, .. }
                    if !run.has_begun() && run.valid.concurrency_policy() == ConcurrencyPolicy::Reject =>
                {
                    run.end_without_runner(
                        RunPhase::Failed,
                        Some(policy_error("CONCURRENCY_LIMIT", message)),
                    );
                }
                Verdict::Wait { reason, .. } => run.queued_for = Some(reason.as_str().to_owned()),
            }
        }
    }

    fn queue(&self, requesting: &[usize]) -> Queue {
        let limits = self.scenario.plan.as_ref().and_then(|plan| plan.get("limits"));
        let limit = |name: &str| limits?.get(name)?.as_u64()?.try_into().ok();
        let running = self.runs.iter().filter(|run| run.holds_slot);
        let mut group_running = BTreeMap::new();
        for member in running.clone().filter_map(group) {
            *group_running.entry(member.key).or_default() += 1;
        }
        let tenant = admission::Tenant {
            name: TENANT.to_owned(),
            guard: TenantGuard::Open,
            weight: 1,
            concurrent_runs: limit("concurrentRuns"),
            running: running.count().try_into().unwrap_or(u32::MAX),
            runs_per_day: limit("runsPerDay"),
            runs_today: 0,
            plan: TENANT.to_owned(),
        };
        let queued = requesting.iter().map(|index| &self.runs[*index]).map(|run| QueuedRun {
            uid: run.name.clone(),
            tenant: TENANT.to_owned(),
            created_at: run.created,
            priority: run.priority,
            is_resumed: run.has_begun(),
            group: group(run),
        });
        Queue { tenants: vec![tenant], group_running, queued: queued.collect() }
    }

    /// Cancels the older runs of the concurrency group of the newest run, if its workflow has the policy
    /// `CancelOlder`.
    pub(crate) fn supersede(&mut self) {
        let Some(newest) = self.runs.last() else { return };
        let Some(ConcurrencyGroup { key, limit }) =
            group(newest).filter(|_| newest.valid.concurrency_policy() == ConcurrencyPolicy::CancelOlder)
        else {
            return;
        };
        let is_of_group =
            |run: &&mut Run| run.finish.is_none() && group(run).is_some_and(|member| member.key == key);
        let older = self.runs.iter_mut().rev().filter(is_of_group).skip(limit.try_into().unwrap_or(0));
        older.for_each(|run| {
            run.cancel.get_or_insert(Cancel::Now);
        });
    }
}

fn group(run: &Run) -> Option<ConcurrencyGroup> {
    let input: &Value = &run.data.input;
    let (limit, key) = run.valid.concurrency(input).unwrap_or_else(|failed| panic!("{failed}"))?;
    Some(ConcurrencyGroup { key: format!("{}/{key}", run.data.workflow), limit })
}

fn policy_error(code: &str, message: String) -> RunError {
    RunError { step: None, kind: ErrorKind::Policy, code: code.to_owned(), message }
}
