//! One mailbox is one user, in whichever form its email is typed. Two mailboxes are two users.

use demo::for_tests::{SharedCluster, shared};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::client::{new_email, post_json, submit_json};

async fn status_of(email: &str) -> StatusCode {
    submit_json("Ada", email).send().await.unwrap().status()
}

/// Runs SQL on the primary, as text in UTF-8.
async fn sql(sql: &str) -> String {
    let SharedCluster { cluster, .. } = shared();
    cluster.sql(0, &format!("SET NAMES utf8mb4; {sql}")).await.unwrap()
}

#[tokio::test]
async fn one_mailbox_is_one_user_in_whichever_form_it_is_typed() {
    for forms in [
        &["josé@forms.example", "jose\u{301}@forms.example", "JOSÉ@Forms.example"][..],
        &[
            "ada@bücher.example",
            "ada@xn--bcher-kva.example",
            "Ada@BÜCHER.EXAMPLE",
            "ada＠bücher。example",
        ],
        &["иван@почта.example", "ИВАН@xn--80a1acny.example", "Иван@ПОЧТА.example."],
        &["οδυσσευς@forms.example", "ΟΔΥΣΣΕΥΣ@forms.example"],
        &["ａda@forms.example", "\u{FEFF}ada@forms.example\u{200B}"],
        &["a..b@docomo.example", "A..B@DOCOMO.example"],
    ] {
        assert_eq!(status_of(forms[0]).await, StatusCode::OK, "{}", forms[0]);
        for form in forms {
            assert_eq!(status_of(form).await, StatusCode::CONFLICT, "{form:?}");
        }
    }
}

#[tokio::test]
async fn two_mailboxes_are_two_users_however_alike_their_letters_are() {
    for email in [
        "jose@alike.example",
        "josé@alike.example",
        "josè@alike.example", // accents
        "あ@alike.example",
        "ア@alike.example",
        "ぁ@alike.example", // kana
        "strasse@alike.example",
        "straße@alike.example",
        "2@alike.example",
        "²@alike.example",
        "٢@alike.example", // digits
        "ﬁ@alike.example",
        "fi@alike.example",
        "ı@alike.example",
        "i@alike.example",
        "ada@alike-fass.example",
        "ada@alike-faß.example",
        "a.b@alike.example",
        "ab@alike.example",
        "a..b@alike.example",
    ] {
        assert_eq!(status_of(email).await, StatusCode::OK, "{email}");
    }
}

#[tokio::test]
async fn two_people_may_have_one_name() {
    for _ in 0..2 {
        assert_eq!(status_of(&new_email()).await, StatusCode::OK);
    }
}

#[tokio::test]
async fn what_is_stored_is_what_a_reader_recognises() {
    let response = submit_json("\u{FEFF}Zoe\u{308}\u{A0}", "Ada@XN--MNCHEN-3YA.example.");

    assert_eq!(response.send().await.unwrap().status(), StatusCode::OK);
    let stored =
        sql("SELECT HEX(name), email FROM userdb.users WHERE email = 'ada@münchen.example'").await;
    assert_eq!(stored, "5A6FC3AB\tAda@münchen.example");
}

#[tokio::test]
async fn a_row_that_is_stored_in_another_form_is_the_same_mailbox() {
    // As an older write-app stored them.
    sql("INSERT INTO userdb.users (name, email, idempotency_key) VALUES
         ('Ada', 'ada@xn--grn-ioa.example', NULL), ('Ada', 'rene\u{301}@older.example', NULL),
         ('Ada', 'андреи\u{306}@older.example', NULL), ('Zoe\u{308}', 'zoe@xn--grn-ioa.example', 'before-the-rule')")
    .await;

    for form in [
        "ada@grün.example",
        "Ada@GRÜN.example",
        "rene\u{301}@older.example",
        "RENÉ@older.example",
        "андрей@older.example",
    ] {
        assert_eq!(status_of(form).await, StatusCode::CONFLICT, "{form}");
    }
    assert_eq!(status_of("rené@grün.example").await, StatusCode::OK, "it is another mailbox");

    let again = json!({ "name": "Zoë", "email": "zoe@grün.example" });
    let again =
        post_json(&again).header("idempotency-key", "before-the-rule").send().await.unwrap();
    assert_eq!(again.status(), StatusCode::OK);
    assert_eq!(again.json::<Value>().await.unwrap()["repeated"], true);
}

#[tokio::test]
async fn a_key_finds_the_user_whose_values_are_sent_in_another_form() {
    for [name, email] in
        [["Zoë", "key@bücher.example"], ["Zoe\u{308} ", "key@xn--bcher-kva.example"]]
    {
        let user = json!({ "name": name, "email": email });
        let sent = post_json(&user).header("idempotency-key", "two-forms").send().await.unwrap();
        assert_eq!(sent.status(), StatusCode::OK, "{email}");
    }
}

#[tokio::test]
async fn the_problem_names_what_is_wrong_and_the_form_shows_what_was_typed() {
    let problems: Value =
        submit_json("A\u{200B}da", "ada@example").send().await.unwrap().json().await.unwrap();

    assert_eq!(
        problems["fields"],
        json!({
            "name": "The name has a character that cannot be seen: U+200B after \"A\".",
            "email": "The part after the @ has no dot. Enter a domain such as example.org.",
        })
    );
    let form =
        crate::client::Browser::new().submit("Zoe\u{308}", "ada＠example").send().await.unwrap();
    let page = form.text().await.unwrap();
    assert!(
        page.contains("value=\"Zoe\u{308}\"") && page.contains("value=\"ada＠example\""),
        "{page}"
    );
}
