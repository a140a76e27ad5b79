//! A team of threads that share one task after another, without waking or putting to sleep any of
//! them in between.
//!
//! A training step has some twenty tasks of a few microseconds. To wake a thread for each of them
//! would take as long as the task. So the threads of the rayon pool join a team for a whole epoch
//! ([`within`]). One of them leads: it runs the epoch, and shares the parts of each task with the
//! others ([`for_each`]), which wait for them in a short loop. They give their core to other
//! programs soon, and sleep after a longer pause.
//!
//! The leader waits for parts that another thread has begun, never for a thread. A thread that
//! comes late or is busy elsewhere only leaves more parts to the others. Each part is done by
//! preference by the same thread, in whose cache its numbers are.
//!
//! Without a team, tasks run on the rayon pool. Inside a part of a task nothing is split further.

mod members;

use std::cell::{Cell, RefCell};
use std::sync::{Arc, Mutex, PoisonError};

use members::{MOST_PARTS, Team};

thread_local! {
    /// The team that this thread leads, while it can share a task.
    static LED: RefCell<Option<Arc<Team>>> = const { RefCell::new(None) };
    /// Whether this thread leads or serves a team.
    static BUSY: Cell<bool> = const { Cell::new(false) };
    /// Whether this thread works on a part of a task.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// The parts of a round for teams of up to [`FEW`] threads: fewer cost less to hand out.
const FEW_PARTS: usize = 32;
/// Threads of a small team.
const FEW: usize = 4;

/// Sets a flag of this thread until it is dropped.
struct Flag(&'static std::thread::LocalKey<Cell<bool>>, bool);

impl Flag {
    fn set(flag: &'static std::thread::LocalKey<Cell<bool>>) -> Self {
        Self(flag, flag.replace(true))
    }
}

impl Drop for Flag {
    fn drop(&mut self) {
        self.0.set(self.1);
    }
}

/// Runs `task` on a thread of the rayon pool, with the threads of the pool as its team.
///
/// On a thread that leads or serves a team already, or in a pool of one thread, there is no team
/// and `task` just runs.
pub fn within<R: Send>(task: impl FnOnce() -> R + Send) -> R {
    rayon::scope(|_| {
        if rayon::current_num_threads() == 1 || BUSY.get() {
            return task();
        }
        let team = Arc::new(Team::new(rayon::current_num_threads()));
        let members = Arc::clone(&team);
        // Nobody waits for the members to return either: a busy machine may run them late.
        rayon::spawn_broadcast(move |context| {
            if !BUSY.get() {
                let _busy = Flag::set(&BUSY);
                let _inside = Flag::set(&INSIDE);
                members.serve(context.index());
            }
        });
        let _busy = Flag::set(&BUSY);
        // Dropped after the task, or when it panics: then the members return to their pool.
        let _leading = Leading::begin(team);
        task()
    })
}

/// A thread that leads a team, until this is dropped.
struct Leading(Arc<Team>);

impl Leading {
    fn begin(team: Arc<Team>) -> Self {
        LED.replace(Some(Arc::clone(&team)));
        Self(team)
    }
}

impl Drop for Leading {
    fn drop(&mut self) {
        LED.replace(None);
        self.0.close();
    }
}

/// The number of threads that share a task: those of the rayon pool, or 1 inside a part of a task.
pub fn threads() -> usize {
    if INSIDE.get() { 1 } else { rayon::current_num_threads() }
}

/// Whether this thread leads a team, which is ready for its next task without being woken.
pub fn is_ready() -> bool {
    !INSIDE.get() && LED.with_borrow(Option::is_some)
}

/// Calls `task` with each of `items`, on all threads of the team. Returns when all calls have.
///
/// It is meant for a few items per thread. It allocates nothing.
///
/// # Panics
/// If a call panics, with the panic of one of them, after all others have ended.
pub fn for_each<T: Send>(items: impl Iterator<Item = T>, task: impl Fn(T) + Sync) {
    match threads() {
        1 => items.for_each(task),
        ..=FEW => in_rounds::<T, FEW_PARTS>(items, &task),
        _ => in_rounds::<T, MOST_PARTS>(items, &task),
    }
}

/// Cuts `values` into at most `pieces` pieces of equal length, but for the last, and calls `task`
/// with the index of the first value of each piece and the piece.
pub fn for_each_piece<T: Send>(values: &mut [T], pieces: usize, task: impl Fn(usize, &mut [T]) + Sync) {
    let length = values.len().div_ceil(pieces.max(1)).max(1);
    for_each(values.chunks_mut(length).enumerate(), |(piece, values)| task(piece * length, values));
}

/// Shares up to N items at a time.
fn in_rounds<T: Send, const N: usize>(mut items: impl Iterator<Item = T>, task: &(impl Fn(T) + Sync)) {
    loop {
        let mut count = 0;
        let places: [Mutex<Option<T>>; N] = std::array::from_fn(|_| {
            let item = items.next();
            count += usize::from(item.is_some());
            Mutex::new(item)
        });
        share(count, &|part| {
            let item = places[part].lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(item) = item {
                task(item);
            }
        });
        if count < N {
            return;
        }
    }
}

/// Calls `task` with 0 to `parts` - 1, on all threads.
fn share(parts: usize, task: &(dyn Fn(usize) + Sync)) {
    if parts <= 1 {
        return (0..parts).for_each(task);
    }
    match LED.with_borrow(Option::clone) {
        Some(team) => {
            let _inside = Flag::set(&INSIDE);
            team.run(parts, rayon::current_thread_index().unwrap_or(0), task);
        }
        None => in_halves(0..parts, task),
    }
}

/// Calls `task` with each number of `range` on the rayon pool, in halves that run in parallel.
fn in_halves(range: std::ops::Range<usize>, task: &(dyn Fn(usize) + Sync)) {
    if range.len() == 1 {
        return task(range.start);
    }
    let middle = range.start + range.len() / 2;
    rayon::join(|| in_halves(range.start..middle, task), || in_halves(middle..range.end, task));
}

#[cfg(test)]
mod tests;
