//! The binary: configuration, listener, app, serve.

use std::process::ExitCode;

use anyhow::Context as _;
use app_core::{command_line, config::Config, serve, telemetry};

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    match command_line::config_to_serve(&write_app::ABOUT).await {
        Ok(config) => run(config).await.map(|()| ExitCode::SUCCESS),
        Err(exit) => Ok(exit),
    }
}

async fn run(config: Config) -> anyhow::Result<()> {
    let telemetry = telemetry::start(&write_app::ABOUT, &config)?;
    let listener = serve::listen(config.listen)
        .with_context(|| format!("cannot listen on {}; LISTEN says where", config.listen))?;
    let (app, health) = write_app::app(&config)?;
    serve::run(listener, app, health.clone(), serve::until_signal(health)?).await?;
    telemetry.stop().await;
    Ok(())
}
