//! Memory that a thread works in and that nobody else sees.

use std::cell::RefCell;

use crate::network::kernels::Lanes;

thread_local! {
    static ROOM: RefCell<Vec<Lanes>> = const { RefCell::new(Vec::new()) };
}

/// Runs `task` with room for `lanes` lanes, whatever they hold; allocated once a thread.
///
/// # Panics
/// If `task` asks for room itself.
pub(crate) fn with_room<R>(lanes: usize, task: impl FnOnce(&mut [Lanes]) -> R) -> R {
    ROOM.with_borrow_mut(|room| {
        if room.len() < lanes {
            room.resize(lanes, Lanes::ZERO);
        }
        task(&mut room[..lanes])
    })
}
