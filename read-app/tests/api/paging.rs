//! The pages of users, and the search.

use std::collections::BTreeSet;

use demo::{
    apps::{READ_APP, WRITE_APP},
    for_tests::{SeparateCluster, shared},
};

use crate::client::{app_with_host, get, page_at, register, served};

/// The test that deletes users runs alone; those that turn the pages of all users run at the same time.
static ALL_USERS: tokio::sync::RwLock<()> = tokio::sync::RwLock::const_new(());

async fn add_users(prefix: &str, count: u32) {
    let email = prefix.replace(|character: char| !character.is_alphanumeric(), "");
    // In one statement, so that the ids of users from other tests do not fall between them.
    let rows: Vec<_> =
        (0..count).map(|n| format!("('{prefix} {n:03}', '{email}{n:03}@example.org')")).collect();
    let insert = format!("INSERT INTO userdb.users (name, email) VALUES {}", rows.join(","));
    shared().cluster.sql(0, &insert).await.unwrap();
    register("Ada", &format!("after-{email}@example.org")).await;
}

fn ids(body: &serde_json::Value) -> Vec<u64> {
    body["users"].as_array().unwrap().iter().map(|user| user["id"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn the_older_pages_list_every_user_once_and_newer_leads_back() {
    let _no_user_is_deleted = ALL_USERS.read().await;
    add_users("paging", 120).await;
    // The primary alone: a replica may lack users whom other tests add meanwhile.
    let app = &app_with_host("mysql-0.mysql").await;
    let first = served(app, "/users").await;
    let (mut page, mut seen, mut pages) = (first.clone(), BTreeSet::new(), 0);

    loop {
        let ids = ids(&page);
        assert!(ids.is_sorted_by(|newer, older| newer > older), "{ids:?}");
        assert!(ids.len() <= 50 && ids.iter().all(|id| seen.insert(*id)), "{ids:?} again");
        pages += 1;
        let Some(older) = page["older"].as_str() else { break };
        page = served(app, &format!("/users?{older}")).await;
    }

    assert!(pages >= 3 && seen.len() >= 120, "{pages} pages, {} users", seen.len());
    let second = served(app, &format!("/users?{}", first["older"].as_str().unwrap())).await;
    let back = served(app, &format!("/users?{}", second["newer"].as_str().unwrap())).await;
    assert_eq!(ids(&back).last(), ids(&first).last(), "newer leads to the page before");
}

#[tokio::test]
async fn the_pages_of_a_search_list_every_match_once_also_where_users_come_and_go_meanwhile() {
    let _alone = ALL_USERS.write().await;
    add_users("deep %26 & \"+", 120).await;
    let (app, cluster) = (&shared().read_app, &shared().cluster);
    let mut next = "via=mysql&with=pool&search=DEEP+%2526+%26+%22%2B".to_owned();
    let (mut all, mut pages) = (Vec::new(), 0);

    loop {
        let page = served(app, &format!("/users?{next}")).await;
        assert_eq!(page["served"]["with"], "pool", "{next}: {page}");
        let found = ids(&page);
        all.extend(found.clone());
        pages += 1;
        let Some(older) = page["older"].as_str() else { break };
        older.clone_into(&mut next);
        // The user at whom the next page begins vanishes, and another registers who matches.
        let delete = format!("DELETE FROM userdb.users WHERE id = {}", found.last().unwrap());
        cluster.sql(0, &delete).await.unwrap();
        register("Deep %26 & \"+", &format!("deep-newer-{pages}@example.org")).await;
    }

    assert_eq!((pages, all.len()), (3, 120));
    assert!(all.is_sorted_by(|newer, older| newer > older), "newest first: {all:?}");
    let last = served(app, &format!("/users?{next}")).await;
    let back = served(app, &format!("/users?{}", last["newer"].as_str().unwrap())).await;
    assert_eq!(ids(&back), [&all[48..49], &all[50..99]].concat(), "{next}");
}

#[tokio::test]
async fn an_empty_page_leads_to_the_pages_beside_it_and_no_page_leads_to_an_empty_one() {
    add_users("edge", 60).await;
    let app = &shared().read_app;
    let at = async |query: &str| served(app, &format!("/users?{query}")).await;
    let largest = u64::MAX;

    for search in ["", "search=edge&"] {
        let before_the_first = at(&format!("{search}older_than=1")).await;
        assert_eq!(before_the_first["users"], serde_json::json!([]), "{before_the_first}");
        assert!(before_the_first["older"].is_null(), "{before_the_first}");
        let oldest = at(before_the_first["newer"].as_str().unwrap()).await;
        assert!(ids(&oldest).len() == 50 && oldest["older"].is_null(), "{oldest}");

        let beyond_the_last = at(&format!("{search}newer_than={largest}")).await;
        assert_eq!(beyond_the_last["users"], serde_json::json!([]), "{beyond_the_last}");
        assert!(beyond_the_last["newer"].is_null(), "{beyond_the_last}");
        let newest = at(beyond_the_last["older"].as_str().unwrap()).await;
        assert!(ids(&newest).len() == 50 && newest["newer"].is_null(), "{newest}");
    }
    let without_a_hit = at("search=edge-of-nothing&older_than=9").await;
    assert!(without_a_hit["older"].is_null() && without_a_hit["newer"].is_null());
}

#[tokio::test]
async fn a_search_that_is_not_utf_8_and_two_positions_are_refused_with_a_sentence() {
    let app = &shared().read_app;
    for (query, sentence) in [
        ("search=Jos%E9", "search is not UTF-8. Send it as UTF-8, percent-encoded: é is %C3%A9."),
        (
            "older_than=1&newer_than=2",
            "older_than and newer_than cannot be combined. Send only one of them.",
        ),
        (
            "older_than=-1",
            "older_than must be the id of a user: a whole number from 0 to 18446744073709551615.",
        ),
        ("with=luck&wait=x", "with must be one of: new, pool."),
        ("wait=soon", "wait must be a number of seconds from 0 to 5."),
        ("wait=9", "wait must be a number of seconds from 0 to 5."),
    ] {
        for path in ["/users", "/"] {
            let (status, body) = get(app, &format!("{path}?{query}")).await;
            assert_eq!((status.as_u16(), &body["message"]), (400, &sentence.into()), "{query}");
        }
    }
}

#[tokio::test]
async fn a_search_finds_names_and_emails_that_begin_with_it_and_takes_wildcards_as_letters() {
    add_users("search", 3).await;
    register("Zoë %_\\ Search", "percent@example.org").await;
    let app = &shared().read_app;
    let found = async |search: &str| {
        let body = served(app, &format!("/users?search={search}")).await;
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

    for query in [
        "",
        "older_than=500000",
        "newer_than=500000",
        "search=user+99",
        "search=user999",
        "search=u&newer_than=7",
    ] {
        let before = rows_read(&servers).await;
        let body = served(&read_app, &format!("/users?{query}")).await;
        let read = rows_read(&servers).await - before;
        assert_eq!(body["users"].as_array().unwrap().len(), 50, "{query}: {body}");
        // The watcher reads a few meanwhile. A search reads at most 5,001 entries of each of two indexes.
        let most = if query.contains("search") { 12_000 } else { 500 };
        assert!(read < most, "{query}: {read} rows were read");
        println!("figure: /users?{query} read {read} rows");
        let is_incomplete = ["search=user+99", "search=u&newer_than=7"].contains(&query);
        assert_eq!(body["incomplete"] == true, is_incomplete, "{query}");
    }
    read_app.stop().await.unwrap();
    write_app.stop().await.unwrap();
    servers.cluster.stop().await.unwrap();
}

#[tokio::test]
async fn all_links_and_forms_of_the_page_keep_its_choices_and_its_place_in_the_list() {
    add_users("carry&\"", 60).await;
    let app = &shared().read_app;
    let all = served(app, "/users?search=carry%26").await;
    let choices = "via=mysql&strategy=random&compare=on&was=mysql+new+random&seen=01";

    let place = format!("search=carry%26%22&older_than={}", ids(&all)[9]);
    let page = page_at(app, &format!("/?{choices}&{place}&id=7")).await;

    let links: Vec<_> = page.split("<a href=\"/?").skip(1).collect();
    assert_eq!(links.len(), 5, "large text, newest, newer, older, all users: {page}");
    for link in links {
        let (query, text) = link.split_once("</a>").unwrap().0.split_once('"').unwrap();
        for kept in ["via=mysql&", "strategy=random&", "compare=on&", "seen=01", "id=7"] {
            assert!(query.contains(kept.trim_end_matches('&')), "{text} has no {kept}: {query}");
        }
        assert_eq!(query.contains("search=carry%26%22"), !text.contains("All users"), "{query}");
        assert!(query.matches("er_than=").count() <= 1, "{query}");
    }
    for (name, value) in [("search", "carry&#38;&#34;"), ("older_than", &ids(&all)[9].to_string())]
    {
        let hidden = format!("name=\"{name}\" value=\"{value}\" form=\"controls\"");
        assert!(page.contains(&hidden), "the form that asks has no {hidden}: {page}");
    }
    let (_, search) = page.split_once("role=\"search\"").unwrap();
    let (search, _) = search.split_once("</form>").unwrap();
    assert!(search.contains("name=\"id\"") && !search.contains("older_than"), "{search}");
}

#[tokio::test]
async fn a_page_without_users_says_why_and_leads_to_those_that_have_some() {
    register("Ada", "why@example.org").await;
    for (query, why) in [
        ("older_than=1", "has no user older than number 1."),
        ("newer_than=18446744073709551615", "has no user newer than number 18446744073709551615."),
        ("search=none", "has no user whose name or email begins with “<bdi>none</bdi>”."),
        (
            "search=none&older_than=1",
            "has no user older than number 1 whose name or email begins with “<bdi>none</bdi>”.",
        ),
    ] {
        let page = page_at(&shared().read_app, &format!("/?{query}")).await;
        assert!(page.contains(why) && !page.contains("registered yet"), "{query}: {page}");
        assert_eq!(page.contains("« newest</a>"), query.contains("than"), "{query}");
        assert_eq!(page.contains("All users</a>"), query.contains("search"), "{query}");
    }
}

#[tokio::test]
async fn with_the_longest_values_the_links_are_short_enough_to_follow() {
    add_users("long", 30).await;
    let app = &shared().read_app;
    let long = "%F0%A0%AE%B7".repeat(255);
    let uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
    let token =
        (1..=110).map(|n| format!(":{}", 1_000_000_000_000_000_u64 + 2 * n)).collect::<String>();
    let dots = "01".repeat(60);
    let query = format!(
        "/?via=mysql&strategy=sticky&user={long}&was=mysql+new+sticky+{long}&compare=on&seen={dots}&seen2={dots}\
         &after={uuid}{token}&wait=0&id=7"
    );

    for query in [format!("{query}&search={long}"), query] {
        let page = page_at(app, &query).await;
        // A link that asks begins an experiment, with its own choices.
        let links = page.split("<a href=\"/?").skip(1).filter_map(|rest| rest.split('"').next());
        let links: Vec<_> = links.filter(|link| !link.contains("ask=")).collect();
        assert!(links.len() > 1, "{page}");
        for link in links {
            let link = link.replace("&#38;", "&");
            let page = page_at(app, &format!("/?{link}")).await;
            assert!(page.contains(&dots[..90]) && page.contains("is behind by"), "{link}: {page}");
        }
    }
}
