//! Steps that may take long.

use std::{pin::pin, time::Duration};

use tokio::time::{Instant, timeout};

use crate::Progress;

/// How long a step may take in silence.
const SILENCE: Duration = Duration::from_secs(15);

/// Runs one step, and says every 15 seconds what it waits for. `what` makes the words after "waiting for".
pub async fn wait_for<T>(
    progress: Progress,
    what: impl Fn() -> String,
    step: impl Future<Output = T>,
) -> T {
    wait_with(SILENCE, progress, what, step).await
}

async fn wait_with<T>(
    silence: Duration,
    progress: Progress,
    what: impl Fn() -> String,
    step: impl Future<Output = T>,
) -> T {
    let (start, mut step) = (Instant::now(), pin!(step));
    loop {
        if let Ok(done) = timeout(silence, &mut step).await {
            return done;
        }
        progress(&format!("{} s: still waiting for {}", start.elapsed().as_secs(), what()));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use super::*;

    #[tokio::test]
    async fn a_step_that_takes_long_says_again_and_again_what_it_waits_for() {
        static SAID: AtomicUsize = AtomicUsize::new(0);
        let say: Progress = |line| {
            assert!(line.ends_with(" s: still waiting for mysql-0, attempt 1"), "{line}");
            SAID.fetch_add(1, SeqCst);
        };
        let step = async {
            while SAID.load(SeqCst) < 3 {
                tokio::task::yield_now().await;
            }
            "done"
        };

        let what = || "mysql-0, attempt 1".to_owned();
        assert_eq!(wait_with(Duration::from_millis(1), say, what, step).await, "done");

        // A step that is done at once says nothing, even if it may not take any time.
        assert_eq!(wait_with(Duration::ZERO, say, what, async { "done" }).await, "done");
        assert_eq!(SAID.load(SeqCst), 3);
    }
}
