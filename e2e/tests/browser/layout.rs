//! A reader can read all text of each page: no text overlaps other text or a control, and none is cut off. This holds in
//! a narrow font and in a wide one, at the usual size and at twice that size, in windows of four widths.
//!
//! `layout.js` looks for the faults. It knows nothing about the pages but HTML and CSS.

use std::collections::{BTreeMap, BTreeSet};

use e2e::{
    browser::{Browser, LAPTOP, View},
    fonts::{NARROW, USUAL, WIDE},
};
use serde_json::{Value, json};

use crate::pages::{Pages, new_email, pages};

const DETECTOR: &str = include_str!("layout.js");

/// A telephone, a tablet, a laptop and a large screen, in CSS pixels.
const WIDTHS: [u32; 4] = [320, 768, 1280, 1920];

/// The usual size of text, and 200 %.
const TEXT_SIZES: [u32; 2] = [16, 32];

/// Keeps a page as the server has rendered it: no request of its script is answered, or each one fails.
const KEEP_STILL: &str = "window.fetch = () => location.hash === '#offline'
    ? Promise.reject(new TypeError('offline')) : new Promise(() => {})";

/// The width of a text in a font, if the browser has that font: what else is in the list makes no difference then.
const WIDTH_IN_FONT: &str = "
    const pen = document.createElement('canvas').getContext('2d');
    const [one, other] = ['monospace', 'serif'].map(fallback => {
        pen.font = `16px '${arguments[0]}', ${fallback}`;
        return pen.measureText('mysql-0, the primary, WWW 198.51.100.5').width;
    });
    return one === other ? one : 0";

const MEDIUM_TEXT_IS: &str = "
    const probe = document.body.appendChild(document.createElement('i'));
    probe.style.fontSize = 'medium';
    const { fontSize } = getComputedStyle(probe);
    probe.remove();
    return innerWidth === {width} && fontSize === '{size}px'";

/// Puts long addresses into the page, as a cluster with IPv6 has them.
const LONG_ADDRESSES: &str = "
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let text = texts.nextNode(); text; text = texts.nextNode())
        text.data = text.data.replace(/\\b127(\\.\\d+){3}\\b/g, '2001:db8:1234:5678:9abc:def0:1234:5678');";

/// What the detector has found: the kind, what has it, and the other thing that is part of it. Of both it says the text,
/// where it is, and a selector.
type Fault = [String; 3];

/// How a page looks: its state, the font of its text, the size of text, the window's width.
type Look = [String; 4];

/// Each kind of fault at each pair of elements once, with the looks that have it.
#[derive(Default)]
struct Report(BTreeMap<Fault, (Fault, Vec<Look>)>);

impl Report {
    fn add(&mut self, fault: Fault, look: &Look) {
        let [kind, one, other] = &fault;
        let key = [kind.clone(), selector(one), selector(other)];
        let (_, looks) = self.0.entry(key).or_insert_with(|| (fault, Vec::new()));
        if looks.last() != Some(look) {
            looks.push(look.clone());
        }
    }

    fn assert_is_empty(&self) {
        let entry = |([kind, one, other], looks): &(Fault, Vec<Look>)| {
            let values = |part: usize| BTreeSet::from_iter(looks.iter().map(|look| &*look[part]));
            let [states, fonts, sizes, widths] = [0, 1, 2, 3].map(values);
            format!(
                "{kind}: {one}\n    {other}\n    first in {:?}; {} looks of {states:?} in {fonts:?}, \
                 text {sizes:?}, window {widths:?}\n",
                looks[0],
                looks.len()
            )
        };
        let faults: Vec<_> = self.0.values().map(entry).collect();
        assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.concat());
    }
}

/// The selector at the end of what the detector says of an element, without what only counts.
fn selector(said: &str) -> String {
    let selector = said.rsplit_once(") ").map(|(_, path)| path).unwrap_or_default();
    selector.replace(|letter: char| letter.is_ascii_digit(), "")
}

#[tokio::test]
async fn all_text_of_read_app_can_be_read_in_each_font_size_and_width() {
    let pages = pages().await;
    pages.register(&"W".repeat(255)).await;
    pages.register("Ada Lovelace").await;
    let browser = still_browser().await;
    let long = "W".repeat(64);
    let long = format!("?via=mysql&strategy=sticky&user={long}&search={long}&seen=0101U1");

    let mut report = Report::default();
    for (state, query) in [
        ("usual", ""),
        ("two kinds of connection, with failures", "?compare=on&seen=01U1023456789N&seen2=B1D0R1E"),
        ("mysql with pools", "?via=mysql&with=pool&seen=0101"),
        ("a dozen pods", "?via=mysql&seen=0123456789ab0123456789ab"),
        ("large", "?large=on&seen=01U10"),
        ("large, two kinds of connection", "?large=on&compare=on&seen=01U10&seen2=01U10"),
        ("long words", &long),
        ("no user found", "?search=nobody+at+all"),
        ("glossary", "glossary"),
        ("an unknown path", "nothing"),
    ] {
        browser.goto(&(pages.read() + query)).await;
        look(&browser, state, &mut report).await;
    }
    browser.goto(&pages.read()).await;
    browser.run(LONG_ADDRESSES).await;
    look(&browser, "long addresses", &mut report).await;
    browser.goto(&(pages.read() + "#offline")).await;
    browser.refresh().await;
    browser.until("return document.getElementById('trouble').textContent").await;
    look(&browser, "read-app is away", &mut report).await;
    report.assert_is_empty();
}

#[tokio::test]
async fn all_text_of_write_app_can_be_read_in_each_font_size_and_width() {
    let pages = pages().await;
    let browser = still_browser().await;
    let email = new_email();
    let long = "W".repeat(255);

    let mut report = Report::default();
    browser.goto(&pages.write()).await;
    look(&browser, "usual", &mut report).await;
    browser.run(LONG_ADDRESSES).await;
    look(&browser, "long addresses", &mut report).await;
    for (state, name, email) in [
        ("registered", "Ada Lovelace", &email),
        ("registered again", "Ada Lovelace", &email),
        ("the email of another", "Grace Hopper", &email),
        ("a long name", &*long, &new_email()),
        ("long and wrong", &*long, &format!("{long}@{long}")),
        ("empty", "\u{a0}", &"ada@".to_owned()),
    ] {
        submit(&browser, &pages, name, email).await;
        look(&browser, state, &mut report).await;
    }
    browser.goto(&pages.write()).await;
    browser.click("form[action='/try-replica'] button").await;
    browser
        .until("return location.pathname !== '/' || document.querySelector('[autofocus]') !== null")
        .await;
    look(&browser, "a replica refuses", &mut report).await;
    browser.goto(&(pages.write() + "nothing")).await;
    look(&browser, "an unknown path", &mut report).await;
    report.assert_is_empty();
}

#[tokio::test]
async fn the_detector_sees_each_kind_of_fault_and_none_where_there_is_none() {
    let pages = pages().await;
    let browser = still_browser().await;
    let mut wrong = Vec::new();
    for (html, styles, kinds) in MADE {
        browser.goto(&(pages.write() + "glossary")).await;
        browser
            .run_with(
                "document.body.innerHTML = arguments[0];
                for (const [selector, styles] of Object.entries(arguments[1]))
                    for (const one of document.querySelectorAll(selector)) one.style.cssText = styles;",
                json!([html, serde_json::from_str::<Value>(styles).unwrap()]),
            )
            .await;
        browser.run(DETECTOR).await;
        let found = faults(&browser, false).await;
        let found_kinds: BTreeSet<_> = found.iter().map(|[kind, ..]| kind.as_str()).collect();
        let kinds = BTreeSet::from_iter(kinds.iter().copied());
        if found_kinds != kinds {
            wrong.push(format!("{html} {styles}: {kinds:?}, found {found:#?}\n"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.concat());
}

/// A page, styles by selector, and the kinds of fault in it.
const MADE: [(&str, &str, &[&str]); 17] = [
    (
        "<p>One</p><p>Two, of <b>three</b> and <code>four</code>.</p><button>Press</button>",
        "{}",
        &[],
    ),
    ("<p>One</p><p>Two</p>", r#"{"p + p": "margin-top: -2.4rem"}"#, &["text over text"]),
    (
        "<svg viewBox='0 0 200 40'><text x='0' y='20'>mysql-0</text><text x='20' y='20'>192.0.2.1</text></svg>",
        r#"{"svg": "width: 200px"}"#,
        &["text over text"],
    ),
    ("<div><b>One</b><i>two</i></div>", r#"{"div": "display: flex"}"#, &["text over text"]),
    ("<p>One</p><p>Two</p>", r#"{"p + p": "margin-top: -2.4rem; visibility: hidden"}"#, &[]),
    (
        "<p>One</p><p>Two</p>",
        r#"{"p + p": "position: absolute; clip-path: inset(50%); top: 0"}"#,
        &[],
    ),
    (
        "<label>Through <input></label>",
        r#"{"input": "width: 9rem; margin-left: -1rem"}"#,
        &["text over a control"],
    ),
    (
        "<button>One</button><button>Two</button>",
        r#"{"button + button": "margin-left: -1rem"}"#,
        &["control over control"],
    ),
    (
        "<p>A long sentence</p>",
        r#"{"p": "width: 4rem; overflow: hidden; white-space: nowrap"}"#,
        &["cut off"],
    ),
    (
        "<p>A long sentence</p>",
        r#"{"p": "width: 4rem; overflow: auto; white-space: nowrap"}"#,
        &["cut off", "to be scrolled sideways"],
    ),
    (
        "<p tabindex=0>A long sentence</p>",
        r#"{"p": "width: 4rem; overflow: auto; white-space: nowrap"}"#,
        &["to be scrolled sideways"],
    ),
    ("<input placeholder='a long text that is cut'>", r#"{"input": "width: 4rem"}"#, &["cut off"]),
    (
        "<svg viewBox='0 0 200 40'><text x='180' y='20'>mysql-0</text></svg>",
        r#"{"svg": "width: 200px; overflow: visible"}"#,
        &["outside its drawing"],
    ),
    (
        "<div><button>Ask</button></div><p>Away</p>",
        r#"{"div, p": "position: fixed; inset: auto 0 0; margin: 0; height: 2.5rem"}"#,
        &["text over text", "text over a control"],
    ),
    (
        "<button>Ask again</button>",
        r#"{"button": "width: 3rem; white-space: nowrap"}"#,
        &["outside its control"],
    ),
    (
        "<p>A word</p>",
        r#"{"p": "position: relative; left: calc(100vw - 3rem)"}"#,
        &["outside the page", "page too wide"],
    ),
    (
        "<p>One</p><div>Bar</div>",
        r#"{"body": "padding: 0", "div": "position: fixed; inset: auto 0 0; height: 100vh"}"#,
        &["behind a bar"],
    ),
];

/// A browser whose pages stay as they are.
async fn still_browser() -> Browser {
    let browser = Browser::open(View { reduced_motion: true, ..LAPTOP }).await;
    browser.begin_pages_with(KEEP_STILL).await;
    let mut widths = Vec::new();
    for fonts in [NARROW, USUAL, WIDE] {
        for font in [fonts.text, fonts.code] {
            let width = browser.run_with(WIDTH_IN_FONT, json!([font])).await.as_f64().unwrap();
            assert!(
                width > 0.0,
                "the browser has no font {font:?}: CONTRIBUTING.md names the packages"
            );
            widths.push(width);
        }
    }
    assert!(widths[0] * 1.1 < widths[2] && widths[2] * 1.1 < widths[4], "{widths:?}");
    browser
}

/// Looks for faults on the open page, in each font, size and width.
async fn look(browser: &Browser, state: &str, report: &mut Report) {
    browser.run(DETECTOR).await;
    for size in TEXT_SIZES {
        browser.set_text_size(size).await;
        for width in WIDTHS {
            browser.set_view(View { width, reduced_motion: true, ..LAPTOP }).await;
            let is_so = MEDIUM_TEXT_IS.replace("{width}", &width.to_string());
            browser.until(&is_so.replace("{size}", &size.to_string())).await;
            // A table may be scrolled only where there is little room.
            let scrollers = size > TEXT_SIZES[0] || width < 768;
            for fonts in [NARROW, USUAL, WIDE] {
                browser.set_fonts(fonts).await;
                let look = [state, fonts.text, &format!("{size} px"), &format!("{width} px")];
                let look = look.map(ToOwned::to_owned);
                for fault in faults(browser, scrollers).await {
                    report.add(fault, &look);
                }
            }
        }
    }
    browser.set_text_size(TEXT_SIZES[0]).await;
}

/// What the detector finds. `scrollers` says whether a part of the page may be scrolled sideways.
async fn faults(browser: &Browser, scrollers: bool) -> Vec<Fault> {
    let find = "return layoutFaults({ scrollers: arguments[0] }).map(({ kind, one, other }) => [kind, one, other])";
    serde_json::from_value(browser.run_with(find, json!([scrollers])).await).unwrap()
}

/// Fills in the form and sends it, without the browser's own checks.
async fn submit(browser: &Browser, pages: &Pages, name: &str, email: &str) {
    browser.set_view(LAPTOP).await;
    browser.goto(&pages.write()).await;
    let submit = "const form = document.querySelector('form[action=\"/submit\"]');
        form.elements.name.value = arguments[0];
        form.elements.email.value = arguments[1];
        form.noValidate = true;
        document.body.dataset.old = 'yes';
        form.requestSubmit();";
    browser.run_with(submit, json!([name, email])).await;
    browser.until("return document.readyState === 'complete' && !document.body.dataset.old").await;
}
