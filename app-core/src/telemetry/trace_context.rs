//! Which trace a request belongs to: W3C's `traceparent`, <https://www.w3.org/TR/trace-context/>.
//!
//! A valid one's trace is that of the request's log lines, and where spans are exported
//! ([`telemetry`](crate::telemetry)) its span is the parent of the request's. An invalid one is passed over
//! as if it were not there. Spans go by OpenTelemetry's own API and not by `tracing`'s: what is logged and
//! what is exported do not depend on each other.

use axum::http::{HeaderMap, StatusCode};
use opentelemetry::{
    Context, KeyValue, global,
    trace::{
        SpanContext, SpanId, SpanKind, Status, TraceContextExt as _, TraceFlags, TraceId,
        TraceState, Tracer as _,
    },
};

const PARENT: &str = "traceparent";
const STATE: &str = "tracestate";

/// Who makes the spans.
const TRACER: &str = "app-core";

/// The context that a request is answered in: its own span, or the client's where none is recorded.
/// Attributes: <https://opentelemetry.io/docs/specs/semconv/http/http-spans/>.
pub(crate) fn of_request(headers: &HeaderMap, method: &'static str, route: &str) -> Context {
    let parent = match remote_parent(headers) {
        Some(parent) => Context::new().with_remote_span_context(parent),
        None => Context::new(),
    };
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

/// The request has its answer.
pub(crate) fn end_request(context: &Context, status: StatusCode) {
    let span = context.span();
    span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
    if status.is_server_error() {
        span.set_status(Status::error(""));
    }
    span.end();
}

/// The context of the database work of the request that is being answered, if one is.
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

/// The database work has ended.
pub(crate) fn end_database_work(context: &Context, succeeded: bool) {
    if !succeeded {
        context.span().set_status(Status::error(""));
    }
    context.span().end();
}

/// Says something more of the work that is under way.
pub(crate) fn note<const N: usize>(attributes: [KeyValue; N]) {
    Context::map_current(|context| context.span().set_attributes(attributes));
}

/// The id of the trace, where there is one.
pub(crate) fn id(context: &Context) -> Option<TraceId> {
    Some(context.span().span_context().trace_id()).filter(|id| *id != TraceId::INVALID)
}

/// The client's span, where it says which in a valid way, and once.
fn remote_parent(headers: &HeaderMap) -> Option<SpanContext> {
    let mut parents = headers.get_all(PARENT).iter();
    let (parent, None) = (parents.next()?, parents.next()) else { return None };
    let (trace, span, flags) = parse(parent.to_str().ok()?)?;
    let states = headers.get_all(STATE).iter().filter_map(|state| state.to_str().ok());
    // What other systems keep there is not ours to judge, and no reason to lose the parent.
    let state = states.collect::<Vec<_>>().join(",").parse().unwrap_or(TraceState::NONE);
    Some(SpanContext::new(trace, span, flags, true, state))
}

/// Reads version, trace, span and flags; a later version may go on after them.
/// <https://www.w3.org/TR/trace-context/#versioning-of-traceparent>
fn parse(parent: &str) -> Option<(TraceId, SpanId, TraceFlags)> {
    let mut parts = parent.splitn(5, '-');
    let version = hex(parts.next()?, 2)?;
    let trace = TraceId::from_hex(hex(parts.next()?, 32)?).ok()?;
    let span = SpanId::from_hex(hex(parts.next()?, 16)?).ok()?;
    let flags = u8::from_str_radix(hex(parts.next()?, 2)?, 16).ok()?;
    let goes_on = parts.next().is_some();
    let is_valid = version != "ff"
        && (version != "00" || !goes_on)
        && trace != TraceId::INVALID
        && span != SpanId::INVALID;
    is_valid.then_some((trace, span, TraceFlags::new(flags) & TraceFlags::SAMPLED))
}

/// The text, where it is so many digits, the letters among them small.
fn hex(text: &str, digits: usize) -> Option<&str> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (text.len() == digits && text.bytes().all(is_digit)).then_some(text)
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

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

    #[test]
    fn a_valid_parent_gives_the_trace_and_the_span() {
        let later = "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-comes";
        for parent in [VALID, later] {
            let parent = remote_parent(&headers([(PARENT, parent)])).unwrap();

            assert_eq!(parent.trace_id().to_string(), TRACE);
            assert_eq!(parent.span_id().to_string(), "00f067aa0ba902b7");
            assert!(parent.is_sampled() && parent.is_remote());
        }
    }

    #[test]
    fn the_request_is_in_that_trace_also_where_no_span_is_exported() {
        let context = of_request(&headers([(PARENT, VALID)]), "GET", "/");

        assert_eq!(id(&context).unwrap().to_string(), TRACE);
        assert_eq!(id(&of_request(&HeaderMap::new(), "GET", "/")), None);
    }

    #[test]
    fn an_invalid_parent_is_passed_over() {
        for parent in [
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
            assert!(remote_parent(&headers([(PARENT, parent)])).is_none(), "{parent}");
        }
        assert!(remote_parent(&headers([(PARENT, VALID), (PARENT, VALID)])).is_none());
    }

    #[test]
    fn what_other_systems_say_of_the_trace_is_kept_or_dropped_and_the_parent_stays() {
        for (state, kept) in [("rojo=00f067aa0ba902b7", "rojo=00f067aa0ba902b7"), ("no list", "")] {
            let parent = remote_parent(&headers([(PARENT, VALID), (STATE, state)])).unwrap();
            assert_eq!(parent.trace_state().header(), kept);
        }
    }
}
