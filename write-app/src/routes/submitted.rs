//! The body of `POST /submit`: JSON or a form becomes the values that the client sent.
//!
//! Programs declare their bodies in many ways, or not at all. A body that can only mean one thing is understood.
//! Any other is refused with a sentence that says what to send. Nothing may be stored that was not sent: no
//! replacement characters, no value of a field that has two.

use std::str;

use app_core::http::error::Error;
use axum::{
    body::Bytes,
    extract::{
        FromRequest, Multipart, Request,
        multipart::{Field, MultipartError},
    },
    http::{
        HeaderMap,
        header::{CONTENT_ENCODING, CONTENT_TYPE},
    },
};
use mediatype::{
    MediaType, ReadParams as _,
    names::{APPLICATION, CHARSET, JSON},
};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::Value;

use crate::registration::Typed;

const WHAT_TO_SEND: &str = "Send in UTF-8 either JSON such as {\"name\":\"Ada\",\"email\":\"ada@example.org\"} with content-type: application/json, or a form with the fields name and email.";

/// The values in a body.
#[derive(Debug)]
pub(crate) struct Submitted(pub(crate) Typed);

impl<S: Send + Sync> FromRequest<S> for Submitted {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        refuse_compressed(request.headers())?;
        let format = Format::of(request.headers())?;
        if format == Format::Multipart {
            // On the heap: this is rare, and every request would carry its state.
            return Box::pin(multipart(request, state)).await.map(Self);
        }
        let body = Bytes::from_request(request, state).await;
        let body = body.map_err(|rejection| Error::Malformed(rejection.body_text()))?;
        let text = text(&body)?;
        let typed = match format {
            // curl declares JSON as a form, unless it is told otherwise. No form begins like this.
            _ if text.starts_with(['{', '[']) => json(text),
            Format::Json => json(text),
            Format::Form => form(text),
            Format::Unknown | Format::Multipart => Err(unsupported(
                "The body is not a JSON object, and no content-type says what it is.",
            )),
        };
        typed.map(Self)
    }
}

/// What the body is, as its content type says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Json,
    Form,
    Multipart,
    /// There is no content type, or one that says nothing.
    Unknown,
}

impl Format {
    fn of(headers: &HeaderMap) -> Result<Self, Error> {
        let mut lines = headers.get_all(CONTENT_TYPE).iter().filter(|line| !line.is_empty());
        let Some(line) = lines.next() else { return Ok(Self::Unknown) };
        let line = line.to_str().ok().filter(|_| lines.next().is_none());
        let Some(kind) =
            line.and_then(|line| MediaType::parse(line.trim_end_matches([';', ' '])).ok())
        else {
            return Err(unsupported("The content-type of the body cannot be read."));
        };
        if !is_utf8(&kind) {
            return Err(unsupported(
                "The body must be in UTF-8, and its content-type says otherwise.",
            ));
        }
        match kind.essence().to_string().to_ascii_lowercase().as_str() {
            "application/json" | "text/json" => Ok(Self::Json),
            _ if kind.ty == APPLICATION && kind.suffix == Some(JSON) => Ok(Self::Json),
            "application/x-www-form-urlencoded" => Ok(Self::Form),
            "multipart/form-data" => Ok(Self::Multipart),
            // A page of another site can send a form as text/plain, but CsrfLayer refuses that by Sec-Fetch-Site
            // and Origin, whatever the content type is.
            "text/plain" => Ok(Self::Unknown),
            _ => Err(unsupported("The body's content-type is neither JSON nor a form.")),
        }
    }
}

fn is_utf8(kind: &MediaType) -> bool {
    let mut charsets = kind.params().filter(|(name, _)| *name == CHARSET);
    charsets.all(|(_, charset)| {
        let charset = charset.unquoted_str();
        ["utf-8", "utf8"].iter().any(|utf8| charset.eq_ignore_ascii_case(utf8))
    })
}

fn refuse_compressed(headers: &HeaderMap) -> Result<(), Error> {
    let mut encodings = headers.get_all(CONTENT_ENCODING).iter();
    if encodings.all(|one| one.is_empty() || one.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Ok(());
    }
    Err(unsupported("The body has a content-encoding, such as gzip. This app does not decode it."))
}

/// The body without a byte order mark and the space around it.
fn text(body: &[u8]) -> Result<&str, Error> {
    // UTF-16 has a zero byte in each character of ASCII.
    let utf8 = str::from_utf8(body).ok().filter(|text| !text.contains('\0'));
    let text = utf8.ok_or_else(|| malformed("The body is not in UTF-8."))?;
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text).trim();
    if text.is_empty() {
        return Err(malformed("The body is empty."));
    }
    Ok(text)
}

fn json(text: &str) -> Result<Typed, Error> {
    // serde takes a list for a struct too. It refuses a key that occurs twice.
    #[derive(Deserialize)]
    struct Object {
        name: Option<Value>,
        email: Option<Value>,
    }
    if !text.starts_with('{') {
        return Err(malformed("The body is not a JSON object."));
    }
    let read = serde_json::from_str(text);
    let Object { name, email } =
        read.map_err(|error| malformed(&format!("The body cannot be read as JSON: {error}.")))?;
    Ok(Typed { name: string("name", name)?, email: string("email", email)? })
}

/// What is missing or null counts as empty.
fn string(field: &str, value: Option<Value>) -> Result<String, Error> {
    match value {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(malformed(&format!("The field {field} is not a string."))),
    }
}

fn form(text: &str) -> Result<Typed, Error> {
    let mut fields = Fields::default();
    for pair in text.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if let Some(field) = decode(name).as_deref().and_then(known) {
            let value = decode(value).ok_or_else(|| {
                malformed(&format!(
                    "The field {field} is not UTF-8 in percent-encoding, where é is %C3%A9 and a percent sign %25."
                ))
            })?;
            fields.add(field, value)?;
        }
    }
    Ok(fields.into_typed())
}

/// None where a percent sign encodes no byte, or the bytes are not UTF-8.
fn decode(text: &str) -> Option<String> {
    let is_byte = |rest: &str| {
        rest.as_bytes().get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !text.split('%').skip(1).all(is_byte) {
        return None;
    }
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8();
    decoded.ok().map(Into::into)
}

async fn multipart<S: Send + Sync>(request: Request, state: &S) -> Result<Typed, Error> {
    let damaged = |_: MultipartError| {
        malformed("The multipart form is not well formed, or ends before its last boundary.")
    };
    let parts = Multipart::from_request(request, state).await;
    let mut parts =
        parts.map_err(|_| malformed("The content-type of the multipart form has no boundary."))?;
    let mut fields = Fields::default();
    while let Some(part) = parts.next_field().await.map_err(damaged)? {
        let Some(field) = part.name().and_then(known) else { continue };
        let is_text = is_text(&part);
        let bytes = part.bytes().await.map_err(damaged)?;
        let value = str::from_utf8(&bytes).ok().filter(|_| is_text).ok_or_else(|| {
            malformed(&format!(
                "The field {field} is not plain text in UTF-8, but a file or something else."
            ))
        })?;
        fields.add(field, value.to_owned())?;
    }
    Ok(fields.into_typed())
}

/// Whether the bytes of this part are the text, by what the part says.
fn is_text(part: &Field<'_>) -> bool {
    let is_plain = part.content_type().is_none_or(|kind| {
        MediaType::parse(kind)
            .is_ok_and(|kind| kind.ty == "text" && kind.subty == "plain" && is_utf8(&kind))
    });
    let is_unencoded = part.headers().get("content-transfer-encoding").is_none_or(|encoding| {
        ["7bit", "8bit", "binary"]
            .iter()
            .any(|one| encoding.as_bytes().eq_ignore_ascii_case(one.as_bytes()))
    });
    part.file_name().is_none() && is_plain && is_unencoded
}

/// Other fields are ignored.
fn known(field: &str) -> Option<&'static str> {
    ["name", "email"].into_iter().find(|known| *known == field)
}

/// The fields of a form, each at most once.
#[derive(Default)]
struct Fields {
    name: Option<String>,
    email: Option<String>,
}

impl Fields {
    fn add(&mut self, field: &'static str, value: String) -> Result<(), Error> {
        let slot = if field == "name" { &mut self.name } else { &mut self.email };
        match slot.replace(value) {
            None => Ok(()),
            Some(_) => Err(malformed(&format!("The field {field} occurs twice."))),
        }
    }

    fn into_typed(self) -> Typed {
        Typed { name: self.name.unwrap_or_default(), email: self.email.unwrap_or_default() }
    }
}

fn malformed(problem: &str) -> Error {
    Error::Malformed(format!("{problem} {WHAT_TO_SEND}"))
}

fn unsupported(problem: &str) -> Error {
    Error::UnsupportedMediaType(format!("{problem} {WHAT_TO_SEND}"))
}

#[cfg(test)]
mod tests;
