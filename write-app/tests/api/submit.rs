//! `POST /submit`.

use demo::for_tests::shared;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::client::{
    Browser, carried_out, count_on, new_email, post_json, submit_json, url, wait_for_replica,
};

#[tokio::test]
async fn the_json_response_has_the_fields_that_old_clients_know_and_names_the_pod() {
    let email = new_email();

    let response = submit_json("Ada", &email).send().await.unwrap();

    assert_eq!(response.status(), StatusCode::OK);
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["success"], true);
    assert_eq!(body["message"], "User registered successfully!");
    assert_eq!(body["pod"], "mysql-0");
    assert!(body["id"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn a_registered_user_reaches_the_replica() {
    let email = new_email();

    submit_json("Ada", &email).send().await.unwrap().error_for_status().unwrap();

    wait_for_replica(&email).await;
}

#[tokio::test]
async fn a_program_may_send_a_form_and_gets_json() {
    let form = [("name", "Ada"), ("email", &new_email())];

    let response = Client::new().post(url("/submit")).form(&form).send().await.unwrap();

    assert_eq!(response.json::<Value>().await.unwrap()["pod"], "mysql-0");
}

#[tokio::test]
async fn a_media_type_may_have_capitals_and_parameters() {
    let body = json!({ "name": "Ada", "email": new_email() }).to_string();
    let request = Client::new().post(url("/submit")).body(body);

    let response =
        request.header("content-type", "Application/JSON; charset=utf-8").send().await.unwrap();

    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn the_same_email_again_is_a_conflict_even_in_capitals() {
    let email = new_email();
    submit_json("Ada", &email).send().await.unwrap().error_for_status().unwrap();

    for again in [email.clone(), email.to_uppercase()] {
        let response = submit_json("Grace", &again).send().await.unwrap();

        assert_eq!(response.status(), StatusCode::CONFLICT, "{again}");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["success"], false);
        assert_eq!(body["code"], "already_registered");
        assert!(body["fields"]["email"].is_string(), "{body}");
    }
    assert_eq!(count_on(0, &email).await, "1");
}

#[tokio::test]
async fn of_many_registrations_at_once_with_one_email_exactly_one_succeeds() {
    let email = new_email();

    let requests = (0..20).map(|_| tokio::spawn(carried_out(submit_json("Ada", &email))));
    let mut statuses = Vec::new();
    for request in requests.collect::<Vec<_>>() {
        statuses.push(request.await.unwrap().0);
    }

    let registered = statuses.iter().filter(|status| **status == StatusCode::OK).count();
    let refused = statuses.iter().filter(|status| **status == StatusCode::CONFLICT).count();
    assert_eq!((registered, refused), (1, 19), "{statuses:?}");
}

#[tokio::test]
async fn every_invalid_field_is_named_and_nothing_is_stored() {
    let body: Value = submit_json(" ", "nobody").send().await.unwrap().json().await.unwrap();

    assert_eq!(body["code"], "invalid_fields");
    assert!(body["fields"]["name"].is_string() && body["fields"]["email"].is_string(), "{body}");
    assert_eq!(count_on(0, "nobody").await, "0");
}

#[tokio::test]
async fn a_missing_field_counts_as_empty() {
    let response = post_json(&json!({})).send().await.unwrap();

    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn the_longest_unicode_name_is_stored_unchanged() {
    let (name, email) = ("字".repeat(255), new_email());

    submit_json(&name, &email).send().await.unwrap().error_for_status().unwrap();

    let sql = format!("SELECT name FROM userdb.users WHERE email = '{email}'");
    assert_eq!(shared().cluster.sql(0, &format!("SET NAMES utf8mb4; {sql}")).await.unwrap(), name);
}

#[tokio::test]
async fn a_browser_is_redirected_and_sees_the_result_once() {
    let browser = Browser::new();

    let submitted = browser.submit("Ada Lovelace", &new_email()).send().await.unwrap();
    assert_eq!(submitted.status(), StatusCode::SEE_OTHER);
    assert_eq!(submitted.headers()["location"], "/");

    let page = browser.open().send().await.unwrap().text().await.unwrap();
    assert!(page.contains("Ada Lovelace is user ") && page.contains("written on"), "{page}");
    assert!(
        page.contains(r#"<input id="name" name="name" value="""#),
        "the form is empty again: {page}"
    );

    let reloaded = browser.open().send().await.unwrap().text().await.unwrap();
    assert!(!reloaded.contains("Ada Lovelace"), "{reloaded}");
}

#[tokio::test]
async fn a_browser_gets_the_form_back_with_the_values_that_were_typed() {
    let browser = Browser::new();

    let response = browser.submit("Ada & Co", "nobody").send().await.unwrap();

    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = response.text().await.unwrap();
    assert!(
        page.contains(r#"value="Ada &#38; Co""#) && page.contains(r#"value="nobody""#),
        "{page}"
    );
    assert!(
        page.contains(r#"id="email-problem""#) && !page.contains(r#"id="name-problem""#),
        "{page}"
    );
}

#[tokio::test]
async fn a_browser_is_told_next_to_the_field_that_an_email_is_taken() {
    let (browser, email) = (Browser::new(), new_email());
    browser.submit("Ada", &email).send().await.unwrap();

    let response = browser.submit("Grace", &email).send().await.unwrap();

    assert_eq!(response.status(), StatusCode::CONFLICT);
    let page = response.text().await.unwrap();
    assert!(page.contains(r#"id="email-problem""#) && page.contains(&email), "{page}");
}

#[tokio::test]
async fn a_form_from_another_site_is_refused() {
    let email = new_email();

    let response =
        submit_json("Ada", &email).header("origin", "http://evil.example").send().await.unwrap();

    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(response.json::<Value>().await.unwrap()["code"], "cross_site_request");
    assert_eq!(count_on(0, &email).await, "0");
}
