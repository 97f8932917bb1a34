//! What holds for every query string, with the page's form and without: each property is tried on 256 values, and
//! by `.ci/run properties` on 20,000.

use std::time::Duration;

use app_core::{http::error::Error, mysql::pod_name::PodName};
use axum::{extract::FromRequestParts as _, http::Request};
use proptest::{collection::vec, prelude::*, sample::select};

use crate::{
    api::query_string::NAMES,
    page::{
        dots::{Dot, Dots, KEPT},
        params::{MOST_QUERIES, PageParams},
    },
};

const VALUES: [&str; 18] = [
    "mysql-read",
    "mysql",
    "new",
    "pool",
    "round-robin",
    "random",
    "least-connections",
    "sticky",
    "on",
    "live",
    "0",
    "20",
    "21",
    "5",
    "-1",
    "NaN",
    "1e400",
    "3e11fa47-71ca-11e1-9e33-c80aa9429562:57",
];

fn pairs() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let text = "\\PC{0,20}".prop_map(|text| text);
    let long =
        (any::<char>(), 200..300usize).prop_map(|(one, times)| String::from(one).repeat(times));
    let value = prop_oneof![4 => select(&VALUES[..]).prop_map(str::to_owned), 2 => text, 1 => long];
    vec((select(&NAMES[..]), value), 0..6)
}

fn read(query: &str) -> Result<PageParams, Error> {
    let request = Request::get(format!("/?{query}")).body(()).unwrap();
    let mut parts = request.into_parts().0;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(PageParams::from_request_parts(&mut parts, &()))
}

fn percent_encoded(pairs: &[(&str, String)]) -> String {
    let encoded = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let pairs = pairs.iter().map(|(name, value)| format!("{name}={}", encoded(value)));
    pairs.collect::<Vec<_>>().join("&")
}

proptest! {
    #[test]
    fn accepted_parameters_are_within_their_limits(pairs in pairs()) {
        match read(&percent_encoded(&pairs)) {
            Ok(params) => {
                prop_assert!(params.ask.is_none_or(|ask| ask <= MOST_QUERIES));
                prop_assert!(params.mode.user.chars().count() <= 255);
                prop_assert!(params.after.is_none_or(|after| after.wait <= Duration::from_secs(5)));
                prop_assert!(params.dots.len() <= KEPT && params.dots_beside.len() <= KEPT);
            }
            Err(error) => prop_assert_eq!(error.code(), "malformed_request"),
        }
    }

    #[test]
    fn no_query_string_is_too_odd(query in "[!$-;=?-Z_a-z~%]{0,60}") {
        if let Err(error) = read(&query) {
            prop_assert_eq!(error.code(), "malformed_request");
        }
    }

    #[test]
    fn dots_read_as_they_are_written(text in "[0-9a-zA-Z\\PC]{0,500}") {
        let dots = Dots::read(&text);
        prop_assert!(dots.len() <= KEPT);
        prop_assert_eq!(Dots::read(&dots.text()), dots.clone());
        prop_assert_eq!(dots.answered(), dots.counts().values().sum::<usize>());
        prop_assert!(dots.text().bytes().all(|byte| byte.is_ascii_alphanumeric()));
    }

    #[test]
    fn every_name_of_a_pod_has_a_dot_that_is_remembered(name in "(mysql-[0-9]{1,12}|\\PC{0,20})") {
        let mut dots = Dots::default();
        dots.push(Dot::of(&PodName::new(name)));
        prop_assert_eq!(Dots::read(&dots.text()).last(), dots.last());
    }
}
