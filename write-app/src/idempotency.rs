//! The key that makes a registration safe to repeat: however often a client sends it, it registers one user.
//!
//! A program chooses a key and sends it in a header. The page's form has a key in a hidden field. The
//! header is that of <https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header-07>.

use app_core::http::error::Error;
use axum::http::HeaderMap;
use uuid::Uuid;

const HEADER: &str = "idempotency-key";

/// Length of the column `idempotency_key`.
const LENGTH: usize = 64;

/// 1 to 64 visible ASCII characters, such as a UUID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IdempotencyKey(String);

impl IdempotencyKey {
    /// A new key.
    pub(crate) fn new_random() -> Self {
        Self(Uuid::new_v4().to_string())
    }

    /// The key in the header, or else in the form's field. None where neither has a key.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] where the key is too long, or has characters that cannot be stored.
    pub(crate) fn of(headers: &HeaderMap, field: &str) -> Result<Option<Self>, Error> {
        match headers.get(HEADER) {
            Some(header) => Self::parse(header.to_str().unwrap_or("\n")).map(Some),
            None if field.is_empty() => Ok(None),
            None => Self::parse(field).map(Some),
        }
    }

    /// The draft has the value in quotes; many clients send it without.
    fn parse(text: &str) -> Result<Self, Error> {
        let quoted = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        let key = quoted.unwrap_or(text);
        if !(1..=LENGTH).contains(&key.len()) || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::Malformed(format!(
                "An idempotency key has 1 to {LENGTH} visible ASCII characters; a UUID is a good one."
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
    use axum::http::HeaderValue;

    use super::*;

    fn key(header: Option<&[u8]>, field: &str) -> Result<Option<String>, &'static str> {
        let value = |text| HeaderValue::from_bytes(text).unwrap();
        let headers = header.map(|text| (HEADER.parse().unwrap(), value(text)));
        let key = IdempotencyKey::of(&headers.into_iter().collect(), field);
        key.map(|key| key.map(|key| key.0)).map_err(|error| error.code())
    }

    #[test]
    fn the_key_in_the_header_wins_and_quotes_are_not_part_of_it() {
        assert_eq!(key(Some(b"from-header"), "from-field"), Ok(Some("from-header".into())));
        assert_eq!(key(Some(b"\"quoted\""), ""), Ok(Some("quoted".into())));
        assert_eq!(key(None, "from-field"), Ok(Some("from-field".into())));
        assert_eq!(key(None, ""), Ok(None));
    }

    #[test]
    fn a_key_that_cannot_be_stored_is_refused_and_not_ignored() {
        let long = "x".repeat(65);
        for header in [b"".as_slice(), b"\"\"", b"two words", b"\xFF", long.as_bytes()] {
            assert_eq!(key(Some(header), "fit"), Err("malformed_request"), "{header:?}");
        }
        assert_eq!(key(None, "zwei Wörter"), Err("malformed_request"));
    }
}
