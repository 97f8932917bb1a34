//! The files that documents link to, the lessons that they list and the commands that they print must exist. A
//! stranger must be able to read the README.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must fail")]

mod commands;
mod front_door;

use std::{fs, path::Path, process::Command};

use e2e::documents::{documents, file, root};
use regex::Regex;

/// A document without its code blocks, where brackets make no links.
fn prose(text: &str) -> String {
    let mut in_code = false;
    let is_prose = |line: &&str| {
        let is_fence = line.starts_with("```");
        in_code ^= is_fence;
        !in_code && !is_fence
    };
    text.lines().filter(is_prose).collect::<Vec<_>>().join("\n")
}

/// The anchors of a document's headings, as GitHub makes them.
fn anchors(text: &str) -> Vec<String> {
    let headings = prose(text);
    let headings = headings.lines().filter_map(|line| line.strip_prefix('#'));
    let kept = |character: char| character.is_alphanumeric() || "-_ ".contains(character);
    headings
        .map(|heading| heading.trim_start_matches('#').trim().to_lowercase())
        .map(|heading| heading.chars().filter(|one| kept(*one)).collect::<String>())
        .map(|heading| heading.replace(' ', "-"))
        .collect()
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let documents = documents();
    assert!(documents.len() > 10, "{documents:?}");
    let mut links = 0;
    for document in documents {
        let text = prose(&file(&document));
        for target in link.captures_iter(&text).map(|found| found[1].to_owned()) {
            if target.contains("://") {
                continue;
            }
            links += 1;
            let (path, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let beside = root().join(&document).parent().unwrap().join(path);
            let to = if path.is_empty() { root().join(&document) } else { beside };
            assert!(to.exists(), "{document} links to {target}, which is not there");
            if !anchor.is_empty() {
                let headings = anchors(&fs::read_to_string(&to).unwrap());
                assert!(
                    headings.iter().any(|one| one == anchor),
                    "{document}: {target}: {headings:?}"
                );
            }
        }
    }
    assert!(links > 30, "{links} links were found");
}

#[test]
fn every_test_that_stands_beside_a_figure_of_the_pages_exists() {
    let listed =
        Command::new("git").args(["ls-files", "*.rs"]).current_dir(root()).output().unwrap();
    let sources: String = String::from_utf8(listed.stdout).unwrap().lines().map(file).collect();
    let figures = file("docs/figures.md");
    let is_row = |line: &&str| line.starts_with("| ") && !line.ends_with("| test |");
    let rows: Vec<_> = figures.lines().filter(is_row).collect();
    assert!(rows.len() > 30, "{} figures", rows.len());
    for row in rows {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [_, _, _, tests] = cells[..] else { panic!("not four cells: {row}") };
        let names: Vec<_> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "no test: {row}");
        for name in names {
            assert!(sources.contains(&format!("fn {name}(")), "{name} is no test: {row}");
        }
    }
}

/// The names of the lessons, such as `3-deployment`.
fn lessons() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/lessons");
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let lessons = names
        .filter_map(|name| Some(name.to_str()?.strip_suffix(".md")?.to_owned()))
        .filter(|name| name.starts_with(|first: char| first.is_ascii_digit()));
    lessons.collect()
}

#[test]
fn every_lesson_is_in_the_table_and_has_a_test() {
    let (table, tests) = (file("docs/lessons/README.md"), file("e2e/tests/lessons/main.rs"));
    for lesson in lessons() {
        assert!(table.contains(&format!("({lesson}.md) |")), "docs/lessons/README.md: {lesson}");
        assert!(tests.contains(&format!("go_through(\"{lesson}\")")), "lessons/main.rs: {lesson}");
    }
}

#[test]
fn every_lesson_asks_before_it_shows_and_ends_with_a_task() {
    let tasks = file("e2e/tests/lessons/tasks.rs");
    let lessons = lessons();
    assert_eq!(lessons.len(), 10);
    for lesson in lessons {
        let text = file(&format!("docs/lessons/{lesson}.md"));
        let (body, task) = text.split_once("\n## Your turn\n").unwrap();
        let (number, _) = lesson.split_once('-').unwrap();
        let check = format!("\nkubernetes/lessons/check {number}\n");
        for question in ["Before you", "<details><summary>Answer</summary>"] {
            assert!(body.contains(question), "{lesson}: {question}");
        }
        for part in ["<details><summary>Solution</summary>", &check, "\n## Clean up\n"] {
            assert!(task.contains(part), "{lesson}: {part}");
        }
        assert!(tasks.contains(&format!("document: \"docs/lessons/{lesson}.md\"")), "{lesson}");
    }
}

#[test]
fn every_question_of_the_quiz_has_four_answers_of_which_one_is_right() {
    let quiz = file("docs/lessons/quiz.md");
    let right = Regex::new(r"<summary>Answer</summary>\n\n\*\*([a-d])\.\*\* ").unwrap();
    let questions: Vec<_> = quiz.split("\n## ").skip(1).collect();
    assert_eq!(questions.len(), 10);
    let mut letters = Vec::new();
    for question in questions {
        let answers = question.lines().filter(|line| {
            ["a. ", "b. ", "c. ", "d. "].iter().any(|one| line.starts_with(&format!("- {one}")))
        });
        assert_eq!(answers.count(), 4, "{question}");
        letters
            .push(right.captures(question).unwrap_or_else(|| panic!("{question}"))[1].to_owned());
    }
    for letter in ["a", "b", "c", "d"] {
        let times = letters.iter().filter(|right| *right == letter).count();
        assert!(times >= 2, "{letter} is right {times} times");
    }
}

#[test]
fn the_glossary_in_docs_is_the_glossary_of_the_pages() {
    let page = file("app-core/templates/glossary.html");
    let term = Regex::new(r#"<dt id="[^"]+">(.*)</dt>\s*<dd>(.*)</dd>"#).unwrap();
    let plain = |text: &str| text.replace("<code>", "`").replace("</code>", "`").replace('’', "'");
    let lines = term.captures_iter(&page).map(|found| {
        let [word, meaning] = [&found[1], &found[2]].map(plain);
        format!("- **{word}**: {meaning}\n")
    });
    let lines: String = lines.collect();

    assert!(file("docs/glossary.md").ends_with(&format!("\n\n{lines}")), "it should be:\n{lines}");
}

#[test]
fn every_text_file_has_the_line_ends_of_unix_wherever_it_is_checked_out() {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "--eol"])
        .current_dir(root())
        .output()
        .unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    // Such as: i/lf    w/lf    attr/text=auto eol=lf   README.md
    let (mut texts, mut migrations) = (0, 0);
    for line in listed.lines() {
        let (facts, name) = line.split_once('\t').unwrap();
        assert!(!facts.contains("crlf") && !facts.contains("mixed"), "{line}");
        if !facts.contains("-text") {
            assert!(facts.contains("eol=lf"), ".gitattributes does not cover {line}");
            texts += 1;
            migrations += u32::from(name.starts_with("write-app/migrations/"));
        }
    }
    assert!(texts > 300, "{texts} text files");
    assert_eq!(migrations, 5);
}
