//! The members of a team: one thread publishes a task in parts, all claim parts of it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

/// The most parts of a task: one bit each.
pub const MOST_PARTS: usize = 64;

/// How often a waiting thread looks for work before it offers its core to other programs: some ten
/// microseconds.
const SPINS: u32 = 200;
/// How often it then offers its core before it sleeps: a tenth of a millisecond and more, longer
/// than the leader alone needs between two tasks of a batch.
const OFFERS: u32 = 200;

/// A task, called with the number of a part.
type Task<'a> = &'a (dyn Fn(usize) + Sync + 'a);

/// What threads write to often, on cache lines of its own.
#[repr(align(128))]
struct Apart<T>(T);

/// The state that the leader and the members share.
pub struct Team {
    /// The number of threads, the leader included.
    size: usize,
    /// The parts of the current task that nobody has claimed, a bit each.
    unclaimed: Apart<AtomicU64>,
    /// The number of parts of the current task that are not done.
    unfinished: Apart<AtomicUsize>,
    /// The number of parts of the current task.
    parts: AtomicUsize,
    /// The current task, on the stack of the leader while a part is unfinished.
    task: AtomicPtr<Task<'static>>,
    /// Whether there will be no further task.
    closed: AtomicBool,
    /// The panic of a part of the current task.
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    /// The number of members that sleep or are about to.
    sleepers: AtomicUsize,
    bed: Mutex<()>,
    alarm: Condvar,
}

impl Team {
    /// A team of `size` threads, before its first task.
    pub fn new(size: usize) -> Self {
        Self {
            size,
            unclaimed: Apart(AtomicU64::new(0)),
            unfinished: Apart(AtomicUsize::new(0)),
            parts: AtomicUsize::new(0),
            task: AtomicPtr::new(std::ptr::null_mut()),
            closed: AtomicBool::new(false),
            panic: Mutex::new(None),
            sleepers: AtomicUsize::new(0),
            bed: Mutex::new(()),
            alarm: Condvar::new(),
        }
    }

    /// Calls `task` with 0 to `parts` - 1, on this thread and on those that serve. Only the leader
    /// may call it; it is thread number `leader` of the pool.
    ///
    /// # Panics
    /// If a part panics, after the last part has ended.
    pub fn run(&self, parts: usize, leader: usize, task: Task<'_>) {
        assert!((1..=MOST_PARTS).contains(&parts), "each part has a bit");
        self.parts.store(parts, Ordering::Relaxed);
        self.unfinished.0.store(parts, Ordering::Relaxed);
        let task = (&raw const task).cast::<Task<'static>>();
        self.task.store(task.cast_mut(), Ordering::Relaxed);
        // This publishes the stores above.
        self.unclaimed.0.store(u64::MAX >> (MOST_PARTS - parts), Ordering::SeqCst);
        self.wake();
        while let Some(part) = self.claim(leader) {
            self.work_on(part);
        }
        let mut waits = 0;
        while self.unfinished.0.load(Ordering::Acquire) > 0 {
            pause(&mut waits);
        }
        let panic = self.panic.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
    }

    /// Works on parts of the leader's tasks as thread number `member` of the pool, until the team
    /// closes.
    pub fn serve(&self, member: usize) {
        let mut waits = 0;
        while !self.closed.load(Ordering::Acquire) {
            if let Some(part) = self.claim(member) {
                self.work_on(part);
                waits = 0;
            } else if waits < SPINS + OFFERS {
                pause(&mut waits);
            } else {
                self.sleep();
                waits = 0;
            }
        }
    }

    /// Lets all members return from [`serve`](Self::serve).
    pub fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.wake();
    }

    /// Takes an unclaimed part: one of the member's own, else the last one of the others.
    fn claim(&self, member: usize) -> Option<usize> {
        loop {
            let unclaimed = self.unclaimed.0.load(Ordering::Acquire);
            if unclaimed == 0 {
                return None;
            }
            let own = unclaimed & own_parts(member, self.size, self.parts.load(Ordering::Relaxed));
            let part = if own != 0 { own.trailing_zeros() } else { 63 - unclaimed.leading_zeros() };
            let bit = 1 << part;
            if self.unclaimed.0.fetch_and(!bit, Ordering::AcqRel) & bit != 0 {
                return Some(part as usize);
            }
        }
    }

    /// Does part number `part`, which this thread has claimed.
    fn work_on(&self, part: usize) {
        let task = self.task.load(Ordering::Relaxed);
        let done = catch_unwind(AssertUnwindSafe(|| {
            // SAFETY: this thread has claimed a part of the current task, which was stored before
            // the part could be claimed. Until `unfinished` is lowered below, the leader does not
            // return from `run`, where the task and all that it borrows live, nor stores another.
            let task: Task<'_> = unsafe { *task };
            task(part);
        }));
        if let Err(panic) = done {
            self.panic.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(panic);
        }
        self.unfinished.0.fetch_sub(1, Ordering::Release);
    }

    /// Sleeps until there is a part to claim or the team closes.
    fn sleep(&self) {
        let mut bed = self.bed.lock().unwrap_or_else(PoisonError::into_inner);
        self.sleepers.fetch_add(1, Ordering::SeqCst);
        // The leader stores first and then looks for sleepers: one of the two sees the other.
        while self.unclaimed.0.load(Ordering::SeqCst) == 0 && !self.closed.load(Ordering::SeqCst) {
            bed = self.alarm.wait(bed).unwrap_or_else(PoisonError::into_inner);
        }
        self.sleepers.fetch_sub(1, Ordering::SeqCst);
    }

    /// Wakes the members that sleep.
    fn wake(&self) {
        if self.sleepers.load(Ordering::SeqCst) > 0 {
            // A member between its look and its sleep holds the lock.
            drop(self.bed.lock().unwrap_or_else(PoisonError::into_inner));
            self.alarm.notify_all();
        }
    }
}

/// The bits of the parts that thread number `member` of `size` takes first, of `parts` in all.
fn own_parts(member: usize, size: usize, parts: usize) -> u64 {
    let below = |member: usize| {
        let parts = member * parts / size;
        if parts >= MOST_PARTS { u64::MAX } else { (1 << parts) - 1 }
    };
    below(member + 1) & !below(member)
}

/// Waits a moment; from some number of `waits` on, other programs may have the core.
fn pause(waits: &mut u32) {
    if *waits < SPINS {
        std::hint::spin_loop();
    } else {
        std::thread::yield_now();
    }
    *waits = waits.saturating_add(1);
}
