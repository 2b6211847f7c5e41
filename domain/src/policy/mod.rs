//! Policies: rules of a tenant about who may do what, on which resources and under which conditions.
//!
//! A policy allows or denies actions, which are nodes of the permission tree. A denial takes precedence over every
//! allowance, and what nothing allows is denied. A condition that cannot be decided, because a value that it needs is
//! not known, never grants anything: an allowance with it does not apply, and a denial with it does.
//!
//! [`PolicySpec`] is what a tenant writes, [`Policy`] its checked form, and [`Grants`] the policies of all roles of a
//! principal. Policies without conditions and resources are one bitset; the others are evaluated only for the
//! permissions that they name.

mod evaluate;
mod explain;
mod grants;
mod limits;
mod request;
mod spec;
mod truth;
mod validate;

pub use evaluate::{Certainty, RightsNow};
pub use explain::{Explanation, Reason};
pub use grants::{Grants, Source, SourcedPolicy};
pub use limits::{
    MAX_ACTIONS, MAX_CONDITIONS, MAX_DESCRIPTION_CHARS, MAX_NAME_CHARS, MAX_POLICIES, MAX_POLICIES_OF_ROLE,
    MAX_RESOURCES, MAX_ROLES, MAX_ROLES_OF_PRINCIPAL, MAX_VALUE_BYTES, MAX_VALUES,
};
pub use request::{Document, Request, Resource, ResourceKind, Workflow};
pub use spec::{ConditionSpec, Effect, PolicySpec, Selector};
pub use truth::Truth;
pub use validate::{Condition, Policy, Problem, check_description, check_name, permissions_of_action};

#[cfg(test)]
mod tests;
