//! An app's program: `--help`, `--version`, `--check-config`, `--lookup`, or serve.

mod lookup;

use std::process::ExitCode;

use anyhow::Context as _;
use axum::Router;

use crate::{
    cli::lookup::Lookup,
    config::{About, Config, VARIABLES, Variable},
    http::health::Health,
    server, telemetry,
};

/// Exit status for a wrong argument.
const EXIT_USAGE: u8 = 2;

/// Exit status for a wrong configuration: `EX_CONFIG` of sysexits.h.
const EXIT_CONFIG: u8 = 78;

/// Makes an app's routes and its health from its configuration.
pub type MakeApp = fn(&Config) -> anyhow::Result<(Router, Health)>;

/// The program of an app. Its exit status is:
///
/// - 0 after it has served, or has done what an argument asks for
/// - 1 for a name without an answer
/// - 2 for an unknown argument
/// - 78 for a configuration that is not usable
///
/// # Errors
///
/// Where the app cannot listen, or cannot be made from the configuration.
pub async fn main(about: &'static About, make: MakeApp) -> anyhow::Result<ExitCode> {
    match config_to_serve(about).await {
        Ok(config) => serve(about, &config, make).await.map(|()| ExitCode::SUCCESS),
        Err(exit) => Ok(exit),
    }
}

async fn serve(about: &'static About, config: &Config, make: MakeApp) -> anyhow::Result<()> {
    let telemetry = telemetry::start(about, config)?;
    let listener = server::listen(config.listen)
        .with_context(|| format!("cannot listen on {}; LISTEN says where", config.listen))?;
    let (app, health) = make(config)?;
    let stop = server::until_signal(health.clone())?;
    server::run(listener, app, health, config.keep_alive, stop).await?;
    telemetry.stop().await;
    Ok(())
}

/// The configuration to serve with, or the exit status where the process is not to serve.
async fn config_to_serve(about: &About) -> Result<Config, ExitCode> {
    let invocation = Invocation::parse(about, std::env::args().skip(1)).map_err(|problem| {
        eprintln!("{}: {problem}", about.name);
        ExitCode::from(EXIT_USAGE)
    })?;
    if let Invocation::Print(text) = invocation {
        println!("{text}");
        return Err(ExitCode::SUCCESS);
    }
    let config = Config::from_env(about).map_err(|problems| {
        eprintln!("{}: {problems}\n{} --help lists every variable", about.name, about.name);
        ExitCode::from(EXIT_CONFIG)
    })?;
    match invocation {
        Invocation::CheckConfig => {
            println!("{}: the configuration is usable", about.name);
            Err(ExitCode::SUCCESS)
        }
        Invocation::Lookup(lookup) => Err(lookup.run(config.dns.as_ref()).await),
        _ => Ok(config),
    }
}

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
enum Invocation {
    /// Serve until a signal ends the process.
    Serve,
    /// Print this and exit with status 0.
    Print(String),
    /// Print whether the configuration is usable, and exit.
    CheckConfig,
    /// Print what the cluster's DNS answers for a name, and exit.
    Lookup(Lookup),
}

impl Invocation {
    /// Parses the arguments that follow the program's name. An error names an unknown argument.
    fn parse(about: &About, arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let arguments: Vec<String> = arguments.into_iter().collect();
        match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            [] => Ok(Self::Serve),
            ["--help" | "-h"] => Ok(Self::Print(help(about))),
            ["--version" | "-V"] => Ok(Self::Print(format!("{} {}", about.name, about.version))),
            ["--check-config"] => Ok(Self::CheckConfig),
            ["--lookup", ref question @ ..] => Lookup::parse(question).map(Self::Lookup),
            [argument, ..] => {
                Err(format!("{argument}: not known here; {} --help lists what is", about.name))
            }
        }
    }
}

fn help(about: &About) -> String {
    let mut text = format!(
        "{name}: {summary}\n\nusage: {name} [--help | --version | --check-config | --lookup NAME [SECONDS]]\n\n\
         --lookup says what the cluster's DNS answers for a name, and what changes in so many seconds.\n\n\
         Configured by environment variables; each may also be NAME_FILE, the path of a file that holds it:\n",
        name = about.name,
        summary = about.summary,
    );
    for Variable { name, meaning, default, .. } in VARIABLES {
        text.push_str(&format!("  {name:<14} {meaning}\n  {:<14} default: {default}\n", ""));
    }
    text.push_str("\nExit status: 0 after a clean stop, 1 for a name without an answer, 2 for a wrong argument, 78 for a wrong configuration.");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ABOUT;

    #[test]
    fn help_names_every_variable() {
        let Ok(Invocation::Print(help)) = Invocation::parse(&ABOUT, ["--help".to_owned()]) else {
            panic!("--help prints")
        };
        assert!(VARIABLES.iter().all(|variable| help.contains(variable.name)), "{help}");
    }

    #[test]
    fn an_unknown_argument_is_named() {
        let message = Invocation::parse(&ABOUT, ["--port=1".to_owned()]).unwrap_err();
        assert!(message.contains("--port=1") && message.contains("--help"), "{message}");
    }
}
