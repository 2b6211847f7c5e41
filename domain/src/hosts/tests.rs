use super::{HostKind, Hosts};

fn hosts_of(steps: &str) -> Hosts {
    let spec = serde_yaml::from_str(&format!("steps:\n{steps}")).expect("the workflow is valid YAML");
    Hosts::for_workflow(&spec, "python:local")
}

/// Steps with the same image and resources share a host, and hosts are ordered by their first step.
#[test]
fn steps_of_one_image_and_size_share_a_host() {
    let hosts = hosts_of(
        "
- {name: a, python: {code: x, preload: [csv]}}
- {name: b, needs: [a], http: {url: 'https://example.com'}}
- {name: c, needs: [b], python: {code: y, preload: [json]}}
- {name: d, needs: [c], python: {code: y, resources: {memory: 1Gi}}}
- {name: e, needs: [d], python: {code: y, image: 'other:1'}}
- {name: f, needs: [e], container: {image: 'tool:1', command: [run]}}",
    );
    insta::assert_debug_snapshot!(hosts.all());
    let indexes: Vec<_> =
        ["a", "b", "c", "d", "e", "f"].iter().map(|step| hosts.host_of_step(step)).collect();
    assert_eq!(indexes, [Some(0), None, Some(0), Some(1), Some(2), Some(3)]);
    assert_eq!(hosts.all().last().map(|host| host.kind), Some(HostKind::Foreign));
}

/// The memory of a host is sufficient for all steps that may run in it at the same time.
#[test]
fn host_memory_covers_all_concurrent_steps() {
    let hosts = hosts_of(
        "
- {name: first, python: {code: x}}
- {name: left, needs: [first], python: {code: x}}
- {name: mid, needs: [first], python: {code: x}}
- {name: right, needs: [first], python: {code: x}}
- {name: deeper, needs: [right], python: {code: x}}
- {name: last, needs: [left, mid, deeper], python: {code: x}}",
    );
    let host = hosts.all().first().expect("there is a host");
    assert_eq!((host.parallelism, host.memory.as_str(), host.cpu.as_str()), (3, "402653184", "150m"));
}

/// Items of a fan-out count towards the parallelism of their host, and `onExit` steps have a host.
#[test]
fn parallelism_counts_items_and_exit_steps() {
    let hosts = hosts_of(
        "
- {name: each, forEach: {items: [1], maxParallel: 8}, python: {code: x}}
- {name: other, needs: [each], forEach: {items: [1], maxParallel: 3}, python: {code: x}}
- {name: beside, python: {code: x}}
onExit:
- {name: tidy, python: {code: x}}
- {name: notify, container: {image: 'tool:1', command: [run]}}",
    );
    assert_eq!((hosts.host_of_step("tidy"), hosts.host_of_step("notify")), (Some(0), Some(1)));
    let parallelism: Vec<u32> = hosts.all().iter().map(|host| host.parallelism).collect();
    assert_eq!(parallelism, [9, 1]);
}

/// Steps that the runner executes itself need no host.
#[test]
fn a_workflow_of_expressions_needs_no_host() {
    assert!(hosts_of("- {name: a, expr: {value: 1}}").all().is_empty());
}
