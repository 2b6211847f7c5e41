//! The admission decision.

use std::collections::BTreeMap;

use crds::run::QueueReason;

use super::{Decision, Queue, QueuedRun, Tenant, TenantGuard, Verdict};

/// Decides on every queued run. The admitted runs come first, in the order in which they are to be started, followed by
/// the runs that wait.
#[must_use]
pub fn decide(queue: &Queue) -> Vec<Decision> {
    let mut admission = Admission::new(queue);
    let mut decisions = Vec::with_capacity(queue.queued.len());
    while let Some(run) = admission.admit_next() {
        decisions.push(Decision { uid: run.uid.clone(), verdict: Verdict::Admit });
    }
    decisions.extend(admission.into_waiting());
    decisions
}

/// Queued runs of one tenant, in the order in which they would start.
struct TenantQueue<'a> {
    tenant: Option<&'a Tenant>,
    running: u32,
    runs_today: u32,
    waiting: Vec<&'a QueuedRun>,
}

/// Admission in progress: the counters include the runs that have been admitted so far.
struct Admission<'a> {
    queues: BTreeMap<&'a str, TenantQueue<'a>>,
    group_running: BTreeMap<String, u32>,
}

impl<'a> Admission<'a> {
    fn new(queue: &'a Queue) -> Self {
        let tenants: BTreeMap<&str, &Tenant> =
            queue.tenants.iter().map(|tenant| (tenant.name.as_str(), tenant)).collect();
        let mut queues: BTreeMap<&str, TenantQueue<'_>> = BTreeMap::new();
        for run in &queue.queued {
            let tenant = tenants.get(run.tenant.as_str()).copied();
            let (running, runs_today) = tenant.map_or((0, 0), |tenant| (tenant.running, tenant.runs_today));
            let new = TenantQueue { tenant, running, runs_today, waiting: Vec::new() };
            queues.entry(run.tenant.as_str()).or_insert(new).waiting.push(run);
        }
        for queue in queues.values_mut() {
            queue.waiting.sort_by_key(|run| run.order());
        }
        Self { queues, group_running: queue.group_running.clone() }
    }

    /// Removes the next run to start from the queue of its tenant and counts it as running.
    fn admit_next(&mut self) -> Option<&'a QueuedRun> {
        let (name, at) = self
            .queues
            .iter()
            .filter_map(|(name, queue)| self.first_admissible(queue).map(|at| (*name, at)))
            .min_by(|(a, _), (b, _)| self.usage(a).total_cmp(&self.usage(b)).then_with(|| a.cmp(b)))?;
        let queue = self.queues.get_mut(name)?;
        let run = queue.waiting.remove(at);
        queue.running += 1;
        queue.runs_today += u32::from(!run.is_resumed);
        if let Some(group) = &run.group {
            *self.group_running.entry(group.key.clone()).or_default() += 1;
        }
        Some(run)
    }

    /// Returns the number of running runs per weight that the tenant would have with one more run. The tenant with the
    /// lowest usage is served first.
    fn usage(&self, tenant: &str) -> f64 {
        self.queues.get(tenant).map_or(f64::INFINITY, |queue| {
            let weight = queue.tenant.map_or(1, |tenant| tenant.weight.max(1));
            (f64::from(queue.running) + 1.0) / f64::from(weight)
        })
    }

    /// Returns the index of the first run that no limit of its tenant or workflow blocks. A run of a full concurrency
    /// group does not block the runs behind it.
    fn first_admissible(&self, queue: &TenantQueue<'_>) -> Option<usize> {
        queue.waiting.iter().position(|run| self.blocked_by(queue, run).is_none())
    }

    /// Returns the limit of the tenant or the workflow that blocks a run, with a message that states the numbers.
    fn blocked_by(&self, queue: &TenantQueue<'_>, run: &QueuedRun) -> Option<(QueueReason, String)> {
        let Some(tenant) = queue.tenant else {
            return Some((QueueReason::TenantNotActive, format!("tenant {} does not exist", run.tenant)));
        };
        if let TenantGuard::Closed(state) = &tenant.guard {
            return Some((
                QueueReason::TenantNotActive,
                format!("tenant {} is {state}: no run can start", tenant.name),
            ));
        }
        if let Some(limit) = tenant.concurrent_runs.filter(|limit| queue.running >= *limit) {
            let message = format!(
                "{} of {limit} concurrent runs allowed by plan {} are running",
                queue.running, tenant.plan
            );
            return Some((QueueReason::PlanConcurrency, message));
        }
        if let Some(limit) = tenant.runs_per_day.filter(|limit| !run.is_resumed && queue.runs_today >= *limit)
        {
            let message = format!(
                "{} of {limit} runs per day allowed by plan {} have started; the quota resets at midnight UTC",
                queue.runs_today, tenant.plan
            );
            return Some((QueueReason::PlanRunsPerDay, message));
        }
        let group = run.group.as_ref()?;
        let running = self.group_running.get(&group.key).copied().unwrap_or(0);
        (running >= group.limit).then(|| {
            let message = format!(
                "{running} of {} concurrent runs allowed by the workflow's concurrency are running",
                group.limit
            );
            (QueueReason::WorkflowConcurrency, message)
        })
    }

    fn into_waiting(self) -> Vec<Decision> {
        let mut decisions = Vec::new();
        for queue in self.queues.values() {
            for (position, run) in (1..).zip(&queue.waiting) {
                let verdict = match self.blocked_by(queue, run) {
                    Some((reason, message)) => Verdict::Wait { position, reason, message },
                    // Does not occur: `admit_next` has removed each run that nothing blocks.
                    None => Verdict::Admit,
                };
                decisions.push(Decision { uid: run.uid.clone(), verdict });
            }
        }
        decisions
    }
}
