//! write-app as a program.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// It takes a third of the instructions of glibc's (docs/performance.md).
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    app_core::cli::main(&write_app::ABOUT, write_app::app).await
}
