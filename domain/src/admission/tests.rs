use std::collections::BTreeMap;

use jiff::Timestamp;
use proptest::prelude::*;

use super::{ConcurrencyGroup, Queue, QueuedRun, Tenant, TenantGuard, Verdict, WaitReason, decide};

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
    let created_at = Timestamp::from_second(second).expect("in range");
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

/// A tenant that queues a thousand runs must not delay the one run of another.
#[test]
fn a_busy_tenant_does_not_hold_up_a_quiet_one() {
    let mut runs: Vec<QueuedRun> = (0..1000).map(|n| queued(&format!("busy-{n:04}"), "busy", n)).collect();
    runs.push(queued("quiet", "small", 5000));
    let queue = Queue {
        tenants: vec![tenant("busy", 1, None, 3), tenant("small", 1, None, 0)],
        queued: runs,
        free_slots: Some(2),
        ..Queue::default()
    };
    assert_eq!(admitted(&queue), ["quiet", "busy-0000"]);
}

/// A plan with twice the weight gets two places for the other's one.
#[test]
fn weights_share_the_places() {
    let runs =
        (0..10).flat_map(|n| [queued(&format!("a{n}"), "acme", n), queued(&format!("g{n}"), "globex", n)]);
    let queue = Queue {
        tenants: vec![tenant("acme", 2, None, 0), tenant("globex", 1, None, 0)],
        queued: runs.collect(),
        free_slots: Some(6),
        ..Queue::default()
    };
    assert_eq!(admitted(&queue), ["a0", "a1", "g0", "a2", "a3", "g1"]);
}

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

/// A tenant starts more runs a day than it pays for; or one that waits for an approval over midnight never goes on.
#[test]
fn a_day_has_so_many_runs_and_what_goes_on_was_counted() {
    let mut acme = tenant("acme", 1, None, 0);
    (acme.runs_per_day, acme.runs_today) = (Some(10), 9);
    let mut is_resumed = queued("goes-on", "acme", 3);
    is_resumed.is_resumed = true;
    let runs = vec![queued("tenth", "acme", 1), queued("eleventh", "acme", 2), is_resumed];
    let queue = Queue { tenants: vec![acme], queued: runs, ..Queue::default() };
    assert_eq!(admitted(&queue), ["tenth", "goes-on"]);
    let last = decide(&queue).pop().map(|decision| decision.verdict);
    assert!(
        matches!(&last, Some(Verdict::Wait { reason: WaitReason::PlanRunsPerDay, message, .. }) if message.contains("10 of 10")),
        "{last:?}"
    );
}

/// Whoever looks at a waiting run learns what it waits for, with the numbers, and where it stands.
#[test]
fn waiting_runs_say_why() {
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
        free_slots: Some(1),
    };
    insta::assert_debug_snapshot!(decide(&queue));
}

fn count(number: usize) -> u32 {
    u32::try_from(number).expect("few")
}

fn any_queue() -> impl Strategy<Value = Queue> {
    let tenants =
        proptest::collection::vec((1_u32..4, proptest::option::of(0_u32..5), 0_u32..5, any::<bool>()), 1..5);
    let runs =
        proptest::collection::vec((0_usize..5, 0_i64..50, -1_i32..2, proptest::option::of(0_u32..2)), 0..30);
    (tenants, runs, proptest::option::of(0_u32..10)).prop_map(|(tenants, runs, free_slots)| Queue {
        tenants: tenants
            .into_iter()
            .enumerate()
            .map(|(n, (weight, limit, running, open))| {
                let mut made = tenant(&format!("t{n}"), weight, limit, running);
                made.guard =
                    if open { TenantGuard::Open } else { TenantGuard::Closed("archived".to_owned()) };
                made
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
        free_slots,
    })
}

proptest! {
    /// No limit is ever passed, nobody is forgotten, and the order of the input (which a watch does not promise)
    /// changes nothing.
    #[test]
    fn limits_hold_and_everyone_is_decided(queue in any_queue()) {
        let decisions = decide(&queue);
        prop_assert_eq!(decisions.len(), queue.queued.len());
        let admitted = admitted(&queue);
        prop_assert!(queue.free_slots.is_none_or(|free_slots| count(admitted.len()) <= free_slots));
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

    /// A free place is not left empty while somebody could use it.
    #[test]
    fn who_waits_for_a_place_waits_for_a_full_cluster(queue in any_queue()) {
        let starts = count(admitted(&queue).len());
        for decision in decide(&queue) {
            if let Verdict::Wait { reason: WaitReason::ClusterConcurrency, .. } = decision.verdict {
                prop_assert_eq!(queue.free_slots, Some(starts));
            }
        }
    }
}
