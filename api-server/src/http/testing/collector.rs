//! A collector of spans: a server that accepts OTLP over HTTP.

use std::sync::{Arc, Mutex};

use axum::{Router, body::Bytes, extract::State, routing::post};
use opentelemetry_proto::tonic::{collector::trace::v1::ExportTraceServiceRequest, trace::v1::Span};
use prost::Message as _;
use tokio::net::TcpListener;

/// Collector with the spans that it has received.
pub(in crate::http) struct Collector {
    url: String,
    spans: Arc<Mutex<Vec<Span>>>,
}

impl Collector {
    /// Starts a collector on a free port.
    pub(in crate::http) async fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let spans = Arc::<Mutex<Vec<Span>>>::default();
        let router = Router::new().route("/v1/traces", post(receive)).with_state(spans.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, spans }
    }

    /// Returns the options of an exporter that sends all spans to it.
    pub(in crate::http) fn options(&self) -> telemetry::trace::Options {
        telemetry::trace::Options { endpoint: Some(self.url.clone()), sample_ratio: 1.0 }
    }

    /// Returns the spans that it has received.
    pub(in crate::http) fn spans(&self) -> Vec<Span> {
        self.spans.lock().unwrap().clone()
    }
}

async fn receive(State(spans): State<Arc<Mutex<Vec<Span>>>>, body: Bytes) {
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    let received = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
    spans.lock().unwrap().extend(received.flat_map(|scope| scope.spans));
}
