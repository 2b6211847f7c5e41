//! Structured logs, as JSON lines for programs or as text, and the export of spans.

use std::io;

use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter,
    filter::filter_fn,
    fmt,
    layer::{Layer, SubscriberExt as _},
    registry::LookupSpan,
    util::SubscriberInitExt as _,
};

use crate::trace;

/// Format of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One JSON object per line, with every field as a key.
    #[default]
    Json,
    /// Human-readable text.
    Text,
}

/// Command line options for logging, flattened into the options of each binary.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Format of log lines.
    #[arg(long = "log-format", env = "SMBCOPILOT_LOG_FORMAT", value_enum, default_value = "json")]
    pub format: Format,
    /// Filter for log lines, as `tracing` directives such as `info,operator=debug`.
    #[arg(long = "log-filter", env = "RUST_LOG", default_value = "info")]
    pub filter: String,
    /// Options for the export of spans.
    #[command(flatten)]
    pub traces: trace::Options,
}

/// Failure to set up logging.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The filter directives are not valid.
    #[error("failed to parse the log filter {filter:?}")]
    Filter {
        /// The directives.
        filter: String,
        /// Error of the parser.
        source: tracing_subscriber::filter::ParseError,
    },
    /// Spans cannot be exported.
    #[error("failed to set up the export of spans")]
    Traces(#[from] trace::Error),
    /// A subscriber is already installed.
    #[error("failed to install the log subscriber")]
    Install(#[from] tracing_subscriber::util::TryInitError),
}

/// Installs the process-wide subscriber. It writes to standard error: standard output is reserved for the
/// output of a program and, in the runner, for the logs of steps. If an endpoint is configured, it exports spans as those of
/// `service`; it must be called within a Tokio runtime then.
///
/// # Errors
/// Returns an error if the filter or the endpoint is not valid, or if a subscriber is already installed.
pub fn init(options: &Options, service: &'static str) -> Result<(), Error> {
    let registry = tracing_subscriber::registry();
    match trace::span_layer(&options.traces, service)? {
        // One filter for everything costs less than one for each layer.
        None => registry.with(filter(options)?).with(event_layer(options.format)).try_init(),
        Some(spans) => registry
            .with(event_layer(options.format).with_filter(filter(options)?))
            .with(spans.with_filter(filter_fn(trace::is_exported)))
            .try_init(),
    }?;
    Ok(())
}

/// Returns a subscriber that exports spans and writes no lines, for tests.
///
/// # Errors
/// Returns the errors of [`init`].
pub fn only_spans(
    traces: &trace::Options,
    service: &'static str,
) -> Result<impl Subscriber + Send + Sync + use<>, Error> {
    let spans = trace::span_layer(traces, service)?.with_filter(filter_fn(trace::is_exported));
    Ok(tracing_subscriber::registry().with(spans))
}

fn filter(options: &Options) -> Result<EnvFilter, Error> {
    let filter = EnvFilter::try_new(&options.filter);
    filter.map_err(|source| Error::Filter { filter: options.filter.clone(), source })
}

fn event_layer<S>(format: Format) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    match format {
        Format::Json => fmt::layer().json().flatten_event(true).with_writer(io::stderr).boxed(),
        Format::Text => fmt::layer().with_writer(io::stderr).boxed(),
    }
}
