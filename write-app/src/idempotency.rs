//! Who sends a registration, and so when it is the same as an earlier one. Sent again, it registers one user.
//!
//! A program chooses a key and sends it in a header, that of
//! <https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header-07>.
//!
//! A browser sends a form again after a double click, a reload, a step back or a restored session. No hidden
//! field can tell that apart from a new form: after a step back, some browsers load the page again, and keep what
//! the person typed. So a form is the same as an earlier one when its name and its email are.

use app_core::http::{error::Error, negotiate::AnswerForm};
use axum::http::{HeaderMap, HeaderValue};

const HEADER: &str = "idempotency-key";

/// Length of the column `idempotency_key`.
const LENGTH: usize = 64;

/// Who sends a registration.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Sender {
    /// A person, with a form. A user with the same name and email is the same registration.
    Person,
    /// A program. A user that was registered under the same key is the same registration. Without a key, none is.
    Program(Option<IdempotencyKey>),
}

impl Sender {
    /// A browser cannot send the header with a form, so a client with a key is a program.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] where the key is too long, or has characters that cannot be stored, or where there is
    /// more than one.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Error> {
        let mut keys = headers.get_all(HEADER).iter();
        match (keys.next(), keys.next()) {
            (Some(key), None) => IdempotencyKey::parse(key).map(|key| Self::Program(Some(key))),
            (Some(_), Some(_)) => {
                Err(Error::Malformed("There is more than one Idempotency-Key. Send one.".into()))
            }
            (None, _) if AnswerForm::wanted_by(headers) == Some(AnswerForm::Page) => {
                Ok(Self::Person)
            }
            (None, _) => Ok(Self::Program(None)),
        }
    }

    pub(crate) fn key(&self) -> Option<&IdempotencyKey> {
        match self {
            Self::Person => None,
            Self::Program(key) => key.as_ref(),
        }
    }
}

/// 1 to 64 visible ASCII characters other than quotes, such as a UUID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The draft has the value in quotes; many clients send it without.
    fn parse(header: &HeaderValue) -> Result<Self, Error> {
        let text = header.to_str().unwrap_or_default();
        let quoted = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        let key = quoted.unwrap_or(text);
        let is_allowed = |byte: u8| byte.is_ascii_graphic() && byte != b'"';
        if !(1..=LENGTH).contains(&key.len()) || !key.bytes().all(is_allowed) {
            return Err(Error::Malformed(format!(
                "An idempotency key has 1 to {LENGTH} visible ASCII characters and no quotes inside; a UUID is a good one."
            )));
        }
        Ok(Self(key.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use axum::http::header::ACCEPT;

    use super::*;

    fn sender(accept: &'static str, keys: &[&[u8]]) -> Result<Sender, &'static str> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        for key in keys {
            headers.append(HEADER, HeaderValue::from_bytes(key).unwrap());
        }
        Sender::of(&headers).map_err(|error| error.code())
    }

    fn program(key: &str) -> Result<Sender, &'static str> {
        Ok(Sender::Program(Some(IdempotencyKey(key.into()))))
    }

    #[test]
    fn quotes_are_not_part_of_a_key() {
        assert_eq!(sender("*/*", &[b"plain"]), program("plain"));
        assert_eq!(sender("*/*", &[b"\"quoted\""]), program("quoted"));
    }

    #[test]
    fn a_client_that_wants_a_page_and_sends_no_key_is_a_person() {
        assert_eq!(sender("text/html", &[]), Ok(Sender::Person));
        assert_eq!(sender("*/*", &[]), Ok(Sender::Program(None)));
        assert_eq!(sender("text/html", &[b"key"]), program("key"));
    }

    #[test]
    fn a_key_that_cannot_be_stored_is_refused_and_not_ignored() {
        let long = "x".repeat(65);
        for key in
            [b"".as_slice(), b"\"\"", b"two words", b"\"half", b"i\"n", b"\xFF", long.as_bytes()]
        {
            assert_eq!(sender("*/*", &[key]), Err("malformed_request"), "{key:?}");
        }
    }

    #[test]
    fn of_two_keys_neither_is_chosen() {
        assert_eq!(sender("*/*", &[b"one", b"two"]), Err("malformed_request"));
    }
}
