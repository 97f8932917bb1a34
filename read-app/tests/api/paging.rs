//! The pages of users, and the search.

use std::collections::BTreeSet;

use demo::{
    apps::{READ_APP, WRITE_APP},
    for_tests::{SeparateCluster, shared},
};

use crate::client::{get, page_at, register};

async fn add_users(prefix: &str, count: u32) {
    // In one statement, so that the ids of users from other tests do not fall between them.
    let rows: Vec<_> =
        (0..count).map(|n| format!("('{prefix} {n:03}', '{prefix}{n:03}@example.org')")).collect();
    let insert = format!("INSERT INTO userdb.users (name, email) VALUES {}", rows.join(","));
    shared().cluster.sql(0, &insert).await.unwrap();
    register("Ada", &format!("after-{prefix}@example.org")).await;
}

fn ids(body: &serde_json::Value) -> Vec<u64> {
    body["users"].as_array().unwrap().iter().map(|user| user["id"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn the_older_pages_list_every_user_once_and_newer_leads_back() {
    add_users("paging", 120).await;
    let app = &shared().read_app;
    let (_, first) = get(app, "/users").await;
    let (mut page, mut seen, mut pages) = (first.clone(), BTreeSet::new(), 0);

    loop {
        let ids = ids(&page);
        assert!(ids.is_sorted_by(|newer, older| newer > older), "{ids:?}");
        assert!(ids.len() <= 50 && ids.iter().all(|id| seen.insert(*id)), "{ids:?} again");
        pages += 1;
        let Some(older) = page["older"].as_str() else { break };
        page = get(app, &format!("/users?{older}")).await.1;
    }

    assert!(pages >= 3 && seen.len() >= 120, "{pages} pages, {} users", seen.len());
    let (_, second) = get(app, &format!("/users?{}", first["older"].as_str().unwrap())).await;
    let (_, back) = get(app, &format!("/users?{}", second["newer"].as_str().unwrap())).await;
    assert_eq!(ids(&back).last(), ids(&first).last(), "newer leads to the page before");
}

#[tokio::test]
async fn a_search_finds_names_and_emails_that_begin_with_it_and_takes_wildcards_as_letters() {
    add_users("search", 3).await;
    register("Zoë %_\\ Search", "percent@example.org").await;
    let app = &shared().read_app;
    let found = async |search: &str| {
        let (_, body) = get(app, &format!("/users?search={search}")).await;
        body["users"].as_array().unwrap().len()
    };

    assert_eq!(found("search").await, 3);
    assert_eq!(found("search00").await, 3);
    assert_eq!(found("search%20001").await, 1);
    assert_eq!(found("zo%C3%AB%20%25_%5C%20s").await, 1);
    assert_eq!(found("%25").await, 0);
    assert_eq!(found("_").await, 0);
}

/// How many rows MySQL has read for the app's account so far.
async fn rows_read(servers: &SeparateCluster) -> u64 {
    let sum = "SELECT SUM(sum_rows_examined)
               FROM performance_schema.events_statements_summary_by_user_by_event_name
               WHERE user = 'reader'";
    servers.cluster.sql(0, sum).await.unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_a_million_users_reads_little_more_than_it_shows() {
    let servers = SeparateCluster::start(1).await.unwrap();
    let write_app = servers.serve(WRITE_APP).await.unwrap();
    let read_app = servers.serve(READ_APP).await.unwrap();
    let million = "SET SESSION cte_max_recursion_depth = 1000000;
         INSERT INTO userdb.users (name, email)
         WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1000000)
         SELECT CONCAT('User ', n), CONCAT('user', n, '@example.org') FROM numbers;
         ANALYZE TABLE userdb.users";
    servers.cluster.sql(0, million).await.unwrap();

    for query in ["", "older_than=500000", "newer_than=500000", "search=user+99", "search=user99"] {
        let before = rows_read(&servers).await;
        let (_, body) = get(&read_app, &format!("/users?{query}")).await;
        let read = rows_read(&servers).await - before;
        assert_eq!(body["users"].as_array().unwrap().len(), 50, "{query}: {body}");
        // The watcher reads a few meanwhile.
        assert!(read < 500, "{query}: {read} rows were read");
    }
    read_app.stop().await.unwrap();
    write_app.stop().await.unwrap();
    servers.cluster.stop().await.unwrap();
}

#[tokio::test]
async fn the_page_carries_its_choices_along() {
    add_users("carry", 60).await;

    let page =
        page_at(&shared().read_app, "/?via=mysql&strategy=random&seen=01&search=carry").await;

    assert!(page.contains("value=\"carry\""), "{page}");
    assert!(
        page.contains("strategy=random") || page.contains("value=\"random\" checked"),
        "{page}"
    );
}
