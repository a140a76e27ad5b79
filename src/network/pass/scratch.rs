//! Scratch memory: one buffer per thread, allocated once.

use std::cell::RefCell;

use crate::network::kernels::Lanes;

thread_local! {
    static SCRATCH: RefCell<Vec<Lanes>> = const { RefCell::new(Vec::new()) };
}

/// Runs `task` with a buffer of `lanes` lanes, which may hold any values.
///
/// # Panics
/// If `task` calls this function itself.
pub(crate) fn with_scratch<R>(lanes: usize, task: impl FnOnce(&mut [Lanes]) -> R) -> R {
    SCRATCH.with_borrow_mut(|scratch| {
        if scratch.len() < lanes {
            scratch.resize(lanes, Lanes::ZERO);
        }
        task(&mut scratch[..lanes])
    })
}
