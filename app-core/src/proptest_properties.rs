//! What holds for any input from outside. proptest tries each property on 256 values, and
//! `.ci/run properties` on 20,000.

use std::{ffi::OsString, os::unix::ffi::OsStringExt as _};

use axum::{body::Body, extract::Request, http::HeaderValue};
use proptest::{collection::vec, option, prelude::*, sample::select};

use crate::{
    config::{ABOUT, Config, VARIABLES, tls_ca::TlsCa},
    http::request_id,
    mysql::{gtid::GtidSet, pod_name::PodName},
};

/// The text of a GTID set as a server prints it, or a text that resembles one.
fn gtid_text() -> impl Strategy<Value = String> {
    let uuid = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}";
    let part = prop_oneof![
        (1..u64::MAX >> 1, 0..1000u64)
            .prop_map(|(first, more)| format!("{first}-{}", first + more)),
        (0..100u64).prop_map(|number| number.to_string()),
        "[a-z_][a-z0-9_]{0,31}".prop_map(|tag| tag),
        "[0-9a-z: -]{0,4}".prop_map(|text| text),
    ];
    let member =
        (uuid, vec(part, 1..4)).prop_map(|(uuid, parts)| format!("{uuid}:{}", parts.join(":")));
    vec(member, 0..4).prop_map(|members| members.join(",\n"))
}

/// The value of a variable: usable, secret or nonsense.
fn value() -> impl Strategy<Value = OsString> {
    let usable =
        select(vec!["3306", "127.0.0.1:53", "info,sqlx=debug", "mysql", "", "/etc", "/nowhere"]);
    prop_oneof![
        usable.prop_map(OsString::from),
        "[ -~\\n]{0,20}".prop_map(|text| format!("hunter2{text}").into()),
        vec(any::<u8>(), 0..20)
            .prop_map(|bytes| OsString::from_vec([b"hunter2", &bytes[..]].concat())),
    ]
}

fn environment() -> impl Strategy<Value = Vec<(OsString, OsString)>> {
    let names =
        VARIABLES.iter().flat_map(|one| [one.name.to_owned(), format!("{}_FILE", one.name)]);
    let names: Vec<_> = names.collect();
    vec((select(names).prop_map(OsString::from), value()), 0..12)
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_of_gtid_sets_panic(text in any::<String>()) {
        let _parsed = text.parse::<GtidSet>();
    }

    #[test]
    fn a_gtid_set_that_is_printed_parses_to_the_same_set(text in gtid_text()) {
        if let Ok(set) = text.parse::<GtidSet>() {
            prop_assert_eq!(set.to_string().parse(), Ok(set.clone()));
            prop_assert_eq!(set.is_empty(), set.transactions() == 0);
            let all = set.with_all_before();
            prop_assert_eq!(all.with_all_before(), all);
        }
    }

    #[test]
    fn no_environment_makes_the_configuration_panic_or_print_a_value(variables in environment()) {
        let printed = match Config::from_variables(&ABOUT, variables.clone()) {
            Ok(config) => format!("{:?}", config.database.credentials),
            Err(problems) => problems.to_string(),
        };
        prop_assert!(!printed.contains("hunter2"), "{:?}: {}", variables, printed);
    }

    #[test]
    fn an_ordinal_is_the_number_at_the_end_of_a_name(name in ".{0,20}-?[0-9]{0,3}") {
        let pod = PodName::new(name.clone());
        prop_assert!(pod.ordinal().bytes().all(|byte| byte.is_ascii_digit()));
        prop_assert!(name.ends_with(pod.ordinal()));
        prop_assert_eq!(pod.to_string(), name);
    }

    #[test]
    fn the_id_of_a_request_is_fit_for_a_log(id in option::of(vec(any::<u8>(), 0..80))) {
        let mut request = Request::new(Body::empty());
        if let Some(id) = id.and_then(|id| HeaderValue::from_bytes(&id).ok()) {
            request.headers_mut().insert("x-request-id", id);
        }
        let request = request_id::drop_unfit(request);

        let id = request_id::of(request.headers());
        prop_assert!((1..=64).contains(&id.len()), "{}", id);
        prop_assert!(id.chars().all(|one| one.is_ascii_alphanumeric() || "._-".contains(one)), "{}", id);
    }

    #[test]
    fn a_text_that_only_looks_like_a_certificate_is_refused(bytes in "[A-Za-z0-9+/=\\n]{0,200}") {
        let pem = format!("-----BEGIN CERTIFICATE-----\n{bytes}\n-----END CERTIFICATE-----\n");
        prop_assert!(pem.parse::<TlsCa>().is_err());
    }
}
