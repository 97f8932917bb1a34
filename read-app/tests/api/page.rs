//! The page, as a browser without scripts gets it.

use demo::for_tests::shared;

use crate::{
    client::{app_with_host, page_at, page_of, register, undisturbed_page},
    routing::{separate_app, wait_until_both_are_known},
};

/// The dots that a page remembers.
fn seen(page: &str) -> &str {
    let (_, rest) = page.split_once("name=\"seen\" value=\"").unwrap();
    rest.split_once('"').unwrap().0
}

#[tokio::test]
async fn the_page_names_the_pod_its_role_and_the_users() {
    register("Ada Lovelace", "page@example.org").await;

    for (pod, role) in [("mysql-0", "primary"), ("mysql-1", "replica")] {
        let app = app_with_host(&format!("{pod}.mysql")).await;
        // Without the search, users whom other tests add meanwhile may fill the page.
        let page = undisturbed_page(&app, "/?search=page%40example.org").await;
        assert!(page.contains(&format!("<title>Users from {pod} – read-app</title>")), "{page}");
        assert!(page.contains(&format!("href=\"/glossary#{role}\">{role}</a>")), "{page}");
        assert!(
            page.contains("<bdi>Ada Lovelace</bdi>") && page.contains("page@example.org"),
            "{page}"
        );
    }
}

#[tokio::test]
async fn a_hostile_name_is_shown_as_text() {
    register("<img src=x onerror=alert(1)>", "hostile@example.org").await;

    let page = undisturbed_page(&shared().read_app, "/?search=hostile%40example.org").await;

    assert!(page.contains("onerror=alert(1)") && !page.contains("<img"), "{page}");
}

#[tokio::test]
async fn hostile_parameters_are_shown_as_text() {
    register("Ada", "hostile-query@example.org").await;
    let hostile = "%22%3E%3Cscript%3Ealert(1)%3C/script%3E";

    let query = format!("/?search={hostile}&user={hostile}&seen={hostile}&seen2={hostile}");
    let page = page_at(&shared().read_app, &query).await;

    assert!(page.contains("alert(1)") && !page.contains("<script>"), "{page}");
}

#[tokio::test]
async fn without_mysql_the_page_says_what_is_missing() {
    let page = page_of(&app_with_host("mysql-7.mysql").await).await;

    assert!(page.contains("<title>No pod answers") && page.contains("has no address"), "{page}");
    assert_eq!(seen(&page), "N", "a query that failed is a dot too");
}

#[tokio::test]
async fn the_form_carries_the_dots_and_forgets_those_of_another_mode() {
    register("Ada", "dots@example.org").await;
    let app = &shared().read_app;
    wait_until_both_are_known(app).await;
    let mode = "via=mysql&with=pool&strategy=sticky&user=ada";

    let first = undisturbed_page(app, &format!("/?{mode}&ask=20")).await;
    let dots = seen(&first).to_owned();
    assert_eq!(dots.len(), 20);
    assert!(dots.bytes().all(|dot| dot == dots.as_bytes()[0]), "{dots}");
    let was = "was=mysql+pool+sticky+ada";
    let second = undisturbed_page(app, &format!("/?{mode}&{was}&seen={dots}&ask=1")).await;
    assert_eq!(seen(&second).len(), 21);
    let other = undisturbed_page(app, &format!("/?via=mysql-read&{was}&seen={dots}&ask=1")).await;
    assert_eq!(seen(&other).len(), 1);
}

#[tokio::test]
async fn the_living_part_makes_as_many_queries_as_the_request_says() {
    register("Ada", "part@example.org").await;
    let app = &shared().read_app;

    let looked = page_at(app, "/?part=live&ask=0&seen=01").await;
    let asked = undisturbed_page(app, "/?part=live&ask=1&seen=01&compare=on").await;

    assert_eq!(seen(&looked), "01");
    assert!(!looked.contains("<html") && !looked.contains("id=\"hero\""), "{looked}");
    assert!(seen(&asked).starts_with("01") && seen(&asked).len() == 3, "{asked}");
    assert!(asked.contains("id=\"hero\"") && asked.contains("id=\"dots-2\""), "{asked}");
}

/// The server counts what a connection was asked. Pings do not count.
#[tokio::test]
async fn each_dot_of_a_kept_connection_is_an_answer_that_the_server_gave() {
    register("Ada", "kept@example.org").await;
    let app = separate_app().await;
    let between = |text: &str, from: &str, to: &str| -> String {
        text.split_once(from).unwrap().1.split_once(to).unwrap().0.to_owned()
    };
    let first = undisturbed_page(&app, "/?part=live&ask=1&with=pool").await;
    let ordinal: u8 = between(&first, "finding\" data-ordinal=\"", "\"").parse().unwrap();
    let number = between(&first, "number ", " on this server");
    let query = format!(
        "SELECT variable_value FROM performance_schema.status_by_thread
         JOIN performance_schema.threads USING (thread_id)
         WHERE processlist_id = {number} AND variable_name = 'Questions'"
    );
    let questions = async || shared().cluster.sql(ordinal, &query).await.unwrap();
    let before: u64 = questions().await.parse().unwrap();

    let after = page_at(&app, "/?part=live&ask=20&with=pool").await;

    let asked = questions().await.parse::<u64>().unwrap() - before;
    assert_eq!(asked, u64::try_from(seen(&after).len()).unwrap(), "{after}");
}

#[tokio::test]
async fn an_empty_list_says_which_pod_it_is_of_and_not_that_there_is_no_user() {
    register("Ada", "empty-list@example.org").await;
    let app = app_with_host("mysql-1.mysql").await;

    let page = page_at(&app, "/?older_than=1").await;
    assert!(page.contains("mysql-1 has no user older than number 1."), "{page}");
    let page = page_at(&app, "/?search=zzz").await;
    assert!(page.contains("mysql-1 has no user whose name or email begins with"), "{page}");
    assert!(page.contains("mysql-1</span> had these users at "), "{page}");
    let page = page_at(&app, "/").await;
    assert!(page.contains("mysql-1</span> had these users at "), "{page}");
}

#[tokio::test]
async fn the_command_that_adds_a_replica_counts_the_pods_that_are_away() {
    register("Ada", "add@example.org").await;
    let app = &shared().read_app;
    wait_until_both_are_known(app).await;

    assert!(page_of(app).await.contains("<code>scale 3</code>"));
    // mysql-4 has answered some of these queries.
    let page = page_at(app, "/?seen=0104").await;
    assert!(page.contains("<code>scale 6</code>"), "{page}");
}

#[tokio::test]
async fn the_glossary_explains_every_word_that_the_page_links() {
    register("Ada", "glossary@example.org").await;
    let app = &shared().read_app;
    let (page, glossary) = (page_of(app).await, page_at(app, "/glossary").await);

    let mut links = 0;
    for link in page.split("href=\"/glossary#").skip(1) {
        let term = link.split_once('"').unwrap().0;
        assert!(glossary.contains(&format!("id=\"{term}\"")), "{term} is not explained");
        links += 1;
    }
    assert!(links > 5, "{links} links");
}
