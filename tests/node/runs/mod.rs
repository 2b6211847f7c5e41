//! Runs in real pods: every way in which one can end, and pods that are lost on the way.

mod crashes;
mod ends;
mod example;
mod record;
mod refused;
mod service;
mod world;
