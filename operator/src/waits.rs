//! What a run waits for, and what the operator retains of that: a tenant's runs may have thousands of steps, items and
//! decisions that wait, and all of its unfinished runs are held at once.

use crds::{
    WorkflowRun,
    run::{ActiveItem, Decision, ItemsStatus, StepStatus, Waiting, WaitingFor},
};

/// A decision, and the step that waits for it: only with its name and with what waits.
#[derive(Debug, PartialEq)]
struct Decided {
    decision: Decision,
    step: StepStatus,
}

/// Returns whether there is a decision for an approval that a step, or an item of a step, waits for. A decision that was
/// refused does not count until the run's spec has changed.
pub(crate) fn is_decided(run: &WorkflowRun) -> bool {
    decided(run).is_some()
}

/// Returns the names of the sub-runs that the steps, and the items of steps, wait for.
pub(crate) fn sub_runs(run: &WorkflowRun) -> impl Iterator<Item = &String> {
    let steps = run.status.iter().flat_map(|status| &status.steps);
    let waiting = steps.flat_map(|step| {
        let items = step.items.iter().flat_map(|items| &items.active);
        step.waiting.iter().chain(items.filter_map(|item| item.waiting.as_ref()))
    });
    waiting.filter_map(|waiting| waiting.run.as_ref())
}

/// Removes from a run what the operator does not decide on: of its steps, the sums of their items, the latest end, the names
/// of sub-runs, and one decision with what waits for it remain. The run is received again whenever it changes, so that the
/// next decision is found then.
pub(crate) fn reduce(run: &mut WorkflowRun) {
    let decided = decided(run);
    let summary = summary(run);
    let (decision, step) = decided.map(|Decided { decision, step }| (decision, step)).unzip();
    run.spec.decisions = decision.into_iter().collect();
    if let Some(status) = &mut run.status {
        status.steps = summary.into_iter().chain(step).collect();
    }
}

fn decided(run: &WorkflowRun) -> Option<Decided> {
    let generation = run.metadata.generation.unwrap_or_default();
    let is_waiting = |waiting: &Option<Waiting>| {
        waiting.as_ref().is_some_and(|waiting| {
            waiting.reason == WaitingFor::Approval
                && waiting.refused.as_ref().is_none_or(|refused| refused.generation < generation)
        })
    };
    let decision = |key: &str| run.spec.decisions.iter().find(|decision| decision.key == key);
    let waiting = || Some(waiting_for(WaitingFor::Approval));
    run.status.iter().flat_map(|status| &status.steps).find_map(|step| {
        let name = || step.name.clone();
        if is_waiting(&step.waiting)
            && let Some(decision) = decision(&step.name)
        {
            let step = StepStatus { name: name(), waiting: waiting(), ..StepStatus::default() };
            return Some(Decided { decision: decision.clone(), step });
        }
        let active = step.items.iter().flat_map(|items| &items.active);
        active.filter(|item| is_waiting(&item.waiting)).find_map(|item| {
            let decision = decision(&format!("{}/{}", step.name, item.index))?.clone();
            let active = vec![ActiveItem { index: item.index, waiting: waiting(), ..ActiveItem::default() }];
            let items = Some(ItemsStatus { active, ..ItemsStatus::default() });
            Some(Decided { decision, step: StepStatus { name: name(), items, ..StepStatus::default() } })
        })
    })
}

/// Returns one step without a name in place of all: with the sums of their items, the time at which the last of them finished,
/// and an item for each sub-run that they wait for.
fn summary(run: &WorkflowRun) -> Option<StepStatus> {
    let steps = &run.status.as_ref()?.steps;
    let awaited = |name: &String| {
        let waiting = Waiting { run: Some(name.clone()), ..waiting_for(WaitingFor::Run) };
        ActiveItem { waiting: Some(waiting), ..ActiveItem::default() }
    };
    let items = steps.iter().filter_map(|step| step.items.as_ref());
    let start = ItemsStatus { active: sub_runs(run).map(awaited).collect(), ..ItemsStatus::default() };
    let items = items.fold(start, |sum, items| ItemsStatus {
        total: sum.total.saturating_add(items.total),
        succeeded: sum.succeeded.saturating_add(items.succeeded),
        failed: sum.failed.saturating_add(items.failed),
        ..sum
    });
    let ends = steps.iter().filter_map(|step| step.finished_at.as_ref());
    let finished_at = ends.max_by_key(|end| end.0).cloned();
    let summary = StepStatus { items: Some(items), finished_at, ..StepStatus::default() };
    (!steps.is_empty()).then_some(summary)
}

fn waiting_for(reason: WaitingFor) -> Waiting {
    Waiting { reason, message: None, roles: Vec::new(), run: None, refused: None }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn run(decisions: &Value, steps: &Value) -> WorkflowRun {
        serde_json::from_value(json!({
            "apiVersion": "smbcopilot.dev/v1alpha1", "kind": "WorkflowRun",
            "metadata": {"name": "order-7", "namespace": "bakery", "generation": 5},
            "spec": {"workflowRef": {"name": "intake"}, "decisions": decisions},
            "status": {"phase": "Suspended", "steps": steps},
        }))
        .unwrap()
    }

    fn decision(key: &str) -> Value {
        json!({"key": key, "approved": true})
    }

    /// A run of the largest kind, with 64 steps and 256 items that wait and 256 decisions, is reduced to as much as any other.
    #[test]
    fn a_run_that_waits_for_much_takes_little_memory() {
        let approval = json!({"for": "Approval"});
        let steps: Vec<_> = (0..64)
            .map(|step| {
                let active: Vec<_> =
                    (0..4).map(|index| json!({"index": index, "attempt": 1, "waiting": approval})).collect();
                let items = json!({"total": 100, "succeeded": 2, "failed": 1, "active": active});
                json!({"name": format!("step-{step}"), "phase": "Suspended", "waiting": approval, "items": items})
            })
            .collect();
        let decisions: Vec<_> = (0..256).map(|index| decision(&format!("other/{index}"))).collect();
        let mut run = run(&json!(decisions), &json!(steps));
        reduce(&mut run);
        assert!(!is_decided(&run));
        let bytes = serde_json::to_string(&run).unwrap().len();
        assert!(bytes < 1024 && run.spec.decisions.is_empty(), "{bytes} bytes");
        let [step]: [StepStatus; 1] = run.status.unwrap().steps.try_into().unwrap();
        let items = step.items.unwrap();
        assert_eq!((items.total, items.succeeded, items.failed, items.active.len()), (6400, 128, 64, 0));
    }

    /// The operator decides on what it retains as it would decide on the whole run.
    #[test]
    fn decisions_and_sub_runs_are_found_in_what_is_retained() {
        let refused = |generation: i64| json!({"for": "Approval", "refused": {"generation": generation}});
        let step = |waiting: Value| json!([{"name": "ask", "phase": "Suspended", "waiting": waiting}]);
        let item = |waiting: Value| {
            let items = json!({"total": 3, "active": [{"index": 2, "attempt": 1, "waiting": waiting}]});
            json!([{"name": "ask", "phase": "Suspended", "items": items}])
        };
        let approval = json!({"for": "Approval"});
        let sub_run = json!({"for": "Run", "run": "order-7-c0ffee"});
        for (key, steps, is_decided_before, names) in [
            ("ask", step(approval.clone()), true, 0),
            ("other", step(approval.clone()), false, 0),
            ("ask", step(refused(5)), false, 0),
            ("ask", step(refused(4)), true, 0),
            ("ask/2", item(approval.clone()), true, 0),
            ("ask/1", item(approval), false, 0),
            ("ask", step(sub_run.clone()), false, 1),
            ("ask/2", item(sub_run), false, 1),
            ("ask", json!([]), false, 0),
        ] {
            let whole = run(&json!([decision("first"), decision(key), decision("last")]), &steps);
            let mut reduced = whole.clone();
            reduce(&mut reduced);
            assert_eq!(is_decided(&whole), is_decided_before, "{key} {steps}");
            assert_eq!(is_decided(&reduced), is_decided_before, "{key} {steps}");
            assert_eq!(sub_runs(&whole).collect::<Vec<_>>(), sub_runs(&reduced).collect::<Vec<_>>());
            assert_eq!(sub_runs(&whole).count(), names, "{steps}");
            assert_eq!(reduced.spec.decisions.len(), usize::from(is_decided_before), "{key} {steps}");
        }
    }

    /// The progress of a run remains known: the time at which its last step finished.
    #[test]
    fn the_last_end_of_a_step_is_retained() {
        let ended = |name: &str, at: &str| json!({"name": name, "phase": "Succeeded", "finishedAt": at});
        let steps = [ended("a", "2026-11-29T10:00:02.000000Z"), ended("b", "2026-11-29T10:00:01.000000Z")];
        let mut run = run(&json!([]), &json!(steps));
        reduce(&mut run);
        let finished: Vec<_> = run.status.unwrap().steps.into_iter().map(|step| step.finished_at).collect();
        assert_eq!(json!(finished), json!(["2026-11-29T10:00:02.000000Z"]));
    }
}
