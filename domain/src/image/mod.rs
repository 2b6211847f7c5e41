//! References of container images, and which of them a plan allows.
//!
//! The node pulls images, from its own network. A reference that names any other host than a registry would let a tenant probe
//! the network of the nodes: the state of the pod tells whether a port refuses, answers or does not exist.

mod policy;
mod reference;

pub use policy::{DEFAULT_REGISTRIES, ImagePolicy, ImageProblem};
pub use reference::{ImageReference, InvalidImage};

#[cfg(test)]
mod tests;
