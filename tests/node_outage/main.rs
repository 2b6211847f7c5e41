//! Outages of single components of the installed product.
//!
//! These tests disturb everything that runs beside them, so they have a test program of their own and run one
//! at a time.

mod api_server;
mod api_snapshot;
mod database;
mod fence;
mod network_probe;
mod operator;
mod product;
