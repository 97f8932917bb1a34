//! What a stranger reads first: the README, docs/setup.md, and the index of docs/.

use std::{collections::BTreeMap, fs};

use e2e::documents::{Code, documents, file, root};
use regex::Regex;

use crate::prose;

/// The most words of a sentence in the README.
const WORDS: usize = 25;

/// The pages that lead a newcomer to a cluster, and through it.
const WAY_IN: [&str; 10] = [
    "README.md",
    "CONTRIBUTING.md",
    "docs/README.md",
    "docs/api.md",
    "docs/clusters.md",
    "docs/configuration.md",
    "docs/reaching-the-pages.md",
    "docs/setup.md",
    "docs/tour.md",
    "docs/troubleshooting.md",
];

/// What bash understands and zsh or PowerShell does not, with an example of each.
const ONLY_IN_BASH: [(&str, &str); 9] = [
    (r"\\$", "kubectl get pods \\"),
    (r"&&|\|\|", "cargo build && cargo test"),
    (r"<<", "cat > kind.yaml <<'END'"),
    (r"\$[^{]", r#"docker run -v "$PWD:/src" rust"#),
    (r"^[A-Z_]+=", "RUST_LOG=debug cargo demo"),
    (r"(^|\s)#", "kind get clusters # all of them"),
    (r#"'[^']*"[^']*'"#, r#"curl -d '{"name":"Ada"}' 127.0.0.1:30000/submit"#),
    (r#"(^|\s)"[^"]*"\S"#, r#"docker run -v "${PWD}":/src rust"#),
    (r"(^|\s)[^'\x22\s]*[?*]", "curl 127.0.0.1:30001/users?via=mysql"),
];

/// The sentences of a text, without code blocks, tables and pictures. Code between backticks is one word.
fn sentences(text: &str) -> Vec<String> {
    let link = Regex::new(r"\[([^\]]*)\]\([^)]*\)").unwrap();
    let code = Regex::new("`[^`]*`").unwrap();
    let end = Regex::new(r#"[.!?][)"*]*(\s+|$)"#).unwrap();
    let mut paragraphs = vec![String::new()];
    for line in prose(text).lines() {
        let is_sentence = !line.starts_with(['|', '!', '<']) || line.starts_with("<http");
        if line.is_empty() || line.starts_with(['-', '#']) || !is_sentence {
            paragraphs.push(String::new());
        }
        if is_sentence {
            let paragraph = paragraphs.last_mut().unwrap();
            paragraph.push_str(line.trim_start_matches(['-', '#']));
            paragraph.push(' ');
        }
    }
    let plain =
        |text: String| code.replace_all(&link.replace_all(&text, "$1"), "code").into_owned();
    let paragraphs = paragraphs.into_iter().map(plain);
    let sentences =
        paragraphs.flat_map(|text| end.split(&text).map(str::to_owned).collect::<Vec<_>>());
    sentences.filter(|sentence| !sentence.trim().is_empty()).collect()
}

fn too_long(text: &str) -> Vec<String> {
    let is_long = |sentence: &String| sentence.split_whitespace().count() > WORDS;
    sentences(text).into_iter().filter(is_long).collect()
}

/// Why a line of a document is not the same command in bash, zsh and PowerShell.
fn only_in_bash(line: &str) -> Option<&'static str> {
    let has = |pattern: &str| Regex::new(pattern).unwrap().is_match(line);
    ONLY_IN_BASH.into_iter().map(|(pattern, _)| pattern).find(|pattern| has(pattern))
}

/// The lines of a document's fenced blocks of a language, such as `sh`.
fn block_lines<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}");
    let mut inside = false;
    let is_code = |line: &&str| {
        let was_inside = inside;
        inside = if inside { *line != "```" } else { *line == fence };
        was_inside && inside
    };
    text.lines().filter(is_code).collect()
}

#[test]
fn no_sentence_of_the_readme_is_long() {
    let readme = file("README.md");
    assert!(sentences(&readme).len() > 50, "{:#?}", sentences(&readme));
    assert!(too_long(&readme).is_empty(), "over {WORDS} words: {:#?}", too_long(&readme));
}

#[test]
fn a_long_sentence_is_noticed_across_lines_and_links_and_not_across_blocks() {
    let words = |count: usize| vec!["word"; count].join(" ");
    let long = [
        format!("{}\n{}.", words(13), words(13)),
        format!("- {} [{}](x.md).", words(20), words(6)),
        format!("Short. {} `a b`, {}.\n\nShort.", words(20), words(5)),
    ];
    for text in long {
        assert_eq!(too_long(&text).len(), 1, "{text}");
    }
    let short = [
        format!("{}. {}.", words(25), words(25)),
        format!("{}:\n\n{}.", words(20), words(20)),
        format!("- {}\n- {}\n", words(20), words(20)),
        format!("{} `{}`.", words(20), words(20)),
        format!("```sh\n{}\n```\n| {} |\n![{}](x.png)", words(30), words(30), words(30)),
    ];
    for text in short {
        assert!(too_long(&text).is_empty(), "{text}");
    }
}

#[test]
fn the_readmes_commands_are_the_same_in_bash_zsh_and_powershell() {
    let readme = file("README.md");
    let lines = block_lines(&readme, "sh");
    assert!(lines.len() > 15, "{lines:?}");
    for line in lines {
        assert_eq!(only_in_bash(line), None, "{line}");
    }
    for (pattern, example) in ONLY_IN_BASH {
        assert!(Regex::new(pattern).unwrap().is_match(example), "{pattern} in {example}");
    }
}

#[test]
fn no_command_has_a_comment_behind_it_since_zsh_takes_it_for_arguments() {
    for document in WAY_IN {
        let Code { marked, not_run, fenced, indented, .. } = Code::of(&file(document));
        for line in [marked, not_run, fenced, indented].concat() {
            assert!(!line.contains(" # "), "{document}: {line}");
        }
    }
}

#[test]
fn a_class_is_a_storage_class_and_never_one_of_pupils() {
    let class = Regex::new(r"\b[Cc]lass(es)?\b").unwrap();
    for document in WAY_IN {
        for sentence in sentences(&file(document)) {
            assert!(!class.is_match(&sentence), "{document}: {sentence}");
        }
    }
}

#[test]
fn every_overlay_is_in_the_table() {
    let table = file("docs/configuration.md");
    for overlay in fs::read_dir(root().join("overlays")).unwrap() {
        let name = overlay.unwrap().file_name().into_string().unwrap();
        let row = match name.split_once('-') {
            Some(("storage", _)) => "| `storage-…` |".to_owned(),
            _ => format!("| [{name}](../overlays/{name}/"),
        };
        assert!(table.contains(&row), "docs/configuration.md: {row}");
    }
}

#[test]
fn each_way_in_begins_with_its_one_command() {
    let readme = file("README.md");
    for (heading, command) in [
        ("## Without a cluster", "cargo demo"),
        ("## With a cluster", "kubectl apply -f kubernetes"),
    ] {
        let (_, section) = readme.split_once(&format!("\n{heading}\n")).unwrap();
        assert_eq!(block_lines(section, "sh").first(), Some(&command), "{heading}");
    }
}

#[test]
fn every_block_of_commands_says_what_runs_it_or_why_nothing_does() {
    let mut blocks = 0;
    for document in ["README.md", "docs/setup.md", "docs/api.md", "docs/tour.md"] {
        let text = file(document);
        let lines: Vec<_> = text.lines().collect();
        for pair in lines.windows(2).filter(|pair| ["```sh", "```powershell"].contains(&pair[1])) {
            let marks = ["<!-- run: ", "<!-- not run: "];
            let is_marked = marks.iter().any(|mark| pair[0].starts_with(mark));
            assert!(is_marked, "{document}: no mark above {}, but {}", pair[1], pair[0]);
            blocks += 1;
        }
    }
    assert!(blocks > 20, "{blocks}");
}

#[test]
fn the_index_links_to_every_document_in_docs() {
    let (index, lessons) = (file("docs/README.md"), file("docs/lessons/README.md"));
    let mut linked = 0;
    for document in documents() {
        let Some(name) = document.strip_prefix("docs/").filter(|name| *name != "README.md") else {
            continue;
        };
        let (text, name) = match name.strip_prefix("lessons/") {
            Some(lesson) if lesson != "README.md" => (&lessons, lesson),
            _ => (&index, name),
        };
        assert!(text.contains(&format!("]({name})")), "no index links to {document}");
        linked += 1;
    }
    assert!(linked > 20, "{linked}");
    assert!(file("README.md").contains("](docs/README.md)"));
}

/// The minutes of each lesson, by its file.
fn minutes() -> BTreeMap<String, u32> {
    let row = Regex::new(r"(?m)^\| \[[^\]]*\]\(([^)]*)\) \| (\d+) \|").unwrap();
    let table = file("docs/lessons/README.md");
    let rows = row.captures_iter(&table);
    rows.map(|found| (format!("docs/lessons/{}", &found[1]), found[2].parse().unwrap())).collect()
}

#[test]
fn the_readme_adds_up_the_minutes_of_the_lessons_that_it_names() {
    let (minutes, readme) = (minutes(), file("README.md"));
    let link = Regex::new(r"\]\((docs/lessons/[^)]*)\)").unwrap();
    let says = Regex::new(r"\b(\d+) minutes").unwrap();
    let mut sums = 0;
    // A row of a table, or a paragraph.
    for part in readme.split("\n\n").flat_map(|part| match part.starts_with('|') {
        true => part.lines().map(str::to_owned).collect(),
        false => vec![part.replace('\n', " ")],
    }) {
        let named: Vec<_> = link.captures_iter(&part).map(|found| found[1].to_owned()).collect();
        let Some(said) = says.captures(&part).filter(|_| !named.is_empty()) else { continue };
        let whole = named.iter().any(|name| name == "docs/lessons/README.md");
        let sum: u32 = match whole {
            true => minutes.values().sum(),
            false => named.iter().map(|name| minutes[name]).sum(),
        };
        assert_eq!(said[1].parse(), Ok(sum), "{part}");
        sums += 1;
    }
    assert_eq!(sums, 2);
}

#[test]
fn the_times_that_a_newcomer_reads_are_the_measured_ones() {
    let row = Regex::new(r"from `kubectl apply` to all Ready .* ([\d.]+) s to ([\d.]+) s").unwrap();
    let performance = file("docs/performance.md");
    let found = row.captures(&performance).unwrap();
    let [least, most] = [1, 2].map(|number| found[number].parse::<f64>().unwrap());
    for document in ["README.md", "docs/setup.md"] {
        let says = format!("[{least:.0} to {most:.0} seconds](");
        assert!(file(document).contains(&says), "{document}: {says}");
    }
    let images = Regex::new(r"\[images\]=(\d+)").unwrap();
    let seconds = images.captures(&file(".ci/run")).unwrap()[1].to_owned();
    let says = format!("builds both images in {seconds} s");
    assert!(file("docs/setup.md").contains(&says), "docs/setup.md: {says}");
}
