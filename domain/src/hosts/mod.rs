//! The host containers that a workflow needs.
//!
//! A workflow has one host for each distinct pair of image and resources among its steps, in the order of their first
//! step. Operator and runner compute the list in the same way, so an index names the same host to both. The memory
//! limit of a host is that of one step, multiplied by the number of steps that may run in it at the same time.

mod concurrency;

use std::collections::{BTreeMap, BTreeSet};

use crds::workflow::{Action, Step, StepResources};
use crds::{Quantity, WorkflowSpec};

use crate::workflow::Graph;
use concurrency::{StepConcurrency, max_concurrency};

/// CPU of a step that does not set `resources.cpu`; equals the default in the documentation of the custom resource.
const DEFAULT_CPU: &str = "50m";
/// Memory of a step that does not set `resources.memory`.
const DEFAULT_MEMORY: &str = "128Mi";

/// The hosts of a workflow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts {
    hosts: Vec<Host>,
    index_by_step: BTreeMap<String, usize>,
}

/// A host container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Index of the host, starting at 0; its container is named `host-<index>`.
    pub index: usize,
    /// Kind of the steps that run in the host.
    pub kind: HostKind,
    /// Container image.
    pub image: String,
    /// Maximum number of steps and items that run in the host at the same time.
    pub parallelism: u32,
    /// CPU request: that of one step, multiplied by `parallelism`.
    pub cpu: Quantity,
    /// Memory request and limit: that of one step, multiplied by `parallelism`.
    pub memory: Quantity,
    /// Python modules that the steps of the host import before they start (`python.preload`).
    pub preload: BTreeSet<String>,
}

/// Kind of the steps that run in a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HostKind {
    /// Python functions, in an image that contains the step host and Python.
    Python,
    /// Commands, in an image that does not contain the step host: an init container copies it in.
    Foreign,
}

impl Hosts {
    /// Computes the hosts of a workflow. Python steps that name no image run in `python_image`.
    #[must_use]
    pub fn for_workflow(spec: &WorkflowSpec, python_image: &str) -> Self {
        // `onExit` steps begin when all others have ended, so the two graphs are counted apart.
        let graphs = [&spec.steps, &spec.on_exit]
            .map(|steps| Graph::new(steps.iter().map(|step| (step.name.as_str(), step.needs.as_slice()))));
        let mut groups: Vec<(HostKey, Vec<&Step>)> = Vec::new();
        for step in spec.steps.iter().chain(&spec.on_exit) {
            let Some(key) = host_key(step, python_image) else { continue };
            match groups.iter_mut().find(|(known, _)| *known == key) {
                Some((_, steps)) => steps.push(step),
                None => groups.push((key, vec![step])),
            }
        }
        let index_by_step = (0..)
            .zip(&groups)
            .flat_map(|(index, (_, steps))| steps.iter().map(move |step| (step.name.clone(), index)))
            .collect();
        let hosts = (0..)
            .zip(&groups)
            .map(|(index, (key, steps))| build_host(index, key, steps, spec, &graphs))
            .collect();
        Self { hosts, index_by_step }
    }

    /// Returns all hosts, ordered by index.
    #[must_use]
    pub fn all(&self) -> &[Host] {
        &self.hosts
    }

    /// Returns the index of the host that a step runs in, or `None` if the runner itself executes the step.
    #[must_use]
    pub fn host_of_step(&self, step: &str) -> Option<usize> {
        self.index_by_step.get(step).copied()
    }
}

/// Requirements of a step on its host. Steps with equal keys share a host.
#[derive(PartialEq, Eq)]
struct HostKey {
    kind: HostKind,
    image: String,
    resources: StepResources,
}

/// Returns the requirements of a step on its host, or `None` if the runner itself executes the step.
fn host_key(step: &Step, python_image: &str) -> Option<HostKey> {
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
    Some(HostKey { kind, image: image.to_owned(), resources: resources.cloned().unwrap_or_default() })
}

fn build_host(
    index: usize,
    key: &HostKey,
    steps: &[&Step],
    spec: &WorkflowSpec,
    graphs: &[Graph; 2],
) -> Host {
    let [main, exit] = [&spec.steps, &spec.on_exit].map(|group| steps_in_group(steps, group));
    let [main_graph, exit_graph] = graphs;
    let parallelism = max_concurrency(&main, main_graph).max(max_concurrency(&exit, exit_graph));
    let StepResources { cpu, memory } = &key.resources;
    let preload =
        steps.iter().filter_map(|step| step.python.as_ref()).flat_map(|python| python.preload.clone());
    Host {
        index,
        kind: key.kind,
        image: key.image.clone(),
        parallelism,
        cpu: multiply(cpu.as_ref(), DEFAULT_CPU, parallelism),
        memory: multiply(memory.as_ref(), DEFAULT_MEMORY, parallelism),
        preload: preload.collect(),
    }
}

/// Returns those of `steps` that belong to `group`, each with its item concurrency.
fn steps_in_group<'a>(steps: &[&'a Step], group: &[Step]) -> Vec<StepConcurrency<'a>> {
    let members = steps.iter().filter(|step| group.iter().any(|other| other.name == step.name));
    members
        .map(|step| {
            let items = step.for_each.as_ref().map_or(1, |each| each.max_parallel.unwrap_or(1).max(1));
            StepConcurrency { step: &step.name, items }
        })
        .collect()
}

/// Multiplies a quantity by a number. Returns the quantity in its original notation if the number is 1, and the default
/// if the quantity cannot be parsed.
fn multiply(quantity: Option<&Quantity>, default: &str, number: u32) -> Quantity {
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
