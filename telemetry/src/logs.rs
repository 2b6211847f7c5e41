//! Structured logs: JSON lines for machines, text for people.

use std::io;

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One JSON object a line, with every field as a key.
    #[default]
    Json,
    /// A line a person reads.
    Text,
}

/// Command line options of logging, flattened into each binary's own.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// How log lines look.
    #[arg(long = "log-format", env = "SMBCOPILOT_LOG_FORMAT", value_enum, default_value = "json")]
    pub format: Format,
    /// Which lines are logged, as `tracing` filter directives.
    #[arg(long = "log-filter", env = "RUST_LOG", default_value = "info")]
    pub filter: String,
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The filter directives do not parse.
    #[error("failed to parse the log filter {filter:?}")]
    Filter {
        /// The directives as given.
        filter: String,
        /// What is wrong with them.
        source: tracing_subscriber::filter::ParseError,
    },
    /// A subscriber is installed already.
    #[error("failed to install the log subscriber")]
    Install(#[from] tracing_subscriber::util::TryInitError),
}

/// Installs the process-wide subscriber, writing to standard error: standard output belongs to
/// what a program says to its user (or, in the runner, to the logs of steps).
///
/// # Errors
/// The filter does not parse, or a subscriber is installed already.
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
