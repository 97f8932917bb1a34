//! The search finds what a person means, in whichever form it is typed or stored.

use std::collections::BTreeSet;

use demo::for_tests::shared;
use serde_urlencoded::to_string;

use crate::client::{register, served};

/// Inserts users as an older write-app did, or SQL by hand, and one more whom the tests do not look for. When the
/// replica has that one, it has them all.
async fn store(users: &[[&str; 2]]) {
    let rows: Vec<_> = users.iter().map(|[name, email]| format!("('{name}', '{email}')")).collect();
    let insert = format!(
        "SET NAMES utf8mb4; INSERT INTO userdb.users (name, email) VALUES {}",
        rows.join(",")
    );
    shared().cluster.sql(0, &insert).await.unwrap();
    register("Last", &format!("last-{}", users[0][1])).await;
}

async fn names_found(search: &str) -> Vec<String> {
    let query = to_string([("search", search)]).unwrap();
    let body = served(&shared().read_app, &format!("/users?{query}")).await;
    let users = body["users"].as_array().unwrap();
    users.iter().map(|user| user["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_name_is_found_in_each_form_in_which_it_is_typed_or_stored() {
    let forms = [
        ["Nguyễn Thị Ánh", "Nguye\u{302}\u{303}n Thi\u{323} A\u{301}nh"],
        ["Дмитрий Йович", "Дмитрии\u{306} И\u{306}ович"],
        [
            "가나다 한글",
            "\u{1100}\u{1161}\u{1102}\u{1161}\u{1103}\u{1161} \u{1112}\u{1161}\u{11AB}\u{1100}\u{1173}\u{11AF}",
        ],
        ["ガギグ ゲゴ", "カ\u{3099}キ\u{3099}ク\u{3099} ケ\u{3099}コ\u{3099}"],
        ["Ångström Qué", "A\u{30A}ngstro\u{308}m Que\u{301}"],
    ];
    let mut users = Vec::new();
    let emails: Vec<_> = (0..10).map(|number| format!("forms-{number}@example.org")).collect();
    for (number, form) in forms.as_flattened().iter().enumerate() {
        users.push([*form, &emails[number]]);
    }
    store(&users).await;

    for [composed, decomposed] in forms {
        for search in [composed, decomposed] {
            let found: BTreeSet<_> = names_found(search).await.into_iter().collect();
            assert_eq!(found, [composed, decomposed].map(str::to_owned).into(), "{search}");
        }
    }
}

#[tokio::test]
async fn a_name_is_found_by_its_beginning_in_any_script() {
    store(&[
        ["विक्रम सिंह", "script-1@example.org"],
        ["สมชาย ใจดี", "script-2@example.org"],
        ["می\u{200C}خواهم", "script-3@example.org"],
        ["Weißflog", "script-4@example.org"],
        ["👩\u{200D}🚀 Sally", "script-5@example.org"],
        ["เก่งกาจ", "script-6@example.org"],
        ["Đặng Œuvre", "script-7@example.org"],
        ["אבגד", "script-8@example.org"],
    ])
    .await;

    for (search, name) in [
        ("विक्रम", "विक्रम सिंह"),
        ("वि", "विक्रम सिंह"),
        ("สมช", "สมชาย ใจดี"),
        ("เก", "เก่งกาจ"),
        ("เก่ง", "เก่งกาจ"),
        ("میخواهم", "می\u{200C}خواهم"),
        ("می\u{200C}خ", "می\u{200C}خواهم"),
        ("weissf", "Weißflog"),
        ("WEIßF", "Weißflog"),
        ("👩\u{200D}🚀", "👩\u{200D}🚀 Sally"),
        ("dang o", "Đặng Œuvre"),
        ("\u{200F}אבג\u{200E}", "אבגד"),
        ("\u{FEFF} weißf\u{200B}\u{A0}", "Weißflog"),
    ] {
        assert_eq!(names_found(search).await, [name], "{search:?}");
    }
}

#[tokio::test]
async fn an_email_is_found_by_both_forms_of_its_domain_in_whichever_form_it_is_stored() {
    store(&[
        ["Unicode", "idn@bücher.example"],
        ["ASCII", "idn@xn--bcher-kva.example"],
        ["Marks", "idn@bu\u{308}cher.example.org"],
    ])
    .await;

    for search in [
        "idn@bücher.example",
        "idn@xn--bcher-kva.example",
        "IDN@XN--BCHER-KVA.EXAMPLE",
        "idn＠bücher。example",
        "idn@bu\u{308}cher.example",
        "\u{FEFF}idn@bücher.exam",
        "idn@bücher.",
        "idn@",
    ] {
        let mut found = names_found(search).await;
        found.sort();
        assert_eq!(found, ["ASCII", "Marks", "Unicode"], "{search:?}");
    }
}

#[tokio::test]
async fn a_search_finds_no_other_beginnings() {
    store(&[
        ["Begin", "begin@example.org"],
        ["Begun", "begun@example.org"],
        ["Bégin", "other-begin@example.org"],
    ])
    .await;

    for (search, names) in [
        ("begin", &["Begin", "Bégin"][..]),
        ("begi%", &[]),
        ("b_gin", &[]),
        ("begin\\", &[]),
        ("begin@example.org ", &["Begin"]),
        ("egin", &[]),
        // Marks alone have no weight in a collation.
        ("\u{301}", &[]),
        ("\u{301}\u{308}", &[]),
        ("\u{34F}\u{301}", &[]),
        ("'", &[]),
        ("\u{10FFFF}", &[]),
    ] {
        let mut found = names_found(search).await;
        found.sort();
        assert_eq!(found, names, "{search:?}");
    }
}
