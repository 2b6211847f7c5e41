//! Plan for a workflow's runner pool: which idle runners are deleted, and how many are created. Pure.

use jiff::Timestamp;

use super::{super::super::observe::PodState, idle::IdleRunner};
use crate::runner_policy::RunnerPolicy;

/// Template of a new runner of the workflow. Runners that were created from another template are replaced.
pub(super) struct Template {
    /// Name of the revision that new runs get.
    pub(super) revision: String,
    /// Digest of the pod's spec.
    pub(super) digest: String,
}

/// Changes to a runner pool.
#[derive(Debug, Default)]
pub(super) struct PoolPlan {
    /// Idle runners to delete.
    pub(super) superfluous: Vec<IdleRunner>,
    /// Number of warm runners to create.
    pub(super) missing: usize,
    /// Time at which the next idle runner exceeds its keep-alive time.
    pub(super) next_expiry: Option<Timestamp>,
}

/// Returns the changes to a pool. The runners that were used last stay as warm ones; the others stay until their keep-alive
/// time is over, unless their pods cannot start.
pub(super) fn plan(
    idle: Vec<IdleRunner>,
    template: Option<&Template>,
    policy: RunnerPolicy,
    now: Timestamp,
) -> PoolPlan {
    let (mut usable, superfluous): (Vec<_>, Vec<_>) =
        idle.into_iter().partition(|idle| is_usable(idle, template));
    usable.sort_by_key(|idle| std::cmp::Reverse(idle.since));
    let warm = usize::try_from(policy.warm).unwrap_or(usize::MAX);
    let missing = warm.saturating_sub(usable.len());
    let mut plan = PoolPlan { superfluous, missing, next_expiry: None };
    for idle in usable.into_iter().skip(warm) {
        let expiry = idle.since.checked_add(policy.keep_alive).unwrap_or(Timestamp::MAX);
        if expiry <= now || idle.pod.is_blocked() {
            plan.superfluous.push(idle);
        } else {
            plan.next_expiry = plan.next_expiry.into_iter().chain([expiry]).min();
        }
    }
    plan
}

fn is_usable(idle: &IdleRunner, template: Option<&Template>) -> bool {
    template.is_some_and(|template| {
        idle.template == template.digest
            && idle.pod.revision == template.revision
            && matches!(idle.pod.state, PodState::Live | PodState::NodeNotReady(_))
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crds::run::{QueueReason, QueueStatus};

    use super::{super::super::super::observe::RunnerPod, *};

    fn second(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn idle(name: &str, digest: &str, since: i64) -> IdleRunner {
        let pod = RunnerPod {
            name: name.to_owned(),
            uid: format!("uid-of-{name}"),
            job: format!("job-of-{name}"),
            attempt: 0,
            revision: "intake-1".to_owned(),
            wait: QueueStatus::new(QueueReason::RunnerStarting, ""),
            state: PodState::Live,
            is_running: true,
            is_pooled: true,
        };
        IdleRunner { pod, workflow: "intake".to_owned(), template: digest.to_owned(), since: second(since) }
    }

    fn planned(idle: Vec<IdleRunner>, warm: u32) -> (Vec<String>, usize, Option<Timestamp>) {
        let template = Template { revision: "intake-1".to_owned(), digest: "new".to_owned() };
        let policy = RunnerPolicy { warm, keep_alive: Duration::from_secs(60) };
        let PoolPlan { superfluous, missing, next_expiry } = plan(idle, Some(&template), policy, second(100));
        (superfluous.into_iter().map(|idle| idle.pod.name).collect(), missing, next_expiry)
    }

    /// Warm runners stay, others stay for their keep-alive time, and runners of another template are replaced.
    #[test]
    fn idle_runners_stay_as_long_as_the_policy_says() {
        let pool =
            || vec![idle("outdated", "old", 99), idle("expired", "new", 40), idle("recent", "new", 90)];
        assert_eq!(planned(pool(), 0), (vec!["outdated".into(), "expired".into()], 0, Some(second(150))));
        assert_eq!(planned(pool(), 1), (vec!["outdated".into(), "expired".into()], 0, None));
        assert_eq!(planned(pool(), 3), (vec!["outdated".into()], 1, None));
    }
}
