//! The two forms of a response, and which of them a client asks for.

use std::str::FromStr as _;

use axum::http::{HeaderMap, header};
use headers_accept::Accept;
use mediatype::{
    MediaType,
    names::{APPLICATION, HTML, JSON, TEXT},
};

const PAGE: MediaType<'static> = MediaType::new(TEXT, HTML);

/// JSON first: a client that has no preference is a program, or a person with curl.
static FORMS: [MediaType<'static>; 3] = [
    MediaType::new(APPLICATION, JSON),
    MediaType::from_parts(APPLICATION, mediatype::Name::new_unchecked("problem"), Some(JSON), &[]),
    PAGE,
];

/// The form of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerForm {
    /// HTML, for people.
    Page,
    /// JSON, for programs.
    Json,
}

impl AnswerForm {
    /// The form that the `Accept` header prefers, or none if it takes neither. Without a header, and with one
    /// that cannot be read, it is JSON.
    /// <https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1>
    #[must_use]
    pub fn wanted_by(headers: &HeaderMap) -> Option<Self> {
        let lines = headers.get_all(header::ACCEPT).iter();
        let lines = lines.map(|line| line.to_str().unwrap_or_default());
        let list = lines.collect::<Vec<_>>().join(", ");
        if list.trim().is_empty() {
            return Some(Self::Json);
        }
        let Ok(accept) = Accept::from_str(&list) else { return Some(Self::Json) };
        let form = accept.negotiate(&FORMS)?;
        Some(if *form == PAGE { Self::Page } else { Self::Json })
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn wanted(accept: &'static str) -> Option<AnswerForm> {
        let line = (header::ACCEPT, HeaderValue::from_static(accept));
        AnswerForm::wanted_by(&HeaderMap::from_iter([line]))
    }

    #[test]
    fn browsers_want_pages_and_programs_do_not() {
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        assert_eq!(wanted(browser), Some(AnswerForm::Page));
        for program in ["*/*", "application/json", "application/*", "application/problem+json", ""]
        {
            assert_eq!(wanted(program), Some(AnswerForm::Json), "{program}");
        }
        assert_eq!(AnswerForm::wanted_by(&HeaderMap::new()), Some(AnswerForm::Json));
    }

    #[test]
    fn what_is_preferred_counts_and_what_is_excluded_is_not_sent() {
        assert_eq!(wanted("application/json;q=0.5, text/html"), Some(AnswerForm::Page));
        assert_eq!(wanted("application/json, text/html;q=0.5"), Some(AnswerForm::Json));
        assert_eq!(wanted("text/html;q=0, */*"), Some(AnswerForm::Json));
    }

    #[test]
    fn a_client_that_takes_neither_is_told_apart_from_one_that_cannot_be_read() {
        assert_eq!(wanted("image/png"), None);
        assert_eq!(wanted("text/html;q=0"), None);
        assert_eq!(wanted("no media type"), Some(AnswerForm::Json));
    }
}
