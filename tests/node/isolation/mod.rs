//! Tenants do not reach each other, nor what is behind the API; and nobody writes what is not theirs.

mod fences;
mod network;
mod plain;
mod pods;
mod policies;
