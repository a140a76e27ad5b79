//! Plain loops, compiled for wide registers where the processor has them.

/// Runs `task`, in a copy compiled for AVX2 on processors that have it.
///
/// Loops over [`Lanes`](super::Lanes) in the task become vector instructions; no operation is fused or put in
/// another order, so the result is the same on every processor. To be inlined into that copy, the task and
/// what it calls must be `#[inline(always)]`.
#[inline(always)]
pub fn vectorized<R>(task: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    if super::tile::has_avx2() {
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
    /// Does it; to be `#[inline(always)]`, which a closure cannot be.
    fn run(self);
}

/// [`vectorized`] for what the compiler would not inline unasked: large tasks, run from several places.
#[inline(always)]
pub fn vectorized_task<T: Task>(task: T) {
    #[cfg(target_arch = "x86_64")]
    if super::tile::has_avx2() {
        #[target_feature(enable = "avx2,fma")]
        unsafe fn wide<T: Task>(task: T) {
            task.run();
        }
        // SAFETY: the processor has the features that the copy is compiled for.
        return unsafe { wide(task) };
    }
    task.run();
}
