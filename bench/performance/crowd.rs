//! How many processors it takes to serve many open pages: a calculation from figures of the cluster.

use std::fmt;

use crate::{
    report::{row, table},
    statistics::short,
};

/// What an open page asks for: on a new connection, as the page does at first, and on a kept one.
pub(crate) const PAGES: [&str; 2] = [
    "/?part=live&ask=1&via=mysql-read&with=new",
    "/?part=live&ask=1&via=mysql&with=pool&strategy=least-connections",
];

/// The names of these.
const CONNECTIONS: [&str; 2] = ["a new connection for each query", "kept connections"];

/// How often each open page asks in a second, until its reader changes the speed.
const ASKS: f64 = 2.0;

/// How many connections one copy of read-app takes (`app-core/src/server.rs`). A browser keeps one.
const MOST_CONNECTIONS: u32 = 1024;

/// A group of learners, and a crowd.
const OPEN_PAGES: [(f64, &str); 2] = [(25.0, "25"), (10_000.0, "10,000")];

/// How many requests of an open page one processor serves each second, of each kind of [`PAGES`].
pub(crate) struct Crowd {
    /// A processor that runs read-app.
    pub(crate) by_read_app: [f64; 2],
    /// A processor that runs MySQL.
    pub(crate) by_mysql: [f64; 2],
}

impl fmt::Display for Crowd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = OPEN_PAGES.iter().flat_map(|pages| (0..2).map(|kind| self.row(*pages, kind)));
        let head = [
            "open pages",
            "MySQL is asked over",
            "requests/s",
            "processors for read-app",
            "processors for MySQL",
        ];
        write!(
            f,
            "### 25 learners, and a crowd of 10,000

A calculation: we have not opened so many pages. An open page asks {ASKS} times a second. The processor time of a request
is that of the shares above, probes included, and growth is taken as linear. One copy of read-app takes
{MOST_CONNECTIONS} connections, and each browser keeps one. A copy also opens only so many connections to MySQL, and a
server accepts only so many. So a crowd needs more copies and more replicas than its processor time alone asks for.

{}",
            table(&head, &rows.collect::<Vec<_>>())
        )
    }
}

impl Crowd {
    fn row(&self, (pages, name): (f64, &str), kind: usize) -> String {
        let asked = pages * ASKS;
        let [read_app, mysql] =
            [self.by_read_app[kind], self.by_mysql[kind]].map(|rate| asked / rate);
        row(&[name, CONNECTIONS[kind], &short(asked), &short(read_app), &short(mysql)])
    }
}
