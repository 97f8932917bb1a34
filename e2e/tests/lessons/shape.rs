//! What is the same in every run of a command: everything but addresses, times and random names.

use std::sync::LazyLock;

use regex::Regex;

/// What differs from run to run, and the word that replaces it. The first pattern that matches is applied first.
static VARYING: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    [
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S*Z", "TIME"),
        (r"([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(:\d+(-\d+)?)+,?)+", "GTIDS"),
        (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID"),
        (r"\d{1,3}(\.\d{1,3}){3}", "ADDRESS"),
        // The name of a pod that has no hostname: its address with dashes.
        (r"\b\d{1,3}(-\d{1,3}){3}\b", "DASHED-ADDRESS"),
        // The suffix that a controller appends to the name of a ReplicaSet or a pod.
        (r"-[0-9a-z]{8,10}-[0-9a-z]{5}\b", "-SUFFIX"),
        (r"\bpvc-\S+", "VOLUME"),
        (r"\b\d+\.\d+( ?m?s)?\b", "DECIMAL"),
        (r"\b(\d+ ?[dhms])+\b", "AGE"),
    ]
    .map(|(pattern, word)| (Regex::new(pattern).unwrap(), word))
    .into()
});

/// The shape of a text: its lines, sorted, since the order of DNS answers varies. A line of three dots stands for
/// any lines.
pub(crate) fn shape(text: &str) -> Vec<String> {
    let lines = text.lines().map(|line| {
        let line = VARYING.iter().fold(line.to_owned(), |line, (pattern, word)| {
            pattern.replace_all(&line, *word).into_owned()
        });
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    });
    let mut lines: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
    lines.sort();
    lines
}

/// The lines that are missing and those that were not expected, if there are any.
pub(crate) fn difference(expected: &[String], printed: &[String]) -> Option<String> {
    let any = String::from("...");
    let mut more = printed.to_vec();
    let mut missing = Vec::new();
    for line in expected.iter().filter(|line| **line != any) {
        match more.iter().position(|other| other == line) {
            Some(place) => drop(more.remove(place)),
            None => missing.push(line),
        }
    }
    let is_alike = missing.is_empty() && (more.is_empty() || expected.contains(&any));
    (!is_alike).then(|| format!("missing: {missing:#?}\nbesides: {more:#?}"))
}

#[test]
fn what_differs_from_run_to_run_makes_no_difference() {
    let [one, other] = [
        "NAME IP\nmysql-0   10.0.0.7   22s\nweb-6f96c54d65-4x7j6  10.0.0.8  4m3s\n\
         198-18-10-7.web 198.18.10.7\n\
         has 7264b621-e627-11f1-ba6d-8e85c3ccb921:1-14,d0adde43-e627-11f1-a8f2-deb4ac4accb2:1:3-4",
        "NAME  IP\nweb-5c689d88bb-xxltl 10.244.1.12 5h\nmysql-0 10.244.1.9 1s\n\
         10-244-1-9.web 10.244.1.9\n\
         has 9f32a6b4-e5a4-11f1-955f-6e4317fa6327:1-2",
    ]
    .map(shape);

    assert_eq!(difference(&one, &other), None);
}

#[test]
fn another_name_and_a_line_too_many_do() {
    assert!(difference(&shape("mysql-0 10.0.0.7"), &shape("mysql-1 10.0.0.7")).is_some());
    assert!(difference(&shape("one"), &shape("one\ntwo")).is_some());
    assert_eq!(difference(&shape("one\n..."), &shape("two\none")), None);
}
