//! Signals: the first asks a run to end cleanly.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::cli::shown::exit::Exit;

/// Set by the first signal; the tuner ends cleanly when it sees it.
pub(crate) static STOP: AtomicBool = AtomicBool::new(false);

/// Signals within this time of the first are the same wish: `timeout` signals a program and its group at once.
const SAME_WISH: Duration = Duration::from_secs(1);

/// Listens for signals: the first sets [`STOP`], a later one ends the process at once.
///
/// Everything finished is stored already.
///
/// # Errors
/// The system installs no handler.
pub(crate) fn stop_on_signals() -> Result<()> {
    let mut first: Option<Instant> = None;
    ctrlc::set_handler(move || {
        STOP.store(true, Ordering::Relaxed);
        let since = first.get_or_insert_with(Instant::now).elapsed();
        if since > SAME_WISH {
            std::process::exit(i32::from(Exit::Interrupted.code()));
        }
    })
    .context("cannot listen for signals")
}
