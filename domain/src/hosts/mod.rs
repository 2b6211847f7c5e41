//! Which host containers a workflow needs.
//!
//! One for each distinct (image, resources) of its steps, in the order of their first step: operator and runner count
//! alike, so an index names a host to both. A host's memory limit is one step's times the number of steps that may run
//! in it at once.

mod width;

use std::collections::{BTreeMap, BTreeSet};

use crds::workflow::{Action, Step, StepResources};
use crds::{Quantity, WorkflowSpec};

use crate::workflow::Graph;
use width::Wide;

/// CPU of a step, where it does not say: the same as in the documentation of the resource.
const DEFAULT_CPU: &str = "50m";
/// Memory of a step, where it does not say.
const DEFAULT_MEMORY: &str = "128Mi";

/// The hosts of a workflow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts {
    hosts: Vec<Host>,
    of_step: BTreeMap<String, usize>,
}

/// A host container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// From 0; its container is `host-<index>`.
    pub index: usize,
    /// What runs in it.
    pub kind: HostKind,
    /// Its image.
    pub image: String,
    /// How many steps may run in it at once.
    pub parallelism: u32,
    /// CPU request: one step's times the parallelism.
    pub cpu: Quantity,
    /// Memory request and limit: one step's times the parallelism.
    pub memory: Quantity,
    /// Python modules that its steps want imported before they start.
    pub preload: BTreeSet<String>,
}

/// What runs in a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HostKind {
    /// Python functions, in an image with our step-host and Python.
    Python,
    /// Commands, in an image that our step-host has to be copied into.
    Foreign,
}

impl Hosts {
    /// The hosts, by index.
    #[must_use]
    pub fn all(&self) -> &[Host] {
        &self.hosts
    }

    /// The index of the host that a step runs in; none if the runner itself does it.
    #[must_use]
    pub fn of(&self, step: &str) -> Option<usize> {
        self.of_step.get(step).copied()
    }
}

/// The hosts of a workflow, with `python_image` for Python steps that name none.
#[must_use]
pub fn hosts(spec: &WorkflowSpec, python_image: &str) -> Hosts {
    // Steps of `onExit` begin when all others have ended.
    let graphs = [&spec.steps, &spec.on_exit]
        .map(|steps| Graph::new(steps.iter().map(|step| (step.name.as_str(), step.needs.as_slice()))));
    let mut groups: Vec<(Needs, Vec<&Step>)> = Vec::new();
    for step in spec.steps.iter().chain(&spec.on_exit) {
        let Some(needs) = needs(step, python_image) else { continue };
        match groups.iter_mut().find(|(known, _)| *known == needs) {
            Some((_, steps)) => steps.push(step),
            None => groups.push((needs, vec![step])),
        }
    }
    let of_step = (0..)
        .zip(&groups)
        .flat_map(|(index, (_, steps))| steps.iter().map(move |step| (step.name.clone(), index)))
        .collect();
    let hosts =
        (0..).zip(&groups).map(|(index, (needs, steps))| host(index, needs, steps, spec, &graphs)).collect();
    Hosts { hosts, of_step }
}

/// What makes two steps share a host.
#[derive(PartialEq, Eq)]
struct Needs {
    kind: HostKind,
    image: String,
    resources: StepResources,
}

fn needs(step: &Step, python_image: &str) -> Option<Needs> {
    let (kind, image, resources) = match step.action()? {
        Action::Python(python) => {
            (HostKind::Python, python.image.as_deref().unwrap_or(python_image), python.resources.as_ref())
        }
        Action::Container(container) => {
            (HostKind::Foreign, container.image.as_str(), container.resources.as_ref())
        }
        Action::Http(_)
        | Action::Workflow(_)
        | Action::Approval(_)
        | Action::Wait(_)
        | Action::Search(_)
        | Action::Expr(_) => return None,
    };
    Some(Needs { kind, image: image.to_owned(), resources: resources.cloned().unwrap_or_default() })
}

fn host(index: usize, needs: &Needs, steps: &[&Step], spec: &WorkflowSpec, graphs: &[Graph; 2]) -> Host {
    let [main, exit] = [&spec.steps, &spec.on_exit].map(|all| wide(steps, all));
    let [main_graph, exit_graph] = graphs;
    let parallelism = width::width(&main, main_graph).max(width::width(&exit, exit_graph));
    let StepResources { cpu, memory } = &needs.resources;
    let preload =
        steps.iter().filter_map(|step| step.python.as_ref()).flat_map(|python| python.preload.clone());
    Host {
        index,
        kind: needs.kind,
        image: needs.image.clone(),
        parallelism,
        cpu: times(cpu.as_ref(), DEFAULT_CPU, parallelism),
        memory: times(memory.as_ref(), DEFAULT_MEMORY, parallelism),
        preload: preload.collect(),
    }
}

/// Those of `steps` that are among `all`.
fn wide<'a>(steps: &[&'a Step], all: &[Step]) -> Vec<Wide<'a>> {
    let here = steps.iter().filter(|step| all.iter().any(|other| other.name == step.name));
    here.map(|step| {
        let items = step.for_each.as_ref().map_or(1, |each| each.max_parallel.unwrap_or(1).max(1));
        Wide { step: &step.name, items }
    })
    .collect()
}

/// A quantity times a number, as it was written where the number is 1; the default where it cannot be read.
fn times(quantity: Option<&Quantity>, default: &str, number: u32) -> Quantity {
    let quantity = quantity.cloned().unwrap_or_else(|| Quantity::new(default));
    if number <= 1 {
        return quantity;
    }
    let Ok(milli) = quantity.to_milli() else { return Quantity::new(default) };
    let product = milli.saturating_mul(u128::from(number));
    if product.is_multiple_of(1000) {
        Quantity::new((product / 1000).to_string())
    } else {
        Quantity::new(format!("{product}m"))
    }
}

#[cfg(test)]
mod tests;
