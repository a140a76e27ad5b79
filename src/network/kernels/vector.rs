//! Plain loops, compiled for wide registers where the processor has them.

use super::Lanes;
#[cfg(target_arch = "x86_64")]
use super::register::{Halves, Wide};
use super::register::{Level, Register};

/// Runs `task`, in a copy compiled for AVX2 on processors that have it.
///
/// Loops over [`Lanes`](super::Lanes) in the task become vector instructions; no operation is fused or put in
/// another order, so the result is the same on every processor. To be inlined into that copy, the task and
/// what it calls must be `#[inline(always)]`.
#[inline(always)]
pub fn vectorized<R>(task: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    if super::register::has_avx2() {
        #[target_feature(enable = "avx2,fma")]
        unsafe fn wide<R>(task: impl FnOnce() -> R) -> R {
            task()
        }
        // SAFETY: the processor has the features that the copy is compiled for.
        return unsafe { wide(task) };
    }
    task()
}

/// What [`vectorized_task`] runs.
pub trait Task {
    /// Does it, in registers R; to be `#[inline(always)]`, which a closure cannot be.
    ///
    /// # Safety
    /// The processor has the features of R.
    unsafe fn run<R: Register>(self);
}

/// Runs a task in a copy compiled for the best registers that the processor has.
///
/// The task says itself what is fused to one rounding: see [`Register::plus`].
#[inline(always)]
pub fn vectorized_task<T: Task>(task: T) {
    // SAFETY: the level is the processor's.
    unsafe { task_at(Level::detect(), task) }
}

/// # Safety
/// The processor is of this level.
#[inline(always)]
pub unsafe fn task_at<T: Task>(level: Level, task: T) {
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f")]
    unsafe fn widest<T: Task>(task: T) {
        // SAFETY: the caller's promise.
        unsafe { task.run::<Wide>() };
    }
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn wide<T: Task>(task: T) {
        // SAFETY: the caller's promise.
        unsafe { task.run::<Halves>() };
    }
    // SAFETY: the caller's promise; any processor has what the portable level asks for.
    unsafe {
        match level {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => widest(task),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => wide(task),
            Level::Portable => task.run::<Lanes>(),
        }
    }
}
