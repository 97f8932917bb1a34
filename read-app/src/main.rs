//! read-app as a program.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    app_core::cli::main(&read_app::ABOUT, read_app::app).await
}
