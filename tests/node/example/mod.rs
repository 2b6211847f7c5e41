//! The examples as `up` installs them, and the commands that README and guide show.

mod api;
mod columns;
mod docs;
mod documents;
mod kubectl;
mod login;
mod workflows;
