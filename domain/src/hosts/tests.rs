use super::{HostKind, hosts};

fn of(steps: &str) -> super::Hosts {
    let spec = serde_yaml::from_str(&format!("steps:\n{steps}")).expect("a workflow");
    hosts(&spec, "python:local")
}

/// Operator and runner must mean the same container by the same number.
#[test]
fn steps_of_one_image_and_size_share_a_host() {
    let hosts = of("
- {name: a, python: {code: x, preload: [csv]}}
- {name: b, needs: [a], http: {url: 'https://example.com'}}
- {name: c, needs: [b], python: {code: y, preload: [json]}}
- {name: d, needs: [c], python: {code: y, resources: {memory: 1Gi}}}
- {name: e, needs: [d], python: {code: y, image: 'other:1'}}
- {name: f, needs: [e], container: {image: 'tool:1', command: [run]}}");
    insta::assert_debug_snapshot!(hosts.all());
    let of_steps: Vec<_> = ["a", "b", "c", "d", "e", "f"].iter().map(|step| hosts.of(step)).collect();
    assert_eq!(of_steps, [Some(0), None, Some(0), Some(1), Some(2), Some(3)]);
    assert_eq!(hosts.all().last().map(|host| host.kind), Some(HostKind::Foreign));
}

/// Three steps at once must not share the memory of one.
#[test]
fn memory_grows_with_what_may_run_at_once() {
    let hosts = of("
- {name: first, python: {code: x}}
- {name: left, needs: [first], python: {code: x}}
- {name: mid, needs: [first], python: {code: x}}
- {name: right, needs: [first], python: {code: x}}
- {name: deeper, needs: [right], python: {code: x}}
- {name: last, needs: [left, mid, deeper], python: {code: x}}");
    let host = hosts.all().first().expect("one host");
    assert_eq!((host.parallelism, host.memory.as_str(), host.cpu.as_str()), (3, "402653184", "150m"));
}

/// Items of a fan-out share the memory of one, or an `onExit` step has no host.
#[test]
fn items_and_exit_steps_are_counted() {
    let hosts = of("
- {name: each, forEach: {items: [1], maxParallel: 8}, python: {code: x}}
- {name: other, needs: [each], forEach: {items: [1], maxParallel: 3}, python: {code: x}}
- {name: beside, python: {code: x}}
onExit:
- {name: tidy, python: {code: x}}
- {name: tell, container: {image: 'tool:1', command: [run]}}");
    assert_eq!((hosts.of("tidy"), hosts.of("tell")), (Some(0), Some(1)));
    let parallelism: Vec<u32> = hosts.all().iter().map(|host| host.parallelism).collect();
    assert_eq!(parallelism, [9, 1]);
}

#[test]
fn a_workflow_of_expressions_needs_no_host() {
    assert!(of("- {name: a, expr: {value: 1}}").all().is_empty());
}
