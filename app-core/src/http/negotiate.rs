//! The two forms of a response, and which of them a client asks for.

use std::cmp::Reverse;

use axum::http::{HeaderMap, header};

/// JSON first: a client that has no preference is a program, or a person with curl.
const FORMS: [(AnswerForm, &str, &str); 3] = [
    (AnswerForm::Json, "application", "json"),
    (AnswerForm::Json, "application", "problem+json"),
    (AnswerForm::Page, "text", "html"),
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
    /// The form that the `Accept` header prefers, or none if it takes neither. Of two forms that it likes equally, it
    /// is the one that it names more precisely, then the one that it names first. Without a header, and with one that
    /// cannot be read, it is JSON.
    /// <https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1>
    #[must_use]
    pub fn wanted_by(headers: &HeaderMap) -> Option<Self> {
        let lines = headers.get_all(header::ACCEPT).iter();
        let lines = lines.map(|line| line.to_str().unwrap_or_default());
        let list = lines.collect::<Vec<_>>().join(",");
        let ranges: Vec<_> = parts(&list, ',').filter_map(Range::parse).collect();
        if ranges.is_empty() {
            return Some(Self::Json);
        }
        let wanted = FORMS.iter().enumerate().filter_map(|(index, (form, kind, subtype))| {
            let matching = ranges.iter().enumerate().filter_map(|(position, range)| {
                let precision = range.precision(kind, subtype)?;
                Some((precision, range.quality, Reverse(position)))
            });
            let (precision, quality, position) = matching.max()?;
            (quality > 0).then_some((quality, precision, position, Reverse(index), *form))
        });
        wanted
            .max_by_key(|(quality, precision, position, index, _)| {
                (*quality, *precision, *position, *index)
            })
            .map(|(.., form)| form)
    }
}

/// A part of the header, such as `text/*;q=0.5`.
struct Range<'a> {
    kind: &'a str,
    subtype: &'a str,
    has_parameters: bool,
    /// In thousandths.
    quality: u16,
}

impl<'a> Range<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = parts(text, ';');
        let (kind, subtype) = parts.next()?.split_once('/')?;
        let (mut quality, mut has_parameters) = (1000, false);
        for parameter in parts {
            match parameter.split_once('=') {
                Some((name, value)) if name.eq_ignore_ascii_case("q") => {
                    quality = thousandths(value)
                }
                _ => has_parameters = true,
            }
        }
        Some(Self { kind, subtype, has_parameters, quality })
    }

    /// How precisely it names the media type, if at all. The parameters of a range, such as a charset, say how the
    /// client would like the form best. There is one of each form, so the client gets that.
    fn precision(&self, kind: &str, subtype: &str) -> Option<u8> {
        match (self.kind, self.subtype) {
            ("*", "*") => Some(0),
            (own, "*") if own.eq_ignore_ascii_case(kind) => Some(1),
            (own, one) if own.eq_ignore_ascii_case(kind) && one.eq_ignore_ascii_case(subtype) => {
                Some(if self.has_parameters { 2 } else { 3 })
            }
            _ => None,
        }
    }
}

/// The value of `q`. A number that is too large or too small counts as the nearest that is allowed, and what is no
/// number as none given.
fn thousandths(value: &str) -> u16 {
    match value.trim_matches('"').parse::<f32>() {
        Ok(quality) if quality.is_finite() => (quality.clamp(0.0, 1.0) * 1000.0).round() as u16,
        _ => 1000,
    }
}

/// The parts of a list that are not empty. A separator in quotes separates nothing.
/// <https://www.rfc-editor.org/rfc/rfc9110#section-5.6.1.2>
fn parts(list: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let separates = move |one: char| {
        let was_escaped = std::mem::take(&mut is_escaped);
        match one {
            '\\' if is_quoted && !was_escaped => is_escaped = true,
            '"' if !was_escaped => is_quoted = !is_quoted,
            _ => {}
        }
        one == separator && !is_quoted
    };
    list.split(separates).map(str::trim).filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const PAGE: Option<AnswerForm> = Some(AnswerForm::Page);
    const JSON: Option<AnswerForm> = Some(AnswerForm::Json);

    fn wanted_by_lines(lines: &[&'static str]) -> Option<AnswerForm> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::ACCEPT, HeaderValue::from_static(line));
        }
        AnswerForm::wanted_by(&headers)
    }

    fn assert_all(wanted: Option<AnswerForm>, headers: &[&'static str]) {
        for header in headers {
            assert_eq!(wanted_by_lines(&[header]), wanted, "{header:?}");
        }
    }

    #[test]
    fn browsers_want_pages_and_programs_do_not() {
        assert_all(
            PAGE,
            &[
                "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
                "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2",
            ],
        );
        assert_all(
            JSON,
            &["*/*", "application/json", "application/*", "application/problem+json", ""],
        );
        assert_eq!(wanted_by_lines(&[]), JSON);
    }

    #[test]
    fn what_is_preferred_counts_and_what_is_excluded_is_not_sent() {
        assert_all(
            PAGE,
            &[
                "application/json;q=0.5, text/html",
                "application/json;q=0.5,text/html;q=0.501",
                "text/html, application/json",
                "*/*, text/html",
                "text/*;q=0.9, */*;q=0.8",
                "*/*;q=0.1, text/html;q=0.2, application/*;q=0.1",
                "application/json;q=0, application/problem+json;q=0.0, text/html;q=0.1",
            ],
        );
        assert_all(
            JSON,
            &[
                "application/json, text/html;q=0.5",
                "application/json, text/html",
                "text/html;q=0, */*",
                "text/html;q=0.000, */*;q=0.001",
                "text/*, text/html;q=0, application/json;q=0.1",
            ],
        );
        assert_all(
            None,
            &["image/png", "text/html;q=0", "text/html;q=0.000", "*/*;q=0", "text/plain, image/*"],
        );
    }

    #[test]
    fn a_media_type_may_have_parameters_and_upper_case_letters() {
        assert_all(
            PAGE,
            &[
                "text/html;level=1",
                "text/html ; charset=utf-8 ; q=0.5",
                "TEXT/HTML;CHARSET=UTF-8",
                "Text/*",
                "text/html;;q=0.9, application/json;Q=0.8;",
                "text/html;note=\"a, b; q=0\\\"\", application/json;q=0.9",
                "text/html;level=1, */*;q=0.1",
                "text/html;q=0.9, text/html;level=1;q=0.1, application/json;q=0.5",
            ],
        );
        assert_all(
            JSON,
            &[
                "application/json;charset=utf-8",
                "application/json; charset=\"utf-8\", text/html;q=0.9",
                "APPLICATION/JSON",
                "application/Problem+JSON;v=1",
                "text/html;level=1;q=0.4, application/json;q=0.5",
            ],
        );
    }

    #[test]
    fn empty_parts_and_several_headers_are_one_list() {
        assert_all(PAGE, &[",text/html", ", ,text/html, ,application/json;q=0.9,", "text/html,"]);
        assert_eq!(wanted_by_lines(&["application/json;q=0.5", "text/html"]), PAGE);
        assert_eq!(wanted_by_lines(&["", "text/html"]), PAGE);
        assert_eq!(wanted_by_lines(&["image/png", "text/html;q=0"]), None);
    }

    #[test]
    fn a_part_that_cannot_be_read_spoils_no_other_and_a_wrong_q_is_one_or_the_nearest_that_is_allowed()
     {
        assert_all(
            PAGE,
            &[
                "nonsense, text/html",
                "text/html;q=high, application/json;q=0.9",
                "text/html;q=, application/json;q=0.9",
                "text/html;q=1.5, application/json;q=0.9",
                "text/html;q=NaN, application/json;q=0.9",
                "text/html;q=\"0.9\", application/json;q=0.8",
                "text/html, application/json;q=-1",
            ],
        );
        assert_all(JSON, &["no media type", "html", ",", "*", "text/html;q=0.0000, */*;q=.1"]);
    }
}
