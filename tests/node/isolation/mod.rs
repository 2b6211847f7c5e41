//! Isolation of tenants: network policies and admission policies of the installed product.

mod enforcement;
mod fences;
mod matrix;
mod network;
mod pods;
mod policies;
mod step_attacks;
mod unmanaged_namespace;
