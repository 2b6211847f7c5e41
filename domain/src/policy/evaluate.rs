//! Evaluation of policies.

use super::{
    grants::Grants,
    request::{Request, Resource, ResourceKind},
    spec::{Effect, Selector},
    truth::Truth,
    validate::{Condition, Policy},
};
use crate::permission::{Permission, Permissions};

/// Whether a permission is granted if the resource is not known yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Certainty {
    /// It is granted for every resource.
    Always,
    /// It is granted for some resources, which have to be checked one by one.
    Depends,
    /// It is granted for no resource.
    Never,
}

/// Rights of a principal in the circumstances of one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RightsNow {
    /// Permissions for all resources.
    pub always: Permissions,
    /// Permissions for some resources at least: those that are always granted, and those that depend on the resource.
    pub possible: Permissions,
}

impl RightsNow {
    /// Returns whether a permission is granted.
    #[must_use]
    pub fn certainty(self, permission: Permission) -> Certainty {
        match (self.always.allows(permission), self.possible.allows(permission)) {
            (true, _) => Certainty::Always,
            (false, true) => Certainty::Depends,
            (false, false) => Certainty::Never,
        }
    }
}

impl Grants {
    /// Returns the rights in the circumstances of a request, before its resource is known.
    #[must_use]
    pub fn rights(&self, request: &Request) -> RightsNow {
        let mut surely_allowed = self.allowed();
        let mut possibly_allowed = self.allowed();
        let mut surely_denied = self.denied();
        let mut possibly_denied = self.denied();
        for policy in self.conditional().map(|sourced| &sourced.policy) {
            for kind in ResourceKind::ALL {
                let concerned = policy.permissions.intersection(permissions_of_kind(kind));
                if concerned == Permissions::NONE {
                    continue;
                }
                let (surely, possibly) = bounds(policy, request, kind);
                let (sure, possible) = match policy.effect {
                    Effect::Allow => (&mut surely_allowed, &mut possibly_allowed),
                    Effect::Deny => (&mut surely_denied, &mut possibly_denied),
                };
                if surely {
                    *sure = sure.union(concerned);
                }
                if possibly {
                    *possible = possible.union(concerned);
                }
            }
        }
        RightsNow {
            always: surely_allowed.without(possibly_denied),
            possible: possibly_allowed.without(surely_denied),
        }
    }

    /// Returns whether a permission is granted for a resource.
    #[must_use]
    pub fn allows(&self, permission: Permission, request: &Request, resource: Resource<'_>) -> bool {
        let concerned = |effect| {
            let policies = self.conditional().map(|sourced| &sourced.policy);
            policies.filter(move |policy| policy.effect == effect && policy.permissions.allows(permission))
        };
        !self.denied().allows(permission)
            && !concerned(Effect::Deny).any(|policy| policy.applies(request, resource))
            && (self.allowed().allows(permission)
                || concerned(Effect::Allow).any(|policy| policy.applies(request, resource)))
    }
}

impl Policy {
    /// Returns whether the policy applies to a resource in a request: its condition is true, or it denies and its condition cannot be
    /// decided.
    #[must_use]
    pub fn applies(&self, request: &Request, resource: Resource<'_>) -> bool {
        takes_effect(self.effect, self.truth(request, resource))
    }

    /// Returns whether the resource is selected and all conditions are true.
    #[must_use]
    pub fn truth(&self, request: &Request, resource: Resource<'_>) -> Truth {
        let selected = match self.resources.is_empty() {
            true => Truth::True,
            false => Truth::any(self.resources.iter().map(|selector| selects(selector, resource))),
        };
        let conditions = self.conditions.iter().map(|condition| holds(condition, request, resource));
        Truth::all(std::iter::once(selected).chain(conditions))
    }
}

/// Returns whether a policy applies whose condition has this truth.
#[must_use]
pub(super) fn takes_effect(effect: Effect, truth: Truth) -> bool {
    match effect {
        Effect::Allow => truth == Truth::True,
        Effect::Deny => truth != Truth::False,
    }
}

/// Returns whether a policy applies to every resource of a kind, and whether it may apply to one.
fn bounds(policy: &Policy, request: &Request, kind: ResourceKind) -> (bool, bool) {
    // What depends on the resource may be false, unknown or true.
    let selectors = policy.resources.iter().map(|selector| is_kind(selector_kind(selector), kind));
    let (mut lower, mut upper) = match policy.resources.is_empty() {
        true => (Truth::True, Truth::True),
        false => (Truth::False, Truth::any(selectors)),
    };
    for condition in &policy.conditions {
        let (low, high) = match (of_request(condition, request), condition_kind(condition)) {
            (Some(truth), _) => (truth, truth),
            (None, Some(of)) => (Truth::False, is_kind(of, kind)),
            // No resource has no owner that is known.
            (None, None) if kind == ResourceKind::None => (Truth::Unknown, Truth::Unknown),
            (None, None) => (Truth::False, Truth::True),
        };
        lower = Truth::all([lower, low]);
        upper = Truth::all([upper, high]);
    }
    // If the truth can be true for one resource and false for another, it can also be unknown in between.
    let applies = |truth| takes_effect(policy.effect, truth);
    (applies(lower), applies(upper))
}

fn is_kind(of: ResourceKind, kind: ResourceKind) -> Truth {
    if of == kind { Truth::True } else { Truth::False }
}

fn permissions_of_kind(kind: ResourceKind) -> Permissions {
    static BY_KIND: std::sync::LazyLock<[Permissions; 3]> = std::sync::LazyLock::new(|| {
        ResourceKind::ALL
            .map(|kind| Permissions::matching(|permission| ResourceKind::for_permission(permission) == kind))
    });
    let index = ResourceKind::ALL.iter().position(|known| *known == kind);
    index.and_then(|index| BY_KIND.get(index)).copied().unwrap_or_default()
}

fn selector_kind(selector: &Selector) -> ResourceKind {
    match selector {
        Selector::WorkflowName { .. } | Selector::WorkflowLabel { .. } => ResourceKind::Workflow,
        Selector::DocumentTag { .. } => ResourceKind::Document,
    }
}

/// Returns the kind of the resources for which a condition can be true; `None` if it can be for all.
fn condition_kind(condition: &Condition) -> Option<ResourceKind> {
    match condition {
        Condition::LabelIn { .. } => Some(ResourceKind::Workflow),
        Condition::TagIn { .. } => Some(ResourceKind::Document),
        Condition::OwnerIsPrincipal
        | Condition::IpIn { .. }
        | Condition::TimeBetween { .. }
        | Condition::Mfa => None,
    }
}

fn selects(selector: &Selector, resource: Resource<'_>) -> Truth {
    match (selector, resource) {
        (Selector::WorkflowName { name }, Resource::Workflow(workflow)) => {
            Truth::from_known(Some(workflow.name == *name))
        }
        (Selector::WorkflowLabel { key, value }, Resource::Workflow(workflow)) => {
            let labels = workflow.labels.as_ref();
            Truth::from_known(labels.map(|labels| labels.get(key) == Some(value)))
        }
        (Selector::DocumentTag { tag }, Resource::Document(document)) => {
            Truth::from_known(document.tags.as_ref().map(|tags| tags.contains(tag)))
        }
        (Selector::WorkflowName { .. } | Selector::WorkflowLabel { .. }, Resource::Document(_))
        | (Selector::DocumentTag { .. }, Resource::Workflow(_))
        | (_, Resource::None) => Truth::False,
    }
}

fn holds(condition: &Condition, request: &Request, resource: Resource<'_>) -> Truth {
    if let Some(truth) = of_request(condition, request) {
        return truth;
    }
    match (condition, resource) {
        (Condition::LabelIn { key, values }, Resource::Workflow(workflow)) => {
            let has_one = |labels: &std::collections::BTreeMap<String, String>| {
                labels.get(key).is_some_and(|value| values.contains(value))
            };
            Truth::from_known(workflow.labels.as_ref().map(has_one))
        }
        (Condition::TagIn { values }, Resource::Document(document)) => {
            let tags = document.tags.as_ref();
            Truth::from_known(tags.map(|tags| values.iter().any(|value| tags.contains(value))))
        }
        (Condition::OwnerIsPrincipal, Resource::Workflow(workflow)) => {
            is_owner(request, workflow.owner.as_ref())
        }
        (Condition::OwnerIsPrincipal, Resource::Document(document)) => {
            is_owner(request, document.owner.as_ref())
        }
        (Condition::OwnerIsPrincipal, Resource::None) => Truth::Unknown,
        _ => Truth::False,
    }
}

fn is_owner(request: &Request, owner: Option<&String>) -> Truth {
    Truth::from_known(request.principal.as_ref().zip(owner).map(|(principal, owner)| principal == owner))
}

/// Returns the truth of a condition that depends on the request alone; `None` if it depends on the resource.
#[must_use]
fn of_request(condition: &Condition, request: &Request) -> Option<Truth> {
    match condition {
        Condition::IpIn { ranges } => {
            // An IPv4 address that a socket for both families has received is compared as such.
            let address = request.address.map(|address| address.to_canonical());
            Some(Truth::from_known(
                address.map(|address| ranges.iter().any(|range| range.contains(&address))),
            ))
        }
        Condition::TimeBetween { from, to, zone } => {
            let is_between = |time: jiff::Timestamp| {
                let time = time.to_zoned(zone.clone()).time();
                match from < to {
                    true => *from <= time && time < *to,
                    false => *from <= time || time < *to,
                }
            };
            Some(Truth::from_known(request.time.map(is_between)))
        }
        Condition::Mfa => Some(Truth::from_known(request.mfa)),
        Condition::OwnerIsPrincipal | Condition::LabelIn { .. } | Condition::TagIn { .. } => None,
    }
}

impl Condition {
    /// Returns the truth of a condition that depends on the request alone; `None` if it depends on the resource.
    #[must_use]
    pub fn of_request(&self, request: &Request) -> Option<Truth> {
        of_request(self, request)
    }
}
