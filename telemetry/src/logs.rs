//! Structured logs: JSON lines for programs, or text.

use std::io;

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

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
    /// A subscriber is already installed.
    #[error("failed to install the log subscriber")]
    Install(#[from] tracing_subscriber::util::TryInitError),
}

/// Installs the process-wide subscriber. It writes to standard error: standard output is reserved for the
/// output of a program and, in the runner, for the logs of steps.
///
/// # Errors
/// Returns an error if the filter is not valid or a subscriber is already installed.
pub fn init(options: &Options) -> Result<(), Error> {
    let filter = EnvFilter::try_new(&options.filter)
        .map_err(|source| Error::Filter { filter: options.filter.clone(), source })?;
    let registry = tracing_subscriber::registry().with(filter);
    match options.format {
        Format::Json => {
            registry.with(fmt::layer().json().flatten_event(true).with_writer(io::stderr)).try_init()
        }
        Format::Text => registry.with(fmt::layer().with_writer(io::stderr)).try_init(),
    }?;
    Ok(())
}
