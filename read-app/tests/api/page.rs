//! The page.

use testbed::shared::shared;

use crate::client::{app_with_host, page_of, register};

#[tokio::test]
async fn the_page_names_the_pod_its_role_and_the_users() {
    register("Ada Lovelace", "page@example.org").await;

    for (pod, role) in [("mysql-0", "primary"), ("mysql-1", "replica")] {
        let page = page_of(&app_with_host(&format!("{pod}.mysql")).await).await;
        assert!(page.contains(&format!("<title>Served by {pod} – read-app</title>")), "{page}");
        assert!(page.contains(&format!("<small>{role}</small>")), "{page}");
        assert!(
            page.contains("<bdi>Ada Lovelace</bdi>") && page.contains("page@example.org"),
            "{page}"
        );
    }
}

#[tokio::test]
async fn a_hostile_name_is_text_and_nothing_else() {
    register("<img src=x onerror=alert(1)>", "hostile@example.org").await;

    let page = page_of(&shared().read_app).await;

    assert!(page.contains("onerror=alert(1)") && !page.contains("<img"), "{page}");
}

#[tokio::test]
async fn without_mysql_the_page_says_what_is_missing() {
    let page = page_of(&app_with_host("mysql-7.mysql").await).await;

    assert!(
        page.contains("<h1>Service Unavailable</h1>") && page.contains("has no address"),
        "{page}"
    );
}
