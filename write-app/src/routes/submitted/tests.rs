use axum::{
    body::Body,
    http::{HeaderName, HeaderValue},
};

use super::*;

const JSON: &str = r#"{"name":"José","email":"jose@example.org"}"#;
const FORM: &str = "name=Jos%C3%A9&email=jose%40example.org";
const URLENCODED: &str = "application/x-www-form-urlencoded";
const PARTS: &str = "multipart/form-data; boundary=b";

/// What is read of a body: name and email, or status and sentence.
async fn read_with(
    headers: &[(&str, &str)],
    body: impl Into<Body>,
) -> Result<(String, String), (u16, String)> {
    let mut request = Request::new(body.into());
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        request.headers_mut().append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    match Submitted::from_request(request, &()).await {
        Ok(Submitted(Typed { name, email })) => Ok((name, email)),
        Err(error) => Err((error.status().as_u16(), error.message())),
    }
}

async fn read(kind: &str, body: impl Into<Body>) -> Result<(String, String), (u16, String)> {
    read_with(&[("content-type", kind)], body).await
}

/// Asserts that the values in the body are José and jose@example.org.
async fn assert_read(kind: &str, body: impl Into<Vec<u8>>) {
    let body = body.into();
    let shown = format!("{kind}: {}", String::from_utf8_lossy(&body));
    let jose = ("José".to_owned(), "jose@example.org".to_owned());
    assert_eq!(read(kind, body).await, Ok(jose), "{shown}");
}

/// Asserts that the body is refused with this status, and a sentence that contains this.
async fn assert_refused(kind: &str, body: impl Into<Vec<u8>>, status: u16, why: &str) {
    let body = body.into();
    let shown = format!("{kind}: {}", String::from_utf8_lossy(&body));
    let (refused_with, sentence) = read(kind, body).await.expect_err(&shown);
    assert_eq!(refused_with, status, "{shown}: {sentence}");
    assert!(sentence.contains(why) && sentence.ends_with(WHAT_TO_SEND), "{shown}: {sentence}");
}

fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|one| u8::try_from(u32::from(one)).unwrap()).collect()
}

fn utf16(text: &str, bytes_of: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes_of).collect()
}

/// A multipart form. Each part has the end of its Content-Disposition, perhaps more headers, and its content.
fn multipart_of(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (head, content) in parts {
        body.extend(format!("--b\r\nContent-Disposition: form-data; {head}\r\n\r\n").bytes());
        body.extend([content, b"\r\n".as_slice()].concat());
    }
    body.extend(b"--b--\r\n");
    body
}

#[tokio::test]
async fn json_is_understood_however_it_is_declared() {
    for kind in [
        "application/json",
        "Application/JSON; charset=UTF-8",
        "application/json;charset=\"utf8\"",
        "application/json;",
        "application/vnd.api+json",
        "text/json",
        "text/plain",
        "text/plain;charset=UTF-8",
        URLENCODED,
        "",
    ] {
        assert_read(kind, JSON).await;
        assert_read(kind, format!("\u{FEFF}\r\n {JSON}\n")).await;
    }
    let undeclared = read_with(&[], JSON).await;
    assert_eq!(undeclared.unwrap().0, "José");
}

#[tokio::test]
async fn a_form_is_understood_whether_or_not_its_bytes_are_encoded() {
    for form in [
        FORM,
        "name=José&email=jose@example.org",
        "\u{FEFF}name=Jos%c3%A9&email=jose@example.org\r\n",
        "&utf8=%E2%9C%93&n%61me=José&&idempotency_key=%zz&email=jose@example.org&name%FF=x&x",
    ] {
        assert_read(URLENCODED, form).await;
        assert_read(&format!("{URLENCODED}; charset=utf-8"), form).await;
    }
    let signs = read(URLENCODED, "name=A+B%2BC%25%26%3D=1&email=").await;
    assert_eq!(signs, Ok(("A B+C%&==1".into(), String::new())));
}

#[tokio::test]
async fn a_multipart_form_is_understood_and_a_file_in_another_field_is_ignored() {
    let body = multipart_of(&[
        ("name=\"photo\"; filename=\"ada.png\"\r\nContent-Type: image/png", b"\xFF\0\r\n--"),
        ("name=\"name\"", "José".as_bytes()),
        ("name=email\r\ncontent-type: Text/Plain; charset=UTF-8", b"jose@example.org"),
    ]);
    for kind in [
        PARTS,
        "Multipart/Form-Data; boundary=\"b\"",
        "multipart/form-data; charset=utf-8; boundary=b",
    ] {
        assert_read(kind, body.clone()).await;
    }
}

#[tokio::test]
async fn a_part_that_is_not_plain_text_in_utf_8_is_refused_by_the_name_of_its_field() {
    let latin1 = latin1("José");
    for (head, content) in [
        ("", latin1.as_slice()),
        ("; filename=\"ada.txt\"", b"Ada"),
        ("; filename=\"\"", b""),
        ("\r\nContent-Type: text/plain; charset=iso-8859-1", b"Ada"),
        ("\r\nContent-Type: application/json", b"\"Ada\""),
        ("\r\nContent-Transfer-Encoding: base64", b"QWRh"),
        ("\r\nContent-Transfer-Encoding: Quoted-Printable", b"Ad=61"),
    ] {
        let head = format!("name=\"email\"{head}");
        let body = multipart_of(&[("name=\"name\"", b"Ada"), (&head, content)]);
        assert_refused(PARTS, body, 400, "The field email is not plain text").await;
    }
}

#[tokio::test]
async fn a_multipart_form_that_is_damaged_is_refused() {
    let whole = multipart_of(&[("name=\"name\"", b"Ada"), ("name=\"email\"", b"ada@example.org")]);
    for length in [0, 10, 70, whole.len() - 20, whole.len() - 6] {
        assert_refused(PARTS, &whole[..length], 400, "not well formed").await;
    }
    assert_refused("multipart/form-data; boundary=c", whole.clone(), 400, "not well formed").await;
    assert_refused("multipart/form-data", whole, 400, "no boundary").await;
    let twice = multipart_of(&[("name=\"name\"", b"a"), ("name=\"name\"", b"a")]);
    assert_refused(PARTS, twice, 400, "The field name occurs twice").await;
}

#[tokio::test]
async fn what_is_missing_or_null_is_empty_and_other_fields_are_ignored() {
    for json in [
        "{}",
        r#"{"name":null,"email":null}"#,
        r#"{"Name":"Ada","age":5,"tags":[{"name":"x"}],"age":null}"#,
    ] {
        assert_eq!(read("application/json", json).await, Ok(Default::default()), "{json}");
    }
    assert_eq!(read(URLENCODED, "hello").await, Ok(Default::default()));
}

#[tokio::test]
async fn text_that_is_not_in_utf_8_is_refused_in_every_kind_of_body() {
    let not_utf8 = "not in UTF-8";
    for kind in ["application/json", "text/plain", URLENCODED, ""] {
        assert_refused(kind, latin1(JSON), 400, not_utf8).await;
        for bytes_of in [u16::to_le_bytes, u16::to_be_bytes] {
            assert_refused(kind, utf16(JSON, bytes_of), 400, not_utf8).await;
            assert_refused(kind, utf16(&format!("\u{FEFF}{JSON}"), bytes_of), 400, not_utf8).await;
        }
    }
    assert_refused(URLENCODED, latin1("name=José&email=x"), 400, not_utf8).await;
    assert_refused(URLENCODED, utf16("name=Ada&email=x", u16::to_be_bytes), 400, not_utf8).await;
}

#[tokio::test]
async fn a_charset_other_than_utf_8_is_refused_even_if_it_makes_no_difference() {
    for charset in ["iso-8859-1", "\"UTF-16\"", "windows-1252", "utf-8; charset=latin1"] {
        for (kind, body) in [("application/json", JSON), ("text/plain", JSON), (URLENCODED, FORM)] {
            assert_refused(&format!("{kind}; charset={charset}"), body, 415, "UTF-8").await;
        }
    }
}

#[tokio::test]
async fn a_percent_sign_that_encodes_nothing_is_refused_by_the_name_of_its_field() {
    for name in ["Jos%E9", "%zz", "100%", "a%4", "%%41", "%u00e9", "%C3", "%ED%A0%80", "%2 5"] {
        let why = "The field name is not UTF-8 in percent-encoding";
        assert_refused(URLENCODED, format!("name={name}&email=ada%40example.org"), 400, why).await;
    }
    assert_refused(URLENCODED, "name=Ada&email=%", 400, "The field email").await;
}

#[tokio::test]
async fn of_two_values_for_one_field_neither_is_chosen() {
    assert_refused(URLENCODED, "name=a&email=x&name=b", 400, "The field name occurs twice").await;
    assert_refused(URLENCODED, "email=x&%65mail=x&name=", 400, "The field email occurs twice")
        .await;
    for json in [
        r#"{"name":"a","name":"b"}"#,
        r#"{"name":null,"n\u0061me":"b"}"#,
        r#"{"name":"a","name":"a"}"#,
    ] {
        assert_refused("application/json", json, 400, "duplicate field `name`").await;
    }
}

#[tokio::test]
async fn json_that_has_no_strings_for_name_and_email_is_refused_by_the_name_of_the_field() {
    for value in ["5", "true", "[\"Ada\"]", "{}", "1e400"] {
        let name = format!("{{\"name\":{value},\"email\":\"a@b.cd\"}}");
        let email = format!("{{\"email\":{value},\"name\":\"Ada\"}}");
        let [why_name, why_email] = match value {
            "1e400" => ["number out of range"; 2],
            _ => ["The field name is not a string", "The field email is not a string"],
        };
        assert_refused("application/json", name, 400, why_name).await;
        assert_refused(URLENCODED, email, 400, why_email).await;
    }
}

#[tokio::test]
async fn a_body_that_is_not_one_json_object_is_refused() {
    let list = r#"["Ada","ada@example.org"]"#;
    for kind in ["application/json", URLENCODED, "text/plain"] {
        assert_refused(kind, list, 400, "not a JSON object").await;
    }
    for text in ["\"Ada\"", "null", "5", FORM, "<name>Ada</name>"] {
        assert_refused("application/json", text, 400, "not a JSON object").await;
    }
    for json in [
        "{",
        "{'name':'Ada'}",
        r#"{"name":"\ud800"}"#,
        r#"{"name":"\udc00\ud800"}"#,
        r#"{"name":"A	b"}"#,
        r#"{"name":"Ada",}"#,
        r#"{"name":"Ada"} {"name":"Bob"}"#,
        &format!("{{\"x\":{}", "[".repeat(9000)),
    ] {
        assert_refused("application/json", json, 400, "cannot be read as JSON").await;
        assert_refused(URLENCODED, json, 400, "cannot be read as JSON").await;
    }
}

#[tokio::test]
async fn an_empty_body_is_called_empty() {
    for body in ["", " ", "\r\n\t", "\u{FEFF}", "\u{FEFF}\n"] {
        for kind in ["application/json", URLENCODED, "text/plain", ""] {
            assert_refused(kind, body, 400, "The body is empty").await;
        }
    }
}

#[tokio::test]
async fn a_body_of_another_kind_is_refused_and_so_is_one_that_could_be_anything() {
    for kind in
        ["image/png", "application/xml", "text/html", "application/x-json+xml", "image/x+json"]
    {
        assert_refused(kind, JSON, 415, "neither JSON nor a form").await;
    }
    for kind in ["json", "application/json, application/json", "application/json; charset", "é"] {
        assert_refused(kind, JSON, 415, "cannot be read").await;
    }
    for kind in ["text/plain", ""] {
        assert_refused(kind, FORM, 415, "no content-type says what it is").await;
    }
    let two = [("content-type", "application/json"), ("content-type", URLENCODED)];
    assert_eq!(read_with(&two, JSON).await.unwrap_err().0, 415);
}

#[tokio::test]
async fn a_compressed_body_is_refused_as_what_it_is() {
    for encoding in ["gzip", "br", "identity, gzip"] {
        let headers = [("content-type", "application/json"), ("content-encoding", encoding)];
        let (status, sentence) = read_with(&headers, JSON).await.unwrap_err();
        assert!(status == 415 && sentence.contains("content-encoding"), "{sentence}");
    }
    let headers = [("content-type", URLENCODED), ("content-encoding", "Identity")];
    assert_eq!(read_with(&headers, FORM).await.unwrap().0, "José");
}
