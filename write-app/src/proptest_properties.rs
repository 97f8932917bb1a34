//! What is true of any input, from the form or from a cookie. Each test tries 256 values, and with
//! `.ci/run properties` 20,000.

use app_core::{mysql::pod_name::PodName, typed_text};
use axum::{
    extract::{FromRequest as _, Request},
    http::{HeaderMap, HeaderName, HeaderValue},
};
use axum_extra::extract::{CookieJar, cookie::Cookie};
use proptest::{collection::vec, option, prelude::*};
use serde_json::json;
use tokio::runtime::Builder;

use crate::{
    db::Registered,
    idempotency::Sender,
    page::flash::Flash,
    registration::{Registration, Typed},
    routes::submitted::Submitted,
};

/// Control characters, line ends, no-break spaces, characters that change the direction of text, and those that show
/// nothing. The class uses the properties of Unicode, so it does not repeat the parser's list. Joiners, variation
/// selectors and the tags of flags are part of ordinary text.
const INVISIBLE: &str = "[\\p{Cc}\\p{Zl}\\p{Zp}\\u{A0}\\p{Bidi_Control}[\\p{Default_Ignorable_Code_Point}\
     --[\\u{180E}\\u{200C}\\u{200D}\\p{Variation_Selector}\\u{E0020}-\\u{E007F}]]]";

/// Letters of Hangul that show nothing.
const FILLERS: [char; 4] = ['\u{115F}', '\u{1160}', '\u{3164}', '\u{FFA0}'];

fn parse(name: &str, email: &str) -> Result<Registration, Vec<&'static str>> {
    let typed = Typed { name: name.into(), email: email.into() };
    Registration::parse(&typed)
        .map_err(|problems| problems.iter().map(|problem| problem.field).collect())
}

/// Texts that look like names, more or less.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[\\p{L}\\p{M}\\p{N}\\p{So}\u{200C}\u{200D}' -]{1,12}",
        "\\PC{1,300}"
    ]
}

/// Texts that look like emails, more or less.
fn email() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[ -~]{0,20}@[ -~]{0,20}",
        "\\PC{1,8}@\\PC{1,8}\\.\\PC{1,4}",
        "[\\p{L}\\p{M}]{1,5}@[\\p{L}\\p{M}\\p{N}-]{1,8}\\.\\p{L}{2,4}",
        "[a-zé\u{301}]{1,5}@(xn--[a-z0-9-]{1,8}|[a-zäßç]{1,6})\\.[a-z]{2,4}",
        "[a-z.+'\"<>]{1,9}@[a-z0-9.-]{1,9}\\.[a-z]{1,5}[ \\t\\r\\n]?",
    ]
}

const URLENCODED: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data; boundary=between-the-parts";

/// The name and the email in a body.
fn submitted(kind: &str, body: Vec<u8>) -> Option<(String, String)> {
    let request = Request::builder().header("content-type", kind).body(body.into()).unwrap();
    let runtime = Builder::new_current_thread().build().unwrap();
    let read = runtime.block_on(Submitted::from_request(request, &()));
    read.ok().map(|Submitted(Typed { name, email })| (name, email))
}

fn multipart(fields: [(&str, &str); 2]) -> String {
    let part = |(field, value)| {
        format!(
            "--between-the-parts\r\ncontent-disposition: form-data; name={field}\r\n\r\n{value}\r\n"
        )
    };
    fields.map(part).concat() + "--between-the-parts--"
}

fn flash() -> impl Strategy<Value = Flash> {
    let texts = (any::<String>(), any::<String>(), option::of(any::<String>()));
    let numbers = (any::<u64>(), option::of(any::<u64>()), option::of(any::<u64>()));
    let flags = (option::of(any::<bool>()), any::<bool>());
    (texts, numbers, flags).prop_map(
        |((name, pod, gtid), (id, replicas, commit_ms), (acknowledged, repeated))| {
            let pod = PodName::new(pod);
            let registered =
                Registered { id, pod, gtid, acknowledged, replicas, commit_ms, repeated };
            Flash { name, registered }
        },
    )
}

proptest! {
    #[test]
    fn an_accepted_name_is_trimmed_fits_and_is_accepted_as_it_is(name in name()) {
        if let Ok(registration) = parse(&name, "ada@example.org") {
            let accepted = registration.name.as_str();
            prop_assert_eq!(accepted, accepted.trim());
            prop_assert!((1..=255).contains(&accepted.chars().count()));
            prop_assert!(accepted.chars().any(|one| !one.is_ascii_punctuation()));
            prop_assert_eq!(parse(accepted, "ada@example.org").unwrap().name, registration.name);
        }
    }

    #[test]
    fn all_forms_of_an_accepted_name_are_one_name(name in name(), end in "[ \u{FEFF}\u{200B}\u{200E}\u{A0}\u{2060}]{0,3}") {
        if let Ok(registration) = parse(&name, "ada@example.org") {
            for form in [typed_text::decomposed(&name), typed_text::composed(&name)] {
                let typed = format!("{end}{form}{end}");
                prop_assert_eq!(&parse(&typed, "ada@example.org").unwrap().name, &registration.name);
            }
        }
    }

    #[test]
    fn a_name_with_something_invisible_inside_is_refused(
        (begin, hidden, end) in ("[a-z]\\w{0,4}", INVISIBLE, "\\w{0,4}[a-z]")
    ) {
        let name = begin + &hidden + &end;
        prop_assert_eq!(parse(&name, "ada@example.org").err(), Some(vec!["name"]), "{:?}", name);
    }

    #[test]
    fn a_name_of_letters_is_accepted(name in "\\p{L}{1,20}( \\p{L}{1,20}){0,2}") {
        let shown = name.trim_matches(|one| one == ' ' || FILLERS.contains(&one));
        let visible = !shown.is_empty() && !shown.contains(FILLERS);
        prop_assert_eq!(parse(&name, "ada@example.org").is_ok(), visible, "{:?}", name);
    }

    #[test]
    fn an_accepted_email_fits_and_holds_nothing_but_an_address(email in email()) {
        if let Ok(registration) = parse("Ada", &email) {
            let accepted = registration.email.as_str();
            prop_assert!(accepted.chars().count() <= 254);
            prop_assert!(!accepted.contains(|one: char| one.is_whitespace() || one.is_control() || "\"<>".contains(one)));
            let (local, domain) = accepted.split_once('@').unwrap();
            prop_assert!(!local.is_empty() && domain.contains('.') && !domain.contains('@'), "{}", accepted);
            prop_assert_eq!(parse("Ada", accepted).unwrap().email, registration.email);
        }
    }

    #[test]
    fn all_forms_of_an_accepted_email_are_one_mailbox(email in email()) {
        if let Ok(registration) = parse("Ada", &email) {
            let [unicode, ascii] = typed_text::email_forms(registration.email.as_str());
            prop_assert!(ascii.len() <= 254);
            let (local, domain) = ascii.rsplit_once('@').unwrap();
            let capitals = format!("{local}@{}.", domain.to_uppercase());
            let wide = ascii.replace('@', "＠").replace('.', "。");
            for form in [typed_text::decomposed(&unicode), ascii.as_str().into(), capitals.into(), wide.into()] {
                prop_assert_eq!(&parse("Ada", &form).unwrap().email, &registration.email, "{}", form);
            }
        }
    }

    #[test]
    fn values_arrive_as_they_were_sent((name, email) in any::<(String, String)>()) {
        let fields = [("name", name.as_str()), ("email", email.as_str())];
        let json = json!({ "name": name, "email": email }).to_string();
        let form = serde_urlencoded::to_string(fields).unwrap();
        for (kind, body) in [("application/json", json), (URLENCODED, form), (MULTIPART, multipart(fields))] {
            prop_assert_eq!(submitted(kind, body.into()), Some((name.clone(), email.clone())), "{}", kind);
        }
    }

    #[test]
    fn no_body_gets_a_replacement_character_that_was_not_sent(
        kind in "(application/json|application/x-www-form-urlencoded|text/plain|multipart/form-data; boundary=b|)",
        begin in r#"(name=|\{"name":"|--b\r\nContent-Disposition: form-data; name=name\r\n\r\n|)"#,
        value in prop_oneof![vec(any::<u8>(), 0..20), "(%[0-9A-Fa-f]{2}|%|[a-z]|\\\\u[0-9a-f]{4}){0,9}".prop_map(String::into_bytes)],
        end in r#"(&email=x|"\}|\r\n--b--|)"#,
    ) {
        let body = [begin.as_bytes(), &value, end.as_bytes()].concat();
        let sent = String::from_utf8_lossy(&value).to_lowercase();
        let may_have = sent.contains("%ef%bf%bd") || sent.contains("\\ufffd") || value.windows(3).any(|three| three == "\u{FFFD}".as_bytes());
        if let Some((name, _)) = submitted(&kind, body) {
            prop_assert!(may_have || !name.contains('\u{FFFD}'), "{}", name);
        }
    }

    #[test]
    fn a_key_that_is_accepted_fits_the_column_and_means_the_same_with_quotes(key in "(\\PC{0,70}|[!-~]{0,70})") {
        let sender = |key: &str| {
            let key = HeaderValue::from_bytes(key.as_bytes()).unwrap();
            Sender::of(&HeaderMap::from_iter([(HeaderName::from_static("idempotency-key"), key)]))
        };
        if let Ok(Sender::Program(Some(accepted))) = sender(&key) {
            prop_assert!((1..=64).contains(&accepted.as_str().len()));
            prop_assert!(accepted.as_str().bytes().all(|byte| byte.is_ascii_graphic()));
            let quoted = format!("\"{}\"", accepted.as_str());
            prop_assert_eq!(sender(&quoted).unwrap(), Sender::Program(Some(accepted)));
        }
    }

    #[test]
    fn a_flash_comes_back_as_it_was(flash in flash()) {
        let jar = CookieJar::new().add(flash.cookie().unwrap());
        let (shown, _) = Flash::take(jar);
        prop_assert_eq!(format!("{:?}", shown.unwrap()), format!("{flash:?}"));
    }

    #[test]
    fn no_cookie_is_an_error(value in "(id=[0-9]{0,25}&name=.{0,9}&pod=.{0,9}&commit_ms=.{0,5}|.{0,99})") {
        let (shown, jar) = Flash::take(CookieJar::new().add(Cookie::new("registered", value)));
        prop_assert!(shown.is_none_or(|shown| shown.commit().is_none()));
        prop_assert!(jar.get("registered").is_none(), "it is shown once");
    }

    #[test]
    fn the_link_to_read_app_carries_two_values_whatever_they_are(flash in flash()) {
        let link = flash.read_back("http://node:30001/");
        let query = link.strip_prefix("http://node:30001/?").and_then(|link| link.strip_suffix("#users"));
        let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query.unwrap()).unwrap();
        let after = flash.registered.gtid.map(|gtid| ("after".to_owned(), gtid));
        let expected: Vec<_> = after.into_iter().chain([("id".to_owned(), flash.registered.id.to_string())]).collect();
        prop_assert_eq!(pairs, expected);
        prop_assert!(link.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"'<>".contains(&byte)), "{}", link);
    }
}
