//! Signals: the first asks a run to end cleanly. What was ignored at the start stays ignored.

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
/// Everything finished is stored already. A signal that the process was started to ignore (by `nohup`, or in the
/// background of a script) is ignored on.
///
/// # Errors
/// The system installs no handler.
pub(crate) fn stop_on_signals() -> Result<()> {
    let ignored = dispositions::ignored();
    let mut first: Option<Instant> = None;
    ctrlc::set_handler(move || {
        STOP.store(true, Ordering::Relaxed);
        let since = first.get_or_insert_with(Instant::now).elapsed();
        if since > SAME_WISH {
            std::process::exit(i32::from(Exit::Interrupted.code()));
        }
    })
    .context("cannot listen for signals")?;
    dispositions::ignore(&ignored);
    Ok(())
}

/// Turns the signal of a limit on file sizes (`ulimit -f`) into an error of the write that breaks it.
///
/// Programs that this one starts have the signal as it was.
pub(crate) fn survive_file_limit() {
    dispositions::survive_file_limit();
}

/// What the process does about each signal.
#[cfg(unix)]
mod dispositions {
    use libc::{SIG_ERR, SIG_IGN, SIGHUP, SIGINT, SIGTERM, SIGXFSZ, c_int};

    /// The signals of [`ctrlc`] that are ignored now.
    pub fn ignored() -> Vec<c_int> {
        [SIGHUP, SIGINT, SIGTERM].into_iter().filter(|&signal| is_ignored(signal)).collect()
    }

    /// Ignores all of `signals` from now on.
    pub fn ignore(signals: &[c_int]) {
        for &signal in signals {
            // SAFETY: no handler is installed, and the signals are those that the system knows.
            let old = unsafe { libc::signal(signal, SIG_IGN) };
            debug_assert_ne!(old, SIG_ERR, "the system knows signal {signal}");
        }
    }

    /// A handler, rather than to ignore the signal: a program that is started does not inherit it.
    pub fn survive_file_limit() {
        extern "C" fn nothing(_: c_int) {}
        if !is_ignored(SIGXFSZ) {
            let handler: extern "C" fn(c_int) = nothing;
            // SAFETY: the handler does nothing, so it may run at any time in any thread.
            unsafe { libc::signal(SIGXFSZ, handler as usize) };
        }
    }

    fn is_ignored(signal: c_int) -> bool {
        // SAFETY: all of its fields are integers, masks or pointers that may be zero.
        let mut found: libc::sigaction = unsafe { std::mem::zeroed() };
        // SAFETY: no new action is given, and the old one is written to `found`, which is ours.
        let code = unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut found) };
        code == 0 && found.sa_sigaction == SIG_IGN
    }
}

/// Other systems start no program with ignored signals, and have no such limit.
#[cfg(not(unix))]
mod dispositions {
    pub fn ignored() -> Vec<i32> {
        Vec::new()
    }

    pub fn ignore(_signals: &[i32]) {}

    pub fn survive_file_limit() {}
}
