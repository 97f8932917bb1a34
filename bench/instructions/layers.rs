//! The layers of an app, and which of them a function belongs to.

/// Each layer, and how the paths of its functions begin. A function has the first layer that fits it. So the layers that
/// others are made of come last.
const LAYERS: [(&str, &[&str]); 15] = [
    ("decoding rows", &["sqlx_core::from_row", "sqlx_core::row", "sqlx_core::decode"]),
    ("decoding rows", &["sqlx_core::column", "sqlx_core::type", "sqlx_mysql::row"]),
    (
        "decoding rows",
        &["sqlx_mysql::type", "sqlx_mysql::value", "sqlx_mysql::protocol::statement"],
    ),
    ("JSON and HTML", &["serde", "serde_core", "serde_json", "itoa", "ryu", "zmij"]),
    ("JSON and HTML", &["askama", "httpdate", "time"]),
    ("log", &["tracing", "tracing_core", "tracing_subscriber", "tracing_serde", "tracing_log"]),
    ("log", &["tracing_appender", "sharded_slab", "crossbeam_channel", "nu_ansi_term", "log"]),
    ("metrics and spans", &["prometheus", "opentelemetry", "opentelemetry_sdk"]),
    ("TLS", &["rustls", "ring", "webpki", "untrusted", "rustls_pki_types"]),
    ("sqlx", &["sqlx_core", "sqlx_mysql", "sqlx"]),
    ("HTTP (hyper)", &["hyper", "hyper_util", "http", "httparse", "http_body"]),
    ("axum, tower and their layers", &["axum", "axum_core", "axum_extra", "tower", "tower_http"]),
    ("axum, tower and their layers", &["tower_service", "matchit", "http_body_util", "uuid"]),
    (
        "tasks, timers and sockets (tokio)",
        &["tokio", "tokio_util", "mio", "socket2", "parking_lot"],
    ),
    (
        "the app's own code",
        &["app_core", "read_app", "write_app", "icu_collections", "icu_properties"],
    ),
];

const STANDARD: &str = "Rust's standard library, bytes and futures";
const ALLOCATING: &str = "allocating";
const COPYING: &str = "copying and comparing memory";
const OTHER: &str = "other";

const STANDARD_CRATES: [&str; 7] =
    ["core", "alloc", "std", "hashbrown", "bytes", "futures_util", "futures_core"];

/// What the functions of an allocator have in their names.
const ALLOCATOR: [&str; 9] = [
    "alloc::alloc",
    "malloc",
    "calloc",
    "realloc",
    "_free",
    "unlink_chunk",
    "__rdl_",
    "__rust_",
    "mi_",
];

/// Parts of the names of ring's functions in assembly or C.
const RING: [&str; 9] =
    ["ring_core", "aes", "nistz256", "table_select", "ge_", "fe_", "x25519", "sha", "bn_"];

/// All layers, in the order of the table.
pub(crate) fn all() -> Vec<&'static str> {
    let mut all: Vec<_> = LAYERS.iter().map(|(layer, _)| *layer).collect();
    all.dedup();
    all.extend([STANDARD, ALLOCATING, COPYING, OTHER]);
    all
}

/// The layer of a function, by its name as callgrind has it.
pub(crate) fn of(function: &str) -> &'static str {
    let paths: Vec<_> = paths(function).collect();
    let is_of = |(_, begins): &&(&str, &[&str])| {
        begins.iter().any(|begin| paths.iter().any(|path| is_below(path, begin)))
    };
    if let Some((layer, _)) = LAYERS.iter().find(is_of) {
        return layer;
    }
    let has_one_of = |words: &[&str]| words.iter().any(|word| function.contains(word));
    match function {
        _ if has_one_of(&ALLOCATOR) || function == "free" => ALLOCATING,
        _ if has_one_of(&["memcpy", "memmove", "memset", "memcmp", "bcmp"]) => COPYING,
        _ if STANDARD_CRATES.iter().any(|name| paths.iter().any(|path| is_below(path, name))) => {
            STANDARD
        }
        _ if !function.contains("::") && has_one_of(&RING) => "TLS",
        _ => OTHER,
    }
}

/// `sqlx_core::type` has `sqlx_core::type_info` below it too, and `http` does not have `httparse`.
fn is_below(path: &str, begin: &str) -> bool {
    let is_crate = !begin.contains("::");
    path.strip_prefix(begin).is_some_and(|rest| !is_crate || rest.starts_with("::"))
}

/// The rest of the name from each path in it: `<a::B as c::D>::e` has the paths `a::B` and `c::D`.
fn paths(function: &str) -> impl Iterator<Item = &str> {
    let is_of_word = |one: char| one.is_alphanumeric() || one == '_';
    let begins = function.char_indices().filter(move |(at, one)| {
        let before = function[..*at].chars().next_back();
        is_of_word(*one) && before.is_none_or(|before| !is_of_word(before) && before != ':')
    });
    begins.map(|(at, _)| &function[at..])
}
