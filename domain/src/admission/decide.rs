//! The decision itself.

use std::collections::BTreeMap;

use super::{Decision, Gate, Queue, Queued, Reason, Tenant, Verdict};

/// Decides on every queued run. The order of the decisions is the order in which the admitted are to be started,
/// followed by those that wait.
#[must_use]
pub fn decide(queue: &Queue) -> Vec<Decision> {
    let mut round = Round::new(queue);
    let mut decisions = Vec::with_capacity(queue.queued.len());
    while let Some(run) = round.next() {
        decisions.push(Decision { uid: run.uid.clone(), verdict: Verdict::Admit });
    }
    decisions.extend(round.into_waiting());
    decisions
}

/// A tenant's runs that wait, in the order in which they would start.
struct Line<'a> {
    tenant: Option<&'a Tenant>,
    running: u32,
    today: u32,
    waiting: Vec<&'a Queued>,
}

struct Round<'a> {
    lines: BTreeMap<&'a str, Line<'a>>,
    group_running: BTreeMap<String, u32>,
    places: Option<u32>,
}

impl<'a> Round<'a> {
    fn new(queue: &'a Queue) -> Self {
        let tenants: BTreeMap<&str, &Tenant> =
            queue.tenants.iter().map(|tenant| (tenant.name.as_str(), tenant)).collect();
        let mut lines: BTreeMap<&str, Line<'_>> = BTreeMap::new();
        for run in &queue.queued {
            let tenant = tenants.get(run.tenant.as_str()).copied();
            let (running, today) = tenant.map_or((0, 0), |tenant| (tenant.running, tenant.today));
            let new = Line { tenant, running, today, waiting: Vec::new() };
            lines.entry(run.tenant.as_str()).or_insert(new).waiting.push(run);
        }
        for line in lines.values_mut() {
            line.waiting
                .sort_by_key(|run| (std::cmp::Reverse(run.priority), run.created_at, run.uid.as_str()));
        }
        Self { lines, group_running: queue.group_running.clone(), places: queue.places }
    }

    /// Takes the next run to start out of its line.
    fn next(&mut self) -> Option<&'a Queued> {
        if self.places == Some(0) {
            return None;
        }
        let (name, at) = self
            .lines
            .iter()
            .filter_map(|(name, line)| self.first_startable(line).map(|at| (*name, at)))
            .min_by(|(a, _), (b, _)| self.share(a).total_cmp(&self.share(b)).then_with(|| a.cmp(b)))?;
        let line = self.lines.get_mut(name)?;
        let run = line.waiting.remove(at);
        line.running += 1;
        line.today += u32::from(!run.goes_on);
        if let Some(group) = &run.group {
            *self.group_running.entry(group.key.clone()).or_default() += 1;
        }
        self.places = self.places.map(|places| places.saturating_sub(1));
        Some(run)
    }

    /// What the tenant would use of its share with one more run: the least used goes first.
    fn share(&self, tenant: &str) -> f64 {
        self.lines.get(tenant).map_or(f64::INFINITY, |line| {
            let weight = line.tenant.map_or(1, |tenant| tenant.weight.max(1));
            (f64::from(line.running) + 1.0) / f64::from(weight)
        })
    }

    /// The first run of the line that nothing but its place among tenants holds back: a full concurrency group lets
    /// others pass.
    fn first_startable(&self, line: &Line<'_>) -> Option<usize> {
        line.waiting.iter().position(|run| self.obstacle(line, run).is_none())
    }

    fn obstacle(&self, line: &Line<'_>, run: &Queued) -> Option<(Reason, String)> {
        let Some(tenant) = line.tenant else {
            return Some((Reason::TenantNotActive, format!("there is no tenant {}", run.tenant)));
        };
        if let Gate::Closed(state) = &tenant.gate {
            return Some((
                Reason::TenantNotActive,
                format!("tenant {} is {state}: no run starts", tenant.name),
            ));
        }
        if let Some(limit) = tenant.concurrent_runs.filter(|limit| line.running >= *limit) {
            let message = format!(
                "{} of {limit} runs that plan {} allows at once are running",
                line.running, tenant.plan
            );
            return Some((Reason::PlanConcurrency, message));
        }
        if let Some(limit) = tenant.runs_per_day.filter(|limit| !run.goes_on && line.today >= *limit) {
            let message = format!(
                "{} of {limit} runs that plan {} allows a day have started; the next may after midnight UTC",
                line.today, tenant.plan
            );
            return Some((Reason::PlanRunsPerDay, message));
        }
        let group = run.group.as_ref()?;
        let running = self.group_running.get(&group.key).copied().unwrap_or(0);
        (running >= group.limit).then(|| {
            let message = format!(
                "{running} of {} runs that the workflow's concurrency allows at once are running",
                group.limit
            );
            (Reason::WorkflowConcurrency, message)
        })
    }

    fn into_waiting(self) -> Vec<Decision> {
        let mut decisions = Vec::new();
        for line in self.lines.values() {
            for (position, run) in (1..).zip(&line.waiting) {
                let (reason, message) = self.obstacle(line, run).unwrap_or_else(|| {
                    (Reason::ClusterConcurrency, "all places are taken; the tenant's turn comes".to_owned())
                });
                let verdict = Verdict::Wait { position, reason, message };
                decisions.push(Decision { uid: run.uid.clone(), verdict });
            }
        }
        decisions
    }
}
