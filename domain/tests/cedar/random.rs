//! Random policies, requests and resources.

use std::collections::{BTreeMap, BTreeSet};

use domain::policy::{ConditionSpec, Document, Effect, PolicySpec, Request, Resource, Selector, Workflow};
use rand::{RngExt as _, rngs::StdRng};

/// Few values, so that they are often equal; some of them have to be escaped.
const NAMES: [&str; 6] = ["a", "b", "ä", "a\"b", "a\\b", "*"];
const ACTIONS: [&str; 14] = [
    "*",
    "workflow",
    "workflow.*",
    "workflow.run",
    "workflow.run.*",
    "workflow.read",
    "workflow.run.create",
    "document",
    "document.content",
    "chunk.read",
    "usage",
    "user.role",
    "user.role.assign",
    "audit.read",
];
const RANGES: [&str; 7] =
    ["192.0.2.0/24", "192.0.2.7", "198.51.100.0/25", "0.0.0.0/0", "2001:db8::/32", "2001:db8::1", "::/0"];
const ADDRESSES: [&str; 6] =
    ["192.0.2.7", "192.0.2.8", "198.51.100.200", "::ffff:192.0.2.7", "2001:db8::1", "2001:db9::1"];
const CLOCKS: [&str; 5] = ["00:00", "08:00", "12:30", "17:00", "23:59"];
const TIMES: [&str; 6] = [
    "2026-11-30T00:00:00Z",
    "2026-11-30T07:59:59Z",
    "2026-11-30T08:00:00Z",
    "2026-11-30T12:30:00Z",
    "2026-02-28T16:59:59Z",
    "2026-11-30T23:59:30Z",
];

/// Resource that owns its attributes.
pub(crate) enum OwnedResource {
    None,
    Workflow(Workflow),
    Document(Document),
}

impl OwnedResource {
    pub(crate) fn get(&self) -> Resource<'_> {
        match self {
            Self::None => Resource::None,
            Self::Workflow(workflow) => Resource::Workflow(workflow),
            Self::Document(document) => Resource::Document(document),
        }
    }
}

fn one<T: Copy>(random: &mut StdRng, of: &[T]) -> T {
    of[random.random_range(0..of.len())]
}

fn name(random: &mut StdRng) -> String {
    one(random, &NAMES).to_owned()
}

fn some<T>(random: &mut StdRng, count: std::ops::Range<usize>, of: impl Fn(&mut StdRng) -> T) -> Vec<T> {
    let count = random.random_range(count);
    (0..count).map(|_| of(random)).collect()
}

/// Returns a value that is unknown one time in four.
fn known<T>(random: &mut StdRng, of: impl Fn(&mut StdRng) -> T) -> Option<T> {
    random.random_ratio(3, 4).then(|| of(random))
}

/// Returns up to five policies, more of which allow than deny.
pub(crate) fn policies(random: &mut StdRng) -> Vec<PolicySpec> {
    some(random, 1..6, |random| PolicySpec {
        effect: if random.random_ratio(2, 3) { Effect::Allow } else { Effect::Deny },
        actions: some(random, 1..4, |random| one(random, &ACTIONS).to_owned()),
        resources: some(random, 0..3, selector),
        conditions: some(random, 0..3, condition),
    })
}

fn selector(random: &mut StdRng) -> Selector {
    match random.random_range(0..3) {
        0 => Selector::WorkflowName { name: name(random) },
        1 => Selector::WorkflowLabel { key: name(random), value: name(random) },
        _ => Selector::DocumentTag { tag: name(random) },
    }
}

fn condition(random: &mut StdRng) -> ConditionSpec {
    match random.random_range(0..6) {
        0 => ConditionSpec::OwnerIsPrincipal {},
        1 => ConditionSpec::LabelIn { key: name(random), values: some(random, 1..4, name) },
        2 => ConditionSpec::TagIn { values: some(random, 1..4, name) },
        3 => ConditionSpec::IpIn { ranges: some(random, 1..3, |random| one(random, &RANGES).to_owned()) },
        4 => ConditionSpec::TimeBetween {
            from: one(random, &CLOCKS).to_owned(),
            to: one(random, &CLOCKS).to_owned(),
            // Cedar knows no time zones.
            time_zone: None,
        },
        _ => ConditionSpec::Mfa {},
    }
}

pub(crate) fn request(random: &mut StdRng) -> Request {
    Request {
        principal: known(random, name),
        address: known(random, |random| one(random, &ADDRESSES).parse().unwrap()),
        time: known(random, |random| one(random, &TIMES).parse().unwrap()),
        mfa: known(random, |random| random.random()),
    }
}

pub(crate) fn resource(random: &mut StdRng) -> OwnedResource {
    let labels = |random: &mut StdRng| -> BTreeMap<String, String> {
        some(random, 0..4, |random| (name(random), name(random))).into_iter().collect()
    };
    let tags = |random: &mut StdRng| -> BTreeSet<String> { some(random, 0..4, name).into_iter().collect() };
    match random.random_range(0..5) {
        0 => OwnedResource::None,
        1 | 2 => OwnedResource::Document(Document { tags: known(random, tags), owner: known(random, name) }),
        _ => OwnedResource::Workflow(Workflow {
            name: name(random),
            labels: known(random, labels),
            owner: known(random, name),
        }),
    }
}
