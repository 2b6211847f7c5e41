use std::collections::BTreeMap;

use crds::run::QueueReason;
use jiff::Timestamp;
use proptest::prelude::*;

use super::{ConcurrencyGroup, Queue, QueuedRun, Tenant, TenantGuard, Verdict, decide};

fn tenant(name: &str, weight: u32, limit: Option<u32>, running: u32) -> Tenant {
    Tenant {
        name: name.to_owned(),
        guard: TenantGuard::Open,
        weight,
        concurrent_runs: limit,
        running,
        runs_per_day: None,
        runs_today: 0,
        plan: "starter".to_owned(),
    }
}

fn queued(uid: &str, tenant: &str, second: i64) -> QueuedRun {
    let created_at = Timestamp::from_second(second).expect("the time is in range");
    QueuedRun {
        uid: uid.to_owned(),
        tenant: tenant.to_owned(),
        created_at,
        priority: 0,
        is_resumed: false,
        group: None,
    }
}

fn admitted(queue: &Queue) -> Vec<String> {
    decide(queue).into_iter().filter(|d| d.verdict == Verdict::Admit).map(|d| d.uid).collect()
}

/// A tenant that queues a thousand runs does not delay the single run of another tenant.
#[test]
fn a_busy_tenant_does_not_delay_a_quiet_one() {
    let mut runs: Vec<QueuedRun> = (0..1000).map(|n| queued(&format!("busy-{n:04}"), "busy", n)).collect();
    runs.push(queued("quiet", "small", 5000));
    let queue = Queue {
        tenants: vec![tenant("busy", 1, None, 3), tenant("small", 1, None, 0)],
        queued: runs,
        ..Queue::default()
    };
    assert_eq!(admitted(&queue)[..2], ["quiet", "busy-0000"]);
}

/// Tenants take turns in proportion to their weight: one of weight 2 starts two runs for each run of one of weight 1.
#[test]
fn tenants_take_turns_by_weight() {
    let runs =
        (0..10).flat_map(|n| [queued(&format!("a{n}"), "acme", n), queued(&format!("g{n}"), "globex", n)]);
    let queue = Queue {
        tenants: vec![tenant("acme", 2, None, 0), tenant("globex", 1, None, 0)],
        queued: runs.collect(),
        ..Queue::default()
    };
    assert_eq!(admitted(&queue)[..6], ["a0", "a1", "g0", "a2", "a3", "g1"]);
}

/// Runs of a tenant start by priority, and runs of the same priority by age, oldest first.
#[test]
fn urgent_runs_start_first_and_old_ones_before_new_ones() {
    let mut urgent = queued("urgent", "acme", 30);
    urgent.priority = 5;
    let queue = Queue {
        tenants: vec![tenant("acme", 1, None, 0)],
        queued: vec![queued("new", "acme", 20), urgent, queued("old", "acme", 10)],
        ..Queue::default()
    };
    assert_eq!(admitted(&queue), ["urgent", "old", "new"]);
}

/// A tenant starts no more runs per day than its plan allows, and resumed runs are outside this quota.
#[test]
fn the_daily_quota_limits_new_runs_and_not_resumed_ones() {
    let mut acme = tenant("acme", 1, None, 0);
    (acme.runs_per_day, acme.runs_today) = (Some(10), 9);
    let mut resumed = queued("resumed", "acme", 3);
    resumed.is_resumed = true;
    let runs = vec![queued("tenth", "acme", 1), queued("eleventh", "acme", 2), resumed];
    let queue = Queue { tenants: vec![acme], queued: runs, ..Queue::default() };
    assert_eq!(admitted(&queue), ["tenth", "resumed"]);
    let last = decide(&queue).pop().map(|decision| decision.verdict);
    assert!(
        matches!(&last, Some(Verdict::Wait { reason: QueueReason::PlanRunsPerDay, message, .. }) if message.contains("10 of 10")),
        "{last:?}"
    );
}

/// A queued run states the reason for the wait, with the current number and the limit, and its position.
#[test]
fn waiting_runs_state_the_reason() {
    let mut closed = tenant("initech", 1, None, 0);
    closed.guard = TenantGuard::Closed("suspended".to_owned());
    let mut grouped = queued("grouped", "globex", 1);
    grouped.group = Some(ConcurrencyGroup { key: "wf/customer-7".to_owned(), limit: 1 });
    let queue = Queue {
        tenants: vec![tenant("acme", 1, Some(1), 1), tenant("globex", 1, None, 1), closed],
        group_running: BTreeMap::from([("wf/customer-7".to_owned(), 1)]),
        queued: vec![
            queued("first", "acme", 1),
            queued("second", "acme", 2),
            grouped,
            queued("passes", "globex", 2),
            queued("shut", "initech", 1),
            queued("lost", "nobody", 1),
        ],
    };
    insta::assert_debug_snapshot!(decide(&queue));
}

fn count(number: usize) -> u32 {
    u32::try_from(number).expect("the number fits in 32 bits")
}

fn any_queue() -> impl Strategy<Value = Queue> {
    let tenants =
        proptest::collection::vec((1_u32..4, proptest::option::of(0_u32..5), 0_u32..5, any::<bool>()), 1..5);
    let runs =
        proptest::collection::vec((0_usize..5, 0_i64..50, -1_i32..2, proptest::option::of(0_u32..2)), 0..30);
    (tenants, runs).prop_map(|(tenants, runs)| Queue {
        tenants: tenants
            .into_iter()
            .enumerate()
            .map(|(n, (weight, limit, running, open))| {
                let mut tenant = tenant(&format!("t{n}"), weight, limit, running);
                tenant.guard =
                    if open { TenantGuard::Open } else { TenantGuard::Closed("archived".to_owned()) };
                tenant
            })
            .collect(),
        queued: runs
            .into_iter()
            .enumerate()
            .map(|(n, (tenant, second, priority, group))| QueuedRun {
                priority,
                group: group.map(|key| ConcurrencyGroup { key: format!("{tenant}/{key}"), limit: 1 }),
                ..queued(&format!("r{n}"), &format!("t{tenant}"), second)
            })
            .collect(),
        group_running: BTreeMap::new(),
    })
}

proptest! {
    /// No limit is exceeded, and each queued run gets a decision that is independent of the input order.
    #[test]
    fn limits_hold_and_each_run_gets_a_decision(queue in any_queue()) {
        let decisions = decide(&queue);
        prop_assert_eq!(decisions.len(), queue.queued.len());
        let admitted = admitted(&queue);
        for tenant in &queue.tenants {
            let starts = queue.queued.iter().filter(|r| r.tenant == tenant.name && admitted.contains(&r.uid)).count();
            prop_assert!(tenant.guard == TenantGuard::Open || starts == 0);
            prop_assert!(starts == 0 || tenant.concurrent_runs.is_none_or(|l| count(starts) + tenant.running <= l));
        }
        let mut reversed = queue;
        reversed.queued.reverse();
        reversed.tenants.reverse();
        prop_assert_eq!(decide(&reversed), decisions);
    }
}
