//! Export of spans with OTLP over HTTP.

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use async_trait::async_trait;
use opentelemetry::KeyValue;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{BatchConfigBuilder, BatchSpanProcessor, SpanData, SpanProcessor},
};
use tokio::runtime::Handle;

use super::{sampling, spans::SpanLayer};

/// Maximum number of spans that wait; further ones are dropped. A span has at most some KiB.
const MAX_WAITING: usize = 2048;
/// Number of spans of a batch, and the time after which a smaller one is sent.
const BATCH: usize = 512;
const BATCH_DELAY: Duration = Duration::from_secs(2);
/// Time limit of an export. Meanwhile, spans wait, and nothing else does.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time that the last export has at the end of the process.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);
/// Path of the endpoint to which spans are sent.
const PATH: &str = "/v1/traces";

/// The processor of the process, if spans are exported.
static PROCESSOR: OnceLock<Arc<BatchSpanProcessor>> = OnceLock::new();

/// Command line options for the export of spans.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(id = "traces")]
pub struct Options {
    /// URL of an OpenTelemetry collector that accepts OTLP over HTTP, such as `http://collector:4318`. Spans are sent to `/v1/traces`
    /// below it. Default: spans are not exported.
    #[arg(long = "otlp-endpoint", env = "SMBCOPILOT_OTLP_ENDPOINT")]
    pub endpoint: Option<String>,
    /// Part of all traces that is recorded, 0 to 1.
    #[arg(long = "otlp-sample-ratio", env = "SMBCOPILOT_OTLP_SAMPLE_RATIO", default_value = "1", value_parser = ratio)]
    pub sample_ratio: f64,
}

/// Failure to set up the export.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The endpoint is not a URL with `http` or `https`.
    #[error("failed to use {endpoint:?} as an OTLP endpoint: it must be a URL such as http://collector:4318")]
    Endpoint {
        /// The endpoint as configured.
        endpoint: String,
    },
    /// The exporter cannot be built.
    #[error("failed to build the exporter of spans")]
    Build(#[from] opentelemetry_otlp::ExporterBuildError),
}

/// Returns the layer that exports spans as those of `service`; `None` if no endpoint is configured. It must be called within a Tokio
/// runtime.
///
/// # Errors
/// Returns an error if the endpoint is not a URL.
pub(crate) fn span_layer(
    options: &Options,
    service: &'static str,
) -> Result<Option<SpanLayer<Processor>>, Error> {
    let Some(endpoint) = options.endpoint.as_deref().filter(|endpoint| !endpoint.is_empty()) else {
        return Ok(None);
    };
    let is_url = reqwest::Url::parse(endpoint).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    if !is_url {
        return Err(Error::Endpoint { endpoint: endpoint.to_owned() });
    }
    sampling::set_ratio(options.sample_ratio);
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Client { runtime: Handle::current(), client: OnceLock::new() })
        .with_endpoint(format!("{}{PATH}", endpoint.trim_end_matches('/')))
        .with_protocol(Protocol::HttpBinary)
        .with_timeout(EXPORT_TIMEOUT)
        .build()?;
    let config = BatchConfigBuilder::default()
        .with_max_queue_size(MAX_WAITING)
        .with_max_export_batch_size(BATCH)
        .with_scheduled_delay(BATCH_DELAY)
        .build();
    let mut processor = BatchSpanProcessor::builder(exporter).with_batch_config(config).build();
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let resource = Resource::builder_empty().with_service_name(format!("smb-copilot-{service}"));
    processor.set_resource(&resource.with_attribute(version).build());
    let processor = Arc::new(processor);
    let _ = PROCESSOR.set(processor.clone());
    Ok(Some(SpanLayer::new(Processor(processor))))
}

/// Returns whether spans are exported. Otherwise, nobody needs their names and attributes.
#[must_use]
pub fn is_exporting() -> bool {
    PROCESSOR.get().is_some()
}

/// Sends the spans that wait, at the end of the process.
pub async fn shutdown() {
    let Some(processor) = PROCESSOR.get() else { return };
    // Spans are lost if the endpoint does not answer in time, which changes nothing else.
    let _ = tokio::task::spawn_blocking(|| processor.shutdown_with_timeout(SHUTDOWN_TIMEOUT)).await;
}

/// Handle of the batches.
#[derive(Clone, Debug)]
pub(crate) struct Processor(Arc<BatchSpanProcessor>);

impl SpanProcessor for Processor {
    fn on_start(&self, _: &mut opentelemetry_sdk::trace::Span, _: &opentelemetry::Context) {}

    fn on_end(&self, span: SpanData) {
        self.0.on_end(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }
}

/// HTTP client for the thread that sends the batches. Its requests are sent by the runtime of the process.
struct Client {
    runtime: Handle,
    /// Created with the first batch: the TLS provider of the process is installed by then.
    client: OnceLock<reqwest::Client>,
}

impl Client {
    fn get(&self) -> Result<reqwest::Client, HttpError> {
        if let Some(client) = self.client.get() {
            return Ok(client.clone());
        }
        let builder =
            reqwest::Client::builder().timeout(EXPORT_TIMEOUT).redirect(reqwest::redirect::Policy::none());
        let client = builder.build()?;
        Ok(self.client.get_or_init(|| client).clone())
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.get()?;
        let request = reqwest::Request::try_from(request)?;
        let status = self.runtime.spawn(async move { Ok(client.execute(request).await?.status()) });
        let status: Result<_, reqwest::Error> = status.await?;
        // The content of the answer, which may be of any size, is not read.
        Ok(Response::builder().status(status?).body(Bytes::new())?)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

fn ratio(text: &str) -> Result<f64, String> {
    let ratio: f64 = text.parse().map_err(|_| "it is not a number".to_owned())?;
    if (0.0..=1.0).contains(&ratio) { Ok(ratio) } else { Err("it must be between 0 and 1".to_owned()) }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;
    use tracing::info_span;
    use tracing_subscriber::{layer::SubscriberExt as _, registry};

    use super::*;
    use crate::trace::{TraceContext, root_span};

    fn options(endpoint: &str) -> Options {
        Options { endpoint: Some(endpoint.to_owned()), sample_ratio: 1.0 }
    }

    /// An endpoint that accepts connections and never answers delays nobody: spans beyond those that can wait are dropped.
    #[tokio::test]
    async fn an_endpoint_that_hangs_delays_nobody() {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", silent.local_addr().unwrap());
        let layer = span_layer(&options(&endpoint), "test").unwrap().unwrap();
        let work = tokio::task::spawn_blocking(move || {
            tracing::subscriber::with_default(registry().with(layer), || {
                for _ in 0..10 * MAX_WAITING {
                    root_span(TraceContext::begin(), None, || info_span!("request"));
                }
            });
        });
        // A single export would take as long.
        tokio::time::timeout(EXPORT_TIMEOUT, work).await.expect("no span waits for the endpoint").unwrap();
    }

    /// An endpoint that is not a URL is refused at the start.
    #[tokio::test]
    async fn an_endpoint_that_is_not_a_url_is_refused() {
        assert!(span_layer(&Options::default(), "test").unwrap().is_none());
        assert!(span_layer(&options(""), "test").unwrap().is_none());
        for endpoint in ["collector:4318", "ftp://collector", "/v1/traces"] {
            let error = span_layer(&options(endpoint), "test").unwrap_err();
            assert!(error.to_string().contains(endpoint), "{error}");
        }
    }

    /// The ratio is a number between 0 and 1.
    #[test]
    fn the_ratio_is_between_0_and_1() {
        assert_eq!((ratio("0"), ratio("0.25"), ratio("1")), (Ok(0.0), Ok(0.25), Ok(1.0)));
        for invalid in ["", "x", "-0.1", "1.1", "NaN"] {
            assert!(ratio(invalid).is_err(), "{invalid}");
        }
    }
}
