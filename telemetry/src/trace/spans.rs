//! Collects the spans of `tracing` that belong to a trace, and hands each to the exporter when it ends.

use std::{
    borrow::Cow,
    cell::Cell,
    fmt::{self, Debug},
    time::{Duration, SystemTime},
};

use opentelemetry::{
    InstrumentationScope, KeyValue, Value,
    trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState},
};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks, SpanProcessor};
use tracing::{
    Event, Level, Metadata, Span, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    layer::{Context, Layer},
    registry::LookupSpan,
};

use super::{context::TraceContext, statement};
use crate::clock;

/// Beginnings of the targets of spans that are exported: those of our programs, and the requests of the Kubernetes client.
const TARGETS: [&str; 5] = ["api_server", "operator", "runner", "telemetry", "kube_client"];
/// Target of a span that begins a trace: a reconcile of a controller.
const ROOT_TARGET: &str = "kube_runtime::controller";
/// Target of the event that `sqlx` emits after each statement.
const STATEMENT_TARGET: &str = "sqlx::query";
/// Maximum number of attributes of a span, and the maximum length of a text among them in bytes: paths and names that clients have chosen
/// may be longer.
const MAX_ATTRIBUTES: usize = 16;
const MAX_TEXT_BYTES: usize = 256;

thread_local! {
    /// Position of the span that is about to be created.
    static NEXT: Cell<Option<Position>> = const { Cell::new(None) };
}

/// Position of a span below another one.
#[derive(Clone, Copy)]
struct Position {
    context: TraceContext,
    parent: Option<TraceContext>,
    is_root: bool,
}

/// Returns the span that `create` creates. It has this position in its trace, below `parent`, which is a span of another process.
pub fn root_span(context: TraceContext, parent: Option<TraceContext>, create: impl FnOnce() -> Span) -> Span {
    NEXT.set(Some(Position { context, parent, is_root: true }));
    let span = create();
    NEXT.set(None);
    span
}

/// Returns whether a span, or an event, is one that [`SpanLayer`] needs.
pub(crate) fn is_exported(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    match metadata.is_span() {
        true => {
            *metadata.level() <= Level::DEBUG
                && (TARGETS.iter().any(|own| target.starts_with(own)) || target == ROOT_TARGET)
        }
        false => target == STATEMENT_TARGET,
    }
}

/// Layer that hands the spans of traces to a processor.
pub(crate) struct SpanLayer<P> {
    processor: P,
    scope: InstrumentationScope,
}

impl<P: SpanProcessor> SpanLayer<P> {
    pub(super) fn new(processor: P) -> Self {
        Self { processor, scope: InstrumentationScope::builder("smb-copilot").build() }
    }

    fn end(&self, open: Open, end: SystemTime) {
        let Open { position, start, name, kind, attributes, has_failed } = open;
        let (trace, span) = position.context.numbers();
        let parent = position.parent.map(|parent| parent.numbers().1);
        self.processor.on_end(SpanData {
            span_context: SpanContext::new(
                TraceId::from_bytes(trace.to_be_bytes()),
                SpanId::from_bytes(span.to_be_bytes()),
                TraceFlags::SAMPLED,
                false,
                TraceState::NONE,
            ),
            parent_span_id: parent.map_or(SpanId::INVALID, |parent| SpanId::from_bytes(parent.to_be_bytes())),
            parent_span_is_remote: position.is_root && parent.is_some(),
            span_kind: kind,
            name,
            start_time: start,
            end_time: end,
            attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: if has_failed { Status::error("") } else { Status::Unset },
            instrumentation_scope: self.scope.clone(),
        });
    }
}

impl<S, P> Layer<S> for SpanLayer<P>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    P: SpanProcessor + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let below = || span.parent().and_then(|parent| position_in(parent.scope()));
        let begin = || {
            let is_root = attributes.metadata().target() == ROOT_TARGET;
            is_root.then(|| Position { context: TraceContext::begin(), parent: None, is_root })
        };
        let Some(position) = NEXT.take().or_else(below).or_else(begin) else { return };
        if !position.context.is_sampled() {
            return;
        }
        let mut open = Open {
            position,
            start: clock::now().into(),
            name: attributes.metadata().name().into(),
            kind: if position.is_root { SpanKind::Server } else { SpanKind::Internal },
            attributes: Vec::new(),
            has_failed: false,
        };
        attributes.record(&mut open);
        span.extensions_mut().insert(open);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(open) = span.extensions_mut().get_mut::<Open>() {
            values.record(open);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let Some(position) = context.event_scope(event).and_then(position_in) else { return };
        let mut executed = Statement::default();
        event.record(&mut executed);
        let end = SystemTime::from(clock::now());
        let name = executed.name;
        let open = Open {
            position,
            start: end.checked_sub(executed.took).unwrap_or(end),
            name: name.clone().into(),
            kind: SpanKind::Client,
            attributes: vec![
                KeyValue::new("db.system.name", "postgresql"),
                KeyValue::new("db.query.summary", name),
                KeyValue::new("db.response.returned_rows", executed.rows),
            ],
            has_failed: false,
        };
        self.end(open, end);
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let open = context.span(&id).and_then(|span| span.extensions_mut().remove::<Open>());
        if let Some(open) = open {
            self.end(open, clock::now().into());
        }
    }
}

/// Returns the position of a new span below the innermost one that is recorded.
fn position_in<'a, S>(spans: tracing_subscriber::registry::Scope<'a, S>) -> Option<Position>
where
    S: for<'b> LookupSpan<'b>,
{
    let mut spans = spans;
    let parent = spans.find_map(|span| span.extensions().get::<Open>().map(|open| open.position.context))?;
    Some(Position { context: parent.child(), parent: Some(parent), is_root: false })
}

/// Span that has not ended.
struct Open {
    position: Position,
    start: SystemTime,
    name: Cow<'static, str>,
    kind: SpanKind,
    attributes: Vec<KeyValue>,
    has_failed: bool,
}

impl Open {
    fn set(&mut self, field: &Field, value: impl Into<Value>) {
        // The IDs are part of the span itself.
        if !matches!(field.name(), "trace.id" | "span.id") && self.attributes.len() < MAX_ATTRIBUTES {
            self.attributes.push(KeyValue::new(field.name(), value));
        }
    }
}

impl Visit for Open {
    fn record_str(&mut self, field: &Field, value: &str) {
        match (field.name(), value) {
            ("otel.name", name) => self.name = short(name).into(),
            ("otel.kind", "client") => self.kind = SpanKind::Client,
            ("otel.kind", "internal") => self.kind = SpanKind::Internal,
            ("otel.status_code", "ERROR") => self.has_failed = true,
            ("otel.kind" | "otel.status_code", _) => {}
            _ => self.set(field, short(value)),
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, i64::try_from(value).unwrap_or(i64::MAX));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let text = format!("{value:?}");
        self.record_str(field, &text);
    }
}

/// What an event of [`STATEMENT_TARGET`] says.
#[derive(Default)]
struct Statement {
    name: String,
    took: Duration,
    rows: i64,
}

impl Visit for Statement {
    fn record_str(&mut self, field: &Field, value: &str) {
        // The complete statement is empty if its summary is complete; it follows the summary.
        if matches!(field.name(), "summary" | "db.statement") && !value.is_empty() {
            self.name = statement::name(value);
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "rows_returned" {
            self.rows = i64::try_from(value).unwrap_or(i64::MAX);
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if field.name() == "elapsed_secs" {
            self.took = Duration::try_from_secs_f64(value).unwrap_or_default();
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

fn short(text: &str) -> String {
    text.get(..text.floor_char_boundary(MAX_TEXT_BYTES)).unwrap_or_default().to_owned()
}

impl<P> Debug for SpanLayer<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpanLayer").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use opentelemetry_sdk::error::OTelSdkResult;
    use tracing::{debug_span, info_span};
    use tracing_subscriber::{filter::filter_fn, layer::SubscriberExt as _, registry};

    use super::*;

    #[derive(Clone, Debug, Default)]
    struct Ended(Arc<Mutex<Vec<SpanData>>>);

    impl SpanProcessor for Ended {
        fn on_start(&self, _: &mut opentelemetry_sdk::trace::Span, _: &opentelemetry::Context) {}
        fn on_end(&self, span: SpanData) {
            self.0.lock().unwrap().push(span);
        }
        fn force_flush(&self) -> OTelSdkResult {
            Ok(())
        }
        fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
            Ok(())
        }
    }

    /// Returns the spans that are exported while `work` is executed.
    fn exported(work: impl FnOnce()) -> Vec<SpanData> {
        let ended = Ended::default();
        let layer = SpanLayer::new(ended.clone()).with_filter(filter_fn(is_exported));
        tracing::subscriber::with_default(registry().with(layer), work);
        ended.0.lock().unwrap().clone()
    }

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn execute_statement() {
        tracing::debug!(
            target: "sqlx::query", summary = "select id, name, state …", db.statement = "\n\nselect id, name, state from tenants\n",
            rows_returned = 2_u64, elapsed_secs = 0.25
        );
    }

    /// A request, what it does and its statements are one trace below the span of the client.
    #[test]
    fn a_request_and_what_it_does_are_one_trace() {
        let parent = TraceContext::parse(PARENT).unwrap();
        let own = parent.child();
        let spans = exported(|| {
            let request = root_span(own, Some(parent), || {
                info_span!("request", trace.id = own.trace_id(), path = "/v1/me")
            });
            let _entered = request.enter();
            debug_span!("kubernetes", otel.name = "create the run", otel.kind = "client")
                .in_scope(execute_statement);
        });
        let names: Vec<_> = spans.iter().map(|span| span.name.as_ref()).collect();
        assert_eq!(names, ["select tenants", "create the run", "request"]);
        let [statement, kubernetes, request] = &spans[..] else { panic!("{spans:?}") };
        let trace = own.numbers().0.to_be_bytes();
        assert!(spans.iter().all(|span| span.span_context.trace_id() == TraceId::from_bytes(trace)));
        assert_eq!(request.span_context.span_id().to_string(), own.span_id());
        assert_eq!(request.parent_span_id.to_string(), "00f067aa0ba902b7");
        assert_eq!(request.attributes, [KeyValue::new("path", "/v1/me")]);
        assert_eq!(kubernetes.parent_span_id, request.span_context.span_id());
        assert_eq!(statement.parent_span_id, kubernetes.span_context.span_id());
        assert_eq!(
            statement.end_time.duration_since(statement.start_time).unwrap(),
            Duration::from_millis(250)
        );
    }

    /// What belongs to no trace, or to one that is not recorded, is not exported.
    #[test]
    fn only_recorded_traces_are_exported() {
        let unsampled = TraceContext::parse(&PARENT.replace("-01", "-00")).unwrap();
        let spans = exported(|| {
            info_span!("background").in_scope(execute_statement);
            root_span(unsampled, None, || info_span!("request")).in_scope(execute_statement);
            execute_statement();
        });
        assert_eq!(spans, []);
    }

    /// A long text is shortened, and a span has a limited number of attributes.
    #[test]
    fn the_size_of_a_span_is_limited() {
        let own = TraceContext::parse(PARENT).unwrap();
        let spans = exported(|| {
            let span = root_span(own, None, || {
                info_span!("request", path = "ö".repeat(1000), status = tracing::field::Empty)
            });
            for status in 0..100 {
                span.record("status", status);
            }
        });
        let [request] = &spans[..] else { panic!("{spans:?}") };
        assert_eq!(request.attributes.len(), MAX_ATTRIBUTES);
        assert_eq!(request.attributes[0].value.as_str().len(), MAX_TEXT_BYTES);
    }
}
