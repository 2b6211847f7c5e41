//! Explanations of decisions.

use super::{
    evaluate::takes_effect,
    grants::{Grants, SourcedPolicy},
    request::{Request, Resource},
    spec::Effect,
    truth::Truth,
};
use crate::permission::Permission;

/// Explanation of a decision.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation<'a> {
    /// Whether the permission is granted.
    pub allowed: bool,
    /// Reason.
    pub reason: Reason,
    /// Policies that decided: the denials that apply, or else the allowances that apply.
    pub decided_by: Vec<&'a SourcedPolicy>,
    /// Allowances of the permission that do not apply, with the truth of their conditions, if nothing decided.
    pub not_applicable: Vec<(&'a SourcedPolicy, Truth)>,
}

/// Reason of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// A policy allows it, and none denies it.
    Allowed,
    /// A policy denies it.
    Denied,
    /// A policy denies it whose condition cannot be decided.
    DeniedUndecided,
    /// Policies allow it, but none of them for this request and resource.
    ConditionsNotMet,
    /// No role of the principal has the permission.
    NotGranted,
}

impl Grants {
    /// Explains the decision about a permission for a resource. The decision is that of [`Grants::allows`].
    #[must_use]
    pub fn explain(
        &self,
        permission: Permission,
        request: &Request,
        resource: Resource<'_>,
    ) -> Explanation<'_> {
        let concerned = |effect| {
            let policies = self.policies().iter().filter(move |sourced| {
                sourced.policy.effect == effect && sourced.policy.permissions.allows(permission)
            });
            policies.map(|sourced| (sourced, sourced.policy.truth(request, resource))).collect::<Vec<_>>()
        };
        let denials: Vec<_> = concerned(Effect::Deny)
            .into_iter()
            .filter(|(_, truth)| takes_effect(Effect::Deny, *truth))
            .collect();
        if !denials.is_empty() {
            let is_decided = denials.iter().any(|(_, truth)| *truth == Truth::True);
            let reason = if is_decided { Reason::Denied } else { Reason::DeniedUndecided };
            let decided_by = denials.into_iter().map(|(sourced, _)| sourced).collect();
            return Explanation { allowed: false, reason, decided_by, not_applicable: Vec::new() };
        }
        let (applicable, not_applicable): (Vec<_>, Vec<_>) =
            concerned(Effect::Allow).into_iter().partition(|(_, truth)| takes_effect(Effect::Allow, *truth));
        if !applicable.is_empty() {
            let decided_by = applicable.into_iter().map(|(sourced, _)| sourced).collect();
            let reason = Reason::Allowed;
            return Explanation { allowed: true, reason, decided_by, not_applicable: Vec::new() };
        }
        let reason = if not_applicable.is_empty() { Reason::NotGranted } else { Reason::ConditionsNotMet };
        Explanation { allowed: false, reason, decided_by: Vec::new(), not_applicable }
    }
}
