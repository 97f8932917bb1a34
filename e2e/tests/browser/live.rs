//! The page while its script makes queries: dots arrive, pods leave and come back, and the layout stays still.

use std::time::{Duration, Instant};

use demo::{LocalCluster, for_tests::Stalls};
use e2e::browser::{Key, LAPTOP, TELEPHONE, View};

use crate::{
    pages::{pages, separate},
    read_page::ReadPage,
};

/// Whether the table says that mysql-1 does not answer.
const IS_GONE: &str = "const row = [...document.querySelectorAll('.shares tbody tr')]
        .find(row => row.innerText.includes('mysql-1'));
    return !row || row.querySelector('.gone') !== null";

/// How many requests for the living part that made no query were answered.
const LOOKS: &str = "return performance.getEntriesByType('resource')
    .filter(entry => entry.name.includes('part=live') && entry.name.includes('ask=0')).length";

#[tokio::test]
async fn a_killed_server_leaves_the_page_within_two_seconds_and_comes_back() {
    let (mut servers, pages) = separate().await;
    let page = ReadPage::open(pages, LAPTOP).await;
    page.set_rate(10).await;
    page.until_dots(10).await;
    page.browser.run(WATCH_MOVES).await;

    servers.cluster.kill_pod(1).await.unwrap();
    let (killed, stalls) = (Instant::now(), Stalls::watch());

    page.browser.until(IS_GONE).await;
    let took = killed.elapsed().saturating_sub(stalls.so_far());
    println!("figure: the page showed the killed server {} ms later", took.as_millis());
    assert!(took < Duration::from_secs(2), "it took {took:?}");
    let last_ten = "return /0{10}$/.test(document.getElementById('controls').elements.seen.value)";
    page.browser.until(last_ten).await;
    page.browser.until(&says(".story", "mysql no longer names mysql-1")).await;
    let mark = page.browser.text("#tried-deleted").await;
    assert_eq!(mark, "not seen yet", "mysql-1 is not back");

    servers.cluster.start_pod(1).unwrap();
    servers.cluster.wait_until_ready(1).await.unwrap();
    page.browser.until(&IS_GONE.replace("return !row ||", "return row && !")).await;
    let again = "return /1.{0,9}$/.test(document.getElementById('controls').elements.seen.value)";
    page.browser.until(again).await;
    page.browser.until(&says("#tried-deleted", " UTC: mysql-1")).await;
    let story = page.browser.text(".story").await;
    assert!(story.contains("mysql-1 answers again, "), "{story}");
    let mark = page.browser.text("#tried-deleted").await;
    assert!(mark.starts_with("✓ seen at "), "{mark}");
    let moves = page.moves().await;
    assert!(moves.is_empty(), "{moves:#?}");
    drop(page);
    servers.cluster.stop().await.unwrap();
}

/// Whether this part of the page contains a text.
fn says(part: &str, text: &str) -> String {
    format!("return document.querySelector('{part}').textContent.includes('{text}')")
}

#[tokio::test]
async fn a_paused_page_makes_no_query_and_still_looks_at_the_pods() {
    let page = ReadPage::open(pages().await, LAPTOP).await;
    page.set_rate(20).await;
    page.until_dots(10).await;

    page.browser.click("#play").await;
    assert_eq!(page.browser.text("#play").await, "Play");
    let looks = page.browser.run(LOOKS).await.as_u64().unwrap();
    // When the first look has ended, so has the query that was in flight.
    page.browser.until(&format!("{} > {looks}", LOOKS)).await;
    let dots = page.dots().await;

    page.browser.until(&format!("{} > {looks} + 2", LOOKS)).await;
    assert_eq!(page.dots().await, dots);
}

#[tokio::test]
async fn a_person_asks_chooses_plays_and_pauses_by_the_keyboard_alone() {
    let page = ReadPage::open(pages().await, LAPTOP).await;
    let browser = &page.browser;

    browser.tab_to("#controls button[value='1']").await;
    browser.press(Key::Enter).await;
    page.until_dots(2).await;
    browser.tab_to("#play").await;
    browser.press(Key::Enter).await;
    page.until_dots(4).await;
    assert_eq!(browser.text("#play").await, "Pause");
    browser.tab_to("input[name='via']").await;
    browser.press(Key::Down).await;
    browser
        .until(
            "return document.getElementById('controls').elements.was.value.startsWith('mysql new')",
        )
        .await;
    browser.run("document.activeElement.blur()").await;
    browser.type_keys(" ").await;

    browser.until("return document.getElementById('play').textContent === 'Play'").await;
}

#[tokio::test]
async fn nothing_moves_while_dots_arrive_figures_grow_and_queries_fail() {
    let (mut servers, pages) = separate().await;
    let page = ReadPage::open(pages, LAPTOP).await;
    page.browser.begin_pages_with(CHANGE_ANSWERS).await;
    let mut moved = Vec::new();
    for (view, mode) in [(LAPTOP, ""), (TELEPHONE, ""), (LAPTOP, "?compare=on")] {
        page.browser.set_view(view).await;
        page.browser.goto(&(page.pages.read() + mode)).await;
        page.set_rate(20).await;
        page.until_dots(2).await;
        page.browser.run(WATCH_MOVES).await;

        let moves = go_through_good_and_bad_times(&page, &mut servers.cluster).await;

        moved.extend(moves.map(|moves| (mode, view.width, moves)));
        // The observer sees a move that the test makes.
        let prepend = "document.querySelector('main').prepend('What is new moves the rest.')";
        page.browser.run(prepend).await;
        page.browser.until("return moves.length > 0").await;
    }
    assert!(moved.is_empty(), "{moved:#?}");
}

/// Returns the times in which something moved, and what.
async fn go_through_good_and_bad_times(
    page: &ReadPage,
    servers: &mut LocalCluster,
) -> impl Iterator<Item = (&'static str, Vec<String>)> {
    page.until_dots(40).await;
    let mut moves = vec![("answers", page.moves().await)];
    page.browser.run("window.figures = 'longer'").await;
    page.until_dots(50).await;
    page.browser.run("window.figures = 'as they are'").await;
    page.until_dots(60).await;
    moves.push(("longer figures", page.moves().await));
    page.browser.run("window.added = 'ULD'").await;
    page.until_last_dots("ULD.*[0-9]{2}").await;
    moves.push(("three reasons", page.moves().await));
    page.browser.click("#controls button[name='over']").await;
    servers.freeze(1).unwrap();
    page.until_a_failure_and_an_answer().await;
    moves.push(("some attempts fail", page.moves().await));
    servers.freeze(0).unwrap();
    page.until_last_dots("[A-Z]{3}").await;
    moves.push(("all attempts fail", page.moves().await));
    servers.thaw(0).unwrap();
    servers.thaw(1).unwrap();
    page.until_last_dots("[0-9]{3}").await;
    moves.push(("answers again", page.moves().await));
    moves.into_iter().filter(|(_, moves)| !moves.is_empty())
}

/// Changes answers on request: figures as long as they get on a slow day, and attempts that failed. How many reasons for
/// failures there are is not left to luck: what the test does not add becomes the reason U.
const CHANGE_ANSWERS: &str = r#"
    const text = Response.prototype.text;
    Response.prototype.text = async function () {
        const { added, figures } = window;
        window.added = '';
        const html = (await text.call(this)).replace(/(name="seen2?" value=")(\w*)/g,
            (all, field, dots) => field + dots.replace(/[BNSFE]/g, 'U') + (added ?? ''));
        return figures !== 'longer' ? html : html
            .replace(/(≥ )?\b\d+\.\d s\b/g, '≥ 123.4 s')
            .replace(/\b\d+\.\d ms\b/g, '1234.5 ms')
            .replace(/\b(number|numbered it) \d+/g, '$1 1234567');
    };"#;

/// Notes in `moves` each box that stays in the page and gets another place in it. Words in a line are no boxes,
/// and parts of a drawing are none either. What moves inside a box that cuts off the rest moves nothing else: a full
/// window of dots scrolls.
/// Before them it notes the innermost boxes whose height has changed, since they are the reason. It watches the page down
/// to what the names answer: DNS may answer with more or fewer records when a pod does not answer.
const WATCH_MOVES: &str = "
    window.moves = [];
    let places = new Map();
    const { DOCUMENT_POSITION_FOLLOWING: after, DOCUMENT_POSITION_CONTAINED_BY: within } = Node;
    const names = document.getElementById('names');
    const style = element => getComputedStyle(element);
    const isBox = element => !/^(none|contents|inline)/.test(style(element).display)
        && style(element).position !== 'fixed' && style(element).position !== 'absolute';
    const place = (element, to) => {
        for (const child of element.children) {
            if (names.compareDocumentPosition(child) & (after | within) || child === names) continue;
            if (isBox(child)) {
                const { x, y, width, height } = child.getBoundingClientRect();
                if (width && height) to.set(child, [x + scrollX, y + scrollY, height].map(Math.round));
            }
            if (child.localName !== 'svg' && style(child).overflowY !== 'hidden') place(child, to);
        }
        return to;
    };
    const name = ({ localName, id, classList, textContent }) =>
        [localName, id && '#' + id, ...[...classList].map(name => '.' + name)].join('')
            + ` “${textContent.trim().replace(/\\s+/g, ' ').slice(0, 60)}”`;
    const look = () => {
        const now = place(document.querySelector('main'), new Map());
        const both = [...now].filter(([element]) => places.has(element))
            .map(([element, to]) => ({ element, from: places.get(element), to }));
        const differs = (part, { from, to }) => Math.abs(from[part] - to[part]) > 1;
        const moved = both.filter(one => differs(0, one) || differs(1, one));
        const grown = both.filter(one => differs(2, one));
        const reasons = grown.filter(one => !grown.some(({ element }) => element !== one.element && one.element.contains(element)));
        if (moved.length) {
            for (const { element, from, to } of reasons) moves.push(`${name(element)} is ${to[2]} px high, and was ${from[2]}`);
            for (const { element, from, to } of moved.slice(0, 5))
                moves.push(`${name(element)} moves from ${from.slice(0, 2)} to ${to.slice(0, 2)}`);
        }
        places = now;
    };
    look();
    if (![...places.keys()].some(box => box.contains(document.getElementById('dots-1')))) moves.push('the dots are not watched');
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });";

#[tokio::test]
async fn a_dot_fades_in_unless_the_person_prefers_less_motion() {
    for reduced_motion in [false, true] {
        let page = ReadPage::open(pages().await, View { reduced_motion, ..LAPTOP }).await;
        page.browser.run("window.begun = 0; const animate = Element.prototype.animate;
            Element.prototype.animate = function (...how) { begun += 1; return animate.apply(this, how); }").await;

        page.ask_until_answered(20).await;

        let begun = page.browser.run("return begun").await.as_u64().unwrap();
        assert_eq!(begun == 0, reduced_motion, "{begun} animations");
        let duration = "return getComputedStyle(document.querySelector('svg .way:not(.lit)')).transitionDuration";
        let duration = page.browser.run(duration).await;
        assert_eq!(duration == "0s", reduced_motion, "{duration}");
    }
}

#[tokio::test]
async fn a_screen_reader_hears_at_most_one_summary_in_five_seconds() {
    let page = ReadPage::open(pages().await, LAPTOP).await;
    page.browser
        .run(
            "window.heard = []; const said = document.getElementById('said');
        new MutationObserver(() => heard.push([performance.now(), said.textContent]))
            .observe(said, { childList: true, characterData: true, subtree: true })",
        )
        .await;
    page.set_rate(20).await;

    page.browser.until("return heard.length > 2").await;

    let heard: Vec<(f64, String)> =
        serde_json::from_value(page.browser.run("return heard").await).unwrap();
    assert!(heard[2].1.starts_with("last 5 s: mysql-0 "), "{heard:?}");
    assert!(heard.windows(2).all(|pair| pair[1].0 - pair[0].0 > 4900.0), "{heard:?}");
}

#[tokio::test]
async fn large_text_doubles_the_name_of_the_pod_and_keeps_the_dots() {
    let page = ReadPage::open(pages().await, LAPTOP).await;
    let size = "return parseFloat(getComputedStyle(document.querySelector('#hero .pod')).fontSize)";
    let usual = page.browser.run(size).await.as_f64().unwrap();
    let dots = page.ask_until_answered(20).await;

    page.browser.click("a[data-keep='large=on']").await;
    page.browser.until("return document.documentElement.classList.contains('large') || document.querySelector('.large') !== null").await;

    let large = page.browser.run(size).await.as_f64().unwrap();
    assert!((large - 2.0 * usual).abs() < 0.5, "{usual} px, then {large} px");
    assert!(page.dots().await.starts_with(&dots), "the dots are kept");
    assert_eq!(page.browser.excess_width().await, 0);
    page.browser.click("a[data-keep='large=']").await;
    page.browser.until("return document.querySelector('.large') === null && document.readyState === 'complete'").await;
}

#[tokio::test]
async fn without_read_app_the_page_says_that_it_tries_again() {
    let ReadPage { browser, pages } = ReadPage::open(pages().await, LAPTOP).await;

    pages.stop().await;

    let said = "return document.getElementById('trouble').textContent";
    let said = browser.until(said).await;
    assert_eq!(said, "read-app does not answer; trying again");
}

#[tokio::test]
async fn a_press_of_copy_copies_the_command() {
    let page = ReadPage::open(pages().await, LAPTOP).await;

    page.browser.click("#try .copy").await;

    let pressed = page.browser.text("#try .copy").await;
    assert!(["Copied", "Selected"].contains(&pressed.as_str()), "{pressed}");
    let selected = page.browser.run("return getSelection().toString()").await;
    assert_eq!(selected, "delete mysql-1");
}
