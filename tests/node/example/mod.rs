//! `examples/` as `up` installs them: what the README shows of them.

mod api;
mod columns;
mod kubectl;
