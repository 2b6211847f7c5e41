//! Tests of steps with `forEach`.

use super::*;

const EACH: &str = "
steps:
- name: list
  python: {code: x}
- name: each
  needs: [list]
  forEach: {items: '${{ steps.list.output }}', maxParallel: 2}
  python: {code: x}
  with: {item: '${{ item }}', index: '${{ index }}'}
output: {all: '${{ steps.each.output }}', done: '${{ steps.each.items.succeeded }}'}";

fn listed(yaml: &str, list: Value) -> (Driver, Advance) {
    let mut run = Driver::new(yaml);
    run.advance();
    let advance = run.succeed_step("list", list);
    (run, advance)
}

/// The outputs are in the order of the list, in whatever order the items end, and at most `maxParallel` items
/// run at the same time.
#[test]
fn items_run_concurrently_and_their_outputs_are_in_order() {
    let (mut run, first) = listed(EACH, json!(["a", "b", "c"]));
    assert_eq!(started_keys(&first), ["each/0#1", "each/1#1"]);
    assert_eq!(first.start[1].input, json!({"item": "b", "index": 1}));
    assert_eq!(first.start[1].idempotency_key, "uid-1/each/1");
    assert_eq!(started_keys(&run.succeed_step("each/1", json!("B"))), ["each/2#1"]);
    assert_eq!(run.step("each").items.as_ref().map(|items| items.done.as_str()), Some("1"));
    run.succeed_step("each/2", json!("C"));
    let end = ended(run.succeed_step("each/0", json!("A")));
    assert_eq!(end.output, Some(json!({"all": ["A", "B", "C"], "done": 3})));
    assert!(
        run.step("each")
            .items
            .as_ref()
            .is_some_and(|items| items.outputs.is_empty() && items.active.is_empty())
    );
}

/// A step with an empty list succeeds at once, and fails if its items are not a list or more than 1000.
#[test]
fn an_empty_list_succeeds_and_invalid_lists_fail() {
    let (_, advance) = listed(EACH, json!([]));
    assert_eq!(ended(advance).output, Some(json!({"all": [], "done": 0})));
    let code = |list| ended(listed(EACH, list).1).error.map(|error| error.code);
    assert_eq!(code(json!({"a": 1})), Some("ITEMS_INVALID".to_owned()));
    assert_eq!(code(json!(vec![0; 1001])), Some("TOO_MANY_ITEMS".to_owned()));
}

/// A failed item prevents further items, and the step fails with its error once the running items have ended.
#[test]
fn a_failed_item_fails_the_step_when_the_running_items_have_ended() {
    let (mut run, _) = listed(EACH, json!([1, 2, 3]));
    let advance = run.end_step("each/0", 1, user_failure("HTTP_404"));
    assert_eq!((started_keys(&advance), advance.finish.is_some()), (vec![], false));
    let end = ended(run.succeed_step("each/1", json!(1)));
    let error = end.error.expect("the run has an error");
    assert_eq!((error.code.as_str(), error.message.as_str()), ("HTTP_404", "item 0: the service said no"));
    let items = run.step("each").items.clone().expect("the step has items");
    assert_eq!((items.failed, items.succeeded, items.failures.len()), (1, 1, 1));
}

/// Failures of items have the name of the item and the details of the error, of which the status has room for a few KiB.
#[test]
fn failures_of_items_have_the_name_and_the_details() {
    let yaml =
        EACH.replace("maxParallel: 2", "maxParallel: 2, continueOnError: true, label: '${{ item.name }}'");
    let name = "  A bakery\n with a name of more than sixty-four characters, which is not shown to its end";
    let (mut run, first) = listed(&yaml, json!([{"name": name}, {}, {"name": 7}]));
    let label = "A bakery with a name of more than sixty-four characters, which i";
    assert_eq!(
        first.start.iter().map(|start| start.label.as_deref()).collect::<Vec<_>>(),
        [Some(label), None]
    );
    let fail = |bytes: usize| {
        let details = Some(json!({"body": "x".repeat(bytes)}));
        Outcome::Failed(StepError { details, ..step_error(ErrorKind::User, "HTTP_422", "refused") }.into())
    };
    run.end_step("each/0", 1, fail(1000));
    run.end_step("each/1", 1, fail(8000));
    run.end_step("each/2", 1, fail(1000));
    let failures = run.step("each").items.clone().expect("the step has items").failures;
    let labels: Vec<_> = failures.iter().map(|failure| failure.label.as_deref()).collect();
    assert_eq!(labels, [Some(label), None, Some("7")]);
    let has_details: Vec<_> = failures.iter().map(|failure| failure.details.is_some()).collect();
    assert_eq!(has_details, [true, false, true]);
}

/// With `continueOnError`, the output of a failed item is null, and the step succeeds.
#[test]
fn with_continue_on_error_a_failed_item_is_null_in_the_list() {
    let yaml = EACH.replace("maxParallel: 2", "maxParallel: 2, continueOnError: true");
    let (mut run, _) = listed(&yaml, json!([1, 2]));
    run.end_step("each/0", 1, user_failure("NO"));
    let end = ended(run.succeed_step("each/1", json!("B")));
    assert_eq!(end.output, Some(json!({"all": [null, "B"], "done": 1})));
}

/// Each item is retried on its own and counts towards `maxParallel` during its backoff.
#[test]
fn items_are_retried_on_their_own_and_remain_active() {
    let yaml = EACH.replace(
        "python: {code: x}\n  with",
        "retry: {kinds: [User], backoff: {initial: 4s}}\n  python: {code: x}\n  with",
    );
    let (mut run, _) = listed(&yaml, json!([1, 2, 3]));
    let failed = run.end_step("each/0", 1, user_failure("NO"));
    assert_eq!((started_keys(&failed), failed.wait_until), (vec![], Some(time_at(6.0))));
    run.resume_after(&RunnerLoss::Interrupted);
    // An item whose `retry.kinds` omits Infra runs at most once, like a step.
    assert_eq!(run.step("each").error.as_ref().map(|error| error.code.as_str()), Some("INTERRUPTED"));
}

/// After the loss of a runner, running items start again as the next attempt, and ended items do not.
#[test]
fn a_resumed_run_repeats_no_item_that_has_ended() {
    let (mut run, _) = listed(EACH, json!([1, 2, 3, 4]));
    run.succeed_step("each/0", json!("A"));
    let resumed = run.resume_after(&RunnerLoss::Interrupted);
    assert_eq!(started_keys(&resumed), ["each/1#2", "each/2#2"]);
    assert_eq!(
        run.step("each").items.as_ref().map(|items| items.outputs.clone()),
        Some([(0, json!("A"))].into())
    );
    let resumed = run.resume_after(&RunnerLoss::OutOfMemory);
    assert_eq!(
        started_keys(&resumed),
        ["each/1#2", "each/2#2"],
        "the item that used too much memory is unknown"
    );
}

/// The items of all steps together are limited: a step for which there is no room starts when another one has ended.
#[test]
fn the_active_items_of_a_run_are_limited() {
    let items = vec![0; 100];
    let step = |name: &str| {
        format!("- {{name: {name}, forEach: {{items: {items:?}, maxParallel: 100}}, python: {{code: x}}}}")
    };
    let mut run = Driver::new(&format!("steps:\n{}\n{}\n{}", step("a"), step("b"), step("c")));
    let first = started_keys(&run.advance());
    assert_eq!((first.len(), first.iter().any(|key| key.starts_with('c'))), (200, false));
    let last =
        (0..100).map(|index| run.succeed_step(&format!("a/{index}"), json!(0))).last().expect("100 items");
    let started = started_keys(&last);
    assert!(started.len() == 100 && started.iter().all(|key| key.starts_with('c')), "{started:?}");
}

/// Items of an `expr` step are evaluated within a single advance.
#[test]
fn expressions_over_items_need_no_runner() {
    let mut run = Driver::new(
        "steps: [{name: e, forEach: {items: '${{ [1, 2, 3] }}'}, expr: {value: '${{ item * 2 + index }}'}}]",
    );
    assert_eq!(ended(run.advance()).output, Some(json!({"e": [2, 5, 8]})));
}

/// The timeout of a step applies to all of its items together.
#[test]
fn a_fan_out_ends_at_its_timeout() {
    let yaml = EACH.replace("python: {code: x}\n  with", "timeout: 10s\n  python: {code: x}\n  with");
    let (mut run, first) = listed(&yaml, json!([1, 2, 3]));
    assert_eq!(first.start[0].deadline, time_at(11.0));
    run.now = 10.5;
    run.end_step("each/0", 1, Outcome::TimedOut);
    let end = ended(run.end_step("each/1", 1, Outcome::TimedOut));
    assert_eq!(end.error.map(|error| error.code), Some("STEP_TIMEOUT".to_owned()));
}

/// An immediate cancel stops all running items of a step.
#[test]
fn cancel_stops_running_items() {
    let (mut run, _) = listed(EACH, json!([1, 2, 3]));
    run.cancel = Some(Cancel::Now);
    let advance = run.advance();
    let stopped: Vec<String> = advance.stop.iter().map(|stop| stop.key.to_string()).collect();
    assert_eq!(stopped, ["each/0", "each/1"]);
    assert_eq!(run.step("each").phase, StepPhase::Cancelled);
}

/// A thousand items are scheduled without delay, and their status is smaller than 64 KiB.
#[test]
fn a_thousand_items_are_cheap_and_their_status_is_small() {
    let yaml = EACH.replace("maxParallel: 2", "maxParallel: 100, continueOnError: true");
    let list: Vec<Value> = (0..1000).map(|n| json!({"customer": n, "text": "x".repeat(100)})).collect();
    let (mut run, first) = listed(&yaml, json!(list));
    let mut running: Vec<StepKey> = first.start.into_iter().map(|start| start.key).collect();
    let mut largest = 0;
    let mut advance = Advance::default();
    let mut count = 0;
    while !running.is_empty() {
        // Items end out of order, so that the ranges of ended items are fragmented.
        let key = running.remove((count * 7) % running.len());
        count += 1;
        let outcome = match (key.item, count % 11) {
            (None, _) => stored_output(&Value::Null, &format!("store://{count}")),
            (Some(_), 0) => user_failure(&"é".repeat(3)),
            (Some(_), _) => Outcome::Succeeded(json!({"ok": count, "text": "y".repeat(60)}).into()),
        };
        let attempt = advance.start.iter().find(|start| start.key == key).map_or(1, |start| start.attempt);
        let outcome = match outcome {
            Outcome::Failed(Failure { error, .. }) => {
                Outcome::Failed(Failure::from(StepError { message: "é".repeat(3000), ..error }))
            }
            other => other,
        };
        let mut state =
            run.run.record_outcome(&run.state, &key, attempt, outcome.clone(), time_at(run.now), 0.5);
        if key.item.is_none() {
            // The attempt number of a store is the number of its batch.
            let number =
                (1..70).find(|number| run.state.is_running(&key, *number)).expect("a store is running");
            state = run.run.record_outcome(&run.state, &key, number, outcome, time_at(run.now), 0.5);
        }
        run.state = state;
        advance = run.advance();
        running.extend(advance.start.iter().map(|start| start.key.clone()));
        if count % 7 != 0 {
            continue;
        }
        let status = persisted_steps(&run.state.steps);
        let each = status.iter().find(|step| step.name == "each").expect("the step exists");
        largest = largest.max(serde_json::to_string(each).expect("the status is serializable").len());
    }
    let items = run.step("each").items.clone().expect("the step has items");
    assert_eq!((items.total, items.succeeded + items.failed, items.failures.len()), (1000, 1000, 20));
    assert_eq!(ended(advance).phase, RunPhase::Succeeded);
    assert!(largest < 64 * 1024, "the status has {largest} bytes");
}
