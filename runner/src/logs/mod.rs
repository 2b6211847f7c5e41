//! Output of the steps, written to two places.
//!
//! The runner writes it to standard output with one JSON object per line, so that `kubectl logs` shows it and a log
//! collector can query it, and sends it to the api-server, which stores it beyond the lifetime of the pod. The
//! runner's own log goes to standard error.

mod attempt_log;
mod export;
mod export_queue;
mod record;
mod writer;

pub(crate) use attempt_log::AttemptLog;
pub(crate) use export::LogExporter;
pub(crate) use record::LogOrigin;
pub(crate) use writer::Logs;
