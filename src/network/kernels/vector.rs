//! Runs plain loops in a copy that is compiled for the widest registers of the processor.

use super::Lanes;
#[cfg(target_arch = "x86_64")]
use super::register::{Halves, Wide};
use super::register::{Level, Register};

/// Runs `task`; on a processor with AVX2, in a copy that is compiled for AVX2.
///
/// Loops over [`Lanes`](super::Lanes) become vector instructions. No operation is fused or
/// reordered, so the result is the same on every processor. The task and all that it calls must be
/// `#[inline(always)]`, so that the copy contains them.
#[inline(always)]
pub fn vectorized<R>(task: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    if super::register::has_avx2() {
        #[target_feature(enable = "avx2,fma")]
        unsafe fn wide<R>(task: impl FnOnce() -> R) -> R {
            task()
        }
        // SAFETY: `has_avx2` has found the features that the copy is compiled for.
        return unsafe { wide(task) };
    }
    task()
}

/// A task that [`vectorized_task`] runs, with registers of any kind.
pub trait Task {
    /// Runs the task with registers of kind R. The method must be `#[inline(always)]`, which a
    /// generic closure cannot be.
    ///
    /// # Safety
    /// The processor has the features of R.
    unsafe fn run<R: Register>(self);
}

/// Runs a task in a copy that is compiled for the widest registers of the processor.
///
/// The task decides which operations are fused into one rounding, see [`Register::plus`].
#[inline(always)]
pub fn vectorized_task<T: Task>(task: T) {
    // SAFETY: the level is the processor's.
    unsafe { task_at(Level::detect(), task) }
}

/// Runs a task in the copy that is compiled for `level`.
///
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
    // SAFETY: the caller's promise; the portable level needs no features.
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
