//! Traces: the position of a request or of a step in a trace (W3C Trace Context), and the export of spans with OTLP over HTTP.
//!
//! The spans are those of `tracing`. Only what happens below a span of [`root_span`], or below a reconcile of a controller, is exported, and
//! only if an endpoint is configured. SQL statements become spans by the events that `sqlx` emits for them.

mod context;
mod export;
mod sampling;
mod spans;
mod statement;

pub use context::TraceContext;
pub use export::{Error, Options, is_exporting, shutdown};
pub use spans::root_span;

pub(crate) use export::span_layer;
pub(crate) use spans::is_exported;
