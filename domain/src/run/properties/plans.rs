//! Random workflows and events.

use std::collections::BTreeSet;

use proptest::prelude::*;

/// Step of a random workflow, with the outcomes of its attempts.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    needs: Vec<usize>,
    kind: u8,
    continues: bool,
    retries: bool,
    /// Number of items, `maxParallel`, and `continueOnError` of the items.
    each: Option<(usize, usize, bool)>,
    /// Codes of the outcomes by attempt: see [`super::World::outcome`].
    pub(super) outcomes: Vec<u8>,
}

/// Returns a strategy for the steps and the `onExit` steps of a random workflow.
pub(super) fn plans() -> impl Strategy<Value = (Vec<Plan>, Vec<Plan>)> {
    (steps(1..8), steps(0..3))
}

fn steps(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Plan>> {
    let plan = (
        proptest::collection::vec(0_usize..8, 0..3),
        0_u8..10,
        any::<bool>(),
        any::<bool>(),
        proptest::option::weighted(0.3, (0_usize..6, 1_usize..4, any::<bool>())),
        proptest::collection::vec(0_u8..8, 4),
    );
    proptest::collection::vec(plan, count).prop_map(|plans| {
        plans
            .into_iter()
            .enumerate()
            .map(|(index, (needs, kind, continues, retries, each, outcomes))| {
                // A step needs only earlier steps, so that there are no cycles, and each of them once.
                let needs: BTreeSet<usize> = needs.into_iter().filter(|need| *need < index).collect();
                Plan { needs: needs.into_iter().collect(), kind, continues, retries, each, outcomes }
            })
            .collect()
    })
}

/// Returns the workflow spec of the steps and the `onExit` steps.
pub(super) fn yaml((steps, exit): &(Vec<Plan>, Vec<Plan>)) -> String {
    let mut text = format!("timeout: 2h\nsteps:\n{}", steps_yaml("s", steps));
    if !exit.is_empty() {
        text.push_str(&format!("onExit:\n{}", steps_yaml("e", exit)));
    }
    text
}

/// Returns the steps as YAML. Their names consist of the letter and their index.
fn steps_yaml(letter: &str, plans: &[Plan]) -> String {
    let steps = plans.iter().enumerate().map(|(index, plan)| {
        let needs: Vec<String> = plan.needs.iter().map(|need| format!("{letter}{need}")).collect();
        let action = match plan.kind {
            0 => "expr: {value: '${{ input.n }}'}",
            1 => "when: 'input.n > 9', python: {code: x}",
            2 => "expr: {value: '${{ input.missing }}'}",
            3 => "expr: {value: '${{ input.big }}'}",
            4 => "approval: {message: m, timeout: 1h}",
            5 => "wait: {for: 10s}",
            6 => "wait: {for: 1h}",
            7 => "workflow: {name: other}",
            _ => "python: {code: x}",
        };
        let kinds = if plan.retries { "[Infra, User, Timeout]" } else { "[User]" };
        let each = plan.each.map_or(String::new(), |(items, parallel, continues)| {
            let list = vec!["1"; items].join(", ");
            format!("forEach: {{items: [{list}], maxParallel: {parallel}, continueOnError: {continues}}}, ")
        });
        format!(
            "- {{name: {letter}{index}, needs: [{}], continueOnError: {}, retry: {{kinds: {kinds}}}, {each}{action}}}\n",
            needs.join(", "),
            plan.continues
        )
    });
    steps.collect()
}

/// Event between two advances.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// The n-th of the running attempts ends.
    Ends(usize),
    /// The runner is lost, before or after the last status was written, and another runner takes the run.
    Crash {
        written: bool,
        out_of_memory: bool,
    },
    /// Only this number of seconds passes.
    Wait(u32),
    Cancel {
        graceful: bool,
    },
    /// The n-th of the pending approvals is decided on.
    Decide {
        index: usize,
        approved: bool,
    },
    /// The n-th of the awaited sub-runs ends, and succeeds if `succeeded`.
    SubRunEnds {
        index: usize,
        succeeded: bool,
    },
}

/// Returns a strategy for sequences of events.
pub(super) fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        12 => (0_usize..4).prop_map(Event::Ends),
        2 => (any::<bool>(), any::<bool>())
            .prop_map(|(written, out_of_memory)| Event::Crash { written, out_of_memory }),
        3 => prop_oneof![Just(2), Just(40), Just(4000)].prop_map(Event::Wait),
        1 => any::<bool>().prop_map(|graceful| Event::Cancel { graceful }),
        2 => (0_usize..3, any::<bool>()).prop_map(|(index, approved)| Event::Decide { index, approved }),
        2 => (0_usize..3, any::<bool>()).prop_map(|(index, succeeded)| Event::SubRunEnds { index, succeeded }),
    ];
    proptest::collection::vec(event, 0..50)
}
