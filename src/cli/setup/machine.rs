//! The machine: its threads, its available memory, its name.

use anyhow::{Context, Result};

use crate::units::Bytes;

/// Makes this process compute with `threads` threads from now on; with one per core if it is
/// `None`.
///
/// # Errors
/// The system starts no more threads.
pub(crate) fn use_threads(threads: Option<u16>) -> Result<()> {
    let builder = rayon::ThreadPoolBuilder::new().num_threads(threads.map_or(0, usize::from));
    builder.build_global().context("cannot start the threads")
}

/// This machine's name.
#[cfg(unix)]
pub(crate) fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// This machine's name.
#[cfg(not(unix))]
pub(crate) fn host() -> String {
    std::env::var("COMPUTERNAME").unwrap_or_else(|_| "localhost".to_owned())
}

/// The name of this process: the machine's name and the process number.
pub(crate) fn process_name() -> String {
    format!("{}:{}", host(), std::process::id())
}

/// Memory that is available without swapping, in bytes; `None` where the system does not tell it.
///
/// On Linux it is `MemAvailable` of /proc/meminfo.
fn available_memory() -> Option<Bytes> {
    available(&std::fs::read_to_string("/proc/meminfo").ok()?)
}

/// An equal share of the available memory for each of `workers`, in bytes, at least 1; `None` where
/// the system does not tell the available memory.
pub(crate) fn memory_share(workers: u16) -> Option<Bytes> {
    available_memory().map(|Bytes(available)| Bytes(available / u64::from(workers.max(1))))
}

fn available(meminfo: &str) -> Option<Bytes> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(Bytes(kibibytes.checked_mul(1024)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_available_memory_is_read_from_its_line() {
        let text = "MemTotal:       24610292 kB\nMemFree:        20396732 kB\nMemAvailable:   23488404 kB\n";
        assert_eq!(available(text), Some(Bytes(23_488_404 * 1024)));
        assert_eq!(available("MemTotal:       24610292 kB\n"), None);
    }
}
