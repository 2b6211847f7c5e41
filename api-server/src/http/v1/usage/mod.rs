//! What a tenant uses of the limits of its plan.

pub(super) mod get;
