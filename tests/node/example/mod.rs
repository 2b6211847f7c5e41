//! `examples/` as `up` installs them, and what README and guide show of them.

mod api;
mod columns;
mod guide;
mod kubectl;
mod workflows;
