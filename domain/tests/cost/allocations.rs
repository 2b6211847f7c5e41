//! An allocator that counts what the current thread allocates.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// Allocations of a thread.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Allocations {
    /// Number of allocations.
    pub(crate) count: usize,
    /// Bytes that are allocated now.
    pub(crate) bytes: usize,
    /// Maximum of [`Self::bytes`].
    pub(crate) peak_bytes: usize,
}

thread_local! {
    static CURRENT: Cell<Allocations> =
        const { Cell::new(Allocations { count: 0, bytes: 0, peak_bytes: 0 }) };
}

/// Forgets all allocations of the current thread.
pub(crate) fn reset() {
    CURRENT.set(Allocations::default());
}

/// Returns the allocations of the current thread since [`reset`].
pub(crate) fn current() -> Allocations {
    CURRENT.get()
}

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

fn add(bytes: usize) {
    // The variable of a thread that ends is gone.
    let _ = CURRENT.try_with(|current| {
        let Allocations { count, bytes: before, peak_bytes } = current.get();
        let bytes = before.saturating_add(bytes);
        current.set(Allocations { count: count + 1, bytes, peak_bytes: peak_bytes.max(bytes) });
    });
}

fn subtract(bytes: usize) {
    let _ = CURRENT.try_with(|current| {
        let before = current.get();
        current.set(Allocations { bytes: before.bytes.saturating_sub(bytes), ..before });
    });
}

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        subtract(layout.size());
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        subtract(layout.size());
        add(size);
        unsafe { System.realloc(pointer, layout, size) }
    }
}
