//! write-app as a program.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    app_core::cli::main(&write_app::ABOUT, write_app::app).await
}
