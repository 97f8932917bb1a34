//! What HTTP asks of every address: methods, and the ways in which a client may write one request.
//! <https://www.rfc-editor.org/rfc/rfc9110> and 9112.

use std::{collections::BTreeMap, net::SocketAddr};

use crate::{
    MACHINE,
    process::{Binary, READ_APP, WRITE_APP},
    requests::exchange,
};

/// What every GET route of an app is, and whether its response may differ from one second to the next.
const ROUTES: [(&Binary, &[&str], &[&str]); 2] = [
    (
        &WRITE_APP,
        &[
            "/assets/style.css",
            "/assets/icon.svg",
            "/glossary",
            "/healthz",
            "/version",
            "/openapi.json",
        ],
        &["/", "/metrics", "/readyz", "/nothing"],
    ),
    (
        &READ_APP,
        &[
            "/assets/style.css",
            "/assets/live.js",
            "/glossary",
            "/healthz",
            "/version",
            "/openapi.json",
        ],
        &[
            "/",
            "/users",
            "/users?via=nothing",
            "/pods",
            "/names",
            "/metrics",
            "/readyz",
            "/nothing",
        ],
    ),
];

/// Headers that differ from one response to the next.
const VARYING: [&str; 4] = ["date", "x-request-id", "set-cookie", "transfer-encoding"];

struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The methods of its Allow header.
    fn allow(&self) -> Vec<&str> {
        let mut methods: Vec<_> = self.header("allow").split(',').map(str::trim).collect();
        methods.sort_unstable();
        methods
    }
}

/// The answer to a request with this first line and these headers.
async fn ask(address: SocketAddr, first_line: &str, headers: &str) -> Answer {
    let sent = format!("{first_line} HTTP/1.1\r\nconnection: close\r\n{headers}\r\n");
    let (text, _) = exchange(address, sent).await;
    let (head, body) =
        text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{first_line}: {text}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let lines = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    let headers = lines.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    Answer { status, headers, body: body.to_owned() }
}

/// The same, without the 503 that may come where a machine is busy and MySQL too slow.
async fn served(address: SocketAddr, first_line: &str, headers: &str) -> Answer {
    for _ in 0..10 {
        let answer = ask(address, first_line, headers).await;
        if answer.status != 503 {
            return answer;
        }
    }
    panic!("{first_line}: 503 each time")
}

const HOST: &str = "host: app\r\n";

#[tokio::test]
async fn head_has_the_headers_of_get_and_no_body_on_every_route() {
    let _beside_others = MACHINE.read().await;
    for (binary, stable, varying) in ROUTES {
        let app = binary.start().await;
        for path in [stable, varying].concat() {
            for headers in ["accept: text/html\r\n", "accept-encoding: gzip\r\n"] {
                let headers = format!("{HOST}{headers}");
                let mut get = served(app.address, &format!("GET {path}"), &headers).await;
                let mut head = served(app.address, &format!("HEAD {path}"), &headers).await;
                assert_eq!((head.status, head.body.as_str()), (get.status, ""), "{path}");
                assert!(!get.body.is_empty(), "{path}");
                for answer in [&mut get, &mut head] {
                    answer.headers.retain(|name, _| !VARYING.contains(&name.as_str()));
                    if varying.contains(&path) {
                        answer.headers.entry("content-length".into()).and_modify(String::clear);
                    }
                }
                assert_eq!(head.headers, get.headers, "{path} with {headers}");
            }
        }
    }
}

const READ: &[&str] = &["GET", "HEAD", "OPTIONS"];

/// A path, and its methods in the order of the alphabet.
type Methods = (&'static str, &'static [&'static str]);

const METHODS: [(Binary, &[Methods]); 2] = [
    (
        WRITE_APP,
        &[
            ("/", READ),
            ("/healthz", READ),
            ("/assets/style.css", READ),
            ("/submit", &["OPTIONS", "POST"]),
        ],
    ),
    (
        READ_APP,
        &[
            ("/", READ),
            ("/users", READ),
            ("/users/", READ),
            ("/metrics", READ),
            ("/openapi.json", READ),
        ],
    ),
];

async fn assert_methods(address: SocketAddr, path: &str, methods: &[&str]) {
    // The answer to OPTIONS has no form that a client could refuse.
    let headers = format!("{HOST}accept: image/png\r\n");
    let options = ask(address, &format!("OPTIONS {path}"), &headers).await;
    assert_eq!((options.status, options.body.as_str()), (204, ""), "{path}");
    assert_eq!(options.allow(), methods, "OPTIONS {path}");
    for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW", "get"] {
        let answer = ask(address, &format!("{method} {path}"), HOST).await;
        let is_allowed = methods.contains(&method);
        assert_eq!(answer.status != 405, is_allowed, "{method} {path}: {}", answer.status);
        if !is_allowed {
            assert_eq!(answer.allow(), methods, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn options_and_405_name_the_methods_of_an_address_and_each_of_them_works() {
    let _beside_others = MACHINE.read().await;
    for (binary, addresses) in METHODS {
        let app = binary.start().await;
        for (path, methods) in addresses {
            assert_methods(app.address, path, methods).await;
        }
        let all = ask(app.address, "OPTIONS *", HOST).await;
        assert_eq!((all.status, all.allow()), (204, vec!["GET", "HEAD", "OPTIONS", "POST"]));
        for nothing in ["OPTIONS /nothing", "BREW /nothing", "DELETE /nothing"] {
            assert_eq!(ask(app.address, nothing, HOST).await.status, 404, "{nothing}");
        }
        assert_eq!(ask(app.address, "CONNECT app:80", HOST).await.status, 405);
    }
}

#[tokio::test]
async fn one_address_may_be_written_in_several_ways() {
    let _beside_others = MACHINE.read().await;
    let app = READ_APP.start().await;
    for target in [
        "/users/",
        "/users//",
        "//users",
        "/users/?via=mysql",
        "http://app/users",
        "HTTP://APP:80/users/?via=mysql",
        "http://ada@app/users",
    ] {
        let answer = ask(app.address, &format!("GET {target}"), HOST).await;
        assert_eq!(answer.status, 200, "{target}");
        assert!(answer.body.contains("\"mysql_pod\""), "{target}: {}", answer.body);
    }
    for target in ["/", "http://app", "http://app/", "//", "/?via=mysql"] {
        let page =
            ask(app.address, &format!("GET {target}"), "host: b\r\naccept: text/html\r\n").await;
        assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
        // The host of the target replaces that of the header: the page links to the other app there.
        let host = if target.contains("app") { "app" } else { "b" };
        assert!(page.body.contains(&format!("http://{host}:30000/")), "{target}");
    }
    for nothing in ["/users/7", "//evil.example/", "http://app/nothing", "/Users"] {
        assert_eq!(
            ask(app.address, &format!("GET {nothing}"), HOST).await.status,
            404,
            "{nothing}"
        );
    }
}

#[tokio::test]
async fn a_request_has_one_host() {
    let _beside_others = MACHINE.read().await;
    let app = READ_APP.start().await;
    for wrong in [
        "",
        "host: a\r\nhost: b\r\n",
        "host: a b\r\n",
        "host: a/b\r\n",
        "host: a@b\r\n",
        "host: <b>\r\n",
    ] {
        let answer = ask(app.address, "GET /glossary", wrong).await;
        assert_eq!(answer.status, 400, "{wrong:?}");
        assert!(answer.body.contains("one Host header"), "{wrong:?}: {}", answer.body);
    }
    for right in
        ["host: a\r\n", "host: [2001:db8::7]:80\r\n", "Host: A_B.example:5000\r\n", "host:\r\n"]
    {
        assert_eq!(ask(app.address, "GET /glossary", right).await.status, 200, "{right:?}");
    }
    let (old, _) = exchange(app.address, "GET /healthz HTTP/1.0\r\n\r\n".to_owned()).await;
    assert!(old.starts_with("HTTP/1.0 200"), "{old}");
}

#[tokio::test]
async fn a_response_is_compressed_only_where_the_client_takes_that() {
    let _beside_others = MACHINE.read().await;
    let app = WRITE_APP.start().await;
    for (accepted, encoding) in [
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("br, gzip;q=0.1", "gzip"),
        ("identity;q=0, gzip;q=0.001", "gzip"),
        ("gzip;q=0.5, identity;q=0.4", "gzip"),
        ("identity", ""),
        ("gzip;q=0", ""),
        ("gzip;q=0.000, *", ""),
        ("gzip;q=0.4, identity;q=0.5", ""),
        ("br", ""),
        (", ,", ""),
        ("", ""),
    ] {
        let headers = format!("{HOST}accept-encoding: {accepted}\r\n");
        let answer = ask(app.address, "HEAD /assets/style.css", &headers).await;
        assert_eq!(
            (answer.status, answer.header("content-encoding")),
            (200, encoding),
            "{accepted}"
        );
        assert!(answer.header("vary").contains("accept"), "{accepted}");
    }
}
