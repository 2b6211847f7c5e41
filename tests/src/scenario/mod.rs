//! Scenarios: a workflow, what happens, and what is seen of it; each a file of `tests/scenarios`, each played in real pods.

pub mod check;
mod control;
mod events;
mod evidence;
mod files;
pub mod format;
mod play;
mod recorder;
mod stage;
mod tenant;
mod versions;
mod world;

pub use files::{Found, find};
pub use play::{Played, play};
pub use tenant::make as make_tenant;
pub use world::World;
