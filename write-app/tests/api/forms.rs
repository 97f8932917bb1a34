//! The form as browsers send it: twice, after a step back, from an old page.

use reqwest::{Response, StatusCode};
use serde_json::Value;

use crate::client::{Browser, count_on, new_email, post_json, submit_json, until_served};

/// The page that a browser shows after the form: behind a redirect, or at once.
async fn page_after(browser: &Browser, response: Response) -> (StatusCode, String) {
    let status = response.status();
    let shown =
        if status.is_redirection() { browser.open().send().await.unwrap() } else { response };
    let page = shown.text().await.unwrap();
    assert!(!page.to_lowercase().contains("idempotency"), "no page speaks of keys: {page}");
    (status, page)
}

async fn submit(browser: &Browser, name: &str, email: &str) -> (StatusCode, String) {
    let response = browser.submit(name, email).send().await.unwrap();
    page_after(browser, response).await
}

/// "Ada is user 5", out of a page.
fn who_is_who(page: &str) -> &str {
    let (before, _) = page.split_once("</h1>").unwrap();
    before.rsplit_once("</span> ").unwrap().1
}

#[tokio::test]
async fn the_same_form_again_registers_no_second_user_and_shows_the_first() {
    let (browser, email) = (Browser::new(), new_email());
    let (_, first) = submit(&browser, "Ada", &email).await;
    assert!(!first.contains("registered already"), "{first}");

    // With spaces, as a phone's keyboard adds them; and from another browser's restored session.
    for (browser, name) in [(&browser, "Ada"), (&browser, " Ada "), (&Browser::new(), "Ada")] {
        let (status, again) = submit(browser, name, &email).await;

        assert_eq!(status, StatusCode::SEE_OTHER);
        assert_eq!(who_is_who(&again), who_is_who(&first));
        assert!(again.contains("registered already, by an earlier click"), "{again}");
    }
    assert_eq!(count_on(0, &email).await, "1");
}

#[tokio::test]
async fn of_many_clicks_at_once_one_registers_the_user_and_all_succeed() {
    let email = new_email();

    let clicks = (0..20).map(|_| {
        let click = Browser::new().submit("Ada", &email);
        tokio::spawn(async move {
            let mut refusals = String::new();
            (until_served(click, |page| refusals += &page).await, refusals)
        })
    });
    let (mut repeated, mut said) = (0, String::new());
    for click in clicks.collect::<Vec<_>>() {
        let (response, refusals) = click.await.unwrap();
        said += &refusals;
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        let cookie = response.headers()["set-cookie"].to_str().unwrap();
        repeated +=
            u32::from(cookie.contains("repeated%3Dtrue") || cookie.contains("repeated=true"));
    }

    // On a busy machine, the one that made the user may have heard that this is unknown, and clicked again.
    let at_most = if said.contains("Perhaps registered") { 20 } else { 19 };
    assert!((19..=at_most).contains(&repeated), "{repeated}, {said}");
    assert_eq!(count_on(0, &email).await, "1");
}

#[tokio::test]
async fn changed_fields_are_a_new_registration_whatever_an_old_page_hides_in_its_form() {
    let browser = Browser::new();
    let long = "x".repeat(2000);
    for hidden in ["0b9f7c3e-1", "", "zwei W\u{F6}rter\0\r\n", &long] {
        let send = async |name: &str, email: &str| {
            let form = [("idempotency_key", hidden), ("name", name), ("email", email)];
            let response = browser.post("/submit").form(&form).send().await.unwrap();
            page_after(&browser, response).await
        };
        let emails = [new_email(), new_email()];

        for (name, email) in [("Ada", &emails[0]), ("Ada", &emails[1]), ("Ada", &emails[0])] {
            let (status, page) = send(name, email).await;
            assert_eq!(status, StatusCode::SEE_OTHER, "{page}");
        }

        for email in emails {
            assert_eq!(count_on(0, &email).await, "1", "{hidden:?}");
        }
    }
}

#[tokio::test]
async fn a_person_who_corrects_only_the_name_learns_why_that_fails() {
    let (browser, email) = (Browser::new(), new_email());
    submit(&browser, "Ada Lovlace", &email).await;

    let (status, page) = submit(&browser, "Ada Lovelace", &email).await;

    assert_eq!(status, StatusCode::CONFLICT);
    assert!(page.contains("with another name"), "{page}");
    assert!(page.contains(r#"value="Ada Lovelace""#) && page.contains(&email), "{page}");
}

#[tokio::test]
async fn a_form_that_came_back_with_a_problem_registers_once_it_is_corrected() {
    let (browser, email) = (Browser::new(), new_email());
    let (status, _) = submit(&browser, "", &email).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);

    let (status, page) = submit(&browser, "Ada", &email).await;

    assert_eq!(status, StatusCode::SEE_OTHER);
    assert!(!page.contains("registered already"), "{page}");
}

#[tokio::test]
async fn a_user_whom_a_program_registered_is_shown_to_the_person_who_registers_them_again() {
    let email = new_email();
    let registered = submit_json("Ada", &email).header("idempotency-key", "by-a-program");
    let registered: Value = registered.send().await.unwrap().json().await.unwrap();

    let (status, page) = submit(&Browser::new(), "Ada", &email).await;

    assert_eq!(status, StatusCode::SEE_OTHER, "{page}");
    assert_eq!(who_is_who(&page), format!("Ada is user {}", registered["id"]));
}

#[tokio::test]
async fn a_program_without_a_key_that_registers_a_user_again_learns_that_the_email_is_taken() {
    let email = new_email();
    submit_json("Ada", &email).send().await.unwrap().error_for_status().unwrap();

    // A key in the body is not the program's key.
    let body = serde_json::json!({ "name": "Ada", "email": email, "idempotency_key": "x" });
    let response = post_json(&body).send().await.unwrap();

    assert_eq!(response.status(), StatusCode::CONFLICT);
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["message"], "This email is registered already, with this name.");
}
