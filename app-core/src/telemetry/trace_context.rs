//! Which trace a request belongs to: W3C's `traceparent`, <https://www.w3.org/TR/trace-context/>.
//!
//! The request's log lines show the trace of a valid one. Where spans are exported
//! ([`telemetry`](crate::telemetry)), its span is the parent of the request's span. An invalid one is
//! ignored. Spans use OpenTelemetry's API and not `tracing`'s, so that what is logged and what is exported
//! do not depend on each other.

use axum::http::{HeaderMap, HeaderValue, StatusCode};
use opentelemetry::{
    Context, KeyValue, global,
    propagation::TextMapPropagator as _,
    trace::{SpanKind, Status, TraceContextExt as _, TraceId, Tracer as _},
};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_sdk::propagation::TraceContextPropagator;

const PARENT: &str = "traceparent";

/// The name that spans give for the library that makes them.
const TRACER: &str = "app-core";

/// The context of a request: its span, or the client's span where none is exported.
/// Attributes: <https://opentelemetry.io/docs/specs/semconv/http/http-spans/>.
pub(crate) fn of_request(headers: &HeaderMap, method: &'static str, route: &str) -> Context {
    let parent = remote_parent(headers);
    let tracer = global::tracer(TRACER);
    let span = tracer
        .span_builder(format!("{method} {route}"))
        .with_kind(SpanKind::Server)
        .with_attributes([
            KeyValue::new("http.request.method", method),
            KeyValue::new("http.route", route.to_owned()),
        ])
        .start_with_context(&tracer, &parent);
    parent.with_span(span)
}

/// Ends the span of a request that has its response.
pub(crate) fn end_request(context: &Context, status: StatusCode) {
    let span = context.span();
    span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
    if status.is_server_error() {
        span.set_status(Status::error(""));
    }
    span.end();
}

/// The context of the database work of the current request, if there is one.
pub(crate) fn of_database_work() -> Context {
    let current = Context::current();
    if !current.has_active_span() {
        return current;
    }
    let tracer = global::tracer(TRACER);
    let span = tracer
        .span_builder("mysql")
        .with_kind(SpanKind::Client)
        .with_attributes([KeyValue::new("db.system.name", "mysql")])
        .start_with_context(&tracer, &current);
    current.with_span(span)
}

/// Ends the span of the database work.
pub(crate) fn end_database_work(context: &Context, succeeded: bool) {
    if !succeeded {
        context.span().set_status(Status::error(""));
    }
    context.span().end();
}

/// Adds attributes to the current span.
pub(crate) fn add_attributes<const N: usize>(attributes: [KeyValue; N]) {
    Context::map_current(|context| context.span().set_attributes(attributes));
}

/// The id of the trace, if there is one.
pub(crate) fn id(context: &Context) -> Option<TraceId> {
    Some(context.span().span_context().trace_id()).filter(|id| *id != TraceId::INVALID)
}

/// A context with the client's span, or an empty one where the client names no span in a valid way.
fn remote_parent(headers: &HeaderMap) -> Context {
    let mut parents = headers.get_all(PARENT).iter();
    match (parents.next(), parents.next()) {
        (Some(parent), None) if has_standard_form(parent) => {
            let propagator = TraceContextPropagator::new();
            propagator.extract_with_context(&Context::new(), &HeaderExtractor(headers))
        }
        _ => Context::new(),
    }
}

/// Whether a `traceparent` begins with four groups of lower-case hexadecimal digits, each as long as the
/// standard says. The propagator also takes shorter groups and signs.
fn has_standard_form(parent: &HeaderValue) -> bool {
    let mut groups = parent.as_bytes().split(|byte| *byte == b'-');
    let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    [2, 32, 16, 2].into_iter().all(|length| {
        groups.next().is_some_and(|group| group.len() == length && group.iter().all(is_digit))
    })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;
    use opentelemetry::trace::SpanContext;

    use super::*;

    const STATE: &str = "tracestate";
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn headers<const N: usize>(values: [(&'static str, &'static str); N]) -> HeaderMap {
        let value =
            |(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value));
        values.map(value).into_iter().fold(HeaderMap::new(), |mut headers, (name, value)| {
            headers.append(name, value);
            headers
        })
    }

    /// The span that these headers name.
    fn parent<const N: usize>(values: [(&'static str, &'static str); N]) -> Option<SpanContext> {
        let context = remote_parent(&headers(values));
        context.has_active_span().then(|| context.span().span_context().clone())
    }

    #[test]
    fn a_valid_parent_gives_the_trace_and_the_span() {
        let later = "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-comes";
        for valid in [VALID, later] {
            let parent = parent([(PARENT, valid)]).unwrap();

            assert_eq!(parent.trace_id().to_string(), TRACE);
            assert_eq!(parent.span_id().to_string(), "00f067aa0ba902b7");
            assert!(parent.is_sampled() && parent.is_remote());
        }
    }

    #[test]
    fn a_request_is_in_its_parents_trace_even_where_no_span_is_exported() {
        let context = of_request(&headers([(PARENT, VALID)]), "GET", "/");

        assert_eq!(id(&context).unwrap().to_string(), TRACE);
        assert_eq!(id(&of_request(&HeaderMap::new(), "GET", "/")), None);
    }

    #[test]
    fn an_invalid_parent_is_ignored() {
        for invalid in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert!(parent([(PARENT, invalid)]).is_none(), "{invalid}");
        }
        assert!(parent([(PARENT, VALID), (PARENT, VALID)]).is_none());
    }

    #[test]
    fn an_invalid_trace_state_is_dropped_and_the_parent_stays() {
        for (state, kept) in [("rojo=00f067aa0ba902b7", "rojo=00f067aa0ba902b7"), ("no list", "")] {
            let parent = parent([(PARENT, VALID), (STATE, state)]).unwrap();
            assert_eq!(parent.trace_state().header(), kept);
        }
    }
}
