//! Where a person types commands and reads what happens: a terminal with a prompt, or plain lines.

use std::{
    io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _, stdin, stdout},
    sync::mpsc as blocking,
    thread,
    time::{Duration, Instant},
};

use rustix::{
    process::getpgrp,
    termios::{OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr},
};
use rustyline::{
    Cmd, CompletionType, ConditionalEventHandler, Config, Context, Editor, Event, EventContext,
    EventHandler, ExternalPrinter, Helper, KeyEvent, Movement, RepeatCount, completion::Completer,
    error::ReadlineError, highlight::Highlighter, hint::Hinter, history::MemHistory,
    validate::Validator,
};
use tokio::sync::{mpsc, watch};

use crate::{
    commands::{LONGEST_LINE, completions},
    requests::Request,
};

const PROMPT: &str = "> ";

/// How long the Escape key waits for the rest of a sequence, in milliseconds.
const ESCAPE: u16 = 100;

/// How long the last lines may take to appear.
const LAST_LINES: Duration = Duration::from_millis(500);

/// Standard input and output. When it is dropped, the terminal has the settings that it had before.
pub struct Terminal {
    began: Instant,
    settings: Option<Termios>,
    above_prompt: Option<AbovePrompt>,
}

/// Prints lines above the prompt on a thread: the editor takes none while it waits for the second half of a key.
struct AbovePrompt {
    lines: blocking::Sender<String>,
    ended: blocking::Receiver<()>,
}

impl Terminal {
    /// Starts to read lines, each of which becomes a request. Tab completes the names of these pods.
    ///
    /// At a terminal, the end of input and Ctrl-C ask the demo to quit. A pipe's end does not: where there is no
    /// terminal, standard input may be empty.
    #[must_use]
    pub fn open(
        began: Instant,
        requests: mpsc::Sender<Request>,
        pods: watch::Receiver<Vec<String>>,
    ) -> Self {
        let mut terminal = Self { began, settings: None, above_prompt: None };
        let is_terminal = stdin().is_terminal();
        // The kernel stops a process that reads the terminal from the background, as in `cargo demo &`.
        if is_terminal && tcgetpgrp(stdin()).ok() != Some(getpgrp()) {
            return terminal;
        }
        let editor = is_terminal.then(|| line_editor(pods)).and_then(Result::ok);
        if let Some((editor, printer)) = editor {
            terminal.settings = tcgetattr(stdin()).ok();
            terminal.above_prompt = Some(AbovePrompt::start(printer));
            thread::spawn(move || edit_lines(editor, began, &requests));
        } else {
            thread::spawn(move || read_lines(is_terminal, began, &requests));
        }
        terminal
    }

    /// Prints what happens, with the time.
    pub fn tell(&self, what: &str) {
        let line = timed(self.began, what);
        match &self.above_prompt {
            Some(above) => drop(above.lines.send(line)),
            None => print(&line),
        }
    }

    /// Ends the prompt. Ctrl-C is a signal again.
    pub fn close(&mut self) {
        if let Some(AbovePrompt { lines, ended }) = self.above_prompt.take() {
            drop(lines);
            let _ = ended.recv_timeout(LAST_LINES);
        }
        self.restore();
    }

    fn restore(&self) {
        if let Some(settings) = &self.settings {
            let _ = tcsetattr(stdin(), OptionalActions::Now, settings);
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.restore();
    }
}

impl AbovePrompt {
    fn start(mut printer: impl ExternalPrinter + Send + 'static) -> Self {
        let (lines, received) = blocking::channel::<String>();
        let (end, ended) = blocking::channel();
        thread::spawn(move || {
            let _end: blocking::Sender<()> = end;
            for line in received {
                drop(printer.print(line + "\n"));
            }
        });
        Self { lines, ended }
    }
}

/// Prints a line. If its reader is gone, as in `cargo demo | head`, the demo goes on.
pub fn print(line: &str) {
    drop(writeln!(stdout(), "{line}"));
}

/// A text behind the minutes and seconds since the demo began.
fn timed(began: Instant, text: &str) -> String {
    let tenths = began.elapsed().as_millis() / 100;
    let time = format!("{:02}:{:02}.{}", tenths / 600, tenths / 10 % 60, tenths % 10);
    let indent = " ".repeat(time.len() + 2);
    format!("{time}  {}", text.replace('\n', &format!("\n{indent}")))
}

/// Asks for what a line says, and prints the answer. False once the demo stops.
fn ask(requests: &mpsc::Sender<Request>, began: Instant, line: String) -> bool {
    if line.trim().is_empty() {
        return true;
    }
    let answer = Request::send_blocking(requests, line);
    if let Some(answer) = &answer {
        print(&timed(began, answer.as_ref().unwrap_or_else(|refusal| refusal)));
    }
    answer.is_some()
}

/// Reads plain lines. What is too long of one is refused by its length.
fn read_lines(is_terminal: bool, began: Instant, requests: &mpsc::Sender<Request>) {
    let mut input = stdin().lock();
    let mut next_line = || -> io::Result<Option<String>> {
        let mut line = Vec::new();
        input.by_ref().take(LONGEST_LINE as u64 + 1).read_until(b'\n', &mut line)?;
        if line.len() > LONGEST_LINE && !line.ends_with(b"\n") {
            input.skip_until(b'\n')?;
        }
        Ok((!line.is_empty()).then(|| String::from_utf8_lossy(&line).into_owned()))
    };
    while let Ok(Some(line)) = next_line() {
        if !ask(requests, began, line) {
            return;
        }
    }
    if is_terminal {
        ask(requests, began, "quit".to_owned());
    }
}

type LineEditor = Editor<PodNames, MemHistory>;

/// Fails at a terminal that cannot move its cursor, and where standard output is not a terminal.
fn line_editor(
    pods: watch::Receiver<Vec<String>>,
) -> rustyline::Result<(LineEditor, impl ExternalPrinter + Send + 'static)> {
    let config = Config::builder()
        .auto_add_history(true)
        .bracketed_paste(false)
        .completion_type(CompletionType::List)
        .completion_show_all_if_ambiguous(true)
        .keyseq_timeout(Some(ESCAPE))
        .build();
    let mut editor = Editor::with_history(config, MemHistory::new())?;
    editor.set_helper(Some(PodNames(pods)));
    editor.bind_sequence(KeyEvent::ctrl('C'), EventHandler::Conditional(Box::new(ClearLine)));
    let printer = editor.create_external_printer()?;
    Ok((editor, printer))
}

fn edit_lines(mut editor: LineEditor, began: Instant, requests: &mpsc::Sender<Request>) {
    loop {
        let line = match editor.readline(PROMPT) {
            Ok(line) => line,
            Err(ReadlineError::Eof | ReadlineError::Interrupted) => "quit".to_owned(),
            Err(error) => {
                tracing::debug!(%error, "cannot read the terminal");
                return;
            }
        };
        if !ask(requests, began, line) {
            return;
        }
    }
}

/// Ctrl-C: clears the line. At an empty line it does what it does elsewhere.
struct ClearLine;

impl ConditionalEventHandler for ClearLine {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, at: &EventContext<'_>) -> Option<Cmd> {
        (!at.line().is_empty()).then_some(Cmd::Kill(Movement::WholeBuffer))
    }
}

/// Completes commands and the names of the pods.
struct PodNames(watch::Receiver<Vec<String>>);

impl Completer for PodNames {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        cursor: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(completions(line.get(..cursor).unwrap_or_default(), &self.0.borrow()))
    }
}

impl Helper for PodNames {}
impl Highlighter for PodNames {}
impl Hinter for PodNames {
    type Hint = String;
}
impl Validator for PodNames {}
