//! What is decided, as tables of what is seen.

use std::sync::Arc;

use crds::{Tenant, WorkflowRun};

use super::*;

/// The time at which all of these are decided: 100 s after the epoch.
const NOW: i64 = 100;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
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
        state,
        is_running: true,
        is_pooled: false,
    }
}

fn seen(rest: &str, pods: Vec<RunnerPod>) -> Seen {
    Seen {
        run: Arc::new(run(rest)),
        namespace: "bakery".to_owned(),
        name: "order-7".to_owned(),
        uid: "run-uid".to_owned(),
        tenant: Some(tenant("")),
        pods,
        holds_slot: true,
        revision: None,
        is_orphan: false,
        sub_run_ended: false,
    }
}

const NEW: &str = "spec: {workflowRef: {name: intake}}";
const HELD: &str = "spec: {workflowRef: {name: intake}}\nstatus: {phase: Running, startedAt: '1970-01-01T00:01:00Z', \
                    runner: {job: job-0, pod: p, podUid: a, assignedAt: '1970-01-01T00:01:00Z'}}";

/// A new run is started without a slot, or never.
#[test]
fn a_new_run_is_admitted_then_started_then_assigned() {
    let mut fresh = seen(NEW, vec![]);
    fresh.holds_slot = false;
    assert_eq!(next(&fresh, at(NOW)), Next::Admit);
    assert_eq!(next(&seen(NEW, vec![]), at(NOW)), Next::Start);
    let live = pod("a", 0, PodState::Live);
    assert_eq!(next(&seen(NEW, vec![live.clone()]), at(NOW)), Next::Assign(live));
}

/// A run whose pod lives is disturbed.
#[test]
fn a_held_run_is_watched_until_its_deadline_and_some() {
    let live = |state| seen(HELD, vec![pod("a", 0, state)]);
    // Begun at 60 s, one hour by default, 30 s for the runner to say so itself.
    assert_eq!(next(&live(PodState::Live), at(NOW)), Next::Watch(at(60 + 3_600 + 30)));
    assert_eq!(next(&live(PodState::Silent(at(110))), at(NOW)), Next::Watch(at(110)));
    let Next::End(end) = next(&live(PodState::Live), at(60 + 3_630)) else { panic!("not ended") };
    assert_eq!(end.phase, RunPhase::TimedOut);
}

/// A run that lost its pod hangs, or begins from nothing.
#[test]
fn a_lost_pod_is_replaced_and_the_reason_kept() {
    let lost = seen(HELD, vec![pod("a", 0, PodState::Lost("OOMKilled"))]);
    let replace = |count, reason: &str| Next::Replace(LostRunner { count, reason: Some(reason.to_owned()) });
    assert_eq!(next(&lost, at(NOW)), replace(1, "OOMKilled"));
    assert_eq!(next(&seen(HELD, vec![]), at(NOW)), replace(1, "PodDeleted"));
    let again = HELD.replace("runner: {", "runner: {lost: {count: 2, reason: PodDeleted}, ");
    assert_eq!(next(&seen(&again, vec![]), at(NOW)), replace(3, "PodDeleted"));
}

/// The new pod is taken for the old one, or a second one is made.
#[test]
fn after_a_loss_the_written_job_is_waited_for() {
    let noted = "spec: {workflowRef: {name: intake}}\nstatus: {phase: Running, startedAt: '1970-01-01T00:01:00Z', \
                 runner: {job: job-1, lost: {count: 1, reason: PodDeleted}}}";
    let old = pod("a", 0, PodState::Lost("PodDeleted"));
    let new = pod("b", 1, PodState::Live);
    assert_eq!(next(&seen(noted, vec![old.clone()]), at(NOW)), Next::Make("job-1".to_owned()));
    assert_eq!(next(&seen(noted, vec![new.clone(), old]), at(NOW)), Next::Assign(new));
}

/// A run that can never progress starts pods for ever; or one that progresses is given up.
#[test]
fn five_losses_in_a_row_are_too_many() {
    let four = HELD.replace("runner: {", "runner: {lost: {count: 4, reason: PodDeleted}, ");
    let Next::End(end) = next(&seen(&four, vec![]), at(NOW)) else { panic!("not ended") };
    assert_eq!((end.phase, end.error.unwrap().code.as_str()), (RunPhase::Failed, "RUNNER_LOST"));
    let progressed = four.replace(
        "runner: {",
        "steps: [{name: parse, phase: Succeeded, finishedAt: '1970-01-01T00:01:30Z'}], runner: {",
    );
    assert!(matches!(next(&seen(&progressed, vec![]), at(NOW)), Next::Replace(LostRunner { count: 1, .. })));
}

/// A pod that ends before it took the run is made again and again, at once.
#[test]
fn a_first_pod_that_fails_counts_as_lost() {
    let crashed = seen(NEW, vec![pod("a", 0, PodState::Lost("ContainerEnded"))]);
    assert!(matches!(next(&crashed, at(NOW)), Next::Replace(LostRunner { count: 1, .. })));
}

/// A run that a runner handed back counts as lost, and is given up after five upgrades.
#[test]
fn a_run_that_was_handed_back_is_started_anew() {
    let handed_back =
        "spec: {workflowRef: {name: intake}}\nstatus: {phase: Running, startedAt: '1970-01-01T00:01:00Z'}";
    let leaving = pod("a", 0, PodState::Lost("PodDeleted"));
    assert_eq!(next(&seen(handed_back, vec![leaving]), at(NOW)), Next::Start);
}

/// A run that is cancelled before it started starts; or one that has begun ends without its `onExit` steps.
#[test]
fn only_a_run_that_never_began_is_cancelled_here() {
    let cancel = |rest: &str| rest.replace("name: intake}", "name: intake}, cancel: Now");
    let Next::End(end) = next(&seen(&cancel(NEW), vec![]), at(NOW)) else { panic!("not ended") };
    assert_eq!(end, End { phase: RunPhase::Cancelled, error: None });
    let held = seen(&cancel(HELD), vec![pod("a", 0, PodState::Live)]);
    assert!(matches!(next(&held, at(NOW)), Next::Watch(_)));
    let lost = seen(&cancel(HELD), vec![]);
    assert!(matches!(next(&lost, at(NOW)), Next::Replace(_)), "another runner ends it");
}

/// A run that nobody can end any more is there for ever.
#[test]
fn a_run_that_no_runner_takes_is_ended_long_after_its_time() {
    let handed_back =
        "spec: {workflowRef: {name: intake}}\nstatus: {phase: Running, startedAt: '1970-01-01T00:01:00Z'}";
    let due = 60 + 3_600;
    assert_eq!(next(&seen(handed_back, vec![]), at(due + 599)), Next::Start);
    let Next::End(end) = next(&seen(handed_back, vec![]), at(due + 600)) else { panic!("not ended") };
    assert_eq!(end.phase, RunPhase::TimedOut);
}

/// A suspended tenant's runs are killed though it asked for a drain, or go on though it asked for an end.
#[test]
fn a_suspended_tenants_runs_drain_unless_told_otherwise() {
    let held =
        |spec: &str| Seen { tenant: Some(tenant(spec)), ..seen(HELD, vec![pod("a", 0, PodState::Live)]) };
    assert!(matches!(next(&held(", state: Suspended"), at(NOW)), Next::Watch(_)));
    assert!(matches!(next(&held(", state: Suspended, onSuspend: Cancel"), at(NOW)), Next::End(_)));
    assert!(matches!(next(&held(", state: Archived"), at(NOW)), Next::End(_)));
    let gone = Seen { tenant: None, ..seen(HELD, vec![]) };
    assert!(matches!(next(&gone, at(NOW)), Next::End(_)));
}

const WAITING: &str = "spec: {workflowRef: {name: intake}}\nstatus: {phase: Suspended, startedAt: '1970-01-01T00:01:00Z', \
                       suspendedAt: '1970-01-01T00:01:10Z', steps: [{name: ask, phase: Suspended, \
                       waiting: {for: Approval, roles: [admin]}}], wakeAt: '1970-01-01T10:00:00Z'}";

/// A run that waits for a person holds a slot, or is never looked at again.
#[test]
fn a_run_that_waits_rests_until_something_happens() {
    let rests = |rest: &str, now: i64| next(&Seen { holds_slot: false, ..seen(rest, vec![]) }, at(now));
    assert_eq!(rests(WAITING, NOW), Next::Rest(Some(at(36_000))));
    assert_eq!(rests(WAITING, 30_000), Next::Rest(Some(at(36_000))), "its own time stands still");
    assert_eq!(rests(WAITING, 36_000), Next::Admit);
    let decided = WAITING.replace("name: intake}", "name: intake}, decisions: [{key: ask, approved: true}]");
    assert_eq!(rests(&decided, NOW), Next::Admit);
    assert_eq!(rests(&decided.replace("key: ask", "key: other"), NOW), Next::Rest(Some(at(36_000))));
    let cancelled = WAITING.replace("name: intake}", "name: intake}, cancel: Graceful");
    assert_eq!(rests(&cancelled, NOW), Next::Force, "to end it must not wait behind what runs");
    assert_eq!(next(&seen(&cancelled, vec![]), at(NOW)), Next::Start);
}

/// A parent waits for ever for a sub-run that has ended, or beyond its own timeout.
#[test]
fn a_parent_goes_on_when_its_sub_run_has_ended() {
    let parent = WAITING
        .replace("for: Approval, roles: [admin]", "for: Run, run: order-7-c0ffee")
        .replace("suspendedAt: '1970-01-01T00:01:10Z', ", "")
        .replace(", wakeAt: '1970-01-01T10:00:00Z'", "");
    let at_rest = |sub_run_ended| Seen { holds_slot: false, sub_run_ended, ..seen(&parent, vec![]) };
    assert_eq!(next(&at_rest(false), at(NOW)), Next::Rest(Some(at(3_660))));
    assert_eq!(next(&at_rest(true), at(NOW)), Next::Admit);
    assert_eq!(next(&at_rest(false), at(3_660)), Next::Force);
}

/// A sub-run whose parent was given up goes on for nobody.
#[test]
fn a_sub_run_without_its_parent_is_cancelled_once() {
    let orphan = |rest: &str| Seen { is_orphan: true, ..seen(rest, vec![pod("a", 0, PodState::Live)]) };
    assert_eq!(next(&orphan(HELD), at(NOW)), Next::Cancel);
    let asked = HELD.replace("phase: Running", "phase: Running, cancelRequested: Now");
    assert!(matches!(next(&orphan(&asked), at(NOW)), Next::Watch(_)), "its runner ends it");
}

/// An item of a fan-out that waits for an approval is never decided.
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
        next(&Seen { holds_slot: false, ..seen(&text, vec![]) }, at(NOW))
    };
    assert_eq!(decided("ask/2"), Next::Admit);
    assert_eq!(decided("ask/1"), Next::Rest(Some(at(36_000))));
}

/// A run waits for ever for an image that does not come; or fails because a registry was away for a moment.
#[test]
fn an_image_that_does_not_come_fails_the_run_after_a_while() {
    let stuck =
        |until| PodState::Unpullable { message: "image x cannot be pulled: not found".to_owned(), until };
    for rest in [HELD, NEW] {
        assert_eq!(next(&seen(rest, vec![pod("a", 0, stuck(at(130)))]), at(NOW)), Next::Watch(at(130)));
        let Next::End(end) = next(&seen(rest, vec![pod("a", 0, stuck(at(100)))]), at(NOW)) else {
            panic!("not ended")
        };
        assert_eq!(end.error.map(|error| error.code), Some("IMAGE_PULL".to_owned()));
    }
}

/// An ended run is written to again.
#[test]
fn nothing_follows_the_end() {
    let ended = HELD.replace("phase: Running", "phase: Succeeded");
    assert_eq!(next(&seen(&ended, vec![]), at(NOW)), Next::Nothing);
}
