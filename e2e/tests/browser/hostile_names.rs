//! What people type is shown as they typed it, and never runs: in every list, on every page that repeats
//! it, and even where it was never let in through the form.

use std::collections::BTreeSet;

use demo::LocalCluster;
use e2e::browser::{Browser, LAPTOP};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::{
    hostile_values::{names, vectors},
    pages::{Pages, separate},
};

/// Runs before anything of a page, and notes what must not happen on it.
const WATCH: &str = "
    window.trouble = [];
    window.ran = () => window.trouble.push('a script ran');
    for (const dialog of ['alert', 'confirm', 'prompt', 'print'])
        window[dialog] = () => window.trouble.push(dialog);
    addEventListener('securitypolicyviolation',
        event => window.trouble.push(`${event.violatedDirective} against ${event.blockedURI}`));";

/// What has happened, and what stands in a page that no template has put there.
const TROUBLE: &str = "
    const foreign = [...document.querySelectorAll(
        'script:not([src^=\"/assets/\"]), style, iframe, object, embed, img, base, template, form:not([action^=\"/\"]), '
        + 'meta:not([charset], [name]), link:not([href^=\"/assets/\"]), [style], x, video, audio, math, marquee')];
    for (const element of document.querySelectorAll('*'))
        if ([...element.attributes].some(({ name }) => name.startsWith('on'))) foreign.push(element);
    for (const link of document.links)
        if (!/^https?:$/.test(link.protocol) || link.hostname !== location.hostname) foreign.push(link);
    return [...window.trouble, ...foreign.map(element => element.outerHTML)]";

/// The names in the list, and the other elements that it is made of.
const LISTED: &str = "
    const cells = [...document.querySelectorAll('#users tbody td.name bdi')];
    const kinds = [...document.querySelectorAll('#users tbody *')].map(element => element.localName);
    return [cells.map(cell => cell.textContent), [...new Set(kinds)].sort()]";

/// A page with a form that sends what a person cannot type as well, such as line breaks.
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
    assert!(refused.len() < names.len(), "some are names as good as any");
    insert(&servers.cluster, &refused).await;
    let browser = Browser::open(LAPTOP).await;
    browser.begin_pages_with(WATCH).await;

    let listed = all_listed(&browser, &pages).await;

    let expected: BTreeSet<_> = names.iter().map(|name| as_html(name)).collect();
    let differ: Vec<_> = listed.symmetric_difference(&expected).collect();
    assert_eq!(differ, [""; 0], "names in the list, or that should be there");
    for [one, other] in vectors() {
        visit(&browser, &(pages.read() + &asked_for(one, other))).await;
    }
    visit(&browser, &pages.write()).await;
    for [name, email] in vectors() {
        submit(&browser, name, email).await;
    }
    for values in vectors() {
        show_receipt(&browser, &pages, values).await;
    }
    drop(browser);
    pages.stop().await;
}

/// Registers all, and says which were refused.
async fn register(pages: &Pages, names: &[String]) -> Vec<String> {
    let client = Client::new();
    let mut refused = Vec::new();
    for (number, name) in names.iter().enumerate() {
        let body = json!({ "name": name, "email": format!("o'neil{number}@example.org") });
        let answer = client.post(pages.write() + "submit").json(&body).send().await.unwrap();
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::UNPROCESSABLE_ENTITY => refused.push(name.clone()),
            status => panic!("{status}: {name:?}"),
        }
    }
    refused
}

/// Brings names, and emails that are as bad, into the table without asking write-app.
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
    let done = cluster.sql(0, "SELECT @@GLOBAL.gtid_executed").await.unwrap();
    let wait = format!("SELECT WAIT_FOR_EXECUTED_GTID_SET('{done}', 30)");
    assert_eq!(cluster.sql(1, &wait).await.unwrap(), "0");
}

/// Goes through all pages of the list, and says what names it shows.
async fn all_listed(browser: &Browser, pages: &Pages) -> BTreeSet<String> {
    let mut listed = BTreeSet::new();
    let mut next = pages.read();
    while !next.is_empty() {
        visit(browser, &next).await;
        let [names, kinds]: [Vec<String>; 2] =
            serde_json::from_value(browser.run(LISTED).await).unwrap();
        assert_eq!(kinds, ["bdi", "td", "time", "tr"]);
        listed.extend(names);
        let older = "return document.querySelector('a[data-keep^=older]')?.href ?? ''";
        next = browser.run(older).await.as_str().unwrap().to_owned();
    }
    listed
}

/// A text as it arrives in a page: <https://html.spec.whatwg.org/multipage/parsing.html>.
fn as_html(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n").replace('\0', "")
}

/// read-app's page asked for these where it takes texts and repeats them.
fn asked_for(user: &str, search: &str) -> String {
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("via", "mysql"), ("strategy", "sticky"), ("ask", "1")])
        .extend_pairs([("user", user), ("search", search), ("seen", user), ("was", search)])
        .finish();
    format!("?{query}")
}

/// Sends these from a page of write-app: the form comes back with what was typed, or with a receipt.
async fn submit(browser: &Browser, name: &str, email: &str) {
    browser.run("document.body.textContent = ''").await;
    browser.run_with(SUBMIT, json!([{ "name": name, "email": email }])).await;
    browser.until("return document.querySelector('[autofocus] h1') !== null").await;
    assert_is_inert(browser, "the form").await;
}

/// A receipt that somebody has forged.
async fn show_receipt(browser: &Browser, pages: &Pages, [name, pod, gtid]: [&str; 3]) {
    let receipt = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("id", "1"), ("commit_ms", "1"), ("acknowledged", "true")])
        .extend_pairs([("name", name), ("pod", pod), ("gtid", gtid)])
        .finish();
    let forge = "document.cookie = `registered=${arguments[0]}; path=/`";
    browser.run_with(forge, json!([receipt])).await;
    visit(browser, &pages.write()).await;
    assert_eq!(browser.count(".done").await, 1, "the receipt is shown");
}

async fn visit(browser: &Browser, url: &str) {
    browser.goto(url).await;
    assert_is_inert(browser, url).await;
}

/// Nothing of a value became an element, nothing of it ran, and nothing of it even had to be stopped.
async fn assert_is_inert(browser: &Browser, what: &str) {
    assert_eq!(browser.run(TROUBLE).await, json!([]), "{what}");
    let said = browser.console().await;
    let answered = |entry: &Value| {
        let message = entry["message"].as_str().unwrap_or_default();
        message.contains("the server responded with a status of 4")
    };
    let said: Vec<_> = said.iter().filter(|entry| !answered(entry)).collect();
    assert!(said.is_empty(), "{what}: {said:?}");
}
