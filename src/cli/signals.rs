//! Signals: the first asks a run to end cleanly. A signal that was ignored at the start stays
//! ignored.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::cli::shown::exit::Exit;
use crate::cli::shown::painter;

/// Set by the first signal; the tuner ends cleanly when it sees it.
pub(crate) static STOP: AtomicBool = AtomicBool::new(false);

/// Signals within this time of the first count as the same one: `timeout` signals a program and its
/// group at once.
const SAME_WISH: Duration = Duration::from_secs(1);

/// Listens for signals that end a process. The first sets [`STOP`]; a later one ends the process at
/// once.
///
/// All finished trials are stored by then. A signal that the process was started to ignore (by
/// `nohup`, or in the background of a script) stays ignored.
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
            leave_terminal();
            std::process::exit(i32::from(Exit::Interrupted.code()));
        }
    })
    .context("cannot listen for signals")?;
    dispositions::ignore(&ignored);
    Ok(())
}

/// Takes the lines of a display away, unless the terminal takes no output now.
fn leave_terminal() {
    const PATIENCE: Duration = Duration::from_millis(200);
    let (send, is_done) = channel();
    thread::spawn(move || {
        painter::erase();
        let _ = send.send(());
    });
    let _ = is_done.recv_timeout(PATIENCE);
}

/// If the system limits the size of files (`ulimit -f`), a write beyond the limit becomes an error.
/// Without this call a signal would end the process.
///
/// Programs that this one starts treat the signal as they would without it.
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

    /// Installs a handler. If the signal were ignored, programs that this one starts would ignore
    /// it too.
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

/// Elsewhere than on Unix, programs do not start with ignored signals, and file sizes have no such
/// limit.
#[cfg(not(unix))]
mod dispositions {
    pub fn ignored() -> Vec<i32> {
        Vec::new()
    }

    pub fn ignore(_signals: &[i32]) {}

    pub fn survive_file_limit() {}
}
