//! Tests of values that are too large for the status of a run.

use super::super::{ValueLocation, insert_value, missing_values};
use super::*;

/// Returns a value that exceeds the limit of the status.
fn big() -> Value {
    json!("x".repeat(20_000))
}

/// Returns the key with the attempt number, and the value, of the first store of an advance.
fn store_of(advance: &Advance) -> (String, &Value) {
    let start = advance.start.first().expect("an attempt starts");
    let Task::StoreOutput(value) = &start.task else { panic!("the task is not a store: {:?}", start.task) };
    (format!("{}#{}", start.key, start.attempt), value)
}

/// A step with a large output ends once it is stored, and later steps read it like an output in the status.
#[test]
fn a_large_output_is_stored_and_read_by_later_steps() {
    let mut run = Driver::new(
        "steps: [{name: a, expr: {value: '${{ input.text }}'}}, {name: b, needs: [a], expr: {value: '${{ size(steps.a.output) }}'}}]",
    );
    let data = RunData { input: json!({"text": "x".repeat(20_000)}), ..RunData::default() };
    run.run = Run::new(run.run.workflow().clone(), data, time_at(0.0), Duration::ZERO);
    let advance = run.advance();
    let (key, value) = store_of(&advance);
    assert_eq!((key.as_str(), value), ("a#1", &big()));
    assert_eq!(persisted_steps(&run.state.steps)[0].output, None);
    let end = ended(run.end_step("a", 1, stored_output(&big(), "store://a")));
    assert_eq!(end.output, Some(json!({"b": 20_000})));
    let mut read = persisted_steps(&run.state.steps);
    assert_eq!((read[0].output.clone(), read[0].output_ref.clone()), (None, Some(stored_at("store://a"))));
    let slot = ValueLocation::StepOutput { step: "a".to_owned() };
    assert_eq!(missing_values(&read), [(slot.clone(), stored_at("store://a"))]);
    insert_value(&mut read, &slot, big());
    assert_eq!(missing_values(&read), []);
}

/// An output that the runner has stored already is not stored again.
#[test]
fn an_output_that_the_runner_stored_is_not_stored_again() {
    let mut run = Driver::new("steps: [{name: a, python: {code: x}}]");
    run.advance();
    let end = run.end_step("a", 1, stored_output(&big(), "store://a"));
    assert_eq!((end.start.len(), ended(end).phase), (0, RunPhase::Succeeded));
}

/// An output that is too large to be stored fails its step with an error that names its size and the limit;
/// unavailable storage is retried without a new attempt of the step.
#[test]
fn an_output_that_is_too_large_fails_the_step_and_unavailable_storage_does_not() {
    let mut run = Driver::new("steps: [{name: a, python: {code: x}}]");
    run.advance();
    assert_eq!(store_of(&run.succeed_step("a", big())).0, "a#1");
    let failed = run.end_step("a", 1, infra_failure("STORAGE_UNREACHABLE"));
    assert_eq!(failed.wait_until, Some(time_at(3.0)));
    run.now = 3.0;
    assert_eq!(store_of(&run.advance()).0, "a#1", "the value is stored again, and the step is not repeated");
    let end = ended(run.end_step("a", 1, user_failure("OUTPUT_TOO_LARGE")));
    assert_eq!(end.error.map(|error| error.code), Some("OUTPUT_TOO_LARGE".to_owned()));
    let mut run = Driver::new("steps: [{name: a, python: {code: x}}]");
    run.advance();
    let error =
        ended(run.succeed_step("a", json!("x".repeat(17 << 20)))).error.expect("the run has an error");
    assert!(error.message.contains("17825794") && error.message.contains("16777216"), "{}", error.message);
}

/// An output that is nested too deeply fails its step, so that JSON parsers can read every run.
#[test]
fn an_output_that_is_nested_too_deeply_fails_the_step() {
    let nested = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!([inner]));
    // The output of the run has one more level: the names of the steps.
    for (levels, code) in [(63, None), (65, Some("OUTPUT_TOO_DEEP"))] {
        let mut run = Driver::new("steps: [{name: a, python: {code: x}}]");
        run.advance();
        let error = ended(run.succeed_step("a", nested(levels))).error;
        assert_eq!(error.as_ref().map(|error| error.code.as_str()), code, "{levels} levels");
    }
}

/// An output is stored if the outputs in the status would otherwise exceed their total limit.
#[test]
fn outputs_beyond_the_total_limit_are_stored() {
    let many: String =
        (0..18).map(|n| format!("\n- {{name: s{n}, expr: {{value: '{}'}}}}", "x".repeat(15_000))).collect();
    let advance = Driver::new(&format!("steps:{many}")).advance();
    assert_eq!(store_of(&advance).0, "s17#1");
}

/// A step whose output was still being stored when the runner was lost has not ended and starts again.
#[test]
fn a_lost_store_is_repeated() {
    let mut run =
        Driver::new("steps: [{name: a, expr: {value: '${{ input.text }}'}}, {name: p, python: {code: x}}]");
    let data = RunData { input: json!({"text": "x".repeat(20_000)}), ..RunData::default() };
    run.run = Run::new(run.run.workflow().clone(), data, time_at(0.0), Duration::ZERO);
    run.advance();
    run.succeed_step("p", big());
    let resumed = run.resume_after(&RunnerLoss::Interrupted);
    assert_eq!(started_keys(&resumed), ["p#2", "a#1"]);
}

const FAN_OUT: &str =
    "steps: [{name: e, forEach: {items: [0, 1, 2, 3, 4, 5], maxParallel: 3}, python: {code: x}}]";

/// Item outputs that exceed the status are stored in batches, and an item ends once its batch is stored.
#[test]
fn outputs_of_items_are_stored_in_batches() {
    let half = |n: u32| json!(format!("{n}{}", "x".repeat(9_000)));
    let mut run = Driver::new(FAN_OUT);
    run.advance();
    assert_eq!(started_keys(&run.succeed_step("e/0", half(0))), ["e/3#1"]);
    let advance = run.succeed_step("e/1", half(1));
    assert_eq!(store_of(&advance), ("e#1".to_owned(), &json!({"0": half(0), "1": half(1)})));
    let read = persisted_steps(&run.state.steps);
    let items = read[0].items.as_ref().expect("the step has items");
    assert_eq!((items.done.as_str(), items.outputs.len(), items.batches.len()), ("0", 1, 0));
    assert!(
        items.active.iter().any(|item| item.index == 1),
        "the item has not ended before its output is stored"
    );
    let advance = run.end_step("e", 1, stored_output(&Value::Null, "store://1"));
    assert_eq!(started_keys(&advance), ["e/4#1"]);
    let mut read = persisted_steps(&run.state.steps);
    let items = read[0].items.clone().expect("the step has items");
    assert_eq!(
        (items.done.as_str(), items.outputs.len(), items.batches[0].indexes.as_str()),
        ("0-1", 0, "0-1")
    );
    let [(slot, reference)] = missing_values(&read).try_into().expect("there is one batch");
    assert_eq!(reference, stored_at("store://1"));
    insert_value(&mut read, &slot, json!({"0": half(0), "1": half(1)}));
    assert_eq!(missing_values(&read), []);
    // The next runner continues with the values that it has fetched.
    run.state =
        run.run.resume(&RunState { steps: read, ending: None }, &RunnerLoss::OutOfMemory, time_at(run.now));
    assert_eq!(started_keys(&run.advance()), ["e/2#1", "e/3#1", "e/4#1"]);
    run.succeed_step("e/2", half(2));
    run.succeed_step("e/3", half(3));
    run.end_step("e", 2, stored_output(&Value::Null, "store://2"));
    run.succeed_step("e/4", half(4));
    let advance = run.succeed_step("e/5", json!(5));
    let (key, list) = store_of(&advance);
    assert_eq!((key.as_str(), list.as_array().map(Vec::len), &list[3]), ("e#3", Some(6), &half(3)));
    let end = run.end_step("e", 3, stored_output(&Value::Null, "store://list"));
    assert_eq!(ended(end).phase, RunPhase::Succeeded);
    assert_eq!(persisted_steps(&run.state.steps)[0].output_ref, Some(stored_at("store://list")));
}

/// A fan-out fails if its outputs exceed the status and cannot be stored.
#[test]
fn a_fan_out_without_storage_fails_when_its_outputs_do_not_fit() {
    let mut run = Driver::new(FAN_OUT);
    run.advance();
    run.succeed_step("e/0", json!("x".repeat(9_000)));
    run.succeed_step("e/1", json!("x".repeat(9_000)));
    run.end_step("e", 1, user_failure("OUTPUT_TOO_LARGE"));
    run.succeed_step("e/2", json!(1));
    let end = ended(run.succeed_step("e/3", json!(1)));
    assert_eq!(end.error.map(|error| error.code), Some("OUTPUT_TOO_LARGE".to_owned()));
}
