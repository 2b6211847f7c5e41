//! Whether the deletion of a namespace is blocked, as its conditions say. Pure.

use crds::labels;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Namespace, NamespaceCondition};
use kube::ResourceExt as _;

use super::step::Progress;

/// Conditions of a namespace that report a reason for which its deletion does not continue.
const FAILURES: [&str; 4] = [
    "NamespaceFinalizersRemaining",
    "NamespaceDeletionContentFailure",
    "NamespaceDeletionDiscoveryFailure",
    "NamespaceDeletionGroupVersionParsingFailure",
];
/// Condition of a namespace that names the objects that are left.
const CONTENT_REMAINING: &str = "NamespaceContentRemaining";
/// Time for which a reason lasts before the deletion counts as blocked. Finalizers of Kubernetes itself, such as those of the
/// pods of Jobs, are removed within a second or two.
const BLOCKED_AFTER: SignedDuration = SignedDuration::from_secs(5);

/// Returns the progress of the deletion of a namespace.
pub(super) fn progress(namespace: &Namespace, now: Timestamp) -> Progress {
    let name = namespace.name_any();
    let tenant = namespace.labels().get(labels::TENANT).map_or("TENANT", String::as_str);
    let reasons = reasons(namespace, now);
    if reasons.is_empty() {
        return Progress::Waiting(waiting_message(&name, namespace));
    }
    Progress::Blocked(format!(
        "namespace {name} cannot be deleted: {}. Let the controller of each finalizer remove it. To end the tenant without \
         waiting, run `kubectl patch sten {tenant} --type=merge -p '{{\"spec\":{{\"deletionPolicy\":\"Retain\"}}}}'`; Kubernetes \
         then continues to delete the namespace by itself",
        reasons.join(" ")
    ))
}

fn reasons(namespace: &Namespace, now: Timestamp) -> Vec<String> {
    let conditions = conditions(namespace);
    let is_old = |condition: &&NamespaceCondition| {
        condition
            .last_transition_time
            .as_ref()
            .is_some_and(|since| now.duration_since(since.0) >= BLOCKED_AFTER)
    };
    let failures = conditions.iter().filter(|condition| FAILURES.contains(&condition.type_.as_str()));
    let mut reasons: Vec<String> = failures.filter(is_old).filter_map(message).collect();
    if !reasons.is_empty() {
        let content = conditions.iter().filter(|condition| condition.type_ == CONTENT_REMAINING);
        reasons.extend(content.filter_map(message));
    }
    let finalizers = namespace.finalizers();
    // Nothing but its own finalizers keeps a namespace from which Kubernetes has removed its own.
    let is_emptied =
        namespace.spec.as_ref().is_none_or(|spec| spec.finalizers.iter().flatten().next().is_none());
    if is_emptied && !finalizers.is_empty() {
        reasons.push(format!("The namespace has the finalizers {}", finalizers.join(", ")));
    }
    reasons
}

fn waiting_message(name: &str, namespace: &Namespace) -> String {
    let content = conditions(namespace).into_iter().find(|condition| condition.type_ == CONTENT_REMAINING);
    let content = content.as_ref().and_then(message);
    content.map_or_else(
        || format!("namespace {name} is being deleted"),
        |content| format!("namespace {name} is being deleted: {content}"),
    )
}

/// Returns the conditions of a namespace that hold.
fn conditions(namespace: &Namespace) -> Vec<NamespaceCondition> {
    let conditions = namespace.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.filter(|condition| condition.status == "True").cloned().collect()
}

fn message(condition: &NamespaceCondition) -> Option<String> {
    condition.message.clone().filter(|message| !message.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terminating(metadata: &str, finalizers: &str, conditions: &str) -> Namespace {
        serde_yaml::from_str(&format!(
            "{{metadata: {{name: t-acme, {metadata}}}, spec: {{finalizers: {finalizers}}}, status: {{phase: Terminating, \
             conditions: {conditions}}}}}"
        ))
        .unwrap()
    }

    fn seconds(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    const REMAINING: &str = "[{type: NamespaceContentRemaining, status: 'True', lastTransitionTime: '1970-01-01T00:01:40Z', \
                             message: 'Some resources are remaining: configmaps. has 1 resource instances'}, \
                             {type: NamespaceFinalizersRemaining, status: 'True', lastTransitionTime: '1970-01-01T00:01:40Z', \
                             message: 'Some content in the namespace has finalizers remaining: acme.example/hold in 1 resource instances'}]";

    /// A finalizer that nobody removes blocks the deletion, and the message names it and the kind of its objects.
    #[test]
    fn a_foreign_finalizer_blocks_the_deletion() {
        let namespace = terminating("", "[kubernetes]", REMAINING);
        let Progress::Waiting(early) = progress(&namespace, seconds(101)) else {
            panic!("blocked too early")
        };
        assert!(early.ends_with("configmaps. has 1 resource instances"), "{early}");
        let Progress::Blocked(message) = progress(&namespace, seconds(106)) else { panic!("not blocked") };
        for words in ["acme.example/hold in 1 resource", "configmaps. has 1", "deletionPolicy"] {
            assert!(message.contains(words), "{message}");
        }
    }

    /// Conditions that do not hold, as after a failure that has passed, do not block the deletion.
    #[test]
    fn a_failure_that_has_passed_does_not_block_the_deletion() {
        let namespace = terminating("", "[kubernetes]", &REMAINING.replace("'True'", "'False'"));
        let expected = Progress::Waiting("namespace t-acme is being deleted".to_owned());
        assert_eq!(progress(&namespace, seconds(1_000)), expected);
    }

    /// A finalizer of the namespace itself blocks the deletion once its content is deleted.
    #[test]
    fn a_finalizer_of_the_namespace_blocks_the_deletion() {
        let held = |finalizers: &str| {
            progress(&terminating("finalizers: [acme.example/keep]", finalizers, "[]"), seconds(0))
        };
        assert!(matches!(held("[kubernetes]"), Progress::Waiting(_)));
        let Progress::Blocked(message) = held("[]") else { panic!("not blocked") };
        assert!(message.contains("finalizers acme.example/keep"), "{message}");
    }
}
