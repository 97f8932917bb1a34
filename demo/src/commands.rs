//! The grammar of the commands that break the cluster and mend it.

use crate::stateful_set::MOST_PODS;

/// How many bytes of a line are read.
pub const LONGEST_LINE: usize = 1024;

/// The longest that an answer of the DNS server may be kept, in seconds.
const LONGEST_DNS_CACHE: u32 = 300;

/// What a line asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Deletes a pod.
    Delete(u8),
    /// Deletes a pod and its volume.
    Lose(u8),
    /// Changes the number of pods.
    Scale(u8),
    /// Stops the copying to a replica.
    Lag(u8),
    /// Starts it again.
    CatchUp(u8),
    /// Freezes a pod.
    Freeze(u8),
    /// Lets it go on.
    Thaw(u8),
    /// Sets how many seconds the DNS server repeats an answer.
    DnsCache(Option<u32>),
    /// Shows the pods.
    Status,
    /// Lists the commands.
    Help,
    /// Stops the demo.
    Quit,
}

/// What stands after a command's name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operand {
    None,
    Pod,
    Pods,
    Seconds,
}

use Operand::{None as Nothing, Pod, Pods, Seconds};

/// Each command's name, what stands after it, and what it does.
const COMMANDS: [(&str, Operand, &str); 12] = [
    ("delete", Pod, "delete a pod; the StatefulSet makes it anew, with its name and volume"),
    ("lose", Pod, "delete a pod and its volume, as a lost disk does"),
    ("scale", Pods, "set the number of pods, the primary included"),
    ("lag", Pod, "stop the copying to a replica, so that it falls behind"),
    ("catch-up", Pod, "start the copying again"),
    ("freeze", Pod, "freeze a server, as a hanging disk does"),
    ("thaw", Pod, "let it go on"),
    ("dns-cache", Seconds, "let the DNS server repeat an answer for so many seconds"),
    ("status", Nothing, "show the pods"),
    ("help", Nothing, "show this list"),
    ("quit", Nothing, "stop the demo, like Ctrl-C"),
    ("exit", Nothing, "the same"),
];

impl Operand {
    /// How the list of commands writes it.
    fn label(self) -> &'static str {
        match self {
            Nothing => "",
            Pod => "POD",
            Pods => "NUMBER",
            Seconds => "SECONDS|off",
        }
    }

    /// What it can be, as the end of a sentence.
    fn choices(self, pods: &[String]) -> String {
        match self {
            Nothing => "nothing".to_owned(),
            Pod => format!("one of the pods {}", pods.join(", ")),
            Pods => format!("a number from 1 to {MOST_PODS}"),
            Seconds => format!("a number of seconds from 1 to {LONGEST_DNS_CACHE}, or off"),
        }
    }

    fn examples(self, pods: &[String]) -> Vec<String> {
        match self {
            Nothing => Vec::new(),
            Pod => pods.to_vec(),
            Pods => (1..=MOST_PODS).map(|number| number.to_string()).collect(),
            Seconds => ["30", "5", "off"].map(str::to_owned).into(),
        }
    }
}

impl Command {
    /// Reads a line, in a cluster with these pods.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong with the line, and what would be right.
    pub fn read(line: &str, pods: &[String]) -> Result<Self, String> {
        if line.trim_end_matches(['\r', '\n']).len() > LONGEST_LINE {
            return Err(format!("the line is longer than {LONGEST_LINE} bytes; no command is"));
        }
        let words = line.split_whitespace().collect::<Vec<_>>();
        let Some((&name, operands)) = words.split_first() else {
            return Err(format!("the line is empty; the commands are {}", names()));
        };
        let known = COMMANDS.iter().find(|(known, ..)| *known == name);
        let Some(&(name, operand, _)) = known else { return Err(no_such_command(name)) };
        let choices = operand.choices(pods);
        let value = match (operand, operands) {
            (Nothing, []) => Ok(""),
            (Nothing, _) => Err(format!("{name} stands alone; type {name}")),
            (_, []) => Err(format!("{name} needs one word more: {choices}")),
            (_, [value]) => Ok(*value),
            (_, [_, more, ..]) => Err(format!(
                "{name} takes one word, and {more:?} is one more: type {name} and {choices}"
            )),
        }?;
        Self::with(name, value, pods).ok_or_else(|| {
            let pod = format!("mysql-{value}");
            let is_pod = operand == Pod && pods.contains(&pod);
            let choices = if is_pod { &pod } else { &choices };
            format!("{name} cannot take {value:?}; it takes {choices}")
        })
    }

    fn with(name: &str, value: &str, pods: &[String]) -> Option<Self> {
        let pod = || {
            let known = pods.iter().find(|pod| *pod == value)?;
            known.strip_prefix("mysql-")?.parse().ok()
        };
        Some(match name {
            "delete" => Self::Delete(pod()?),
            "lose" => Self::Lose(pod()?),
            "scale" => Self::Scale(number(value, u32::from(MOST_PODS))?.try_into().ok()?),
            "lag" => Self::Lag(pod()?),
            "catch-up" => Self::CatchUp(pod()?),
            "freeze" => Self::Freeze(pod()?),
            "thaw" => Self::Thaw(pod()?),
            "dns-cache" if value == "off" => Self::DnsCache(None),
            "dns-cache" => Self::DnsCache(Some(number(value, LONGEST_DNS_CACHE)?)),
            "status" => Self::Status,
            "help" => Self::Help,
            _ => Self::Quit,
        })
    }
}

/// A number from 1 to `most`, in digits alone.
fn number(text: &str, most: u32) -> Option<u32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| digits && (1..=most).contains(number))
}

fn names() -> String {
    COMMANDS.map(|(name, ..)| name).join(", ")
}

fn no_such_command(name: &str) -> String {
    let similarity = |known: &str| strsim::jaro_winkler(&name.to_lowercase(), known);
    let nearest = COMMANDS.map(|(known, ..)| known).into_iter();
    let nearest = nearest.max_by(|a, b| similarity(a).total_cmp(&similarity(b)));
    match nearest.filter(|nearest| similarity(nearest) > 0.75) {
        Some(nearest) => format!("there is no command {name:?}; did you mean {nearest}?"),
        None => format!("there is no command {name:?}; the commands are {}", names()),
    }
}

/// The list of commands.
#[must_use]
pub fn help() -> String {
    let line = |(name, operand, does): (&str, Operand, &str)| {
        format!("  {:<22}{does}\n", format!("{name} {}", operand.label()))
    };
    let lines = COMMANDS.map(line).concat();
    format!(
        "{lines}At the prompt, Tab completes a word and the arrows bring earlier lines. Ctrl-C clears the line, and stops \
         the demo where the line is empty."
    )
}

/// The words that can stand where this line ends, and where the last word begins.
#[must_use]
pub fn completions(line: &str, pods: &[String]) -> (usize, Vec<String>) {
    let start = line.trim_end_matches(|c: char| !c.is_whitespace()).len();
    let before = line[..start].split_whitespace().collect::<Vec<_>>();
    let words = match before.as_slice() {
        [] => COMMANDS
            .map(|(name, operand, _)| name.to_owned() + if operand == Nothing { "" } else { " " })
            .into(),
        [name] => COMMANDS
            .iter()
            .find(|(known, ..)| known == name)
            .map_or_else(Vec::new, |(_, operand, _)| operand.examples(pods)),
        _ => Vec::new(),
    };
    (start, words.into_iter().filter(|word| word.starts_with(&line[start..])).collect())
}

/// The commands among a process's arguments: a command is one argument, or its words are several.
#[must_use]
pub fn among(arguments: &[String]) -> Vec<String> {
    let mut commands = Vec::<String>::new();
    for argument in arguments {
        let is_name = COMMANDS.iter().any(|(name, ..)| name == argument);
        let is_whole = argument.trim().contains(char::is_whitespace);
        match commands.last_mut().filter(|_| !is_name && !is_whole) {
            Some(command) => {
                command.push(' ');
                command.push_str(argument);
            }
            None => commands.push(argument.clone()),
        }
    }
    commands
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

    use super::*;

    /// A line, what is wrong with it, and what would be right.
    const WRONG: [(&str, &str, &str); 25] = [
        ("", "the line is empty", "delete, lose"),
        ("  \t ", "the line is empty", "delete, lose"),
        ("dlete mysql-1", "no command \"dlete\"", "did you mean delete?"),
        ("DELETE mysql-1", "no command \"DELETE\"", "did you mean delete?"),
        ("catchup mysql-1", "no command \"catchup\"", "did you mean catch-up?"),
        ("stats", "no command \"stats\"", "did you mean status?"),
        ("kubectl delete pod mysql-1", "no command \"kubectl\"", "the commands are delete, lose"),
        ("mysql-1", "no command \"mysql-1\"", "the commands are"),
        ("\u{1b}[2J", "no command \"\\u{1b}[2J\"", "the commands are"),
        ("delete", "delete needs one word more", "one of the pods mysql-0, mysql-1"),
        ("delete mysql-2", "delete cannot take \"mysql-2\"", "one of the pods mysql-0, mysql-1"),
        ("freeze 1", "freeze cannot take \"1\"", "it takes mysql-1"),
        ("lag mysql-01", "lag cannot take \"mysql-01\"", "one of the pods mysql-0, mysql-1"),
        ("thaw mysql-1 now", "\"now\" is one more", "type thaw and one of the pods"),
        ("scale", "scale needs one word more", "a number from 1 to"),
        ("scale 0", "scale cannot take \"0\"", "a number from 1 to"),
        ("scale 99", "scale cannot take \"99\"", "a number from 1 to"),
        ("scale +3", "scale cannot take \"+3\"", "a number from 1 to"),
        ("scale --replicas=3", "scale cannot take \"--replicas=3\"", "a number from 1 to"),
        ("dns-cache", "dns-cache needs one word more", "seconds from 1 to 300, or off"),
        ("dns-cache 0", "dns-cache cannot take \"0\"", "seconds from 1 to 300, or off"),
        ("dns-cache 5s", "dns-cache cannot take \"5s\"", "seconds from 1 to 300, or off"),
        ("dns-cache 99999999999", "cannot take \"99999999999\"", "from 1 to 300, or off"),
        ("status mysql-1", "status stands alone", "type status"),
        ("quit now", "quit stands alone", "type quit"),
    ];

    fn pods() -> [String; 2] {
        ["mysql-0", "mysql-1"].map(str::to_owned)
    }

    #[test]
    fn each_command_is_read() {
        for (line, command) in [
            ("delete mysql-1", Command::Delete(1)),
            ("  delete\tmysql-0 \r", Command::Delete(0)),
            ("lose mysql-1", Command::Lose(1)),
            ("scale 3", Command::Scale(3)),
            ("scale 1", Command::Scale(1)),
            ("lag mysql-1", Command::Lag(1)),
            ("catch-up mysql-1", Command::CatchUp(1)),
            ("freeze mysql-0", Command::Freeze(0)),
            ("thaw mysql-0", Command::Thaw(0)),
            ("dns-cache 30", Command::DnsCache(Some(30))),
            ("dns-cache off", Command::DnsCache(None)),
            ("status", Command::Status),
            ("help", Command::Help),
            ("quit", Command::Quit),
            ("exit", Command::Quit),
        ] {
            assert_eq!(Command::read(line, &pods()), Ok(command), "{line}");
        }
    }

    #[test]
    fn a_wrong_line_is_answered_with_what_is_wrong_in_it_and_what_would_be_right() {
        for (line, wrong, right) in WRONG {
            let refusal = Command::read(line, &pods()).unwrap_err();
            assert!(refusal.contains(wrong) && refusal.contains(right), "{line:?}: {refusal}");
            assert!(!refusal.contains(|c: char| c.is_control()), "{line:?}: {refusal:?}");
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_refused_for_its_length() {
        let fits = format!("status{}", " ".repeat(LONGEST_LINE - 6));
        assert_eq!(Command::read(&fits, &pods()), Ok(Command::Status));
        let refusal = Command::read(&format!("{fits} "), &pods()).unwrap_err();
        assert!(refusal.contains("longer than 1024 bytes"), "{refusal}");
    }

    #[test]
    fn the_pods_that_a_sentence_names_are_those_that_there_are() {
        let pods = ["mysql-0", "mysql-1", "mysql-2"].map(str::to_owned);
        assert_eq!(Command::read("delete mysql-2", &pods), Ok(Command::Delete(2)));
        let refusal = Command::read("delete mysql-3", &pods).unwrap_err();
        assert!(refusal.contains("mysql-0, mysql-1, mysql-2"), "{refusal}");
    }

    #[test]
    fn a_word_is_completed_by_what_can_stand_there() {
        let completed = |line: &str| completions(line, &pods());
        assert_eq!(completed("de"), (0, vec!["delete ".to_owned()]));
        assert_eq!(completed("st"), (0, vec!["status".to_owned()]));
        assert_eq!(completed("delete "), (7, pods().to_vec()));
        assert_eq!(completed("delete mysql-1"), (7, vec!["mysql-1".to_owned()]));
        assert_eq!(completed("dns-cache o"), (10, vec!["off".to_owned()]));
        assert_eq!(completed("").1.len(), COMMANDS.len());
        for line in ["status ", "delete mysql-1 ", "dlete my", "é", "dlete\u{3000}é"] {
            assert!(completed(line).1.is_empty(), "{line}");
        }
    }

    #[test]
    fn arguments_are_whole_commands_or_their_words() {
        for (arguments, commands) in [
            (["delete mysql-1", "scale 3"].as_slice(), ["delete mysql-1", "scale 3"].as_slice()),
            (&["delete", "mysql-1"], &["delete mysql-1"]),
            (&["delete", "mysql-1", "scale", "3"], &["delete mysql-1", "scale 3"]),
            (&["status", "scale 3", "status"], &["status", "scale 3", "status"]),
            (&["dlete", "mysql-1"], &["dlete mysql-1"]),
            (&["delete mysql-1", "scael 3"], &["delete mysql-1", "scael 3"]),
            (&[""], &[""]),
        ] {
            let arguments = arguments.iter().map(|&argument| argument.to_owned());
            assert_eq!(among(&arguments.collect::<Vec<_>>()), commands);
        }
    }
}
