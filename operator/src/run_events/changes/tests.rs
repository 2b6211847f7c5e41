//! Changes of runs and their Events, as tables.

use super::*;

/// Returns an unfinished run with a status.
fn run(status: &str) -> WorkflowRun {
    let text = format!(
        "{{apiVersion: smbcopilot.dev/v1alpha1, kind: WorkflowRun, \
         metadata: {{name: order-7, namespace: t-acme, uid: 0d1f4711-55aa}}, \
         spec: {{workflowRef: {{name: intake}}}}, status: {{{status}}}}}"
    );
    serde_yaml::from_str(&text).unwrap()
}

/// Returns the Events of a change, one per line.
fn published(before: &str, now: &str) -> String {
    texts(&events(&run(before), &run(now)))
}

fn texts(events: &[NewEvent]) -> String {
    events.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Asserts the Events of a change, and that a change of nothing has none.
fn assert_events(before: &str, now: &str, expected: &[&str]) {
    assert_eq!(published(before, now), expected.join("\n"), "{before} -> {now}");
    assert_eq!(published(now, now), "", "nothing has happened between two equal contents: {now}");
    let mut stored = run(now);
    crate::run_events::trim(&mut stored);
    assert_eq!(texts(&events(&stored, &run(now))), "", "what is trimmed is not compared: {now}");
}

/// Returns a status with one step.
fn step(fields: &str) -> String {
    format!("phase: Running, steps: [{{name: charge, {fields}}}]")
}

/// A run is pinned, waits for reasons, and is assigned to a pod, which it may lose.
#[test]
fn a_run_is_pinned_waits_and_is_assigned() {
    assert_events("", "phase: Queued", &[]);
    assert_events(
        "",
        "phase: Queued, revision: {name: intake-5f}, queue: {reason: PlanConcurrency, message: 3 of 3 slots}",
        &[
            "Normal Pinned: executes revision intake-5f of workflow intake",
            "Normal Waiting: waits: PlanConcurrency: 3 of 3 slots",
        ],
    );
    assert_events(
        "queue: {reason: PlanConcurrency, position: 3}",
        "queue: {reason: PlanConcurrency, position: 2}",
        &[],
    );
    assert_events(
        "queue: {reason: PlanConcurrency}",
        "queue: {reason: ClusterFull}",
        &["Normal Waiting: waits: ClusterFull"],
    );
    assert_events(
        "queue: {reason: ClusterFull}",
        "runner: {pod: run-1, podUid: u1}",
        &["Normal Assigned: admitted, and assigned to pod run-1"],
    );
    assert_events(
        "runner: {pod: run-1, podUid: u1}",
        "runner: {job: run-2, lost: {count: 1, reason: OOMKilled}}",
        &["Warning RunnerLost: pod run-1 was lost (OOMKilled); another pod continues the run"],
    );
    assert_events(
        "runner: {job: run-2, lost: {count: 1, reason: OOMKilled}}",
        "runner: {pod: run-2, podUid: u2, lost: {count: 1, reason: OOMKilled}}",
        &["Normal Assigned: admitted, and assigned to pod run-2"],
    );
}

/// A run whose runner has begun, and whose pod cannot start another container, has one Event about it.
#[test]
fn an_image_that_cannot_be_pulled_is_published_once_for_an_executed_run() {
    let with_reason = |queue: &str, reason: &str| {
        format!(
            "phase: Running, {queue} conditions: [{{type: Reconciling, status: 'True', reason: {reason}, message: image x, \
             lastTransitionTime: '2026-11-24T10:00:00Z'}}]"
        )
    };
    let running = with_reason("", "Running");
    let stuck = with_reason("", "ImagePullFailed");
    let event = "Warning PodNotReady: steps may wait for the pod: ImagePullFailed: image x";
    assert_events(&running, &stuck, &[event]);
    assert_events(&stuck, &running, &[]);
    let queued = with_reason("queue: {reason: ImagePullFailed},", "ImagePullFailed");
    assert_events(&running, &queued, &["Normal Waiting: waits: ImagePullFailed"]);
}

const FAILED: &str = "error: {kind: Infra, code: HTTP_503, message: \"unavailable,\\n try later\"}";

/// Each failed attempt is published once, with its step, number, code and message, in whichever write it appears.
#[test]
fn each_failed_attempt_is_published_once() {
    let running = |attempt: u32, error: &str| step(&format!("phase: Running, attempt: {attempt}, {error}"));
    let pending =
        step(&format!("phase: Pending, attempt: 1, nextAt: '2026-11-24T08:00:05.123456Z', {FAILED}"));
    let retried = "Warning AttemptFailed: attempt 1 of step charge failed: HTTP_503: unavailable, try later";
    assert_events(
        &running(1, ""),
        &pending,
        &[&format!("{retried}; the next attempt starts at 2026-11-24T08:00:05Z")],
    );
    assert_events(&pending, &running(2, FAILED), &[]);
    assert_events(&running(1, ""), &running(2, FAILED), &[retried]);
    assert_events(
        &running(2, FAILED),
        &running(3, FAILED),
        &["Warning AttemptFailed: attempt 2 of step charge failed: HTTP_503: unavailable, try later"],
    );
    assert_events(
        &running(3, FAILED),
        &step(&format!("phase: Failed, attempt: 3, {FAILED}")),
        &["Warning StepFailed: step charge failed in attempt 3: HTTP_503: unavailable, try later"],
    );
    assert_events(
        "",
        &step("phase: Failed, error: {kind: User, code: EXPRESSION_FAILED, message: no such key}"),
        &["Warning StepFailed: step charge failed: EXPRESSION_FAILED: no such key"],
    );
    assert_events(
        &running(1, ""),
        &step("phase: Pending, notStarted: 1, error: {kind: Infra, code: HOST_LOST, message: gone}"),
        &["Warning AttemptNotStarted: step charge could not be started: HOST_LOST: gone"],
    );
    assert_events(&running(1, ""), &step(&format!("phase: Cancelled, attempt: 1, {FAILED}")), &[]);
}

/// A message is published up to 256 characters.
#[test]
fn a_long_message_is_published_in_part() {
    let failed = format!("phase: Failed, error: {{kind: User, code: BAD, message: {}}}", "ä".repeat(1_000));
    let event = published("", &step(&failed));
    assert_eq!(event, format!("Warning StepFailed: step charge failed: BAD: {}…", "ä".repeat(256)));
}

/// Returns a status with this number of failed items.
fn items(failed: u32) -> String {
    let failure = |index: u32| {
        format!("{{index: {index}, kind: User, code: DECLINED, message: no cover, label: customer {index}}}")
    };
    let failures: Vec<_> = (0..failed.min(20)).map(failure).collect();
    step(&format!(
        "phase: Running, attempt: 1, items: {{total: 1000, failed: {failed}, failures: [{}]}}",
        failures.join(", ")
    ))
}

/// Items that fail are published with their labels, and a thousand of them give a few Events.
#[test]
fn a_thousand_failed_items_give_a_few_events() {
    assert_events(
        &items(0),
        &items(1),
        &[
            "Warning ItemsFailed: 1 of 1000 items of step charge have failed: item 0 (customer 0): DECLINED: no cover",
        ],
    );
    assert_events(
        &items(1),
        &items(6),
        &[
            "Warning ItemsFailed: 6 of 1000 items of step charge have failed: item 1 (customer 1): DECLINED: no cover; \
           item 2 (customer 2): DECLINED: no cover; item 3 (customer 3): DECLINED: no cover; and 2 more",
        ],
    );
    assert_events(
        &items(99),
        &items(100),
        &["Warning ItemsFailed: 100 of 1000 items of step charge have failed"],
    );
    let counts = (0..1_000).map(|failed| events(&run(&items(failed)), &run(&items(failed + 1))).len());
    assert_eq!(counts.sum::<usize>(), REPORTED, "one by one");
    let active = |item: &str| {
        step(&format!(
            "phase: Running, attempt: 1, items: {{total: 9, active: [{item}, {{index: 5, attempt: 1}}]}}"
        ))
    };
    let waits = active("{index: 4, label: Kita, attempt: 1, code: HTTP_503, nextAt: '2026-11-24T08:00:05Z'}");
    let retried = "Warning ItemRetried: attempt 1 of item 4 (Kita) of step charge failed: HTTP_503; items that fail are \
                   tried again";
    assert_events(&active("{index: 4, attempt: 1}"), &waits, &[retried]);
    assert_events(&waits, &active("{index: 4, label: Kita, attempt: 2, code: HTTP_503}"), &[]);
}

const REPORTED: usize = 6;

/// A suspended run says for whom and what it waits, and that it continues.
#[test]
fn a_suspended_run_says_for_whom_it_waits() {
    let waiting = |phase: &str, waiting: &str| {
        format!(
            "phase: {phase}, steps: [{{name: approve, phase: Suspended, nextAt: '2026-11-26T08:00:00Z', waiting: {waiting}}}]"
        )
    };
    let approval = "{for: Approval, message: pay?, roles: [admin, operator]}";
    let who = "step approve waits for an approval by a user with the role admin or operator, at most until \
               2026-11-26T08:00:00Z";
    let suspended = waiting("Suspended", approval);
    let expected = format!("Normal Suspended: suspended, and holds no pod: {who}");
    assert_events("phase: Running", &suspended, &[&expected]);
    assert_events("phase: Running", &waiting("Running", approval), &[&format!("Normal StepWaiting: {who}")]);
    assert_events(
        "phase: Running",
        &waiting("Suspended", "{for: Time}"),
        &[
            "Normal Suspended: suspended, and holds no pod: step approve waits for the time 2026-11-26T08:00:00Z",
        ],
    );
    assert_events(
        "phase: Running",
        "phase: Suspended, steps: [{name: call, phase: Suspended, waiting: {for: Run, run: order-7-call}}]",
        &["Normal Suspended: suspended, and holds no pod: step call waits for the end of run order-7-call"],
    );
    assert_events(
        "phase: Running, steps: [{name: charge, phase: Pending, attempt: 1, \
         error: {kind: Infra, code: HTTP_503, message: no}}]",
        &format!(
            "phase: Suspended, steps: [{{name: charge, phase: Pending, attempt: 1, \
             nextAt: '2026-11-24T08:05:00Z', {FAILED}}}]"
        ),
        &[
            "Normal Suspended: suspended, and holds no pod: step charge waits for its next attempt at 2026-11-24T08:05:00Z",
        ],
    );
    assert_events(
        "phase: Running",
        "phase: Suspended, steps: [{name: ask, phase: Suspended, items: {total: 3, active: [\
         {index: 0, label: Kita, attempt: 1, waiting: {for: Approval}}, {index: 1, attempt: 1, waiting: {for: Approval}}]}}]",
        &[
            "Normal Suspended: suspended, and holds no pod: item 0 (Kita) of step ask waits for an approval by a user with the \
           role admin, and 1 more items wait",
        ],
    );
    let decided = "phase: Running, steps: [{name: approve, phase: Succeeded}]";
    assert_events(&suspended, decided, &["Normal Resumed: continues after the wait of approve"]);
}

/// A refused decision is published with its reason, once for each decision.
#[test]
fn a_refused_decision_is_published_once() {
    let refused = |generation: i64| {
        step(&format!(
            "phase: Suspended, waiting: {{for: Approval, refused: {{message: /amount is missing, generation: {generation}}}}}"
        ))
    };
    let event = "Warning DecisionRefused: the decision on charge was refused: /amount is missing; replace it in spec.decisions \
                by another one with the same key";
    assert_events(&step("phase: Suspended, waiting: {for: Approval}"), &refused(2), &[event]);
    assert_events(&refused(2), &refused(3), &[event]);
    let item = "phase: Running, items: {total: 2, active: [{index: 1, attempt: 1, waiting: {for: Approval, \
                refused: {message: too late, generation: 4}}}]}";
    let unrefused =
        "phase: Running, items: {total: 2, active: [{index: 1, attempt: 1, waiting: {for: Approval}}]}";
    assert_events(
        &step(unrefused),
        &step(item),
        &[&event.replace("on charge", "on charge/1").replace("/amount is missing", "too late")],
    );
}

/// A cancellation is published when it is requested, and when it becomes more urgent.
#[test]
fn a_requested_cancellation_is_published() {
    assert_events(
        "",
        "cancelRequested: Now",
        &[
            "Normal CancelRequested: the operator requested cancellation (Now): a newer run of the same concurrency group \
           replaces this one, or its parent run has ended",
        ],
    );
    let requested = |cancel: &str| {
        let mut run = run("phase: Running");
        run.spec.cancel = serde_yaml::from_str(cancel).unwrap();
        run
    };
    for (before, now, cancel) in
        [("null", "Graceful", "Graceful"), ("Graceful", "Now", "Now"), ("Now", "Now", "")]
    {
        let expected = if cancel.is_empty() {
            String::new()
        } else {
            format!("Normal CancelRequested: cancellation was requested with spec.cancel: {cancel}")
        };
        assert_eq!(texts(&events(&requested(before), &requested(now))), expected);
    }
}

/// The end is one Event, whose type says whether somebody has to act, and which says where the log is.
#[test]
fn the_end_says_what_happened_and_where_the_log_is() {
    let ended = |status: &str| end(&run(status)).map(|event| event.to_string()).unwrap_or_default();
    let log = "log: GET /v1/workflow-runs/order-7/logs";
    let started = "startedAt: '2026-11-24T08:00:00Z'";
    assert_eq!(
        ended(&format!("phase: Succeeded, duration: 1.2s, {started}")),
        format!("Normal RunSucceeded: succeeded after 1.2s; {log}")
    );
    let error = "error: {step: charge, kind: User, code: DECLINED, message: no cover}";
    assert_eq!(
        ended(&format!("phase: Failed, {error}, {started}")),
        format!("Warning RunFailed: step charge: DECLINED: no cover; {log}")
    );
    assert_eq!(
        ended(&format!(
            "phase: Cancelled, error: {{kind: User, code: CANCELLED, message: the run was cancelled}}, {started}"
        )),
        format!("Normal RunCancelled: CANCELLED: the run was cancelled; {log}")
    );
    assert_eq!(
        ended(&format!(
            "phase: TimedOut, error: {{kind: Timeout, code: RUN_TIMEOUT, message: too long}}, {started}"
        )),
        format!("Warning RunTimedOut: RUN_TIMEOUT: too long; {log}")
    );
    assert_eq!(
        ended("phase: Failed, error: {kind: User, code: INPUT_INVALID, message: n is missing}"),
        "Warning RunFailed: INPUT_INVALID: n is missing",
        "a run that never started has no log"
    );
    assert_eq!(ended("phase: Cancelled"), "Normal RunCancelled: cancelled before it began");
    assert_eq!(ended("phase: Running"), "");
}

/// Of a run with many waiting items little is retained, and nothing that is unknown looks as if it had happened.
#[test]
fn a_run_with_many_parts_has_events_about_the_run_only() {
    let items: Vec<_> = (0..40)
        .map(|index| format!("{{index: {index}, attempt: 1, code: HTTP_503, waiting: {{for: Approval}}}}"))
        .collect();
    let step = |name: &str| {
        format!(
            "{{name: {name}, phase: Running, items: {{total: 40, succeeded: 0, failed: 5, active: [{}]}}}}",
            items.join(", ")
        )
    };
    let status = |phase: &str, name: &str| run(&format!("phase: {phase}, steps: [{}]", step(name)));
    let mut stored = status("Running", "ask");
    crate::run_events::trim(&mut stored);
    assert!(stored.status.as_ref().unwrap().steps[0].name.is_empty());
    assert_eq!(texts(&events(&stored, &status("Running", "ask"))), "");
    let suspended = texts(&events(&stored, &status("Suspended", "ask")));
    assert!(suspended.starts_with("Normal Suspended: "), "{suspended}");
}
