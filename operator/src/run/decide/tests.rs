//! Decisions about runs, for each kind of snapshot.

use std::sync::Arc;

use crds::{Tenant, WorkflowRun};

use super::*;

/// Time at which the decisions are made: 100 s after the epoch.
const NOW: i64 = 100;

fn second(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn run(rest: &str) -> WorkflowRun {
    let text = format!(
        "apiVersion: smbcopilot.dev/v1alpha1\nkind: WorkflowRun\nmetadata: {{name: order-7, namespace: bakery, uid: run-uid}}\n{rest}"
    );
    serde_yaml::from_str(&text).unwrap()
}

fn tenant(spec: &str) -> Arc<Tenant> {
    let text = format!(
        "apiVersion: smbcopilot.dev/v1alpha1\nkind: Tenant\nmetadata: {{name: acme}}\nspec: {{planRef: {{name: starter}}{spec}}}"
    );
    Arc::new(serde_yaml::from_str(&text).unwrap())
}

fn pod(uid: &str, attempt: u32, state: PodState) -> RunnerPod {
    RunnerPod {
        name: format!("pod-of-{uid}"),
        uid: uid.to_owned(),
        job: format!("job-{attempt}"),
        attempt,
        revision: "intake-1".to_owned(),
        wait: QueueStatus::new(QueueReason::PodStarting, "pod run-1-x is being scheduled"),
        state,
        is_running: true,
        is_pooled: false,
    }
}

fn snapshot(rest: &str, pods: Vec<RunnerPod>) -> Snapshot {
    Snapshot {
        run: Arc::new(run(rest)),
        namespace: "bakery".to_owned(),
        name: "order-7".to_owned(),
        uid: "run-uid".to_owned(),
        tenant: Some(tenant("")),
        is_tenant_unknown: false,
        pods,
        newest_attempt: None,
        holds_slot: true,
        revision: None,
        is_orphan: false,
        sub_run_ended: false,
    }
}

const NEW: &str = "spec: {workflowRef: {name: intake}}";
const ASSIGNED: &str = "spec: {workflowRef: {name: intake}}\nstatus: {phase: Running, startedAt: '1970-01-01T00:01:00Z', \
                    runner: {job: job-0, pod: p, podUid: a, assignedAt: '1970-01-01T00:01:00Z'}}";

/// A new run is admitted first, then gets a pod, then is assigned to it.
#[test]
fn a_new_run_is_admitted_then_started_then_assigned() {
    let mut fresh = snapshot(NEW, vec![]);
    fresh.holds_slot = false;
    assert_eq!(decide(&fresh, second(NOW)), Decision::Admit);
    assert_eq!(decide(&snapshot(NEW, vec![]), second(NOW)), Decision::Start);
    let live = pod("a", 0, PodState::Live);
    assert_eq!(decide(&snapshot(NEW, vec![live.clone()]), second(NOW)), Decision::Assign(live));
}

/// A run whose pod is live is left to its runner until some time after its deadline.
#[test]
fn a_run_with_a_live_pod_is_watched_until_after_its_deadline() {
    let live = |state| snapshot(ASSIGNED, vec![pod("a", 0, state)]);
    let watched = |state| match decide(&live(state), second(NOW)) {
        Decision::Watch { until, .. } => until,
        decision => panic!("{decision:?}"),
    };
    // The run started at 60 s; the timeout is one hour by default, and the runner has 30 s more to end the
    // run itself.
    assert_eq!(watched(PodState::Live), Some(second(60 + 3_600 + 30)));
    assert_eq!(watched(PodState::NodeNotReady(second(110))), Some(second(110)));
    let Decision::End(end) = decide(&live(PodState::Live), second(60 + 3_630)) else {
        panic!("the run is not ended")
    };
    assert_eq!(end.phase, RunPhase::TimedOut);
}

/// A lost pod is replaced, and the reason and the number of losses are recorded.
#[test]
fn a_lost_pod_is_replaced_and_the_reason_is_recorded() {
    let lost = snapshot(ASSIGNED, vec![pod("a", 0, PodState::Lost(LossReason::OomKilled))]);
    let replace = |count, reason: &str| {
        Decision::Replace(LostRunner { count, finished_items: None, reason: Some(reason.to_owned()) })
    };
    assert_eq!(decide(&lost, second(NOW)), replace(1, "OOMKilled"));
    assert_eq!(decide(&snapshot(ASSIGNED, vec![]), second(NOW)), replace(1, "PodDeleted"));
    let again = ASSIGNED.replace("runner: {", "runner: {lost: {count: 2, reason: PodDeleted}, ");
    assert_eq!(decide(&snapshot(&again, vec![]), second(NOW)), replace(3, "PodDeleted"));
}

/// After a loss the run is assigned to the pod of the Job that is recorded in its status, and to no other.
#[test]
fn after_a_loss_the_pod_of_the_recorded_job_is_assigned() {
    let recorded = "spec: {workflowRef: {name: intake}}\nstatus: {phase: Running, startedAt: '1970-01-01T00:01:00Z', \
                 runner: {job: job-1, lost: {count: 1, reason: PodDeleted}}}";
    let old = pod("a", 0, PodState::Lost(LossReason::PodDeleted));
    let new = pod("b", 1, PodState::Live);
    assert_eq!(
        decide(&snapshot(recorded, vec![old.clone()]), second(NOW)),
        Decision::Recreate("job-1".to_owned())
    );
    assert_eq!(decide(&snapshot(recorded, vec![new.clone(), old]), second(NOW)), Decision::Assign(new));
}

/// A run fails after five losses without progress; a step that has ended resets the count.
#[test]
fn five_losses_without_progress_fail_the_run() {
    let four = ASSIGNED.replace("runner: {", "runner: {lost: {count: 4, reason: PodDeleted}, ");
    let Decision::End(end) = decide(&snapshot(&four, vec![]), second(NOW)) else {
        panic!("the run is not ended")
    };
    assert_eq!((end.phase, end.error.unwrap().code.as_str()), (RunPhase::Failed, "RUNNER_LOST"));
    let progressed = four.replace(
        "runner: {",
        "steps: [{name: parse, phase: Succeeded, finishedAt: '1970-01-01T00:01:30Z'}], runner: {",
    );
    assert!(matches!(
        decide(&snapshot(&progressed, vec![]), second(NOW)),
        Decision::Replace(LostRunner { count: 1, .. })
    ));
}

/// Items of a fan-out that have finished since the last loss are progress, so that a long fan-out may lose many pods.
#[test]
fn finished_items_reset_the_count_of_losses() {
    let lost = |recorded: &str, items: &str| {
        let text = ASSIGNED.replace(
            "runner: {",
            &format!(
                "steps: [{{name: each, phase: Running, items: {{total: 1000, {items}}}}}], \
                 runner: {{lost: {{count: 4, reason: PodDeleted{recorded}}}, "
            ),
        );
        decide(&snapshot(&text, vec![]), second(NOW))
    };
    let replaced = |finished| {
        Decision::Replace(LostRunner {
            count: 1,
            finished_items: Some(finished),
            reason: Some("PodDeleted".to_owned()),
        })
    };
    assert_eq!(lost("", "succeeded: 9, failed: 1"), replaced(10));
    assert_eq!(lost(", finishedItems: 10", "succeeded: 10, failed: 1"), replaced(11));
    assert!(matches!(lost(", finishedItems: 10", "succeeded: 9, failed: 1"), Decision::End(_)));
}

/// A first pod that fails before the run is assigned to it counts as a loss.
#[test]
fn a_first_pod_that_fails_counts_as_lost() {
    let crashed = snapshot(NEW, vec![pod("a", 0, PodState::Lost(LossReason::ContainerEnded))]);
    assert!(matches!(decide(&crashed, second(NOW)), Decision::Replace(LostRunner { count: 1, .. })));
}

/// A run that its runner has handed over gets another pod, which does not count as a loss.
#[test]
fn a_run_that_was_handed_over_gets_another_pod() {
    let handed_over =
        "spec: {workflowRef: {name: intake}}\nstatus: {phase: Running, startedAt: '1970-01-01T00:01:00Z'}";
    let terminating = pod("a", 0, PodState::Lost(LossReason::PodDeleted));
    assert_eq!(decide(&snapshot(handed_over, vec![terminating]), second(NOW)), Decision::Start);
}

/// The operator itself cancels only runs that have not started. A runner cancels the others, and runs their `onExit`
/// steps.
#[test]
fn only_a_run_that_has_not_started_is_cancelled_by_the_operator() {
    let cancel = |rest: &str| rest.replace("name: intake}", "name: intake}, cancel: Now");
    let Decision::End(end) = decide(&snapshot(&cancel(NEW), vec![]), second(NOW)) else {
        panic!("the run is not ended")
    };
    assert_eq!(end, End { phase: RunPhase::Cancelled, error: None });
    let running = snapshot(&cancel(ASSIGNED), vec![pod("a", 0, PodState::Live)]);
    assert!(matches!(decide(&running, second(NOW)), Decision::Watch { .. }));
    let lost = snapshot(&cancel(ASSIGNED), vec![]);
    assert!(matches!(decide(&lost, second(NOW)), Decision::Replace(_)), "another runner cancels it");
}

/// A run for which no runner can be started is ended ten minutes after its deadline.
#[test]
fn a_run_without_a_runner_is_ended_ten_minutes_after_its_deadline() {
    let handed_over =
        "spec: {workflowRef: {name: intake}}\nstatus: {phase: Running, startedAt: '1970-01-01T00:01:00Z'}";
    let due = 60 + 3_600;
    assert_eq!(decide(&snapshot(handed_over, vec![]), second(due + 599)), Decision::Start);
    let Decision::End(end) = decide(&snapshot(handed_over, vec![]), second(due + 600)) else {
        panic!("the run is not ended")
    };
    assert_eq!(end.phase, RunPhase::TimedOut);
}

/// The runs of a suspended tenant are completed, unless `onSuspend` is `Cancel` or the tenant is archived or deleted.
#[test]
fn the_runs_of_a_suspended_tenant_are_completed_by_default() {
    let assigned = |spec: &str| Snapshot {
        tenant: Some(tenant(spec)),
        ..snapshot(ASSIGNED, vec![pod("a", 0, PodState::Live)])
    };
    assert!(matches!(decide(&assigned(", state: Suspended"), second(NOW)), Decision::Watch { .. }));
    assert!(matches!(
        decide(&assigned(", state: Suspended, onSuspend: Cancel"), second(NOW)),
        Decision::End(_)
    ));
    assert!(matches!(decide(&assigned(", state: Archived"), second(NOW)), Decision::End(_)));
    let without_tenant = Snapshot { tenant: None, ..snapshot(ASSIGNED, vec![]) };
    assert!(matches!(decide(&without_tenant, second(NOW)), Decision::End(_)));
    let unknown = Snapshot { is_tenant_unknown: true, ..without_tenant };
    assert_eq!(decide(&unknown, second(NOW)), Decision::AwaitChange, "a tenant that cannot be parsed exists");
}

const WAITING: &str = "spec: {workflowRef: {name: intake}}\nstatus: {phase: Suspended, startedAt: '1970-01-01T00:01:00Z', \
                       suspendedAt: '1970-01-01T00:01:10Z', steps: [{name: ask, phase: Suspended, \
                       waiting: {for: Approval, roles: [admin]}}], wakeAt: '1970-01-01T10:00:00Z'}";

/// A run that waits for an approval is suspended until it is decided, times out or is cancelled.
#[test]
fn a_waiting_run_is_suspended_until_something_happens() {
    let suspended =
        |rest: &str, now: i64| decide(&Snapshot { holds_slot: false, ..snapshot(rest, vec![]) }, second(now));
    assert_eq!(suspended(WAITING, NOW), Decision::Suspend(Some(second(36_000))));
    assert_eq!(
        suspended(WAITING, 30_000),
        Decision::Suspend(Some(second(36_000))),
        "the timeout of the run does not count while it waits"
    );
    assert_eq!(suspended(WAITING, 36_000), Decision::Admit);
    let decided = WAITING.replace("name: intake}", "name: intake}, decisions: [{key: ask, approved: true}]");
    assert_eq!(suspended(&decided, NOW), Decision::Admit);
    assert_eq!(
        suspended(&decided.replace("key: ask", "key: other"), NOW),
        Decision::Suspend(Some(second(36_000)))
    );
    let cancelled = WAITING.replace("name: intake}", "name: intake}, cancel: Graceful");
    assert_eq!(suspended(&cancelled, NOW), Decision::HoldSlot, "ending a run must not wait for a slot");
    assert_eq!(decide(&snapshot(&cancelled, vec![]), second(NOW)), Decision::Start);
}

/// A run that waits for a sub-run continues when the sub-run has ended, and at its own timeout.
#[test]
fn a_parent_continues_when_its_sub_run_has_ended() {
    let parent = WAITING
        .replace("for: Approval, roles: [admin]", "for: Run, run: order-7-c0ffee")
        .replace("suspendedAt: '1970-01-01T00:01:10Z', ", "")
        .replace(", wakeAt: '1970-01-01T10:00:00Z'", "");
    let waiting = |sub_run_ended| Snapshot { holds_slot: false, sub_run_ended, ..snapshot(&parent, vec![]) };
    assert_eq!(decide(&waiting(false), second(NOW)), Decision::Suspend(Some(second(3_660))));
    assert_eq!(decide(&waiting(true), second(NOW)), Decision::Admit);
    assert_eq!(decide(&waiting(false), second(3_660)), Decision::HoldSlot);
}

/// A sub-run whose parent has ended is cancelled, once.
#[test]
fn an_orphaned_sub_run_is_cancelled_once() {
    let orphan =
        |rest: &str| Snapshot { is_orphan: true, ..snapshot(rest, vec![pod("a", 0, PodState::Live)]) };
    assert_eq!(decide(&orphan(ASSIGNED), second(NOW)), Decision::RequestCancel);
    let requested = ASSIGNED.replace("phase: Running", "phase: Running, cancelRequested: Now");
    assert!(
        matches!(decide(&orphan(&requested), second(NOW)), Decision::Watch { .. }),
        "its runner cancels it"
    );
}

/// An approval of an item of a fan-out is decided by the step's name and the item's index.
#[test]
fn an_item_is_decided_by_its_index() {
    let items = WAITING.replace(
        "waiting: {for: Approval, roles: [admin]}",
        "items: {total: 3, active: [{index: 2, attempt: 1, waiting: {for: Approval}}]}",
    );
    let decided = |key: &str| {
        let text = items.replace(
            "name: intake}",
            &format!("name: intake}}, decisions: [{{key: {key}, approved: true}}]"),
        );
        decide(&Snapshot { holds_slot: false, ..snapshot(&text, vec![]) }, second(NOW))
    };
    assert_eq!(decided("ask/2"), Decision::Admit);
    assert_eq!(decided("ask/1"), Decision::Suspend(Some(second(36_000))));
}

/// A run fails when an image could not be pulled for the configured time, and not before.
#[test]
fn an_image_that_cannot_be_pulled_fails_the_run_after_the_timeout() {
    let stuck =
        |until| PodState::Unpullable { message: "image x cannot be pulled: not found".to_owned(), until };
    let decided = |rest, until| decide(&snapshot(rest, vec![pod("a", 0, stuck(until))]), second(NOW));
    let waiting = decided(NEW, second(130));
    assert!(matches!(waiting, Decision::AwaitRunner(_, Some(until)) if until == second(130)), "{waiting:?}");
    // With `status.queue` set again, the run would count as one that its runner has not begun, and could be ended beside it.
    let begun = decided(ASSIGNED, second(130));
    assert!(matches!(begun, Decision::Watch { until, .. } if until == Some(second(130))), "{begun:?}");
    for rest in [ASSIGNED, NEW] {
        let Decision::End(end) = decide(&snapshot(rest, vec![pod("a", 0, stuck(second(100)))]), second(NOW))
        else {
            panic!("the run is not ended")
        };
        assert_eq!(end.error.map(|error| error.code), Some("IMAGE_PULL".to_owned()));
    }
}

/// A run that its runner has begun shows what keeps its pod from starting another container, and only that.
#[test]
fn a_run_that_has_begun_shows_the_problem_of_its_pod() {
    let problem = |pod| match decide(&snapshot(ASSIGNED, vec![pod]), second(NOW)) {
        Decision::Watch { problem, .. } => problem.map(|problem| problem.reason),
        decision => panic!("{decision:?}"),
    };
    let with_wait =
        |reason, state| RunnerPod { wait: QueueStatus::new(reason, "the cause"), ..pod("a", 0, state) };
    let unpullable = PodState::Unpullable { message: "not found".to_owned(), until: second(130) };
    for (reason, state, shown) in [
        (QueueReason::RunnerStarting, PodState::Live, None),
        (QueueReason::PodStarting, PodState::Live, None),
        (QueueReason::ImagePullFailed, unpullable, Some("ImagePullFailed")),
        (QueueReason::ContainerNotCreated, PodState::Live, Some("ContainerNotCreated")),
        (QueueReason::RunnerStarting, PodState::NodeNotReady(second(110)), Some("NodeNotReady")),
    ] {
        assert_eq!(problem(with_wait(reason, state.clone())).as_deref(), shown, "{reason} {state:?}");
    }
}

/// A run that has ended is not written again.
#[test]
fn a_run_that_has_ended_is_not_changed() {
    let ended = ASSIGNED.replace("phase: Running", "phase: Succeeded");
    assert_eq!(decide(&snapshot(&ended, vec![]), second(NOW)), Decision::AwaitChange);
}

/// Run that is assigned to a pod whose runner has not begun.
const AWAITING: &str = "spec: {workflowRef: {name: intake}}\nstatus: {phase: Queued, queue: {reason: PodStarting}, \
                        runner: {job: job-0, pod: p, podUid: a, assignedAt: '1970-01-01T00:01:00Z'}}";

fn unschedulable(uid: &str) -> RunnerPod {
    let wait = QueueStatus::new(QueueReason::PodUnschedulable, "0/1 nodes are available");
    RunnerPod { wait, is_running: false, ..pod(uid, 0, PodState::Live) }
}

/// The reason for which a pod cannot start is recorded, and the run ends ten minutes after its timeout.
#[test]
fn a_run_whose_pod_cannot_start_says_why_and_ends_after_its_timeout() {
    let stuck = snapshot(AWAITING, vec![unschedulable("a")]);
    let ends_at = 60 + 3_600 + 600;
    let expected = Decision::AwaitRunner(unschedulable("a").wait, Some(second(ends_at)));
    assert_eq!(decide(&stuck, second(NOW)), expected);
    let Decision::End(end) = decide(&stuck, second(ends_at)) else { panic!("the run is not ended") };
    assert_eq!(end.phase, RunPhase::TimedOut);
    let not_ready = snapshot(AWAITING, vec![pod("a", 0, PodState::NodeNotReady(second(110)))]);
    let Decision::AwaitRunner(queue, until) = decide(&not_ready, second(NOW)) else { panic!("no reason") };
    assert_eq!((queue.reason.as_str(), until), ("NodeNotReady", Some(second(110))));
}

/// What ends a queued run at once also ends a run whose runner has not begun, whatever the state of its pod.
#[test]
fn a_run_that_no_runner_has_begun_is_ended_by_the_operator() {
    for cancel in ["cancel: Graceful", "cancel: Now"] {
        let text = AWAITING.replace("name: intake}", &format!("name: intake}}, {cancel}"));
        for pods in [vec![unschedulable("a")], vec![pod("a", 0, PodState::Live)], vec![]] {
            let decision = decide(&snapshot(&text, pods), second(NOW));
            assert_eq!(decision, Decision::End(End { phase: RunPhase::Cancelled, error: None }), "{cancel}");
        }
    }
    let suspended = tenant(", state: Suspended, onSuspend: Cancel");
    let stuck = Snapshot { tenant: Some(suspended), ..snapshot(AWAITING, vec![unschedulable("a")]) };
    let Decision::End(end) = decide(&stuck, second(NOW)) else { panic!("the run is not ended") };
    assert_eq!(end.error.map(|error| error.code), Some("TENANT_SUSPENDED".to_owned()));
}

/// A run that was started before is cancelled by a runner, so that its `onExit` steps run; if its pod cannot start for a
/// minute, an immediate cancellation ends it without them.
#[test]
fn a_started_run_whose_pod_cannot_start_is_ended_by_an_immediate_cancellation_only() {
    let started = AWAITING.replace("phase: Queued", "phase: Running, startedAt: '1970-01-01T00:00:30Z'");
    let cancelled = |cancel: &str, pod: RunnerPod, now: i64| {
        let text = started.replace("name: intake}", &format!("name: intake}}, cancel: {cancel}"));
        decide(&snapshot(&text, vec![pod]), second(now))
    };
    let waits = |decision: Decision| matches!(decision, Decision::AwaitRunner(..));
    assert!(waits(cancelled("Graceful", unschedulable("a"), 60 + 600)));
    assert!(waits(cancelled("Now", pod("a", 0, PodState::Live), 60 + 600)), "its runner may begin");
    assert!(waits(cancelled("Now", unschedulable("a"), 60 + 59)));
    let end = End { phase: RunPhase::Cancelled, error: None };
    assert_eq!(cancelled("Now", unschedulable("a"), 60 + 60), Decision::End(end));
}

/// A missing Secret is the reason for which a pod starts for a long time, although its status does not say so.
#[test]
fn a_missing_secret_stays_the_reason_while_the_pod_starts() {
    let text = AWAITING.replace("reason: PodStarting", "reason: SecretMissing, message: shop");
    let reason = |pod: RunnerPod| match decide(&snapshot(&text, vec![pod]), second(NOW)) {
        Decision::AwaitRunner(queue, _) => queue.reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(reason(pod("a", 0, PodState::Live)), "SecretMissing");
    assert_eq!(reason(unschedulable("a")), "PodUnschedulable");
}
