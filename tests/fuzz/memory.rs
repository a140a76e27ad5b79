//! The allocator of these tests: it counts the bytes that are held, and ends a run that holds too many.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering};

/// The most bytes that all inputs of a moment may hold together.
const LIMIT: isize = 1 << 30;

static HELD: AtomicIsize = AtomicIsize::new(0);
static IS_OVER: AtomicBool = AtomicBool::new(false);

/// The system's allocator, counted.
struct Counted;

impl Counted {
    fn add(&self, bytes: usize) {
        let bytes = isize::try_from(bytes).unwrap_or(isize::MAX);
        let held = HELD.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if held > LIMIT && !IS_OVER.swap(true, Ordering::Relaxed) {
            crate::run::end(&format!("{bytes} bytes more make {held}, which is more than {LIMIT}"));
        }
    }
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.add(layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        self.add(layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        self.add(size);
        HELD.fetch_sub(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counted = Counted;
