//! The pages show what people type as they typed it, and never run it. This holds for the list, for every page that
//! repeats the text, and for rows that did not come through write-app.

use std::collections::BTreeSet;

use app_core::typed_text;
use demo::LocalCluster;
use e2e::browser::{Browser, LAPTOP};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::{
    hostile_values::{names, vectors},
    pages::{Pages, separate},
    read_page::open_list,
};

/// Runs before a page's own scripts, and notes what must not happen on it.
const WATCH: &str = "
    window.trouble = [];
    window.ran = () => window.trouble.push('a script ran');
    for (const dialog of ['alert', 'confirm', 'prompt', 'print'])
        window[dialog] = () => window.trouble.push(dialog);
    addEventListener('securitypolicyviolation',
        event => window.trouble.push(`${event.violatedDirective} against ${event.blockedURI}`));";

/// What has happened, and the elements in a page that no template has put there.
const FOUND: &str = "
    const foreign = [...document.querySelectorAll(
        'script:not([src^=\"/assets/\"]), style, iframe, object, embed, img, base, template, form:not([action^=\"/\"]), '
        + 'meta:not([charset], [name]), link:not([href^=\"/assets/\"]), [style], x, video, audio, math, marquee')];
    for (const element of document.querySelectorAll('*'))
        if ([...element.attributes].some(({ name }) => name.startsWith('on'))) foreign.push(element);
    for (const link of document.links)
        if (!/^https?:$/.test(link.protocol) || link.hostname !== location.hostname) foreign.push(link);
    return [...window.trouble, ...foreign.map(element => element.outerHTML)]";

/// The names in the list, and the kinds of elements in it.
const LISTED: &str = "
    const cells = [...document.querySelectorAll('#users tbody td.name bdi')];
    const kinds = [...document.querySelectorAll('#users tbody *')].map(element => element.localName);
    return [cells.map(cell => cell.textContent), [...new Set(kinds)].sort()]";

/// Adds a form that also sends what a person cannot type, such as line breaks.
const SUBMIT: &str = "
    const form = document.createElement('form');
    [form.method, form.action, form.enctype] = ['post', '/submit', 'application/x-www-form-urlencoded'];
    for (const name of ['name', 'email']) {
        const field = form.appendChild(document.createElement('textarea'));
        [field.name, field.value] = [name, arguments[0][name]];
    }
    document.body.append(form);
    form.submit();";

#[tokio::test]
async fn hostile_names_are_shown_as_text_and_run_nothing() {
    let (servers, pages) = separate().await;
    let names = names();
    let refused = register(&pages, &names).await;
    assert!(refused.len() < names.len(), "write-app accepts some of them");
    insert(&servers.cluster, &refused).await;
    let browser = Browser::open(LAPTOP).await;
    browser.begin_pages_with(WATCH).await;

    let listed = all_listed(&browser, &pages).await;

    let is_refused = |name: &&String| refused.contains(*name);
    let accepted = names.iter().filter(|name| !is_refused(name)).map(|name| as_stored(name));
    let inserted = names.iter().filter(is_refused).map(|name| as_html(name));
    let expected: BTreeSet<_> = accepted.chain(inserted).collect();
    let differ: Vec<_> = listed.symmetric_difference(&expected).collect();
    assert_eq!(differ, [""; 0], "names only in the list, or only among those that were stored");
    for [one, other] in vectors() {
        visit(&browser, &(pages.read() + &query_with(one, other))).await;
    }
    visit(&browser, &pages.write()).await;
    for [name, email] in vectors() {
        submit(&browser, name, email).await;
    }
    for values in vectors() {
        show_flash(&browser, &pages, values).await;
    }
    drop(browser);
    pages.stop().await;
}

/// Registers all names, and returns those that write-app refused.
async fn register(pages: &Pages, names: &[String]) -> Vec<String> {
    let client = Client::new();
    let mut refused = Vec::new();
    for (number, name) in names.iter().enumerate() {
        let body = json!({ "name": name, "email": format!("o'neil{number}@example.org") });
        let response = client.post(pages.write() + "submit").json(&body).send().await.unwrap();
        match response.status() {
            StatusCode::OK => {}
            StatusCode::UNPROCESSABLE_ENTITY => refused.push(name.clone()),
            status => panic!("{status}: {name:?}"),
        }
    }
    refused
}

/// Inserts names, and emails that are as hostile, into the table without write-app.
async fn insert(cluster: &LocalCluster, names: &[String]) {
    let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    let row = |(number, name): (usize, &String)| {
        let email: String = format!("{number}{name}").chars().take(254).collect();
        format!(
            "(CONVERT(x'{}' USING utf8mb4), CONVERT(x'{}' USING utf8mb4))",
            hex(name),
            hex(&email)
        )
    };
    let rows: Vec<_> = names.iter().enumerate().map(row).collect();
    let insert = format!("INSERT INTO userdb.users (name, email) VALUES {}", rows.join(","));
    cluster.sql(0, &insert).await.unwrap();
    let executed = cluster.sql(0, "SELECT @@GLOBAL.gtid_executed").await.unwrap();
    let wait = format!("SELECT WAIT_FOR_EXECUTED_GTID_SET('{executed}', 30)");
    assert_eq!(cluster.sql(1, &wait).await.unwrap(), "0");
}

/// Opens all pages of the list, and returns the names that they show.
async fn all_listed(browser: &Browser, pages: &Pages) -> BTreeSet<String> {
    let mut listed = BTreeSet::new();
    let mut next = pages.read();
    while !next.is_empty() {
        open_list(browser, &next).await;
        assert_is_inert(browser, &next).await;
        let [names, kinds]: [Vec<String>; 2] =
            serde_json::from_value(browser.run(LISTED).await).unwrap();
        assert_eq!(kinds, ["bdi", "td", "time", "tr"]);
        listed.extend(names);
        let older = "return document.querySelector('a[data-keep^=older]')?.href ?? ''";
        next = browser.run(older).await.as_str().unwrap().to_owned();
    }
    listed
}

/// A name as write-app stores it.
fn as_stored(name: &str) -> String {
    typed_text::composed(typed_text::trimmed(name)).into_owned()
}

/// A text as a browser reads it in HTML: <https://html.spec.whatwg.org/multipage/parsing.html>.
fn as_html(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n").replace('\0', "")
}

/// The query string that gives these texts to every parameter that read-app's page repeats.
fn query_with(user: &str, search: &str) -> String {
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("via", "mysql"), ("strategy", "sticky"), ("ask", "1")])
        .extend_pairs([("user", user), ("search", search), ("seen", user), ("was", search)])
        .finish();
    format!("?{query}")
}

/// Submits these on write-app's page. It shows the form with what was typed, or a flash message.
async fn submit(browser: &Browser, name: &str, email: &str) {
    browser.run("document.body.textContent = ''").await;
    browser.run_with(SUBMIT, json!([{ "name": name, "email": email }])).await;
    browser.until("return document.querySelector('[autofocus] h1') !== null").await;
    assert_is_inert(browser, "the form").await;
}

/// Shows a flash message from a forged cookie.
async fn show_flash(browser: &Browser, pages: &Pages, [name, pod, gtid]: [&str; 3]) {
    let flash = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("id", "1"), ("commit_ms", "1"), ("acknowledged", "true")])
        .extend_pairs([("name", name), ("pod", pod), ("gtid", gtid)])
        .finish();
    let forge = "document.cookie = `registered=${arguments[0]}; path=/`";
    browser.run_with(forge, json!([flash])).await;
    visit(browser, &pages.write()).await;
    assert_eq!(browser.count(".done").await, 1, "the flash message is shown");
}

async fn visit(browser: &Browser, url: &str) {
    browser.goto(url).await;
    assert_is_inert(browser, url).await;
}

/// No part of a value became an element or ran, and the browser did not have to block any part of it.
async fn assert_is_inert(browser: &Browser, what: &str) {
    assert_eq!(browser.run(FOUND).await, json!([]), "{what}");
    let messages = browser.console().await;
    // A refusal, or pods that took too long (`open_list`).
    let is_status = |entry: &Value| {
        let message = entry["message"].as_str().unwrap_or_default();
        ["4", "503"].iter().any(|status| {
            message.contains(&format!("the server responded with a status of {status}"))
        })
    };
    let others: Vec<_> = messages.iter().filter(|entry| !is_status(entry)).collect();
    assert!(others.is_empty(), "{what}: {others:?}");
}
